// link: tests/unit/ingest/rig.c
// link: tests/unit/ingest/fake_log.c
// link: tests/unit/ingest/frames.c
#include "ingest/module.h"
#include "unit/ingest/rig.h"

#include "base/clock.h"

#include <ringcast/protocol.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct buffer out;

static void setup(void)
{
    buffer_init(&out, 64 << 20);
}

static void teardown(void)
{
    buffer_free(&out);
    if (rig.ingest != NULL) {
        rig_end();
    }
}

TestSuite(ingest, .init = setup, .fini = teardown, .timeout = 60);

static struct ingest_status status(void)
{
    struct ingest_status now;
    ingest_get_status(rig.ingest, &now);
    return now;
}

static void send_out(struct rig_client *client)
{
    cr_assert_eq(buffer_failure(&out), 0);
    cr_assert(rig_write(client, buffer_slice(&out)));
    buffer_clear(&out);
}

// Rounds until the condition holds.
#define WAIT_FOR(condition)                                 \
    do {                                                    \
        for (uint64_t end = clock_monotonic_ms() + 10000;   \
             !(condition) && clock_monotonic_ms() < end;) { \
            rig_round();                                    \
            for (int n = 0; n < rig.client_count; n++) {    \
                rig_read(&rig.clients[n]);                  \
            }                                               \
        }                                                   \
        cr_assert(condition);                               \
    } while (0)

Test(ingest, the_socket_has_its_mode)
{
    rig_begin((struct ingest_options){.socket_mode = 0600});
    struct stat file;
    cr_assert_eq(stat(rig.path, &file), 0);
    cr_expect_eq(file.st_mode & 0777, 0600);
}

Test(ingest, start_up_failures_are_told)
{
    rig_begin((struct ingest_options){0});
    char message[LISTEN_ERROR_SIZE] = "";
    struct ingest_options options = {.socket_path = rig.path};
    cr_expect_null(ingest_create(&rig.loop, NULL, &options, NULL, NULL, message, sizeof message));
    cr_expect_not_null(strstr(message, rig.path), "%s", message);
    options.socket_path = "/nonexistent/directory/socket";
    cr_expect_null(ingest_create(&rig.loop, NULL, &options, NULL, NULL, message, sizeof message));
    uid_t uids[INGEST_LISTS_MAX + 1] = {0};
    options.allowed_uids = uids;
    options.allowed_uid_count = INGEST_LISTS_MAX + 1;
    cr_expect_null(ingest_create(&rig.loop, NULL, &options, NULL, NULL, message, sizeof message));
    cr_expect_not_null(strstr(message, "64 users"), "%s", message);
    options.allowed_uid_count = 0;
    options.producers_max = LOOP_SLOT_MAX;
    cr_expect_null(ingest_create(&rig.loop, NULL, &options, NULL, NULL, message, sizeof message));
    cr_expect_not_null(strstr(message, "no memory for"), "%s", message);
}

Test(ingest, many_producers_of_both_kinds)
{
    rig_begin((struct ingest_options){0});
    for (int i = 0; i < 20; i++) {
        struct rig_client *client = i % 2 == 0 ? rig_connect() : rig_connect_binary(1, 1);
        if (i % 2 == 0) {
            rig_write_text(client, "{\"stream\":\"s\",\"data\":1}\n");
        } else {
            frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
            send_out(client);
        }
    }
    rig_settle();
    cr_expect_eq(fake_log.count, 20);
    cr_expect_eq(status().producers, 20);
    for (int i = 0; i < 20; i++) {
        cr_expect_gt(buffer_length(&rig.clients[i].in), 0);
        rig_disconnect(&rig.clients[i]);
    }
    rig_settle();
    cr_expect_eq(status().producers, 0);
    cr_expect_eq(status().receive_bytes, 0);
    cr_expect_eq(status().connections, 20);
}

