#include "app/options.h"

#include "base/limits.h"
#include "io/loop.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct options options;
static char message[SETTING_MESSAGE_SIZE];

static void take(const char *key, const char *value)
{
    size_t index = settings_find(&options_table, slice_of(key));
    cr_assert_neq(index, SETTINGS_MAX, "no setting %s", key);
    const struct setting *setting = settings_at(&options_table, index);
    cr_assert_eq(setting_take(setting, &options, value, key, message, sizeof(message)), 0, "%s",
                 message);
}

// How many faults there are; the first one is in message.
static uint32_t check(void)
{
    struct setting_faults faults = {0};
    options_check(&options, &faults);
    (void)snprintf(message, sizeof(message), "%s", faults.list[0].text);
    return faults.count;
}

static void setup(void)
{
    settings_set_defaults(&options_table, &options);
}

TestSuite(options, .init = setup);

Test(options, the_defaults_agree)
{
    cr_assert_eq(check(), 0, "%s", message);
    cr_assert_eq(options.listen.count, 0);
    cr_assert_eq(options.connections_max, CONNECTIONS_DEFAULT);
    cr_assert_eq(options.connections_per_address, 0);
    cr_assert_eq(options.connection_streams_max, CONNECTION_STREAMS_MAX);
    cr_assert_eq(options.header_bytes_max, REQUEST_HEADER_BYTES_MAX);
    cr_assert_eq(options.request_bytes_max, 8 << 20);
    cr_assert_eq(options.body_timeout_ms, 30000);
    cr_assert_eq(options.event_bytes_max, EVENT_BYTES_MAX);
    cr_assert_eq(options.retry_ms, 5000);
    cr_assert_eq(options.heartbeat_interval_ms, 30000);
    cr_assert_eq(options.lag_events, 1000);
    cr_assert_eq(options_overflow(&options).policy, OVERFLOW_DROP_OLDEST);
    cr_assert_eq(options_overflow(&options).limits.events, 1000);
    cr_assert_eq(options_overflow(&options).limits.bytes, 16 << 20);
    const struct stream_flow flow = options_flow(&options);
    cr_assert_eq(flow.overflow, OVERFLOW_DROP_OLDEST);
    cr_assert_eq(flow.lag_events, 1000);
    cr_assert_eq(flow.threshold, 800);
    cr_assert_eq(flow.producer_wait_ms, 10000);
    cr_assert_eq(options.unknown_stream, OPTIONS_UNKNOWN_WAIT);
    cr_assert_eq(options.retention_age_ms, UINT64_C(24) * 3600 * 1000);
    cr_assert_eq(options.retention_bytes, UINT64_C(1) << 30);
    cr_assert_eq(options_features_masked(&options), 0);
}

static bool is_refused(const char *key, const char *value, const char *told)
{
    setup();
    take(key, value);
    return check() == 1 && strstr(message, told) != NULL;
}

Test(options, tokens)
{
    struct token_rules rules = options_token_rules(&options);
    cr_assert_eq(rules.algorithms, ALGORITHMS_ALL);
    cr_assert_eq(rules.audience.length, 0);
    cr_assert_eq(rules.issuer.length, 0);
    cr_assert_eq(rules.leeway_ms, TOKEN_LEEWAY_MS_DEFAULT);
    cr_assert(rules.needs_expiry);
    take("auth-algorithms", "EdDSA, RS256");
    take("auth-audience", "here");
    take("auth-issuer", "https://id.example");
    take("auth-leeway", "0");
    take("auth-require-exp", "off");
    rules = options_token_rules(&options);
    cr_assert_eq(rules.algorithms, 1 << ALGORITHM_EDDSA | 1 << ALGORITHM_RS256);
    cr_assert(slice_equal_text(rules.audience, "here"));
    cr_assert(slice_equal_text(rules.issuer, "https://id.example"));
    cr_assert_eq(rules.leeway_ms, 0);
    cr_assert_not(rules.needs_expiry);
    cr_assert(is_refused("auth-algorithms", "", "--auth-algorithms"));
    cr_assert(is_refused("auth-cookie", "", "--auth-cookie"));
    cr_assert(is_refused("auth-cookie", "a=b", "--auth-cookie"));
    cr_assert(is_refused("auth-cookie", "a\r\nb", "--auth-cookie"));
}

