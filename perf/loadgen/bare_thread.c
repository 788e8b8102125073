#include "bare_thread.h"

#include "bare.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 64,
    FILE_PIECE_BYTES = 512 << 10,
    REQUEST_BYTES_MAX = 8192,
    ACCEPTS_MAX = 64,           // at one go, so that events do not wait long
    POSTS_BYTES_MAX = 64 << 10, // at one go
    POSTS_MAX = 256,
};

// The connections of one stream, in the order of their requests.
struct bare_stream {
    int *fds;
    uint32_t count;
    uint32_t capacity;
    uint8_t *kept; // a header and frames
    size_t kept_length;
};

struct server {
    const struct bare_thread *thread;
    int epoll_fd;
    struct bare_stream *streams;
    uint8_t message[BARE_MESSAGE_BYTES_MAX];
};

// As ringcast's begins: with an id to resume behind.
static const char header[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                             "Cache-Control: no-cache\r\nConnection: close\r\n\r\n"
                             "id: 0\nretry: 3000\n\n";

static void watch(const struct server *server, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    (void)epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void accept_all(const struct server *server)
{
    for (uint32_t i = 0; i < ACCEPTS_MAX; i++) {
        int fd = accept4(server->thread->listener_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        watch(server, fd);
    }
}

// The number at the end of the path of "GET /streams/bench/12 HTTP/1.1".
static uint32_t stream_of(const char *request)
{
    const char *path_end = strchr(request + 4, ' ');
    const char *digits = path_end;
    while (digits > request && digits[-1] >= '0' && digits[-1] <= '9') {
        digits--;
    }
    return (uint32_t)strtoul(digits, NULL, 10);
}

static bool stream_add(struct bare_stream *stream, int fd)
{
    if (stream->count == stream->capacity) {
        uint32_t capacity = stream->capacity == 0 ? 1 : stream->capacity * 2;
        int *fds = realloc(stream->fds, capacity * sizeof *fds);
        if (fds == NULL) {
            return false;
        }
        stream->fds = fds;
        stream->capacity = capacity;
    }
    stream->fds[stream->count++] = fd;
    return true;
}

// The rest of a message for a subscriber that reads too slowly: waits, as a bare server would.
// False: the connection is dead.
static bool send_rest(int fd, const uint8_t *at, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
            (void)poll(&poll_fd, 1, -1);
        } else if (sent < 0 && errno != EINTR) {
            return false;
        }
        at += sent > 0 ? sent : 0;
        length -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

// The whole file: the least that reading a log to somebody can cost.
static bool file_send(int fd, const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *piece = malloc(FILE_PIECE_BYTES);
    ssize_t length = file < 0 || piece == NULL ? -1 : 0;
    off_t offset = 0;
    while (length >= 0 && (length = pread(file, piece, FILE_PIECE_BYTES, offset)) > 0) {
        offset += length;
        length = send_rest(fd, piece, (size_t)length) ? length : -1;
    }
    free(piece);
    if (file >= 0) {
        close(file);
    }
    return length == 0;
}

static bool stream_keep(struct bare_stream *stream, const uint8_t *frames, size_t length)
{
    size_t start = stream->kept == NULL ? sizeof header - 1 : stream->kept_length;
    uint8_t *kept = realloc(stream->kept, start + length);
    if (kept == NULL) {
        return false;
    }
    if (stream->kept == NULL) {
        memcpy(kept, header, start);
    }
    memcpy(kept + start, frames, length);
    stream->kept = kept;
    stream->kept_length = start + length;
    return true;
}

static void forget_all(struct server *server)
{
    for (uint32_t i = 0; i < server->thread->streams; i++) {
        struct bare_stream *stream = &server->streams[i];
        while (stream->count > 0) {
            close(stream->fds[--stream->count]);
        }
    }
}

// What a subscriber of the stream gets first, in one send.
static bool begin(const struct bare_stream *stream, int fd, const char *request)
{
    bool comes_back = stream->kept != NULL && strstr(request, "\nLast-Event-ID:") != NULL;
    const void *at = comes_back ? (const void *)stream->kept : header;
    size_t length = comes_back ? stream->kept_length : sizeof header - 1;
    ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
    return sent >= 0 && ((size_t)sent == length ||
                         send_rest(fd, (const uint8_t *)at + sent, length - (size_t)sent));
}

// Where the request at the beginning of the bytes ends. 0: it is not whole.
static size_t post_length(const char *at, size_t length)
{
    static const char field[] = "\r\nContent-Length: ";
    const char *body = memmem(at, length, "\r\n\r\n", 4);
    const char *size = body == NULL ? NULL : memmem(at, length, field, sizeof field - 1);
    if (size == NULL || size > body) {
        return 0;
    }
    size_t whole = (size_t)(body - at) + 4 + strtoul(size + sizeof field - 1, NULL, 10);
    return whole <= length ? whole : 0;
}

// Answers what has come at once, as one send. Requests are taken to arrive whole.
static void answer_posts(int fd)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               "Content-Length: 15\r\n\r\n{\"accepted\":1}\n";
    static const size_t text_length = sizeof text - 1;
    char requests[POSTS_BYTES_MAX + 1];
    char answers[POSTS_MAX * (sizeof text - 1)];
    ssize_t length = recv(fd, requests, POSTS_BYTES_MAX, 0);
    if (length < 0 && errno == EAGAIN) {
        return;
    }
    requests[length > 0 ? length : 0] = 0;
    size_t at = 0;
    size_t count = 0;
    while (length > 0 && at < (size_t)length && count < POSTS_MAX) {
        size_t one = post_length(requests + at, (size_t)length - at);
        if (one == 0) {
            break;
        }
        memcpy(answers + count * text_length, text, text_length);
        at += one;
        count++;
    }
    if (count == 0 || at < (size_t)length ||
        send(fd, answers, count * text_length, MSG_NOSIGNAL) < 0) {
        close(fd);
    }
}

// A request is taken to arrive whole, as the load generator's do.
static void answer(struct server *server, int fd)
{
    char request[REQUEST_BYTES_MAX + 1];
    ssize_t length = recv(fd, request, REQUEST_BYTES_MAX, 0);
    if (length < 0 && errno == EAGAIN) {
        return;
    }
    request[length > 0 ? length : 0] = 0;
    if (length > 4 && strchr(request + 4, ' ') != NULL) {
        uint32_t number = stream_of(request);
        if (number < server->thread->streams && begin(&server->streams[number], fd, request) &&
            (server->thread->file == NULL || file_send(fd, server->thread->file)) &&
            stream_add(&server->streams[number], fd)) {
            (void)epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
            return;
        }
    }
    close(fd);
}

// A send that took `sent` of the frames or failed. False: the connection is of no more use.
static bool is_kept(const struct server *server, int fd, const uint8_t *frames, size_t length,
                    ssize_t sent)
{
    bool is_full = sent >= 0 || errno == EAGAIN;
    size_t done = sent > 0 ? (size_t)sent : 0;
    if (server->thread->skips_full) {
        return is_full && done == 0;
    }
    return is_full && send_rest(fd, frames + done, length - done);
}

static void fan_out(const struct server *server, struct bare_stream *stream, const uint8_t *frames,
                    size_t length)
{
    for (uint32_t i = 0; i < stream->count; i++) {
        ssize_t sent = send(stream->fds[i], frames, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent != (ssize_t)length && !is_kept(server, stream->fds[i], frames, length, sent)) {
            close(stream->fds[i]);
            memmove(&stream->fds[i], &stream->fds[i + 1],
                    (stream->count - i - 1) * sizeof *stream->fds);
            stream->count--;
            i--;
        }
    }
}

static void part_take(struct server *server, const struct bare_part *part, const uint8_t *frames)
{
    struct bare_stream *stream = &server->streams[part->stream];
    switch ((enum bare_what)part->what) {
    case BARE_SEND: fan_out(server, stream, frames, part->length); return;
    case BARE_KEEP:
        if (!stream_keep(stream, frames, part->length)) {
            _exit(1);
        }
        return;
    case BARE_CUT: forget_all(server); return;
    case BARE_SYNC: (void)send(server->thread->feed_fd, "", 1, MSG_NOSIGNAL); return;
    }
    UNREACHABLE();
}

static void message_take(struct server *server, size_t length)
{
    const uint8_t *at = server->message;
    const uint8_t *end = at + length;
    while (at < end) {
        struct bare_part part;
        memcpy(&part, at, sizeof part);
        at += sizeof part;
        ASSERT(part.stream < server->thread->streams && part.length <= (size_t)(end - at));
        part_take(server, &part, at);
        at += part.length;
    }
}

// All messages that wait, at most EVENTS_MAX. False at the feed's end.
static bool feed_take(struct server *server)
{
    for (uint32_t i = 0; i < EVENTS_MAX; i++) {
        ssize_t length =
            recv(server->thread->feed_fd, server->message, sizeof server->message, MSG_DONTWAIT);
        if (length < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        if (length == 0) {
            return false;
        }
        message_take(server, (size_t)length);
    }
    return true;
}

static void serve(struct server *server)
{
    int feed_fd = server->thread->feed_fd;
    int listener_fd = server->thread->listener_fd;
    (void)fcntl(listener_fd, F_SETFL, O_NONBLOCK);
    watch(server, feed_fd);
    watch(server, listener_fd);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(server->epoll_fd, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener_fd) {
                accept_all(server);
            } else if (fd != feed_fd && server->thread->answers) {
                answer_posts(fd);
            } else if (fd != feed_fd) {
                answer(server, fd);
            } else if (!feed_take(server)) {
                return;
            }
        }
    }
}

void *bare_thread_run(void *context)
{
    const struct bare_thread *thread = context;
    if (thread->has_own_table) {
        (void)unshare(CLONE_FILES);
    }
    struct server *server = malloc(sizeof *server);
    struct bare_stream *streams = calloc(thread->streams, sizeof *streams);
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (server == NULL || streams == NULL || epoll_fd < 0) {
        free(streams);
        free(server);
        return NULL;
    }
    server->thread = thread;
    server->epoll_fd = epoll_fd;
    server->streams = streams;
    serve(server);
    for (uint32_t i = 0; i < thread->streams; i++) {
        free(streams[i].fds);
        free(streams[i].kept);
    }
    free(streams);
    free(server);
    close(epoll_fd);
    return NULL;
}
