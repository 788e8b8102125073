#include "stream/waiters.h"

#include <criterion/criterion.h>

Test(waiters, swap_takes_all_and_leaves_the_memory)
{
    struct waiters waiters = {0};
    struct waiters taken = {0};
    for (uint64_t i = 0; i < 100; i++) {
        cr_assert(waiters_add(&waiters, i));
    }
    waiters_swap(&waiters, &taken);
    cr_assert_eq(waiters.count, 0);
    cr_assert_eq(taken.count, 100);
    for (uint64_t i = 0; i < 100; i++) {
        cr_assert_eq(taken.handles[i], i);
    }
    taken.count = 0;
    cr_assert(waiters_add(&waiters, 5));
    waiters_swap(&waiters, &taken);
    cr_assert_gt(waiters.capacity, 50); // the memory went round
    waiters_free(&waiters);
    waiters_free(&taken);
    cr_assert_null(waiters.handles);
}
