// link: tests/unit/ingest/rig.c
// link: tests/unit/ingest/fake_log.c
// link: tests/unit/ingest/frames.c
// Streams that block, whose subscribers are too far behind: what is held, for how long, and what
// the producers are told. On a clock of the test's own.
#include "ingest/module.h"
#include "ingest/requests.h"
#include "unit/ingest/rig.h"

#include "base/clock.h"
#include "base/prng.h"

#include <ringcast/protocol.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { WAIT_MS = 3000, EVENT_BYTES_LARGE = 60000 };

static struct buffer out;
static uint64_t now_ms = 1000;

uint64_t clock_monotonic_ns(void)
{
    return now_ms * 1000 * 1000;
}

uint64_t clock_realtime_ms(void)
{
    return now_ms;
}

static void setup(void)
{
    buffer_init(&out, 64 << 20);
    rig_begin((struct ingest_options){0});
    fake_log.wait_ms = WAIT_MS;
}

static void teardown(void)
{
    buffer_free(&out);
    rig_end();
}

TestSuite(hold, .init = setup, .fini = teardown, .timeout = 60);

// Steps shorter than the sweep's.
static void pass(uint64_t for_ms)
{
    for (uint64_t until_ms = now_ms + for_ms; now_ms < until_ms; now_ms += 20) {
        rig_round();
    }
    rig_settle();
}

static void press(const char *stream, enum log_pressure_stage stage)
{
    fake_log_press(stream, stage);
    rig_settle();
}

static struct rig_client *connect_version(uint16_t version)
{
    struct rig_client *client = rig_connect();
    frames_hello(&out, version, 1, 1);
    cr_assert(rig_write(client, buffer_slice(&out)));
    buffer_clear(&out);
    cr_assert_eq(rig_answer(client).kind, RC_FRAME_WELCOME);
    return client;
}

static void send_out(struct rig_client *client)
{
    cr_assert(rig_write(client, buffer_slice(&out)));
    buffer_clear(&out);
    rig_settle();
}

static struct ingest_status status(void)
{
    struct ingest_status now;
    ingest_get_status(rig.ingest, &now);
    return now;
}

static void expect_credit(struct rig_client *client, const char *stream, uint64_t credit)
{
    struct frames_answer answer = rig_answer(client);
    cr_assert_eq(answer.kind, RC_FRAME_STREAM_CREDIT);
    cr_expect_eq(answer.credit, credit, "%llu", (unsigned long long)answer.credit);
    cr_expect(slice_equal_text(slice_after(answer.payload, RC_STREAM_CREDIT_BYTES), stream));
}

static void expect_ack(struct rig_client *client, uint64_t request)
{
    struct frames_answer answer = rig_answer(client);
    cr_assert_eq(answer.kind, RC_FRAME_ACK);
    cr_expect_eq(answer.request, request);
}

Test(hold, events_wait_in_order_and_others_pass)
{
    struct rig_client *client = connect_version(1);
    press("s", LOG_PRESSURE_FULL);
    for (uint64_t i = 1; i <= 3; i++) {
        char data[8];
        snprintf(data, sizeof data, "s%d", (int)i);
        frames_publish(&out, i, i == 2 ? RC_LEVEL_RECEIVED : RC_LEVEL_WRITTEN, i, "s", data);
        frames_publish(&out, 10 + i, RC_LEVEL_WRITTEN, i, "other", "x");
    }
    send_out(client);
    cr_expect_eq(status().held_events, 3);
    cr_expect_eq(fake_log.count, 3);
    for (uint64_t i = 11; i <= 13; i++) {
        expect_ack(client, i);
    }
    rig_expect_nothing(client);
    press("s", LOG_PRESSURE_SLOW);
    cr_expect_eq(status().held_events, 0);
    cr_assert_eq(fake_log.count, 6);
    for (uint32_t i = 0; i < 3; i++) {
        char data[8];
        snprintf(data, sizeof data, "s%u", i + 1);
        cr_expect_str_eq(fake_log.records[3 + i].data, data);
        cr_expect_eq(fake_log.records[3 + i].producer_sequence, i + 1);
    }
    expect_ack(client, 2); // needs no acknowledgement of the log
    expect_ack(client, 1);
    expect_ack(client, 3);
    press("s", LOG_PRESSURE_NONE);
    cr_expect_eq(status().pressed_streams, 0);
    rig_expect_nothing(client); // version 1 knows of no stream credits
}

