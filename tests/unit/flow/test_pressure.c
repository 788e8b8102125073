#include "flow/pressure.h"

#include "base/prng.h"

#include <criterion/criterion.h>

static struct pressure pressure;
static uint64_t now_ms = 1000;

static bool look(uint32_t permille)
{
    now_ms += PRESSURE_LOOK_MS;
    return pressure_look(&pressure, permille, now_ms);
}

static void look_for(uint32_t permille, uint64_t for_ms)
{
    for (uint64_t end_ms = now_ms + for_ms; now_ms < end_ms;) {
        (void)look(permille);
    }
}

Test(pressure, stages_are_entered_at_their_marks_one_a_look)
{
    static const struct {
        uint32_t permille;
        enum pressure_stage stage;
    } steps[] = {
        {0, PRESSURE_NONE},         {749, PRESSURE_NONE},    {750, PRESSURE_NO_REPLAYS},
        {849, PRESSURE_NO_REPLAYS}, {850, PRESSURE_SHED},    {919, PRESSURE_SHED},
        {920, PRESSURE_REFUSE},     {2000, PRESSURE_REFUSE},
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        (void)look(steps[i].permille);
        cr_assert_eq(pressure.stage, steps[i].stage, "after %u", steps[i].permille);
    }
}

Test(pressure, a_jump_goes_through_every_stage)
{
    cr_assert(look(1000));
    cr_assert_eq(pressure.stage, PRESSURE_NO_REPLAYS);
    cr_assert(look(1000));
    cr_assert_eq(pressure.stage, PRESSURE_SHED);
    cr_assert(look(1000));
    cr_assert_eq(pressure.stage, PRESSURE_REFUSE);
    cr_assert_not(look(1000));
}

Test(pressure, each_step_up_has_its_time_however_often_it_looks)
{
    uint64_t began_ms = now_ms;
    for (uint64_t passed_ms = 0; passed_ms < 1000; passed_ms += PRESSURE_LOOK_SOON_MS) {
        (void)pressure_look(&pressure, 1000, began_ms + passed_ms);
        uint64_t stage = 1 + passed_ms / PRESSURE_STEP_MS;
        cr_assert_eq(pressure.stage, stage < PRESSURE_LAST ? stage : PRESSURE_LAST);
    }
}

Test(pressure, a_stage_is_left_after_the_hold_below_its_lower_mark)
{
    look_for(1000, 1000);
    look_for(820, 60 * 1000); // not below it
    cr_assert_eq(pressure.stage, PRESSURE_REFUSE);
    look_for(819, PRESSURE_HOLD_MS);
    cr_assert_eq(pressure.stage, PRESSURE_REFUSE);
    cr_assert(look(819));
    cr_assert_eq(pressure.stage, PRESSURE_SHED);
    look_for(819, 60 * 1000); // that is not below the next one's
    cr_assert_eq(pressure.stage, PRESSURE_SHED);
}

Test(pressure, each_step_back_has_its_own_hold)
{
    look_for(1000, 1000);
    uint64_t began_ms = now_ms;
    for (enum pressure_stage stage = PRESSURE_REFUSE; stage > PRESSURE_NONE; stage--) {
        while (pressure.stage == stage) {
            (void)look(0);
        }
        cr_assert_eq(pressure.stage, stage - 1);
        uint64_t steps = (uint64_t)PRESSURE_REFUSE - stage + 1;
        cr_assert_geq(now_ms - began_ms, steps * PRESSURE_HOLD_MS);
        cr_assert_leq(now_ms - began_ms, steps * (PRESSURE_HOLD_MS + 2 * PRESSURE_LOOK_MS));
    }
}

Test(pressure, a_break_begins_the_hold_anew)
{
    (void)look(800);
    look_for(0, PRESSURE_HOLD_MS);
    (void)look(700);
    look_for(0, PRESSURE_HOLD_MS);
    cr_assert_eq(pressure.stage, PRESSURE_NO_REPLAYS);
    (void)look(0);
    cr_assert_eq(pressure.stage, PRESSURE_NONE);
}

