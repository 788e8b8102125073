// What the architecture says was measured of quiet sends, on this kernel.
#include "io/send.h"

#include "unit/io/connection.h"
#include "unit/io/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

enum {
    OP_ACCEPT = 10,
    OP_SEND = 11,
    OP_OTHER = 12,
    BIG = 64 << 20, // more than a socket takes at once
};

static struct loop *loop;
static struct connection_listener listener;
static struct accept_set set;
static int direct;
static int client;
static uint32_t send_completions;
static int32_t send_result;
static uint32_t other_completions;
static int32_t other_result;
static uint8_t *big;

static void see_accepted(void *context, unsigned ring, uint8_t number, int descriptor,
                         const struct sockaddr *address, socklen_t address_length)
{
    (void)context;
    (void)ring;
    (void)number;
    (void)address;
    (void)address_length;
    direct = descriptor;
}

static void see_send(void *context, struct loop *ours, unsigned ring, uint64_t user_data,
                     int32_t result, uint32_t cqe_flags)
{
    (void)context;
    (void)ours;
    (void)ring;
    (void)cqe_flags;
    cr_assert_eq(loop_tag_generation(user_data), 42);
    send_completions++;
    send_result = result;
}

static void see_other(void *context, struct loop *ours, unsigned ring, uint64_t user_data,
                      int32_t result, uint32_t cqe_flags)
{
    (void)context;
    (void)ours;
    (void)ring;
    (void)user_data;
    (void)cqe_flags;
    other_completions++;
    other_result = result;
}

static void open_connection(uint32_t masked)
{
    struct loop_config config = {.direct_descriptors = 8, .features_masked = masked};
    loop = fixture_loop_open(&config);
    listener = connection_listen();
    loop_set_handler(loop, OP_SEND, see_send, NULL);
    loop_set_handler(loop, OP_OTHER, see_other, NULL);
    direct = -1;
    connection_accept(&set, loop, 0, OP_ACCEPT, listener.fd, 1, see_accepted);
    client = connection_client(&listener, NULL);
    FIXTURE_ROUNDS_UNTIL(loop, direct >= 0);
    big = malloc(BIG);
    cr_assert_not_null(big);
    for (size_t i = 0; i < BIG; i++) {
        big[i] = (uint8_t)(i * 2654435761U >> 24);
    }
}

static void setup(void)
{
    open_connection(0);
}

static void teardown(void)
{
    close(client);
    close(listener.fd);
    fixture_loop_close(loop);
    free(big);
}

// Submits one quiet send and has its completion, if there is one, dispatched.
static void send_quiet(const void *bytes, size_t length_bytes)
{
    send_completions = 0;
    send_result = 0;
    io_prep_send_quiet(loop_sqe(loop, 0), direct, bytes, length_bytes, loop_tag(OP_SEND, 1, 42));
    loop_submit_and_reap(loop);
}

static void expect_received(const uint8_t *bytes, size_t length_bytes)
{
    static uint8_t received[1 << 16];
    size_t done = 0;
    while (done < length_bytes) {
        ssize_t count = read(client, received, sizeof received);
        cr_assert_gt(count, 0);
        cr_assert_leq((size_t)count, length_bytes - done);
        cr_assert_eq(memcmp(received, bytes + done, (size_t)count), 0);
        done += (size_t)count;
    }
}

static int32_t other(void)
{
    uint32_t before = other_completions;
    FIXTURE_ROUNDS_UNTIL(loop, other_completions > before);
    return other_result;
}

TestSuite(send, .init = setup, .fini = teardown, .timeout = 60);

Test(send, a_full_send_completes_silently)
{
    for (int i = 0; i < 100; i++) {
        send_quiet("data: hello\n\n", 13);
        cr_assert_eq(send_completions, 0);
        expect_received((const uint8_t *)"data: hello\n\n", 13);
    }
    for (int i = 0; i < 5; i++) {
        loop_round(loop, 1000 * 1000);
    }
    cr_assert_eq(send_completions, 0, "not later either");
}

Test(send, the_bytes_may_change_once_it_is_submitted)
{
    uint8_t bytes[1000];
    memset(bytes, 'a', sizeof bytes);
    send_quiet(bytes, sizeof bytes);
    memset(bytes, 'b', sizeof bytes);
    uint8_t expected[1000];
    memset(expected, 'a', sizeof expected);
    expect_received(expected, sizeof expected);
}

Test(send, a_short_send_gives_its_byte_count)
{
    send_quiet(big, BIG);
    cr_assert_eq(send_completions, 1);
    cr_assert_gt(send_result, 0);
    cr_assert_lt(send_result, BIG);
    expect_received(big, (size_t)send_result);
}

Test(send, a_full_socket_gives_eagain_and_pollout_tells_of_room)
{
    send_quiet(big, BIG);
    cr_assert_gt(send_result, 0);
    size_t sent = (size_t)send_result;
    // Nobody reads. What the first send could not place may take a moment to fill the receiver.
    for (int i = 0; i < 1000 && send_result != -EAGAIN; i++) {
        send_quiet(big + sent, BIG - sent);
        cr_assert_eq(send_completions, 1);
        sent += send_result > 0 ? (size_t)send_result : 0;
    }
    cr_assert_eq(send_result, -EAGAIN);
    io_prep_poll_direct(loop_sqe(loop, 0), direct, POLLOUT, loop_tag(OP_OTHER, 0, 0));
    uint32_t before = other_completions;
    loop_round(loop, 1000);
    cr_assert_eq(other_completions, before, "no room yet");
    expect_received(big, sent);
    cr_assert(other() & POLLOUT);
    send_quiet("x", 1);
    cr_assert_eq(send_completions, 0);
}

