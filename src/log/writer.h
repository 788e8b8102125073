// Blocks on their way to the disk: opened, closed, written, handed out in log order; and group
// commit. Part of struct log (core.h); the log thread.
#ifndef RINGCAST_LOG_WRITER_H
#define RINGCAST_LOG_WRITER_H

#include "log/builder.h"
#include "log/chain.h"
#include "log/log.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    // Writes under way at once. Few: while they are out, the open block grows, and a larger block
    // costs
    // less per event.
    WRITER_INFLIGHT_MAX = 8,
    // Unsynced data makes a sync due at this many bytes or this age, also when nobody waits for it.
    WRITER_UNSYNCED_BYTES = 8 << 20,
    WRITER_UNSYNCED_MS = 1000,
    // A block so small is written by the log thread itself where nothing else is under way: a
    // thread of the kernel's would only cost the way there and back. It is into the page cache, but
    // may take long now and then; so the next one waits QUICK_SHARE times as long as it took.
    WRITER_QUICK_BYTES = 16 << 10,
    WRITER_QUICK_SHARE = 16,
    ACKS_A_ROUND = 8192,
};

struct inflight {
    struct segment *segment;
    uint64_t position;
    uint32_t length;
    uint32_t written; // of length, so far
    uint32_t stream_count;
    uint64_t taken_ns; // by clock_monotonic_ns: when its first event was taken
    bool done;
    uint32_t slots[BLOCK_RECORDS_MAX]; // of the streams, in the block's order
};

// A point between two blocks of the log.
struct log_point {
    uint64_t position;      // where the block before it ends
    uint64_t id;            // the last one before it
    uint64_t last_position; // where the block before it begins; 0: none
    uint64_t bytes;         // of blocks, since this process began
};

struct writer {
    struct builder builder;
    struct inflight *ring;
    uint32_t head;
    uint32_t count;          // blocks closed and not handed out
    uint32_t outstanding;    // writes that have not come back
    struct segment *active;  // NULL: none is ready
    uint64_t next_position;  // in active: where the next block begins
    struct log_point closed; // behind the last closed block
    struct log_point handed; // behind the last one written and handed out
    struct log_point synced;
    struct log_point sync_target;
    bool sync_inflight;
    uint64_t unsynced_since_ms; // when handed moved away from synced
    uint64_t unsynced_from_ns;  // by clock_monotonic_ns: what no sync covers was handed out since
    uint64_t sync_from_ns;      // and what the one under way covers
    uint64_t sync_began_ns;
    uint64_t sync_wish_id;  // somebody (keeper, drain) wants this id synced
    uint64_t quick_from_ns; // by clock_monotonic_ns: the next quick write not before
    uint64_t room_end;      // memory may be written below it
    bool wants_room;        // an append was told LOG_APPEND_FULL
};

int writer_init(struct log *log); // 0 or -ENOMEM
void writer_free(struct log *log);

// Makes room for one more record in the open block, opening, closing and rolling as needed.
// LOG_APPEND_TAKEN: builder_add_* may be called.
enum log_append_result writer_reserve(struct log *log, const struct builder_size *size,
                                      enum rc_error *error);
// Closes the open block, if any, and writes it or submits its write.
void writer_close_block(struct log *log);
// Closes it without submitting (for the fault path). Returns false where none is open.
bool writer_close_unsubmitted(struct log *log);
void writer_block_done(struct log *log, uint32_t index, int64_t result);
// Makes a sync due that reaches this id.
static inline void writer_wish_sync(struct writer *writer, uint64_t id)
{
    writer->sync_wish_id = id > writer->sync_wish_id ? id : writer->sync_wish_id;
}
// Submits a sync if one is due.
void writer_sync_due(struct log *log);
void writer_sync_done(struct log *log, int64_t result);
// The blocks written so far are handed out, acknowledgements released. Returns whether more are
// due.
bool writer_advance(struct log *log);
// Milliseconds until a sync is due without further input.
uint64_t writer_next_ms(const struct log *log);
// Whether an append that was told LOG_APPEND_FULL would now have room.
bool writer_has_room(struct log *log);
// Below it nothing is needed any more for a rewrite: all is synced.
uint64_t writer_needed_from(const struct log *log);
// The last id that stands in a block, closed or open.
uint64_t writer_last_id(const struct log *log);
// Begins to append to a segment.
void writer_begin_segment(struct log *log, struct segment *segment);

#endif
