#include "log/settings.h"

#include <criterion/criterion.h>

static const struct stream_settings retention = {.parts = SETTINGS_RETENTION,
                                                 .retention_age_ms = 1,
                                                 .retention_bytes = 2,
                                                 .retention_count = 3,
                                                 .idle_ttl_ms = 4};
static const struct stream_settings flow = {.parts = SETTINGS_FLOW,
                                            .flow = {.overflow = OVERFLOW_BLOCK,
                                                     .lag_events = 5,
                                                     .lag_bytes = 6,
                                                     .threshold = 800,
                                                     .producer_wait_ms = 7}};

static void apply(struct stream_settings *settings, struct stream_settings change)
{
    uint8_t record[SETTINGS_RECORD_BYTES_MAX];
    size_t length = settings_encode(&change, slice_empty(), record);
    struct stream_settings read;
    struct slice content_type;
    cr_assert_eq(length, SETTINGS_BYTES);
    cr_assert(settings_decode(slice_from(record, length), &read, &content_type));
    cr_expect_eq(memcmp(&read, &change, sizeof read), 0);
    cr_expect_eq(content_type.length, 0);
    settings_apply(settings, &read);
}

Test(settings, each_part_leaves_the_others_alone)
{
    struct stream_settings settings = {0};
    cr_expect(settings_are_default(&settings));
    apply(&settings, flow);
    cr_expect_eq(settings.flow.overflow, OVERFLOW_BLOCK);
    cr_expect_not(settings_are_default(&settings));
    apply(&settings, retention);
    cr_expect_eq(settings.retention_count, 3);
    cr_expect_eq(memcmp(&settings.flow, &flow.flow, sizeof(flow.flow)), 0);
    apply(&settings, (struct stream_settings){.parts = SETTINGS_FLOW});
    cr_expect_eq(settings.flow.lag_events, 0);
    cr_expect_eq(settings.idle_ttl_ms, 4);
    apply(&settings, (struct stream_settings){.parts = SETTINGS_RETENTION});
    cr_expect(settings_are_default(&settings));
    apply(&settings, (struct stream_settings){.parts = SETTINGS_OWNER, .owner = 77});
    apply(&settings, (struct stream_settings){.owner = 88});
    cr_expect_eq(settings.owner, 77);
    cr_expect_not(settings_are_default(&settings));
}

// As brokers wrote them that knew of no flow, and of no owner.
Test(settings, records_of_older_versions_are_read)
{
    static const uint64_t numbers[4] = {11, 12, 13, 14};
    struct stream_settings settings = flow;
    struct stream_settings change;
    struct slice content_type;
    cr_assert(settings_decode(slice_from(numbers, sizeof numbers), &change, &content_type));
    settings_apply(&settings, &change);
    cr_expect_eq(settings.retention_age_ms, 11);
    cr_expect_eq(settings.retention_bytes, 12);
    cr_expect_eq(settings.retention_count, 13);
    cr_expect_eq(settings.idle_ttl_ms, 14);
    cr_expect_eq(settings.flow.lag_events, 5);
    settings = retention;
    cr_assert(settings_decode(slice_from(&flow, SETTINGS_FLOW_BYTES), &change, &content_type));
    settings_apply(&settings, &change);
    cr_expect_eq(settings.flow.lag_events, 5);
    cr_expect_eq(settings.retention_count, 3);
}

static bool is_read(const struct stream_settings *record, size_t length)
{
    struct stream_settings change;
    struct slice content_type;
    return settings_decode(slice_from(record, length), &change, &content_type);
}

Test(settings, records_of_other_versions_are_passed_over)
{
    struct stream_settings strange = flow;
    strange.flow.overflow = OVERFLOW_POLICIES;
    cr_expect_not(is_read(&strange, sizeof strange));
    strange = flow;
    strange.parts = SETTINGS_PARTS + 1;
    cr_expect_not(is_read(&strange, sizeof strange));
    strange.parts = SETTINGS_OWNER;
    cr_expect(is_read(&strange, sizeof strange));
    cr_expect_not(is_read(&strange, SETTINGS_FLOW_BYTES));
    strange = flow;
    strange.flow.zero[1] = 1;
    cr_expect_not(is_read(&strange, sizeof strange));
    for (size_t length = 0; length < sizeof flow; length++) {
        bool is_older = length == SETTINGS_RETENTION_BYTES || length == SETTINGS_FLOW_BYTES;
        cr_expect_eq(is_read(&flow, length), is_older, "%zu", length);
    }
}

