// Many subscribers at once, each of which checks what it gets:
//     subscribers PORT [--dense] [--reconnect] [--within MS] [--record FILE] COUNT TARGET
//                 [COUNT TARGET]...
//
// COUNT connections ask for TARGET; a `*` in it stands for the connection's number among these.
// Each event's data begins with a number, as publisher.c writes it (in an envelope too). Ids have
// to rise, and numbers too within their thousand million; with --dense they are 1, 2, 3... A gap, a
// line that does not belong in an event stream, or an end of the stream without --reconnect is a
// failure. With --reconnect, the connection is made again with Last-Event-ID. With --within, the
// number is followed by the Unix time of its publishing in milliseconds, and more than MS later is
// a failure. --record writes a line `connection number id` for each event.
//
// Prints `connected` when all have their header. On standard input: `wait N` answers `reached` once
// N events came in all; `last` answers `last` and the last id of each connection; `report` answers
// `report EVENTS RECONNECTS RETRIES`, with RETRIES those `retry:` that were not a response's first.
//
// layer: base
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_BYTES = 128 << 10,
    LINE_BYTES_MAX = 80 << 10,
    RANGES = 8,
    EVENTS_AT_ONCE = 256,
    RECONNECT_MS = 5,
};
static const uint64_t RANGE = 1000 * 1000 * 1000;

struct subscriber {
    int fd; // -1: not connected
    const char *target;
    uint32_t index;
    bool has_header;
    bool has_retry; // in this response
    bool has_place; // last_id is told
    bool has_id;
    bool has_number;
    uint64_t id;
    uint64_t number;
    uint64_t last_id;
    uint64_t last[RANGES];
    uint32_t rest_length; // of a line without its end
    char *rest;
};

static struct sockaddr_in address = {.sin_family = AF_INET};
static struct subscriber *subscribers;
static uint32_t count;
static uint32_t begun;
static int poller;
static bool is_dense;
static uint64_t late_ms_max; // 0: not looked at
static bool is_reconnecting;
static FILE *record;
static uint64_t events;
static uint64_t awaited = UINT64_MAX;
static uint64_t reconnects;
static uint64_t retries;

__attribute__((noreturn, format(printf, 2, 3))) static void fail(
    const struct subscriber *subscriber, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(stderr, "subscribers: ");
    if (subscriber != NULL) {
        (void)fprintf(stderr, "%u (%s), last id %" PRIu64 ": ", subscriber->index,
                      subscriber->target, subscriber->last_id);
    }
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    if (record != NULL) {
        (void)fflush(record);
    }
    exit(1);
}

static void say(const char *line)
{
    (void)puts(line);
    (void)fflush(stdout);
}

// --- connections ---

static void send_request(struct subscriber *subscriber)
{
    char request[1024];
    char resume[64] = "";
    if (subscriber->has_place) {
        (void)snprintf(resume, sizeof(resume), "Last-Event-ID: %" PRIu64 "\r\n",
                       subscriber->last_id);
    }
    int length = snprintf(request, sizeof(request),
                          "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n%s"
                          "\r\n",
                          subscriber->target, resume);
    if (send(subscriber->fd, request, (size_t)length, MSG_NOSIGNAL) != length && !is_reconnecting) {
        fail(subscriber, "cannot send the request: %s", strerror(errno));
    }
}

// Loopback: a connection is there at once, or refused.
static void open_connection(struct subscriber *subscriber)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        fail(subscriber, "no socket: %s", strerror(errno));
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        if (!is_reconnecting) {
            fail(subscriber, "cannot connect: %s", strerror(errno));
        }
        (void)close(fd);
        return;
    }
    subscriber->fd = fd;
    subscriber->has_header = false;
    subscriber->has_retry = false;
    subscriber->has_id = false;
    subscriber->has_number = false;
    subscriber->rest_length = 0;
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)subscriber->index + 1};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) {
        fail(subscriber, "epoll: %s", strerror(errno));
    }
    send_request(subscriber);
}

static void lose_connection(struct subscriber *subscriber)
{
    if (!is_reconnecting) {
        fail(subscriber, "the stream ended");
    }
    (void)close(subscriber->fd);
    subscriber->fd = -1;
    reconnects++;
}

// --- events ---

