#include "io/buffers.h"

#include "unit/io/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    OP_RECEIVE = 10,
    GROUP = 7,
    COUNT = 4,
    SIZE = 64,
};

static struct loop *loop;
static struct buffers buffers;
static int pair[2];
static char received[4096];
static size_t received_length;
static uint32_t ended;
static int32_t ended_with;
static uint16_t held[COUNT * 2];
static uint32_t held_count;
static bool gives_back;

static void receive_arm(void)
{
    struct io_uring_sqe *sqe = loop_sqe(loop, 0);
    io_uring_prep_recv_multishot(sqe, pair[0], NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = GROUP;
    sqe->user_data = loop_tag(OP_RECEIVE, 0, 0);
}

static void see_received(void *context, struct loop *ours, unsigned ring, uint64_t user_data,
                         int32_t result, uint32_t cqe_flags)
{
    (void)context;
    (void)ours;
    (void)ring;
    (void)user_data;
    if (result > 0) {
        uint16_t id = buffers_id(cqe_flags);
        const uint8_t *bytes = buffers_take(&buffers, cqe_flags);
        cr_assert_eq(bytes, buffers_address(&buffers, id));
        cr_assert_leq(result, SIZE);
        cr_assert_leq(received_length + (size_t)result, sizeof received);
        memcpy(received + received_length, bytes, (size_t)result);
        received_length += (size_t)result;
        if (gives_back) {
            buffers_give_back(&buffers, id);
        } else {
            held[held_count++] = id;
        }
    }
    if ((cqe_flags & IORING_CQE_F_MORE) == 0) {
        ended++;
        ended_with = result;
    }
}

static void setup(void)
{
    struct loop_config config = {0};
    loop = fixture_loop_open(&config);
    loop_set_handler(loop, OP_RECEIVE, see_received, NULL);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    cr_assert_eq(buffers_init(&buffers, loop_ring(loop, 0), GROUP, COUNT, SIZE), 0);
    gives_back = true;
}

static void teardown(void)
{
    close(pair[0]);
    close(pair[1]);
    buffers_free(&buffers);
    buffers_free(&buffers);
    fixture_loop_close(loop);
}

TestSuite(buffers, .init = setup, .fini = teardown, .timeout = 60);

Test(buffers, go_round_and_round)
{
    receive_arm();
    char expected[4096];
    size_t length = 0;
    for (int i = 0; i < 200; i++) {
        char text[32];
        int count = snprintf(text, sizeof text, "message %d;", i);
        cr_assert_eq(write(pair[1], text, (size_t)count), count);
        memcpy(expected + length, text, (size_t)count);
        length += (size_t)count;
        FIXTURE_ROUNDS_UNTIL(loop, received_length == length);
        cr_assert_eq(buffers_available(&buffers), COUNT);
    }
    cr_assert_arr_eq(received, expected, length);
    cr_assert_eq(ended, 0);
}

Test(buffers, an_empty_group_ends_the_receive_and_loses_nothing)
{
    gives_back = false;
    receive_arm();
    char sent[COUNT * SIZE + 100];
    for (size_t i = 0; i < sizeof sent; i++) {
        sent[i] = (char)('a' + i % 26);
    }
    cr_assert_eq(write(pair[1], sent, sizeof sent), (ssize_t)sizeof sent);
    FIXTURE_ROUNDS_UNTIL(loop, ended == 1);
    cr_assert_eq(ended_with, -ENOBUFS);
    cr_assert_eq(received_length, COUNT * SIZE);
    cr_assert_eq(buffers_available(&buffers), 0);
    gives_back = true;
    while (held_count > 0) {
        buffers_give_back(&buffers, held[--held_count]);
    }
    cr_assert_eq(buffers_available(&buffers), COUNT);
    receive_arm();
    FIXTURE_ROUNDS_UNTIL(loop, received_length == sizeof sent);
    cr_assert_arr_eq(received, sent, sizeof sent);
}

Test(buffers, the_end_of_the_stream_holds_no_buffer)
{
    receive_arm();
    cr_assert_eq(write(pair[1], "x", 1), 1);
    FIXTURE_ROUNDS_UNTIL(loop, received_length == 1);
    cr_assert_eq(shutdown(pair[1], SHUT_WR), 0);
    FIXTURE_ROUNDS_UNTIL(loop, ended == 1);
    cr_assert_eq(ended_with, 0);
    cr_assert_eq(buffers_available(&buffers), COUNT);
}

Test(buffers, a_group_is_registered_once)
{
    struct buffers again;
    cr_assert_eq(buffers_init(&again, loop_ring(loop, 0), GROUP, COUNT, SIZE), -EEXIST);
    buffers_free(&again);
    cr_assert_eq(buffers_init(&again, loop_ring(loop, 0), GROUP + 1, 1, 1), 0);
    buffers_free(&again);
    cr_assert_eq(buffers_init(&again, loop_ring(loop, 0), GROUP + 1, BUFFERS_COUNT_MAX, 16), 0);
    cr_assert_eq(buffers_available(&again), BUFFERS_COUNT_MAX);
    buffers_free(&again);
}
