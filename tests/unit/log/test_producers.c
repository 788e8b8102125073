#include "log/producers.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <string.h>

enum { MOST = 64 };

static struct producers producers;

static void set_up(void)
{
    cr_assert_eq(producers_init(&producers, MOST), 0);
}

static void tear_down(void)
{
    producers_free(&producers);
}

TestSuite(producers, .init = set_up, .fini = tear_down, .timeout = 20);

static void put(uint64_t stream, uint64_t id, uint32_t epoch, uint64_t sequence, uint64_t now_ms)
{
    producers_put(&producers, &(struct producer){.stream_number = stream,
                                                 .producer_id = id,
                                                 .epoch = epoch,
                                                 .producer_sequence = sequence,
                                                 .id = sequence * 10,
                                                 .last_used_ms = now_ms});
}

static enum producers_verdict check(uint64_t stream, uint64_t id, uint32_t epoch, uint64_t sequence)
{
    const struct producer *known;
    return producers_check(&producers, stream, id, epoch, sequence, &known);
}

Test(producers, verdicts)
{
    cr_assert_eq(check(1, 7, 1, 5), PRODUCERS_NEW);
    put(1, 7, 1, 5, 0);
    cr_assert_eq(check(1, 7, 1, 5), PRODUCERS_DUPLICATE);
    cr_assert_eq(check(1, 7, 1, 4), PRODUCERS_DUPLICATE);
    cr_assert_eq(check(1, 7, 1, 6), PRODUCERS_NEW);
    cr_assert_eq(check(1, 7, 0, 6), PRODUCERS_STALE);
    cr_assert_eq(check(1, 7, 2, 1), PRODUCERS_NEW);
    cr_assert_eq(check(2, 7, 1, 5), PRODUCERS_NEW, "another stream");
    cr_assert_eq(check(1, 8, 1, 5), PRODUCERS_NEW, "another producer");
    const struct producer *known;
    (void)producers_check(&producers, 1, 7, 1, 5, &known);
    cr_assert_eq(known->id, 50);
}

Test(producers, the_longest_idle_goes_first)
{
    for (uint64_t i = 1; i <= MOST; i++) {
        put(1, i, 1, 1, i);
    }
    put(1, 1, 1, 2, 100); // used again: now 2 is the oldest
    put(1, 1000, 1, 1, 101);
    cr_assert_eq(producers.count, MOST);
    cr_assert_eq(check(1, 2, 1, 1), PRODUCERS_NEW, "forgotten");
    cr_assert_eq(check(1, 1, 1, 2), PRODUCERS_DUPLICATE);
    cr_assert_eq(check(1, 3, 1, 1), PRODUCERS_DUPLICATE);
    producers_prune(&producers, 5, 100);
    cr_assert_eq(check(1, 3, 1, 1), PRODUCERS_NEW);
    cr_assert_eq(check(1, 4, 1, 1), PRODUCERS_NEW);
    cr_assert_eq(check(1, 5, 1, 1), PRODUCERS_DUPLICATE);
    producers_prune(&producers, 1000, 2);
    cr_assert_eq(producers.count, MOST - 4);
}

Test(producers, a_walk_meets_every_pair_once)
{
    for (uint64_t i = 1; i <= 40; i++) {
        put(i, i, 1, 1, i);
    }
    producers_prune(&producers, 11, 100);
    uint64_t sum = 0;
    uint32_t place = 0;
    const struct producer *entry;
    while (producers_next(&producers, &place, &entry)) {
        sum += entry->producer_id;
    }
    cr_assert_eq(sum, 40 * 41 / 2 - 10 * 11 / 2);
}

Test(producers, holds_against_a_plain_model)
{
    uint64_t last[8][16] = {{0}};
    struct prng prng;
    prng_seed(&prng, 1);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t stream = prng_below(&prng, 4) + 1;
        uint64_t id = prng_below(&prng, 15) + 1; // 60 pairs: all fit
        uint64_t sequence = prng_below(&prng, 1000) + 1;
        bool is_new = sequence > last[stream][id];
        cr_assert_eq(check(stream, id, 1, sequence), is_new ? PRODUCERS_NEW : PRODUCERS_DUPLICATE);
        if (is_new) {
            put(stream, id, 1, sequence, i);
            last[stream][id] = sequence;
        }
        if (prng_chance(&prng, 1, 50)) {
            memset(last, 0, sizeof(last));
            producers_prune(&producers, UINT64_MAX, 1000);
        }
    }
}
