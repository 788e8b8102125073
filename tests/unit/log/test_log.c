// seam: src/log/disk.c
// seam: src/log/disk_quick.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c
// link: tests/unit/log/harness.c
#include "log/log.h"

#include "harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void set_up(void)
{
    harness_begin(1);
}

TestSuite(log, .init = set_up, .fini = harness_end, .timeout = 60);

// Takes the next block message and says which ids of the stream it brings.
static int take_block(unsigned reader, uint64_t number, uint64_t *ids)
{
    struct log_message message;
    while (harness_take(reader, &message)) {
        if (message.kind != LOG_BLOCK) {
            continue;
        }
        const uint8_t *block = harness_block_at(message.position, message.length);
        cr_assert_not_null(block);
        for (uint32_t i = 0; i < block_header_of(block)->stream_count; i++) {
            if (block_streams(block)[i].number == number) {
                struct log_run run = {.block_position = message.position,
                                      .block_length = message.length,
                                      .stream_index = (uint16_t)i};
                return harness_read_run(&run, number, ids, NULL, NULL);
            }
        }
    }
    return 0;
}

Test(log, an_event_is_handed_out_and_acknowledged)
{
    struct log_stream_state state;
    uint64_t number = harness_subscribe(0, "chat/42", &state);
    cr_assert_neq(number, 0);
    cr_assert_eq(state.last_id, 0);
    cr_assert_eq(harness_append("chat/42", "hello", ACK_WRITTEN, 7), LOG_APPEND_TAKEN);
    harness_settle();
    const struct log_acknowledgement *ack = harness_ack(7);
    cr_assert_not_null(ack);
    cr_assert_eq(ack->id, 1);
    cr_assert_eq(ack->sequence, 1);
    cr_assert_eq(ack->producer, 1);
    cr_assert_eq(ack->error, ERR_NONE);
    uint64_t ids[8];
    cr_assert_eq(take_block(0, number, ids), 1);
    cr_assert_eq(ids[0], 1);
    cr_assert_eq(harness.readers[1].count, 0, "who does not watch is told nothing");
}

Test(log, nothing_is_acknowledged_or_handed_out_before_its_write_is_done)
{
    (void)harness_subscribe(0, "a", NULL);
    (void)harness_append("a", "x", ACK_WRITTEN, 1);
    (void)log_round(harness.log, harness.now_ms);
    (void)log_round(harness.log, harness.now_ms);
    cr_assert_null(harness_ack(1));
    cr_assert_eq(harness.readers[0].count, 0);
    harness_settle();
    cr_assert_not_null(harness_ack(1));
    cr_assert_eq(harness.readers[0].count, 1);
}

// A small block alone is written, handed out and acknowledged in the round that closes it. What
// that took decides how long the next ones are submitted instead.
Test(log, a_small_block_is_written_at_once_unless_that_was_slow)
{
    harness.writes_quickly = true;
    harness.quick_write_ms = 2;
    (void)harness_subscribe(0, "a", NULL);
    (void)harness_append("a", "x", ACK_WRITTEN, 1);
    (void)log_round(harness.log, harness.now_ms);
    cr_assert_not_null(harness_ack(1));
    cr_assert_eq(harness.readers[0].count, 1);
    cr_assert_eq(sim_in_flight_of(DISK_WRITE), 0);

    harness.now_ms += (uint64_t)WRITER_QUICK_SHARE * harness.quick_write_ms - 1;
    (void)harness_append("a", "y", ACK_WRITTEN, 2);
    (void)log_round(harness.log, harness.now_ms);
    cr_assert_null(harness_ack(2));
    cr_assert_eq(sim_in_flight_of(DISK_WRITE), 1);
    harness.now_ms += 1;
    (void)harness_append("a", "z", ACK_WRITTEN, 3);
    (void)log_round(harness.log, harness.now_ms);
    cr_assert_eq(sim_in_flight_of(DISK_WRITE), 2, "not while others are under way");
    harness_settle();
    cr_assert_not_null(harness_ack(3));

    static char large[WRITER_QUICK_BYTES + 1];
    memset(large, 'x', WRITER_QUICK_BYTES);
    (void)harness_append("a", large, ACK_WRITTEN, 4);
    (void)log_round(harness.log, harness.now_ms);
    cr_assert_eq(sim_in_flight_of(DISK_WRITE), 1);
    harness_settle();
    cr_assert_eq(harness.quick_writes, 1);

    (void)harness_append("a", "x", ACK_SYNCED, 5); // quick; the next one while it is being synced
    (void)log_round(harness.log, harness.now_ms);
    cr_assert_eq(sim_in_flight_of(DISK_SYNC), 1);
    harness.now_ms += 100;
    (void)harness_append("a", "y", ACK_WRITTEN, 6);
    (void)log_round(harness.log, harness.now_ms);
    cr_assert_eq(harness.quick_writes, 2);
    harness_settle();
    cr_assert_not_null(harness_ack(6));
}

