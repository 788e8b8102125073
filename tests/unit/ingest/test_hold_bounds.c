// link: tests/unit/ingest/rig.c
// link: tests/unit/ingest/fake_log.c
// link: tests/unit/ingest/frames.c
// link: tests/unit/ingest/holding.c
// How much is held, and what a round does about it at the most.
#include "unit/ingest/holding.h"

#include "ingest/module.h"
#include "ingest/requests.h"

#include <ringcast/protocol.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(hold_bounds, .init = holding_begin, .fini = holding_end, .timeout = 60);

static void hold_many(struct rig_client *client, uint64_t count)
{
    holding_press("s", LOG_PRESSURE_FULL);
    for (uint64_t i = 0; i < count; i++) {
        frames_publish(&holding_out, i, RC_LEVEL_WRITTEN, 0, "s", "x");
    }
    holding_send(client);
    cr_assert_eq(holding_status().held_events, count);
}

Test(hold_bounds, far_more_requests_than_the_table_holds_overtake_a_held_one)
{
    struct rig_client *client = holding_connect(1);
    holding_press("s", LOG_PRESSURE_FULL);
    enum { HELD = 100, OTHERS = 3 * REQUESTS_MAX };
    for (uint64_t i = 0; i < HELD; i++) {
        frames_publish(&holding_out, i, RC_LEVEL_WRITTEN, 0, "s", "x");
    }
    for (uint64_t i = 0; i < OTHERS; i++) {
        frames_publish(&holding_out, 1000 + i, RC_LEVEL_WRITTEN, 0, "other", "x");
    }
    holding_send(client);
    cr_expect_eq(fake_log.count, OTHERS);
    for (uint64_t i = 0; i < OTHERS; i++) {
        holding_expect_ack(client, 1000 + i);
    }
    holding_press("s", LOG_PRESSURE_NONE);
    for (uint64_t i = 0; i < HELD; i++) {
        holding_expect_ack(client, i);
    }
    rig_expect_nothing(client);
    cr_expect(rig_write(client, slice_of("")));
}

Test(hold_bounds, a_window_full_of_small_events_is_held_and_others_pass)
{
    enum { HELD = REQUESTS_ASIDE_MAX };
    struct rig_client *client = holding_connect(2);
    holding_press("s", LOG_PRESSURE_FULL);
    for (uint64_t i = 0; i < HELD; i++) {
        frames_publish(&holding_out, i, RC_LEVEL_WRITTEN, 0, "s", "x");
    }
    frames_publish(&holding_out, HELD, RC_LEVEL_WRITTEN, 0, "other", "x");
    holding_send(client);
    cr_expect_eq(holding_status().held_events, HELD);
    cr_expect_eq(fake_log.count, 1);
    holding_expect_credit(client, "s", 0);
    holding_expect_ack(client, HELD);
    holding_pass(HOLDING_WAIT_MS + 500);
    cr_expect_eq(holding_status().held_events, 0, "none of them stays longer");
    cr_expect_eq(holding_status().hold_refusals, HELD);
}

Test(hold_bounds, answered_requests_behind_a_held_one_keep_nobody_out)
{
    struct rig_client *client = holding_connect(1);
    holding_press("s", LOG_PRESSURE_FULL);
    for (uint64_t i = 0; i < REQUESTS_MAX; i++) { // the table is full of them
        frames_publish(&holding_out, i, RC_LEVEL_WRITTEN, 0, i == 0 ? "s" : "other", "x");
    }
    holding_send(client);
    for (uint64_t i = 1; i < REQUESTS_MAX; i++) {
        holding_expect_ack(client, i);
    }
    frames_publish(&holding_out, REQUESTS_MAX, RC_LEVEL_WRITTEN, 0, "s", "x");
    holding_send(client);
    frames_publish(&holding_out, REQUESTS_MAX + 1, RC_LEVEL_WRITTEN, 0, "other", "x");
    holding_send(client);
    holding_expect_ack(client, REQUESTS_MAX + 1);
    cr_expect_eq(holding_status().held_events, 2);
}

Test(hold_bounds, a_round_refuses_a_bounded_number)
{
    enum { HELD = 5 * HOLD_LOOKS_MAX };
    struct rig_client *client = holding_connect(1);
    hold_many(client, HELD);
    holding_now_ms += HOLDING_WAIT_MS + 1000;
    while (holding_status().hold_refusals == 0) {
        rig_round();
    }
    cr_expect_leq(holding_status().hold_refusals, 2 * HOLD_LOOKS_MAX);
    rig_settle();
    cr_expect_eq(holding_status().hold_refusals, HELD);
    hold_many(client, HELD);
    fake_log.refusal = ERR_INTERNAL;
    fake_log_press("s", LOG_PRESSURE_NONE);
    rig_round();
    cr_expect_gt(holding_status().hold_refusals, HELD);
    cr_expect_leq(holding_status().hold_refusals, HELD + 2 * INGEST_RELEASE_BYTES / 100);
    rig_settle();
    cr_expect_eq(holding_status().hold_refusals, 2 * HELD);
}

