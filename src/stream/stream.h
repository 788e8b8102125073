// A worker's view of a stream that it serves: what it knows of it from the log, the window of its
// recent runs, and who reads it. Streams exist here only while somebody reads them or waits for
// them.
//
// Life: stream_table_open makes it (STREAM_NEW); the worker lends its `request` to the log
// (STREAM_ASKING); the answer makes it STREAM_LIVE; with its last reader gone the worker
// unsubscribes and calls stream_table_close. One thread.
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"
#include "log/message.h"
#include "stream/waiters.h"
#include "stream/window.h"

enum stream_state {
    STREAM_NEW,    // not yet asked for: the log's inbox was full, or the request was just made
    STREAM_ASKING, // the log has the request
    STREAM_LIVE,
};

enum { STREAM_SUBSCRIBER_NONE = UINT32_MAX };

// Of a stream that blocks: how far its slowest subscriber is (conn/slowest.h).
struct stream_slowest {
    struct list_node blocking_node; // in the shard's list of streams that block
    struct list_node due_node;      // of those to be looked at
    struct list_node untold_node;   // of those of which the log is to be told
    uint64_t told;                  // what the log was told, and what it is to be told
    uint64_t found;
    // As last looked at, or as far as the walk over the subscribers has come.
    bool is_scanning;
    bool is_noted;   // since the look began
    uint32_t next;   // place of the next subscriber
    uint64_t handle; // of the slowest connection, and where it stands
    uint64_t place;
    uint64_t end_id; // the stream's last_id then
};

struct stream {
    enum stream_state state;
    bool is_dirty;     // in the table's dirty list: has events that not all subscribers were sent
    bool is_left;      // stream_leave: neither name nor number lead here any more
    bool wants_create; // somebody waits for it even if nobody has published to it yet
    uint32_t name_length;
    char *name;
    uint32_t references; // requests that are about to read it
    uint64_t number;     // the log's; 0 before STREAM_LIVE
    uint64_t last_id;    // of the last event known here
    // Of the last event up to known_id: above last_id where the log's answers ran ahead of the
    // blocks, below it where events passed us by.
    uint64_t last_sequence;
    uint64_t known_id;
    uint64_t discarded_id;
    uint64_t discarded_sequence;
    uint64_t log_last_id;    // of the whole log, when it was asked
    struct stream_flow flow; // its own settings; 0 in it: as the broker is set
    enum stream_life life;   // one that has ended has no events behind last_id
    bool is_made;            // it is there, also without events
    uint16_t deletions;      // as the log counts them
    uint64_t pass_from;      // subscribers that had everything before the present pass stand here
    uint64_t pass_to;        // and stand here after it; 0 while the pass has not begun
    uint64_t pass_ns;        // when the log took the first event of the pass; 0: not known
    uint64_t news_ns;        // and of what comes after it
    uint32_t
        pass_next; // index of the next subscriber to serve in the pass; subscriber_count when over
    uint32_t subscriber_count; // entries in use, holes included
    uint32_t subscriber_capacity;
    uint32_t subscriber_holes;
    uint32_t *subscribers; // connection indexes in accept order; STREAM_SUBSCRIBER_NONE is a hole
    struct stream_slowest slowest;
    struct window window;
    struct list_node dirty_node;
    struct list_node idle_node; // in the shard's list of streams that perhaps nobody reads any more
    struct list histories;      // look-up answers of this stream, struct history
    struct waiters starters;    // request contexts that wait for STREAM_LIVE
    struct log_subscription request;
};

struct stream_table {
    struct pool pool;
    struct name_map by_name;
    struct u64_map by_number;
    struct list dirty;
};

int stream_table_init(struct stream_table *table, uint32_t streams_max);
void stream_table_free(struct stream_table *table);

struct stream *stream_table_find(const struct stream_table *table, struct slice name);
struct stream *stream_table_by_number(const struct stream_table *table, uint64_t number);
struct stream *stream_table_at(const struct stream_table *table, uint32_t index);
uint32_t stream_table_index(const struct stream_table *table, const struct stream *stream);

// A new stream in STREAM_NEW; NULL when the table is full or memory ran out. The name is copied.
struct stream *stream_table_open(struct stream_table *table, struct slice name);
// The log answered: fills it from request.state and makes it STREAM_LIVE. False when memory ran
// out.
bool stream_table_answered(struct stream_table *table, struct stream *stream);
// No subscriber, starter or history may be left, and the request is not with the log.
void stream_table_close(struct stream_table *table, struct stream *stream);

// Events up to `id` passed us by: the window begins anew behind it, and its subscribers are to look
// for what they missed.
void stream_restart(struct stream_table *table, struct stream *stream, uint64_t id);
// Takes the runs of a block of this stream, and marks the stream dirty.
void stream_push(struct stream_table *table, struct stream *stream, const struct log_run *run);
// Its life has changed: where it has ended, its subscribers are to look what is left for them.
void stream_set_life(struct stream_table *table, struct stream *stream, enum stream_life life);
// It was deleted: who reads it stays with what that leaves, nothing, until it was told. Whoever
// asks for the name from now on reads another one, for which the log is asked anew; the worker has
// unsubscribed from this one.
void stream_leave(struct stream_table *table, struct stream *stream);
// History up to and with this id is gone.
void stream_discard(struct stream *stream, uint64_t id);
void stream_mark_dirty(struct stream_table *table, struct stream *stream);

// Adds a subscriber at the end; *place is its place for stream_remove. False when memory ran out.
bool stream_add(struct stream *stream, uint32_t connection, uint32_t *place);
void stream_remove(struct stream *stream, uint32_t place);
// Closes the holes, when they are many and no pass is under way; calls moved for each subscriber
// whose place changed.
void stream_compact(struct stream *stream,
                    void (*moved)(void *context, struct stream *stream, uint32_t connection,
                                  uint32_t place),
                    void *context);
// Events passed us by: last_sequence may be higher by now.
static inline bool stream_is_behind(const struct stream *stream)
{
    return stream->known_id < stream->last_id;
}
static inline bool stream_has_ended(const struct stream *stream)
{
    return stream->life != STREAM_OPEN;
}
// The last id up to which it is known what the stream holds.
static inline uint64_t stream_known_end(const struct stream *stream)
{
    return stream->last_id > stream->log_last_id ? stream->last_id : stream->log_last_id;
}
// `sequence` is that of the last event up to `id`.
void stream_learn(struct stream *stream, uint64_t id, uint64_t sequence);
static inline uint32_t stream_readers(const struct stream *stream)
{
    return stream->subscriber_count - stream->subscriber_holes;
}
