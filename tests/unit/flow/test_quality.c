#include "flow/quality.h"

#include <criterion/criterion.h>
#include <string.h>

static struct quality choose(const struct subscribe_request *request, const char *agent,
                             const struct quality_policy *policy)
{
    struct quality quality;
    memset(&quality, 0xaa, sizeof(quality));
    quality_choose(&quality, request, slice_of(agent), policy);
    return quality;
}

static void give(struct subscribe_request *request, enum subscribe_setting setting, uint32_t value)
{
    request->settings_given |= UINT32_C(1) << setting;
    request->settings[setting] = value;
}

static const struct quality_policy no_policy;

Test(quality, nothing_is_held_back_where_nothing_was_chosen)
{
    struct subscribe_request request = {.client = SUBSCRIBE_CLIENT_NONE};
    struct quality quality = choose(&request, "Mozilla/5.0 (Android) Mobile", &no_policy);
    cr_assert(quality_is_plain(&quality));
    cr_assert_eq(quality.profile, SUBSCRIBE_CLIENT_NONE);
    for (int i = 0; i < QUALITY_FIELDS; i++) {
        cr_assert_eq(quality.sources[i], QUALITY_FROM_NOBODY);
    }
}

Test(quality, the_profiles_of_the_mission)
{
    static const struct {
        enum subscribe_client client;
        uint32_t rate, bytes, batching, size, timeout_ms, compression;
    } table[] = {
        {SUBSCRIBE_CLIENT_DEFAULT, 100, 65536, 1, 10, 100, 1},
        {SUBSCRIBE_CLIENT_MOBILE, 20, 16384, 1, 20, 200, 1},
        {SUBSCRIBE_CLIENT_WEB, 50, 32768, 1, 10, 100, 1},
        {SUBSCRIBE_CLIENT_DESKTOP, 100, 65536, 1, 5, 50, 0},
        {SUBSCRIBE_CLIENT_API, 200, 131072, 0, 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct subscribe_request request = {.client = table[i].client};
        struct quality quality = choose(&request, "", &no_policy);
        const char *name = subscribe_client_name(table[i].client);
        cr_expect_eq(quality.profile, table[i].client, "%s", name);
        cr_expect_eq(quality.events_per_second, table[i].rate, "%s", name);
        cr_expect_eq(quality.event_bytes_max, table[i].bytes, "%s", name);
        cr_expect_eq(quality.batching, table[i].batching, "%s", name);
        cr_expect_eq(quality.batch_size, table[i].size, "%s", name);
        cr_expect_eq(quality.batch_timeout_ms, table[i].timeout_ms, "%s", name);
        cr_expect_eq(quality.compression, table[i].compression, "%s", name);
        cr_expect_eq(quality.bytes_per_second, 0, "%s", name);
        cr_expect_eq(quality.sources[QUALITY_EVENTS_PER_SECOND], QUALITY_FROM_PROFILE);
        cr_expect_not(quality_is_plain(&quality));
    }
}

Test(quality, a_request_overrides_its_profile_value_by_value)
{
    struct subscribe_request request = {.client = SUBSCRIBE_CLIENT_MOBILE};
    give(&request, SUBSCRIBE_EVENTS_PER_SECOND, 5);
    give(&request, SUBSCRIBE_BURST, 7);
    give(&request, SUBSCRIBE_BATCHING, 0);
    struct quality quality = choose(&request, "", &no_policy);
    cr_assert_eq(quality.events_per_second, 5);
    cr_assert_eq(quality.sources[QUALITY_EVENTS_PER_SECOND], QUALITY_FROM_REQUEST);
    cr_assert_eq(quality.burst_events, 7);
    cr_assert_eq(quality.batching, 0);
    cr_assert_eq(quality.event_bytes_max, 16384);
    cr_assert_eq(quality.sources[QUALITY_EVENT_BYTES_MAX], QUALITY_FROM_PROFILE);
}

Test(quality, values_without_a_profile_limit_nothing_else)
{
    struct subscribe_request request = {.client = SUBSCRIBE_CLIENT_NONE};
    give(&request, SUBSCRIBE_BYTES_PER_SECOND, 1000);
    struct quality quality = choose(&request, "curl/8", &no_policy);
    cr_assert_eq(quality.bytes_per_second, 1000);
    cr_assert_eq(quality.events_per_second, 0);
    cr_assert_eq(quality.batching, 0);
    cr_assert_not(quality_is_plain(&quality));
}

Test(quality, half_a_batch_is_completed)
{
    struct subscribe_request request = {.client = SUBSCRIBE_CLIENT_NONE};
    give(&request, SUBSCRIBE_BATCH_SIZE, 3);
    struct quality quality = choose(&request, "", &no_policy);
    cr_assert_eq(quality.batching, 1);
    cr_assert_eq(quality.batch_size, 3);
    cr_assert_eq(quality.batch_timeout_ms, 100);

    give(&request, SUBSCRIBE_BATCHING, 0);
    quality = choose(&request, "", &no_policy);
    cr_assert_eq(quality.batching, 0);
}

Test(quality, the_server_bounds_every_connection)
{
    const struct quality_policy policy = {.events_per_second_max = 50};
    struct subscribe_request request = {.client = SUBSCRIBE_CLIENT_NONE};
    struct quality quality = choose(&request, "", &policy);
    cr_assert_eq(quality.events_per_second, 50);
    cr_assert_eq(quality.sources[QUALITY_EVENTS_PER_SECOND], QUALITY_FROM_SERVER);
    give(&request, SUBSCRIBE_EVENTS_PER_SECOND, 51);
    cr_assert_eq(choose(&request, "", &policy).events_per_second, 50);
    give(&request, SUBSCRIBE_EVENTS_PER_SECOND, 49);
    give(&request, SUBSCRIBE_BURST, 1000);
    quality = choose(&request, "", &policy);
    cr_assert_eq(quality.burst_events, 50, "nor all at once in a burst");
    cr_assert_eq(quality.events_per_second, 49);
    cr_assert_eq(quality.sources[QUALITY_EVENTS_PER_SECOND], QUALITY_FROM_REQUEST);
}

Test(quality, by_user_agent_where_the_request_names_none)
{
    static const struct {
        const char *agent;
        enum subscribe_client client;
    } table[] = {
        {"", SUBSCRIBE_CLIENT_DEFAULT},
        {"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
         SUBSCRIBE_CLIENT_WEB},
        {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
         "Version/17.5 Mobile/15E148 Safari/604.1",
         SUBSCRIBE_CLIENT_MOBILE},
        {"Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36",
         SUBSCRIBE_CLIENT_MOBILE},
        {"Mozilla/5.0 (Macintosh) AppleWebKit/537.36 app/1.0 Chrome/124.0 Electron/30.0 "
         "Safari/537.36",
         SUBSCRIBE_CLIENT_DESKTOP},
        {"okhttp/4.12.0", SUBSCRIBE_CLIENT_MOBILE},
        {"curl/8.5.0", SUBSCRIBE_CLIENT_API},
        {"\xff", SUBSCRIBE_CLIENT_API},
    };
    const struct quality_policy policy = {.uses_agents = true};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct subscribe_request request = {.client = SUBSCRIBE_CLIENT_NONE};
        struct quality quality = choose(&request, table[i].agent, &policy);
        cr_expect_eq(quality.profile, table[i].client, "%s", table[i].agent);
        cr_expect(quality.is_profile_by_agent);
        request.client = SUBSCRIBE_CLIENT_API;
        quality = choose(&request, table[i].agent, &policy);
        cr_expect_eq(quality.profile, SUBSCRIBE_CLIENT_API, "what the request says wins");
        cr_expect_not(quality.is_profile_by_agent);
    }
}

Test(quality, everything_has_a_name)
{
    for (int i = 0; i < QUALITY_FIELDS; i++) {
        cr_assert(strlen(quality_field_name((enum quality_field)i)) > 0);
    }
    for (int i = QUALITY_FROM_NOBODY; i <= QUALITY_FROM_RULE; i++) {
        cr_assert(strlen(quality_source_name((enum quality_source)i)) > 0);
    }
    cr_assert_str_eq(quality_field_name(QUALITY_BATCH_TIMEOUT_MS), "batch_timeout_ms");
}