Test(hold_bounds, who_does_not_read_is_told_the_last_credit_alone)
{
    enum { CHANGES = 40000 };
    struct rig_client *client = holding_connect(2);
    holding_press("s", LOG_PRESSURE_SLOW);
    frames_publish(&holding_out, 1, RC_LEVEL_WRITTEN, 0, "s", "x");
    holding_send(client);
    for (int i = 0; i < CHANGES; i++) {
        fake_log_press("s", i % 2 == 0 ? LOG_PRESSURE_FULL : LOG_PRESSURE_SLOW);
        if (i % 100 == 0) {
            rig_round();
        }
        ingest_flush(rig.ingest);
    }
    fake_log_press("s", LOG_PRESSURE_NONE);
    rig_round();
    cr_expect_eq(holding_status().pressed_streams, 1, "somebody is still to be told");
    uint32_t told = 0;
    uint64_t last = 0;
    struct frames_answer answer;
    for (int i = 0; i < 100; i++) {
        rig_settle();
        rig_read(client);
    }
    struct slice in = buffer_slice(&client->in);
    while (frames_take(&in, &answer)) {
        told += answer.kind == RC_FRAME_STREAM_CREDIT;
        last = answer.kind == RC_FRAME_STREAM_CREDIT ? answer.credit : last;
    }
    cr_expect_lt(told, CHANGES / 2);
    cr_expect_eq(last, RC_CREDIT_UNLIMITED);
    cr_expect_eq(holding_status().pressed_streams, 0);
}

Test(hold_bounds, what_an_event_waited_before_it_was_held_counts)
{
    struct rig_client *client = holding_connect(1);
    static char data[HOLDING_EVENT_BYTES + 1];
    memset(data, 'x', HOLDING_EVENT_BYTES);
    holding_press("s", LOG_PRESSURE_FULL);
    holding_press("t", LOG_PRESSURE_FULL);
    uint64_t held = (HOLD_CREDITS * UINT64_C(4) << 20) / (HOLDING_EVENT_BYTES + 1);
    for (uint64_t i = 0; i < held; i++) {
        frames_publish(&holding_out, i, RC_LEVEL_RECEIVED, 0, "t", data);
        holding_send(client);
    }
    cr_assert_eq(holding_status().held_events, held);
    frames_publish(&holding_out, held, RC_LEVEL_WRITTEN, 0, "s", data);
    holding_send(client);
    cr_assert_eq(holding_status().held_events, held, "there is no room for it");
    holding_pass(HOLDING_WAIT_MS - 500);
    holding_press("t", LOG_PRESSURE_NONE);
    cr_assert_eq(fake_log.count, held);
    cr_assert_eq(holding_status().held_events, 1);
    holding_pass(1000);
    cr_expect_eq(holding_status().held_events, 0);
    cr_expect_eq(holding_status().hold_refusals, 1);
}

Test(hold_bounds, is_bounded)
{
    struct rig_client *client = holding_connect(1);
    holding_press("s", LOG_PRESSURE_FULL);
    static char data[HOLDING_EVENT_BYTES + 1];
    memset(data, 'x', HOLDING_EVENT_BYTES);
    uint32_t sent = 0;
    for (; sent < 300; sent++) {
        frames_publish(&holding_out, sent, RC_LEVEL_WRITTEN, 0, "s", data);
        if (!rig_write(client, buffer_slice(&holding_out))) {
            break; // it is not read from any more
        }
        buffer_clear(&holding_out);
    }
    buffer_clear(&holding_out);
    uint64_t bound = (HOLD_CREDITS * UINT64_C(4) << 20) / HOLDING_EVENT_BYTES + 1;
    cr_expect_leq(holding_status().held_events, bound);
    cr_expect_geq(holding_status().held_events, bound - 3);
    cr_expect_lt(sent, 300);
    rig_disconnect(client);
    for (int i = 0; i < 10 && holding_status().producers > 0; i++) {
        holding_pass(HOLDING_WAIT_MS);
    }
    cr_expect_eq(holding_status().held_events, 0, "nor for ever");
    cr_expect_eq(holding_status().producers, 0);
    cr_expect_eq(fake_log.count, 0);
}
