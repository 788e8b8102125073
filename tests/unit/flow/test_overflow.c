// The policies, each beside a model that does by hand what the policy says.
#include "flow/overflow.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <string.h>

enum { BACKLOG_MAX = 200, ROUNDS = 20000 };

struct one {
    uint64_t id;
    uint64_t bytes;
    enum event_priority priority;
    bool is_dropped;
};

struct backlog {
    struct one events[BACKLOG_MAX];
    uint32_t count;
};

static struct prng prng;

static void setup(void)
{
    prng_seed(&prng, 4);
}

TestSuite(overflow, .init = setup, .timeout = 60);

static void make(struct backlog *backlog)
{
    uint64_t id = 0;
    unsigned levels = (unsigned)prng_between(&prng, 1, OVERFLOW_LEVELS);
    backlog->count = (uint32_t)prng_between(&prng, 1, BACKLOG_MAX);
    for (uint32_t i = 0; i < backlog->count; i++) {
        id += prng_between(&prng, 1, 5);
        unsigned priority = OVERFLOW_LEVELS - 1 - (unsigned)prng_below(&prng, levels);
        backlog->events[i] = (struct one){.id = id,
                                          .bytes = prng_between(&prng, 20, 400),
                                          .priority = (enum event_priority)priority};
    }
}

static void sums(const struct backlog *backlog, uint64_t *events, uint64_t *bytes)
{
    *events = 0;
    *bytes = 0;
    for (uint32_t i = 0; i < backlog->count; i++) {
        *events += !backlog->events[i].is_dropped;
        *bytes += backlog->events[i].is_dropped ? 0 : backlog->events[i].bytes;
    }
}

static struct overflow_limits some_limits(const struct backlog *backlog)
{
    uint64_t events;
    uint64_t bytes;
    sums(backlog, &events, &bytes);
    return (struct overflow_limits){
        .events = prng_chance(&prng, 2, 3) ? prng_between(&prng, 1, events + 2) : 0,
        .bytes = prng_chance(&prng, 2, 3) ? prng_between(&prng, 1, bytes + 20) : 0};
}

// The oldest event of the lowest priority goes, until it is enough; critical ones stay.
static void drop_lowest_by_hand(struct backlog *backlog, const struct overflow_limits *limits)
{
    for (;;) {
        uint64_t events;
        uint64_t bytes;
        sums(backlog, &events, &bytes);
        if (!overflow_is_over(limits, events, bytes)) {
            return;
        }
        struct one *lowest = NULL;
        for (uint32_t i = 0; i < backlog->count; i++) {
            struct one *event = &backlog->events[i];
            if (!event->is_dropped && event->priority != PRIORITY_CRITICAL &&
                (lowest == NULL || event->priority > lowest->priority)) {
                lowest = event;
            }
        }
        if (lowest == NULL) {
            return;
        }
        lowest->is_dropped = true;
    }
}

static void drop_lowest(const struct backlog *backlog, const struct overflow_limits *limits,
                        struct overflow_lowest *lowest)
{
    memset(lowest, 0, sizeof *lowest);
    for (uint32_t i = 0; i < backlog->count; i++) {
        const struct one *event = &backlog->events[i];
        overflow_lowest_count(lowest, event->id, event->priority, event->bytes);
    }
    if (!overflow_lowest_choose(lowest, limits)) {
        return;
    }
    for (uint32_t i = 0; i < backlog->count; i++) {
        const struct one *event = &backlog->events[i];
        if (overflow_lowest_shed(lowest, event->id, event->priority, event->bytes)) {
            return;
        }
    }
    cr_assert_fail("the level that was chosen did not suffice");
}

Test(overflow, lowest_drops_what_the_model_drops)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct backlog backlog;
        struct overflow_lowest lowest;
        make(&backlog);
        struct overflow_limits limits = some_limits(&backlog);
        drop_lowest(&backlog, &limits, &lowest);
        drop_lowest_by_hand(&backlog, &limits);
        uint64_t dropped = 0;
        uint64_t dropped_last_id = 0;
        for (uint32_t i = 0; i < backlog.count; i++) {
            const struct one *event = &backlog.events[i];
            cr_assert_eq(overflow_is_cut(&lowest.cut, event->id, event->priority),
                         event->is_dropped, "round %u, event %u", round, i);
            dropped += event->is_dropped;
            dropped_last_id = event->is_dropped ? event->id : dropped_last_id;
        }
        cr_assert_eq(lowest.dropped, dropped);
        cr_assert_eq(lowest.dropped_last_id, dropped_last_id);
    }
}

Test(overflow, lowest_never_drops_critical_ones)
{
    struct overflow_lowest lowest = {0};
    for (uint64_t id = 1; id <= 100; id++) {
        overflow_lowest_count(&lowest, id, id % 2 == 0 ? PRIORITY_CRITICAL : PRIORITY_HIGH, 10);
    }
    struct overflow_limits limits = {.events = 10};
    cr_assert_not(overflow_lowest_choose(&lowest, &limits));
    cr_assert_eq(lowest.dropped, 50);
    cr_assert_not(overflow_is_cut(&lowest.cut, 2, PRIORITY_CRITICAL));
    cr_assert(overflow_is_cut(&lowest.cut, 99, PRIORITY_HIGH));
}

