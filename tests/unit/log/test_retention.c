// seam: src/log/disk.c
// seam: src/log/disk_quick.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c
// link: tests/unit/log/harness.c
#include "log/retention.h"

#include "harness.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(retention, .fini = harness_end, .timeout = 60);

static void append(const char *stream, unsigned bytes)
{
    char data[4096];
    memset(data, 'x', bytes);
    data[bytes] = '\0';
    while (harness_append(stream, data, ACK_RECEIVED, 0) == LOG_APPEND_FULL) {
        harness_round();
    }
    harness_round();
}

// Ids of the stream from `from` on, as look-ups give them.
static uint32_t read_ids(uint64_t number, uint64_t from, uint64_t *ids, uint64_t *discarded)
{
    uint32_t count = 0;
    for (;;) {
        struct log_lookup lookup = harness_lookup(1, number, LOG_FROM_ID, from);
        cr_assert_eq(lookup.error, ERR_NONE);
        if (lookup.discarded_id != 0 && discarded != NULL) {
            *discarded = lookup.discarded_id;
        }
        for (uint32_t i = 0; i < lookup.run_count; i++) {
            uint64_t here[BLOCK_RECORDS_MAX];
            int got = harness_read_run(&lookup.runs[i], number, here, NULL, NULL);
            cr_assert_gt(got, 0);
            for (int event = 0; event < got; event++) {
                if (here[event] > lookup.start_id) {
                    ids[count++] = here[event];
                }
            }
        }
        if (!lookup.more) {
            return count;
        }
        from = lookup.end_id;
    }
}

static uint64_t discards_told(unsigned reader, uint64_t number)
{
    struct log_message message;
    uint64_t id = 0;
    while (harness_take(reader, &message)) {
        if (message.kind == LOG_DISCARDED && message.number == number) {
            cr_assert_gt(message.id, id);
            id = message.id;
        }
    }
    return id;
}

static uint64_t ids[8192];

Test(retention, by_bytes_removes_whole_segments_and_tells_the_streams_that_lost_something)
{
    harness_prepare(1);
    harness.options.retention_bytes = 200 << 10;
    cr_assert(harness_open());
    uint64_t old = harness_subscribe(2, "old", NULL);
    append("old", 10);
    uint64_t busy = harness_subscribe(2, "busy", NULL);
    for (unsigned i = 0; i < 400; i++) {
        append("busy", 2000);
    }
    uint64_t fresh = harness_subscribe(2, "new", NULL);
    append("new", 10);
    harness_settle();
    harness_wait(20000);
    struct log_status status;
    log_get_status(harness.log, &status);
    cr_assert_leq(status.bytes_kept, (200 << 10) + (64 << 10));
    cr_assert_gt(status.first_id, 1);

    uint64_t discarded = 0;
    uint32_t count = read_ids(busy, 0, ids, &discarded);
    cr_assert_gt(discarded, 0);
    cr_assert_eq(ids[0], discarded + 1);
    cr_assert_eq(ids[count - 1], 401);
    discarded = 0;
    cr_assert_eq(read_ids(old, 0, ids, &discarded), 0);
    cr_assert_eq(discarded, 1);
    discarded = 0;
    cr_assert_eq(read_ids(fresh, 0, ids, &discarded), 1);
    cr_assert_eq(discarded, 0, "it lost nothing");
    // A resume point above what is gone is no gap.
    discarded = 0;
    (void)read_ids(busy, status.first_id, ids, &discarded);
    cr_assert_eq(discarded, 0);

    const char *files[64];
    cr_assert_leq(sim_names(files, 64), 10, "files go, too");
    harness_kill();
    cr_assert(harness_open(), "%s", harness.message);
    discarded = 0;
    (void)read_ids(busy, 0, ids, &discarded);
    cr_assert_gt(discarded, 0, "a restart does not forget it");
    cr_assert_eq(harness.log->counts.faults_at_start, 0);
}

Test(retention, readers_are_told_of_what_went)
{
    harness_prepare(1);
    harness.options.retention_bytes = 200 << 10;
    cr_assert(harness_open());
    uint64_t busy = harness_subscribe(2, "busy", NULL);
    for (unsigned i = 0; i < 400; i++) {
        append("busy", 2000);
    }
    harness_wait(20000);
    const struct log_stream *stream = streams_by_number(&harness.log->streams, busy);
    cr_assert_eq(discards_told(2, busy), stream->discarded_id);
}

