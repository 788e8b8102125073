// seam: src/log/disk.c
// seam: src/log/disk_quick.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c
// link: tests/unit/log/harness.c
// log_set_terms: other terms while the log runs.
#include "harness.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { EVENT_BYTES = 2000, STREAMS = 1500 /* more than are chosen for in a round */ };

TestSuite(log_terms, .fini = harness_end, .timeout = 60);

static struct log_terms terms;

static void begin(void)
{
    harness_prepare(3);
    harness.options.streams_max = 2 * STREAMS;
    harness.options.flow =
        (struct stream_flow){.overflow = OVERFLOW_DROP_OLDEST, .lag_events = 50, .threshold = 800};
    cr_assert(harness_open());
    terms = (struct log_terms){.retention_bytes = harness.options.retention_bytes,
                               .retention_age_ms = harness.options.retention_age_ms,
                               .stream_idle_ms = harness.options.stream_idle_ms,
                               .flow = harness.options.flow};
}

static void set_terms(void)
{
    log_set_terms(harness.log, &terms);
}

static void append(const char *stream, unsigned count)
{
    static char data[EVENT_BYTES + 1];
    memset(data, 'x', EVENT_BYTES);
    for (unsigned i = 0; i < count; i++) {
        while (harness_append(stream, data, ACK_RECEIVED, 0) == LOG_APPEND_FULL) {
            harness_round();
        }
        harness_round();
    }
    harness_settle();
}

static uint64_t bytes_kept(void)
{
    struct log_status status;
    log_get_status(harness.log, &status);
    return status.bytes_kept;
}

Test(log_terms, less_is_kept_and_then_more)
{
    begin();
    append("a", 400);
    cr_assert_gt(bytes_kept(), 700 << 10);
    terms.retention_bytes = 200 << 10;
    set_terms();
    harness_wait(20000);
    cr_assert_leq(bytes_kept(), (200 << 10) + (64 << 10));
    terms.retention_bytes = 1 << 30;
    set_terms();
    append("a", 400);
    harness_wait(20000);
    cr_assert_gt(bytes_kept(), 700 << 10);
    terms.retention_age_ms = 60 * 1000;
    set_terms();
    harness.now_ms += 120 * 1000;
    append("a", 1);
    harness_wait(20000);
    cr_assert_lt(bytes_kept(), 128 << 10);
}

Test(log_terms, idle_streams_are_forgotten_sooner)
{
    begin();
    append("a", 1);
    enum rc_error error;
    (void)log_discard_stream(harness.log, slice_of("a"), ACK_WRITTEN, 1, 5, &error);
    harness_settle();
    harness.now_ms += 4000 * 1000;
    harness_wait(2000);
    cr_assert_not_null(streams_find(&harness.log->streams, slice_of("a")));
    terms.stream_idle_ms = 3600 * 1000;
    set_terms();
    harness_wait(2000);
    cr_assert_null(streams_find(&harness.log->streams, slice_of("a")));
}

static enum rc_error make_stream(const char *name, uint64_t reference)
{
    enum rc_error error = ERR_NONE;
    const struct stream_settings settings = {
        .parts = SETTINGS_RETENTION | SETTINGS_OWNER, .retention_count = 5, .owner = 7};
    enum log_append_result result = log_set_stream(
        harness.log, slice_of(name), &settings, slice_empty(), ACK_WRITTEN, 1, reference, &error);
    harness_settle();
    return result == LOG_APPEND_REFUSED ? error : ERR_NONE;
}

Test(log_terms, one_owner_may_have_fewer_streams)
{
    begin();
    cr_assert_eq(make_stream("one", 1), ERR_NONE);
    cr_assert_eq(make_stream("two", 2), ERR_NONE);
    terms.streams_per_owner = 2;
    set_terms();
    cr_assert_neq(make_stream("three", 3), ERR_NONE, "what was there before counts");
    terms.streams_per_owner = 3;
    set_terms();
    cr_assert_eq(make_stream("three", 4), ERR_NONE);
}

// --- streams that block where they do not say otherwise ---

static void say(uint64_t number, uint64_t id)
{
    log_handle_message(harness.log,
                       &(struct log_message){.kind = LOG_READ, .number = number, .id = id});
}

