// seam: src/log/disk.c
// seam: src/log/disk_quick.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c
// link: tests/unit/log/harness.c
//
// Every kind of look-up over events in memory, in unsealed and in sealed segments, held against a
// plain list of what was appended.
#include "log/lookup.h"

#include "harness.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { STREAMS = 3, EVENTS_MAX = 6000 };

struct model_event {
    uint64_t id;
    uint64_t sequence;
    uint64_t time_ms;
};

static struct {
    struct model_event events[STREAMS][EVENTS_MAX];
    uint32_t counts[STREAMS];
    uint64_t numbers[STREAMS];
    struct prng prng;
} model;

static const char *const names[STREAMS] = {"busy", "quiet", "rare"};

static void set_up(void)
{
    harness_begin(3);
    memset(&model, 0, sizeof(model));
    prng_seed(&model.prng, 11);
}

TestSuite(lookup, .init = set_up, .fini = harness_end, .timeout = 120);

static void append(unsigned stream, unsigned bytes)
{
    char data[2048];
    memset(data, 'x', bytes);
    data[bytes] = '\0';
    while (harness_append(names[stream], data, ACK_RECEIVED, 0) == LOG_APPEND_FULL) {
        harness_round();
    }
    const struct log_stream *entry = streams_find(&harness.log->streams, slice_of(names[stream]));
    model.events[stream][model.counts[stream]++] =
        (struct model_event){.id = harness.log->next_id - 1,
                             .sequence = entry->last_sequence,
                             .time_ms = harness.log->time_ms};
    model.numbers[stream] = entry->number;
}

// Appends over many blocks and segments; all but the newest get sealed.
static void fill(unsigned events, unsigned bytes)
{
    for (unsigned i = 0; i < events; i++) {
        append(i % 50 == 49  ? 2
               : i % 10 == 9 ? 1
                             : 0,
               bytes + (unsigned)prng_below(&model.prng, 40));
        if (prng_chance(&model.prng, 1, 5)) {
            harness.now_ms += prng_below(&model.prng, 4);
            harness_round();
        }
    }
    harness_settle();
    harness_wait(1500);
}

static unsigned sealed_segments(void)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < harness.log->chain.count; i++) {
        count += harness.log->chain.list[i]->state == SEGMENT_SEALED;
    }
    return count;
}

// Follows a look-up to its end and compares: first is the index of the first event that it must
// give.
static void check(unsigned stream, enum log_lookup_from from, uint64_t value, uint32_t first)
{
    uint32_t next = first;
    struct log_lookup lookup = harness_lookup(1, model.numbers[stream], from, value);
    cr_assert_eq(lookup.error, ERR_NONE);
    uint64_t start_id = lookup.start_id;
    if (first < model.counts[stream]) {
        cr_assert_lt(start_id, model.events[stream][first].id);
    }
    cr_assert(first == 0 || start_id >= model.events[stream][first - 1].id, "kind %u, value %llu",
              from, (unsigned long long)value);
    for (;;) {
        for (uint32_t i = 0; i < lookup.run_count; i++) {
            uint64_t ids[BLOCK_RECORDS_MAX];
            int count = harness_read_run(&lookup.runs[i], model.numbers[stream], ids, NULL, NULL);
            cr_assert_eq(count, (int)lookup.runs[i].count);
            for (int event = 0; event < count; event++) {
                if (ids[event] > start_id) {
                    cr_assert_eq(ids[event], model.events[stream][next].id);
                    next++;
                }
            }
        }
        if (!lookup.more) {
            break;
        }
        cr_assert_eq(lookup.end_id, lookup.runs[lookup.run_count - 1].last_id);
        start_id = lookup.end_id;
        lookup = harness_lookup(1, model.numbers[stream], LOG_FROM_ID, start_id);
        cr_assert_eq(lookup.error, ERR_NONE);
    }
    cr_assert_eq(next, model.counts[stream], "kind %u, value %llu, stream %u", from,
                 (unsigned long long)value, stream);
    cr_assert_eq(lookup.end_id, harness.log->writer.handed.id);
}

static void check_by_id(unsigned stream, uint64_t id)
{
    uint32_t first = 0;
    while (first < model.counts[stream] && model.events[stream][first].id <= id) {
        first++;
    }
    check(stream, LOG_FROM_ID, id, first);
}

static void check_by_sequence(unsigned stream, uint64_t sequence)
{
    uint32_t first = 0;
    while (first < model.counts[stream] && model.events[stream][first].sequence <= sequence) {
        first++;
    }
    check(stream, LOG_FROM_SEQUENCE, sequence, first);
}

static void check_by_time(unsigned stream, uint64_t time_ms)
{
    uint32_t first = 0;
    while (first < model.counts[stream] && model.events[stream][first].time_ms < time_ms) {
        first++;
    }
    check(stream, LOG_FROM_TIME, time_ms, first);
}

static void check_last(unsigned stream, uint64_t last)
{
    uint32_t count = model.counts[stream];
    check(stream, LOG_FROM_LAST, last, last < count ? count - (uint32_t)last : 0);
}

