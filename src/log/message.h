// What the log thread and its readers (workers) say to each other. A message is LOG_MESSAGE_BYTES;
// requests are structs owned by the reader, lent to the log by pointer until it answers, so that
// every request carries the room for its answer.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "log/run.h"
#include "log/settings.h"

enum { LOG_MESSAGE_BYTES = 56, LOG_LOOKUP_RUNS = 64 };

#define LOG_READ_NONE UINT64_MAX

enum log_message_kind {
    // reader -> log
    LOG_SUBSCRIBE = 1,   // pointer: struct log_subscription
    LOG_UNSUBSCRIBE = 2, // number: stream number. Blocks already under way may still come
    LOG_LOOKUP = 3,      // pointer: struct log_lookup
    // Sent once after it saw itself lapped: the log goes on with the first block that did not fit
    // into this
    // reader's inbox. Such blocks may hold events that the reader has had since, by a subscription
    // or
    // look-up: runs at or below the last id that it knows of a stream are to be passed over.
    LOG_RESUME = 4,
    // number: a stream that blocks, id: how far the slowest of this reader's subscribers of it is
    // (at
    // most the stream's end as the reader knows it); LOG_READ_NONE where there is none that counts.
    // Sent when it changed, the last state alone; and with number 0, which says only that the
    // reader lives, each second while it has such a stream.
    LOG_READ = 5,
    // log -> reader
    LOG_SUBSCRIBED = 16, // pointer: the struct log_subscription, filled
    LOG_LOOKED_UP = 17,  // pointer: the struct log_lookup, filled
    // LOG_BLOCK: id, number: first and last id of the block; position may be below the floor by the
    // time a slow reader comes to it: then it must not be looked into
    // (log_message_taken_ns: when its first event was taken)
    LOG_BLOCK = 18,  // position, length: a block with events of streams this reader subscribed to,
                     // in log order
    LOG_LAPPED = 19, // position, id: blocks up to here were not handed to this reader and will not
                     // be: every window restarts after id; what lies between is found by LOG_LOOKUP
    LOG_TRANSIENT = 20, // pointer: struct log_transient; an ephemeral event. Release it with
                        // log_transient_release
    // number, id: the stream's history up to and with id is gone (retention or a discard). Not sent
    // to a
    // reader whose inbox is full: its next look-up says the same.
    LOG_DISCARDED = 21,
    // number: the stream's settings or its life have changed; the rest is log_message_flow's,
    // log_message_life's, log_message_is_made's and log_message_deletions'. A life comes behind the
    // stream's last block, and before what is published to it anew. Readers are told of the last
    // state alone: one that is lapped or whose inbox is full within seconds, later ones of the
    // stream by its state. It may have been deleted and made anew in between: then its number of
    // deletions has changed, and blocks with events of what is new may have come before.
    LOG_CHANGED = 22,
    // from here on: other kinds, defined by worker, ingest and app; the log passes them over
    LOG_MESSAGE_OTHER = 64,
};

struct log_message {
    uint32_t kind;
    uint32_t length;
    uint32_t reader; // reader -> log: who asks
    uint32_t spare;
    uint64_t position;
    uint64_t number;
    uint64_t id;
    void *pointer;
    uint64_t spare2;
};
_Static_assert(sizeof(struct log_message) == LOG_MESSAGE_BYTES, "fits the inbox's slot");

// Of LOG_BLOCK, by clock_monotonic_ns; 0: long ago, the reader has caught up with it.
static inline uint64_t log_message_taken_ns(const struct log_message *message)
{
    return message->spare2;
}

enum { LOG_DELETIONS_BITS = 16 };

// LOG_CHANGED carries a stream's life, whether it was made, how often it was deleted, and those of
// its own flow settings that readers go by: policy and limits.
static inline void log_message_set_change(struct log_message *message,
                                          const struct stream_flow *flow, enum stream_life life,
                                          bool is_made, uint16_t deletions)
{
    message->spare = (uint32_t)life << LOG_DELETIONS_BITS | deletions;
    message->spare2 = is_made;
    message->length = flow->overflow;
    message->position = flow->lag_events;
    message->id = flow->lag_bytes;
}
static inline struct stream_flow log_message_flow(const struct log_message *message)
{
    return (struct stream_flow){.overflow = (uint8_t)message->length,
                                .lag_events = message->position,
                                .lag_bytes = message->id};
}
static inline enum stream_life log_message_life(const struct log_message *message)
{
    return (enum stream_life)(message->spare >> LOG_DELETIONS_BITS);
}
static inline uint16_t log_message_deletions(const struct log_message *message)
{
    return (uint16_t)message->spare;
}
static inline bool log_message_is_made(const struct log_message *message)
{
    return message->spare2 != 0;
}

// What a reader learns of a stream at the moment T of its subscription: every later event of it
// comes as LOG_BLOCK.
struct log_stream_state {
    uint64_t number;  // 0 when the stream is unknown and create was false
    uint64_t last_id; // of its last handed-out event; 0: none yet
    uint64_t last_sequence;
    uint64_t discarded_id; // history up to and with this id is gone; 0: nothing is gone
    uint64_t discarded_sequence;
    uint64_t log_last_id;      // last id handed out in the whole log
    uint64_t cumulative_bytes; // frame bytes handed out in this stream since somebody watches it or
                               // it has settings, for lag
    uint32_t idle_ttl_ms;
    enum stream_life life;   // STREAM_OPEN also where it is unknown
    bool is_made;            // it was made: it is there without events, too
    uint16_t deletions;      // how often it was deleted since the start, modulo 2^16
    struct stream_flow flow; // its own settings; 0 in it: as the broker is set
};

struct log_subscription {
    void *owner;       // the reader's own, untouched
    struct slice name; // reader's memory; stays valid until answered
    bool create; // an unknown stream gets a number, so that the subscriber can wait for its first
                 // event, while there are places (LOG_STREAMS_KEPT_SHARE)
    struct log_stream_state state;
};

enum log_lookup_from {
    LOG_FROM_ID,       // events with id > value
    LOG_FROM_LAST,     // the last `value` events
    LOG_FROM_TIME,     // events with time >= value (Unix ms)
    LOG_FROM_SEQUENCE, // events with sequence > value
};

struct log_lookup {
    void *owner;
    uint64_t number;
    enum log_lookup_from from;
    uint64_t value;
    // answer:
    uint64_t start_id; // the runs hold the stream's events with id > start_id. For LAST, TIME and
                       // SEQUENCE: the id just before the first event asked for (exact: found by
                       // looking into the block)
    uint64_t end_id;   // the runs are complete for start_id < id <= end_id (end_id: handed-out end,
                       // or the last run's last id where `more`)
    uint64_t discarded_id; // > 0 and > start_id as asked: events up to here are gone
    uint32_t error; // enum rc_error: ERR_LOG_ERROR when an index could not be read; no runs then
    bool more;      // there are further runs: ask again LOG_FROM_ID end_id
    uint32_t run_count;
    struct log_run runs[LOG_LOOKUP_RUNS];
};

// An ephemeral event: one frame without id, delivered once to those connected; shared by the
// readers that it was sent to.
struct log_transient {
    uint32_t references; // atomic
    uint32_t priority;
    uint64_t number; // stream; 0: to every connection of the reader (broadcast)
    uint64_t time_ms;
    struct slice name, type, data; // point into bytes
    struct slice frame;
    uint8_t bytes[];
};
void log_transient_release(struct log_transient *transient); // any thread
