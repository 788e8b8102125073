// link: tests/unit/ingest/rig.c
// link: tests/unit/ingest/fake_log.c
// link: tests/unit/ingest/frames.c
#include "ingest/module.h"
#include "unit/ingest/rig.h"

#include <ringcast/protocol.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static struct buffer out;

static void setup(void)
{
    rig_begin((struct ingest_options){.idle_ms = 100});
    buffer_init(&out, 64 << 20);
}

static void teardown(void)
{
    buffer_free(&out);
    rig_end();
}

TestSuite(speak_binary, .init = setup, .fini = teardown, .timeout = 60);

static void send_out(struct rig_client *client)
{
    cr_assert_eq(buffer_failure(&out), 0);
    cr_assert(rig_write(client, buffer_slice(&out)));
    buffer_clear(&out);
}

static void expect_ack(struct rig_client *client, uint64_t request, uint64_t id, uint64_t sequence)
{
    struct frames_answer answer = rig_answer(client);
    cr_assert_eq(answer.kind, RC_FRAME_ACK, "%u %s", answer.kind, answer.message);
    cr_expect_eq(answer.request, request);
    cr_expect_eq(answer.id, id);
    cr_expect_eq(answer.sequence, sequence);
    cr_expect_eq(answer.refused, 0);
}

static struct frames_answer expect_error(struct rig_client *client, uint64_t request,
                                         enum rc_error error)
{
    struct frames_answer answer = rig_answer(client);
    cr_assert_eq(answer.kind, RC_FRAME_ERROR, "%u", answer.kind);
    cr_expect_eq(answer.request, request);
    cr_expect_eq(answer.error, error, "%u %s", answer.error, answer.message);
    cr_expect_gt(strlen(answer.message), 0);
    return answer;
}

Test(speak_binary, publishes_at_every_level)
{
    struct rig_client *client = rig_connect_binary(77, 3);
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 10, "chat/42", "hi");
    frames_publish(&out, 2, RC_LEVEL_SYNCED, 11, "chat/42", "ho");
    frames_publish(&out, 3, RC_LEVEL_RECEIVED, 12, "chat/42", "");
    frames_publish(&out, UINT64_MAX, RC_LEVEL_WRITTEN, 0, "chat/42", "x");
    send_out(client);
    expect_ack(client, 3, 0, 0); // at once
    expect_ack(client, 1, 1000, 1);
    expect_ack(client, 2, 1001, 2);
    expect_ack(client, UINT64_MAX, 1003, 4);
    cr_assert_eq(fake_log.count, 4);
    cr_expect_str_eq(fake_log.records[0].stream, "chat/42");
    cr_expect_str_eq(fake_log.records[0].data, "hi");
    cr_expect_eq(fake_log.records[0].producer_id, 77);
    cr_expect_eq(fake_log.records[0].epoch, 3);
    cr_expect_eq(fake_log.records[0].producer_sequence, 10);
    cr_expect_eq(fake_log.records[1].level, ACK_SYNCED);
    cr_expect_eq(fake_log.records[2].level, ACK_RECEIVED);
    cr_expect_eq(fake_log.records[3].producer_id, 0); // not idempotent
}

Test(speak_binary, every_field_of_an_event)
{
    struct rig_client *client = rig_connect_binary(0, 0);
    struct frames_event event = {
        .stream = "s",
        .type = "t",
        .data = SLICE_LITERAL("\xff\0\r"),
        .attributes = SLICE_LITERAL("\2\0\1\0x"),
        .sequence = 5,
        .ttl_ms = 6,
        .retry_ms = 7,
        .priority = 1,
        .flags = RC_EVENT_BINARY | RC_EVENT_EPHEMERAL,
    };
    frames_batch(&out, 1, RC_LEVEL_WRITTEN, &event, 1);
    send_out(client);
    struct frames_answer answer = rig_answer(client);
    cr_expect_eq(answer.accepted, 1);
    cr_expect_eq(answer.id, 0);
    const struct fake_log_record *record = &fake_log.records[0];
    cr_expect_str_eq(record->type, "t");
    cr_expect_eq(record->data_length, 3);
    cr_expect_eq(record->attributes_length, 5);
    cr_expect_eq(record->ttl_ms, 6);
    cr_expect_eq(record->retry_ms, 7);
    cr_expect_eq(record->priority, PRIORITY_HIGH);
    cr_expect(record->binary);
    cr_expect(record->ephemeral);
    cr_expect_eq(record->level, ACK_RECEIVED);
    cr_expect_eq(record->producer_id, 0); // no id in HELLO
}

