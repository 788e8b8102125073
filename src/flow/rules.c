#include "flow/rules.h"

#include "base/assert.h"

enum { BATCH_SIZE_MAX = 1000 }; // as a request may ask for

// --- conditions ---

static bool compare(const struct rule_condition *condition, uint32_t value)
{
    switch (condition->comparison) {
    case RULE_BELOW: return value < condition->value;
    case RULE_AT_MOST: return value <= condition->value;
    case RULE_ABOVE: return value > condition->value;
    case RULE_AT_LEAST: return value >= condition->value;
    case RULE_IS: return value == condition->value;
    case RULE_IS_NOT: return value != condition->value;
    }
    UNREACHABLE();
}

static bool holds_for_speed(const struct rule_condition *condition, const struct link *link)
{
    bool is_upwards = condition->comparison == RULE_ABOVE || condition->comparison == RULE_AT_LEAST;
    return link->bytes_per_second > 0 && (is_upwards || !link->is_least_speed) &&
           compare(condition, link->bytes_per_second);
}

static bool holds(const struct rule_condition *condition, const struct rule_subject *subject)
{
    const struct link *link = subject->link;
    if (condition->metric == RULE_CLIENT) {
        return compare(condition, subject->client);
    }
    if (condition->metric == RULE_EVENT_RATE) {
        return subject->event_rate != RULE_RATE_UNKNOWN && compare(condition, subject->event_rate);
    }
    if (!link_is_known(link)) {
        return false;
    }
    switch (condition->metric) {
    case RULE_LATENCY: return compare(condition, link->round_trip_us);
    case RULE_JITTER: return compare(condition, link->jitter_us);
    case RULE_LOSS: return compare(condition, link->loss);
    case RULE_THROUGHPUT: return holds_for_speed(condition, link);
    default: return compare(condition, link->score);
    }
}

uint32_t rules_match(const struct rules *rules, const struct rule_subject *subject)
{
    uint32_t matched = 0;
    for (uint32_t i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->list[i];
        bool is_match = true;
        for (uint32_t c = 0; c < rule->condition_count && is_match; c++) {
            is_match = holds(&rule->conditions[c], subject);
        }
        matched |= is_match ? UINT32_C(1) << i : 0;
    }
    return matched;
}

// --- actions ---

// What is being made of the chosen quality, and which of its fields are settled.
struct adaptation {
    struct quality *quality;
    const struct quality *chosen;
    uint32_t settled;
};

static void settle(struct adaptation *adaptation, enum quality_field field, uint32_t value)
{
    if ((adaptation->settled >> field & 1) == 0) {
        adaptation->settled |= UINT32_C(1) << field;
        quality_set(adaptation->quality, field, value, QUALITY_FROM_RULE);
    }
}

static uint32_t batch_size(const struct quality *chosen, uint32_t value)
{
    uint32_t now = chosen->batching != 0 && chosen->batch_size > 0 ? chosen->batch_size : 1;
    if (value == RULE_BATCH_LARGER) {
        return 2 * now < BATCH_SIZE_MAX ? 2 * now : BATCH_SIZE_MAX;
    }
    if (value == RULE_BATCH_SMALLER) {
        return now > 1 ? now / 2 : 1;
    }
    return value;
}

static void take_rule(struct adaptation *adaptation, const struct rule *rule)
{
    for (unsigned i = 0; i < SUBSCRIBE_SETTINGS; i++) {
        if ((rule->sets >> i & 1) != 0) {
            uint32_t value = i == SUBSCRIBE_BATCH_SIZE
                                 ? batch_size(adaptation->chosen, rule->values[i])
                                 : rule->values[i];
            settle(adaptation, quality_field_of((enum subscribe_setting)i), value);
        }
    }
    // What the rule says by itself goes before its profile.
    for (unsigned i = 0; i < QUALITY_FIELDS && rule->profile != SUBSCRIBE_CLIENT_NONE; i++) {
        settle(adaptation, (enum quality_field)i, quality_profile(rule->profile)->values[i]);
    }
}

void rules_apply(const struct rules *rules, uint32_t matched, bool may_hold,
                 const struct quality *chosen, const struct quality_policy *policy,
                 struct quality *quality)
{
    *quality = *chosen;
    struct adaptation adaptation = {.quality = quality, .chosen = chosen};
    for (unsigned i = 0; i < QUALITY_FIELDS; i++) {
        bool is_asked_for = chosen->sources[i] == QUALITY_FROM_REQUEST;
        if (is_asked_for || (!may_hold && i != QUALITY_COMPRESSION)) {
            adaptation.settled |= UINT32_C(1) << i;
        }
    }
    for (uint32_t i = 0; i < rules->count; i++) {
        if ((matched >> i & 1) != 0) {
            take_rule(&adaptation, &rules->list[i]);
        }
    }
    quality_settle(quality, policy);
}

enum rule_caching rules_caching(const struct rules *rules, uint32_t matched)
{
    for (uint32_t i = 0; i < rules->count; i++) {
        if ((matched >> i & 1) != 0 && rules->list[i].caching != RULE_CACHING_UNSAID) {
            return rules->list[i].caching;
        }
    }
    return RULE_CACHING_UNSAID;
}
