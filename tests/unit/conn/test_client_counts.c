#include "conn/client_counts.h"

#include "base/hash.h"
#include "base/prng.h"

#include <criterion/criterion.h>

enum { EACH = 3, CONNECTIONS = 1000 };

static struct client_counts *counts;

static void setup(void)
{
    counts = client_counts_create(CONNECTIONS);
    cr_assert_not_null(counts);
}

static void teardown(void)
{
    client_counts_release(counts);
}

TestSuite(client_counts, .init = setup, .fini = teardown);

static uint64_t key_of(uint64_t which)
{
    return hash_u64(99, which) | UINT64_C(1) << 40;
}

Test(client_counts, each_has_its_own_count)
{
    uint64_t one = key_of(1);
    uint64_t other = key_of(2);
    for (int i = 0; i < EACH; i++) {
        cr_assert(client_counts_enter(counts, one, EACH));
    }
    cr_assert_not(client_counts_enter(counts, one, EACH));
    cr_assert(client_counts_enter(counts, other, EACH));
    client_counts_leave(counts, one);
    cr_assert(client_counts_enter(counts, one, EACH));
    cr_assert_not(client_counts_enter(counts, one, EACH));
}

Test(client_counts, one_that_is_gone_begins_anew)
{
    uint64_t key = key_of(1);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < EACH; i++) {
            cr_assert(client_counts_enter(counts, key, EACH));
        }
        for (int i = 0; i < EACH; i++) {
            client_counts_leave(counts, key);
        }
    }
    client_counts_leave(counts, key); // one that was not counted
    cr_assert(client_counts_enter(counts, key, EACH));
}

// Comings and goings of many more clients than are there at once, against plain counts.
Test(client_counts, as_a_plain_count_would)
{
    enum { CLIENTS = 5000, STEPS = 400 * 1000 };
    static uint32_t expected[CLIENTS];
    static uint32_t there[CONNECTIONS]; // whose each connection is
    uint32_t used = 0;
    struct prng prng;
    prng_seed(&prng, 99);
    for (int step = 0; step < STEPS; step++) {
        if (used < CONNECTIONS && prng_chance(&prng, 1, 2)) {
            uint32_t which = (uint32_t)prng_below(&prng, prng_chance(&prng, 1, 2) ? 20 : CLIENTS);
            bool is_in = client_counts_enter(counts, key_of(which), EACH);
            cr_assert_eq(is_in, expected[which] < EACH);
            if (is_in) {
                expected[which]++;
                there[used++] = which;
            }
        } else if (used > 0) {
            uint32_t at = (uint32_t)prng_below(&prng, used);
            uint32_t which = there[at];
            there[at] = there[--used];
            expected[which]--;
            client_counts_leave(counts, key_of(which));
        }
    }
}
