#include "flow/rules.h"

#include <criterion/criterion.h>

static const struct quality_policy no_policy;

static struct rules rules_of(const char *text)
{
    struct rules rules = {0};
    struct rules_fault fault = {0};
    cr_assert(rules_add(&rules, slice_of(text), &fault), "%s: %s", text, fault.message);
    return rules;
}

static void refuse(const char *text, size_t position, const char *message)
{
    struct rules rules = {0};
    struct rules_fault fault = {0};
    cr_assert_not(rules_add(&rules, slice_of(text), &fault), "%s", text);
    cr_assert_str_eq(fault.message, message);
    cr_assert_eq(fault.position, position, "%s: at %zu", text, fault.position);
    cr_assert_eq(rules.count, 0);
}

static struct link link_of(uint32_t round_trip_ms, uint32_t bytes_per_second, double score)
{
    return (struct link){.round_trip_us = round_trip_ms * 1000,
                         .bytes_per_second = bytes_per_second,
                         .score = (uint32_t)(score * LINK_ONE) & 0x3fff};
}

static uint32_t match(const char *text, const struct link *link, uint32_t event_rate,
                      enum subscribe_client client)
{
    struct rules rules = rules_of(text);
    struct rule_subject subject = {.link = link, .event_rate = event_rate, .client = client};
    return rules_match(&rules, &subject);
}

static struct quality chosen_for(enum subscribe_client client)
{
    struct subscribe_request request = {.client = client};
    struct quality quality;
    quality_choose(&quality, &request, slice_empty(), &no_policy);
    return quality;
}

// All of these rules hold.
static struct quality apply(const char *text, enum subscribe_client client, bool may_hold)
{
    struct rules rules = rules_of(text);
    struct quality chosen = chosen_for(client);
    struct quality quality;
    rules_apply(&rules, UINT32_MAX, may_hold, &chosen, &no_policy, &quality);
    return quality;
}

Test(rules, are_read)
{
    struct rules rules = rules_of(" latency > 200ms and client!=mobile :compression on,priority 20 "
                                  ";loss>=2.5%: batch_size larger;");
    cr_assert_eq(rules.count, 2);
    const struct rule *first = &rules.list[0];
    cr_assert(slice_equal_text(first->text,
                               "latency > 200ms and client!=mobile :compression on,priority 20"));
    cr_assert_eq(first->priority, 20);
    cr_assert_eq(first->condition_count, 2);
    cr_assert_eq(first->conditions[0].metric, RULE_LATENCY);
    cr_assert_eq(first->conditions[0].comparison, RULE_ABOVE);
    cr_assert_eq(first->conditions[0].value, 200 * 1000);
    cr_assert_eq(first->conditions[1].metric, RULE_CLIENT);
    cr_assert_eq(first->conditions[1].comparison, RULE_IS_NOT);
    cr_assert_eq(first->conditions[1].value, SUBSCRIBE_CLIENT_MOBILE);
    cr_assert_eq(first->sets, 1U << SUBSCRIBE_COMPRESSION);
    cr_assert_eq(first->values[SUBSCRIBE_COMPRESSION], 1);
    const struct rule *second = &rules.list[1];
    cr_assert_eq(second->priority, 100);
    cr_assert_eq(second->conditions[0].comparison, RULE_AT_LEAST);
    cr_assert_eq(second->conditions[0].value, LINK_ONE / 40);
    cr_assert_eq(second->sets, 1U << SUBSCRIBE_BATCH_SIZE | 1U << SUBSCRIBE_BATCHING);
    cr_assert_eq(second->values[SUBSCRIBE_BATCH_SIZE], RULE_BATCH_LARGER);
}

Test(rules, values_in_their_units)
{
    static const struct {
        const char *text;
        uint32_t value;
    } table[] = {
        {"latency < 1s: caching on", 1000 * 1000},
        {"jitter < 3ms: caching on", 3000},
        {"loss < 100%: caching on", LINK_ONE},
        {"loss < 0.01%: caching on", 1},
        {"throughput < 1Mbit/s: caching on", 125000},
        {"throughput < 64kbit/s: caching on", 8000},
        {"throughput < 0.512Mbit/s: caching on", 64000},
        {"throughput < 10Gbit/s: caching on", 1250000000},
        {"throughput < 800bit/s: caching on", 100},
        {"score < 0.3: caching on", 3000},
        {"score < 1: caching on", LINK_ONE},
        {"event_rate < 20/s: caching on", 20000},
        {"event_rate < 0.5: caching on", 500},
        {"client = none: caching on", SUBSCRIBE_CLIENT_NONE},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct rules rules = rules_of(table[i].text);
        cr_assert_eq(rules.list[0].conditions[0].value, table[i].value, "%s: %u", table[i].text,
                     rules.list[0].conditions[0].value);
    }
}

