// The one path for a failed write and a failed fdatasync. The kernel takes the pages of a failed
// sync for clean, so syncing again would lie; but all that is not synced is still in the tail. It
// is written again to a fresh segment, which takes the place of the old copies only when all of it
// is there and synced (SEGMENT_PENDING). Ids stay; nothing is handed out twice. Until then the log
// takes no events. Part of struct log (core.h); the log thread.
#ifndef RINGCAST_LOG_FAULT_H
#define RINGCAST_LOG_FAULT_H

#include "log/chain.h"
#include "log/log.h"

#include <stdbool.h>
#include <stdint.h>

enum { FAULT_RETRY_MS = 1000 };

enum fault_state {
    FAULT_NONE,
    FAULT_QUIESCE,    // operations under way come back
    FAULT_WAIT,       // until retry_at_ms, then the next attempt
    FAULT_PREPARE,    // a fresh file is made ready
    FAULT_ROOM,       // readers have to leave the memory that the copies will take
    FAULT_WRITE,      // the copies
    FAULT_SYNC,       //
    FAULT_CLEAR,      // the header, without SEGMENT_PENDING
    FAULT_CLEAR_SYNC, //
};

struct fault {
    enum fault_state state;
    uint64_t cut;  // where the synced log ends
    uint8_t *copy; // the unsynced blocks, end to end; NULL where there are none
    uint64_t copy_bytes;
    uint64_t written; // of copy_bytes, in the fresh segment
    uint64_t retry_at_ms;
    struct segment *fresh;
    uint8_t *header; // of fresh, SEGMENT_HEADER_BYTES, lent to the disk
    char text[128];
};

static inline bool fault_state_is_on(const struct fault *fault)
{
    return fault->state != FAULT_NONE;
}
bool fault_is_on(const struct log *log);
// An operation on the active segment failed with error (negative errno). May be called again
// meanwhile.
void fault_begin(struct log *log, const char *what, int error);
// Goes on where it can. Once a round.
void fault_round(struct log *log);
void fault_prepare_done(struct log *log, int64_t result);
void fault_write_done(struct log *log, int64_t result);
void fault_sync_done(struct log *log, int64_t result);
void fault_free(struct log *log);
uint64_t fault_next_ms(const struct log *log);

#endif