// It fails, or writes a part: as a submitted one that does.
Test(log, a_quick_write_may_fail_and_may_be_short)
{
    harness.writes_quickly = true;
    sim_set_faults(&(struct sim_faults){.short_write = 10000});
    (void)harness_append("a", "x", ACK_WRITTEN, 1);
    (void)log_round(harness.log, harness.now_ms);
    cr_assert_eq(sim_in_flight_of(DISK_WRITE), 1, "the rest");
    sim_set_faults(NULL);
    harness_settle();
    cr_assert_not_null(harness_ack(1));
    sim_fail(DISK_WRITE, 0, -EIO);
    (void)harness_append("a", "y", ACK_WRITTEN, 2);
    (void)log_round(harness.log, harness.now_ms);
    cr_assert(fault_is_on(harness.log));
    harness_wait(3000);
    cr_assert_eq(harness_ack(2)->error, ERR_NONE);
    cr_assert_eq(harness.log->counts.write_failures, 1);
}

Test(log, synced_waits_for_the_sync_and_received_for_nothing)
{
    (void)harness_append("a", "x", ACK_SYNCED, 1);
    (void)harness_append("a", "y", ACK_RECEIVED, 2);
    uint64_t syncs = 0;
    while (harness_ack(1) == NULL) {
        syncs = harness.log->counts.syncs;
        harness_round();
    }
    cr_assert_eq(harness.log->counts.syncs, 1);
    cr_assert_leq(syncs, 1);
    harness_settle();
    cr_assert_null(harness_ack(2));
}

Test(log, acknowledgements_come_in_log_order)
{
    char data[32];
    for (uint64_t i = 0; i < 3000; i++) {
        (void)snprintf(data, sizeof(data), "event %d", (int)i);
        enum log_append_result result;
        while ((result = harness_append(i % 3 == 0 ? "a" : "b", data,
                                        i % 2 == 0 ? ACK_WRITTEN : ACK_SYNCED, i)) ==
               LOG_APPEND_FULL) {
            harness_round();
        }
        cr_assert_eq(result, LOG_APPEND_TAKEN);
    }
    harness_settle();
    cr_assert_eq(harness.ack_count, 3000);
    uint64_t last[2] = {0, 0};
    for (uint32_t i = 0; i < harness.ack_count; i++) {
        const struct log_acknowledgement *ack = &harness.acks[i];
        cr_assert_eq(ack->id, ack->reference + 1);
        cr_assert_gt(ack->id, last[ack->reference % 2]);
        last[ack->reference % 2] = ack->id;
    }
}