static void check_all_kinds(unsigned rounds)
{
    for (unsigned stream = 0; stream < STREAMS; stream++) {
        uint32_t count = model.counts[stream];
        const struct model_event *newest = &model.events[stream][count - 1];
        check_by_id(stream, 0);
        check_by_id(stream, newest->id);
        check_by_id(stream, newest->id + 1000);
        check_by_sequence(stream, 0);
        check_by_sequence(stream, newest->sequence);
        check_by_sequence(stream, newest->sequence + 5);
        check_by_time(stream, 0);
        check_by_time(stream, newest->time_ms);
        check_by_time(stream, newest->time_ms + 1);
        check_last(stream, 0);
        check_last(stream, 1);
        check_last(stream, count);
        check_last(stream, count + 10);
        for (unsigned i = 0; i < rounds; i++) {
            const struct model_event *event = &model.events[stream][prng_below(&model.prng, count)];
            check_by_id(stream, event->id);
            check_by_sequence(stream, event->sequence);
            check_by_time(stream, event->time_ms);
            check_last(stream, 1 + prng_below(&model.prng, count));
        }
    }
}

Test(lookup, in_memory)
{
    fill(300, 20);
    cr_assert_eq(sealed_segments(), 0);
    check_all_kinds(10);
}

Test(lookup, in_sealed_segments)
{
    fill(4000, 60);
    cr_assert_gt(sealed_segments(), 4);
    check_all_kinds(25);
}

Test(lookup, in_large_runs_whose_blocks_are_cold)
{
    for (unsigned i = 0; i < 1500; i++) {
        append(i % 7 == 0 ? 2 : i % 3 == 0 ? 1 : 0, 300);
        if (i % 100 == 0) {
            harness.now_ms += 5;
            harness_round();
        }
    }
    harness_settle();
    harness_wait(1500);
    cr_assert_gt(sealed_segments(), 4);
    check_all_kinds(25);
}

Test(lookup, with_many_streams_whose_index_has_many_pages)
{
    char name[32];
    for (unsigned i = 0; i < 3000; i++) {
        append(i % 3, 10);
        (void)snprintf(name, sizeof(name), "other/%u", i % 900);
        while (harness_append(name, "x", ACK_RECEIVED, 0) == LOG_APPEND_FULL) {
            harness_round();
        }
        if (i % 20 == 0) {
            harness.now_ms += 1;
            harness_round();
        }
    }
    harness_settle();
    harness_wait(1500);
    cr_assert_gt(sealed_segments(), 4);
    cr_assert_gt(harness.log->chain.list[0]->head.page_count, 1);
    check_all_kinds(10);
}

Test(lookup, after_a_restart)
{
    fill(3000, 60);
    harness_kill();
    cr_assert(harness_open(), "%s", harness.message);
    check_all_kinds(10);
    harness_wait(1500);
    check_all_kinds(5);
    harness_close();
    cr_assert(harness_open(), "%s", harness.message);
    check_all_kinds(5);
}

Test(lookup, with_short_reads)
{
    fill(2000, 60);
    sim_set_faults(&(struct sim_faults){.short_read = 3000});
    check_all_kinds(10);
}

Test(lookup, of_an_unknown_stream)
{
    struct log_lookup lookup = harness_lookup(0, 4711, LOG_FROM_ID, 0);
    cr_assert_eq(lookup.error, ERR_STREAM_NOT_FOUND);
}

Test(lookup, that_cannot_read_says_so)
{
    fill(3000, 60);
    sim_fail(DISK_READ, 0, -5);
    struct log_lookup lookup = harness_lookup(0, model.numbers[0], LOG_FROM_ID, 0);
    cr_assert_eq(lookup.error, ERR_LOG_ERROR);
    cr_assert_eq(lookup.run_count, 0);
    check_by_id(0, 0);
}

Test(lookup, of_a_corrupt_index_says_so_and_the_next_start_builds_it_again)
{
    fill(3000, 60);
    const struct segment *segment = harness.log->chain.list[1];
    char name[SEGMENT_NAME_BYTES];
    segment_name(segment->facts.number, name);
    sim_flip_bit(name, segment->facts.index_offset + seal_page_offset(&segment->head, 0) + 40, 1);
    struct log_lookup lookup = harness_lookup(0, model.numbers[2], LOG_FROM_ID, 0);
    cr_assert_eq(lookup.error, ERR_LOG_ERROR);
    harness_wait(3000);
    harness_close();
    cr_assert(harness_open(), "%s", harness.message);
    check_all_kinds(3);
    harness_wait(3000);
    cr_assert_eq(harness.log->chain.list[1]->state, SEGMENT_SEALED);
    check_all_kinds(3);
}

Test(lookup, many_at_once_are_all_answered)
{
    fill(3000, 60);
    static struct log_lookup lookups[HARNESS_READERS][4];
    for (unsigned reader = 0; reader < HARNESS_READERS; reader++) {
        for (unsigned i = 0; i < 4; i++) {
            lookups[reader][i] =
                (struct log_lookup){.number = model.numbers[i % STREAMS],
                                    .from = (enum log_lookup_from)i,
                                    .value = i == 2 ? model.events[2][5].time_ms : 100};
            log_handle_message(harness.log, &(struct log_message){.kind = LOG_LOOKUP,
                                                                  .reader = reader,
                                                                  .pointer = &lookups[reader][i]});
        }
    }
    harness_settle();
    for (unsigned reader = 0; reader < HARNESS_READERS; reader++) {
        cr_assert_eq(harness.readers[reader].count, 4);
        for (unsigned i = 0; i < 4; i++) {
            cr_assert_eq(lookups[reader][i].error, ERR_NONE);
            cr_assert_gt(lookups[reader][i].run_count, 0);
        }
    }
}
