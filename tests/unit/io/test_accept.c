#include "io/accept.h"

#include "io/send.h"
#include "unit/io/connection.h"
#include "unit/io/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    OP_ACCEPT = 10, // and the next, one for each set
    OP_CLOSE = 30,
    SETS = 4,
    CLIENTS_MAX = 400,
};

struct accepted {
    unsigned ring;
    uint8_t number;
    int descriptor;
    uint16_t port;
};

static struct accepted accepted[CLIENTS_MAX];
static uint32_t accepted_count;
static uint32_t closed_count;
static struct accept_set sets[SETS];
static struct accept_set *pause_at_once;
static uint32_t used[SETS];
static uint32_t table; // 0: do not mind it

static void see_accepted(void *context, unsigned ring, uint8_t number, int descriptor,
                         const struct sockaddr *address, socklen_t address_length)
{
    (void)context;
    cr_assert_lt(accepted_count, CLIENTS_MAX);
    cr_assert_geq(descriptor, 0);
    struct accepted *entry = &accepted[accepted_count++];
    *entry = (struct accepted){.ring = ring, .number = number, .descriptor = descriptor};
    if (address->sa_family == AF_INET) {
        cr_assert_eq(address_length, sizeof(struct sockaddr_in));
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        cr_assert_eq(ntohl(in.sin_addr.s_addr), INADDR_LOOPBACK);
        entry->port = ntohs(in.sin_port);
    }
    if (pause_at_once != NULL) {
        accept_pause(pause_at_once);
    }
    used[ring]++;
    if (table > 0 && used[ring] + sets[ring].inflight >= table) {
        accept_pause(&sets[ring]);
    }
}

static void see_closed(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                       int32_t result, uint32_t cqe_flags)
{
    (void)context;
    (void)loop;
    (void)ring;
    (void)user_data;
    (void)cqe_flags;
    cr_assert_eq(result, 0);
    closed_count++;
}

static struct loop *accepting_loop(uint32_t rings, uint32_t descriptors, uint32_t masked)
{
    struct loop_config config = {
        .name = "test",
        .sq_entries = 64,
        .direct_descriptors = descriptors,
        .features_masked = masked,
    };
    char error[LOOP_ERROR_SIZE];
    accepted_count = 0;
    closed_count = 0;
    struct loop *loop = fixture_loop_init(&config);
    for (uint32_t i = 1; i < rings; i++) {
        cr_assert_eq(loop_add_ring(loop, descriptors, error, sizeof error), (int)i, "%s", error);
    }
    fixture_loop_start(loop);
    loop_set_handler(loop, OP_CLOSE, see_closed, NULL);
    return loop;
}

static void close_accepted(struct loop *loop, uint32_t index)
{
    struct io_uring_sqe *sqe = loop_sqe(loop, accepted[index].ring);
    io_prep_close_direct(sqe, accepted[index].descriptor, loop_tag(OP_CLOSE, 0, 0));
}

static void stop(struct loop *loop, uint32_t set_count)
{
    for (uint32_t i = 0; i < set_count; i++) {
        accept_stop(&sets[i]);
        accept_stop(&sets[i]);
        FIXTURE_ROUNDS_UNTIL(loop, accept_is_stopped(&sets[i]));
    }
}

static void several_rings(uint32_t masked)
{
    // One ring alone would not hold them; a set stops before its table is full, and the next goes
    // on.
    table = CLIENTS_MAX / SETS + 20;
    struct loop *loop = accepting_loop(SETS, table, masked);
    struct connection_listener listener = connection_listen();
    for (unsigned i = 0; i < SETS; i++) {
        connection_accept(&sets[i], loop, i, (uint8_t)(OP_ACCEPT + i), listener.fd, 4,
                          see_accepted);
    }
    loop_round(loop, 0);
    int clients[CLIENTS_MAX];
    bool seen[65536] = {false};
    for (uint32_t i = 0; i < CLIENTS_MAX; i++) {
        uint16_t port = 0;
        clients[i] = connection_client(&listener, &port);
        seen[port] = true;
        if (i % 7 == 0) {
            FIXTURE_ROUNDS_UNTIL(loop, accepted_count == i + 1);
        }
    }
    FIXTURE_ROUNDS_UNTIL(loop, accepted_count == CLIENTS_MAX);
    // Each with the address of its own client.
    uint64_t total = 0;
    for (uint32_t i = 0; i < CLIENTS_MAX; i++) {
        cr_assert(seen[accepted[i].port]);
        seen[accepted[i].port] = false;
        cr_assert_lt(accepted[i].ring, SETS);
        close_accepted(loop, i);
    }
    for (unsigned i = 0; i < SETS; i++) {
        total += sets[i].accepted;
        cr_assert_leq(used[i], table);
        cr_assert_eq(sets[i].table_full, 0);
    }
    cr_assert_eq(total, CLIENTS_MAX);
    FIXTURE_ROUNDS_UNTIL(loop, closed_count == CLIENTS_MAX);
    for (uint32_t i = 0; i < CLIENTS_MAX; i++) {
        char byte;
        cr_assert_eq(read(clients[i], &byte, 1), 0, "the close reaches the client");
        close(clients[i]);
    }
    stop(loop, SETS);
    close(listener.fd);
    fixture_loop_close(loop);
}

