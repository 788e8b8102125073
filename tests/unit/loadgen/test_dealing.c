// layer: base
// link: perf/loadgen/dealing.c
#include "../perf/loadgen/dealing.h"

#include <criterion/criterion.h>

static struct dealing deal(uint32_t connections, uint32_t streams, double share)
{
    struct options options = {.connections = connections, .streams = streams, .stalled = share};
    return dealing_of(&options);
}

Test(dealing, none_stalls)
{
    struct dealing dealing = deal(10, 3, 0);
    cr_assert_eq(dealing_count_stalled(&dealing, 0, 10), 0);
    cr_assert_eq(dealing_audience(&dealing, 0), 4);
    cr_assert_eq(dealing_audience(&dealing, 1), 3);
    cr_assert_eq(dealing_audience(&dealing, 2), 3);
}

Test(dealing, a_tenth_of_each_stream)
{
    struct dealing dealing = deal(1000, 10, 0.1);
    cr_assert_eq(dealing.stalled, 100);
    cr_assert_eq(dealing_count_stalled(&dealing, 0, 1000), 100);
    for (uint32_t stream = 0; stream < 10; stream++) {
        cr_assert_eq(dealing_audience(&dealing, stream), 90);
    }
}

Test(dealing, one_is_left_to_measure)
{
    cr_assert_eq(deal(1, 1, 0.9).stalled, 0);
    cr_assert_eq(deal(2, 1, 0.99).stalled, 1);
}

// However many of each: a stream's audience is those of its subscribers that do not stall.
Test(dealing, audiences_are_what_is_dealt)
{
    static const struct {
        uint32_t connections;
        uint32_t streams;
        double share;
    } cases[] = {{17, 5, 0.3}, {100, 100, 0.1}, {1000, 7, 0.25}, {101, 100, 0.5}, {64, 3, 0.99}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dealing dealing = deal(cases[i].connections, cases[i].streams, cases[i].share);
        uint32_t counted[128] = {0};
        uint32_t stalled = 0;
        for (uint32_t number = 0; number < dealing.connections; number++) {
            bool is_stalled = dealing_is_stalled(&dealing, number);
            stalled += is_stalled;
            counted[number % dealing.streams] += !is_stalled;
        }
        cr_assert_eq(stalled, dealing.stalled);
        for (uint32_t stream = 0; stream < dealing.streams; stream++) {
            cr_assert_eq(dealing_audience(&dealing, stream), counted[stream], "%zu %u", i, stream);
        }
    }
}

Test(dealing, parts_add_up)
{
    struct dealing dealing = deal(1001, 10, 0.1);
    uint32_t first = dealing_count_stalled(&dealing, 0, 501);
    cr_assert_eq(first + dealing_count_stalled(&dealing, 501, 500), dealing.stalled);
}