Test(hold, what_comes_behind_held_events_waits_behind_them)
{
    struct rig_client *client = connect_version(1);
    press("s", LOG_PRESSURE_FULL);
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "first");
    send_out(client);
    fake_log.room = 0; // released, and the log has no room
    press("s", LOG_PRESSURE_NONE);
    struct rig_client *another = connect_version(1);
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "second");
    send_out(another);
    cr_expect_eq(status().held_events, 2);
    fake_log_make_room(10);
    rig_settle();
    cr_assert_eq(fake_log.count, 2);
    cr_expect_str_eq(fake_log.records[0].data, "first");
    cr_expect_str_eq(fake_log.records[1].data, "second");
    expect_ack(client, 1);
    expect_ack(another, 1);
}

Test(hold, no_longer_than_the_streams_limit)
{
    struct rig_client *client = connect_version(1);
    press("s", LOG_PRESSURE_FULL);
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
    frames_publish(&out, 2, RC_LEVEL_RECEIVED, 0, "s", "x");
    send_out(client);
    pass(WAIT_MS - 500);
    rig_expect_nothing(client);
    frames_publish(&out, 3, RC_LEVEL_WRITTEN, 0, "s", "x");
    send_out(client);
    pass(1000);
    for (uint64_t i = 1; i <= 2; i++) {
        struct frames_answer answer = rig_answer(client);
        cr_assert_eq(answer.kind, RC_FRAME_ERROR);
        cr_expect_eq(answer.request, i);
        cr_expect_eq(answer.error, ERR_BACKPRESSURE_EXCEEDED);
        cr_expect_eq(answer.flags, 0);
    }
    rig_expect_nothing(client);
    cr_expect_eq(status().hold_refusals, 2);
    press("s", LOG_PRESSURE_NONE);
    expect_ack(client, 3);
    cr_expect_eq(fake_log.count, 1);
}

Test(hold, a_batch_is_answered_when_all_of_it_is_done)
{
    struct rig_client *client = connect_version(1);
    press("s", LOG_PRESSURE_FULL);
    const struct frames_event events[] = {
        {.stream = "other", .type = "", .data = SLICE_LITERAL("1"), .priority = 2},
        {.stream = "s", .type = "", .data = SLICE_LITERAL("2"), .priority = 2},
        {.stream = "other", .type = "", .data = SLICE_LITERAL("3"), .priority = 2},
        {.stream = "s", .type = "", .data = SLICE_LITERAL("4"), .priority = 2}};
    frames_batch(&out, 1, RC_LEVEL_WRITTEN, events, 4);
    send_out(client);
    cr_expect_eq(fake_log.count, 2);
    rig_expect_nothing(client);
    pass(WAIT_MS / 2);
    frames_batch(&out, 2, RC_LEVEL_WRITTEN, events, 4);
    send_out(client);
    pass(WAIT_MS / 2 + 500);
    for (uint32_t index = 1; index <= 3; index += 2) {
        struct frames_answer answer = rig_answer(client);
        cr_assert_eq(answer.kind, RC_FRAME_ERROR);
        cr_expect_eq(answer.flags, RC_ERROR_MORE);
        cr_expect_eq(answer.index, index);
    }
    struct frames_answer answer = rig_answer(client);
    cr_assert_eq(answer.kind, RC_FRAME_ACK);
    cr_expect_eq(answer.request, 1);
    cr_expect_eq(answer.accepted, 2);
    cr_expect_eq(answer.refused, 2);
    press("s", LOG_PRESSURE_NONE);
    answer = rig_answer(client);
    cr_expect_eq(answer.request, 2);
    cr_expect_eq(answer.accepted, 4);
}