Test(retention, by_age)
{
    harness_prepare(1);
    harness.options.retention_age_ms = 600 * 1000;
    harness.options.stream_idle_ms = 0;
    cr_assert(harness_open());
    uint64_t number = harness_subscribe(2, "a", NULL);
    for (unsigned i = 0; i < 40; i++) {
        append("a", 100);
    }
    harness_settle();
    harness.now_ms += 300 * 1000;
    harness_wait(2000);
    append("a", 100);
    harness_settle();
    cr_assert_eq(read_ids(number, 0, ids, NULL), 41);
    harness.now_ms += 400 * 1000;
    harness_wait(5000);
    cr_assert_eq(read_ids(number, 0, ids, NULL), 1,
                 "the old ones went, though no segment was full");
    harness.now_ms += 700 * 1000;
    harness_wait(5000);
    append("a", 100);
    harness_settle();
    harness_wait(5000);
    cr_assert_eq(read_ids(number, 0, ids, NULL), 1);
    cr_assert_eq(ids[0], 42);
}

static void set(const char *stream, const struct stream_settings *settings)
{
    enum rc_error error;
    cr_assert_eq(log_set_stream(harness.log, slice_of(stream), settings, slice_empty(), ACK_WRITTEN,
                                1, 999, &error),
                 LOG_APPEND_TAKEN);
    harness_settle();
    cr_assert_not_null(harness_ack(999));
}

Test(retention, of_a_stream_by_count)
{
    harness_begin(1);
    set("a", &(struct stream_settings){.parts = SETTINGS_RETENTION, .retention_count = 10});
    for (unsigned i = 0; i < 100; i++) {
        append(i % 2 == 0 ? "a" : "b", 20);
    }
    uint64_t a = harness_subscribe(3, "a", NULL);
    uint64_t b = harness_subscribe(3, "b", NULL);
    harness_wait(5000);
    cr_assert_eq(read_ids(a, 0, ids, NULL), 10);
    cr_assert_eq(read_ids(b, 0, ids, NULL), 50);
    struct log_stream_state state;
    (void)harness_subscribe(3, "a", &state);
    cr_assert_eq(state.discarded_sequence, 40);
    cr_assert_eq(state.last_sequence, 50);
    append("a", 20);
    harness_wait(3000);
    cr_assert_eq(read_ids(a, 0, ids, NULL), 10);
    // Settings outlive restarts of both kinds.
    harness_kill();
    cr_assert(harness_open(), "%s", harness.message);
    a = harness_subscribe(3, "a", NULL);
    append("a", 20);
    harness_wait(3000);
    cr_assert_eq(read_ids(a, 0, ids, NULL), 10);
    harness_close();
    cr_assert(harness_open(), "%s", harness.message);
    a = harness_subscribe(3, "a", NULL);
    append("a", 20);
    harness_wait(3000);
    cr_assert_eq(read_ids(a, 0, ids, NULL), 10);
}

Test(retention, of_a_stream_by_bytes_and_count_together)
{
    harness_begin(1);
    set("a", &(struct stream_settings){
                 .parts = SETTINGS_RETENTION, .retention_bytes = 2000, .retention_count = 50});
    for (unsigned i = 0; i < 100; i++) {
        append("a", 80);
        harness_settle();
    }
    uint64_t a = harness_subscribe(3, "a", NULL);
    harness_wait(10000);
    uint32_t count = read_ids(a, 0, ids, NULL);
    cr_assert_leq(count, 25);
    cr_assert_geq(count, 15);
    cr_assert_eq(ids[count - 1], 101);
}

Test(retention, of_a_stream_by_age)
{
    harness_begin(1);
    set("a", &(struct stream_settings){.parts = SETTINGS_RETENTION, .retention_age_ms = 60 * 1000});
    for (unsigned i = 0; i < 20; i++) {
        append("a", 20);
        harness.now_ms += 10 * 1000;
        harness_settle();
    }
    uint64_t a = harness_subscribe(3, "a", NULL);
    harness_wait(10000);
    uint32_t count = read_ids(a, 0, ids, NULL);
    cr_assert_geq(count, 4);
    cr_assert_leq(count, 6);
    cr_assert_eq(ids[count - 1], 21);
}

Test(retention, of_a_stream_that_fell_silent)
{
    harness_begin(1);
    set("a", &(struct stream_settings){.parts = SETTINGS_RETENTION, .idle_ttl_ms = 300 * 1000});
    uint64_t a = harness_subscribe(3, "a", NULL);
    for (unsigned i = 0; i < 20; i++) {
        append("a", 20);
        harness.now_ms += 100 * 1000;
        harness_settle();
    }
    harness_wait(2000);
    cr_assert_eq(read_ids(a, 0, ids, NULL), 20, "counted from the last write");
    harness.now_ms += 400 * 1000;
    harness_wait(3000);
    cr_assert_eq(read_ids(a, 0, ids, NULL), 0);
    cr_assert_gt(discards_told(3, a), 20);
    append("a", 20);
    harness_settle();
    harness_kill();
    cr_assert(harness_open(), "%s", harness.message);
    a = harness_subscribe(3, "a", NULL);
    cr_assert_eq(read_ids(a, 0, ids, NULL), 1, "the old ones do not come back");
}

