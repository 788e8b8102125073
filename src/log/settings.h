// A stream's own settings: how long its history is kept, and what happens when its subscribers lag
// (its flow). They stand in the log as control records (RECORD_SETTINGS), whose bytes are
//
//     offset  size
//          0    32  retention: age, bytes, number of events, idle time
//         32    32  struct stream_flow
//         64     8  parts: which of the two the record sets (SETTINGS_*)
//
// A record of 32 bytes sets the retention alone. Pure; any thread.
#ifndef RINGCAST_LOG_SETTINGS_H
#define RINGCAST_LOG_SETTINGS_H

#include "base/bytes.h"
#include "event/overflow_policy.h"

#include <stdbool.h>
#include <stdint.h>

// The published words: "pause" is block, "drop" drop_newest, "buffer" leaves it unset.
bool overflow_strategy_parse(struct slice word, enum overflow_policy *policy);

// How far a stream's life has come. An ended one takes no more events; its name may be made anew
// once it is deleted.
enum stream_life {
    STREAM_OPEN,
    STREAM_CLOSED, // complete
    STREAM_CANCELLED,
    STREAM_DELETED, // its history is gone, too
};

// 0: as the broker is set.
struct stream_flow {
    uint64_t lag_events; // that a subscriber may be behind
    uint64_t lag_bytes;
    // From where on producers of a stream that blocks feel it, in thousandths: up to 1000 a share
    // of the limit, above it a number of events.
    uint64_t threshold;
    uint32_t producer_wait_ms; // how long one is held; producers may set STREAM_WAIT_MS_MAX
    uint8_t overflow;          // enum overflow_policy
    uint8_t zero[3];
};

enum {
    SETTINGS_RETENTION = 1,
    SETTINGS_FLOW = 2,

    STREAM_WAIT_MS_MAX = 3600 * 1000, // as the broker's own

    SETTINGS_RETENTION_BYTES = 32,
    SETTINGS_BYTES = 72,
};

// 0: the log's default, or none.
struct stream_settings {
    uint64_t retention_age_ms;
    uint64_t retention_bytes;
    uint64_t retention_count;
    uint64_t idle_ttl_ms; // history is discarded when nothing was written for this long, counted
                          // from the last write
    struct stream_flow flow;
    uint64_t parts; // of a change: what it sets; of a stream's own: what was ever set
};
_Static_assert(sizeof(struct stream_flow) == 32, "on-disk format");
_Static_assert(sizeof(struct stream_settings) == SETTINGS_BYTES, "on-disk format");

// The record of a change, which must outlive it; change->parts is not 0.
struct slice settings_record(const struct stream_settings *change);
// Applies a record's bytes. False, and nothing is changed, for what no version of ringcast up to
// this one writes.
bool settings_apply(struct stream_settings *settings, struct slice record);
// Takes from `former` the parts that were never set.
void settings_complete(struct stream_settings *settings, const struct stream_settings *former);
// Whether nothing is set.
bool settings_are_default(const struct stream_settings *settings);

// Whether its numbers are in their bounds: for what comes from outside.
bool stream_flow_is_valid(const struct stream_flow *flow);
// What counts for a stream, where the broker's own values are `broker`.
struct stream_flow stream_flow_or(const struct stream_flow *own, const struct stream_flow *broker);

#endif