Test(speak_binary, a_conversation_cut_at_every_byte)
{
    frames_hello(&out, 1, 9, 1);
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "one");
    struct frames_event events[2] = {
        {.stream = "s", .type = "", .data = SLICE_LITERAL("two"), .priority = 2},
        {.stream = "s", .type = "", .data = SLICE_LITERAL("three"), .priority = 2},
    };
    frames_batch(&out, 2, RC_LEVEL_WRITTEN, events, 2);
    frames_put(&out, 99, 3, slice_of("what?"));
    frames_put(&out, RC_FRAME_PING, 4, slice_of("p"));
    struct slice all = buffer_slice(&out);
    for (size_t cut = 1; cut < all.length; cut++) {
        struct rig_client *client = rig_connect();
        uint32_t before = fake_log.count;
        cr_assert(rig_write(client, slice_first(all, cut)));
        rig_round();
        rig_round();
        cr_assert(rig_write(client, slice_after(all, cut)));
        rig_settle();
        bool seen[5] = {false};
        for (int i = 0; i < 5; i++) {
            struct frames_answer answer = rig_answer(client);
            cr_assert_leq(answer.request, 4);
            seen[answer.request] = true;
        }
        for (int i = 0; i < 5; i++) {
            cr_assert(seen[i], "cut at %zu: no answer to %d", cut, i);
        }
        cr_assert_eq(fake_log.count, before + 3);
        cr_assert_str_eq(fake_log.records[before + 2].data, "three");
        rig_disconnect(client);
        rig.client_count--;
        rig_settle();
    }
}

Test(speak_binary, byte_by_byte)
{
    frames_hello(&out, 1, 9, 1);
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "one");
    struct rig_client *client = rig_connect();
    for (size_t i = 0; i < buffer_length(&out); i++) {
        cr_assert(rig_write(client, slice_from(buffer_slice(&out).at + i, 1)));
        rig_round();
    }
    cr_expect_eq(rig_answer(client).kind, RC_FRAME_WELCOME);
    expect_ack(client, 1, 1000, 1);
}

Test(speak_binary, a_bad_hello_ends_the_connection)
{
    const struct {
        const char *hello;
        enum rc_error error;
        uint32_t offset;
    } cases[] = {
        {"\xf7RCX\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", ERR_INVALID_REQUEST, 0},
        {"\xf7RCP\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", ERR_UNSUPPORTED_VERSION, 4},
    };
    for (size_t i = 0; i < 2; i++) {
        struct rig_client *client = rig_connect();
        cr_assert(rig_write(client, slice_from(cases[i].hello, RC_HELLO_BYTES)));
        struct frames_answer answer = expect_error(client, 0, cases[i].error);
        cr_expect_eq(answer.flags, RC_ERROR_CLOSING);
        cr_expect_eq(answer.offset, cases[i].offset);
        rig_settle();
        cr_expect(client->is_closed);
    }
}

Test(speak_binary, wrong_frames_leave_the_connection_usable)
{
    struct rig_client *client = rig_connect_binary(1, 1);
    frames_put(&out, 7, 1, slice_of("xyz"));              // unknown kind
    frames_put(&out, RC_FRAME_WELCOME, 2, slice_empty()); // of the other direction
    frames_header(&out, 0, RC_FRAME_PUBLISH, 3, 3);       // unknown level
    frames_header(&out, 0, RC_FRAME_PING, 1, 4);          // no level here
    frames_put(&out, RC_FRAME_PUBLISH, 5, slice_of("short"));
    frames_put(&out, RC_FRAME_BATCH, 6, slice_of("\0\0\0\0"));
    frames_put(&out, RC_FRAME_SET, 7, slice_of("short"));
    frames_put(&out, RC_FRAME_DISCARD, 8, slice_empty());
    frames_put(&out, RC_FRAME_DISCARD, 9, slice_of("a\nb"));
    char ping[RC_PING_BYTES_MAX + 1] = {0};
    frames_put(&out, RC_FRAME_PING, 10, slice_from(ping, sizeof ping));
    frames_publish(&out, 11, RC_LEVEL_WRITTEN, 0, "", "no name");
    frames_publish(&out, 12, RC_LEVEL_WRITTEN, 0, "s", "\xff no text");
    frames_publish(&out, 13, RC_LEVEL_WRITTEN, 0, "s", "good");
    send_out(client);
    const enum rc_error errors[] = {
        ERR_INVALID_REQUEST, ERR_INVALID_REQUEST, ERR_INVALID_PARAMETER, ERR_INVALID_PARAMETER,
        ERR_INVALID_REQUEST, ERR_INVALID_REQUEST, ERR_INVALID_REQUEST,   ERR_INVALID_NAME,
        ERR_INVALID_NAME,    ERR_TOO_LARGE,       ERR_INVALID_NAME,      ERR_SERIALIZATION_ERROR,
    };
    for (unsigned i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct frames_answer answer = expect_error(client, i + 1, errors[i]);
        cr_expect_eq(answer.flags, 0);
    }
    expect_ack(client, 13, 1000, 1);
    struct ingest_status status;
    ingest_get_status(rig.ingest, &status);
    cr_expect_eq(status.errors, 12);
}