Test(ingest, producers_beyond_the_limit_are_told)
{
    rig_begin((struct ingest_options){.producers_max = 1});
    rig_connect();
    struct rig_client *lines = rig_connect();
    rig_write_text(lines, "{\"op\":\"status\"}\n");
    const char *text = rig_text(lines);
    cr_expect_eq(strncmp(text, "{\"error\":\"too_many_connections\",\"message\":\"", 43), 0, "%s",
                 text);
    cr_expect(lines->is_closed);
    struct rig_client *binary = rig_connect();
    frames_hello(&out, 1, 0, 0);
    send_out(binary);
    struct frames_answer answer = rig_answer(binary);
    cr_expect_eq(answer.error, ERR_TOO_MANY_CONNECTIONS);
    cr_expect_eq(answer.flags, RC_ERROR_CLOSING);
    // One that says nothing is told too, after a moment.
    struct rig_client *silent = rig_connect();
    WAIT_FOR(silent->is_closed);
    text = rig_text(silent);
    cr_expect_not_null(strstr(text, "too_many_connections"));
    cr_expect_eq(status().refused, 3);
    cr_expect_eq(status().producers, 1);
    // The place is free again.
    rig_disconnect(&rig.clients[0]);
    rig_settle();
    struct rig_client *next = rig_connect();
    rig_write_text(next, "{\"stream\":\"s\",\"data\":1}\n");
    cr_expect_str_eq(rig_text(next), "{\"id\":1000,\"sequence\":1}\n");
}

Test(ingest, more_connections_than_slots_wait_in_the_backlog)
{
    rig_begin((struct ingest_options){.producers_max = 1});
    for (int i = 0; i < 1 + INGEST_REFUSALS_MAX + 5; i++) {
        rig_connect();
    }
    rig_settle();
    cr_expect_eq(status().connections + status().refused, 1 + INGEST_REFUSALS_MAX);
    WAIT_FOR(status().refused == INGEST_REFUSALS_MAX + 5);
    WAIT_FOR(rig.clients[1 + INGEST_REFUSALS_MAX + 4].is_closed);
    cr_expect_not(rig.clients[0].is_closed);
}

Test(ingest, whoever_is_not_allowed_is_told)
{
    if (geteuid() != 0) {
        const uid_t somebody = geteuid() + 1;
        rig_begin((struct ingest_options){.allowed_uids = &somebody, .allowed_uid_count = 1});
        struct rig_client *client = rig_connect();
        rig_write_text(client, "{\"op\":\"status\"}\n");
        const char *text = rig_text(client);
        cr_expect_not_null(strstr(text, "\"error\":\"forbidden\""), "%s", text);
        rig_end();
        rig.ingest = NULL;
    }
    // A group that is allowed, and a producer whose user is not: as child, with another user id.
    const gid_t group = getegid();
    rig_begin((struct ingest_options){.allowed_gids = &group, .allowed_gid_count = 1});
    struct rig_client *client = rig_connect();
    rig_write_text(client, "{\"stream\":\"s\",\"data\":1}\n");
    cr_expect_str_eq(rig_text(client), "{\"id\":1000,\"sequence\":1}\n");
}

Test(ingest, a_request_that_waits_too_long_is_refused)
{
    rig_begin((struct ingest_options){.wait_ms_max = 100});
    fake_log.room = 0;
    struct rig_client *client = rig_connect_binary(1, 1);
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
    frames_publish(&out, 2, RC_LEVEL_WRITTEN, 0, "s", "y");
    send_out(client);
    struct rig_client *lines = rig_connect();
    rig_write_text(lines, "{\"stream\":\"s\",\"data\":1,\"ref\":1}\n");
    uint64_t start = clock_monotonic_ms();
    WAIT_FOR(buffer_length(&client->in) > 0 && buffer_length(&lines->in) > 0);
    cr_expect_geq(clock_monotonic_ms() - start, 80);
    cr_expect_eq(rig_answer(client).error, ERR_BACKPRESSURE_EXCEEDED);
    cr_expect_eq(rig_answer(client).error, ERR_BACKPRESSURE_EXCEEDED);
    const char *text = rig_text(lines);
    cr_expect_eq(strncmp(text, "{\"ref\":1,\"error\":\"backpressure_exceeded\"", 40), 0, "%s",
                 text);
    cr_expect_eq(fake_log.count, 0);
    // What comes later waits anew, and is taken when there is room.
    frames_publish(&out, 3, RC_LEVEL_WRITTEN, 0, "s", "z");
    send_out(client);
    rig_expect_nothing(client);
    fake_log_make_room(10);
    struct frames_answer answer = rig_answer(client);
    cr_expect_eq(answer.request, 3);
    cr_expect_eq(answer.kind, RC_FRAME_ACK);
    cr_expect_eq(fake_log.count, 1);
}

