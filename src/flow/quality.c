#include "flow/quality.h"

#include <string.h>

#include "base/assert.h"

#define KIB 1024

// Mission E1. Rates are in events alone: what an event may weigh is bounded beside it.
static const struct quality profiles[] = {
    [SUBSCRIBE_CLIENT_NONE] = {.events_per_second = 0},
    [SUBSCRIBE_CLIENT_DEFAULT] = {.events_per_second = 100,
                                  .event_bytes_max = 64 * KIB,
                                  .batching = 1,
                                  .batch_size = 10,
                                  .batch_timeout_ms = 100,
                                  .compression = 1},
    [SUBSCRIBE_CLIENT_MOBILE] = {.events_per_second = 20,
                                 .event_bytes_max = 16 * KIB,
                                 .batching = 1,
                                 .batch_size = 20,
                                 .batch_timeout_ms = 200,
                                 .compression = 1},
    [SUBSCRIBE_CLIENT_WEB] = {.events_per_second = 50,
                              .event_bytes_max = 32 * KIB,
                              .batching = 1,
                              .batch_size = 10,
                              .batch_timeout_ms = 100,
                              .compression = 1},
    [SUBSCRIBE_CLIENT_DESKTOP] = {.events_per_second = 100,
                                  .event_bytes_max = 64 * KIB,
                                  .batching = 1,
                                  .batch_size = 5,
                                  .batch_timeout_ms = 50},
    [SUBSCRIBE_CLIENT_API] = {.events_per_second = 200,
                              .event_bytes_max = 128 * KIB,
                              .compression = 1},
};

static const enum quality_field fields_of_settings[] = {
    [SUBSCRIBE_EVENTS_PER_SECOND] = QUALITY_EVENTS_PER_SECOND,
    [SUBSCRIBE_BYTES_PER_SECOND] = QUALITY_BYTES_PER_SECOND,
    [SUBSCRIBE_BURST] = QUALITY_BURST_EVENTS,
    [SUBSCRIBE_MAX_EVENT_SIZE] = QUALITY_EVENT_BYTES_MAX,
    [SUBSCRIBE_BATCHING] = QUALITY_BATCHING,
    [SUBSCRIBE_BATCH_SIZE] = QUALITY_BATCH_SIZE,
    [SUBSCRIBE_BATCH_TIMEOUT] = QUALITY_BATCH_TIMEOUT_MS,
    [SUBSCRIBE_COMPRESSION] = QUALITY_COMPRESSION,
};
_Static_assert(sizeof(fields_of_settings) / sizeof(fields_of_settings[0]) == SUBSCRIBE_SETTINGS,
               "each setting of a request has its field");

void quality_set(struct quality *quality, enum quality_field field, uint32_t value,
                 enum quality_source source)
{
    ASSERT(field < QUALITY_FIELDS);
    quality->values[field] = value;
    quality->sources[field] = (uint8_t)source;
}

static void take_profile(struct quality *quality, enum subscribe_client client)
{
    *quality = *quality_profile(client);
    quality->profile = (uint8_t)client;
    for (int i = 0; i < QUALITY_FIELDS && client != SUBSCRIBE_CLIENT_NONE; i++) {
        quality->sources[i] = QUALITY_FROM_PROFILE;
    }
}

static bool is_given(const struct subscribe_request *request, enum subscribe_setting setting)
{
    return (request->settings_given >> setting & 1) != 0;
}

static void take_request(struct quality *quality, const struct subscribe_request *request)
{
    for (int i = 0; i < SUBSCRIBE_SETTINGS; i++) {
        if (is_given(request, (enum subscribe_setting)i)) {
            quality_set(quality, fields_of_settings[i], request->settings[i], QUALITY_FROM_REQUEST);
        }
    }
    bool sizes_batches =
        is_given(request, SUBSCRIBE_BATCH_SIZE) || is_given(request, SUBSCRIBE_BATCH_TIMEOUT);
    if (sizes_batches && !is_given(request, SUBSCRIBE_BATCHING)) {
        quality_set(quality, QUALITY_BATCHING, 1, QUALITY_FROM_REQUEST);
    }
}

// Half of a batch's bounds said: the other as in the default.
static void complete_batch(struct quality *quality)
{
    const struct quality *usual = &profiles[SUBSCRIBE_CLIENT_DEFAULT];
    if (quality->batching != 0 && quality->batch_size == 0) {
        quality_set(quality, QUALITY_BATCH_SIZE, usual->batch_size, QUALITY_FROM_PROFILE);
    }
    if (quality->batching != 0 && quality->batch_timeout_ms == 0) {
        quality_set(quality, QUALITY_BATCH_TIMEOUT_MS, usual->batch_timeout_ms,
                    QUALITY_FROM_PROFILE);
    }
}

