#include "cli/line_client.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10 };

// What is wrong, and what a person can do about it.
static bool fail_connect(int error, const char *path, char *message)
{
    const char *advice = "";
    if (error == ENOENT || error == ECONNREFUSED) {
        advice = ": is the broker running, with this --socket?";
    } else if (error == EACCES || error == EPERM) {
        advice = ": see the broker's --socket-mode and --socket-allow-uid";
    }
    (void)snprintf(message, LINE_CLIENT_MESSAGE_SIZE, "cannot connect to %.200s: %s%s", path,
                   strerrordesc_np(error), advice);
    return false;
}

static int connect_to(const char *path, char *message)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof(address.sun_path)) {
        (void)fail_connect(ENAMETOOLONG, path, message);
        return -1;
    }
    memcpy(address.sun_path, path, length + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)fail_connect(errno, path, message);
        if (fd >= 0) {
            (void)close(fd);
        }
        return -1;
    }
    return fd;
}

static int fail_io(int error, char *message)
{
    (void)snprintf(message, LINE_CLIENT_MESSAGE_SIZE, "the broker does not answer: %s",
                   strerrordesc_np(error));
    return -error;
}

// Waits until the socket is ready for `events`. 0 or a negative errno.
static int wait_ready(int fd, short events, uint64_t until_ms)
{
    for (;;) {
        uint64_t now_ms = clock_monotonic_ms();
        if (now_ms >= until_ms) {
            return -ETIMEDOUT;
        }
        struct pollfd one = {.fd = fd, .events = events};
        int ready = poll(&one, 1, (int)(until_ms - now_ms));
        if (ready > 0) {
            return 0;
        }
        if (ready < 0 && errno != EINTR) {
            return -errno;
        }
    }
}

static int send_all(int fd, struct slice bytes, uint64_t until_ms)
{
    while (bytes.length > 0) {
        int error = wait_ready(fd, POLLOUT, until_ms);
        if (error != 0) {
            return error;
        }
        ssize_t sent = send(fd, bytes.at, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return -errno;
        }
        bytes = slice_after(bytes, sent > 0 ? (size_t)sent : 0);
    }
    return 0;
}

// Up to the first line end, which is dropped with what follows.
static int receive_line(int fd, struct buffer *answer, uint64_t until_ms)
{
    size_t start = buffer_length(answer);
    for (;;) {
        int error = wait_ready(fd, POLLIN, until_ms);
        uint8_t *into = buffer_reserve(answer, READ_BYTES);
        if (error != 0 || into == NULL) {
            return error != 0 ? error : buffer_failure(answer);
        }
        ssize_t got = recv(fd, into, READ_BYTES, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            return got == 0 ? -ECONNRESET : -errno;
        }
        size_t before = buffer_length(answer);
        buffer_commit(answer, got > 0 ? (size_t)got : 0);
        size_t end = slice_find(slice_after(buffer_slice(answer), before), '\n') + before;
        if (end < buffer_length(answer)) {
            buffer_truncate(answer, end);
            return end > start ? 0 : -EPROTO;
        }
    }
}

bool line_client_ask(const char *path, struct slice request, struct buffer *answer, char *message)
{
    uint64_t until_ms = clock_monotonic_ms() + LINE_CLIENT_WAIT_MS;
    int fd = connect_to(path, message);
    if (fd < 0) {
        return false;
    }
    int error = send_all(fd, request, until_ms);
    if (error == 0) {
        error = send_all(fd, slice_of("\n"), until_ms);
    }
    if (error == 0 || error == -EPIPE) {
        // A broker that turns us away says why before it closes.
        error = receive_line(fd, answer, until_ms);
    }
    (void)close(fd);
    if (error != 0) {
        (void)fail_io(-error, message);
    }
    return error == 0;
}