Test(speak_binary, bytes_after_an_event)
{
    struct rig_client *client = rig_connect_binary(1, 1);
    struct frames_event event = {.stream = "s", .type = "", .data = SLICE_LITERAL("x")};
    frames_header(&out, 28 + 2 + 1, RC_FRAME_PUBLISH, 0, 1);
    frames_event(&out, &event);
    buffer_append_byte(&out, 'y');
    frames_publish(&out, 2, RC_LEVEL_WRITTEN, 0, "s", "good");
    send_out(client);
    cr_expect_eq(expect_error(client, 1, ERR_INVALID_REQUEST).offset, 16 + 30);
    expect_ack(client, 2, 1000, 1);
}

Test(speak_binary, lost_framing_closes)
{
    for (int i = 0; i < 2; i++) {
        struct rig_client *client = rig_connect_binary(1, 1);
        frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "good");
        if (i == 0) {
            frames_header(&out, RC_SKIP_BYTES_MAX + 1, RC_FRAME_PUBLISH, 0, 2);
        } else {
            frames_header(&out, 0, RC_FRAME_PUBLISH, 0, 2);
            out.storage[out.end - 9] = 1; // reserved
        }
        buffer_append_text(&out, "garbage garbage garbage");
        send_out(client);
        struct frames_answer answer =
            expect_error(client, 0, i == 0 ? ERR_TOO_LARGE : ERR_INVALID_REQUEST);
        cr_expect_eq(answer.flags, RC_ERROR_CLOSING);
        rig_settle();
        cr_expect(client->is_closed);
    }
    cr_expect_eq(fake_log.count, 2);
}

Test(speak_binary, a_frame_over_the_limit_is_passed_over)
{
    struct rig_client *client = rig_connect_binary(1, 1);
    frames_header(&out, 3 << 20, RC_FRAME_PUBLISH, 0, 1);
    for (int i = 0; i < 3 << 10; i++) {
        static const char kilobyte[1024];
        buffer_append(&out, kilobyte, sizeof kilobyte);
    }
    frames_publish(&out, 2, RC_LEVEL_WRITTEN, 0, "s", "good");
    send_out(client);
    expect_error(client, 1, ERR_TOO_LARGE);
    expect_ack(client, 2, 1000, 1);
}

Test(speak_binary, the_largest_event)
{
    struct rig_client *client = rig_connect_binary(1, 1);
    char *data = malloc((1 << 20) + 2);
    memset(data, 'x', (1 << 20) + 1);
    data[(1 << 20) + 1] = 0;
    frames_publish(&out, 2, RC_LEVEL_WRITTEN, 0, "s", data);
    data[1 << 20] = 0;
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", data);
    send_out(client);
    expect_error(client, 2, ERR_TOO_LARGE);
    expect_ack(client, 1, 1000, 1);
    cr_expect_eq(fake_log.records[0].data_length, 1 << 20);
    free(data);
    // The memory is given back after a while without use.
    struct ingest_status status;
    rig_pass(100 + 2 * INGEST_SWEEP_MS_MAX + 100);
    ingest_get_status(rig.ingest, &status);
    cr_expect_leq(status.receive_bytes, 4096);
    frames_publish(&out, 3, RC_LEVEL_WRITTEN, 0, "s", "again");
    send_out(client);
    expect_ack(client, 3, 1001, 2);
}

static void put_batch(uint64_t request, uint32_t count, const char *stream)
{
    struct frames_event *events = calloc(count, sizeof *events);
    char(*data)[16] = calloc(count, sizeof *data);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(data[i], sizeof *data, "%u", i);
        events[i] = (struct frames_event){.stream = stream,
                                          .type = "",
                                          .data = slice_of(data[i]),
                                          .sequence = i + 1,
                                          .priority = 2};
    }
    frames_batch(&out, request, RC_LEVEL_WRITTEN, events, count);
    free(events);
    free(data);
}

