// layer: base
// link: perf/loadgen/series.c
#include "../perf/loadgen/series.h"

#include <criterion/criterion.h>
#include <string.h>

static struct series series;

static void reset(void)
{
    memset(&series, 0, sizeof series);
}

TestSuite(series, .init = reset);

// Sample `index` of 100 ms, with one delivery.
static struct series_point sample(uint64_t index)
{
    return (struct series_point){.start_ns = index * 100,
                                 .duration_ns = 100,
                                 .deliveries = 1,
                                 .bytes = 10,
                                 .server_cpu_ns = 7,
                                 .p50_ns = 5,
                                 .p99_ns = index,
                                 .resident_bytes = index};
}

static void add(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct series_point point = sample(i);
        series_add(&series, &point);
    }
}

Test(series, a_point_for_each_sample_while_there_is_room)
{
    add(SERIES_POINTS_MAX);
    cr_assert_eq(series.count, SERIES_POINTS_MAX);
    for (uint32_t i = 0; i < series.count; i++) {
        cr_assert_eq(series.points[i].start_ns, i * 100);
        cr_assert_eq(series.points[i].duration_ns, 100);
    }
}

Test(series, full_it_halves_its_points)
{
    add(SERIES_POINTS_MAX + 1);
    cr_assert_eq(series.count, SERIES_POINTS_MAX / 2 + 1);
    cr_assert_eq(series.points[3].start_ns, 600);
    cr_assert_eq(series.points[3].duration_ns, 200);
    cr_assert_eq(series.points[3].deliveries, 2);
    cr_assert_eq(series.points[3].p99_ns, 7, "the higher of both");
    cr_assert_eq(series.points[3].resident_bytes, 7);
    cr_assert_eq(series.points[SERIES_POINTS_MAX / 2].duration_ns, 100);
}

Test(series, any_length_stays_whole_and_bounded)
{
    for (uint64_t count = 1; count < 20000; count = count * 3 + 1) {
        reset();
        add(count);
        uint64_t deliveries = 0;
        uint64_t bytes = 0;
        uint64_t cpu = 0;
        uint64_t end = 0;
        cr_assert_leq(series.count, SERIES_POINTS_MAX);
        cr_assert(count < SERIES_POINTS_MAX || series.count >= SERIES_POINTS_MAX / 2);
        for (uint32_t i = 0; i < series.count; i++) {
            const struct series_point *point = &series.points[i];
            cr_assert_eq(point->start_ns, end, "no hole, no overlap");
            end = point->start_ns + point->duration_ns;
            deliveries += point->deliveries;
            bytes += point->bytes;
            cpu += point->server_cpu_ns;
        }
        cr_assert_eq(end, count * 100);
        cr_assert_eq(deliveries, count);
        cr_assert_eq(bytes, 10 * count);
        cr_assert_eq(cpu, 7 * count);
        cr_assert_eq(series.points[series.count - 1].p99_ns, count - 1);
    }
}

Test(series, a_short_rest_goes_to_the_last_point)
{
    add(3);
    struct series_point rest = {.start_ns = 300, .duration_ns = 20, .deliveries = 5};
    series_add(&series, &rest);
    cr_assert_eq(series.count, 3);
    cr_assert_eq(series.points[2].duration_ns, 120);
    cr_assert_eq(series.points[2].deliveries, 6);
}

Test(series, memory_of_the_last_two_quarters)
{
    uint64_t third = 1;
    uint64_t last = 1;
    add(3);
    series_resident(&series, &third, &last);
    cr_assert_eq(third, 0);
    cr_assert_eq(last, 0);
    reset();
    add(10); // 0 to 9: quarters of two
    series_resident(&series, &third, &last);
    cr_assert_eq(third, 6);
    cr_assert_eq(last, 8);
}