Test(log, subscription_and_blocks_meet_exactly)
{
    char data[300];
    memset(data, 'x', sizeof(data));
    data[sizeof(data) - 1] = '\0';
    uint64_t seen = 0;
    uint64_t number = 0;
    for (unsigned i = 0; i < 2000; i++) {
        while (harness_append("s", data, ACK_RECEIVED, 0) == LOG_APPEND_FULL) {
            harness_round();
        }
        if (i % 7 == 0) {
            harness_round();
        }
        if (i == 1000) {
            struct log_stream_state state;
            number = harness_subscribe(2, "s", &state);
            seen = state.last_id;
            cr_assert_lt(seen, 1001);
        }
    }
    harness_settle();
    uint64_t ids[4096];
    int count;
    while ((count = take_block(2, number, ids)) > 0) {
        for (int i = 0; i < count; i++) {
            cr_assert_eq(ids[i], ++seen);
        }
    }
    cr_assert_eq(seen, 2000);
}

Test(log, an_event_that_is_too_large_is_refused)
{
    static char data[100 << 10];
    memset(data, 'x', sizeof(data) - 1);
    struct event event = {.stream = slice_of("a"), .data = slice_of(data)};
    enum rc_error error = ERR_NONE;
    cr_assert_eq(log_append(harness.log, &event, ACK_WRITTEN, 1, 1, &error), LOG_APPEND_REFUSED);
    cr_assert_eq(error, ERR_TOO_LARGE);
}

Test(log, raw_and_binary_payloads_come_back_byte_for_byte)
{
    static const uint8_t raw[] = "a\rb\0c\nd";
    struct event event = {.stream = slice_of("a"),
                          .type = slice_of("t"),
                          .data = slice_from(raw, sizeof(raw)),
                          .retry_ms = 5000,
                          .ttl_ms = 77,
                          .binary = false,
                          .priority = PRIORITY_HIGH};
    enum rc_error error;
    cr_assert_eq(log_append(harness.log, &event, ACK_WRITTEN, 1, 1, &error), LOG_APPEND_TAKEN);
    harness_settle();
    const uint8_t *block = log_tail_at(harness.log->tail, harness.log->writer.handed.last_position);
    const struct block_record *record = block_records(block);
    cr_assert_eq(record->form, FRAME_FORM_RAW);
    cr_assert_eq(record->ttl_ms, 77);
    cr_assert_eq(record->priority, PRIORITY_HIGH);
    cr_assert_eq(record->payload_length, sizeof(raw));
    cr_assert_eq(memcmp(block + record->extra_offset + record->extra_length, raw, sizeof(raw)), 0);
    struct slice rest = slice_from(block + record->extra_offset, record->extra_length);
    struct attribute attribute;
    bool malformed;
    cr_assert(event_attribute_next(&rest, &attribute, &malformed));
    cr_assert_eq(attribute.kind, ATTRIBUTE_TYPE);
    cr_assert(event_attribute_next(&rest, &attribute, &malformed));
    cr_assert_eq(attribute.kind, ATTRIBUTE_RETRY);
    cr_assert_eq(load_le32(attribute.value.at), 5000);
}

Test(log, an_ephemeral_event_reaches_who_is_there_and_is_not_kept)
{
    uint64_t number = harness_subscribe(0, "a", NULL);
    (void)harness_subscribe(1, "a", NULL);
    struct event event = {.stream = slice_of("a"),
                          .type = slice_of("typing"),
                          .data = slice_of("x"),
                          .ephemeral = true};
    enum rc_error error;
    cr_assert_eq(log_append(harness.log, &event, ACK_SYNCED, 1, 9, &error), LOG_APPEND_TAKEN);
    struct log_message message;
    for (unsigned reader = 0; reader < 2; reader++) {
        cr_assert(harness_take(reader, &message));
        cr_assert_eq(message.kind, LOG_TRANSIENT);
        struct log_transient *transient = message.pointer;
        cr_assert_eq(transient->number, number);
        cr_assert(slice_equal_text(transient->frame, "event: typing\ndata: x\n\n"));
        cr_assert(slice_equal_text(transient->data, "x"));
        log_transient_release(transient);
    }
    harness_settle();
    cr_assert_not_null(harness_ack(9));
    cr_assert_eq(harness_ack(9)->id, 0);
    cr_assert_eq(harness.log->counts.events_appended, 0);
}

