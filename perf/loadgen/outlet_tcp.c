#include "outlet_tcp.h"

#include "target.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    OUT_BYTES_MAX = 256 << 20, // OPTIONS_BATCH_MAX events of some 200 KiB
    IN_BYTES = 16 << 10,
    SEND_MS_MAX = 10 * 1000,
};

static int fail(struct outlet *outlet, int result, const char *what)
{
    (void)snprintf(outlet->error, sizeof outlet->error, "publishing: %s: %s", what,
                   strerror(-result));
    return result;
}

int outlet_tcp_open(struct outlet *outlet, struct outlet_tcp *tcp, const char *scheme,
                    const char *where)
{
    char url[TARGET_ERROR_SIZE];
    struct target target;
    memset(tcp, 0, sizeof *tcp);
    tcp->fd = -1;
    buffer_init(&tcp->out, OUT_BYTES_MAX);
    (void)snprintf(url, sizeof url, "%s%s", scheme, where);
    int result = target_open(&target, url, outlet->options, outlet->error, sizeof outlet->error);
    if (result < 0) {
        return result;
    }
    tcp->fd = socket(target.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (tcp->fd < 0 ||
        connect(tcp->fd, (const struct sockaddr *)&target.address, target.address_length) < 0) {
        return fail(outlet, -errno, where);
    }
    int on = 1;
    (void)setsockopt(tcp->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return 0;
}

// Takes what has come. Returns 0, also when there is nothing.
static int receive(struct outlet *outlet, struct outlet_tcp *tcp)
{
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

int outlet_tcp_send(struct outlet *outlet, struct outlet_tcp *tcp)
{
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
        result = (ready.revents & POLLIN) != 0 ? receive(outlet, tcp) : 0;
    }
    return result;
}

int outlet_tcp_take(struct outlet *outlet, struct outlet_tcp *tcp, int wait_ms)
{
    struct pollfd ready = {.fd = tcp->fd, .events = POLLIN};
    if (wait_ms > 0 && poll(&ready, 1, wait_ms) == 0) {
        return fail(outlet, -ETIMEDOUT, "waiting for answers");
    }
    int result = receive(outlet, tcp);
    return result < 0 ? result : outlet_tcp_send(outlet, tcp);
}

void outlet_tcp_free(struct outlet_tcp *tcp)
{
    if (tcp->fd > 0) {
        close(tcp->fd);
    }
    buffer_free(&tcp->out);
    tcp->fd = -1;
}
