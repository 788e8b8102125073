// seam: src/log/disk.c
// seam: src/log/disk_quick.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c
// link: tests/unit/log/harness.c
#include "log/fault.h"

#include "harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static uint64_t number;
static uint64_t ids_seen[4096];
static uint32_t id_count;

static void set_up(void)
{
    harness_begin(7);
    number = harness_subscribe(0, "s", NULL);
    id_count = 0;
}

TestSuite(fault, .init = set_up, .fini = harness_end, .timeout = 60);

static bool take_run(const struct log_run *run)
{
    uint64_t ids[BLOCK_RECORDS_MAX];
    int count = harness_read_run(run, number, ids, NULL, NULL);
    for (int i = 0; i < count; i++) {
        if (id_count == 0 || ids[i] > ids_seen[id_count - 1]) {
            ids_seen[id_count++] = ids[i];
        }
    }
    return count >= 0;
}

static void read_blocks(void)
{
    struct log_message message;
    while (harness_take(0, &message)) {
        struct log_run run = {.block_position = message.position, .block_length = message.length};
        if (message.kind != LOG_BLOCK || take_run(&run)) {
            continue;
        }
        // It was written anew elsewhere: a look-up tells where.
        uint64_t last = id_count == 0 ? 0 : ids_seen[id_count - 1];
        struct log_lookup lookup = harness_lookup(1, number, LOG_FROM_ID, last);
        for (uint32_t i = 0; i < lookup.run_count; i++) {
            cr_assert(take_run(&lookup.runs[i]));
        }
    }
}

static void check_all(uint64_t events)
{
    read_blocks();
    cr_assert_eq(id_count, events);
    for (uint32_t i = 0; i < id_count; i++) {
        cr_assert_eq(ids_seen[i], i + 1, "handed out once, in order");
    }
    uint64_t next = 1;
    for (uint64_t from = 0;;) {
        struct log_lookup lookup = harness_lookup(1, number, LOG_FROM_ID, from);
        cr_assert_eq(lookup.error, ERR_NONE);
        for (uint32_t i = 0; i < lookup.run_count; i++) {
            uint64_t ids[BLOCK_RECORDS_MAX];
            int count = harness_read_run(&lookup.runs[i], number, ids, NULL, NULL);
            cr_assert_gt(count, 0);
            for (int event = 0; event < count; event++) {
                cr_assert_eq(ids[event], next++);
            }
        }
        if (!lookup.more) {
            break;
        }
        from = lookup.end_id;
    }
    cr_assert_eq(next, events + 1);
}

static void append(uint64_t count, enum ack_level level)
{
    for (uint64_t i = 0; i < count; i++) {
        enum log_append_result result;
        while ((result = harness_append("s", "some data", level, harness.log->next_id)) ==
               LOG_APPEND_FULL) {
            harness_round();
        }
        cr_assert_eq(result, LOG_APPEND_TAKEN);
        if (i % 5 == 4) {
            (void)log_round(harness.log, harness.now_ms); // a block of its own, not written yet
        }
    }
}

static void check_refused(void)
{
    struct event event = {.stream = slice_of("s"), .data = slice_of("x")};
    enum rc_error error = ERR_NONE;
    cr_assert_eq(log_append(harness.log, &event, ACK_WRITTEN, 1, 1, &error), LOG_APPEND_REFUSED);
    cr_assert_eq(error, ERR_LOG_ERROR);
    struct log_status status;
    log_get_status(harness.log, &status);
    cr_assert_not(status.writable);
    cr_assert_gt(strlen(status.fault), 0);
}

static void check_writable(void)
{
    struct log_status status;
    log_get_status(harness.log, &status);
    cr_assert(status.writable);
    cr_assert_eq(strlen(status.fault), 0);
}

// Rounds until the log is in its fault.
static void reach_fault(void)
{
    for (int i = 0; i < 1000 && !fault_is_on(harness.log); i++) {
        harness_round();
    }
    cr_assert(fault_is_on(harness.log));
}

static void survive(enum disk_operation operation, unsigned after, int error)
{
    append(20, ACK_SYNCED);
    harness_settle();
    cr_assert_eq(harness.ack_count, 20);
    read_blocks();
    sim_fail(operation, after, error);
    append(10, ACK_SYNCED);
    reach_fault();
    check_refused();
    harness_wait(3000);
    check_writable();
    cr_assert_eq(harness.ack_count, 30);
    check_all(30);
    append(10, ACK_SYNCED);
    harness_settle();
    check_all(40);
    cr_assert_eq(harness.ack_count, 40);
    harness_power_cut();
    cr_assert(harness_open(), "%s", harness.message);
    number = harness_subscribe(0, "s", NULL);
    id_count = 40; // was checked before
    check_all(40);
}

