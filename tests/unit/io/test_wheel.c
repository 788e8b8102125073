#include "io/wheel.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <string.h>

enum {
    TIMERS = 300,
};

struct fired {
    struct wheel *wheel;
    uint64_t now_ms;
    uint32_t count;
    uint32_t order[10000];
    bool rearms;
    struct wheel_timer *cancels;
};

static void fire(void *context, struct wheel_timer *timer)
{
    struct fired *fired = context;
    cr_assert_not(wheel_is_armed(timer));
    cr_assert_lt(fired->count, 10000);
    fired->order[fired->count++] = timer->tag;
    if (fired->rearms) {
        wheel_arm(fired->wheel, timer, 0); // a deadline long past
    }
    if (fired->cancels != NULL) {
        wheel_cancel(fired->wheel, fired->cancels);
    }
}

static struct wheel wheel;
static struct fired fired;

static void start(uint64_t now_ms)
{
    memset(&fired, 0, sizeof fired);
    fired.wheel = &wheel;
    wheel_init(&wheel, now_ms);
}

static uint32_t advance(uint64_t now_ms)
{
    uint32_t before = fired.count;
    cr_assert_not(wheel_advance(&wheel, now_ms, UINT32_MAX, fire, &fired));
    return fired.count - before;
}

Test(wheel, a_timer_is_small)
{
    cr_assert_eq(sizeof(struct wheel_timer), 24);
}

Test(wheel, is_idle_without_timers)
{
    start(5000);
    cr_assert_eq(wheel_next_ms(&wheel, 5000), WHEEL_NEVER_MS);
    cr_assert_eq(advance(1000000), 0);
    cr_assert_eq(wheel_next_ms(&wheel, 1000000), WHEEL_NEVER_MS);
}

Test(wheel, fires_at_its_time_and_never_early)
{
    for (uint64_t delay_ms = 0; delay_ms < 300; delay_ms++) {
        start(1234567);
        struct wheel_timer timer = {0};
        wheel_arm(&wheel, &timer, 1234567 + delay_ms);
        cr_assert(wheel_is_armed(&timer));
        uint64_t now_ms = 1234567;
        while (fired.count == 0) {
            advance(now_ms);
            now_ms++;
        }
        now_ms--;
        cr_assert_geq(now_ms, 1234567 + delay_ms);
        cr_assert_leq(now_ms, 1234567 + delay_ms + WHEEL_TICK_MS);
        cr_assert_not(wheel_is_armed(&timer));
        cr_assert_eq(wheel_next_ms(&wheel, now_ms), WHEEL_NEVER_MS);
    }
}

Test(wheel, tells_how_long_to_sleep)
{
    start(1000);
    struct wheel_timer timer = {0};
    wheel_arm(&wheel, &timer, 1000 + 160);
    cr_assert_eq(wheel_next_ms(&wheel, 1000), 160);
    cr_assert_eq(wheel_next_ms(&wheel, 1100), 60);
    cr_assert_eq(wheel_next_ms(&wheel, 1160), 0);
    cr_assert_eq(wheel_next_ms(&wheel, 5000), 0);
    advance(1159);
    cr_assert_eq(fired.count, 0);
    cr_assert_eq(wheel_next_ms(&wheel, 1159), 1);
    cr_assert_eq(advance(1160), 1);
}

Test(wheel, arms_anew_and_cancels)
{
    start(0);
    struct wheel_timer timer = {0};
    wheel_cancel(&wheel, &timer); // not armed: nothing
    wheel_arm(&wheel, &timer, 1000);
    wheel_arm(&wheel, &timer, 2000);
    cr_assert_eq(wheel.armed, 1);
    cr_assert_eq(advance(1999), 0);
    cr_assert_eq(advance(2000), 1);
    wheel_arm(&wheel, &timer, 3000);
    wheel_cancel(&wheel, &timer);
    cr_assert_not(wheel_is_armed(&timer));
    cr_assert_eq(wheel_next_ms(&wheel, 2000), WHEEL_NEVER_MS);
    cr_assert_eq(advance(10000), 0);
}

