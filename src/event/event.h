// An event as a producer gave it, before the log numbers it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

enum event_priority {
    PRIORITY_CRITICAL = 0,
    PRIORITY_HIGH = 1,
    PRIORITY_NORMAL = 2,
    PRIORITY_LOW = 3,
    PRIORITY_BACKGROUND = 4,
};

// When a publisher wants its answer (mission B6).
enum ack_level {
    ACK_RECEIVED = 0, // at once, without id
    ACK_WRITTEN = 1,  // the block's write completed: survives a crash of the process
    ACK_SYNCED = 2,   // fdatasync covered it: survives power loss
};

// Attributes are a list of {u8 kind, u8 zero, u16 length, bytes} (little-endian), the same in the
// binary protocol, in the log's index records and in memory. Kinds are fixed for ever; unknown
// kinds are kept and passed over.
enum attribute_kind {
    ATTRIBUTE_TYPE = 1, // SSE event name, UTF-8 without control characters
    ATTRIBUTE_TAG = 2,  // may repeat, TAGS_MAX at most
    ATTRIBUTE_SOURCE = 3,
    ATTRIBUTE_CORRELATION = 4,
    ATTRIBUTE_CONTENT_TYPE = 5,
    ATTRIBUTE_CUSTOM = 6, // key NUL value; may repeat
    ATTRIBUTE_RETRY = 7,  // u32 milliseconds, goes out as the frame's `retry:`
    ATTRIBUTE_TOPIC = 8,  // an alternate topic (mission D1); kept, not yet routed
    // The log's own, never from outside: u64 producer id, u32 epoch, u64 sequence.
    ATTRIBUTE_PRODUCER = 128,
};

// A whole list. Holds the most that the limits on known kinds allow, and some unknown ones.
enum { ATTRIBUTES_BYTES_MAX = 32 << 10 };

// Everything a slice points at belongs to the caller and is only read during the call it is passed
// to.
struct event {
    struct slice stream; // 1..NAME_BYTES_MAX bytes of UTF-8 without control characters
    struct slice type;   // empty: the frame has no `event:` line (a "message" to EventSource)
    struct slice data;
    // Encoded list as above, without ATTRIBUTE_TYPE and ATTRIBUTE_RETRY; may be empty.
    struct slice attributes;
    uint32_t retry_ms; // 0: none
    uint32_t ttl_ms;   // 0: none; the event is not replayed after that long
    enum event_priority priority;
    bool ephemeral; // delivered to who is there, never stored, without id
    bool binary;    // data need not be UTF-8; its frame carries it in base64
    // Idempotency (mission G4): producer_id 0 means none. A repeat of a (stream, producer, epoch,
    // sequence) is acknowledged and not appended; a lower epoch is ERR_STALE_EPOCH; gaps in the
    // sequence are allowed.
    uint64_t producer_id;
    uint32_t producer_epoch;
    uint64_t producer_sequence;
};

// Checks names, type, UTF-8, sizes and attributes (I5). On a fault fills message (for a human: what
// is wrong, with the limit) and returns its code; else ERR_NONE.
enum rc_error event_validate(const struct event *event, char *message, size_t message_size);

// Name rule shared with HTTP: 1..255 bytes, UTF-8, no control characters.
bool event_name_is_valid(struct slice name);

// `critical` .. `background`, or "0".."4". Returns false when text is none of them.
bool event_priority_parse(struct slice text, enum event_priority *priority);
const char *event_priority_name(enum event_priority priority);
bool event_ack_level_parse(struct slice text, enum ack_level *level);

// Walks an attribute list. Returns false at its end or at the first malformed entry (then
// *malformed is true).
struct attribute {
    uint8_t kind;
    struct slice value;
};
bool event_attribute_next(struct slice *rest, struct attribute *attribute, bool *malformed);
// Appends one attribute; kind is not 0, value.length <= 65535 (asserted).
bool event_attribute_append(struct buffer *list, uint8_t kind, struct slice value);
