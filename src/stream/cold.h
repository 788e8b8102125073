// What is no longer in the log's tail, read from disk by the worker itself: whole blocks, salt and
// CRC checked, or the frames of one stream of a block, with a CRC of their own. In a cache that all
// of its connections share, bounded in bytes. Never waits. One thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"
#include "io/loop.h"
#include "log/run.h"
#include "log/tail.h"
#include "stream/waiters.h"

// What to read: a block, or the frames of one of its streams (BLOCK_STREAM_HAS_CRC).
struct cold_range {
    uint64_t position; // in the log
    uint32_t length;   // bytes
    bool is_frames;
    uint32_t frames_crc;
};
struct cold_range cold_range_of_block(const struct log_run *run);
struct cold_range cold_range_of_frames(const struct log_run *run);

struct cold_block {
    struct list_node age_node; // in `valid` or `ahead`; in no list while it is read
    struct cold_range range;
    uint64_t salt;
    uint64_t round; // in which it was read or last given out
    bool is_used;   // it was given out since it was read
    bool is_ahead;  // read ahead, and not yet given out
    uint32_t read_bytes;
    int fd;
    uint8_t *bytes;
    struct waiters waiters;
};

struct cold_cache {
    struct loop *loop;
    const struct log_tail *tail;
    uint8_t op;
    struct pool pool;
    struct u64_map by_position;
    struct u64_map failed;  // positions that could not be read, and how often
    struct list valid;      // least recently used first
    struct list ahead;      // read ahead and not yet given out, oldest first
    struct waiters starved; // wanted a block when there was no room
    uint64_t round;
    uint64_t bytes_used;
    uint64_t bytes_max;
    uint64_t ahead_bytes; // of bytes_used: read ahead, and not yet given out
    uint64_t reads, faults;
    // Called for the handles that waited, once their block is there or has failed.
    void (*ready)(void *context, struct waiters *waiters);
    void *context;
};

enum cold_result {
    COLD_READY,
    COLD_WAIT,   // the handle waits
    COLD_FAILED, // memory ran out
    COLD_STALE,  // the position is no longer good: ask the log anew
    COLD_BROKEN, // it failed again after being asked anew: the disk has lost it
};

int cold_cache_init(struct cold_cache *cache, struct loop *loop, const struct log_tail *tail,
                    uint8_t op, uint64_t bytes_max, void (*ready)(void *, struct waiters *),
                    void *context);
void cold_cache_free(struct cold_cache *cache);
// Another bound: what is above it goes as soon as it may, from the next rounds on.
void cold_set_bytes_max(struct cold_cache *cache, uint64_t bytes_max);

// Between log_tail_enter and the end of the round. On COLD_READY *bytes is the range, valid, good
// until the round ends.
enum cold_result cold_get(struct cold_cache *cache, const struct cold_range *range, uint64_t handle,
                          const uint8_t **bytes);
// Begins to read what will be asked for soon, where it is not there and there is room. False: there
// is none, or it cannot be read.
bool cold_read_ahead(struct cold_cache *cache, const struct cold_range *range);
// Starts a round: what was given out before may go, and those who found no room look again.
void cold_round(struct cold_cache *cache);
// Whether some wait for room that a later round has, without a read that ends; or more is held than
// may be.
bool cold_needs_round(const struct cold_cache *cache);
