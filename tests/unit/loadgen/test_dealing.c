// layer: base
// link: perf/loadgen/dealing.c
#include "../perf/loadgen/dealing.h"

#include <criterion/criterion.h>

static struct dealing deal(uint32_t connections, uint32_t streams, double stalled, double throttled)
{
    struct options options = {
        .connections = connections, .streams = streams, .stalled = stalled, .throttled = throttled};
    return dealing_of(&options);
}

Test(dealing, all_are_healthy)
{
    struct dealing dealing = deal(10, 3, 0, 0);
    cr_assert_eq(dealing_count(&dealing, GROUP_HEALTHY, 0, 10), 10);
    cr_assert_eq(dealing_count(&dealing, GROUP_STALLED, 0, 10), 0);
    cr_assert_eq(dealing_count(&dealing, GROUP_THROTTLED, 0, 10), 0);
    cr_assert_eq(dealing_audience(&dealing, 0), 4);
    cr_assert_eq(dealing_audience(&dealing, 1), 3);
    cr_assert_eq(dealing_audience(&dealing, 2), 3);
}

Test(dealing, a_tenth_of_each_stream)
{
    struct dealing dealing = deal(1000, 10, 0.1, 0.1);
    cr_assert_eq(dealing.counts[GROUP_STALLED], 100);
    cr_assert_eq(dealing.counts[GROUP_THROTTLED], 100);
    uint32_t counted[10][GROUPS] = {{0}};
    for (uint32_t number = 0; number < 1000; number++) {
        counted[number % 10][dealing_group(&dealing, number)]++;
    }
    for (uint32_t stream = 0; stream < 10; stream++) {
        cr_assert_eq(counted[stream][GROUP_STALLED], 10);
        cr_assert_eq(counted[stream][GROUP_THROTTLED], 10);
        cr_assert_eq(dealing_audience(&dealing, stream), 80);
    }
}

Test(dealing, one_is_left_to_measure)
{
    cr_assert_eq(deal(1, 1, 0.9, 0.9).counts[GROUP_HEALTHY], 1);
    cr_assert_eq(deal(2, 1, 0.99, 0).counts[GROUP_STALLED], 1);
    struct dealing both = deal(3, 1, 0.6, 0.6);
    cr_assert_eq(both.counts[GROUP_STALLED], 2);
    cr_assert_eq(both.counts[GROUP_THROTTLED], 0);
}

// However many of each: a stream's audience is those of its subscribers that are healthy.
Test(dealing, audiences_are_what_is_dealt)
{
    static const struct {
        uint32_t connections;
        uint32_t streams;
        double stalled;
        double throttled;
    } cases[] = {{17, 5, 0.3, 0},     {100, 100, 0.1, 0},  {1000, 7, 0.25, 0.5},
                 {101, 100, 0.5, 0},  {64, 3, 0.99, 0},    {101, 100, 0.2, 0.3},
                 {13, 2, 0.25, 0.25}, {1000, 1, 0, 0.333}, {97, 11, 0.01, 0.6}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dealing dealing =
            deal(cases[i].connections, cases[i].streams, cases[i].stalled, cases[i].throttled);
        uint32_t healthy[128] = {0};
        uint32_t counts[GROUPS] = {0};
        for (uint32_t number = 0; number < dealing.connections; number++) {
            enum dealing_group group = dealing_group(&dealing, number);
            counts[group]++;
            healthy[number % dealing.streams] += group == GROUP_HEALTHY;
        }
        for (unsigned group = 0; group < GROUPS; group++) {
            cr_assert_eq(counts[group], dealing.counts[group], "%zu %u", i, group);
        }
        for (uint32_t stream = 0; stream < dealing.streams; stream++) {
            cr_assert_eq(dealing_audience(&dealing, stream), healthy[stream], "%zu %u", i, stream);
        }
    }
}

Test(dealing, parts_add_up)
{
    struct dealing dealing = deal(1001, 10, 0.1, 0.2);
    for (unsigned group = 0; group < GROUPS; group++) {
        uint32_t first = dealing_count(&dealing, group, 0, 501);
        cr_assert_eq(first + dealing_count(&dealing, group, 501, 500), dealing.counts[group]);
    }
}
