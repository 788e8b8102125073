// Streams that block and whose slowest subscriber lags: their events are held here, as copies, one
// queue a stream, until the log says that the subscriber has caught up; nobody else waits for them.
// Producers learn of it by stream credits (binary protocol), by their answers (lines), and by
// asking. For the files of src/ingest alone.
//
// An event is held no longer than its stream's limit says; then it is refused with
// backpressure_exceeded. Events of a stream that has some held queue behind them, so that their
// order stays. What a producer has held is bounded by HOLD_CREDITS times its credit, and all of it
// by HOLD_BYTES_MAX; who is beyond either is not read from. A connection that has failed takes its
// held events with it: they were not acknowledged, whatever their level.
#ifndef RINGCAST_INGEST_HOLD_H
#define RINGCAST_INGEST_HOLD_H

#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"
#include "event/event.h"
#include "log/log.h"

#include <stdbool.h>
#include <stdint.h>

struct ingest;
struct producer;
struct request;

enum {
    HOLD_STREAMS_MAX = 1 << 20, // streams under pressure at once; a further one holds nobody
    HOLD_BYTES_MAX = 64 << 20,
    HOLD_EVENTS_MAX = 1 << 19, // more than are in those bytes
    HOLD_LOOKS_MAX = 4096,     // at events whose time may be over, in a round
    // A library that heeds credits may have sent one credit before it hears of the first limit, and
    // has its window (RC_WINDOW_BYTES_DEFAULT) in order. The contents of events count; what they
    // take beyond that counts for HOLD_BYTES_MAX alone.
    HOLD_CREDITS = 2,
    // The credit of each producer for a stream between its threshold and its limit.
    HOLD_SLOW_CREDIT_BYTES = 16 << 10,
};

// A stream under pressure, or of which events are held.
struct pressed {
    struct list_node ready_node;   // among hold.ready: its events may go on
    struct list_node retell_node;  // among hold.retell: its producers' credit may have changed
    struct list_node holding_node; // among hold.holding: some are held
    struct list held;              // struct held_event, oldest first
    struct list credits;           // struct stream_credit, of producers that know of it
    enum log_pressure_stage stage;
    uint32_t wait_ms; // how long an event is held
    uint8_t name_length;
    uint8_t name[255];
};

struct hold {
    struct pool pressed;
    struct pool events; // struct held_event
    struct name_map by_name;
    struct list ready;
    struct list retell;
    struct list holding;
    uint32_t holding_count;
    uint32_t to_look; // of those, in this sweep
    uint64_t bytes;   // of all that is held, and what it takes to hold it
    bool is_wanted;   // a producer waits until there is less
};

// Part of a producer.
struct producer_hold {
    struct list held;
    struct list credits;
    uint32_t credit_count;
    uint64_t bytes; // contents of events
    bool is_untold; // of some credit, since it does not read
};

enum control_kind { CONTROL_NONE, CONTROL_SET, CONTROL_DISCARD, CONTROL_END };

// Of an event: its request, its index in that, and how it is to be acknowledged.
struct held_place {
    uint64_t counter;
    uint32_t index;
    enum ack_level level;
    // DISCARD and END of its stream are no events, though in one queue with them.
    enum control_kind control;
    enum stream_life life;
};

int hold_init(struct ingest *ingest); // 0 or -ENOMEM
void hold_free(struct ingest *ingest);
void hold_begin_producer(struct producer *producer);
// Nothing more is said to it: what it has held goes.
void hold_end_producer(struct producer *producer);

// The log's callback.
void hold_pressure(struct ingest *ingest, const struct log_pressure *pressure);

// The stream's, where it is under pressure; else NULL, which costs nothing. The producer that
// publishes to it is told of its credit from now on.
struct pressed *hold_find(struct producer *producer, struct slice stream);
// The same, for one that is told in another way.
const struct pressed *hold_look(const struct ingest *ingest, struct slice stream);
// How far its slowest subscriber is behind now, in 1/1000 of the limit.
uint32_t hold_full_permille(const struct ingest *ingest, const struct pressed *pressed);
// Whether something of it is held.
bool hold_is_behind(const struct pressed *pressed);
// Whether an event of it has to be held now.
bool hold_is_due(const struct pressed *pressed);
// Holds the event, for which request->pending counts already. It has waited since since_ms. False:
// there is no room.
bool hold_event(struct producer *producer, struct pressed *pressed, uint64_t since_ms,
                const struct held_place *place, const struct event *event);

// Gives the log what may go on: at most budget_bytes, also of what it refuses. True: there is more,
// and the log has room.
bool hold_release(struct ingest *ingest, size_t budget_bytes);
// Writes changed credits to the producers, and forgets streams that are over.
void hold_tell(struct ingest *ingest);
// The producer has read what it was told: then it may be told more.
void hold_tell_producer(struct producer *producer);
// What has been held for too long is to be refused; at the end, all. True: there is something to
// watch.
bool hold_sweep(struct ingest *ingest);
// Does a bounded part of that. True: there is more.
bool hold_refuse_due(struct ingest *ingest, uint64_t now_ms);

// What a producer may have unanswered for the stream; RC_CREDIT_UNLIMITED.
uint64_t hold_credit(const struct ingest *ingest, struct slice stream);

#endif
