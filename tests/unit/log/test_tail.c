#include "log/tail.h"

#include <criterion/criterion.h>
#include <string.h>

enum { TAIL = 1 << 16, SEGMENT = 1 << 14 };

static struct log_tail *tail;

static void set_up(void)
{
    tail = log_tail_create(TAIL, SEGMENT, 2);
    cr_assert_not_null(tail);
}

static void tear_down(void)
{
    log_tail_destroy(tail);
}

TestSuite(log_tail, .init = set_up, .fini = tear_down, .timeout = 20);

Test(log_tail, a_span_over_the_end_is_contiguous)
{
    uint8_t *at = log_tail_at(tail, 3 * TAIL - 4);
    memcpy(at, "abcdefgh", 8);
    cr_assert_eq(memcmp(log_tail_at(tail, 5 * TAIL), "efgh", 4), 0);
    cr_assert_eq(memcmp(log_tail_at(tail, TAIL - 4), "abcd", 4), 0);
}

Test(log_tail, floor_is_confirmed_when_every_reader_entered_or_is_away)
{
    cr_assert_eq(log_tail_confirmed(tail), 0);
    cr_assert_eq(log_tail_enter(tail, 0), 0);
    log_tail_announce(tail, 1000);
    cr_assert_eq(log_tail_confirmed(tail), 0, "reader 0 still uses the old floor");
    cr_assert_eq(log_tail_enter(tail, 1), 1000);
    cr_assert_eq(log_tail_confirmed(tail), 0);
    cr_assert_eq(log_tail_enter(tail, 0), 1000);
    cr_assert_eq(log_tail_confirmed(tail), 1000);
    log_tail_announce(tail, 2000);
    log_tail_leave(tail, 0);
    cr_assert_eq(log_tail_confirmed(tail), 1000);
    log_tail_leave(tail, 1);
    cr_assert_eq(log_tail_confirmed(tail), 2000);
}

Test(log_tail, epoch_passes_as_floors_do)
{
    (void)log_tail_enter(tail, 1);
    uint64_t epoch = log_tail_epoch_start(tail);
    cr_assert_not(log_tail_epoch_passed(tail, epoch));
    (void)log_tail_enter(tail, 1);
    cr_assert(log_tail_epoch_passed(tail, epoch));
    epoch = log_tail_epoch_start(tail);
    cr_assert_not(log_tail_epoch_passed(tail, epoch));
    log_tail_leave(tail, 1);
    cr_assert(log_tail_epoch_passed(tail, epoch));
}

Test(log_tail, segments_are_found_by_position)
{
    int fd = 0;
    uint64_t salt = 0;
    cr_assert_not(log_tail_segment(tail, 5 * SEGMENT + 77, &fd, &salt));
    cr_assert_not(log_tail_segment(tail, 77, &fd, &salt), "there is no segment 0");
    log_tail_segment_set(tail, 5, 42, 4711);
    cr_assert(log_tail_segment(tail, 5 * SEGMENT + 77, &fd, &salt));
    cr_assert_eq(fd, 42);
    cr_assert_eq(salt, 4711);
    cr_assert_eq(log_tail_segment_offset(tail, 5 * SEGMENT + 77), 77);
    cr_assert_not(log_tail_segment(tail, (5 + (1 << 14)) * (uint64_t)SEGMENT, &fd, &salt));
    log_tail_segment_clear(tail, 5);
    cr_assert_not(log_tail_segment(tail, 5 * SEGMENT, &fd, &salt));
}

Test(log_tail, lapped_flag)
{
    cr_assert_not(log_tail_is_lapped(tail, 1));
    log_tail_set_lapped(tail, 1, true);
    cr_assert(log_tail_is_lapped(tail, 1));
    cr_assert_not(log_tail_is_lapped(tail, 0));
    log_tail_set_lapped(tail, 1, false);
    cr_assert_not(log_tail_is_lapped(tail, 1));
}