Test(retention, a_discarded_stream_is_empty_and_goes_on)
{
    harness_begin(1);
    for (unsigned i = 0; i < 20; i++) {
        append("a", 20);
    }
    uint64_t a = harness_subscribe(3, "a", NULL);
    enum rc_error error;
    cr_assert_eq(log_discard_stream(harness.log, slice_of("a"), ACK_WRITTEN, 1, 5, &error),
                 LOG_APPEND_TAKEN);
    append("a", 20);
    harness_settle();
    cr_assert_not_null(harness_ack(5));
    uint64_t discarded = 0;
    cr_assert_eq(read_ids(a, 0, ids, &discarded), 1);
    cr_assert_eq(discarded, 21);
    cr_assert_eq(ids[0], 22);
    struct log_stream_state state;
    (void)harness_subscribe(3, "a", &state);
    cr_assert_eq(state.last_sequence, 21, "a control record takes no sequence");
    cr_assert_eq(log_discard_stream(harness.log, slice_of("nowhere"), ACK_WRITTEN, 1, 6, &error),
                 LOG_APPEND_REFUSED);
    cr_assert_eq(error, ERR_STREAM_NOT_FOUND);
    harness_power_cut();
    cr_assert(harness_open(), "%s", harness.message);
}

Test(retention, silent_empty_streams_are_forgotten_and_their_numbers_not_used_again)
{
    harness_prepare(1);
    harness.options.stream_idle_ms = 3600 * 1000;
    cr_assert(harness_open());
    append("a", 20);
    append("b", 20);
    harness_settle();
    uint64_t a = harness_subscribe(3, "a", NULL);
    uint64_t b = harness_subscribe(3, "b", NULL);
    log_handle_message(harness.log,
                       &(struct log_message){.kind = LOG_UNSUBSCRIBE, .reader = 3, .number = a});
    enum rc_error error;
    (void)log_discard_stream(harness.log, slice_of("a"), ACK_WRITTEN, 1, 5, &error);
    (void)log_discard_stream(harness.log, slice_of("b"), ACK_WRITTEN, 1, 6, &error);
    harness_settle();
    harness.now_ms += 4000 * 1000;
    harness_wait(2000);
    cr_assert_null(streams_find(&harness.log->streams, slice_of("a")));
    cr_assert_not_null(streams_find(&harness.log->streams, slice_of("b")), "somebody watches it");
    append("a", 20);
    struct log_stream_state state;
    harness_settle();
    uint64_t again = harness_subscribe(3, "a", &state);
    cr_assert_gt(again, b);
    cr_assert_eq(state.last_sequence, 1);
    harness_kill();
    cr_assert(harness_open(), "%s", harness.message);
    cr_assert_eq(harness_subscribe(3, "a", &state), again);
    cr_assert_eq(state.last_sequence, 1);
}

static void expect_flow(const struct stream_flow *flow)
{
    cr_expect_eq(flow->overflow, OVERFLOW_BLOCK);
    cr_expect_eq(flow->lag_events, 50);
    cr_expect_eq(flow->lag_bytes, 4096);
}

static const struct stream_settings blocking = {
    .parts = SETTINGS_FLOW,
    .flow = {.overflow = OVERFLOW_BLOCK, .lag_events = 50, .lag_bytes = 4096, .threshold = 800}};

Test(retention, of_flow_settings_through_restarts)
{
    harness_begin(1);
    append("a", 20);
    set("a", &(struct stream_settings){.parts = SETTINGS_RETENTION, .retention_count = 10});
    set("a", &blocking);
    struct log_stream_state state;
    for (int i = 0; i < 4; i++) { // by the records, then by the checkpoint
        (void)harness_subscribe(0, "a", &state);
        expect_flow(&state.flow);
        cr_expect_eq(state.flow.threshold, 800);
        const struct log_stream *stream = streams_find(&harness.log->streams, slice_of("a"));
        cr_expect_eq(streams_extra(&harness.log->streams, stream)->settings.retention_count, 10);
        if (i % 2 == 0) {
            harness_kill();
        } else {
            harness_close();
        }
        cr_assert(harness_open());
    }
}

Test(retention, of_flow_settings_is_told_to_readers_with_full_inboxes_later)
{
    harness_begin(1);
    harness.readers[0].capacity = 8; // half of it is for answers
    uint64_t number = harness_subscribe(0, "a", NULL);
    for (unsigned i = 0; i < 4; i++) {
        append("a", 20);
    }
    set("a", &blocking);
    struct log_message message;
    while (harness_take(0, &message)) {
        cr_expect_eq(message.kind, LOG_BLOCK);
    }
    harness_wait(3000);
    cr_assert(harness_take(0, &message));
    cr_assert_eq(message.kind, LOG_CHANGED);
    cr_expect_eq(message.number, number);
    struct stream_flow flow = log_message_flow(&message);
    expect_flow(&flow);
    harness_wait(3000);
    cr_expect_not(harness_take(0, &message), "once");
}