Test(speak_binary, batches_over_many_rounds)
{
    struct rig_client *client = rig_connect_binary(1, 1);
    put_batch(1, 20000, "a");
    put_batch(2, 3, "b");
    send_out(client);
    struct frames_answer answer = rig_answer(client);
    cr_expect_eq(answer.request, 1);
    cr_expect_eq(answer.accepted, 20000);
    cr_expect_eq(answer.id, 1000 + 19999);
    cr_expect_eq(answer.sequence, 20000);
    answer = rig_answer(client);
    cr_expect_eq(answer.request, 2);
    cr_expect_eq(answer.accepted, 3);
    for (uint32_t i = 0; i < 20000; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "%u", i);
        cr_assert_str_eq(fake_log.records[i].data, expected);
    }
}

Test(speak_binary, a_batch_waits_in_its_middle)
{
    fake_log.room = 0;
    struct rig_client *client = rig_connect_binary(1, 1);
    put_batch(1, 10, "a");
    frames_publish(&out, 2, RC_LEVEL_WRITTEN, 0, "b", "x");
    send_out(client);
    for (uint32_t n = 0; n <= 10; n++) {
        rig_settle();
        cr_assert_eq(fake_log.count, n);
        if (n < 10) {
            rig_expect_nothing(client);
        }
        fake_log_make_room(1);
    }
    struct frames_answer answer = rig_answer(client);
    cr_expect_eq(answer.request, 1);
    cr_expect_eq(answer.accepted, 10);
    expect_ack(client, 2, 1010, 1);
}

Test(speak_binary, a_repeated_batch)
{
    struct rig_client *client = rig_connect_binary(1, 1);
    put_batch(1, 5, "a");
    send_out(client);
    cr_expect_eq(rig_answer(client).accepted, 5);
    put_batch(2, 8, "a");
    send_out(client);
    struct frames_answer answer = rig_answer(client);
    cr_expect_eq(answer.accepted, 3);
    cr_expect_eq(answer.duplicates, 5);
    cr_expect_eq(answer.id, 1012);
    put_batch(3, 8, "a");
    send_out(client);
    answer = rig_answer(client);
    cr_expect_eq(answer.accepted, 0);
    cr_expect_eq(answer.duplicates, 8);
    cr_expect_eq(answer.id, 1012);
}

Test(speak_binary, bad_events_of_a_batch_do_not_stop_the_others)
{
    struct rig_client *client = rig_connect_binary(1, 1);
    struct frames_event events[40];
    for (int i = 0; i < 40; i++) {
        events[i] = (struct frames_event){.stream = i % 2 == 0 ? "good" : "bad\n",
                                          .type = "",
                                          .data = SLICE_LITERAL("x"),
                                          .priority = 2};
    }
    frames_batch(&out, 9, RC_LEVEL_WRITTEN, events, 40);
    send_out(client);
    for (uint32_t i = 0; i < RC_BATCH_ERRORS_MAX; i++) {
        struct frames_answer answer = expect_error(client, 9, ERR_INVALID_NAME);
        cr_expect_eq(answer.flags, RC_ERROR_MORE);
        cr_expect_eq(answer.index, 2 * i + 1);
    }
    struct frames_answer answer = rig_answer(client);
    cr_expect_eq(answer.kind, RC_FRAME_ACK);
    cr_expect_eq(answer.accepted, 20);
    cr_expect_eq(answer.refused, 20);
}

Test(speak_binary, what_the_log_refuses)
{
    struct rig_client *client = rig_connect_binary(1, 1);
    fake_log.refusal = ERR_TOO_MANY_STREAMS;
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
    frames_put(&out, RC_FRAME_DISCARD, 2, slice_of("s"));
    send_out(client);
    expect_error(client, 1, ERR_TOO_MANY_STREAMS);
    expect_error(client, 2, ERR_TOO_MANY_STREAMS);
    fake_log.refusal = ERR_NONE;
    fake_log.failure = ERR_LOG_ERROR;
    frames_publish(&out, 3, RC_LEVEL_WRITTEN, 0, "s", "x");
    put_batch(4, 2, "s");
    send_out(client);
    cr_expect_eq(expect_error(client, 3, ERR_LOG_ERROR).flags, 0);
    cr_expect_eq(expect_error(client, 4, ERR_LOG_ERROR).flags, RC_ERROR_MORE);
    cr_expect_eq(expect_error(client, 4, ERR_LOG_ERROR).index, 1);
    struct frames_answer answer = rig_answer(client);
    cr_expect_eq(answer.request, 4);
    cr_expect_eq(answer.refused, 2);
}

