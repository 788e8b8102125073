// A stream's own settings: how long its history is kept, what happens when its subscribers lag (its
// flow), what its events are (content type), and who made it (owner). They stand in the log as
// control records (RECORD_SETTINGS), whose bytes are
//
//     offset  size
//          0    32  retention: age, bytes, number of events, idle time
//         32    32  struct stream_flow
//         64     8  parts: which the record sets (SETTINGS_*)
//         72     8  owner
//         80     n  content type, to the record's end
//
// A record of 32 bytes sets the retention alone, one of 72 bytes knows no owner and content type.
// A stream's end is a record of its own (RECORD_END): the life in one byte, then zeros. Pure; any
// thread.
#ifndef RINGCAST_LOG_SETTINGS_H
#define RINGCAST_LOG_SETTINGS_H

#include "base/bytes.h"
#include "base/limits.h"
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
    STREAM_LIVES,
};

// "open", "closed", "cancelled", "deleted".
const char *stream_life_name(enum stream_life life);
// What a client asks for: "close", "cancel" or "delete".
bool stream_life_parse(struct slice word, enum stream_life *life);

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
    SETTINGS_CONTENT_TYPE = 4,
    SETTINGS_OWNER = 8,
    SETTINGS_PARTS = 15,

    STREAM_WAIT_MS_MAX = 3600 * 1000, // as the broker's own

    SETTINGS_RETENTION_BYTES = 32,
    SETTINGS_FLOW_BYTES = 72,
    SETTINGS_BYTES = 80,
    SETTINGS_RECORD_BYTES_MAX = SETTINGS_BYTES + ATTRIBUTE_BYTES_MAX,
    LIFE_RECORD_BYTES = 8,
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
    // Who made the stream: a hash, 0: nobody in particular. It counts where the change makes the
    // stream, and is passed over where that is there.
    uint64_t owner;
};
_Static_assert(sizeof(struct stream_flow) == 32, "on-disk format");
_Static_assert(sizeof(struct stream_settings) == SETTINGS_BYTES, "on-disk format");

// Whether it may be a stream's content type: 1 to ATTRIBUTE_BYTES_MAX bytes of printable ASCII.
bool content_type_is_valid(struct slice content_type);

// Writes the record of a change; its length. content_type: set where it is not empty.
size_t settings_encode(const struct stream_settings *change, struct slice content_type,
                       uint8_t into[SETTINGS_RECORD_BYTES_MAX]);
// Reads a record into *change, and *content_type, which points into it and is empty where it is not
// set. False for what no version of ringcast up to this one writes.
bool settings_decode(struct slice record, struct stream_settings *change,
                     struct slice *content_type);
// Applies a change, but for the content type.
void settings_apply(struct stream_settings *settings, const struct stream_settings *change);
// Takes from `former` the parts that were never set.
void settings_complete(struct stream_settings *settings, const struct stream_settings *former);
// Whether nothing is set.
bool settings_are_default(const struct stream_settings *settings);

// The record of an end. life is not STREAM_OPEN.
void life_encode(enum stream_life life, uint8_t into[LIFE_RECORD_BYTES]);
// False for what no version of ringcast up to this one writes.
bool life_decode(struct slice record, enum stream_life *life);

// Whether its numbers are in their bounds: for what comes from outside.
bool stream_flow_is_valid(const struct stream_flow *flow);
// What counts for a stream, where the broker's own values are `broker`.
struct stream_flow stream_flow_or(const struct stream_flow *own, const struct stream_flow *broker);

#endif