Test(wheel, holds_timers_of_several_turns_in_one_slot)
{
    start(0);
    uint64_t turn_ms = (uint64_t)WHEEL_SLOTS * WHEEL_TICK_MS;
    struct wheel_timer timers[4] = {{.tag = 0}, {.tag = 1}, {.tag = 2}, {.tag = 3}};
    for (uint64_t i = 0; i < 4; i++) {
        wheel_arm(&wheel, &timers[i], 320 + i * turn_ms);
    }
    for (uint64_t i = 0; i < 4; i++) {
        cr_assert_eq(advance(319 + i * turn_ms), 0);
        cr_assert_eq(advance(320 + i * turn_ms), 1);
        cr_assert_eq(fired.order[i], i);
    }
}

Test(wheel, long_sleeps_lose_nothing)
{
    start(0);
    uint64_t turn_ms = (uint64_t)WHEEL_SLOTS * WHEEL_TICK_MS;
    static struct wheel_timer timers[100];
    for (uint64_t i = 0; i < 100; i++) {
        timers[i] = (struct wheel_timer){.tag = (uint32_t)i};
        wheel_arm(&wheel, &timers[i], 1 + i * turn_ms / 10);
    }
    // Half of them, in one go, three turns late and a little.
    cr_assert_eq(advance(5 * turn_ms), 50);
    for (uint32_t i = 0; i < 100; i++) {
        cr_assert_eq(wheel_is_armed(&timers[i]), i >= 50);
    }
    cr_assert_eq(advance(UINT64_C(1000) * turn_ms), 50);
}

Test(wheel, far_deadlines_are_brought_forward)
{
    start(0);
    struct wheel_timer timer = {0};
    wheel_arm(&wheel, &timer, UINT64_MAX);
    cr_assert_eq(advance(WHEEL_DELAY_MAX_MS - 1), 0);
    cr_assert_eq(advance(WHEEL_DELAY_MAX_MS), 1);
}

// Ticks are compared modulo 2^32: a wheel that has run for years.
Test(wheel, ticks_may_wrap)
{
    start(0);
    uint64_t wrap_ms = (UINT64_C(1) << 32) * WHEEL_TICK_MS;
    advance(wrap_ms - 1000);
    struct wheel_timer before = {.tag = 1};
    struct wheel_timer after = {.tag = 2};
    wheel_arm(&wheel, &before, wrap_ms - 500);
    wheel_arm(&wheel, &after, wrap_ms + 500);
    cr_assert_eq(advance(wrap_ms - 501), 0);
    cr_assert_eq(advance(wrap_ms), 1);
    cr_assert_eq(advance(wrap_ms + 499), 0);
    cr_assert_eq(advance(wrap_ms + 512), 1);
}

Test(wheel, a_callback_that_rearms_fires_once_an_advance)
{
    start(0);
    fired.rearms = true;
    struct wheel_timer timer = {0};
    wheel_arm(&wheel, &timer, 0);
    cr_assert_eq(advance(100000), 1, "not once for each tick slept through");
    cr_assert_eq(advance(100000), 0);
    cr_assert_eq(advance(100000 + WHEEL_TICK_MS), 1);
}

Test(wheel, a_callback_may_cancel_what_is_due_with_it)
{
    start(0);
    struct wheel_timer timers[2] = {{.tag = 0}, {.tag = 1}};
    wheel_arm(&wheel, &timers[0], 100);
    wheel_arm(&wheel, &timers[1], 100);
    // The one armed last is the first of its slot.
    fired.cancels = &timers[0];
    cr_assert_eq(advance(200), 1);
    cr_assert_eq(fired.order[0], 1);
    cr_assert_not(wheel_is_armed(&timers[0]));
}

Test(wheel, visits_are_bounded_and_the_rest_comes_next)
{
    start(0);
    static struct wheel_timer timers[100];
    for (uint32_t i = 0; i < 100; i++) {
        wheel_arm(&wheel, &timers[i], i < 50 ? 160 : 320);
    }
    for (uint32_t call = 1; call <= 9; call++) {
        cr_assert(wheel_advance(&wheel, 1000, 10, fire, &fired));
        cr_assert_eq(fired.count, call * 10);
        cr_assert_eq(wheel_next_ms(&wheel, 1000), 0);
    }
    // A timer cancelled while its slot is half visited does not fire.
    wheel_cancel(&wheel, wheel.visiting);
    cr_assert_not(wheel_advance(&wheel, 1000, 10, fire, &fired));
    cr_assert_eq(fired.count, 99);
    cr_assert_eq(wheel.armed, 0);
}