Test(hold, credits_are_told_to_those_who_publish_to_the_stream)
{
    struct rig_client *client = connect_version(2);
    struct rig_client *stranger = connect_version(2);
    press("s", LOG_PRESSURE_SLOW);
    rig_expect_nothing(client);
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
    send_out(client);
    expect_ack(client, 1);
    expect_credit(client, "s", HOLD_SLOW_CREDIT_BYTES);
    press("s", LOG_PRESSURE_FULL);
    expect_credit(client, "s", 0);
    frames_publish(&out, 2, RC_LEVEL_WRITTEN, 0, "s", "x");
    frames_put(&out, RC_FRAME_PRESSURE, 3, slice_of("s"));
    frames_put(&out, RC_FRAME_PRESSURE, 4, slice_of("t"));
    send_out(client);
    rig_answer_admin();
    for (uint64_t i = 3; i <= 4; i++) {
        struct frames_answer answer = rig_answer(client);
        cr_assert_eq(answer.kind, RC_FRAME_PRESSURE_NOW);
        cr_assert_eq(answer.payload.length, RC_PRESSURE_STREAM_BYTES);
        cr_expect_eq(load_le64(answer.payload.at + 32), i == 3 ? 0 : RC_CREDIT_UNLIMITED);
        cr_expect_eq(load_le32(answer.payload.at + 40), i == 3 ? 1000 : 0);
    }
    fake_log_press("s", LOG_PRESSURE_SLOW);
    fake_log_press("s", LOG_PRESSURE_FULL);
    rig_settle();
    rig_expect_nothing(client); // only the last state of a round
    press("s", LOG_PRESSURE_SLOW);
    expect_ack(client, 2);
    expect_credit(client, "s", HOLD_SLOW_CREDIT_BYTES);
    press("s", LOG_PRESSURE_NONE);
    expect_credit(client, "s", RC_CREDIT_UNLIMITED);
    rig_expect_nothing(stranger);
    cr_expect_eq(status().pressed_streams, 0);
}

Test(hold, in_line_mode_answers_say_so)
{
    struct rig_client *client = rig_connect();
    press("s", LOG_PRESSURE_SLOW);
    rig_write_text(client, "{\"stream\":\"s\",\"data\":1}\n");
    cr_expect_str_eq(rig_text(client), "{\"id\":1000,\"sequence\":1,\"pressure\":0.800}\n");
    press("s", LOG_PRESSURE_FULL);
    rig_write_text(client, "{\"stream\":\"s\",\"data\":2,\"ref\":1}\n"
                           "{\"stream\":\"t\",\"data\":3,\"ref\":2}\n");
    cr_expect_str_eq(rig_text(client), "", "answers come in order");
    cr_expect_eq(fake_log.count, 2, "but the other stream is not held");
    struct rig_client *asker = rig_connect();
    rig_write_text(asker, "{\"op\":\"pressure\",\"stream\":\"s\"}\n");
    rig_settle();
    rig_answer_admin();
    const char *text = rig_text(asker);
    cr_expect_not_null(strstr(text, "\"stream\":{\"full\":1.000,\"lag_events\":1000,"
                                    "\"lag_bytes\":10000,\"holds\":true}"),
                       "%s", text);
    pass(WAIT_MS + 500);
    text = rig_text(client);
    cr_expect_eq(strncmp(text, "{\"ref\":1,\"error\":\"backpressure_exceeded\"", 40), 0, "%s",
                 text);
    cr_expect_not_null(strstr(text, "\n{\"ref\":2,\"id\":1001,"), "%s", text);
}

Test(hold, ephemeral_events_are_never_held)
{
    struct rig_client *client = rig_connect();
    press("s", LOG_PRESSURE_FULL);
    rig_write_text(client, "{\"stream\":\"s\",\"data\":1,\"ephemeral\":true}\n");
    cr_expect_str_eq(rig_text(client), "{\"received\":true}\n");
}

Test(hold, far_more_requests_than_the_table_holds_overtake_a_held_one)
{
    struct rig_client *client = connect_version(1);
    press("s", LOG_PRESSURE_FULL);
    enum { HELD = 100, OTHERS = 3 * REQUESTS_MAX };
    for (uint64_t i = 0; i < HELD; i++) {
        frames_publish(&out, i, RC_LEVEL_WRITTEN, 0, "s", "x");
    }
    for (uint64_t i = 0; i < OTHERS; i++) {
        frames_publish(&out, 1000 + i, RC_LEVEL_WRITTEN, 0, "other", "x");
    }
    send_out(client);
    cr_expect_eq(fake_log.count, OTHERS);
    for (uint64_t i = 0; i < OTHERS; i++) {
        expect_ack(client, 1000 + i);
    }
    press("s", LOG_PRESSURE_NONE);
    for (uint64_t i = 0; i < HELD; i++) {
        expect_ack(client, i);
    }
    rig_expect_nothing(client);
    cr_expect(rig_write(client, slice_of("")));
}