Test(ingest, other_terms_hold_for_what_comes_and_what_waits)
{
    rig_begin((struct ingest_options){.wait_ms_max = 1000 * 1000});
    fake_log.room = 0;
    struct rig_client *client = rig_connect_binary(1, 1);
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
    send_out(client);
    rig_expect_nothing(client);
    const uid_t own = geteuid();
    const gid_t group = getegid();
    struct ingest_terms terms = {.wait_ms_max = 50,
                                 .allowed_uid_count = 2,
                                 .allowed_uids = {own + 1, own + 2},
                                 .allowed_gid_count = 1,
                                 .allowed_gids = {group}};
    ingest_set_terms(rig.ingest, &terms);
    WAIT_FOR(buffer_length(&client->in) > 0);
    cr_expect_eq(rig_answer(client).error, ERR_BACKPRESSURE_EXCEEDED);
    const struct peer_rule *rule = &rig.ingest->rule;
    cr_expect_eq(rule->uid_count, 2);
    cr_expect_eq(rule->uids[1], own + 2);
    cr_expect_eq(rule->gid_count, 1);
    cr_expect_eq(rule->gids[0], group);
    terms.allowed_uid_count = terms.allowed_gid_count = 0;
    ingest_set_terms(rig.ingest, &terms);
    cr_expect_eq(rule->uid_count, 1);
    cr_expect_eq(rule->uids[0], own);
    cr_expect_eq(rule->gid_count, 0);
}

Test(ingest, a_waiting_producer_is_not_read_from)
{
    rig_begin((struct ingest_options){0});
    fake_log.room = 0;
    struct rig_client *client = rig_connect_binary(1, 1);
    for (int i = 0; i < 100000; i++) {
        frames_publish(&out, 1, RC_LEVEL_RECEIVED, 0, "s", "some event's data");
    }
    cr_expect_not(rig_write(client, buffer_slice(&out)));
    cr_expect_leq(status().bytes, 2 * INPUT_LARGE_BYTES);
    cr_expect_leq(status().receive_bytes, INPUT_LARGE_BYTES);
    cr_expect_eq(status().waits, 1);
    // The others are not held up by that: the log is full for all, though each is told when there
    // is room.
    struct rig_client *other = rig_connect();
    rig_write_text(other, "{\"stream\":\"s\",\"data\":1}\n");
    rig_settle();
    fake_log_make_room(UINT32_MAX);
    cr_expect_neq(rig_text(other)[0], 0);
}

Test(ingest, credit_follows_the_fill)
{
    rig_begin((struct ingest_options){.credit_bytes = 1 << 20});
    struct rig_client *client = rig_connect_binary(1, 1);
    fake_log.full_permille = 700;
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
    send_out(client);
    cr_expect_eq(rig_answer(client).kind, RC_FRAME_ACK);
    rig_expect_nothing(client);
    cr_expect_eq(status().full_permille, 700);
    const struct {
        uint32_t full_permille;
        uint64_t credit;
    } steps[] = {
        {800, 1 << 18}, {950, 1 << 16}, {700, 1 << 16},
        {850, 1 << 16}, {599, 1 << 20}, {1000, 1 << 16},
    };
    cr_expect_eq(client->credit, 0);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        fake_log.full_permille = steps[i].full_permille;
        frames_publish(&out, 1, RC_LEVEL_RECEIVED, 0, "s", "x");
        send_out(client);
        cr_expect_eq(rig_answer(client).kind, RC_FRAME_ACK);
        rig_expect_nothing(client);
        cr_expect_eq(client->credit, steps[i].credit, "step %zu", i);
    }
    cr_expect_eq(status().full_permille, 1000);
    // It rises again by itself.
    fake_log.full_permille = 0;
    WAIT_FOR(buffer_length(&client->in) > 0);
    rig_expect_nothing(client);
    cr_expect_eq(client->credit, 1 << 20);
}

