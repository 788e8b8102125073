// seam: src/log/disk.c
// seam: src/log/disk_quick.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c
// link: tests/unit/log/harness.c
#include "log/holdback.h"

#include "harness.h"

#include <criterion/criterion.h>

TestSuite(holdback, .init = NULL, .fini = harness_end, .timeout = 60);

static uint64_t number;
static uint64_t last_id;

static void set_flow(const struct stream_flow *flow)
{
    enum rc_error error;
    struct stream_settings settings = {.parts = SETTINGS_FLOW, .flow = *flow};
    cr_assert_eq(log_set_stream(harness.log, slice_of("s"), &settings, slice_empty(), ACK_WRITTEN,
                                1, 999, &error),
                 LOG_APPEND_TAKEN);
    harness_settle();
}

static void append(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        cr_assert_eq(harness_append("s", "x", ACK_RECEIVED, 0), LOG_APPEND_TAKEN);
    }
    last_id = harness.log->next_id - 1;
}

static void say(unsigned reader, uint64_t stream, uint64_t id)
{
    log_handle_message(
        harness.log,
        &(struct log_message){.kind = LOG_READ, .reader = reader, .number = stream, .id = id});
}

static enum log_pressure_stage stage(void)
{
    struct log_pressure pressure;
    return log_stream_pressure(harness.log, slice_of("s"), &pressure) ? pressure.stage
                                                                      : LOG_PRESSURE_NONE;
}

// One worker's reader of a stream that blocks at 50 events, and stands at its end.
static void begin(void)
{
    harness_begin(7);
    append(5);
    harness_settle();
    set_flow(&(struct stream_flow){
        .overflow = OVERFLOW_BLOCK, .lag_events = 50, .threshold = 800, .producer_wait_ms = 3000});
    number = harness_subscribe(0, "s", NULL);
    last_id = harness.log->next_id - 1; // the settings have one, too
    say(0, number, last_id);
}

Test(holdback, presses_from_the_threshold_and_holds_at_the_limit)
{
    begin();
    uint64_t start = last_id;
    append(39);
    cr_expect_eq(stage(), LOG_PRESSURE_NONE);
    cr_expect_eq(harness.pressures, 0);
    append(1);
    cr_expect_eq(harness.pressures, 1, "at once, not only when it is written");
    cr_expect_eq(harness.pressure.stage, LOG_PRESSURE_SLOW);
    cr_expect_eq(harness.pressure.full_permille, 800);
    append(9);
    cr_expect_eq(harness.pressures, 1);
    append(1);
    cr_expect_eq(harness.pressure.stage, LOG_PRESSURE_FULL);
    cr_expect_eq(harness.pressure.lag_events, 50);
    cr_expect_eq(harness.pressure.wait_ms, 3000);
    harness_settle();
    say(0, number, start + 2);
    cr_expect_eq(stage(), LOG_PRESSURE_FULL, "not for each event");
    say(0, number, start + 4);
    cr_expect_eq(stage(), LOG_PRESSURE_SLOW);
    say(0, number, start + 21);
    cr_expect_eq(stage(), LOG_PRESSURE_NONE);
    append(11);
    cr_expect_eq(stage(), LOG_PRESSURE_SLOW);
    say(0, number, last_id);
    cr_expect_eq(stage(), LOG_PRESSURE_NONE);
}

Test(holdback, counts_bytes_too)
{
    begin();
    set_flow(&(struct stream_flow){
        .overflow = OVERFLOW_BLOCK, .lag_bytes = 1000, .threshold = 7 * 1000});
    append(6);
    cr_expect_eq(stage(), LOG_PRESSURE_NONE);
    append(1);
    cr_expect_eq(stage(), LOG_PRESSURE_SLOW, "a threshold above 1 is a number of events");
    append(100);
    cr_expect_eq(stage(), LOG_PRESSURE_FULL);
    cr_expect_geq(harness.pressure.lag_bytes, 1000);
}

Test(holdback, the_slowest_reader_counts_and_no_other)
{
    begin();
    uint64_t start = last_id;
    (void)harness_subscribe(1, "s", NULL);
    append(50);
    harness_settle();
    cr_expect_eq(stage(), LOG_PRESSURE_FULL, "of one worker");
    say(1, number, last_id);
    cr_expect_eq(stage(), LOG_PRESSURE_FULL);
    say(0, number, last_id);
    cr_expect_eq(stage(), LOG_PRESSURE_NONE);
    say(1, number, start);
    cr_expect_eq(stage(), LOG_PRESSURE_FULL);
    say(1, number, LOG_READ_NONE);
    cr_expect_eq(stage(), LOG_PRESSURE_NONE);
    say(2, number, start);
    cr_expect_eq(stage(), LOG_PRESSURE_NONE, "who does not watch it does not count");
}