Test(options, who_has_no_token)
{
    cr_assert(slice_equal_text(options_access(&options).cookie, "auth_token"));
    cr_assert_eq(options_access(&options).anonymous, ACCESS_ANONYMOUS_READ);
    take("auth-keys", "keys.json");
    cr_assert_eq(options_access(&options).anonymous, ACCESS_ANONYMOUS_NONE);
    take("anonymous", "read");
    cr_assert_eq(options_access(&options).anonymous, ACCESS_ANONYMOUS_READ);
    take("anonymous", "all");
    cr_assert_eq(options_access(&options).anonymous, ACCESS_ANONYMOUS_ALL);
    setup();
    take("anonymous", "none");
    cr_assert_eq(options_access(&options).anonymous, ACCESS_ANONYMOUS_NONE);
}

Test(options, settings_of_tokens_without_keys)
{
    static const char *const idle[][2] = {{"anonymous", "none"},
                                          {"auth-audience", "here"},
                                          {"auth-issuer", "https://id.example"},
                                          {"connections-per-subject", "1"},
                                          {"requests-per-subject", "1"},
                                          {"streams-per-subject", "1"}};
    cr_assert_null(options_idle_access(&options));
    for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
        setup();
        take(idle[i][0], idle[i][1]);
        const char *said = options_idle_access(&options);
        cr_assert_not_null(said, "%s", idle[i][0]);
        cr_assert_not_null(strstr(said, idle[i][0]), "%s: %s", idle[i][0], said);
        take("auth-keys", "keys.json");
        cr_assert_null(options_idle_access(&options), "%s", idle[i][0]);
    }
    setup();
    cr_assert(is_refused("auth-keys", "", "--auth-keys"));
}

Test(options, origins)
{
    struct cors_origins origins;
    cr_assert_eq(options_read_origins(&options, &origins, message, sizeof(message)), 0);
    cr_assert_eq(origins.count, 0);
    take("allow-origins", "https://a.example, http://localhost:3000");
    cr_assert_eq(check(), 0, "%s", message);
    cr_assert_eq(options_read_origins(&options, &origins, message, sizeof(message)), 0);
    cr_assert_eq(origins.count, 2);
    take("allow-origins", "https://a.example,*");
    cr_assert_eq(check(), 1);
    cr_assert_not_null(strstr(message, "--allow-origins: '*'"), "%s", message);
}

Test(options, origins_of_other_variables)
{
    struct cors_origins origins;
    static const char *const names[] = {"CORS_ALLOWED_ORIGINS", "ALLOW_ORIGINS",
                                        "RINGCAST_ALLOW_ORIGINS"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "https://%zu.example", i);
        (void)setenv(names[i], text, 1);
        struct setting_faults faults = {0};
        const struct settings taken = {
            .table = &options_table, .target = &options, .faults = &faults};
        settings_take_environment(&taken);
        cr_assert_eq(faults.count, 0);
        cr_assert_eq(options_read_origins(&options, &origins, message, sizeof(message)), 0);
        cr_assert_eq(origins.count, 1);
        cr_assert(slice_equal_text(origins.origins[0], text), "%s", names[i]);
    }
}

Test(options, limits_of_a_client)
{
    take("connections-per-address", "5");
    take("connections-per-subject", "6");
    take("requests-per-subject", "8");
    take("publish-events-per-subject", "9");
    take("requests-per-address", "7");
    const struct client_limits_options limits = options_limits(&options);
    cr_assert_eq(limits.connections_max, CONNECTIONS_DEFAULT);
    cr_assert_eq(limits.connections_per_address, 5);
    cr_assert_eq(limits.requests_per_address, 7);
    cr_assert_eq(limits.connections_per_subject, 6);
    cr_assert_eq(limits.requests_per_subject, 8);
    cr_assert_eq(limits.events_per_subject, 9);
}

Test(options, every_overflow_policy_is_a_choice)
{
    const struct setting *setting =
        settings_at(&options_table, settings_find(&options_table, slice_of("lag-policy")));
    for (unsigned i = 0; i < OVERFLOW_POLICIES - OVERFLOW_DROP_OLDEST; i++) {
        options.lag_policy = i;
        cr_assert_str_eq(overflow_policy_name(options_overflow(&options).policy),
                         setting->choices[i]);
    }
    cr_assert_null(setting->choices[OVERFLOW_POLICIES - OVERFLOW_DROP_OLDEST]);
}