// Readings that sway across a mark: the stage stands.
Test(pressure, it_does_not_flap)
{
    uint32_t changes = 0;
    for (uint32_t i = 0; i < 3600 * 4; i++) {
        changes += look(i % 2 == 0 ? 860 : 760);
    }
    cr_assert_eq(pressure.stage, PRESSURE_SHED);
    cr_assert_eq(changes, 2);
}

// Memory that fills again each time that it may: the swings become rare.
Test(pressure, a_relapse_doubles_the_hold)
{
    static const uint32_t holds_ms[] = {5000, 10000, 20000, 40000, 60000, 60000};
    for (size_t i = 0; i < sizeof(holds_ms) / sizeof(holds_ms[0]); i++) {
        cr_assert(look(800));
        uint64_t began_ms = now_ms;
        while (pressure.stage > PRESSURE_NONE) {
            (void)look(0);
        }
        cr_assert_geq(now_ms - began_ms, holds_ms[i]);
        cr_assert_leq(now_ms - began_ms, holds_ms[i] + 2 * PRESSURE_LOOK_MS);
    }
    look_for(0, PRESSURE_RELAPSE_MS); // long enough ago
    (void)look(800);
    cr_assert_eq(pressure.hold_ms, PRESSURE_HOLD_MS);
}

// A step back and one up again count once, however far up it goes then.
Test(pressure, a_relapse_counts_once)
{
    look_for(1000, 1000);
    cr_assert_eq(pressure.stage, PRESSURE_REFUSE);
    look_for(760, PRESSURE_HOLD_MS + PRESSURE_LOOK_MS);
    cr_assert_eq(pressure.stage, PRESSURE_SHED);
    look_for(1000, 1000);
    cr_assert_eq(pressure.stage, PRESSURE_REFUSE);
    cr_assert_eq(pressure.hold_ms, 2 * PRESSURE_HOLD_MS);
}

// However the readings go: a step back only after a hold in which nothing else changed, never two
// stages at once, and never a stage above what some recent reading asked for.
Test(pressure, whatever_the_readings_are)
{
    struct prng prng;
    prng_seed(&prng, 4711);
    uint64_t changed_ms = 0;
    uint32_t permille = 0;
    for (uint32_t i = 0; i < 1000 * 1000; i++) {
        if (prng_below(&prng, 16) == 0) {
            permille = (uint32_t)prng_below(&prng, 1100);
        }
        enum pressure_stage before = pressure.stage;
        bool is_changed = look(permille + (uint32_t)prng_below(&prng, 20));
        cr_assert_eq(is_changed, pressure.stage != before);
        if (pressure.stage < before) {
            cr_assert_eq(pressure.stage, before - 1);
            cr_assert_geq(now_ms - changed_ms, PRESSURE_HOLD_MS);
        } else if (is_changed) {
            cr_assert_eq(pressure.stage, before + 1);
            cr_assert_geq(permille + 20, 750);
        }
        changed_ms = is_changed ? now_ms : changed_ms;
    }
}

Test(pressure, shares_of_a_limit)
{
    cr_assert_eq(pressure_permille((struct pressure_gauge){0, 0}), 0);
    cr_assert_eq(pressure_permille((struct pressure_gauge){5, 0}), 0);
    cr_assert_eq(pressure_permille((struct pressure_gauge){1, 2}), 500);
    cr_assert_eq(pressure_permille((struct pressure_gauge){3, 2}), 1500);
    cr_assert_eq(pressure_permille((struct pressure_gauge){UINT64_MAX, 1}), UINT32_MAX);
}

Test(pressure, what_others_see)
{
    struct pressure_board board = {.stage = PRESSURE_SHED};
    cr_assert_eq(pressure_board_stage(&board), PRESSURE_SHED);
    cr_assert_eq(pressure_board_stage(NULL), PRESSURE_NONE);
    cr_assert_str_eq(pressure_stage_name(PRESSURE_NONE), "none");
    cr_assert_str_eq(pressure_stage_name(PRESSURE_REFUSE), "refuse");
}
