#include "outlet_tcp.h"

#include "target.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    OUT_BYTES_MAX = 256 << 20, // OPTIONS_BATCH_MAX events of some 200 KiB
    IN_BYTES = 16 << 10,
    SEND_MS_MAX = 10 * 1000,
    FLUSH_MS_MAX = 10 * 1000,
};

static int fail(struct outlet *outlet, int result, const char *what)
{
    (void)snprintf(outlet->error, sizeof outlet->error, "publishing: %s: %s", what,
                   strerror(-result));
    return result;
}

static int server_connect(struct outlet *outlet, const char *scheme, const char *where)
{
    struct outlet_tcp *tcp = outlet->state;
    char url[TARGET_ERROR_SIZE];
    struct target target;
    (void)snprintf(url, sizeof url, "%s%s", scheme, where);
    int result = target_open(&target, url, outlet->options, outlet->error, sizeof outlet->error);
    if (result < 0) {
        return result;
    }
    result = target_connect(&target);
    if (result < 0) {
        return fail(outlet, result, where);
    }
    tcp->fd = result;
    return 0;
}

int outlet_tcp_open(struct outlet *outlet, const char *scheme, const char *where,
                    int (*take_line)(struct outlet *outlet, struct slice line))
{
    struct outlet_tcp *tcp = calloc(1, sizeof *tcp);
    if (tcp == NULL) {
        return fail(outlet, -ENOMEM, where);
    }
    outlet->state = tcp;
    tcp->fd = -1;
    tcp->take_line = take_line;
    buffer_init(&tcp->out, OUT_BYTES_MAX);
    int result = server_connect(outlet, scheme, where);
    if (result < 0) {
        outlet_tcp_close(outlet);
    }
    return result;
}

// Takes what has come. Returns 0, also when there is nothing.
static int receive(struct outlet *outlet)
{
    struct outlet_tcp *tcp = outlet->state;
    uint8_t bytes[IN_BYTES];
    ssize_t length = recv(tcp->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (length < 0) {
        bool is_nothing = errno == EAGAIN || errno == EINTR;
        return is_nothing ? 0 : fail(outlet, -errno, "receiving");
    }
    if (length == 0) {
        return fail(outlet, -ECONNRESET, "the server closed the connection");
    }
    const uint8_t *at = bytes;
    const uint8_t *line = NULL;
    size_t line_length = 0;
    int result = 0;
    while (result == 0 &&
           (at = lines_next(&tcp->lines, at, bytes + length, &line, &line_length)) != NULL) {
        result = tcp->take_line(outlet, slice_from(line, line_length));
    }
    return result;
}

int outlet_tcp_send(struct outlet *outlet)
{
    struct outlet_tcp *tcp = outlet->state;
    int result = buffer_failure(&tcp->out);
    if (result < 0) {
        return fail(outlet, result, "a batch of events");
    }
    while (result == 0 && buffer_length(&tcp->out) > 0) {
        struct slice rest = buffer_slice(&tcp->out);
        ssize_t sent = send(tcp->fd, rest.at, rest.length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            buffer_consume(&tcp->out, (size_t)sent);
            continue;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return fail(outlet, -errno, "sending");
        }
        struct pollfd ready = {.fd = tcp->fd, .events = POLLIN | POLLOUT};
        if (poll(&ready, 1, SEND_MS_MAX) == 0) {
            return fail(outlet, -ETIMEDOUT, "the server takes no more");
        }
        result = (ready.revents & POLLIN) != 0 ? receive(outlet) : 0;
    }
    return result;
}

// Takes the answers that are there, or waits until some are: -ETIMEDOUT.
static int take(struct outlet *outlet, int wait_ms)
{
    const struct outlet_tcp *tcp = outlet->state;
    struct pollfd ready = {.fd = tcp->fd, .events = POLLIN};
    if (wait_ms > 0 && poll(&ready, 1, wait_ms) == 0) {
        return fail(outlet, -ETIMEDOUT, "waiting for answers");
    }
    int result = receive(outlet);
    return result < 0 ? result : outlet_tcp_send(outlet);
}

int outlet_tcp_idle(struct outlet *outlet)
{
    return take(outlet, 0);
}

int outlet_tcp_flush(struct outlet *outlet)
{
    const struct outlet_tcp *tcp = outlet->state;
    int result = 0;
    while (result == 0 && tcp->unanswered > 0) {
        result = take(outlet, FLUSH_MS_MAX);
    }
    return result;
}

void outlet_tcp_close(struct outlet *outlet)
{
    struct outlet_tcp *tcp = outlet->state;
    if (tcp->fd >= 0) {
        close(tcp->fd);
    }
    buffer_free(&tcp->out);
    free(tcp);
    outlet->state = NULL;
}
