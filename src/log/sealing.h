// A rolled segment, once all of it is synced, gets its index as its last block; then its runs leave
// memory. In slices, one segment at a time. Part of struct log (core.h); the log thread.
#ifndef RINGCAST_LOG_SEALING_H
#define RINGCAST_LOG_SEALING_H

#include "log/chain.h"
#include "log/log.h"
#include "log/seal.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SEALING_SLICE = 4096, // streams looked at, or runs added, a round
    SEALING_WRITE_BYTES = 1 << 20,
    SEALING_RETRY_MS = 1000,
    SEALING_TRIM_SHARE = 2, // a file of which less than this share is used is trimmed
};

enum sealing_state {
    SEALING_IDLE,
    SEALING_GATHER, // the streams that have runs in it
    SEALING_ADD,    // their runs go into the index
    // What was discarded is not in it. It is not written before that is synced: after a power cut
    // that lost the discard, the events would be missing without a word.
    SEALING_UNSYNCED,
    SEALING_WRITE,
    SEALING_SYNC,
    SEALING_DROP, // done; their runs leave memory
};

struct sealing_stream {
    uint64_t number;
    uint32_t slot;
    uint32_t spare;
};

struct sealing {
    enum sealing_state state;
    struct segment *segment;
    struct sealing_stream *streams;
    uint32_t stream_count;
    uint32_t stream_room;
    uint32_t next; // slot, or place in streams
    struct seal_writer writer;
    struct buffer out;
    uint64_t written;
    uint64_t retry_at_ms;
    int failure;
};

void sealing_free(struct log *log);
// Once a round. Returns whether there is more to do at once.
bool sealing_round(struct log *log);
void sealing_write_done(struct log *log, int64_t result);
void sealing_sync_done(struct log *log, int64_t result);
uint64_t sealing_next_ms(const struct log *log);

#endif
