// seam: src/log/disk.c
// seam: src/log/disk_quick.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c
// link: tests/unit/log/harness.c
//
// Idempotent publishing through the whole log, also across restarts.
#include "log/log.h"

#include "harness.h"

#include <criterion/criterion.h>

static void set_up(void)
{
    harness_begin(1);
}

TestSuite(idempotency, .init = set_up, .fini = harness_end, .timeout = 60);

static enum log_append_result publish(uint64_t producer, uint32_t epoch, uint64_t sequence,
                                      uint64_t reference, enum ack_level level,
                                      enum rc_error *error)
{
    struct event event = {.stream = slice_of("s"),
                          .data = slice_of("x"),
                          .producer_id = producer,
                          .producer_epoch = epoch,
                          .producer_sequence = sequence};
    return log_append(harness.log, &event, level, 1, reference, error);
}

static void check_repeat(uint64_t reference, uint64_t id)
{
    const struct log_acknowledgement *ack = harness_ack(reference);
    cr_assert_not_null(ack);
    cr_assert(ack->duplicate);
    cr_assert_eq(ack->id, id);
    cr_assert_eq(ack->error, ERR_NONE);
}

Test(idempotency, a_repeat_is_acknowledged_and_not_appended)
{
    enum rc_error error;
    cr_assert_eq(publish(7, 1, 10, 1, ACK_WRITTEN, &error), LOG_APPEND_TAKEN);
    cr_assert_eq(publish(7, 1, 12, 2, ACK_WRITTEN, &error), LOG_APPEND_TAKEN, "gaps are allowed");
    cr_assert_eq(publish(7, 1, 12, 3, ACK_WRITTEN, &error), LOG_APPEND_TAKEN);
    cr_assert_eq(publish(7, 1, 10, 4, ACK_WRITTEN, &error), LOG_APPEND_TAKEN);
    cr_assert_null(harness_ack(3), "not before its original is written");
    harness_settle();
    check_repeat(3, 2);
    check_repeat(4, 0);
    cr_assert_eq(harness.log->writer.handed.id, 2);
    cr_assert_eq(harness.log->counts.duplicates, 2);
    // One that comes when all is written is answered, too.
    cr_assert_eq(publish(7, 1, 12, 5, ACK_WRITTEN, &error), LOG_APPEND_TAKEN);
    harness_round();
    check_repeat(5, 2);
}

Test(idempotency, a_repeat_waits_for_the_level_it_asks)
{
    enum rc_error error;
    (void)publish(7, 1, 1, 1, ACK_WRITTEN, &error);
    while (harness_ack(1) == NULL) {
        harness_round();
    }
    (void)publish(7, 1, 1, 2, ACK_SYNCED, &error);
    cr_assert_eq(harness.log->writer.synced.id, 0);
    harness_settle();
    check_repeat(2, 1);
    cr_assert_eq(harness.log->writer.synced.id, 1);
}

Test(idempotency, epochs)
{
    enum rc_error error = ERR_NONE;
    (void)publish(7, 2, 10, 1, ACK_WRITTEN, &error);
    cr_assert_eq(publish(7, 1, 11, 2, ACK_WRITTEN, &error), LOG_APPEND_REFUSED);
    cr_assert_eq(error, ERR_STALE_EPOCH);
    cr_assert_eq(publish(7, 3, 1, 3, ACK_WRITTEN, &error), LOG_APPEND_TAKEN);
    harness_settle();
    cr_assert_eq(harness_ack(3)->id, 2);
    cr_assert_not(harness_ack(3)->duplicate);
}

static void check_across(void (*restart)(void), bool settles)
{
    enum rc_error error;
    for (uint64_t i = 1; i <= 30; i++) {
        (void)publish(7, 1, i, i, ACK_SYNCED, &error);
        (void)publish(8, 1, i, 100 + i, ACK_SYNCED, &error);
    }
    harness_settle();
    if (settles) {
        harness_wait(5000);
    }
    uint64_t id = harness_ack(30)->id;
    restart();
    cr_assert(harness_open(), "%s", harness.message);
    cr_assert_eq(publish(7, 1, 30, 500, ACK_SYNCED, &error), LOG_APPEND_TAKEN);
    cr_assert_eq(publish(7, 1, 31, 501, ACK_SYNCED, &error), LOG_APPEND_TAKEN);
    cr_assert_eq(publish(8, 0, 31, 502, ACK_SYNCED, &error), LOG_APPEND_REFUSED);
    harness_settle();
    check_repeat(500, id);
    cr_assert_not(harness_ack(501)->duplicate);
}

Test(idempotency, across_a_kill)
{
    check_across(harness_kill, false);
}

Test(idempotency, across_a_power_cut)
{
    check_across(harness_power_cut, false);
}

Test(idempotency, across_a_clean_stop)
{
    check_across(harness_close, true);
}

Test(idempotency, what_needs_no_room_is_known)
{
    enum rc_error error;
    struct event event = {.stream = slice_of("s"),
                          .data = slice_of("x"),
                          .producer_id = 7,
                          .producer_epoch = 2,
                          .producer_sequence = 5};
    cr_expect_not(log_knows(harness.log, &event));
    cr_assert_eq(publish(7, 2, 5, 1, ACK_WRITTEN, &error), LOG_APPEND_TAKEN);
    cr_expect(log_knows(harness.log, &event));
    event.producer_sequence = 6;
    cr_expect_not(log_knows(harness.log, &event));
    event.producer_epoch = 1;
    cr_expect(log_knows(harness.log, &event), "a stale epoch");
    event.stream = slice_of("t");
    cr_expect_not(log_knows(harness.log, &event));
    event.stream = slice_of("s");
    event.producer_id = 0;
    cr_expect_not(log_knows(harness.log, &event));
}
