// layer: base
// link: perf/loadgen/histogram.c
#include "../perf/loadgen/histogram.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct histogram histogram;
static struct histogram other;

static void reset(void)
{
    histogram_clear(&histogram);
    histogram_clear(&other);
}

TestSuite(histogram, .init = reset);

Test(histogram, empty)
{
    cr_assert_eq(histogram_quantile(&histogram, 50000), 0);
    cr_assert_eq(histogram_quantile(&histogram, 100000), 0);
    cr_assert_eq(histogram_mean(&histogram), 0);
}

Test(histogram, small_values_are_exact)
{
    for (uint64_t value = 0; value <= 255; value++) {
        histogram_clear(&histogram);
        histogram_record(&histogram, value);
        histogram_record(&histogram, 1000);
        cr_assert_eq(histogram_quantile(&histogram, 50000), value);
    }
}

Test(histogram, cells_follow_each_other_without_holes)
{
    uint64_t next = 0;
    for (uint32_t cell = 0; cell < HISTOGRAM_CELLS; cell++) {
        cr_assert_eq(histogram_cell_lowest(cell), next, "cell %u", cell);
        next = histogram_cell_highest(cell) + 1;
    }
    cr_assert_eq(next, UINT64_C(1) << HISTOGRAM_VALUE_BITS);
}

Test(histogram, a_value_is_counted_in_the_cell_that_holds_it)
{
    struct prng prng;
    prng_seed(&prng, 1);
    for (int i = 0; i < 20000; i++) {
        uint64_t value = prng_u64(&prng) >> (64 - HISTOGRAM_VALUE_BITS + prng_below(&prng, 41));
        histogram_clear(&histogram);
        histogram_record(&histogram, value);
        uint32_t found = 0;
        while (histogram.cells[found] == 0) {
            found++;
        }
        cr_assert_leq(histogram_cell_lowest(found), value);
        cr_assert_geq(histogram_cell_highest(found), value);
    }
}

Test(histogram, the_largest_values_do_not_leave_the_table)
{
    histogram_record(&histogram, UINT64_MAX);
    histogram_record(&histogram, 1);
    cr_assert_eq(histogram.maximum, UINT64_MAX);
    cr_assert_eq(histogram.cells[HISTOGRAM_CELLS - 1], 1);
    cr_assert_eq(histogram_quantile(&histogram, 100000), UINT64_MAX);
}

static int compare(const void *one, const void *two)
{
    const uint64_t *a = one;
    const uint64_t *b = two;
    return *a < *b ? -1 : *a > *b;
}

Test(histogram, quantiles_are_those_of_the_sorted_values_within_a_step)
{
    enum { COUNT = 10007 };
    static uint64_t values[COUNT];
    static const uint32_t parts[] = {0, 1, 1000, 50000, 90000, 99000, 99900, 99990, 100000};
    struct prng prng;
    prng_seed(&prng, 2);
    for (int i = 0; i < COUNT; i++) {
        values[i] = prng_u64(&prng) >> (30 + prng_below(&prng, 34));
        histogram_record(&histogram, values[i]);
    }
    qsort(values, COUNT, sizeof values[0], compare);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        uint64_t rank = ((uint64_t)COUNT * parts[i] + 99999) / 100000;
        uint64_t exact = values[rank == 0 ? 0 : rank - 1];
        uint64_t read = histogram_quantile(&histogram, parts[i]);
        cr_assert_geq(read, exact);
        cr_assert_leq(read, exact + exact / HISTOGRAM_STEPS);
    }
    cr_assert_eq(histogram_quantile(&histogram, 100000), values[COUNT - 1]);
}

Test(histogram, merged_is_as_if_recorded_in_one)
{
    static struct histogram both;
    histogram_clear(&both);
    struct prng prng;
    prng_seed(&prng, 3);
    for (int i = 0; i < 1000; i++) {
        uint64_t value = prng_below(&prng, 1000000);
        histogram_record(i % 3 == 0 ? &histogram : &other, value);
        histogram_record(&both, value);
    }
    histogram_merge(&histogram, &other);
    cr_assert_arr_eq(&histogram, &both, sizeof both);
    cr_assert_eq(histogram.count, 1000);
    cr_assert_eq(histogram_mean(&histogram), both.sum / 1000);
}

Test(histogram, what_came_between_two_observations)
{
    static struct histogram before;
    static struct histogram after;
    static struct histogram difference;
    histogram_record(&histogram, 10);
    histogram_record(&other, 5000);
    histogram_observe(&before, &histogram);
    histogram_observe(&before, &other);
    histogram_record(&histogram, 20);
    histogram_record(&histogram, 30);
    histogram_record(&other, 1000);
    histogram_observe(&after, &histogram);
    histogram_observe(&after, &other);
    histogram_difference(&difference, &before, &after);
    cr_assert_eq(difference.count, 3);
    cr_assert_eq(histogram_quantile(&difference, 50000), 30);
    cr_assert_geq(difference.maximum, 1000);
    cr_assert_leq(difference.maximum, 1008);
    histogram_difference(&difference, &after, &after);
    cr_assert_eq(difference.count, 0);
    cr_assert_eq(difference.maximum, 0);
}

Test(histogram, those_told_rise_to_the_maximum)
{
    char text[128] = "";
    for (uint64_t value = 1; value <= 1000; value++) {
        histogram_record(&histogram, value * 100);
    }
    FILE *out = fmemopen(text, sizeof text, "w");
    histogram_print(&histogram, out);
    (void)fclose(out);
    cr_assert_str_eq(text, "p50 50.2  p90 90.1  p99 99.3  p99.9 100.0  max 100.0 us");
    for (unsigned i = 1; i < HISTOGRAM_TOLD; i++) {
        cr_assert_gt(histogram_told[i].parts, histogram_told[i - 1].parts);
    }
    cr_assert_eq(histogram_quantile(&histogram, histogram_told[HISTOGRAM_TOLD - 1].parts),
                 histogram.maximum);
}