static void take_event(struct subscriber *subscriber)
{
    uint64_t range = subscriber->number / RANGE;
    if (!subscriber->has_id) {
        fail(subscriber, "an event without id");
    }
    if (subscriber->id <= subscriber->last_id) {
        fail(subscriber, "id %" PRIu64 " comes after it", subscriber->id);
    }
    if (range >= RANGES) {
        fail(subscriber, "number %" PRIu64, subscriber->number);
    }
    uint64_t *last = &subscriber->last[range];
    if (is_dense ? subscriber->number != *last + 1 : subscriber->number <= *last) {
        fail(subscriber, "number %" PRIu64 " comes after %" PRIu64, subscriber->number, *last);
    }
    *last = subscriber->number;
    subscriber->last_id = subscriber->id;
    events++;
    if (record != NULL) {
        (void)fprintf(record, "%u %" PRIu64 " %" PRIu64 "\n", subscriber->index, subscriber->number,
                      subscriber->id);
    }
}

// What stands behind the number.
static void check_time(const struct subscriber *subscriber, const char *text)
{
    if (late_ms_max == 0) {
        return;
    }
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    uint64_t published_ms = strtoull(text, NULL, 10);
    if (published_ms == 0 || now_ms > published_ms + late_ms_max) {
        fail(subscriber, "number %" PRIu64 " of %" PRIu64 " ms comes at %" PRIu64 " ms",
             subscriber->number, published_ms, now_ms);
    }
}

static void take_data(struct subscriber *subscriber, const char *text)
{
    static const char member[] = "\"data\":\"";
    if (text[0] == '{') {
        text = strstr(text, member);
        text = text == NULL ? "" : text + sizeof(member) - 1;
    }
    char *end = NULL;
    subscriber->number = strtoull(text, &end, 10);
    if (end == text || subscriber->has_number) {
        fail(subscriber, "unexpected data: %s", text);
    }
    subscriber->has_number = true;
    check_time(subscriber, end);
}

static bool cut(const char **line, const char *field)
{
    size_t length = strlen(field);
    if (strncmp(*line, field, length) != 0) {
        return false;
    }
    *line += length;
    return true;
}

// One line of the body, without its end.
static void take_line(struct subscriber *subscriber, const char *line)
{
    if (line[0] == 0) {
        if (subscriber->has_number) {
            take_event(subscriber);
        } else if (subscriber->has_id) {
            subscriber->last_id = subscriber->id; // where the response begins
            subscriber->has_place = true;
        }
        subscriber->has_id = false;
        subscriber->has_number = false;
    } else if (cut(&line, "data: ")) {
        take_data(subscriber, line);
    } else if (cut(&line, "id: ")) {
        subscriber->id = strtoull(line, NULL, 10);
        subscriber->has_id = true;
    } else if (cut(&line, "retry: ")) {
        retries += subscriber->has_retry;
        subscriber->has_retry = true;
    } else if (line[0] != ':') {
        fail(subscriber, "not expected in the stream: %s", line);
    }
}

static void take_header_line(struct subscriber *subscriber, const char *line)
{
    if (is_reconnecting && strncmp(line, "HTTP/1.1 503 ", 13) == 0) {
        lose_connection(subscriber); // the broker is about to end
        return;
    }
    if (strncmp(line, "HTTP/1.1 ", 9) == 0 && strncmp(line, "HTTP/1.1 200 ", 13) != 0) {
        fail(subscriber, "refused: %s", line);
    }
    if (strncasecmp(line, "Ringcast-Gap:", 13) == 0) {
        fail(subscriber, "%s", line);
    }
    if (strcmp(line, "\r") != 0) {
        return;
    }
    subscriber->has_header = true;
    if (++begun == count) {
        say("connected");
    }
}

static void take_bytes(struct subscriber *subscriber, char *bytes, size_t length)
{
    char *end = bytes + length;
    while (bytes < end && subscriber->fd >= 0) {
        char *line_end = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t part = (size_t)((line_end == NULL ? end : line_end) - bytes);
        char *line = bytes;
        if (line_end == NULL || subscriber->rest_length > 0) {
            if (subscriber->rest_length + part >= LINE_BYTES_MAX) {
                fail(subscriber, "a line is too long");
            }
            memcpy(subscriber->rest + subscriber->rest_length, bytes, part);
            subscriber->rest_length += (uint32_t)part;
            if (line_end == NULL) {
                return;
            }
            line = subscriber->rest;
            line[subscriber->rest_length] = 0;
            subscriber->rest_length = 0;
        } else {
            *line_end = 0;
        }
        if (subscriber->has_header) {
            take_line(subscriber, line);
        } else {
            take_header_line(subscriber, line);
        }
        bytes = line_end + 1;
    }
}