Test(speak_binary, answers_from_inside_the_append)
{
    fake_log.answers_at_once = true;
    struct rig_client *client = rig_connect_binary(1, 1);
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
    put_batch(2, 3, "t");
    send_out(client);
    expect_ack(client, 1, 1000, 1);
    cr_expect_eq(rig_answer(client).accepted, 3);
}

Test(speak_binary, set_discard_ping)
{
    struct rig_client *client = rig_connect_binary(0, 0);
    uint8_t set[RC_SET_BYTES + 1] = {1};
    set[8] = 2;
    set[16] = 3;
    set[24] = 4;
    set[RC_SET_BYTES] = 's';
    frames_put(&out, RC_FRAME_SET, 1, slice_from(set, sizeof set));
    frames_put(&out, RC_FRAME_DISCARD, 2, slice_of("chat"));
    frames_put(&out, RC_FRAME_PING, 3, slice_of("hello"));
    send_out(client);
    struct frames_answer answer = rig_answer(client);
    cr_expect_eq(answer.kind, RC_FRAME_PONG);
    cr_expect_eq(answer.request, 3);
    cr_expect(slice_equal_text(answer.payload, "hello"));
    expect_ack(client, 1, 1000, 1);
    expect_ack(client, 2, 1001, 1);
    cr_expect_eq(fake_log.records[0].kind, FAKE_SET);
    cr_expect_eq(fake_log.records[0].settings.idle_ttl_ms, 4);
    cr_expect_eq(fake_log.records[1].kind, FAKE_DISCARD);
    cr_expect_str_eq(fake_log.records[1].stream, "chat");
    uint8_t end[RC_END_BYTES + 1] = {RC_END_CANCELLED};
    end[RC_END_BYTES] = 's';
    frames_header(&out, sizeof end, RC_FRAME_END, RC_LEVEL_SYNCED, 5);
    buffer_append(&out, end, sizeof end);
    send_out(client);
    cr_expect_eq(rig_answer(client).request, 5);
    cr_expect_eq(fake_log.records[2].kind, FAKE_END);
    cr_expect_eq(fake_log.records[2].life, STREAM_CANCELLED);
    cr_expect_eq(fake_log.records[2].level, ACK_SYNCED);
    fake_log.room = 0;
    frames_put(&out, RC_FRAME_DISCARD, 4, slice_of("chat"));
    send_out(client);
    rig_expect_nothing(client);
    fake_log_make_room(5);
    cr_expect_eq(rig_answer(client).request, 4);
}

Test(speak_binary, the_end_of_input_is_answered_to_the_last_request)
{
    fake_log.holds = true;
    struct rig_client *client = rig_connect_binary(1, 1);
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
    frames_header(&out, 100, RC_FRAME_PUBLISH, 0, 2); // and no more of it
    send_out(client);
    shutdown(client->fd, SHUT_WR);
    rig_settle();
    cr_expect_not(client->is_closed);
    fake_log_acknowledge_all();
    expect_ack(client, 1, 1000, 1);
    rig_settle();
    cr_expect(client->is_closed);
}

Test(speak_binary, many_requests_outstanding)
{
    fake_log.holds = true;
    struct rig_client *client = rig_connect_binary(1, 1);
    for (uint32_t i = 0; i < 10000; i++) {
        frames_publish(&out, i, RC_LEVEL_WRITTEN, 0, "s", "x");
    }
    struct slice rest = buffer_slice(&out);
    for (bool is_stuck = false; !is_stuck;) {
        ssize_t count = send(client->fd, rest.at, rest.length, MSG_NOSIGNAL);
        is_stuck = count <= 0;
        rest = slice_after(rest, count > 0 ? (size_t)count : 0);
        rig_settle();
    }
    cr_expect_eq(fake_log.count, 4096); // REQUESTS_MAX
    fake_log.holds = false;
    cr_assert(rig_write(client, rest));
    rig_settle();
    cr_expect_eq(fake_log.count, 10000);
    for (uint32_t i = 0; i < 10000; i++) {
        cr_assert_eq(rig_answer(client).request, i);
    }
}