Test(fault, a_failed_write)
{
    survive(DISK_WRITE, 0, -EIO);
}

Test(fault, a_later_write)
{
    survive(DISK_WRITE, 1, -EIO);
}

Test(fault, a_full_disk)
{
    survive(DISK_WRITE, 0, -ENOSPC);
}

Test(fault, a_failed_sync)
{
    survive(DISK_SYNC, 0, -EIO);
}

Test(fault, short_writes_are_no_fault)
{
    sim_set_faults(&(struct sim_faults){.short_write = 5000});
    append(200, ACK_WRITTEN);
    harness_settle();
    check_all(200);
    cr_assert_eq(harness.log->counts.write_failures, 0);
}

Test(fault, what_was_handed_out_is_not_handed_out_again)
{
    append(5, ACK_WRITTEN);
    harness_settle();
    read_blocks();
    cr_assert_eq(id_count, 5);
    sim_fail(DISK_SYNC, 0, -EIO);
    append(5, ACK_SYNCED);
    harness_wait(3000);
    cr_assert_gt(harness.log->counts.sync_failures, 0);
    check_all(10);
}

Test(fault, a_second_failure_on_the_way_is_tried_again)
{
    append(5, ACK_WRITTEN);
    harness_settle();
    read_blocks();
    sim_fail(DISK_SYNC, 0, -EIO);
    sim_fail(DISK_PREPARE, 0, -ENOSPC);
    append(5, ACK_SYNCED);
    reach_fault();
    for (int i = 0; i < 50; i++) {
        harness_round();
    }
    cr_assert(fault_is_on(harness.log));
    check_refused();
    sim_fail(DISK_WRITE, 0, -EIO);
    harness.now_ms += 1000;
    for (int i = 0; i < 50; i++) {
        harness_round();
    }
    cr_assert(fault_is_on(harness.log));
    harness_wait(3000);
    check_writable();
    check_all(10);
}

Test(fault, a_reader_in_the_way_is_waited_for)
{
    harness.readers[3].is_away = true;
    (void)log_tail_enter(harness.log->tail, 3);
    append(50, ACK_WRITTEN);
    harness_settle();
    sim_fail(DISK_SYNC, 0, -EIO);
    append(5, ACK_SYNCED);
    harness_wait(3000);
    // The copies' place in memory may collide with what it reads; if not, nothing waits.
    log_tail_leave(harness.log->tail, 3);
    harness_wait(3000);
    check_writable();
    check_all(55);
}

Test(fault, a_kill_in_the_middle_loses_nothing_that_was_written)
{
    append(20, ACK_WRITTEN);
    harness_settle();
    cr_assert_eq(harness.ack_count, 20);
    sim_fail(DISK_SYNC, 0, -EIO);
    harness.now_ms += 1100;
    reach_fault();
    for (int i = 0; i < 3; i++) {
        harness_round();
    }
    harness_kill();
    cr_assert(harness_open(), "%s", harness.message);
    read_blocks();
    number = harness_subscribe(0, "s", NULL);
    id_count = 20;
    for (uint32_t i = 0; i < 20; i++) {
        ids_seen[i] = i + 1;
    }
    check_all(20);
}

Test(fault, no_segment_to_roll_to)
{
    char data[3001];
    memset(data, 'x', 3000);
    data[3000] = '\0';
    sim_set_space(100 << 10); // one segment and little more
    unsigned refused = 0;
    unsigned taken = 0;
    for (unsigned i = 0; i < 500; i++) {
        switch (harness_append("s", data, ACK_RECEIVED, 0)) {
        case LOG_APPEND_TAKEN: taken++; break;
        case LOG_APPEND_REFUSED: refused++; break;
        case LOG_APPEND_FULL: harness_wait(50); break;
        }
    }
    struct log_status status;
    log_get_status(harness.log, &status);
    cr_assert_gt(strlen(status.fault), 0);
    sim_set_space(0);
    harness_wait(3000);
    check_writable();
    while (harness_append("s", data, ACK_RECEIVED, 0) != LOG_APPEND_TAKEN) {
        harness_wait(50);
    }
    harness_settle();
    cr_assert_eq(harness.log->writer.handed.id, taken + 1);
}
