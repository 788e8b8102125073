// seam: src/log/disk.c
// seam: src/log/disk_quick.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c
// link: tests/unit/log/harness.c
#include "log/handout.h"

#include "harness.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static uint64_t number;
static uint64_t read_to; // the reader's cursor in the stream
static uint64_t events_read;
static unsigned laps_told;

static void set_up(void)
{
    harness_begin(5);
    read_to = 0;
    events_read = 0;
    laps_told = 0;
    harness.readers[0].capacity = 8;
    number = harness_subscribe(0, "s", NULL);
}

TestSuite(handout, .init = set_up, .fini = harness_end, .timeout = 60);

static void append(unsigned bytes)
{
    char data[4096];
    memset(data, 'x', bytes);
    data[bytes] = '\0';
    while (harness_append("s", data, ACK_RECEIVED, 0) == LOG_APPEND_FULL) {
        harness_round();
    }
    harness_round();
}

static void take_ids(const struct log_run *run)
{
    uint64_t ids[BLOCK_RECORDS_MAX];
    int count = harness_read_run(run, number, ids, NULL, NULL);
    cr_assert_geq(count, 0);
    for (int i = 0; i < count; i++) {
        if (ids[i] > read_to) {
            read_to = ids[i];
            events_read++;
        }
    }
}

static void look_up_to(uint64_t id)
{
    while (read_to < id) {
        struct log_lookup lookup = harness_lookup(1, number, LOG_FROM_ID, read_to);
        cr_assert_eq(lookup.error, ERR_NONE);
        for (uint32_t i = 0; i < lookup.run_count; i++) {
            take_ids(&lookup.runs[i]);
        }
        if (!lookup.more) {
            break;
        }
    }
}

// What a worker does in a round: all of its inbox, then the mark of a lap.
static void read_inbox(void)
{
    struct log_message message;
    while (harness_take(0, &message)) {
        if (message.kind == LOG_BLOCK) {
            struct log_run run = {.block_position = message.position,
                                  .block_length = message.length};
            const uint8_t *block = harness_block_at(message.position, message.length);
            for (uint32_t i = 0; i < block_header_of(block)->stream_count; i++) {
                if (block_streams(block)[i].number == number) {
                    run.stream_index = (uint16_t)i;
                    take_ids(&run);
                }
            }
        } else if (message.kind == LOG_LAPPED) {
            laps_told++;
            look_up_to(message.id);
        }
    }
    if (log_tail_is_lapped(harness.log->tail, 0)) {
        log_handle_message(harness.log, &(struct log_message){.kind = LOG_RESUME, .reader = 0});
    }
}

Test(handout, a_lapped_reader_is_marked_woken_and_catches_up_from_memory)
{
    for (unsigned i = 0; i < 40; i++) {
        append(50);
    }
    harness_settle();
    cr_assert(log_tail_is_lapped(harness.log->tail, 0));
    cr_assert_eq(harness.readers[0].wakes, 1);
    cr_assert_eq(harness.log->counts.laps, 1);
    cr_assert_eq(harness.readers[0].count, 4, "the reserve is for answers");
    for (unsigned i = 0; i < 100 && events_read < 40; i++) {
        read_inbox();
        harness_round();
    }
    cr_assert_eq(events_read, 40);
    cr_assert_eq(laps_told, 0, "all was still in memory");
    append(50);
    harness_settle();
    read_inbox();
    cr_assert_eq(events_read, 41, "and live again");
}

Test(handout, who_missed_more_than_memory_holds_is_told)
{
    for (unsigned i = 0; i < 300; i++) {
        append(3000);
    }
    harness_settle();
    for (unsigned i = 0; i < 100 && events_read < 300; i++) {
        read_inbox();
        harness_round();
    }
    cr_assert_eq(events_read, 300);
    cr_assert_eq(laps_told, 1);
    cr_assert_eq(read_to, 300);
}

Test(handout, answers_reach_a_lapped_reader)
{
    for (unsigned i = 0; i < 40; i++) {
        append(50);
    }
    harness_settle();
    cr_assert(log_tail_is_lapped(harness.log->tail, 0));
    uint64_t other = harness_subscribe(0, "other", NULL);
    cr_assert_neq(other, 0);
}

Test(handout, events_appended_while_a_reader_catches_up_follow_in_order)
{
    for (unsigned i = 0; i < 2000; i++) {
        append(50);
        if (i % 3 == 0) {
            read_inbox();
        }
        if (i % 100 > 60) {
            continue; // sleeps over a while
        }
        harness_round();
    }
    for (unsigned i = 0; i < 2000 && events_read < 2000; i++) {
        harness_settle();
        read_inbox();
    }
    cr_assert_eq(events_read, 2000);
    cr_assert_eq(read_to, 2000);
}

Test(handout, a_reader_that_never_enters_holds_the_floor_until_it_leaves)
{
    harness.readers[2].is_away = true;
    (void)log_tail_enter(harness.log->tail, 2); // once, and then no more
    char data[3001];
    memset(data, 'x', 3000);
    data[3000] = '\0';
    unsigned taken = 0;
    unsigned full = 0;
    for (unsigned i = 0; i < 2000 && full < 200; i++) {
        if (harness_append("s", data, ACK_RECEIVED, 0) == LOG_APPEND_FULL) {
            full++;
            harness_wait(50);
        } else {
            taken++;
        }
    }
    cr_assert_eq(full, 200, "the log never says that it is full");
    cr_assert_lt(taken * UINT64_C(3000), harness.options.tail_bytes);
    harness.rooms = 0;
    log_tail_leave(harness.log->tail, 2);
    harness_wait(200);
    cr_assert_gt(harness.rooms, 0, "room is told");
    cr_assert_eq(harness_append("s", data, ACK_RECEIVED, 0), LOG_APPEND_TAKEN);
    harness_settle();
}

Test(handout, nothing_is_repeated_after_a_subscription_while_lapped)
{
    for (unsigned i = 0; i < 40; i++) {
        append(50);
    }
    harness_settle();
    struct log_stream_state state;
    (void)harness_subscribe(0, "s", &state);
    cr_assert_eq(state.last_id, 40);
    cr_assert_eq(state.number, number);
    cr_assert_eq(state.log_last_id, 40);
}