Test(rules, errors_say_where)
{
    refuse("", 0,
           "'' is no condition: latency, jitter, loss, throughput, score, event_rate or client");
    refuse("lag > 1: caching on", 0,
           "'lag' is no condition: latency, jitter, loss, throughput, score, event_rate or client");
    refuse("latency 200ms: caching on", 8, "latency is compared by <, <=, > or >=");
    refuse("latency = 200ms: caching on", 8, "latency is compared by <, <=, > or >=");
    refuse("client > web: caching on", 7, "client is compared by = or !=");
    refuse("latency > 200: caching on", 10, "'200' is no latency; write it as 200ms");
    refuse("score > 1.1: caching on", 8, "'1.1' is no score; write it as 0.3");
    refuse("loss > 1: caching on", 7, "'1' is no loss; write it as 2.5%");
    refuse("loss > 101%: caching on", 7, "'101%' is no loss; write it as 2.5%");
    refuse("throughput < 1MB: caching on", 13,
           "'1MB' is no throughput; write it as 64kbit/s or 1.5Mbit/s");
    refuse("throughput < 9999Gbit/s: caching on", 13,
           "'9999Gbit/s' is no throughput; write it as 64kbit/s or 1.5Mbit/s");
    refuse("client = phone: caching on", 9,
           "'phone' is no client; write it as mobile, web, desktop, api or default, or none");
    refuse("loss > 1% caching on", 10, "here stands 'and', or ':' and what is to be done");
    refuse("loss > 1%", 9, "here stands 'and', or ':' and what is to be done");
    refuse("loss > 1%: cach on", 11,
           "'cach' is no action: a setting of requests (batch_size, compression, …), quality, "
           "caching or priority");
    refuse("loss > 1%: batch_size 0", 22,
           "'0' is no value here; batch_size is 1 to 1000, larger or smaller");
    refuse("loss > 1%: batch_timeout", 24, "'' is no value here; batch_timeout is 1ms to 10s");
    refuse("loss > 1%: quality none", 19,
           "'none' is no value here; quality is mobile, web, desktop, api or default");
    refuse("loss > 1%: caching on, caching off", 23, "'caching' is said twice");
    refuse("loss > 1%: priority 1", 0, "a rule without anything to do");
    refuse("loss > 1%: caching on off", 22, "here stands ',' and a further action, or ';'");
    refuse("loss > 1%: caching on; x", 23,
           "'x' is no condition: latency, jitter, loss, throughput, score, event_rate or client");
    refuse("loss>1% and loss>1% and loss>1% and loss>1% and loss>1%: caching on", 53,
           "more than 4 conditions");
}

Test(rules, are_bounded)
{
    struct rules rules = {0};
    struct rules_fault fault;
    for (int i = 0; i < RULES_MAX; i++) {
        cr_assert(rules_add(&rules, slice_of("loss > 1%: caching on"), &fault));
    }
    cr_assert_not(rules_add(&rules, slice_of("loss > 1%: caching on"), &fault));
    cr_assert_str_eq(fault.message, "more than 32 rules");
    cr_assert_eq(rules.count, RULES_MAX);
}

