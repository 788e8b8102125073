#include "flow/sweep.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/prng.h"

// Walks one and notes when each place had its turn.
struct walk {
    struct sweep sweep;
    uint64_t total;
    uint64_t *visited_ms;
    uint64_t *visits;
};

static struct walk walk_begin(uint64_t total, uint64_t now_ms)
{
    struct walk walk = {.sweep = {.began_ms = now_ms}, .total = total};
    walk.visited_ms = calloc(total, sizeof(*walk.visited_ms));
    walk.visits = calloc(total, sizeof(*walk.visits));
    cr_assert(walk.visited_ms != NULL && walk.visits != NULL);
    return walk;
}

static void walk_end(struct walk *walk)
{
    free(walk->visited_ms);
    free(walk->visits);
}

static uint64_t walk_on(struct walk *walk, uint64_t interval_ms, uint64_t now_ms, uint64_t most)
{
    uint64_t place = 0;
    uint64_t due = sweep_due(&walk->sweep, interval_ms, walk->total, now_ms, &place);
    due = due < most ? due : most;
    for (uint64_t i = 0; i < due; i++) {
        cr_assert_lt(place + i, walk->total);
        walk->visits[place + i]++;
        walk->visited_ms[place + i] = now_ms;
    }
    sweep_advance(&walk->sweep, due);
    return due;
}

Test(sweep, each_has_its_turn_once_an_interval)
{
    struct prng prng;
    prng_seed(&prng, 6);
    for (int run = 0; run < 30; run++) {
        uint64_t total = prng_between(&prng, 1, 5000);
        uint64_t interval_ms = prng_between(&prng, 1000, 30000);
        uint64_t step_max = interval_ms / 8;
        struct walk walk = walk_begin(total, 77);
        uint64_t now_ms = 77;
        uint64_t passes = 20;
        while (now_ms < 77 + passes * interval_ms) {
            now_ms += prng_between(&prng, 1, step_max);
            uint64_t due = walk_on(&walk, interval_ms, now_ms, UINT64_MAX);
            cr_assert_leq(due, total * (step_max + 1) / interval_ms + 1 + total / 8,
                          "never many at once");
        }
        for (uint64_t i = 0; i < total; i++) {
            cr_assert_leq(walk.visits[i], passes + 1);
            cr_assert_geq(walk.visits[i], passes - 3, "%lu", walk.visits[i]);
        }
        walk_end(&walk);
    }
}

Test(sweep, what_is_not_done_stays_due)
{
    struct walk walk = walk_begin(1000, 0);
    cr_assert_eq(walk_on(&walk, 1000, 500, 100), 100);
    cr_assert_eq(walk_on(&walk, 1000, 500, 100), 100);
    cr_assert_eq(walk_on(&walk, 1000, 500, UINT64_MAX), 300);
    cr_assert_eq(walk_on(&walk, 1000, 500, UINT64_MAX), 0);
    for (uint64_t now_ms = 501; now_ms < 3000; now_ms += 10) {
        walk_on(&walk, 1000, now_ms, 7); // slower than is asked for: none is left out
    }
    for (uint64_t i = 0; i < 1000; i++) {
        cr_assert_geq(walk.visits[i], 1);
    }
    walk_end(&walk);
}

Test(sweep, a_pause_is_not_made_up_for)
{
    struct walk walk = walk_begin(10, 0);
    cr_assert_eq(walk_on(&walk, 1000, 1000, UINT64_MAX), 10);
    cr_assert_eq(walk_on(&walk, 1000, 60 * 1000, UINT64_MAX), 0, "a new pass begins");
    cr_assert_eq(walk_on(&walk, 1000, 60 * 1000 + 500, UINT64_MAX), 5);
    walk_end(&walk);
}
