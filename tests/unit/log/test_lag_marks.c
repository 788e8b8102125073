#include "log/lag_marks.h"

#include "base/prng.h"

#include <criterion/criterion.h>

enum { EVENTS = 3000 };

static struct lag_marks marks;
static uint64_t ids[EVENTS + 1];
static uint64_t sums[EVENTS + 1]; // bytes up to and with the event
static uint32_t count;

static void begin(struct lag limit)
{
    count = 0;
    ids[0] = 1000;
    sums[0] = 0;
    lag_marks_begin(&marks, ids[0], limit);
}

static void add(uint64_t id, uint64_t bytes)
{
    count++;
    ids[count] = id;
    sums[count] = sums[count - 1] + bytes;
    lag_marks_add(&marks, id, bytes);
}

Test(lag_marks, are_exact_up_to_their_number)
{
    begin((struct lag){.events = LAG_MARKS_MAX - 2});
    for (uint32_t i = 1; i <= EVENTS; i++) {
        add(ids[i - 1] + 1 + i % 3, i);
        for (uint32_t back = 0; back <= i && back < LAG_MARKS_MAX - 2; back++) {
            struct lag lag = lag_marks_behind(&marks, ids[i - back]);
            cr_assert_eq(lag.events, back);
            cr_assert_eq(lag.bytes, sums[i] - sums[i - back]);
            // Between two events of the stream.
            if (ids[i - back] > ids[0] && ids[i - back] - 1 > ids[i - back - 1]) {
                lag = lag_marks_behind(&marks, ids[i - back] - 1);
                cr_assert_eq(lag.events, back + 1);
            }
        }
        cr_assert_geq(lag_marks_behind(&marks, 0).events,
                      i < LAG_MARKS_MAX - 2 ? i : LAG_MARKS_MAX - 2);
    }
}

// Against what is: never too little up to the limit, and too much by no more than is said.
static void check(struct lag limit)
{
    for (uint32_t at = 0; at <= count; at++) {
        struct lag is = {.events = count - at, .bytes = sums[count] - sums[at]};
        struct lag said = lag_marks_behind(&marks, ids[at]);
        bool is_beyond = (limit.events != 0 && is.events >= limit.events) ||
                         (limit.bytes != 0 && is.bytes >= limit.bytes);
        bool is_said_beyond = (limit.events != 0 && said.events >= limit.events) ||
                              (limit.bytes != 0 && said.bytes >= limit.bytes);
        if (is_beyond) {
            cr_assert(is_said_beyond);
            continue;
        }
        cr_assert_geq(said.events, is.events);
        cr_assert_geq(said.bytes, is.bytes);
        if (limit.events != 0) {
            cr_assert_leq(said.events, is.events + limit.events / LAG_MARKS_NEAR + 1);
        }
        if (limit.bytes != 0) {
            cr_assert_leq(said.bytes, is.bytes + limit.bytes / LAG_MARKS_NEAR);
        }
        cr_assert(at < count || (said.events == 0 && said.bytes == 0));
    }
}

Test(lag_marks, are_near_beyond_it, .timeout = 60)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct prng prng;
        prng_seed(&prng, seed);
        struct lag limit = {.events = prng_chance(&prng, 3, 4) ? prng_between(&prng, 1, 2500) : 0,
                            .bytes = prng_chance(&prng, 1, 2) ? prng_between(&prng, 1, 100000) : 0};
        begin(limit);
        for (uint32_t i = 1; i <= EVENTS; i++) {
            add(ids[i - 1] + prng_between(&prng, 1, 5), prng_below(&prng, 200));
            if (i % 97 == 0 || i == EVENTS) {
                check(limit);
            }
        }
    }
}

// Small events, then large ones, and the other way round.
Test(lag_marks, are_near_while_sizes_change, .timeout = 60)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct prng prng;
        prng_seed(&prng, seed);
        struct lag limit = {.events = prng_between(&prng, 64, 2000),
                            .bytes = prng_between(&prng, 1, 1 << 20)};
        begin(limit);
        uint64_t bytes = 10;
        for (uint32_t i = 1; i <= EVENTS; i++) {
            if (prng_chance(&prng, 1, 400)) {
                bytes = UINT64_C(1) << prng_below(&prng, 16);
            }
            add(ids[i - 1] + 1, bytes + prng_below(&prng, bytes));
            if (i % 61 == 0) {
                check(limit);
            }
        }
    }
}

Test(lag_marks, are_exact_again_when_few_fit_the_limit)
{
    struct lag limit = {.events = 1000, .bytes = 16 << 20};
    begin(limit);
    for (uint32_t i = 0; i < 1000; i++) {
        add(ids[count] + 1, 100);
    }
    for (uint32_t i = 0; i < 100; i++) {
        add(ids[count] + 1, 1 << 20);
        struct lag lag = lag_marks_behind(&marks, ids[count - 1]);
        cr_assert_eq(lag.events, 1);
        cr_assert_eq(lag.bytes, 1 << 20);
    }
}

Test(lag_marks, of_another_limit_stay)
{
    begin((struct lag){.events = 1000});
    for (uint32_t i = 0; i < 800; i++) {
        add(ids[count] + 1, 10);
    }
    struct lag limit = {.events = 100};
    lag_marks_set_limit(&marks, limit);
    cr_expect_geq(lag_marks_behind(&marks, ids[count - 200]).events, limit.events);
    for (uint32_t i = 0; i < 200; i++) {
        add(ids[count] + 1, 10);
    }
    check(limit);
}
