#include "io/tcp_info.h"

#include "unit/io/connection.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>

TestSuite(tcp_info, .timeout = 60);

// Both ends of a connection over loopback.
struct pair {
    int client;
    int server;
};

static struct pair pair_open(void)
{
    struct connection_listener listener = connection_listen();
    struct pair pair = {.client = connection_client(&listener, NULL)};
    pair.server = accept4(listener.fd, NULL, NULL, SOCK_CLOEXEC);
    cr_assert_geq(pair.server, 0);
    close(listener.fd);
    return pair;
}

static void pair_close(struct pair pair)
{
    close(pair.client);
    close(pair.server);
}

static struct tcp_reading reading_of(int descriptor)
{
    struct tcp_reading reading;
    int result = tcp_info_read(descriptor, &reading);
    cr_assert_eq(result, 0, "%s", strerror(-result));
    return reading;
}

Test(tcp_info, tells_of_what_was_sent)
{
    struct pair pair = pair_open();
    struct tcp_reading before = reading_of(pair.server);
    cr_assert_gt(before.round_trip_us, 0, "the handshake was measured");
    cr_assert_eq(before.segments_sent, 0);
    char byte = 'x';
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(send(pair.server, &byte, 1, MSG_NOSIGNAL), 1);
        cr_assert_eq(recv(pair.client, &byte, 1, 0), 1);
    }
    struct tcp_reading after = reading_of(pair.server);
    cr_assert_geq(after.segments_sent, 1);
    cr_assert_leq(after.segments_sent, 3 + after.segments_repeated);
    cr_assert_lt(after.round_trip_us, 10 * 1000 * 1000);
    cr_assert(after.is_delivery_least, "three bytes fill no path");
    pair_close(pair);
}

Test(tcp_info, of_what_is_no_tcp)
{
    struct tcp_reading reading;
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(tcp_info_read(ends[0], &reading), -ENOTSOCK);
    close(ends[0]);
    close(ends[1]);
    cr_assert_eq(tcp_info_read(-1, &reading), -EBADF);
    int unix_socket = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(tcp_info_read(unix_socket, &reading), -EOPNOTSUPP);
    close(unix_socket);
}
