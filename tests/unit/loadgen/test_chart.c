// layer: base
// link: perf/loadgen/chart.c
// link: perf/loadgen/figures.c
// link: perf/loadgen/markup.c
#include "../perf/loadgen/chart.h"

#include <criterion/criterion.h>

static bool is_near(double a, double b)
{
    double distance = a > b ? a - b : b - a;
    return distance < 1e-6;
}

static void check_ticks(struct axis axis, uint32_t wanted, const double *values, uint32_t count)
{
    struct ticks ticks = ticks_of(&axis, wanted);
    cr_assert_eq(ticks.count, count, "%u ticks", ticks.count);
    for (uint32_t i = 0; i < count; i++) {
        cr_assert(is_near(ticks.values[i], values[i]), "%g", ticks.values[i]);
    }
}

Test(chart, places)
{
    struct axis linear = {0, 10, 100, 200, false};
    cr_assert(is_near(axis_place(&linear, 0), 100));
    cr_assert(is_near(axis_place(&linear, 2.5), 125));
    cr_assert(is_near(axis_place(&linear, 11), 200), "not beyond the end");
    cr_assert(is_near(axis_place(&linear, -1), 100));
    struct axis upwards = {0, 10, 200, 100, false};
    cr_assert(is_near(axis_place(&upwards, 2.5), 175));
    struct axis log = {10, 1000, 0, 100, true};
    cr_assert(is_near(axis_place(&log, 100), 50));
    cr_assert(is_near(axis_place(&log, 1000), 100));
    cr_assert(is_near(axis_place(&log, 0), 0), "0 has no logarithm");
}

Test(chart, ticks_are_round)
{
    check_ticks((struct axis){.lowest = 0, .highest = 10}, 5, (double[]){0, 2, 4, 6, 8, 10}, 6);
    check_ticks((struct axis){.lowest = 0, .highest = 0.35}, 4, (double[]){0, 0.1, 0.2, 0.3}, 4);
    check_ticks((struct axis){.lowest = 13, .highest = 29}, 3, (double[]){15, 20, 25}, 3);
    check_ticks((struct axis){.lowest = 0, .highest = 3e6}, 3, (double[]){0, 1e6, 2e6, 3e6}, 4);
}

Test(chart, ticks_of_a_logarithmic_axis)
{
    check_ticks((struct axis){30, 700, 0, 1, true}, 6, (double[]){50, 100, 200, 500}, 4);
    check_ticks((struct axis){1, 1e4, 0, 1, true}, 6, (double[]){1, 10, 100, 1e3, 1e4}, 5);
    check_ticks((struct axis){1, 1e8, 0, 1, true}, 4, (double[]){1, 100, 1e4, 1e6, 1e8}, 5);
    // No power of ten in it: as a linear one.
    check_ticks((struct axis){21, 29, 0, 1, true}, 4, (double[]){22, 24, 26, 28}, 4);
}

Test(chart, any_axis_has_a_few_ticks)
{
    double lowest = 1e-3;
    for (int i = 0; i < 20; i++) {
        double factor = 1.3;
        for (int k = 0; k < 20; k++) {
            struct axis axis = {lowest, lowest * factor, 0, 100, true};
            struct ticks ticks = ticks_of(&axis, 6);
            cr_assert_geq(ticks.count, 1, "%g to %g", lowest, lowest * factor);
            cr_assert_leq(ticks.count, 12);
            axis.is_log = false;
            ticks = ticks_of(&axis, 6);
            cr_assert_geq(ticks.count, 2);
            cr_assert_leq(ticks.count, 12);
            factor *= 2.9;
        }
        lowest *= 3.7;
    }
}

Test(chart, the_end_of_an_axis_has_a_tick)
{
    cr_assert(is_near(ticks_ceiling(9.3, 4), 10));
    cr_assert(is_near(ticks_ceiling(10, 4), 10));
    cr_assert(is_near(ticks_ceiling(5.1e6, 4), 6e6));
    cr_assert(is_near(ticks_ceiling(0, 4), 1), "nothing is an axis too");
}
