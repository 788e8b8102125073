// The next segment is made ready ahead of time, so that rolling costs nothing; retired files are
// taken over for it. Part of struct log (core.h); the log thread.
#ifndef RINGCAST_LOG_ROLL_H
#define RINGCAST_LOG_ROLL_H

#include "log/chain.h"
#include "log/log.h"
#include "log/segment.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    ROLL_RECYCLE_MAX = 2, // retired files kept for reuse; more are removed
    ROLL_RETRY_MS = 1000,
    ROLL_AGE_SHARE = 8, // a segment spans at most this share of the log's retention by age
    ROLL_AGE_MS_MIN = 60 * 1000,
};

struct roll {
    struct segment *spare; // ready, not in the chain yet; NULL: none
    bool preparing;
    uint64_t number; // of the one being prepared
    uint64_t salt;
    uint64_t next_number;  // above every number ever used
    uint64_t previous_end; // for the first segment after a start: where the log ended; else 0
    uint64_t retry_at_ms;
    int failure;       // of the last preparation: -errno; 0: it went well
    bool has_refused;  // since then an append was refused for want of a segment
    uint32_t removing; // files being removed
    uint64_t recycle[ROLL_RECYCLE_MAX];
    uint32_t recycle_count;
    uint8_t *header; // SEGMENT_HEADER_BYTES, lent to the disk
    char name[SEGMENT_NAME_BYTES];
    char recycle_name[SEGMENT_NAME_BYTES];
};

int roll_init(struct log *log); // 0 or -ENOMEM
void roll_free(struct log *log);

static inline bool roll_spare_is_ready(const struct roll *roll)
{
    return roll->spare != NULL;
}
// There is none, and the last attempt to make one failed: the disk is full, most likely.
static inline bool roll_has_failed(const struct roll *roll)
{
    return roll->failure != 0 && roll->spare == NULL;
}
bool roll_is_ready(const struct log *log);
// Where the spare's first block will stand. There is one (asserted).
uint64_t roll_first_position(const struct log *log);
// Ends the active segment and begins the spare. False where none is ready.
bool roll_to_next(struct log *log);
// The first spare, at start: blocking. 0 or -errno.
int roll_prepare_now(struct log *log);
// Ends an active segment whose first events come of age, so that retention by age can let them go.
void roll_by_age(struct log *log);
// Prepares a spare if there is none and none is under way.
void roll_prepare_due(struct log *log);
// Begins to prepare a file for a new segment (the fault path's, too). None is under way (asserted).
void roll_submit_prepare(struct log *log, uint64_t previous_end, uint32_t flags);
void roll_prepare_done(struct log *log, int64_t result);
// Removes what a failed preparation may have left.
void roll_drop_prepared(struct log *log);
// A segment's file is no longer needed: kept for reuse or removed.
void roll_retire_file(struct log *log, uint64_t number);
uint64_t roll_next_ms(const struct log *log);

#endif