Test(accept, fills_the_tables_of_several_rings, .timeout = 60)
{
    several_rings(0);
}

Test(accept, fills_the_tables_of_several_rings_as_on_6_1, .timeout = 60)
{
    several_rings(LOOP_FEATURES_NEWER_THAN_6_1);
}

Test(accept, fills_the_tables_of_several_rings_with_everything_masked, .timeout = 60)
{
    several_rings(LOOP_FEATURES_ALL);
}

Test(accept, a_full_table_rests_until_resumed, .timeout = 60)
{
    struct loop *loop = accepting_loop(1, 4, 0);
    struct connection_listener listener = connection_listen();
    connection_accept(&sets[0], loop, 0, OP_ACCEPT, listener.fd, 2, see_accepted);
    loop_round(loop, 0);
    int clients[6];
    for (int i = 0; i < 6; i++) {
        clients[i] = connection_client(&listener, NULL);
    }
    FIXTURE_ROUNDS_UNTIL(loop, sets[0].table_full > 0);
    cr_assert_eq(accepted_count, 4);
    cr_assert(sets[0].resting);
    close_accepted(loop, 0);
    close_accepted(loop, 1);
    FIXTURE_ROUNDS_UNTIL(loop, closed_count == 2);
    accept_resume(&sets[0]);
    int late = connection_client(&listener, NULL);
    FIXTURE_ROUNDS_UNTIL(loop, accepted_count >= 5);
    cr_assert_eq(sets[0].error, 0);
    close(late);
    for (int i = 0; i < 6; i++) {
        close(clients[i]);
    }
    stop(loop, 1);
    close(listener.fd);
    fixture_loop_close(loop);
}

Test(accept, a_rest_ends_by_itself, .timeout = 60)
{
    struct loop *loop = accepting_loop(1, 2, 0);
    struct connection_listener listener = connection_listen();
    connection_accept(&sets[0], loop, 0, OP_ACCEPT, listener.fd, 1, see_accepted);
    loop_round(loop, 0);
    int clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = connection_client(&listener, NULL);
    }
    FIXTURE_ROUNDS_UNTIL(loop, sets[0].resting);
    char byte;
    cr_assert_eq(read(clients[2], &byte, 1), 0, "the kernel dropped the third");
    close_accepted(loop, 0);
    int late = connection_client(&listener, NULL);
    FIXTURE_ROUNDS_UNTIL(loop, accepted_count == 3);
    cr_assert_not(sets[0].resting);
    close(late);
    for (int i = 0; i < 3; i++) {
        close(clients[i]);
    }
    stop(loop, 1);
    close(listener.fd);
    fixture_loop_close(loop);
}

Test(accept, a_pause_lets_in_only_what_was_armed, .timeout = 60)
{
    struct loop *loop = accepting_loop(1, 100, 0);
    struct connection_listener listener = connection_listen();
    pause_at_once = &sets[0];
    connection_accept(&sets[0], loop, 0, OP_ACCEPT, listener.fd, 3, see_accepted);
    loop_round(loop, 0);
    int clients[10];
    for (int i = 0; i < 10; i++) {
        clients[i] = connection_client(&listener, NULL);
    }
    FIXTURE_ROUNDS_UNTIL(loop, sets[0].inflight == 0);
    for (int i = 0; i < 5; i++) {
        loop_round(loop, FIXTURE_ROUND_NS);
    }
    cr_assert_eq(accepted_count, 3);
    pause_at_once = NULL;
    accept_resume(&sets[0]);
    accept_resume(&sets[0]);
    FIXTURE_ROUNDS_UNTIL(loop, accepted_count == 10);
    for (int i = 0; i < 10; i++) {
        close(clients[i]);
    }
    stop(loop, 1);
    close(listener.fd);
    fixture_loop_close(loop);
}