Test(wheel, time_never_goes_back)
{
    start(10000);
    struct wheel_timer timer = {0};
    wheel_arm(&wheel, &timer, 10100);
    advance(10050);
    cr_assert_eq(advance(9000), 0);
    cr_assert_eq(advance(0), 0);
    cr_assert_eq(advance(10112), 1);
}

// --- against a naive model ---

struct model {
    bool armed;
    uint64_t deadline_ms;
};

static struct wheel_timer timers[TIMERS];
static struct model model[TIMERS];
static struct prng prng;

static void model_fire(void *context, struct wheel_timer *timer)
{
    uint64_t now_ms = *(const uint64_t *)context;
    uint32_t index = timer->tag;
    cr_assert(model[index].armed, "fired, but was not armed");
    cr_assert_leq(model[index].deadline_ms, now_ms, "fired early");
    model[index].armed = false;
    if (prng_chance(&prng, 1, 3)) {
        model[index] = (struct model){true, now_ms + prng_below(&prng, 40000)};
        wheel_arm(&wheel, timer, model[index].deadline_ms);
    }
    if (prng_chance(&prng, 1, 10)) {
        uint64_t other = prng_below(&prng, TIMERS);
        wheel_cancel(&wheel, &timers[other]);
        model[other].armed = false;
    }
}

static void model_step(uint64_t now_ms)
{
    uint64_t index = prng_below(&prng, TIMERS);
    switch (prng_below(&prng, 4)) {
    case 0:
        wheel_cancel(&wheel, &timers[index]);
        model[index].armed = false;
        break;
    default: {
        uint64_t span_ms = prng_chance(&prng, 1, 8) ? 1000000 : 2000;
        uint64_t early_ms = prng_chance(&prng, 1, 8) ? 500 : 0;
        uint64_t base_ms = now_ms > early_ms ? now_ms - early_ms : 0;
        model[index] = (struct model){true, base_ms + prng_below(&prng, span_ms)};
        wheel_arm(&wheel, &timers[index], model[index].deadline_ms);
        // What is past already when it is armed is due at the next tick.
        if (model[index].deadline_ms < now_ms) {
            model[index].deadline_ms = now_ms;
        }
        break;
    }
    }
}

// After a whole advance nothing is left that was due a tick ago, and sleeping for wheel_next_ms
// does not sleep past a deadline by more than a tick.
static void model_check(uint64_t now_ms)
{
    uint32_t armed = 0;
    uint64_t next_ms = wheel_next_ms(&wheel, now_ms);
    for (uint32_t i = 0; i < TIMERS; i++) {
        cr_assert_eq(wheel_is_armed(&timers[i]), model[i].armed);
        if (model[i].armed) {
            armed++;
            cr_assert_gt(model[i].deadline_ms + WHEEL_TICK_MS, now_ms, "overdue");
            uint64_t deadline_ms = model[i].deadline_ms > now_ms ? model[i].deadline_ms : now_ms;
            cr_assert_leq(now_ms + next_ms, deadline_ms + WHEEL_TICK_MS, "would oversleep");
        }
    }
    cr_assert_eq(wheel.armed, armed);
    cr_assert_eq(next_ms == WHEEL_NEVER_MS, armed == 0);
}

Test(wheel, agrees_with_a_naive_model, .timeout = 60)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        prng_seed(&prng, seed);
        memset(timers, 0, sizeof timers);
        memset(model, 0, sizeof model);
        uint64_t now_ms = prng_below(&prng, 1000000);
        wheel_init(&wheel, now_ms);
        for (uint32_t i = 0; i < TIMERS; i++) {
            timers[i].tag = i;
        }
        for (int round = 0; round < 300; round++) {
            uint64_t steps = prng_below(&prng, 20);
            for (uint64_t i = 0; i < steps; i++) {
                model_step(now_ms);
            }
            now_ms += prng_chance(&prng, 1, 30) ? prng_below(&prng, 200000) : prng_below(&prng, 60);
            uint32_t visits_max = 1 + (uint32_t)prng_below(&prng, 30);
            // A deadline that a callback set into this very tick is due at the next one.
            while (wheel_advance(&wheel, now_ms, visits_max, model_fire, &now_ms)) {
                if (prng_chance(&prng, 1, 4)) {
                    model_step(now_ms);
                }
            }
            model_check(now_ms);
        }
    }
}