static void receive(struct subscriber *subscriber)
{
    static char bytes[READ_BYTES];
    if (subscriber->fd < 0) {
        return;
    }
    ssize_t got = recv(subscriber->fd, bytes, sizeof(bytes), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        lose_connection(subscriber);
        return;
    }
    take_bytes(subscriber, bytes, (size_t)got);
    if (events >= awaited) {
        awaited = UINT64_MAX;
        say("reached");
    }
}

// --- orders ---

static void take_order(const char *order)
{
    if (sscanf(order, "wait %" SCNu64, &awaited) == 1) {
        if (events >= awaited) {
            awaited = UINT64_MAX;
            say("reached");
        }
    } else if (strcmp(order, "last") == 0) {
        (void)fputs("last", stdout);
        for (uint32_t i = 0; i < count; i++) {
            (void)printf(" %" PRIu64, subscribers[i].last_id);
        }
        say("");
    } else if (strcmp(order, "report") == 0) {
        if (record != NULL) {
            (void)fflush(record);
        }
        (void)printf("report %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", events, reconnects, retries);
        (void)fflush(stdout);
    } else {
        fail(NULL, "not an order: %s", order);
    }
}

static void read_orders(void)
{
    static char orders[256];
    static size_t length;
    ssize_t got = read(STDIN_FILENO, orders + length, sizeof(orders) - length);
    if (got <= 0) {
        exit(0); // who gave the orders is gone
    }
    length += (size_t)got;
    char *end;
    while ((end = memchr(orders, '\n', length)) != NULL) {
        *end = 0;
        take_order(orders);
        length -= (size_t)(end + 1 - orders);
        memmove(orders, end + 1, length);
    }
}

// --- life ---

static void add(uint32_t wanted, const char *target)
{
    const char *star = strchr(target, '*');
    subscribers = realloc(subscribers, (count + wanted) * sizeof(*subscribers));
    for (uint32_t i = 0; subscribers != NULL && i < wanted; i++) {
        struct subscriber *subscriber = &subscribers[count];
        *subscriber = (struct subscriber){.fd = -1, .index = count, .target = target};
        subscriber->rest = malloc(LINE_BYTES_MAX);
        char *own = NULL;
        if (subscriber->rest == NULL ||
            (star != NULL &&
             asprintf(&own, "%.*s%u%s", (int)(star - target), target, i, star + 1) < 0)) {
            fail(NULL, "no memory");
        }
        subscriber->target = own != NULL ? own : target;
        count++;
    }
    if (subscribers == NULL) {
        fail(NULL, "no memory");
    }
}

static void run(void)
{
    struct epoll_event order = {.events = EPOLLIN, .data.u64 = 0};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &order) != 0) {
        fail(NULL, "epoll: %s", strerror(errno));
    }
    for (;;) {
        bool is_whole = true;
        for (uint32_t i = 0; i < count; i++) {
            if (subscribers[i].fd < 0) {
                open_connection(&subscribers[i]);
                is_whole = is_whole && subscribers[i].fd >= 0;
            }
        }
        struct epoll_event ready[EVENTS_AT_ONCE];
        int found = epoll_wait(poller, ready, EVENTS_AT_ONCE, is_whole ? -1 : RECONNECT_MS);
        for (int i = 0; i < found; i++) {
            if (ready[i].data.u64 == 0) {
                read_orders();
            } else {
                receive(&subscribers[ready[i].data.u64 - 1]);
            }
        }
    }
}

// As many connections as the system allows.
static void raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    raise_files();
    if (argc < 4) {
        fail(NULL, "subscribers PORT [--dense] [--reconnect] [--record FILE] COUNT TARGET...");
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    int i = 2;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--dense") == 0) {
            is_dense = true;
        } else if (strcmp(argv[i], "--within") == 0 && i + 1 < argc) {
            late_ms_max = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--reconnect") == 0) {
            is_reconnecting = true;
        } else if (strcmp(argv[i], "--record") == 0 && i + 1 < argc) {
            record = fopen(argv[++i], "we");
            if (record == NULL) {
                fail(NULL, "%s: %s", argv[i], strerror(errno));
            }
        } else {
            fail(NULL, "not an option: %s", argv[i]);
        }
    }
    for (; i + 1 < argc; i += 2) {
        add((uint32_t)strtoul(argv[i], NULL, 10), argv[i + 1]);
    }
    poller = epoll_create1(EPOLL_CLOEXEC);
    run();
}
