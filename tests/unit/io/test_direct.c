// That what the loop's features promise is really there.
#include "io/direct.h"

#include "io/send.h"
#include "unit/io/connection.h"
#include "unit/io/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>

enum {
    OP_ACCEPT = 10,
    OP_DONE = 11,
    OP_PASSED = 12,
    OP_SEND = 13,
};

static struct loop *loop;
static struct connection_listener listener;
static struct accept_set set;
static int client;
static int direct;
static uint32_t done_count;
static int32_t done_result;
static uint32_t passed_count;
static int32_t passed_result;

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

static void see_done(void *context, struct loop *ours, unsigned ring, uint64_t user_data,
                     int32_t result, uint32_t cqe_flags)
{
    (void)context;
    (void)ours;
    (void)ring;
    (void)user_data;
    (void)cqe_flags;
    done_count++;
    done_result = result;
}

static void see_passed(void *context, struct loop *ours, unsigned ring, uint64_t user_data,
                       int32_t result, uint32_t cqe_flags)
{
    (void)context;
    (void)ours;
    (void)cqe_flags;
    cr_assert_eq(ring, 1);
    cr_assert_eq(loop_tag_slot(user_data), 77);
    passed_count++;
    passed_result = result;
}

static void setup(void)
{
    struct loop_config config = {.direct_descriptors = 8};
    loop = fixture_loop_open(&config);
    loop_set_handler(loop, OP_DONE, see_done, NULL);
    loop_set_handler(loop, OP_SEND, see_done, NULL);
    listener = connection_listen();
    direct = -1;
    connection_accept(&set, loop, 0, OP_ACCEPT, listener.fd, 1, see_accepted);
    client = connection_client(&listener, NULL);
    FIXTURE_ROUNDS_UNTIL(loop, direct >= 0);
}

static void teardown(void)
{
    close(client);
    close(listener.fd);
    fixture_loop_close(loop);
}

static int32_t done(void)
{
    uint32_t before = done_count;
    FIXTURE_ROUNDS_UNTIL(loop, done_count > before);
    return done_result;
}

TestSuite(direct, .init = setup, .fini = teardown, .timeout = 60);

static int installed(void)
{
    io_prep_install_direct(loop_sqe(loop, 0), direct, loop_tag(OP_DONE, 0, 0));
    return done();
}

Test(direct, can_be_made_an_ordinary_descriptor)
{
    if (!loop_has(loop, LOOP_FEATURE_FIXED_FD_INSTALL)) {
        cr_skip_test("needs Linux 6.8");
    }
    int fd = installed();
    cr_assert_geq(fd, 0, "%d", fd);
    cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    cr_assert_eq(getpeername(fd, (struct sockaddr *)&peer, &length), 0);
    cr_assert_eq(ntohl(peer.sin_addr.s_addr), INADDR_LOOPBACK);
    close(fd);
}

Test(direct, takes_socket_options)
{
    if (!loop_has(loop, LOOP_FEATURE_SOCKET_COMMAND)) {
        cr_skip_test("needs Linux 6.7");
    }
    int idle_s = 77;
    io_prep_setsockopt_direct(loop_sqe(loop, 0), direct, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s,
                              sizeof idle_s, loop_tag(OP_DONE, 0, 0));
    cr_assert_eq(done(), 0);
    if (loop_has(loop, LOOP_FEATURE_FIXED_FD_INSTALL)) {
        int fd = installed();
        int value = 0;
        socklen_t length = sizeof value;
        cr_assert_eq(getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, &length), 0);
        cr_assert_eq(value, 77);
        close(fd);
    }
    io_prep_setsockopt_direct(loop_sqe(loop, 0), direct, IPPROTO_TCP, 9999, &idle_s, sizeof idle_s,
                              loop_tag(OP_DONE, 0, 0));
    cr_assert_eq(done(), -ENOPROTOOPT);
}

Test(direct, can_be_passed_to_another_loop)
{
    if (!loop_has(loop, LOOP_FEATURE_SEND_FD)) {
        cr_skip_test("needs Linux 6.3");
    }
    struct loop_config config = {.name = "other"};
    struct loop *other = fixture_loop_init(&config);
    char error[LOOP_ERROR_SIZE];
    cr_assert_eq(loop_add_ring(other, 1, error, sizeof error), 1, "%s", error);
    fixture_loop_start(other);
    loop_set_handler(other, OP_PASSED, see_passed, NULL);
    loop_set_handler(other, OP_SEND, see_done, NULL);

    io_prep_pass_direct(loop_sqe(loop, 0), direct, other, 1, loop_tag(OP_PASSED, 77, 0),
                        loop_tag(OP_DONE, 0, 0));
    // Both loops are this thread's: a round here, a round there.
    for (int i = 0; i < 100 && (done_count == 0 || passed_count == 0); i++) {
        loop_round(loop, 1000 * 1000);
        loop_round(other, 1000 * 1000);
    }
    cr_assert_eq(done_count, 1);
    cr_assert_eq(passed_count, 1);
    cr_assert_eq(passed_result, 0, "the only slot there is: %d", passed_result);
    cr_assert_geq(done_result, 0, "%d", done_result);

    // This end may go; the connection lives on over there.
    io_prep_close_direct(loop_sqe(loop, 0), direct, loop_tag(OP_DONE, 0, 0));
    cr_assert_eq(done(), 0);
    io_prep_send_quiet(loop_sqe(other, 1), passed_result, "hello", 5, loop_tag(OP_SEND, 0, 0));
    loop_submit_and_reap(other);
    char text[6] = "";
    cr_assert_eq(read(client, text, 5), 5);
    cr_assert_str_eq(text, "hello");
    fixture_loop_close(other);
}