static enum log_pressure_stage stage_of(const char *stream)
{
    struct log_pressure pressure;
    return log_stream_pressure(harness.log, slice_of(stream), &pressure) ? pressure.stage
                                                                         : LOG_PRESSURE_NONE;
}

static uint32_t changes_told(uint64_t number)
{
    struct log_message message;
    uint32_t count = 0;
    while (harness_take(0, &message)) {
        count += message.kind == LOG_CHANGED && message.number == number;
    }
    return count;
}

static void block(uint8_t policy)
{
    terms.flow.overflow = policy;
    set_terms();
    harness_settle();
}

Test(log_terms, streams_begin_and_end_to_block)
{
    begin();
    append("s", 1);
    uint64_t number = harness_subscribe(0, "s", NULL);
    (void)changes_told(number);
    block(OVERFLOW_BLOCK);
    cr_assert_eq(changes_told(number), 1, "so that the reader says where it is");
    say(number, 1);
    append("s", 50);
    cr_expect_eq(stage_of("s"), LOG_PRESSURE_FULL);
    cr_expect_eq(harness.pressure.stage, LOG_PRESSURE_FULL);

    terms.flow.lag_events = 60; // 50 is above four fifths of it
    block(OVERFLOW_BLOCK);
    cr_expect_eq(stage_of("s"), LOG_PRESSURE_SLOW);
    uint32_t told = harness.pressures;
    terms.flow.producer_wait_ms = 7000;
    block(OVERFLOW_BLOCK);
    cr_expect_eq(harness.pressures, told + 1, "the same stage, another wait");
    cr_expect_eq(harness.pressure.wait_ms, 7000);
    set_terms();
    harness_settle();
    cr_expect_eq(harness.pressures, told + 1, "nothing is new");

    block(OVERFLOW_DROP_OLDEST);
    cr_expect_eq(harness.pressure.stage, LOG_PRESSURE_NONE, "nobody is held any more");
    append("s", 100);
    cr_expect_eq(stage_of("s"), LOG_PRESSURE_NONE);
}

Test(log_terms, streams_with_settings_of_their_own_keep_them)
{
    begin();
    enum rc_error error;
    const struct stream_settings settings = {
        .parts = SETTINGS_FLOW, .flow = {.overflow = OVERFLOW_DROP_NEWEST, .lag_events = 5}};
    (void)log_set_stream(harness.log, slice_of("own"), &settings, slice_empty(), ACK_WRITTEN, 1, 1,
                         &error);
    append("own", 1);
    uint64_t number = harness_subscribe(0, "own", NULL);
    (void)changes_told(number);
    block(OVERFLOW_BLOCK);
    say(number, 1);
    append("own", 60);
    cr_expect_eq(stage_of("own"), LOG_PRESSURE_NONE);
    cr_expect_eq(changes_told(number), 0);
}

Test(log_terms, all_streams_are_chosen_for_in_the_rounds_that_follow)
{
    begin();
    static uint64_t numbers[STREAMS];
    char name[32];
    for (uint32_t i = 0; i < STREAMS; i++) {
        (void)snprintf(name, sizeof(name), "s%u", i);
        append(name, 1);
        numbers[i] = harness_subscribe(1, name, NULL);
    }
    harness_settle();
    block(OVERFLOW_BLOCK);
    for (uint32_t i = 0; i < STREAMS; i++) {
        (void)snprintf(name, sizeof(name), "s%u", i);
        struct log_pressure pressure;
        cr_assert(log_stream_pressure(harness.log, slice_of(name), &pressure), "%s of %llu", name,
                  (unsigned long long)numbers[i]);
    }
    // Others come while they are being chosen for.
    terms.flow.overflow = OVERFLOW_DROP_OLDEST;
    set_terms();
    harness_round();
    terms.flow.overflow = OVERFLOW_BLOCK;
    terms.flow.lag_events = 40;
    block(OVERFLOW_BLOCK);
    for (uint32_t i = 0; i < STREAMS; i++) {
        const struct log_stream *stream = streams_by_number(&harness.log->streams, numbers[i]);
        const struct holdback *holdback = streams_extra(&harness.log->streams, stream)->holdback;
        cr_assert_not_null(holdback);
        cr_assert_eq(holdback->flow.lag_events, 40);
    }
}