Test(settings, a_content_type_stands_behind_the_others)
{
    uint8_t record[SETTINGS_RECORD_BYTES_MAX + 1];
    struct stream_settings change;
    struct slice content_type;
    size_t length = settings_encode(&flow, slice_of("text/plain"), record);
    cr_assert_eq(length, SETTINGS_BYTES + 10);
    cr_assert(settings_decode(slice_from(record, length), &change, &content_type));
    cr_expect(slice_equal_text(content_type, "text/plain"));
    cr_expect_eq(change.parts, SETTINGS_FLOW | SETTINGS_CONTENT_TYPE);
    cr_expect_not(settings_decode(slice_from(record, SETTINGS_BYTES), &change, &content_type));
    record[SETTINGS_BYTES + 3] = '\n';
    cr_expect_not(settings_decode(slice_from(record, length), &change, &content_type));

    uint8_t longest[ATTRIBUTE_BYTES_MAX + 1];
    memset(longest, 'x', sizeof longest);
    length = settings_encode(&flow, slice_from(longest, ATTRIBUTE_BYTES_MAX), record);
    cr_assert_eq(length, SETTINGS_RECORD_BYTES_MAX);
    cr_expect(settings_decode(slice_from(record, length), &change, &content_type));
    record[length] = 'x';
    cr_expect_not(settings_decode(slice_from(record, length + 1), &change, &content_type));
    cr_expect_not(content_type_is_valid(slice_from(longest, sizeof longest)));
    cr_expect_not(content_type_is_valid(slice_empty()));
}

Test(settings, an_end_is_one_of_three)
{
    static const char *const words[STREAM_LIVES] = {"open", "close", "cancel", "delete"};
    static const char *const names[STREAM_LIVES] = {"open", "closed", "cancelled", "deleted"};
    for (int i = STREAM_OPEN; i < STREAM_LIVES; i++) {
        uint8_t record[LIFE_RECORD_BYTES] = {0};
        enum stream_life life = STREAM_OPEN;
        bool is_end = i != STREAM_OPEN;
        if (is_end) {
            life_encode((enum stream_life)i, record);
        }
        cr_expect_eq(life_decode(slice_from(record, sizeof record), &life), is_end);
        cr_expect_eq(life, (enum stream_life)i);
        cr_expect_str_eq(stream_life_name(life), names[i]);
        cr_expect_not(life_decode(slice_from(record, sizeof record - 1), &life));
        record[7] = 1;
        cr_expect_not(life_decode(slice_from(record, sizeof record), &life));
        cr_expect_eq(stream_life_parse(slice_of(words[i]), &life), is_end);
        cr_expect_eq(life, (enum stream_life)i);
    }
}

Test(settings, are_completed_by_former_ones)
{
    struct stream_settings settings = flow;
    struct stream_settings former = retention;
    former.parts = SETTINGS_RETENTION | SETTINGS_FLOW;
    former.flow.lag_events = 99;
    settings_complete(&settings, &former);
    cr_expect_eq(settings.retention_count, 3);
    cr_expect_eq(settings.flow.lag_events, 5);
}

Test(settings, what_a_stream_does_not_say_the_broker_does)
{
    struct stream_flow own = {.lag_events = 5, .overflow = OVERFLOW_BLOCK};
    struct stream_flow broker = {.lag_events = 1000,
                                 .lag_bytes = 2000,
                                 .threshold = 800,
                                 .producer_wait_ms = 10000,
                                 .overflow = OVERFLOW_DROP_OLDEST};
    struct stream_flow both = stream_flow_or(&own, &broker);
    cr_expect_eq(both.lag_events, 5);
    cr_expect_eq(both.lag_bytes, 2000);
    cr_expect_eq(both.threshold, 800);
    cr_expect_eq(both.producer_wait_ms, 10000);
    cr_expect_eq(both.overflow, OVERFLOW_BLOCK);
    both = stream_flow_or(&(struct stream_flow){0}, &broker);
    cr_expect_eq(memcmp(&both, &broker, sizeof both), 0);
}

Test(settings, the_published_words)
{
    enum overflow_policy policy;
    cr_assert(overflow_strategy_parse(slice_of("pause"), &policy));
    cr_expect_eq(policy, OVERFLOW_BLOCK);
    cr_assert(overflow_strategy_parse(slice_of("drop"), &policy));
    cr_expect_eq(policy, OVERFLOW_DROP_NEWEST);
    cr_assert(overflow_strategy_parse(slice_of("buffer"), &policy));
    cr_expect_eq(policy, OVERFLOW_UNSET);
    cr_expect_not(overflow_strategy_parse(slice_of("block"), &policy));
}