// What a library with a full window of small events may have sent before it hears of it.
Test(hold, a_window_full_of_small_events_is_held_and_others_pass)
{
    enum { HELD = REQUESTS_ASIDE_MAX };
    struct rig_client *client = connect_version(2);
    press("s", LOG_PRESSURE_FULL);
    for (uint64_t i = 0; i < HELD; i++) {
        frames_publish(&out, i, RC_LEVEL_WRITTEN, 0, "s", "x");
    }
    frames_publish(&out, HELD, RC_LEVEL_WRITTEN, 0, "other", "x");
    send_out(client);
    cr_expect_eq(status().held_events, HELD);
    cr_expect_eq(fake_log.count, 1);
    expect_credit(client, "s", 0);
    expect_ack(client, HELD);
    pass(WAIT_MS + 500);
    cr_expect_eq(status().held_events, 0, "none of them stays longer");
    cr_expect_eq(status().hold_refusals, HELD);
}

Test(hold, answered_requests_behind_a_held_one_keep_nobody_out)
{
    struct rig_client *client = connect_version(1);
    press("s", LOG_PRESSURE_FULL);
    for (uint64_t i = 0; i < REQUESTS_MAX; i++) { // the table is full of them
        frames_publish(&out, i, RC_LEVEL_WRITTEN, 0, i == 0 ? "s" : "other", "x");
    }
    send_out(client);
    for (uint64_t i = 1; i < REQUESTS_MAX; i++) {
        expect_ack(client, i);
    }
    frames_publish(&out, REQUESTS_MAX, RC_LEVEL_WRITTEN, 0, "s", "x");
    send_out(client);
    frames_publish(&out, REQUESTS_MAX + 1, RC_LEVEL_WRITTEN, 0, "other", "x");
    send_out(client);
    expect_ack(client, REQUESTS_MAX + 1);
    cr_expect_eq(status().held_events, 2);
}

Test(hold, what_an_event_waited_before_it_was_held_counts)
{
    struct rig_client *client = connect_version(1);
    static char data[EVENT_BYTES_LARGE + 1];
    memset(data, 'x', EVENT_BYTES_LARGE);
    press("s", LOG_PRESSURE_FULL);
    press("t", LOG_PRESSURE_FULL);
    uint64_t held = (HOLD_CREDITS * UINT64_C(4) << 20) / (EVENT_BYTES_LARGE + 1);
    for (uint64_t i = 0; i < held; i++) {
        frames_publish(&out, i, RC_LEVEL_RECEIVED, 0, "t", data);
        send_out(client);
    }
    cr_assert_eq(status().held_events, held);
    frames_publish(&out, held, RC_LEVEL_WRITTEN, 0, "s", data);
    send_out(client);
    cr_assert_eq(status().held_events, held, "there is no room for it");
    pass(WAIT_MS - 500);
    press("t", LOG_PRESSURE_NONE);
    cr_assert_eq(fake_log.count, held);
    cr_assert_eq(status().held_events, 1);
    pass(1000);
    cr_expect_eq(status().held_events, 0);
    cr_expect_eq(status().hold_refusals, 1);
}

Test(hold, is_bounded)
{
    struct rig_client *client = connect_version(1);
    press("s", LOG_PRESSURE_FULL);
    static char data[EVENT_BYTES_LARGE + 1];
    memset(data, 'x', EVENT_BYTES_LARGE);
    uint32_t sent = 0;
    for (; sent < 300; sent++) {
        frames_publish(&out, sent, RC_LEVEL_WRITTEN, 0, "s", data);
        if (!rig_write(client, buffer_slice(&out))) {
            break; // it is not read from any more
        }
        buffer_clear(&out);
    }
    buffer_clear(&out);
    uint64_t bound = (HOLD_CREDITS * UINT64_C(4) << 20) / EVENT_BYTES_LARGE + 1;
    cr_expect_leq(status().held_events, bound);
    cr_expect_geq(status().held_events, bound - 3);
    cr_expect_lt(sent, 300);
    rig_disconnect(client);
    for (int i = 0; i < 10 && status().producers > 0; i++) {
        pass(WAIT_MS);
    }
    cr_expect_eq(status().held_events, 0, "nor for ever");
    cr_expect_eq(status().producers, 0);
    cr_expect_eq(fake_log.count, 0);
}

Test(hold, the_end_refuses_what_is_held)
{
    struct rig_client *client = connect_version(2);
    press("s", LOG_PRESSURE_FULL);
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
    send_out(client);
    expect_credit(client, "s", 0);
    ingest_stop(rig.ingest);
    rig_settle();
    struct frames_answer answer = rig_answer(client);
    cr_assert_eq(answer.kind, RC_FRAME_ERROR);
    cr_expect_eq(answer.error, ERR_SHUTTING_DOWN);
    rig_settle();
    cr_expect(ingest_is_idle(rig.ingest));
}

