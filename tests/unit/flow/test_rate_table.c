#include "flow/rate_table.h"

#include "base/hash.h"
#include "base/prng.h"

#include <criterion/criterion.h>

enum { HOUR_MS = 3600 * 1000 };

static uint64_t key_of(uint64_t which)
{
    return hash_u64(7, which) | UINT64_C(1) << 40;
}

Test(rate_table, gives_a_second_at_once_and_then_its_rate)
{
    struct rate_table *table = rate_table_create(5);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(rate_table_take(table, key_of(1), 1, 10000), 0);
    }
    cr_assert_eq(rate_table_take(table, key_of(1), 1, 10000), 200);
    cr_assert_eq(rate_table_take(table, key_of(1), 3, 10000), 600);
    cr_assert_neq(rate_table_take(table, key_of(1), 1, 10199), 0);
    cr_assert_eq(rate_table_take(table, key_of(1), 1, 10200), 0);
    cr_assert_neq(rate_table_take(table, key_of(1), 1, 10200), 0);
    cr_assert_eq(rate_table_take(table, key_of(1), 5, 90000), 0, "no more than a second gathers");
    cr_assert_neq(rate_table_take(table, key_of(1), 1, 90000), 0);
    rate_table_release(table);
}

Test(rate_table, each_has_its_own)
{
    struct rate_table *table = rate_table_create(1);
    for (uint64_t i = 0; i < 1000; i++) {
        cr_assert_eq(rate_table_take(table, key_of(i), 1, 5000), 0);
    }
    for (uint64_t i = 0; i < 1000; i++) {
        cr_assert_eq(rate_table_take(table, key_of(i), 1, 5000), 1000);
    }
    rate_table_release(table);
}

Test(rate_table, what_is_larger_than_the_burst_is_paid_for_afterwards)
{
    struct rate_table *table = rate_table_create(100);
    cr_assert_eq(rate_table_take(table, key_of(1), 1, 0), 0);
    cr_assert_eq(rate_table_take(table, key_of(1), 1000, 0), 10, "the bucket is not full");
    cr_assert_eq(rate_table_take(table, key_of(1), 1000, 10), 0);
    cr_assert_eq(rate_table_take(table, key_of(1), 1, 10), 9010);
    cr_assert_neq(rate_table_take(table, key_of(1), 1, 9019), 0);
    cr_assert_eq(rate_table_take(table, key_of(1), 1, 9020), 0);
    rate_table_release(table);
}

// Whoever always asks gets the rate exactly, at odd rates too.
Test(rate_table, is_exact_over_time)
{
    static const uint32_t rates[] = {1, 3, 7, 999, 100003, RATE_TABLE_RATE_MAX};
    struct prng prng;
    prng_seed(&prng, 5);
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct rate_table *table = rate_table_create(rates[i]);
        uint64_t start_ms = UINT64_C(1000) * (1 + prng_below(&prng, 1000 * 1000));
        uint64_t taken = 0;
        uint64_t now_ms = start_ms;
        for (; now_ms <= start_ms + 10 * 1000; now_ms += 1) {
            for (uint32_t step = 1 + rates[i] / 1000;
                 rate_table_take(table, key_of(1), step, now_ms) == 0;) {
                taken += step;
            }
        }
        uint64_t most = rates[i] + UINT64_C(10) * rates[i];
        cr_assert_leq(taken, most);
        cr_assert_geq(taken + 2 + rates[i] / 500, most, "%u a second: %lu of %lu", rates[i], taken,
                      most);
        rate_table_release(table);
    }
}

// The clock in units goes around 2^40 at the largest rate in twelve days.
Test(rate_table, time_may_go_around_and_one_who_paused_for_long_is_not_held_for_it)
{
    struct rate_table *table = rate_table_create(RATE_TABLE_RATE_MAX);
    uint64_t now_ms = 1;
    for (int i = 0; i < 20000; i++) {
        cr_assert_eq(rate_table_take(table, key_of(1), RATE_TABLE_RATE_MAX, now_ms), 0, "at %lu",
                     now_ms);
        cr_assert_eq(rate_table_take(table, key_of(1), 1, now_ms), 1);
        now_ms += 20 * HOUR_MS / 19 + 1001;
    }
    rate_table_release(table);
}

Test(rate_table, a_thread_whose_clock_is_behind_gives_no_more)
{
    struct rate_table *table = rate_table_create(10);
    cr_assert_eq(rate_table_take(table, key_of(1), 10, 5000), 0);
    cr_assert_eq(rate_table_take(table, key_of(1), 1, 4000), 1100);
    rate_table_release(table);
}

// Millions of clients in a moment: nobody is refused for them, and one who asked before is known as
// far as there are places.
Test(rate_table, a_full_table_refuses_nobody_for_anothers_doing)
{
    struct rate_table *table = rate_table_create(10);
    uint64_t refused = 0;
    for (uint64_t i = 0; i < 2000 * 1000; i++) {
        refused += rate_table_take(table, key_of(i), 1, 1000) != 0;
    }
    cr_assert_eq(refused, 0);
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(rate_table_take(table, key_of(1), 1, 2500), 0);
    }
    cr_assert_neq(rate_table_take(table, key_of(1), 1, 2500), 0);
    rate_table_release(table);
}