Test(rules, hold_or_not)
{
    struct link link = link_of(200, 125000, 0.5);
    cr_assert_eq(match("latency > 200ms: caching on", &link, 0, 0), 0);
    cr_assert_eq(match("latency >= 200ms: caching on", &link, 0, 0), 1);
    cr_assert_eq(match("latency < 200ms: caching on", &link, 0, 0), 0);
    cr_assert_eq(match("latency <= 200ms: caching on", &link, 0, 0), 1);
    cr_assert_eq(match("throughput < 1Mbit/s: caching on", &link, 0, 0), 0);
    cr_assert_eq(match("throughput < 2Mbit/s: caching on", &link, 0, 0), 1);
    cr_assert_eq(match("score < 0.5: caching on", &link, 0, 0), 0);
    cr_assert_eq(match("score < 0.6 and latency < 1s: caching on", &link, 0, 0), 1);
    cr_assert_eq(match("score < 0.6 and latency > 1s: caching on", &link, 0, 0), 0);
    cr_assert_eq(match("client = web: caching on", &link, 0, SUBSCRIBE_CLIENT_WEB), 1);
    cr_assert_eq(match("client = web: caching on", &link, 0, SUBSCRIBE_CLIENT_API), 0);
    cr_assert_eq(match("client != web: caching on", &link, 0, SUBSCRIBE_CLIENT_NONE), 1);
    cr_assert_eq(match("event_rate > 5/s: caching on", &link, 5001, 0), 1);
    cr_assert_eq(match("event_rate > 5/s: caching on", &link, 5000, 0), 0);
    cr_assert_eq(match("loss < 1%: caching on; latency < 1ms: caching on; jitter < 1s: caching on",
                       &link, 0, 0),
                 5);
}

Test(rules, do_not_hold_of_what_is_not_known)
{
    struct link nothing = {0};
    cr_assert_eq(match("latency < 1s: caching on; score < 1: caching on; loss < 1%: caching on; "
                       "throughput < 1Gbit/s: caching on; jitter < 1s: caching on; "
                       "event_rate < 100: caching on; client = none: caching on",
                       &nothing, RULE_RATE_UNKNOWN, SUBSCRIBE_CLIENT_NONE),
                 1U << 6);
    struct link quick = link_of(1, 0, 1);
    cr_assert_eq(match("throughput < 1Gbit/s: caching on", &quick, 0, 0), 0);
    // It takes at least that much.
    struct link quiet = link_of(1, 1000, 1);
    quiet.is_least_speed = true;
    cr_assert_eq(match("throughput < 1Mbit/s: caching on", &quiet, 0, 0), 0);
    cr_assert_eq(match("throughput <= 8kbit/s: caching on", &quiet, 0, 0), 0);
    cr_assert_eq(match("throughput > 4kbit/s: caching on", &quiet, 0, 0), 1);
    cr_assert_eq(match("throughput >= 8kbit/s: caching on", &quiet, 0, 0), 1);
}

Test(rules, the_defaults_are_those_of_the_mission)
{
    struct rules rules = rules_of(RULES_DEFAULT);
    cr_assert_eq(rules.count, 3);
    struct link far = link_of(201, 0, 0.9);
    cr_assert_eq(match(RULES_DEFAULT, &far, 0, 0), 1U << 2);
    struct link narrow = link_of(10, 124999, 0.9);
    cr_assert_eq(match(RULES_DEFAULT, &narrow, 0, 0), 1U << 1);
    struct link bad = link_of(10, 0, 0.2999);
    cr_assert_eq(match(RULES_DEFAULT, &bad, 0, 0), 1U << 0);
    struct quality quality = apply(RULES_DEFAULT, SUBSCRIBE_CLIENT_DESKTOP, true);
    cr_assert_eq(quality.events_per_second, 10);
    cr_assert_eq(quality.event_bytes_max, 8192);
    cr_assert_eq(quality.batching, 1);
    cr_assert_eq(quality.batch_size, 50, "the lower number wins");
    cr_assert_eq(quality.batch_timeout_ms, 500);
    cr_assert_eq(quality.compression, 1);
    cr_assert_eq(quality.sources[QUALITY_BATCH_SIZE], QUALITY_FROM_RULE);
    cr_assert_eq(quality.sources[QUALITY_BYTES_PER_SECOND], QUALITY_FROM_PROFILE);
    cr_assert_eq(quality.profile, SUBSCRIBE_CLIENT_DESKTOP);
}

Test(rules, the_lowest_number_wins_then_the_first)
{
    struct quality quality =
        apply("loss > 0%: batch_size 3, compression off; loss > 0%: batch_size 4; "
              "loss > 0%: batch_size 5, priority 7; loss > 0%: batch_size 6, priority 7",
              SUBSCRIBE_CLIENT_WEB, true);
    cr_assert_eq(quality.batch_size, 5);
    cr_assert_eq(quality.compression, 0, "who is overruled in one thing is heard in others");
    quality = apply("loss > 0%: batch_size 3; loss > 0%: batch_size 4", SUBSCRIBE_CLIENT_WEB, true);
    cr_assert_eq(quality.batch_size, 3);
}

