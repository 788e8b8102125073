// link: tests/unit/ingest/rig.c
// link: tests/unit/ingest/fake_log.c
// link: tests/unit/ingest/frames.c
// link: tests/unit/ingest/holding.c
// Streams that block, whose subscribers are too far behind: what is held, for how long, and what
// the producers are told. On a clock of the test's own.
#include "unit/ingest/holding.h"

#include "ingest/module.h"
#include "ingest/requests.h"

#include "base/prng.h"

#include <ringcast/protocol.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(hold, .init = holding_begin, .fini = holding_end, .timeout = 60);

Test(hold, events_wait_in_order_and_others_pass)
{
    struct rig_client *client = holding_connect(1);
    holding_press("s", LOG_PRESSURE_FULL);
    for (uint64_t i = 1; i <= 3; i++) {
        char data[8];
        snprintf(data, sizeof data, "s%d", (int)i);
        frames_publish(&holding_out, i, i == 2 ? RC_LEVEL_RECEIVED : RC_LEVEL_WRITTEN, i, "s",
                       data);
        frames_publish(&holding_out, 10 + i, RC_LEVEL_WRITTEN, i, "other", "x");
    }
    holding_send(client);
    cr_expect_eq(holding_status().held_events, 3);
    cr_expect_eq(fake_log.count, 3);
    for (uint64_t i = 11; i <= 13; i++) {
        holding_expect_ack(client, i);
    }
    rig_expect_nothing(client);
    holding_press("s", LOG_PRESSURE_SLOW);
    cr_expect_eq(holding_status().held_events, 0);
    cr_assert_eq(fake_log.count, 6);
    for (uint32_t i = 0; i < 3; i++) {
        char data[8];
        snprintf(data, sizeof data, "s%u", i + 1);
        cr_expect_str_eq(fake_log.records[3 + i].data, data);
        cr_expect_eq(fake_log.records[3 + i].producer_sequence, i + 1);
    }
    holding_expect_ack(client, 2); // needs no acknowledgement of the log
    holding_expect_ack(client, 1);
    holding_expect_ack(client, 3);
    holding_press("s", LOG_PRESSURE_NONE);
    cr_expect_eq(holding_status().pressed_streams, 0);
    rig_expect_nothing(client); // version 1 knows of no stream credits
}

Test(hold, what_comes_behind_held_events_waits_behind_them)
{
    struct rig_client *client = holding_connect(1);
    holding_press("s", LOG_PRESSURE_FULL);
    frames_publish(&holding_out, 1, RC_LEVEL_WRITTEN, 0, "s", "first");
    holding_send(client);
    fake_log.room = 0; // released, and the log has no room
    holding_press("s", LOG_PRESSURE_NONE);
    struct rig_client *another = holding_connect(1);
    frames_publish(&holding_out, 1, RC_LEVEL_WRITTEN, 0, "s", "second");
    holding_send(another);
    cr_expect_eq(holding_status().held_events, 2);
    fake_log_make_room(10);
    rig_settle();
    cr_assert_eq(fake_log.count, 2);
    cr_expect_str_eq(fake_log.records[0].data, "first");
    cr_expect_str_eq(fake_log.records[1].data, "second");
    holding_expect_ack(client, 1);
    holding_expect_ack(another, 1);
}