Test(ingest, whoever_exceeds_its_credit_is_not_read_from)
{
    rig_begin((struct ingest_options){.credit_bytes = 1000});
    fake_log.holds = true;
    struct rig_client *client = rig_connect_binary(1, 1);
    for (int i = 0; i < 100; i++) {
        frames_publish(&out, (uint64_t)i, RC_LEVEL_WRITTEN, 0, "s", "0123456789");
    }
    send_out(client);
    rig_settle();
    cr_expect_eq(fake_log.count, 1000 / (16 + 28 + 11) + 1);
    fake_log.holds = false;
    rig_settle();
    cr_expect_eq(fake_log.count, 100);
    for (uint64_t i = 0; i < 100; i++) {
        cr_expect_eq(rig_answer(client).request, i);
    }
}

Test(ingest, producers_take_turns)
{
    rig_begin((struct ingest_options){0});
    fake_log.room = 0;
    struct rig_client *clients[4];
    const char *streams[] = {"s0", "s1", "s2", "s3"};
    char data[1000];
    memset(data, 'x', sizeof data - 1);
    data[sizeof data - 1] = 0;
    for (int i = 0; i < 4; i++) {
        clients[i] = rig_connect_binary((uint64_t)i + 1, 1);
        for (int n = 0; n < 150; n++) {
            frames_publish(&out, (uint64_t)n, RC_LEVEL_WRITTEN, 0, streams[i], data);
        }
        send_out(clients[i]);
    }
    rig_settle();
    fake_log_make_room(UINT32_MAX);
    for (int round = 0; round < 40; round++) {
        rig_round();
    }
    // The first turn of each comes before the second of any.
    uint32_t first[4] = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    uint32_t counts[4] = {0};
    for (uint32_t i = 0; i < fake_log.count; i++) {
        int n = fake_log.records[i].stream[1] - '0';
        first[n] = first[n] == UINT32_MAX ? i : first[n];
        counts[n]++;
        for (int other = 0; other < 4; other++) {
            cr_assert(counts[n] <= INGEST_TURN_BYTES / 1000 + 2 || first[other] < i);
        }
    }
    rig_settle();
    cr_expect_eq(fake_log.count, 600);
}

Test(ingest, whoever_does_not_read_its_answers_is_stopped_and_then_closed)
{
    rig_begin((struct ingest_options){.stall_ms_max = 300, .credit_bytes = 64 << 20});
    struct rig_client *client = rig_connect_binary(1, 1);
    int fd = client->fd;
    client->fd = -1; // rig_read passes over it
    for (int i = 0; i < 100000; i++) {
        frames_publish(&out, 1, RC_LEVEL_RECEIVED, 0, "s", "x");
    }
    struct slice rest = buffer_slice(&out);
    bool is_closed = false;
    for (uint64_t end = clock_monotonic_ms() + 10000; !is_closed && clock_monotonic_ms() < end;) {
        ssize_t count = rest.length == 0 ? 0 : send(fd, rest.at, rest.length, MSG_NOSIGNAL);
        rest = slice_after(rest, count > 0 ? (size_t)count : 0);
        rig_round();
        is_closed = status().producers == 0;
    }
    cr_expect(is_closed);
    cr_expect_lt(fake_log.count, 60000);
    close(fd);
}