Test(send, a_dead_peer_gives_an_error_and_no_signal)
{
    connection_reset(client);
    send_quiet("data: late\n\n", 12);
    cr_assert_eq(send_completions, 1);
    cr_assert(send_result == -EPIPE || send_result == -ECONNRESET, "%d", send_result);
    send_quiet("data: late\n\n", 12);
    cr_assert_eq(send_completions, 1);
    cr_assert_eq(send_result, -EPIPE);
    client = -1;
}

Test(send, an_empty_slot_gives_ebadf)
{
    io_prep_close_direct(loop_sqe(loop, 0), direct, loop_tag(OP_OTHER, 0, 0));
    cr_assert_eq(other(), 0);
    send_quiet("x", 1);
    cr_assert_eq(send_completions, 1);
    cr_assert_eq(send_result, -EBADF);
    io_prep_close_direct(loop_sqe(loop, 0), direct, loop_tag(OP_OTHER, 0, 0));
    cr_assert_eq(other(), -EBADF);
}

static void send_pieces(size_t pieces, size_t piece_bytes)
{
    static struct iovec iovecs[64];
    struct msghdr message = {.msg_iov = iovecs, .msg_iovlen = pieces};
    for (size_t i = 0; i < pieces; i++) {
        iovecs[i] = (struct iovec){big + i * piece_bytes, piece_bytes};
    }
    send_completions = 0;
    send_result = 0;
    io_prep_sendmsg_quiet(loop_sqe(loop, 0), direct, &message, loop_tag(OP_SEND, 1, 42));
    loop_submit(loop);
    memset(iovecs, 0, sizeof iovecs); // over when it is submitted
    memset(&message, 0, sizeof message);
    loop_submit_and_reap(loop);
}

Test(send, pieces_go_as_one)
{
    send_pieces(64, 100);
    cr_assert_eq(send_completions, 0);
    expect_received(big, 6400);
}

Test(send, a_short_send_of_pieces_gives_its_byte_count)
{
    send_pieces(64, BIG / 64);
    cr_assert_eq(send_completions, 1);
    cr_assert_gt(send_result, 0);
    cr_assert_lt(send_result, BIG);
    expect_received(big, (size_t)send_result);
    for (int i = 0; i < 1000 && send_result != -EAGAIN; i++) {
        send_pieces(64, BIG / 64);
    }
    cr_assert_eq(send_result, -EAGAIN);
}

Test(send, shutdown_and_close_end_the_connection)
{
    send_quiet("bye", 3);
    io_prep_shutdown_direct(loop_sqe(loop, 0), direct, SHUT_WR, loop_tag(OP_OTHER, 0, 0));
    cr_assert_eq(other(), 0);
    expect_received((const uint8_t *)"bye", 3);
    char byte;
    cr_assert_eq(read(client, &byte, 1), 0);
    io_prep_close_direct(loop_sqe(loop, 0), direct, loop_tag(OP_OTHER, 0, 0));
    cr_assert_eq(other(), 0);
}

Test(send, a_poll_tells_that_the_peer_has_gone)
{
    io_prep_poll_direct(loop_sqe(loop, 0), direct, POLLRDHUP, loop_tag(OP_OTHER, 0, 0));
    uint32_t before = other_completions;
    loop_round(loop, 1000);
    cr_assert_eq(other_completions, before);
    cr_assert_eq(shutdown(client, SHUT_WR), 0);
    cr_assert(other() & POLLRDHUP);
}

// Sends that fail cost a completion each; those that go well cost none.
Test(send, a_queue_full_of_failures_overflows_nothing)
{
    connection_reset(client);
    client = -1;
    send_completions = 0;
    for (int i = 0; i < 20000; i++) {
        if (loop_sqe_room(loop, 0) == 0) {
            loop_submit_and_reap(loop);
        }
        io_prep_send_quiet(loop_sqe(loop, 0), direct, "x", 1, loop_tag(OP_SEND, 1, 42));
    }
    loop_submit_and_reap(loop);
    cr_assert_eq(send_completions, 20000);
    cr_assert_eq(loop->stats.cq_overflows, 0);
}

static void same_on_older_kernels(uint32_t masked)
{
    open_connection(masked);
    send_quiet("data: hello\n\n", 13);
    cr_assert_eq(send_completions, 0);
    expect_received((const uint8_t *)"data: hello\n\n", 13);
    send_quiet(big, BIG);
    cr_assert_eq(send_completions, 1);
    cr_assert_gt(send_result, 0);
    for (int i = 0; i < 1000 && send_result != -EAGAIN; i++) {
        send_quiet(big, BIG);
    }
    cr_assert_eq(send_result, -EAGAIN);
    connection_reset(client);
    client = -1;
    send_quiet("x", 1);
    cr_assert(send_result == -EPIPE || send_result == -ECONNRESET, "%d", send_result);
    teardown();
}

Test(send_masked, is_the_same_without_deferred_work, .timeout = 60)
{
    same_on_older_kernels(LOOP_FEATURES_ALL);
}

Test(send_masked, is_the_same_as_on_6_1, .timeout = 60)
{
    same_on_older_kernels(LOOP_FEATURES_NEWER_THAN_6_1);
}