Test(hold, nothing_is_said_behind_the_end)
{
    struct rig_client *client = connect_version(2);
    press("s", LOG_PRESSURE_FULL);
    frames_publish(&out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
    send_out(client);
    expect_credit(client, "s", 0);
    static const uint8_t lost[RC_HEADER_BYTES] = {0, 0, 0, 0, RC_FRAME_PING, 0, 1};
    buffer_append(&out, lost, sizeof lost);
    send_out(client);
    struct frames_answer answer = rig_answer(client);
    cr_assert_eq(answer.kind, RC_FRAME_ERROR);
    cr_expect_eq(answer.flags, RC_ERROR_CLOSING);
    press("s", LOG_PRESSURE_NONE);
    rig_expect_nothing(client);
    cr_expect(client->is_closed);
    cr_expect_eq(fake_log.count, 0);
    cr_expect_eq(status().held_events, 0);
}

enum { CLIENTS = 3, STREAMS = 3 };

static const char *const streams[STREAMS] = {"a", "b", "c"};

// What the log was given of one producer and stream rises, and nothing is there twice.
static uint32_t check_order(uint64_t producer_id, const char *stream)
{
    uint64_t last = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < fake_log.count; i++) {
        const struct fake_log_record *record = &fake_log.records[i];
        if (record->producer_id == producer_id && strcmp(record->stream, stream) == 0) {
            cr_assert_gt(record->producer_sequence, last);
            last = record->producer_sequence;
            count++;
        }
    }
    return count;
}

// Streams fill and empty, time passes, the log is full at times: each event is taken once, in its
// order, or refused, and each request is answered once.
Test(hold, in_any_order_of_things)
{
    struct prng prng;
    struct rig_client *clients[CLIENTS];
    uint64_t sent = 0;
    prng_seed(&prng, 11);
    for (uint64_t i = 0; i < CLIENTS; i++) {
        clients[i] = rig_connect();
        frames_hello(&out, (uint16_t)(1 + i % 2), i + 1, 1);
        send_out(clients[i]);
        cr_assert_eq(rig_answer(clients[i]).kind, RC_FRAME_WELCOME);
    }
    for (int step = 0; step < 3000; step++) {
        uint64_t client = prng_below(&prng, CLIENTS);
        for (uint64_t n = prng_below(&prng, 5); n > 0; n--) {
            sent++;
            frames_publish(&out, sent, (uint8_t)prng_below(&prng, 3), sent,
                           streams[prng_below(&prng, STREAMS)], "x");
        }
        cr_assert(rig_write(clients[client], buffer_slice(&out)));
        buffer_clear(&out);
        if (prng_chance(&prng, 1, 8)) {
            fake_log_press(streams[prng_below(&prng, STREAMS)],
                           (enum log_pressure_stage)prng_below(&prng, 3));
        }
        if (prng_chance(&prng, 1, 20)) {
            fake_log_make_room((uint32_t)prng_below(&prng, 30));
        }
        now_ms += prng_below(&prng, 40);
        rig_round();
    }
    fake_log_make_room(UINT32_MAX);
    for (size_t i = 0; i < STREAMS; i++) {
        press(streams[i], LOG_PRESSURE_NONE);
    }
    pass(1000);
    cr_assert_eq(status().held_events, 0);
    cr_assert_eq(status().pressed_streams, 0);
    cr_expect_gt(status().holds, 100);
    cr_expect_gt(status().hold_refusals, 10);
    uint64_t taken = 0;
    uint64_t answered = 0;
    uint64_t accepted = 0;
    for (uint64_t i = 0; i < CLIENTS; i++) {
        for (size_t n = 0; n < STREAMS; n++) {
            taken += check_order(i + 1, streams[n]);
        }
        rig_read(clients[i]);
        struct slice in = buffer_slice(&clients[i]->in);
        struct frames_answer answer;
        while (frames_take(&in, &answer)) {
            answered += answer.kind == RC_FRAME_ACK || answer.kind == RC_FRAME_ERROR;
            accepted += answer.kind == RC_FRAME_ACK;
        }
    }
    cr_expect_eq(taken, fake_log.count);
    cr_expect_eq(accepted, taken);
    cr_expect_eq(answered, sent);
}
