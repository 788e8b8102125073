// The two small files beside the segments: meta (reserved ids) and the checkpoint, replaced one at
// a time. Part of struct log (core.h); the log thread.
#ifndef RINGCAST_LOG_KEEPER_H
#define RINGCAST_LOG_KEEPER_H

#include "log/checkpoint.h"
#include "log/log.h"
#include "log/meta.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    KEEPER_RETRY_MS = 1000,
    KEEPER_SLICE = 4096, // streams or producers put into the checkpoint a round
};

enum keeper_stage {
    KEEPER_IDLE,
    KEEPER_STREAMS,
    KEEPER_PRODUCERS,
    KEEPER_UNSYNCED, // finished; waits until all that it reflects is synced
    KEEPER_READY,
    KEEPER_REPLACING,
};

struct keeper {
    struct log_meta meta; // as it stands on disk, or is being put there
    uint64_t id_limit;    // durable: ids below it may be given out
    bool replacing_meta;
    uint64_t meta_retry_ms;
    uint8_t meta_bytes[META_BYTES];

    enum keeper_stage stage;
    bool wants_checkpoint;
    uint64_t checkpoint_retry_ms;
    uint64_t begun; // how many checkpoints were begun, and the number of the last durable one
    uint64_t done;
    struct checkpoint_writer writer;
    struct buffer out;
    struct checkpoint_segment *segments; // as they stood when it was begun
    uint32_t segment_count;
    uint32_t next_place; // slot of a stream, then place of a producer
    uint64_t wait_id;
    int failure;
};

void keeper_free(struct log *log);
// Once a round. Returns whether there is more to do at once.
bool keeper_round(struct log *log);
void keeper_meta_done(struct log *log, int64_t result);
void keeper_checkpoint_done(struct log *log, int64_t result);
// Asks for a checkpoint. What left the log before this call is out of the checkpoints numbered
// above keeper.begun.
void keeper_want(struct log *log);
uint64_t keeper_next_ms(const struct log *log);
// Blocking, at start and end. 0 or -errno.
int keeper_write_checkpoint_now(struct log *log);
int keeper_write_meta_now(struct log *log, bool clean);

#endif
