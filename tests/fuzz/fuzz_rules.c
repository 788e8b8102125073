// Rules of link quality: any text. What is accepted stays within its bounds, reads again from each
// rule's own text, and gives qualities within the bounds; what is not says where.
// layer: flow
#include "base/assert.h"
#include "flow/rules.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rule(const struct rules *rules, uint32_t index, struct slice text)
{
    const struct rule *rule = &rules->list[index];
    ASSERT(rule->text.at >= text.at && rule->text.length > 0);
    ASSERT(rule->text.at + rule->text.length <= text.at + text.length);
    ASSERT(rule->condition_count >= 1 && rule->condition_count <= RULE_CONDITIONS_MAX);
    ASSERT(index == 0 || rules->list[index - 1].priority <= rule->priority);
    struct rules again = {0};
    struct rules_fault fault;
    ASSERT(rules_add(&again, rule->text, &fault) && again.count == 1);
    const struct rule *copy = &again.list[0];
    ASSERT(slice_equal(copy->text, rule->text) && copy->priority == rule->priority &&
           copy->sets == rule->sets && copy->profile == rule->profile &&
           copy->caching == rule->caching &&
           memcmp(copy->values, rule->values, sizeof(rule->values)) == 0 &&
           memcmp(copy->conditions, rule->conditions, sizeof(rule->conditions)) == 0);
}

static void check_qualities(const struct rules *rules, struct slice text)
{
    struct link link = {.round_trip_us = 1 + (uint32_t)text.length * 1000,
                        .bytes_per_second = text.at[0] * 1000U,
                        .score = text.at[text.length - 1] * 39U,
                        .is_least_speed = text.at[0] & 1U};
    for (unsigned client = 0; client <= SUBSCRIBE_CLIENT_API; client++) {
        struct rule_subject subject = {
            .link = &link, .event_rate = 1000, .client = (enum subscribe_client)client};
        uint32_t matched = rules_match(rules, &subject);
        ASSERT(rules->count == RULES_MAX || matched >> rules->count == 0);
        struct quality quality;
        struct quality_policy policy = {.events_per_second_max = 1000};
        rules_apply(rules, matched, true, quality_profile((enum subscribe_client)client), &policy,
                    &quality);
        ASSERT(quality.events_per_second > 0 && quality.events_per_second <= 1000);
        ASSERT(quality.batching <= 1 && quality.batch_size <= 1000 && quality.compression <= 1);
        ASSERT(quality.batching == 0 || (quality.batch_size > 0 && quality.batch_timeout_ms > 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1); // never NULL; of its size, but for one byte
    ASSERT(copy != NULL);
    memcpy(copy, data, size);
    struct slice text = slice_from(copy, size);
    struct rules rules = {0};
    struct rules_fault fault = {.position = SIZE_MAX};
    if (rules_add(&rules, text, &fault)) {
        ASSERT(rules.count >= 1 && rules.count <= RULES_MAX);
        for (uint32_t i = 0; i < rules.count; i++) {
            check_rule(&rules, i, text);
        }
        check_qualities(&rules, text);
    } else {
        ASSERT(rules.count == 0 && fault.position <= size && fault.message[0] != 0);
    }
    free(copy);
    return 0;
}
