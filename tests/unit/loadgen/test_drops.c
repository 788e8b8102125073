// layer: cli
// link: perf/loadgen/drops.c
#include "../perf/loadgen/drops.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct drops drops;
static struct drops before;

static bool parse(struct drops *into, const char *text)
{
    return drops_parse(into, slice_of(text));
}

Test(drops, the_workers_counters_are_summed_by_name)
{
    cr_assert(parse(&drops,
                    "{\"version\":\"1\",\"log\":{\"dropped_x\":1},\"workers\":["
                    "{\"worker\":0,\"dropped_oldest\":5,\"events_sent\":7},null,"
                    "{\"worker\":1,\"dropped_oldest\":3,\"dropped_shed\":2,\"name\":\"x\"}]}"));
    cr_assert(drops.is_known);
    cr_assert_eq(drops.count, 2);
    cr_assert_str_eq(drops.reasons[0].name, "dropped_oldest");
    cr_assert_eq(drops.reasons[0].events, 8);
    cr_assert_str_eq(drops.reasons[1].name, "dropped_shed");
    cr_assert_eq(drops_sum(&drops), 10);
}

Test(drops, what_was_before_is_taken_off)
{
    cr_assert(parse(&before, "{\"workers\":[{\"dropped_a\":5}]}"));
    cr_assert(parse(&drops, "{\"workers\":[{\"dropped_b\":1,\"dropped_a\":7}]}"));
    drops_subtract(&drops, &before);
    cr_assert_eq(drops_sum(&drops), 3);
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    drops_print(&drops, out);
    (void)fclose(out);
    cr_assert_str_eq(text, "drops       the broker counted 3: dropped_b 1, dropped_a 2\n");
    free(text);
    before.is_known = false;
    drops_subtract(&drops, &before);
    cr_assert_not(drops.is_known);
}

Test(drops, other_answers_are_none)
{
    cr_assert_not(parse(&drops, ""));
    cr_assert_not(parse(&drops, "[]"));
    cr_assert_not(parse(&drops, "{\"error\":\"x\"}"));
    cr_assert_not(parse(&drops, "{\"workers\":[{\"dropped_a\":5}"));
    cr_assert_not(drops.is_known);
    cr_assert(parse(
        &drops, "{\"workers\":[{\"dropped_a_name_that_is_longer_than_any_that_there_is\":1}]}"));
    cr_assert_eq(drops.count, 0);
}

Test(drops, without_a_broker_nothing_is_known)
{
    drops_read(&drops, NULL);
    cr_assert_not(drops.is_known);
    drops_read(&drops, "http://127.0.0.1:1/");
    cr_assert_not(drops.is_known);
    drops_read(&drops, "unix:/nowhere/at/all");
    cr_assert_not(drops.is_known);
}
