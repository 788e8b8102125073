// The watch on a tree of files and a clock of the test's own.
#include "app/memory_watch.h"

#include "base/clock.h"
#include "base/logger.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIMIT_PAGES = 1000, HOUR_MS = 3600 * 1000 };

static uint64_t now_ms = 5000;
static char root[64];
static char path[128];
static struct memory_watch watch;

uint64_t clock_monotonic_ns(void)
{
    return now_ms * 1000 * 1000;
}

uint64_t clock_realtime_ms(void)
{
    return 1700000000000 + now_ms;
}

static void use_pages(unsigned pages)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_gt(fprintf(file, "9000 %u 0 0 0 0 0\n", pages), 0);
    cr_assert_eq(fclose(file), 0);
}

static void setup(void)
{
    (void)snprintf(root, sizeof(root), "/tmp/ringcast-watch-XXXXXX");
    cr_assert_not_null(mkdtemp(root));
    (void)snprintf(path, sizeof(path), "%s/proc", root);
    cr_assert_eq(mkdir(path, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/proc/self", root);
    cr_assert_eq(mkdir(path, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/proc/self/statm", root);
    logger_set_level(LOGGER_OFF);
    use_pages(100);
    memory_watch_open(&watch, root, LIMIT_PAGES * (uint64_t)sysconf(_SC_PAGESIZE), true);
}

static void teardown(void)
{
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/proc/self", root);
    (void)rmdir(path);
    (void)snprintf(path, sizeof(path), "%s/proc", root);
    (void)rmdir(path);
    (void)rmdir(root);
}

TestSuite(memory_watch, .init = setup, .fini = teardown);

Test(memory_watch, it_knows_from_the_start)
{
    cr_assert_eq(watch.board.memory_used_bytes * 10, watch.board.memory_limit_bytes);
    cr_assert_eq(pressure_board_stage(&watch.board), PRESSURE_NONE);
    cr_assert_eq(watch.board.since_ms, 0);
}

Test(memory_watch, it_looks_four_times_a_second_and_more_often_where_it_matters)
{
    use_pages(800);
    cr_assert_not(memory_watch_look(&watch, now_ms));
    now_ms += PRESSURE_LOOK_MS - 1;
    cr_assert_not(memory_watch_look(&watch, now_ms));
    now_ms++;
    cr_assert(memory_watch_look(&watch, now_ms));
    cr_assert_eq(watch.next_ms, now_ms + PRESSURE_LOOK_SOON_MS);
    cr_assert_eq(pressure_board_stage(&watch.board), PRESSURE_NO_REPLAYS);
    cr_assert_eq(watch.board.since_ms, clock_realtime_ms());
    cr_assert_eq(watch.board.changes, 1);
}

Test(memory_watch, up_and_back)
{
    use_pages(1000);
    for (uint64_t end_ms = now_ms + 1000; now_ms < end_ms;) {
        now_ms = watch.next_ms;
        (void)memory_watch_look(&watch, now_ms);
    }
    cr_assert_eq(pressure_board_stage(&watch.board), PRESSURE_REFUSE);
    use_pages(100);
    uint64_t end_ms = now_ms + 4 * (PRESSURE_HOLD_MS + PRESSURE_LOOK_MS);
    while (pressure_board_stage(&watch.board) != PRESSURE_NONE && now_ms < end_ms) {
        now_ms = watch.next_ms;
        (void)memory_watch_look(&watch, now_ms);
    }
    cr_assert_eq(pressure_board_stage(&watch.board), PRESSURE_NONE);
    cr_assert_eq(watch.board.changes, 6);
}

Test(memory_watch, switched_off_it_shows_what_it_saw_first)
{
    uint64_t limit_bytes = LIMIT_PAGES * (uint64_t)sysconf(_SC_PAGESIZE);
    memory_watch_open(&watch, root, limit_bytes, false);
    use_pages(1000);
    now_ms += HOUR_MS;
    cr_assert_not(memory_watch_look(&watch, now_ms));
    cr_assert_eq(pressure_board_stage(&watch.board), PRESSURE_NONE);
    cr_assert_eq(watch.board.memory_used_bytes * 10, limit_bytes);
}

Test(memory_watch, another_limit_is_looked_at_at_once)
{
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    memory_watch_set(&watch, 110 * page_bytes, true);
    cr_assert_eq(watch.board.memory_limit_bytes, 110 * page_bytes);
    cr_assert(memory_watch_look(&watch, now_ms));
    cr_assert_gt(pressure_board_stage(&watch.board), PRESSURE_NONE);
}

Test(memory_watch, one_that_is_turned_off_leaves_no_stage_behind)
{
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    memory_watch_set(&watch, 110 * page_bytes, true);
    cr_assert(memory_watch_look(&watch, now_ms));
    memory_watch_set(&watch, 110 * page_bytes, false);
    cr_assert_eq(pressure_board_stage(&watch.board), PRESSURE_NONE);
    cr_assert_eq(watch.next_ms, UINT64_MAX);
    memory_watch_set(&watch, LIMIT_PAGES * page_bytes, true);
    cr_assert_not(memory_watch_look(&watch, now_ms));
    cr_assert_neq(watch.next_ms, UINT64_MAX);
}