Test(accept, takes_connections_that_were_reset_in_the_backlog, .timeout = 60)
{
    struct loop *loop = accepting_loop(1, 100, 0);
    struct connection_listener listener = connection_listen();
    for (int i = 0; i < 20; i++) {
        connection_reset(connection_client(&listener, NULL));
    }
    int client = connection_client(&listener, NULL);
    connection_accept(&sets[0], loop, 0, OP_ACCEPT, listener.fd, 4, see_accepted);
    FIXTURE_ROUNDS_UNTIL(loop, sets[0].accepted + sets[0].aborted == 21);
    cr_assert_eq(sets[0].error, 0);
    close(client);
    stop(loop, 1);
    close(listener.fd);
    fixture_loop_close(loop);
}

Test(accept, a_broken_listener_is_told_and_rests, .timeout = 60)
{
    struct loop *loop = accepting_loop(1, 10, 0);
    struct connection_listener listener = connection_listen();
    connection_accept(&sets[0], loop, 0, OP_ACCEPT, listener.fd, 2, see_accepted);
    loop_round(loop, 0);
    cr_assert_eq(shutdown(listener.fd, SHUT_RDWR), 0);
    FIXTURE_ROUNDS_UNTIL(loop, sets[0].error != 0);
    cr_assert_eq(sets[0].error, EINVAL);
    cr_assert(sets[0].resting);
    stop(loop, 1);
    close(listener.fd);
    fixture_loop_close(loop);
}

// Each has a share of the accepts of its own: one that nobody comes to takes none from the others.
Test(accept, several_listeners_in_one_set, .timeout = 60)
{
    enum { LISTENERS = 3, EACH = 40 };
    struct loop *loop = accepting_loop(1, 2 * LISTENERS * EACH, 0);
    struct connection_listener listeners[LISTENERS];
    struct accept_listener given[LISTENERS];
    for (unsigned i = 0; i < LISTENERS; i++) {
        listeners[i] = connection_listen();
        given[i] = (struct accept_listener){.fd = listeners[i].fd, .number = (uint8_t)(7 - i)};
    }
    accept_start(&sets[0], loop, 0, OP_ACCEPT, given, LISTENERS, LISTENERS + 1, see_accepted, NULL);
    uint8_t number_of_port[65536] = {0};
    int clients[2 * EACH];
    for (uint32_t i = 0; i < 2 * EACH; i++) {
        uint16_t port = 0;
        clients[i] = connection_client(&listeners[1 + i % 2], &port);
        number_of_port[port] = given[1 + i % 2].number;
    }
    FIXTURE_ROUNDS_UNTIL(loop, accepted_count == 2 * EACH);
    cr_assert_eq(sets[0].inflight, LISTENERS + 1);
    for (uint32_t i = 0; i < 2 * EACH; i++) {
        cr_assert_eq(accepted[i].number, number_of_port[accepted[i].port]);
        close_accepted(loop, i);
        close(clients[i]);
    }
    FIXTURE_ROUNDS_UNTIL(loop, closed_count == 2 * EACH);
    stop(loop, 1);
    for (uint32_t i = 0; i < LISTENERS; i++) {
        close(listeners[i].fd);
    }
    fixture_loop_close(loop);
}

Test(accept, takes_unix_connections, .timeout = 60)
{
    char directory[] = "/tmp/ringcast-accept-XXXXXX";
    cr_assert_not_null(mkdtemp(directory));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", directory);
    struct listen_unix listener;
    char error[LISTEN_ERROR_SIZE];
    cr_assert_eq(listen_unix_open(&listener, address.sun_path, 0600, error, sizeof error), 0, "%s",
                 error);
    struct loop *loop = accepting_loop(1, 10, 0);
    connection_accept(&sets[0], loop, 0, OP_ACCEPT, listener.fd, 2, see_accepted);
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    FIXTURE_ROUNDS_UNTIL(loop, accepted_count == 1);
    close(client);
    stop(loop, 1);
    listen_unix_close(&listener);
    rmdir(directory);
    fixture_loop_close(loop);
}
