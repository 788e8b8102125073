// layer: base
// link: perf/loadgen/group_tally.c
// link: perf/loadgen/subscriber.c
// link: perf/loadgen/response.c
// link: perf/loadgen/messages.c
// link: perf/loadgen/messages_redis.c
// link: perf/loadgen/messages_nats.c
// link: perf/loadgen/lines.c
// link: perf/loadgen/payload.c
// link: perf/loadgen/histogram.c
// link: perf/loadgen/figures.c
#include "../perf/loadgen/group_tally.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct group_tally tally = {.group = GROUP_STALLED};
static struct subscriber_ledger ledger;
static const struct options options = {.throttled_query = "events_per_second=5"};

static void add(uint64_t reached, bool has_lost, bool was_told_gap, bool is_cut)
{
    struct subscriber subscriber = {
        .number_next = reached + 1,
        .has_lost = has_lost,
        .was_told_gap = was_told_gap,
        .state = is_cut ? SUBSCRIBER_FAILED : SUBSCRIBER_RECEIVING,
    };
    group_tally_add_subscriber(&tally, &subscriber, 10);
}

static char *printed(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    group_tally_print(&tally, &options, out);
    (void)fclose(out);
    return text;
}

Test(group_tally, what_became_of_each)
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

Test(group_tally, of_several_readers)
{
    struct subscriber_mark none = {0};
    group_tally_add(&tally, &ledger, &none);
    struct subscriber_mark first = {2, 30, 10, 20};
    ledger.findings.lost = 9;
    ledger.findings.lost_told = 7;
    ledger.findings.told = 8;
    group_tally_add(&tally, &ledger, &first);
    struct subscriber_mark second = {2, 30, 12, 18};
    group_tally_add(&tally, &ledger, &second);
    cr_assert_eq(tally.mark.subscribers, 4);
    cr_assert_eq(tally.mark.events, 60);
    cr_assert_eq(tally.mark.least, 10);
    cr_assert_eq(tally.mark.most, 20);
    cr_assert_eq(tally.findings.lost_told, 14);
    cr_assert_eq(tally.findings.told, 16);
    cr_assert_not(group_tally_is_good(&tally), "4 are missing without a word");
}

Test(group_tally, what_gaps_told_of_and_was_not_missing_is_bad)
{
    struct subscriber subscriber = {.number_next = 11, .may_miss = 2};
    ledger.findings.lost = 3;
    ledger.findings.lost_told = 3;
    struct subscriber_mark mark = {1, 10, 10, 10};
    group_tally_add(&tally, &ledger, &mark);
    cr_assert(group_tally_is_good(&tally));
    group_tally_add_subscriber(&tally, &subscriber, 20);
    cr_assert(group_tally_is_good(&tally), "it may be missing yet");
    group_tally_add_subscriber(&tally, &subscriber, 10);
    cr_assert_not(group_tally_is_good(&tally));
    cr_assert_eq(tally.told_too_many, 2);
}

Test(group_tally, cut_off_is_good_when_told_so)
{
    struct subscriber subscriber = {
        .number_next = 5, .state = SUBSCRIBER_FAILED, .was_told_to_leave = true};
    group_tally_add_subscriber(&tally, &subscriber, 10);
    cr_assert_eq(tally.behind, 0);
    cr_assert(group_tally_is_good(&tally));
    subscriber.was_told_to_leave = false;
    group_tally_add_subscriber(&tally, &subscriber, 10);
    cr_assert_eq(tally.cut, 2);
    cr_assert_not(group_tally_is_good(&tally));
}

Test(group_tally, nothing_is_printed_of_an_empty_group)
{
    char *text = printed();
    cr_assert_str_eq(text, "");
    free(text);
    add(4, false, false, true);
    text = printed();
    cr_assert_not_null(strstr(text, "1 subscribers did not read"));
    cr_assert_not_null(strstr(text, "1 were cut off (0 told so)"));
    free(text);
    tally.group = GROUP_THROTTLED;
    text = printed();
    cr_assert_not_null(strstr(text, "1 subscribers asked for events_per_second=5"));
    free(text);
}