Test(holdback, ends_with_the_readers_or_the_policy)
{
    begin();
    append(60);
    cr_expect_eq(stage(), LOG_PRESSURE_FULL);
    harness_settle();
    log_handle_message(
        harness.log, &(struct log_message){.kind = LOG_UNSUBSCRIBE, .reader = 0, .number = number});
    cr_expect_eq(harness.pressure.stage, LOG_PRESSURE_NONE);
    append(60);
    cr_expect_eq(stage(), LOG_PRESSURE_NONE);
    harness_settle();
    (void)harness_subscribe(0, "s", NULL);
    say(0, number, last_id);
    append(60);
    cr_expect_eq(harness.pressure.stage, LOG_PRESSURE_FULL);
    set_flow(&(struct stream_flow){.overflow = OVERFLOW_DROP_OLDEST});
    cr_expect_eq(harness.pressure.stage, LOG_PRESSURE_NONE);
    set_flow(&(struct stream_flow){.overflow = OVERFLOW_BLOCK, .lag_events = 1000});
    append(60);
    cr_expect_eq(stage(), LOG_PRESSURE_NONE);
}

Test(holdback, a_silent_worker_holds_nobody_for_long)
{
    begin();
    append(60);
    harness_settle();
    for (unsigned i = 0; i < 10; i++) { // it lives, and so its reader counts
        harness_wait(1000);
        say(0, 0, 0);
    }
    cr_expect_eq(stage(), LOG_PRESSURE_FULL);
    harness_wait(HOLDBACK_SILENCE_MS + 1000);
    cr_expect_eq(stage(), LOG_PRESSURE_NONE);
    say(0, 0, 0);
    append(1);
    cr_expect_eq(stage(), LOG_PRESSURE_FULL, "it is back, and so is its reader's lag");
}

Test(holdback, the_brokers_own_policy_holds_for_all_streams)
{
    harness_prepare(7);
    harness.options.flow = (struct stream_flow){
        .overflow = OVERFLOW_BLOCK, .lag_events = 10, .threshold = 800, .producer_wait_ms = 5};
    cr_assert(harness_open());
    number = harness_subscribe(0, "s", NULL);
    append(20);
    cr_expect_eq(stage(), LOG_PRESSURE_NONE, "it has not said that anybody counts");
    say(0, number, 0);
    cr_expect_eq(stage(), LOG_PRESSURE_FULL);
    cr_expect_eq(harness.pressure.wait_ms, 5);
    harness_kill();
    cr_assert(harness_open());
}

// The thread stood still; what the workers said meanwhile is handled before its round.
Test(holdback, a_log_that_stood_still_takes_nobody_for_silent)
{
    begin();
    append(60);
    harness_settle();
    say(0, 0, 0);
    harness_wait(100);
    unsigned before = harness.pressures;
    harness.now_ms += 2 * HOLDBACK_SILENCE_MS;
    say(0, 0, 0);
    harness_wait(1);
    cr_expect_eq(harness.pressures, before);
    cr_expect_eq(stage(), LOG_PRESSURE_FULL);
}

Test(holdback, other_settings_do_not_forget_how_far_it_is)
{
    begin();
    append(60);
    struct stream_flow flow = {
        .overflow = OVERFLOW_BLOCK, .lag_events = 50, .threshold = 800, .producer_wait_ms = 7000};
    set_flow(&flow);
    cr_expect_eq(stage(), LOG_PRESSURE_FULL);
    cr_expect_eq(harness.pressure.wait_ms, 7000);
    flow.lag_events = 200;
    set_flow(&flow);
    cr_expect_eq(stage(), LOG_PRESSURE_NONE);
    flow.lag_events = 40;
    set_flow(&flow);
    cr_expect_eq(stage(), LOG_PRESSURE_FULL);
}

Test(holdback, a_limit_may_be_any_number)
{
    begin();
    set_flow(&(struct stream_flow){.overflow = OVERFLOW_BLOCK,
                                   .lag_events = UINT64_MAX,
                                   .lag_bytes = UINT64_MAX,
                                   .threshold = 1000});
    append(100);
    cr_expect_eq(stage(), LOG_PRESSURE_NONE);
}
