// For tests of src/io: a loopback listener whose connections a loop accepts into its tables, and
// plain client sockets.
#ifndef RINGCAST_TESTS_UNIT_IO_CONNECTION_H
#define RINGCAST_TESTS_UNIT_IO_CONNECTION_H

#include "io/accept.h"
#include "io/listen.h"
#include "unit/io/fixture.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection_listener {
    int fd;
    struct listen_address address;
};

static inline struct connection_listener connection_listen(void)
{
    struct connection_listener listener;
    char error[LISTEN_ERROR_SIZE] = "";
    uint16_t port = 0;
    cr_assert_eq(listen_address_parse(&listener.address, "127.0.0.1:0", error, sizeof error), 0);
    listener.fd = listen_tcp(&listener.address, false, &port, error, sizeof error);
    cr_assert_geq(listener.fd, 0, "%s", error);
    listen_address_set_port(&listener.address, port);
    return listener;
}

// A set that accepts from this listener alone.
static inline void connection_accept(struct accept_set *set, struct loop *loop, unsigned ring,
                                     uint8_t op, int listener_fd, uint32_t armed,
                                     accept_callback callback)
{
    const struct accept_listener one = {.fd = listener_fd};
    accept_start(set, loop, ring, op, &one, 1, armed, callback, NULL);
}

// A connected client with a small receive buffer. Its local port, for comparing addresses.
static inline int connection_client(const struct connection_listener *listener, uint16_t *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    int small = 4096;
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    cr_assert_eq(
        connect(fd, (const struct sockaddr *)&listener->address.storage, listener->address.length),
        0);
    struct sockaddr_in local;
    socklen_t length = sizeof local;
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&local, &length), 0);
    if (port != NULL) {
        *port = ntohs(local.sin_port);
    }
    return fd;
}

// Ends a connection with a reset.
static inline void connection_reset(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    close(fd);
}

#endif