// A rate, and its burst to what that brings in a second: else one burst would be all at once.
static void cap(struct quality *quality, enum quality_field rate, enum quality_field burst,
                uint32_t maximum)
{
    if (maximum > 0 && (quality->values[rate] == 0 || quality->values[rate] > maximum)) {
        quality_set(quality, rate, maximum, QUALITY_FROM_SERVER);
    }
    if (maximum > 0 && quality->values[burst] > maximum) {
        quality_set(quality, burst, maximum, QUALITY_FROM_SERVER);
    }
}

void quality_choose(struct quality *quality, const struct subscribe_request *request,
                    struct slice user_agent, const struct quality_policy *policy)
{
    enum subscribe_client client = request->client;
    bool is_by_agent = client == SUBSCRIBE_CLIENT_NONE && policy->uses_agents;
    take_profile(quality, is_by_agent ? quality_client_of_agent(user_agent) : client);
    quality->is_profile_by_agent = is_by_agent;
    take_request(quality, request);
    quality_settle(quality, policy);
}

void quality_settle(struct quality *quality, const struct quality_policy *policy)
{
    complete_batch(quality);
    cap(quality, QUALITY_EVENTS_PER_SECOND, QUALITY_BURST_EVENTS, policy->events_per_second_max);
    cap(quality, QUALITY_BYTES_PER_SECOND, QUALITY_BURST_BYTES, policy->bytes_per_second_max);
}

enum quality_field quality_field_of(enum subscribe_setting setting)
{
    ASSERT(setting < SUBSCRIBE_SETTINGS);
    return fields_of_settings[setting];
}

const struct quality *quality_profile(enum subscribe_client client)
{
    ASSERT((size_t)client < sizeof(profiles) / sizeof(profiles[0]));
    return &profiles[client];
}

bool quality_is_plain(const struct quality *quality)
{
    for (int i = 0; i < QUALITY_FIELDS; i++) {
        if (quality->values[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool has_any(struct slice text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (text.length > 0 && memmem(text.at, text.length, words[i], strlen(words[i])) != NULL) {
            return true;
        }
    }
    return false;
}

enum subscribe_client quality_client_of_agent(struct slice user_agent)
{
    // Electron's and phones' browsers say Mozilla, too.
    static const char *const desktops[] = {"Electron/", "Tauri"};
    static const char *const mobiles[] = {"Mobi",    "Android", "iPhone",    "iPad",
                                          "okhttp/", "Dalvik/", "CFNetwork/"};
    static const char *const browsers[] = {"Mozilla/", "Opera/"};
    if (user_agent.length == 0) {
        return SUBSCRIBE_CLIENT_DEFAULT;
    }
    if (has_any(user_agent, desktops, sizeof(desktops) / sizeof(desktops[0]))) {
        return SUBSCRIBE_CLIENT_DESKTOP;
    }
    if (has_any(user_agent, mobiles, sizeof(mobiles) / sizeof(mobiles[0]))) {
        return SUBSCRIBE_CLIENT_MOBILE;
    }
    return has_any(user_agent, browsers, sizeof(browsers) / sizeof(browsers[0]))
               ? SUBSCRIBE_CLIENT_WEB
               : SUBSCRIBE_CLIENT_API;
}

const char *quality_field_name(enum quality_field field)
{
    static const char *const names[] = {
        [QUALITY_EVENTS_PER_SECOND] = "events_per_second",
        [QUALITY_BYTES_PER_SECOND] = "bytes_per_second",
        [QUALITY_BURST_EVENTS] = "burst_events",
        [QUALITY_BURST_BYTES] = "burst_bytes",
        [QUALITY_EVENT_BYTES_MAX] = "event_bytes_max",
        [QUALITY_BATCHING] = "batching",
        [QUALITY_BATCH_SIZE] = "batch_size",
        [QUALITY_BATCH_TIMEOUT_MS] = "batch_timeout_ms",
        [QUALITY_COMPRESSION] = "compression",
    };
    ASSERT(field < QUALITY_FIELDS);
    return names[field];
}

const char *quality_source_name(enum quality_source source)
{
    static const char *const names[] = {
        [QUALITY_FROM_NOBODY] = "nobody",   [QUALITY_FROM_PROFILE] = "profile",
        [QUALITY_FROM_REQUEST] = "request", [QUALITY_FROM_SERVER] = "server",
        [QUALITY_FROM_RULE] = "rule",
    };
    ASSERT((size_t)source < sizeof(names) / sizeof(names[0]));
    return names[source];
}