Test(log, interest_ends_with_unsubscribe)
{
    uint64_t number = harness_subscribe(0, "a", NULL);
    log_handle_message(
        harness.log, &(struct log_message){.kind = LOG_UNSUBSCRIBE, .reader = 0, .number = number});
    (void)harness_append("a", "x", ACK_WRITTEN, 1);
    harness_settle();
    cr_assert_eq(harness.readers[0].count, 0);
    struct log_subscription unknown = {.name = slice_of("nowhere")};
    log_handle_message(harness.log, &(struct log_message){
                                        .kind = LOG_SUBSCRIBE, .reader = 0, .pointer = &unknown});
    cr_assert_eq(unknown.state.number, 0);
    cr_assert_eq(unknown.state.log_last_id, 1);
}

Test(log, clean_restart_goes_on_where_it_ended)
{
    for (uint64_t i = 0; i < 100; i++) {
        (void)harness_append("a", "x", ACK_WRITTEN, i);
    }
    harness_settle();
    harness_close();
    cr_assert(harness_open(), "%s", harness.message);
    struct log_status status;
    log_get_status(harness.log, &status);
    cr_assert_eq(status.last_id, 100);
    cr_assert_eq(status.faults_at_start, 0);
    cr_assert(status.writable);
    (void)harness_append("a", "y", ACK_WRITTEN, 200);
    harness_settle();
    cr_assert_eq(harness_ack(200)->id, 101);
    cr_assert_eq(harness_ack(200)->sequence, 101);
    // Counted in bytes: between the segments of two lives positions jump by megabytes.
    log_get_status(harness.log, &status);
    cr_assert_eq(status.unwritten_bytes, 0);
    cr_assert_gt(status.unsynced_bytes, 0);
    cr_assert_lt(status.unsynced_bytes, 1000);
    harness_wait(2000);
    log_get_status(harness.log, &status);
    cr_assert_eq(status.unsynced_bytes, 0);
}

Test(log, after_a_kill_written_events_are_there_and_numbers_go_on)
{
    for (uint64_t i = 0; i < 100; i++) {
        (void)harness_append("a", "x", ACK_WRITTEN, i);
    }
    harness_settle();
    harness_kill();
    cr_assert(harness_open(), "%s", harness.message);
    struct log_stream_state state;
    (void)harness_subscribe(0, "a", &state);
    cr_assert_eq(state.last_id, 100);
    cr_assert_eq(state.last_sequence, 100);
    harness_wait(2000);
    cr_assert_eq(harness.trims, 1, "the old segment gives back what it does not use");
    (void)harness_append("a", "y", ACK_WRITTEN, 200);
    harness_settle();
    cr_assert_eq(harness_ack(200)->id, 101);
}

Test(log, after_a_power_cut_numbers_jump)
{
    (void)harness_append("a", "x", ACK_SYNCED, 1);
    harness_settle();
    harness_power_cut();
    cr_assert(harness_open(), "%s", harness.message);
    (void)harness_append("a", "y", ACK_WRITTEN, 2);
    harness_settle();
    cr_assert_geq(harness_ack(2)->id, META_RESERVE);
    cr_assert_gt(harness_ack(2)->sequence, META_RESERVE);
}

static void visit_stream(void *context, const struct log_stream_info *info)
{
    unsigned *count = context;
    cr_assert(slice_starts_with(info->name, slice_of("chat/")));
    cr_assert_eq(info->state.last_id, info->interest == 0 ? 0 : 1);
    ++*count;
}

