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

Test(settings, each_part_leaves_the_other_alone)
{
    struct stream_settings settings = {0};
    cr_expect(settings_are_default(&settings));
    struct slice record = settings_record(&flow);
    cr_expect_eq(record.length, SETTINGS_BYTES);
    cr_assert(settings_apply(&settings, record));
    cr_expect_eq(settings.flow.overflow, OVERFLOW_BLOCK);
    cr_expect_not(settings_are_default(&settings));
    cr_assert(settings_apply(&settings, settings_record(&retention)));
    cr_expect_eq(settings.retention_count, 3);
    cr_expect_eq(memcmp(&settings.flow, &flow.flow, sizeof(flow.flow)), 0);
    cr_assert(settings_apply(&settings,
                             settings_record(&(struct stream_settings){.parts = SETTINGS_FLOW})));
    cr_expect_eq(settings.flow.lag_events, 0);
    cr_expect_eq(settings.idle_ttl_ms, 4);
    cr_assert(settings_apply(
        &settings, settings_record(&(struct stream_settings){.parts = SETTINGS_RETENTION})));
    cr_expect(settings_are_default(&settings));
}

// As brokers wrote them that knew of no flow.
Test(settings, short_records_are_read_and_still_written)
{
    static const uint64_t numbers[4] = {11, 12, 13, 14};
    struct stream_settings settings = flow;
    cr_expect_eq(settings_record(&retention).length, SETTINGS_RETENTION_BYTES);
    cr_assert(settings_apply(&settings, slice_from(numbers, sizeof numbers)));
    cr_expect_eq(settings.retention_age_ms, 11);
    cr_expect_eq(settings.retention_bytes, 12);
    cr_expect_eq(settings.retention_count, 13);
    cr_expect_eq(settings.idle_ttl_ms, 14);
    cr_expect_eq(settings.flow.lag_events, 5);
}

Test(settings, records_of_other_versions_are_passed_over)
{
    struct stream_settings settings = retention;
    struct stream_settings strange = flow;
    strange.flow.overflow = OVERFLOW_POLICIES;
    cr_expect_not(settings_apply(&settings, slice_from(&strange, sizeof strange)));
    strange = flow;
    strange.parts = 4;
    cr_expect_not(settings_apply(&settings, slice_from(&strange, sizeof strange)));
    strange = flow;
    strange.flow.zero[1] = 1;
    cr_expect_not(settings_apply(&settings, slice_from(&strange, sizeof strange)));
    for (size_t length = 0; length < sizeof flow; length++) {
        bool is_known = settings_apply(&settings, slice_from(&flow, length));
        cr_expect_eq(is_known, length == SETTINGS_RETENTION_BYTES, "%zu", length);
    }
    cr_expect_eq(settings.flow.overflow, OVERFLOW_UNSET);
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