Test(overflow, newest_keeps_the_longest_beginning_that_is_within_the_limits)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct backlog backlog;
        make(&backlog);
        struct overflow_limits limits = some_limits(&backlog);
        struct overflow_oldest oldest = {0};
        uint32_t kept = 0;
        while (kept < backlog.count &&
               overflow_oldest_keep(&oldest, &limits, backlog.events[kept].id,
                                    backlog.events[kept].bytes)) {
            kept++;
        }
        uint64_t bytes = 0;
        uint32_t expected = 0;
        for (uint32_t i = 0; i < backlog.count; i++) {
            bytes += backlog.events[i].bytes;
            if (i > 0 && overflow_is_over(&limits, i + 1, bytes)) {
                break;
            }
            expected = i + 1;
        }
        cr_assert_eq(kept, expected);
        cr_assert_eq(oldest.events, expected);
        cr_assert_eq(oldest.last_id, backlog.events[expected - 1].id);
    }
}

Test(overflow, oldest_keeps_what_is_allowed_of_all_streams_together)
{
    struct overflow_limits limits = {.events = 1000};
    cr_assert_eq(overflow_keep_newest(&limits, 5000, 1, 5000), 1000, "all that may stay, exactly");
    cr_assert_eq(overflow_keep_newest(&limits, 5000, 1, 2500), 500, "a stream's part of it");
    cr_assert_eq(overflow_keep_newest(&limits, 1000, 1, 700), 700, "nothing is over");
    limits.bytes = 100;
    cr_assert_eq(overflow_keep_newest(&limits, 5000, 50000, 5000), 10, "the tighter one counts");
    cr_assert_eq(overflow_keep_newest(&limits, 50, 50000, 50), 1, "it always moves on");
    limits = (struct overflow_limits){.events = UINT64_MAX / 2};
    cr_assert_eq(overflow_keep_newest(&limits, UINT64_MAX, 0, UINT64_MAX - 1), UINT64_MAX / 2 - 1);
}

Test(overflow, a_request_says_the_policy_and_only_tightens_limits)
{
    const struct overflow_terms broker = {.policy = OVERFLOW_DROP_OLDEST,
                                          .limits = {.events = 1000, .bytes = 0}};
    const struct overflow_terms request = {.policy = OVERFLOW_DISCONNECT,
                                           .limits = {.events = 5000, .bytes = 70}};
    const struct overflow_terms nothing = {.policy = OVERFLOW_UNSET};
    struct overflow_terms terms = overflow_combine(&request, &broker);
    cr_assert_eq(terms.policy, OVERFLOW_DISCONNECT);
    cr_assert_eq(terms.limits.events, 1000);
    cr_assert_eq(terms.limits.bytes, 70);
    terms = overflow_combine(&nothing, &broker);
    cr_assert_eq(terms.policy, OVERFLOW_DROP_OLDEST);
    cr_assert_eq(terms.limits.events, 1000);
    cr_assert_eq(terms.limits.bytes, 0);
}

Test(overflow, one_stream_that_blocks_makes_the_connection_block)
{
    const struct overflow_terms drops = {.policy = OVERFLOW_DROP_NEWEST, .limits = {.events = 10}};
    const struct overflow_terms blocks = {.policy = OVERFLOW_BLOCK, .limits = {.bytes = 20}};
    const struct overflow_terms unset = {.policy = OVERFLOW_UNSET};
    struct overflow_terms terms = overflow_join(&drops, &blocks);
    cr_assert_eq(terms.policy, OVERFLOW_BLOCK);
    cr_assert_eq(terms.limits.events, 10);
    cr_assert_eq(terms.limits.bytes, 20);
    cr_assert_eq(overflow_join(&unset, &drops).policy, OVERFLOW_DROP_NEWEST);
    cr_assert_eq(overflow_join(&drops, &unset).policy, OVERFLOW_DROP_NEWEST);
}

Test(overflow, where_memory_is_short_background_goes_and_nothing_else)
{
    struct overflow_lowest lowest = {0};
    for (uint64_t id = 1; id <= 100; id++) {
        overflow_lowest_count(&lowest, id, (enum event_priority)(id % OVERFLOW_LEVELS), 10);
    }
    overflow_lowest_choose_background(&lowest);
    cr_assert_eq(lowest.dropped, 20);
    cr_assert_eq(lowest.dropped_last_id, 99);
    for (uint64_t id = 1; id <= 100; id++) {
        enum event_priority priority = (enum event_priority)(id % OVERFLOW_LEVELS);
        cr_assert_eq(overflow_is_cut(&lowest.cut, id, priority), priority == PRIORITY_BACKGROUND);
    }
    struct overflow_lowest without = {0};
    overflow_lowest_count(&without, 1, PRIORITY_LOW, 10);
    overflow_lowest_choose_background(&without);
    cr_assert(without.dropped == 0 && !overflow_cuts_any(&without.cut), "walked as anybody's");
}