Test(log, streams_are_visited_by_prefix)
{
    (void)harness_subscribe(1, "chat/1", NULL);
    struct log_stream_state state;
    (void)harness_subscribe(1, "other", &state);
    (void)harness_append("chat/1", "x", ACK_WRITTEN, 1);
    harness_settle();
    unsigned count = 0;
    log_visit_streams(harness.log, slice_of("chat/"), 0, 10, visit_stream, &count);
    cr_assert_eq(count, 1);
    count = 0;
    log_visit_streams(harness.log, slice_of("chat/"), 0, 0, visit_stream, &count);
    cr_assert_eq(count, 0);
}

Test(log, says_how_full_it_is)
{
    cr_assert_eq(log_full_permille(harness.log), 0);
    cr_assert(log_is_writable(harness.log));
    static char data[4001];
    memset(data, 'x', sizeof(data) - 1);
    uint32_t before = 0;
    uint64_t reference = 1;
    while (harness_append("a", data, ACK_WRITTEN, reference) == LOG_APPEND_TAKEN) {
        uint32_t permille = log_full_permille(harness.log);
        cr_assert_geq(permille, before);
        before = permille;
        reference++;
    }
    cr_assert_geq(before, 800); // and not only when there is no room any more
    harness_settle();
    harness_wait(2000);
    cr_assert_eq(log_full_permille(harness.log), 0);
}

Test(log, too_many_streams)
{
    char name[16];
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "s%u", i);
        while (harness_append(name, "x", ACK_RECEIVED, 0) == LOG_APPEND_FULL) {
            harness_round();
        }
    }
    struct event event = {.stream = slice_of("one more"), .data = slice_of("x")};
    enum rc_error error = ERR_NONE;
    cr_assert_eq(log_append(harness.log, &event, ACK_WRITTEN, 1, 1, &error), LOG_APPEND_REFUSED);
    cr_assert_eq(error, ERR_TOO_MANY_STREAMS);
    harness_settle();
}

Test(log, subscribers_leave_places_to_those_who_publish)
{
    enum { STREAMS = 80 };
    harness_end();
    harness_prepare(1);
    harness.options.streams_max = STREAMS;
    cr_assert(harness_open());
    char name[24];
    uint32_t awaited = 0;
    for (int i = 0; i < STREAMS; i++) {
        snprintf(name, sizeof name, "awaited/%d", i);
        awaited += harness_subscribe(0, name, NULL) != 0;
    }
    cr_expect_eq(awaited, STREAMS - STREAMS / LOG_STREAMS_KEPT_SHARE);
    for (int i = 0; i < STREAMS / LOG_STREAMS_KEPT_SHARE; i++) {
        snprintf(name, sizeof name, "made/%d", i);
        cr_expect_eq(harness_append(name, "x", ACK_WRITTEN, 1), LOG_APPEND_TAKEN);
        cr_expect_neq(harness_subscribe(1, name, NULL), 0, "it is there");
    }
    cr_expect_eq(harness_append("more", "x", ACK_WRITTEN, 1), LOG_APPEND_REFUSED);
}

Test(log, no_more_is_taken_while_draining)
{
    (void)harness_append("a", "x", ACK_SYNCED, 1);
    log_drain(harness.log);
    struct event event = {.stream = slice_of("a"), .data = slice_of("x")};
    enum rc_error error = ERR_NONE;
    cr_assert_eq(log_append(harness.log, &event, ACK_WRITTEN, 1, 1, &error), LOG_APPEND_REFUSED);
    cr_assert_eq(error, ERR_SHUTTING_DOWN);
    cr_assert_not(log_is_drained(harness.log));
    harness_settle();
    cr_assert(log_is_drained(harness.log));
    cr_assert_not_null(harness_ack(1));
}

Test(log, an_idle_log_asks_to_be_run_in_time)
{
    (void)harness_append("a", "x", ACK_WRITTEN, 1);
    harness_round();
    harness_round();
    (void)log_round(harness.log, harness.now_ms); // as after each completion
    uint64_t begin_ms = harness.now_ms;
    while (harness.log->writer.synced.id == 0) {
        uint64_t next_ms = log_next_ms(harness.log, harness.now_ms);
        cr_assert_leq(next_ms, 1000, "or it would sleep over its sync");
        harness.now_ms += next_ms;
        (void)log_round(harness.log, harness.now_ms);
        sim_settle();
        cr_assert_leq(harness.now_ms - begin_ms, 2500);
    }
}