// The words of the published configuration, and what they stand for.
Test(options, strategies_are_policies)
{
    static const struct {
        const char *strategy;
        enum overflow_policy policy;
    } strategies[] = {
        {"pause", OVERFLOW_BLOCK}, {"drop", OVERFLOW_DROP_NEWEST}, {"buffer", OVERFLOW_DISCONNECT}};
    options.lag_policy = OVERFLOW_DISCONNECT - OVERFLOW_DROP_OLDEST;
    take("backpressure-threshold", "100");
    cr_assert_eq(options_flow(&options).threshold, 100 * 1000);
    for (size_t i = 0; i < sizeof(strategies) / sizeof(strategies[0]); i++) {
        take("backpressure-strategy", strategies[i].strategy);
        cr_assert_eq(options_overflow(&options).policy, strategies[i].policy);
    }
}

Test(options, keys_and_places_are_each_used_once)
{
    size_t count = settings_count(&options_table);
    cr_assert_lt(count, 256);
    for (size_t i = 0; i < count; i++) {
        const struct setting *one = settings_at(&options_table, i);
        cr_assert_lt(one->offset, sizeof(struct options));
        for (size_t j = i + 1; j < count; j++) {
            const struct setting *other = settings_at(&options_table, j);
            cr_assert_str_neq(one->key, other->key);
            cr_assert_neq(one->offset, other->offset, "%s", one->key);
        }
    }
}

// No two settings stand in one place of the file, and none where a section is.
Test(options, places_in_the_file_are_each_used_once)
{
    static char names[256][SETTING_PLACE_SIZE];
    size_t count = 0;
    for (size_t i = 0; options_table.sections[i] != NULL; i++) {
        const struct setting_section *section = options_table.sections[i];
        for (size_t j = 0; section->name != NULL && j < section->count; j++) {
            setting_place_name(section, &section->settings[j], names[count]);
            for (size_t k = 0; k < count; k++) {
                cr_assert_str_neq(names[count], names[k]);
            }
            for (size_t k = 0; options_table.sections[k] != NULL; k++) {
                const char *other = options_table.sections[k]->name;
                cr_assert(other == NULL || strcmp(other, names[count]) != 0);
            }
            count++;
        }
    }
    cr_assert_gt(count, 60);
}

static void refuse(const char *expected)
{
    cr_assert_eq(check(), 1);
    cr_assert_str_eq(message, expected);
}

Test(options, an_event_must_fit_a_segment)
{
    take("segment-bytes", "1MiB");
    refuse("--event-bytes-max: with these --segment-bytes it may be at most 256KiB");
    take("event-bytes-max", "256KiB");
    cr_assert_eq(check(), 0);
}

Test(options, retention_holds_two_segments)
{
    take("segment-bytes", "1GiB");
    refuse("--retention-bytes: it must be at least two segments, 2GiB (see --segment-bytes)");
}

Test(options, places_are_not_empty)
{
    take("listen", "");
    refuse("--listen: an address may not be empty");
}

Test(options, kernel_features_by_name)
{
    take("kernel-without", "defer-taskrun,msg-ring");
    cr_assert_eq(options_features_masked(&options),
                 LOOP_FEATURE_DEFER_TASKRUN | LOOP_FEATURE_MSG_RING);
    take("kernel-without", "newer-than-6.1");
    cr_assert_eq(options_features_masked(&options), LOOP_FEATURES_NEWER_THAN_6_1);
}

static uint32_t rules_read(struct rules *rules)
{
    cr_assert_eq(options_read_rules(&options, rules, message, sizeof(message)), 0, "%s", message);
    return rules->count;
}

Test(options, rules_take_the_place_of_the_usual_ones)
{
    struct rules rules;
    cr_assert_eq(rules_read(&rules), 3);
    take("rule", "loss > 2%: batch_size larger");
    take("rule", "score < 0.5: quality mobile, priority 1; latency > 1s: compression on");
    cr_assert_eq(rules_read(&rules), 3);
    cr_assert_eq(rules.list[0].profile, SUBSCRIBE_CLIENT_MOBILE);
    take("rule", "latency > 1: compression on");
    refuse(
        "--rule: at character 11 of 'latency > 1: compression on': '1' is no latency; write it as "
        "200ms");
    settings_set_defaults(&options_table, &options);
    take("rule", "none");
    cr_assert_eq(rules_read(&rules), 0);
}