Test(hold, no_longer_than_the_streams_limit)
{
    struct rig_client *client = holding_connect(1);
    holding_press("s", LOG_PRESSURE_FULL);
    frames_publish(&holding_out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
    frames_publish(&holding_out, 2, RC_LEVEL_RECEIVED, 0, "s", "x");
    holding_send(client);
    holding_pass(HOLDING_WAIT_MS - 500);
    rig_expect_nothing(client);
    frames_publish(&holding_out, 3, RC_LEVEL_WRITTEN, 0, "s", "x");
    holding_send(client);
    holding_pass(1000);
    for (uint64_t i = 1; i <= 2; i++) {
        struct frames_answer answer = rig_answer(client);
        cr_assert_eq(answer.kind, RC_FRAME_ERROR);
        cr_expect_eq(answer.request, i);
        cr_expect_eq(answer.error, ERR_BACKPRESSURE_EXCEEDED);
        cr_expect_eq(answer.flags, 0);
    }
    rig_expect_nothing(client);
    cr_expect_eq(holding_status().hold_refusals, 2);
    holding_press("s", LOG_PRESSURE_NONE);
    holding_expect_ack(client, 3);
    cr_expect_eq(fake_log.count, 1);
}

Test(hold, a_batch_is_answered_when_all_of_it_is_done)
{
    struct rig_client *client = holding_connect(1);
    holding_press("s", LOG_PRESSURE_FULL);
    const struct frames_event events[] = {
        {.stream = "other", .type = "", .data = SLICE_LITERAL("1"), .priority = 2},
        {.stream = "s", .type = "", .data = SLICE_LITERAL("2"), .priority = 2},
        {.stream = "other", .type = "", .data = SLICE_LITERAL("3"), .priority = 2},
        {.stream = "s", .type = "", .data = SLICE_LITERAL("4"), .priority = 2}};
    frames_batch(&holding_out, 1, RC_LEVEL_WRITTEN, events, 4);
    holding_send(client);
    cr_expect_eq(fake_log.count, 2);
    rig_expect_nothing(client);
    holding_pass(HOLDING_WAIT_MS / 2);
    frames_batch(&holding_out, 2, RC_LEVEL_WRITTEN, events, 4);
    holding_send(client);
    holding_pass(HOLDING_WAIT_MS / 2 + 500);
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
    holding_press("s", LOG_PRESSURE_NONE);
    answer = rig_answer(client);
    cr_expect_eq(answer.request, 2);
    cr_expect_eq(answer.accepted, 4);
}

Test(hold, credits_are_told_to_those_who_publish_to_the_stream)
{
    struct rig_client *client = holding_connect(2);
    struct rig_client *stranger = holding_connect(2);
    holding_press("s", LOG_PRESSURE_SLOW);
    rig_expect_nothing(client);
    frames_publish(&holding_out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
    holding_send(client);
    holding_expect_ack(client, 1);
    holding_expect_credit(client, "s", HOLD_SLOW_CREDIT_BYTES);
    holding_press("s", LOG_PRESSURE_FULL);
    holding_expect_credit(client, "s", 0);
    frames_publish(&holding_out, 2, RC_LEVEL_WRITTEN, 0, "s", "x");
    frames_put(&holding_out, RC_FRAME_PRESSURE, 3, slice_of("s"));
    frames_put(&holding_out, RC_FRAME_PRESSURE, 4, slice_of("t"));
    holding_send(client);
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
    holding_press("s", LOG_PRESSURE_SLOW);
    holding_expect_ack(client, 2);
    holding_expect_credit(client, "s", HOLD_SLOW_CREDIT_BYTES);
    holding_press("s", LOG_PRESSURE_NONE);
    holding_expect_credit(client, "s", RC_CREDIT_UNLIMITED);
    rig_expect_nothing(stranger);
    cr_expect_eq(holding_status().pressed_streams, 0);
}

Test(hold, in_line_mode_answers_say_so)
{
    struct rig_client *client = rig_connect();
    holding_press("s", LOG_PRESSURE_SLOW);
    rig_write_text(client, "{\"stream\":\"s\",\"data\":1}\n");
    cr_expect_str_eq(rig_text(client), "{\"id\":1000,\"sequence\":1,\"pressure\":0.800}\n");
    fake_log.pressure.full_permille = 900; // as it is now, not as the stage was entered
    rig_write_text(client, "{\"stream\":\"s\",\"data\":1}\n");
    cr_expect_str_eq(rig_text(client), "{\"id\":1001,\"sequence\":2,\"pressure\":0.900}\n");
    holding_press("s", LOG_PRESSURE_FULL);
    rig_write_text(client, "{\"stream\":\"s\",\"data\":2,\"ref\":1}\n"
                           "{\"stream\":\"t\",\"data\":3,\"ref\":2}\n");
    cr_expect_str_eq(rig_text(client), "", "answers come in order");
    cr_expect_eq(fake_log.count, 3, "but the other stream is not held");
    struct rig_client *asker = rig_connect();
    rig_write_text(asker, "{\"op\":\"pressure\",\"stream\":\"s\"}\n");
    rig_settle();
    rig_answer_admin();
    const char *text = rig_text(asker);
    cr_expect_not_null(strstr(text, "\"stream\":{\"full\":1.000,\"lag_events\":1000,"
                                    "\"lag_bytes\":10000,\"holds\":true}"),
                       "%s", text);
    holding_pass(HOLDING_WAIT_MS + 500);
    text = rig_text(client);
    cr_expect_eq(strncmp(text, "{\"ref\":1,\"error\":\"backpressure_exceeded\"", 40), 0, "%s",
                 text);
    cr_expect_not_null(strstr(text, "\n{\"ref\":2,\"id\":1002,"), "%s", text);
}

Test(hold, ephemeral_events_are_never_held)
{
    struct rig_client *client = rig_connect();
    holding_press("s", LOG_PRESSURE_FULL);
    rig_write_text(client, "{\"stream\":\"s\",\"data\":1,\"ephemeral\":true}\n");
    cr_expect_str_eq(rig_text(client), "{\"received\":true}\n");
}

// What a library with a full window of small events may have sent before it hears of it.
Test(hold, a_discard_does_not_overtake_what_is_held)
{
    struct rig_client *client = holding_connect(1);
    holding_press("s", LOG_PRESSURE_FULL);
    frames_put(&holding_out, RC_FRAME_DISCARD, 1, slice_of("s"));
    holding_send(client);
    holding_expect_ack(client, 1); // nothing is held: it makes room
    cr_assert_eq(fake_log.count, 1);
    frames_publish(&holding_out, 2, RC_LEVEL_WRITTEN, 0, "s", "x");
    frames_put(&holding_out, RC_FRAME_DISCARD, 3, slice_of("s"));
    frames_publish(&holding_out, 4, RC_LEVEL_WRITTEN, 0, "s", "y");
    holding_send(client);
    rig_expect_nothing(client);
    holding_press("s", LOG_PRESSURE_NONE);
    for (uint64_t i = 2; i <= 4; i++) {
        holding_expect_ack(client, i);
    }
    cr_assert_eq(fake_log.count, 4);
    cr_expect_eq(fake_log.records[1].kind, FAKE_EVENT);
    cr_expect_eq(fake_log.records[2].kind, FAKE_DISCARD);
    cr_expect_str_eq(fake_log.records[2].stream, "s");
    cr_expect_eq(fake_log.records[3].kind, FAKE_EVENT);
    cr_expect_eq(holding_status().events, 2);
}

Test(hold, an_end_does_not_overtake_what_is_held)
{
    struct rig_client *client = rig_connect();
    holding_press("s", LOG_PRESSURE_FULL);
    rig_write_text(client, "{\"stream\":\"s\",\"data\":1,\"ref\":1}\n");
    rig_write_text(client,
                   "{\"op\":\"end\",\"stream\":\"s\",\"life\":\"cancel\",\"ack\":\"synced\","
                   "\"ref\":2}\n");
    rig_expect_nothing(client);
    holding_press("s", LOG_PRESSURE_NONE);
    cr_expect_not_null(strstr(rig_text(client), "\n{\"ref\":2,\"done\":true}\n"));
    cr_assert_eq(fake_log.count, 2);
    cr_expect_eq(fake_log.records[0].kind, FAKE_EVENT);
    cr_expect_eq(fake_log.records[1].kind, FAKE_END);
    cr_expect_eq(fake_log.records[1].life, STREAM_CANCELLED);
    cr_expect_eq(fake_log.records[1].level, ACK_SYNCED);
}

Test(hold, a_discard_is_refused_with_what_is_before_it)
{
    struct rig_client *client = rig_connect();
    holding_press("s", LOG_PRESSURE_FULL);
    rig_write_text(client, "{\"stream\":\"s\",\"data\":2}\n"
                           "{\"op\":\"discard\",\"stream\":\"s\",\"ref\":7}\n");
    holding_pass(HOLDING_WAIT_MS + 500);
    const char *text = rig_text(client);
    cr_expect_not_null(strstr(text, "\n{\"ref\":7,\"error\":\"backpressure_exceeded\""), "%s",
                       text);
    cr_expect_eq(fake_log.count, 0);
}

Test(hold, what_the_log_has_already_is_answered_at_once)
{
    struct rig_client *client = holding_connect(1);
    frames_publish(&holding_out, 1, RC_LEVEL_WRITTEN, 5, "s", "x");
    holding_send(client);
    holding_expect_ack(client, 1);
    holding_press("s", LOG_PRESSURE_FULL);
    frames_publish(&holding_out, 2, RC_LEVEL_WRITTEN, 5, "s", "x");
    frames_publish(&holding_out, 3, RC_LEVEL_WRITTEN, 6, "s", "y");
    holding_send(client);
    struct frames_answer answer = rig_answer(client);
    cr_assert_eq(answer.kind, RC_FRAME_ACK);
    cr_expect_eq(answer.request, 2);
    cr_expect_eq(answer.duplicates, 1);
    rig_expect_nothing(client);
    cr_expect_eq(holding_status().held_events, 1);
}

Test(hold, the_end_refuses_what_is_held)
{
    struct rig_client *client = holding_connect(2);
    holding_press("s", LOG_PRESSURE_FULL);
    frames_publish(&holding_out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
    holding_send(client);
    holding_expect_credit(client, "s", 0);
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
    struct rig_client *client = holding_connect(2);
    holding_press("s", LOG_PRESSURE_FULL);
    frames_publish(&holding_out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
    holding_send(client);
    holding_expect_credit(client, "s", 0);
    static const uint8_t lost[RC_HEADER_BYTES] = {0, 0, 0, 0, RC_FRAME_PING, 0, 1};
    buffer_append(&holding_out, lost, sizeof lost);
    holding_send(client);
    struct frames_answer answer = rig_answer(client);
    cr_assert_eq(answer.kind, RC_FRAME_ERROR);
    cr_expect_eq(answer.flags, RC_ERROR_CLOSING);
    holding_press("s", LOG_PRESSURE_NONE);
    rig_expect_nothing(client);
    cr_expect(client->is_closed);
    cr_expect_eq(fake_log.count, 0);
    cr_expect_eq(holding_status().held_events, 0);
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
        frames_hello(&holding_out, (uint16_t)(1 + i % 2), i + 1, 1);
        holding_send(clients[i]);
        cr_assert_eq(rig_answer(clients[i]).kind, RC_FRAME_WELCOME);
    }
    for (int step = 0; step < 3000; step++) {
        uint64_t client = prng_below(&prng, CLIENTS);
        for (uint64_t n = prng_below(&prng, 5); n > 0; n--) {
            sent++;
            frames_publish(&holding_out, sent, (uint8_t)prng_below(&prng, 3), sent,
                           streams[prng_below(&prng, STREAMS)], "x");
        }
        cr_assert(rig_write(clients[client], buffer_slice(&holding_out)));
        buffer_clear(&holding_out);
        if (prng_chance(&prng, 1, 8)) {
            fake_log_press(streams[prng_below(&prng, STREAMS)],
                           (enum log_pressure_stage)prng_below(&prng, 3));
        }
        if (prng_chance(&prng, 1, 20)) {
            fake_log_make_room((uint32_t)prng_below(&prng, 30));
        }
        holding_now_ms += prng_below(&prng, 40);
        rig_round();
    }
    fake_log_make_room(UINT32_MAX);
    for (size_t i = 0; i < STREAMS; i++) {
        holding_press(streams[i], LOG_PRESSURE_NONE);
    }
    holding_pass(1000);
    cr_assert_eq(holding_status().held_events, 0);
    cr_assert_eq(holding_status().pressed_streams, 0);
    cr_expect_gt(holding_status().holds, 100);
    cr_expect_gt(holding_status().hold_refusals, 10);
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