static void append_near_the_limit(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        while (harness_append("a", "x", ACK_WRITTEN, i) == LOG_APPEND_FULL) {
            cr_assert_lt(harness.now_ms, 1700000060000);
            harness.now_ms += 100;
            harness_round();
        }
    }
    harness_settle();
    cr_assert_eq(harness.ack_count, count);
}

Test(log, ids_are_given_out_only_as_far_as_they_are_reserved)
{
    harness.log->next_id = harness.log->keeper.id_limit - 10;
    uint64_t limit = harness.log->keeper.id_limit;
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(harness_append("a", "x", ACK_RECEIVED, 0), LOG_APPEND_TAKEN);
    }
    cr_assert_eq(harness_append("a", "x", ACK_RECEIVED, 0), LOG_APPEND_FULL);
    append_near_the_limit(100);
    cr_assert_gt(harness.log->keeper.id_limit, limit);
    harness_power_cut();
    cr_assert(harness_open(), "%s", harness.message);
    cr_assert_gt(harness.log->next_id, limit + 90);
}

Test(log, a_reservation_that_fails_is_tried_again)
{
    harness_settle();
    harness.log->next_id = harness.log->keeper.id_limit - 1;
    sim_fail(DISK_REPLACE, 0, -5);
    append_near_the_limit(20);
    cr_assert_geq(harness.log->counts.write_failures, 1);
}

Test(log, a_checkpoint_that_fails_is_tried_again)
{
    sim_fail(DISK_REPLACE, 0, -5);
    char data[1000];
    memset(data, 'x', sizeof(data));
    data[sizeof(data) - 1] = '\0';
    for (int i = 0; i < 300; i++) {
        while (harness_append("a", data, ACK_RECEIVED, 0) == LOG_APPEND_FULL) {
            harness_round();
        }
    }
    harness_wait(200);
    struct log_status status;
    log_get_status(harness.log, &status);
    cr_assert_gt(strlen(status.fault), 0);
    cr_assert(status.writable);
    harness_wait(3000);
    log_get_status(harness.log, &status);
    cr_assert_eq(strlen(status.fault), 0);
    cr_assert_gt(harness.log->keeper.done, 0);
}

Test(log, a_directory_that_cannot_be_written_is_told_in_a_line)
{
    harness_close();
    sim_set_faults(&(struct sim_faults){.replace_error = 10000, .now_too = true});
    cr_assert_not(harness_open());
    cr_assert_gt(strlen(harness.message), 0);
    sim_set_faults(NULL);
    cr_assert(harness_open(), "%s", harness.message);
}

Test(log, blocks_syncs_and_sizes_are_measured)
{
    for (uint64_t i = 0; i < 10; i++) {
        (void)harness_append("a", "twelve bytes", ACK_WRITTEN, i);
    }
    harness_settle();
    harness_wait(2000);
    struct log_status status;
    log_get_status(harness.log, &status);
    cr_expect_eq(distribution_count(&status.event_bytes), 10);
    cr_expect_eq(status.event_bytes.sum, 120);
    cr_expect_eq(distribution_count(&status.write_ns), status.blocks_written);
    cr_expect_eq(status.block_events.sum, 10);
    cr_expect_gt(distribution_count(&status.sync_ns), 0);
    cr_expect_eq(distribution_count(&status.sync_ns), distribution_count(&status.unsynced_ns));
    cr_expect_geq(status.unsynced_ns.sum, status.sync_ns.sum);
    cr_expect_lt(status.unsynced_ns.sum, UINT64_C(10) * 1000 * 1000 * 1000);
}
