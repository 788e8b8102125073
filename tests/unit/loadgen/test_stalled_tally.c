// layer: io
// link: perf/loadgen/stalled_tally.c
#include "../perf/loadgen/stalled_tally.h"

#include <criterion/criterion.h>
#include <string.h>

static struct stalled_tally tally;
static struct stalled stalled;

static void add(uint64_t reached, bool has_lost, bool was_told_gap, bool is_cut)
{
    struct subscriber subscriber = {
        .number_next = reached + 1,
        .has_lost = has_lost,
        .was_told_gap = was_told_gap,
        .state = is_cut ? SUBSCRIBER_FAILED : SUBSCRIBER_RECEIVING,
    };
    stalled_tally_add_subscriber(&tally, &subscriber, 10);
}

Test(stalled_tally, what_became_of_each)
{
    add(10, false, false, false); // had all
    add(10, true, true, false);   // told of a gap
    add(10, true, false, false);  // events missing
    add(4, false, false, true);   // cut off
    add(4, false, false, false);  // behind
    cr_assert_eq(tally.subscribers, 5);
    cr_assert_eq(tally.published, 50);
    cr_assert_eq(tally.complete, 1);
    cr_assert_eq(tally.told_gap, 1);
    cr_assert_eq(tally.cut, 1);
    cr_assert_eq(tally.behind, 1);
}

Test(stalled_tally, of_several_readers)
{
    stalled_tally_add(&tally, &stalled); // without any
    stalled.count = 2;
    stalled.events_before = 30;
    stalled.events_before_least = 10;
    stalled.events_before_most = 20;
    stalled.ledger.findings.lost = 9;
    stalled.ledger.findings.lost_told = 7;
    stalled_tally_add(&tally, &stalled);
    add(1, false, false, false);
    stalled.events_before_least = 12;
    stalled.events_before_most = 18;
    stalled_tally_add(&tally, &stalled);
    cr_assert_eq(tally.events_before, 60);
    cr_assert_eq(tally.events_before_least, 10);
    cr_assert_eq(tally.events_before_most, 20);
    cr_assert_eq(tally.missing_told, 14);
    cr_assert_eq(tally.missing_untold, 4);
}

Test(stalled_tally, nothing_is_printed_when_none_stalled)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    stalled_tally_print(&tally, out);
    (void)fflush(out);
    cr_assert_eq(length, 0);
    add(4, false, false, true);
    stalled_tally_print(&tally, out);
    (void)fclose(out);
    cr_assert_not_null(strstr(text, "1 subscribers did not read"));
    cr_assert_not_null(strstr(text, "1 were cut off"));
    free(text);
}
