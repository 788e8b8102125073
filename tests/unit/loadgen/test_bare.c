// layer: io
// link: perf/loadgen/bare.c
// link: perf/loadgen/bare_thread.c
#include "../perf/loadgen/bare.h"

#include <criterion/criterion.h>

Test(bare, one_table_holds_them)
{
    cr_assert_eq(bare_threads_needed(2, 1000, 20000), 2);
    cr_assert_eq(bare_threads_needed(2, 19744, 20000), 2);
}

Test(bare, each_thread_has_a_table)
{
    cr_assert_eq(bare_threads_needed(2, 19745, 20000), 2);
    cr_assert_eq(bare_threads_needed(2, 100000, 20000), 6);
    cr_assert_eq(bare_threads_needed(8, 100000, 20000), 8);
}

Test(bare, tables_too_small)
{
    cr_assert_gt(bare_threads_needed(1, 100000, 256), BARE_THREADS_MAX);
    cr_assert_gt(bare_threads_needed(1, 100000, 0), BARE_THREADS_MAX);
}