Test(rules, larger_and_smaller_batches)
{
    static const char larger[] = "loss > 0%: batch_size larger";
    static const char smaller[] = "loss > 0%: batch_size smaller";
    cr_assert_eq(apply(larger, SUBSCRIBE_CLIENT_MOBILE, true).batch_size, 40);
    cr_assert_eq(apply(smaller, SUBSCRIBE_CLIENT_MOBILE, true).batch_size, 10);
    struct quality api = apply(larger, SUBSCRIBE_CLIENT_API, true);
    cr_assert_eq(api.batch_size, 2, "of one at a time");
    cr_assert_eq(api.batching, 1);
    cr_assert_eq(api.batch_timeout_ms, 100, "as in the default profile");
    cr_assert_eq(apply(smaller, SUBSCRIBE_CLIENT_API, true).batching, 0);
}

Test(rules, a_whole_profile)
{
    struct quality quality = apply("loss > 0%: quality mobile, batch_size 7; "
                                   "loss > 0%: compression off, batch_timeout 1s",
                                   SUBSCRIBE_CLIENT_API, true);
    cr_assert_eq(quality.events_per_second, 20);
    cr_assert_eq(quality.event_bytes_max, 16384);
    cr_assert_eq(quality.batch_size, 7, "what the same rule says by itself");
    cr_assert_eq(quality.batch_timeout_ms, 200);
    cr_assert_eq(quality.compression, 1, "a later rule has no say in a profile");
}

Test(rules, what_was_asked_for_stays)
{
    struct rules rules = rules_of("loss > 0%: quality mobile, batch_size 7");
    struct subscribe_request request = {.client = SUBSCRIBE_CLIENT_WEB,
                                        .settings_given = 1U << SUBSCRIBE_BATCH_SIZE |
                                                          1U << SUBSCRIBE_EVENTS_PER_SECOND};
    request.settings[SUBSCRIBE_BATCH_SIZE] = 33;
    request.settings[SUBSCRIBE_EVENTS_PER_SECOND] = 77;
    struct quality chosen;
    quality_choose(&chosen, &request, slice_empty(), &no_policy);
    struct quality quality;
    rules_apply(&rules, 1, true, &chosen, &no_policy, &quality);
    cr_assert_eq(quality.batch_size, 33);
    cr_assert_eq(quality.events_per_second, 77);
    cr_assert_eq(quality.event_bytes_max, 16384);
    rules_apply(&rules, 0, true, &chosen, &no_policy, &quality);
    cr_assert_arr_eq(quality.values, chosen.values, sizeof(chosen.values), "none holds");
    cr_assert_arr_eq(quality.sources, chosen.sources, sizeof(chosen.sources));
}

Test(rules, hold_nothing_back_where_they_may_not)
{
    struct quality quality = apply(RULES_DEFAULT, SUBSCRIBE_CLIENT_NONE, false);
    cr_assert_eq(quality.compression, 1);
    quality.compression = 0;
    cr_assert(quality_is_plain(&quality));
    quality = apply(RULES_DEFAULT, SUBSCRIBE_CLIENT_NONE, true);
    cr_assert_eq(quality.events_per_second, 10);
    cr_assert_eq(quality.batch_size, 50);
}

Test(rules, the_bounds_of_the_broker_hold)
{
    struct rules rules = rules_of("loss > 0%: events_per_second 500");
    struct quality_policy policy = {.events_per_second_max = 50};
    struct quality chosen = chosen_for(SUBSCRIBE_CLIENT_MOBILE);
    struct quality quality;
    rules_apply(&rules, 1, true, &chosen, &policy, &quality);
    cr_assert_eq(quality.events_per_second, 50);
    cr_assert_eq(quality.sources[QUALITY_EVENTS_PER_SECOND], QUALITY_FROM_SERVER);
}

Test(rules, caching_is_said_by_the_first_that_says_it)
{
    struct rules rules = rules_of("loss > 0%: caching on; loss > 0%: caching off, priority 1; "
                                  "loss > 0%: compression on, priority 0");
    cr_assert_eq(rules_caching(&rules, 7), RULE_CACHING_OFF);
    cr_assert_eq(rules_caching(&rules, 5), RULE_CACHING_ON);
    cr_assert_eq(rules_caching(&rules, 1), RULE_CACHING_UNSAID);
}