Test(ingest, receive_memory_is_bounded)
{
    rig_begin((struct ingest_options){.receive_bytes_max = 64 << 10});
    struct rig_client *client = rig_connect_binary(1, 1);
    char *data = malloc(200000);
    memset(data, 'x', 199999);
    data[199999] = 0;
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", data);
    frames_publish(&out, 2, RC_LEVEL_WRITTEN, 0, "s", "small");
    send_out(client);
    cr_expect_eq(rig_answer(client).error, ERR_BUFFER_OVERFLOW);
    cr_expect_eq(rig_answer(client).request, 2);
    cr_expect_leq(status().receive_bytes, 64 << 10);
    struct rig_client *lines = rig_connect();
    buffer_append_text(&out, "{\"ref\":1,\"stream\":\"s\",\"data\":\"");
    buffer_append_text(&out, data);
    buffer_append_text(&out, "\"}\n{\"ref\":2,\"stream\":\"s\",\"data\":1}\n");
    send_out(lines);
    const char *text = rig_text(lines);
    cr_expect_eq(strncmp(text, "{\"ref\":1,\"error\":\"buffer_overflow\"", 34), 0, "%s", text);
    cr_expect_not_null(strstr(text, "{\"ref\":2,\"id\":1001,"));
    free(data);
    // When not even the smallest buffer is left, the connection ends.
    for (int i = 0; i < 16; i++) {
        rig_connect();
    }
    rig_settle();
    cr_expect_leq(status().receive_bytes, 64 << 10);
    cr_expect_lt(status().producers, 18);
}

Test(ingest, stopping_answers_and_takes_no_more)
{
    rig_begin((struct ingest_options){0});
    fake_log.holds = true;
    struct rig_client *client = rig_connect_binary(1, 1);
    struct rig_client *lines = rig_connect();
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
    send_out(client);
    rig_settle();
    fake_log.room = 0;
    frames_publish(&out, 2, RC_LEVEL_WRITTEN, 0, "s", "waits");
    send_out(client);
    rig_settle();
    cr_expect_not(ingest_is_idle(rig.ingest));
    ingest_stop(rig.ingest);
    ingest_stop(rig.ingest);
    cr_expect_not(ingest_is_idle(rig.ingest));
    struct frames_answer answer = rig_answer(client);
    cr_expect_eq(answer.request, 2);
    cr_expect_eq(answer.error, ERR_SHUTTING_DOWN);
    rig_write_text(lines, "{\"stream\":\"s\",\"data\":1,\"ref\":1}\n{\"op\":\"set\",\"stream\":"
                          "\"s\",\"ref\":2}\n{\"op\":\"discard\",\"stream\":\"s\",\"ref\":3}\n");
    const char *text = rig_text(lines);
    for (int i = 1; i <= 3; i++) {
        char expected[60];
        snprintf(expected, sizeof expected, "{\"ref\":%d,\"error\":\"shutting_down\"", i);
        cr_expect_not_null(strstr(text, expected), "%s", text);
    }
    frames_put(&out, RC_FRAME_DISCARD, 3, slice_of("s"));
    send_out(client);
    cr_expect_eq(rig_answer(client).error, ERR_SHUTTING_DOWN);
    cr_expect_not(ingest_is_idle(rig.ingest));
    cr_expect_neq(access(rig.path, F_OK), 0);
    fake_log_acknowledge_all();
    cr_expect_eq(rig_answer(client).request, 1);
    rig_settle();
    cr_expect(ingest_is_idle(rig.ingest));
}

Test(ingest, acknowledgements_for_the_gone_are_ignored)
{
    rig_begin((struct ingest_options){0});
    fake_log.holds = true;
    struct rig_client *client = rig_connect_binary(1, 1);
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
    frames_header(&out, UINT32_MAX, 0, 0, 0); // loses its framing
    send_out(client);
    rig_settle();
    cr_expect(client->is_closed);
    cr_expect_eq(status().producers, 0);
    struct rig_client *next = rig_connect_binary(1, 1); // in the same slot
    fake_log_acknowledge_all();
    rig_expect_nothing(next);
}

Test(ingest, destroyed_in_the_middle_of_everything)
{
    rig_begin((struct ingest_options){0});
    fake_log.holds = true;
    for (int i = 0; i < 5; i++) {
        struct rig_client *client = rig_connect_binary(1, 1);
        frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
        frames_header(&out, 1000, RC_FRAME_PUBLISH, 0, 2);
        send_out(client);
    }
    rig_round();
    struct ingest *ingest = rig.ingest;
    rig.ingest = NULL;
    ingest_destroy(ingest);
    ingest_destroy(NULL);
    loop_stop(&rig.loop);
    loop_free(&rig.loop);
    cr_expect_neq(access(rig.path, F_OK), 0);
    rmdir(rig.directory);
    fake_log_end();
}
