// Quality of delivery (mission E1): how fast, how large and how bundled a connection gets its
// events. It is chosen when the connection begins, from a profile (by the request's client=, or by
// its user agent where the broker is set to look at it) and from what the request says itself. Pure
// logic. Any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "http/subscribe.h"

enum quality_field {
    QUALITY_EVENTS_PER_SECOND,
    QUALITY_BYTES_PER_SECOND,
    QUALITY_BURST_EVENTS,
    QUALITY_BURST_BYTES,
    QUALITY_EVENT_BYTES_MAX,
    QUALITY_BATCHING,
    QUALITY_BATCH_SIZE,
    QUALITY_BATCH_TIMEOUT_MS,
    QUALITY_COMPRESSION,
    QUALITY_FIELDS,
};

// Who said what a field is.
enum quality_source {
    QUALITY_FROM_NOBODY,
    QUALITY_FROM_PROFILE,
    QUALITY_FROM_REQUEST,
    QUALITY_FROM_SERVER, // the broker's own bound
    QUALITY_FROM_RULE,   // of link quality
};

struct quality {
    union {
        struct {
            uint32_t events_per_second; // 0: no limit
            uint32_t bytes_per_second;  // 0: no limit
            uint32_t burst_events;      // sent at once after a pause; 0: what a second allows
            uint32_t burst_bytes;
            uint32_t event_bytes_max; // of an event's data; 0: no limit
            uint32_t batching;        // 0 or 1: hold events until batch_size or batch_timeout_ms
            uint32_t batch_size;
            uint32_t batch_timeout_ms;
            uint32_t compression; // 0 or 1: what it would like; remembered and shown
        };
        uint32_t values[QUALITY_FIELDS];
    };
    uint8_t sources[QUALITY_FIELDS]; // enum quality_source
    uint8_t profile;                 // enum subscribe_client
    bool is_profile_by_agent;
};

// What the broker's settings say.
struct quality_policy {
    bool uses_agents;               // choose a profile by user agent where the request names none
    uint32_t events_per_second_max; // of every connection; 0: no bound
    uint32_t bytes_per_second_max;
};

// What this request is served with. user_agent may be empty.
void quality_choose(struct quality *quality, const struct subscribe_request *request,
                    struct slice user_agent, const struct quality_policy *policy);

// Nothing is limited, held or remembered: such a connection needs no state.
bool quality_is_plain(const struct quality *quality);

void quality_set(struct quality *quality, enum quality_field field, uint32_t value,
                 enum quality_source source);

// After changes: what a batch lacks is as in the default profile, and the broker's bounds hold.
void quality_settle(struct quality *quality, const struct quality_policy *policy);
enum quality_field quality_field_of(enum subscribe_setting setting);
// The values of a profile; sources and profile are not set. Static memory.
const struct quality *quality_profile(enum subscribe_client client);

// The kind of client that a User-Agent speaks of. Never SUBSCRIBE_CLIENT_NONE.
enum subscribe_client quality_client_of_agent(struct slice user_agent);

// Static memory: "events_per_second", ...; "profile", ...
const char *quality_field_name(enum quality_field field);
const char *quality_source_name(enum quality_source source);
