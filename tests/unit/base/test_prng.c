#include "base/prng.h"

#include <criterion/criterion.h>
#include <signal.h>

Test(prng, same_seed_same_numbers)
{
    struct prng one;
    struct prng other;
    prng_seed(&one, 42);
    prng_seed(&other, 42);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(prng_u64(&one), prng_u64(&other));
    }
    prng_seed(&other, 43);
    cr_assert_neq(prng_u64(&one), prng_u64(&other));
}

Test(prng, gives_the_published_sequence)
{
    // xoshiro256** from the state 1, 2, 3, 4, by its definition: rotl(2 * 5, 7) * 9 = 11520.
    struct prng prng = {.state = {1, 2, 3, 4}};
    cr_assert_eq(prng_u64(&prng), 11520);
    cr_assert_eq(prng_u64(&prng), 0);
    cr_assert_eq(prng_u64(&prng), 1509978240);
}

Test(prng, stays_in_bounds_and_reaches_all)
{
    struct prng prng;
    unsigned seen[7] = {0};
    prng_seed(&prng, 1);
    for (int i = 0; i < 7000; i++) {
        uint64_t value = prng_below(&prng, 7);
        cr_assert_lt(value, 7);
        seen[value]++;
    }
    for (int i = 0; i < 7; i++) {
        cr_assert(seen[i] > 800 && seen[i] < 1200);
    }
    cr_assert_eq(prng_below(&prng, 1), 0);
    for (int i = 0; i < 1000; i++) {
        uint64_t value = prng_between(&prng, 10, 12);
        cr_assert(value >= 10 && value <= 12);
        // More than half of the 64-bit numbers lie above this bound: many are drawn again.
        cr_assert_lt(prng_below(&prng, (UINT64_C(1) << 63) + 1), (UINT64_C(1) << 63) + 1);
    }
    cr_assert_neq(prng_between(&prng, 0, UINT64_MAX), prng_between(&prng, 0, UINT64_MAX));
}

Test(prng, chances)
{
    struct prng prng;
    int hits = 0;
    prng_seed(&prng, 2);
    for (int i = 0; i < 10000; i++) {
        hits += prng_chance(&prng, 1, 4);
        cr_assert(prng_chance(&prng, 3, 3));
        cr_assert_not(prng_chance(&prng, 0, 3));
    }
    cr_assert(hits > 2300 && hits < 2700);
}

Test(prng, fills_exactly)
{
    struct prng prng;
    prng_seed(&prng, 3);
    for (size_t length = 0; length < 20; length++) {
        uint8_t bytes[24] = {0};
        prng_bytes(&prng, bytes, length);
        for (size_t i = length; i < sizeof(bytes); i++) {
            cr_assert_eq(bytes[i], 0);
        }
        uint8_t any = 0;
        for (size_t i = 0; i < length; i++) {
            any |= bytes[i];
        }
        cr_assert(length < 4 || any != 0);
    }
}

Test(prng, no_number_is_below_zero, .signal = SIGABRT)
{
    struct prng prng;
    prng_seed(&prng, 4);
    prng_below(&prng, 0);
}
