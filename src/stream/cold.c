#include "stream/cold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/logger.h"
#include "log/block.h"

enum {
    COLD_BLOCKS_MAX = 4096,
    COLD_AHEAD_SHARE = 4,   // of the bound, as 1/n: the most that is read ahead and not yet used
    COLD_FAILED_MAX = 1024, // remembered; then forgotten all at once
    COLD_WOKEN_MAX = 64,    // of those who starve, a round
    UNUSED_ROUNDS_MAX = 64, // those who waited for a block have their turn by then
};

// What cold_cache.failed holds for a position.
enum {
    FAILED_ONCE = 1,  // to be told as stale, so that the log is asked anew
    FAILED_TOLD = 2,  // told: may be read again
    FAILED_TWICE = 3, // broken
};

struct cold_range cold_range_of_block(const struct log_run *run)
{
    return (struct cold_range){.position = run->block_position, .length = run->block_length};
}

struct cold_range cold_range_of_frames(const struct log_run *run)
{
    return (struct cold_range){.position = run->block_position + run->frame_offset,
                               .length = run->frame_bytes,
                               .is_frames = true,
                               .frames_crc = run->frames_crc};
}

static void note_used(struct cold_cache *cache, struct cold_block *block)
{
    cache->ahead_bytes -= block->is_ahead ? block->range.length : 0;
    block->is_ahead = false;
}

static void block_free(struct cold_cache *cache, struct cold_block *block)
{
    u64_map_remove(&cache->by_position, block->range.position, NULL);
    note_used(cache, block);
    cache->bytes_used -= block->range.length;
    free(block->bytes);
    block->bytes = NULL;
    pool_free(&cache->pool, block);
}

static void note_failure(struct cold_cache *cache, uint64_t position)
{
    cache->faults++;
    uint32_t times = 0;
    u64_map_get(&cache->failed, position, &times);
    if (cache->failed.count >= COLD_FAILED_MAX) {
        u64_map_clear(&cache->failed);
    }
    if (u64_map_put(&cache->failed, position, times == FAILED_TOLD ? FAILED_TWICE : FAILED_ONCE) !=
        0) {
        LOGGER_EVERY(1000, LOGGER_WARN, "cold", "no memory to remember a failed block");
    }
}

static void submit_read(struct cold_cache *cache, struct cold_block *block)
{
    struct io_uring_sqe *sqe = loop_sqe(cache->loop, 0);
    uint64_t offset = log_tail_segment_offset(cache->tail, block->range.position);
    io_uring_prep_read(sqe, block->fd, block->bytes + block->read_bytes,
                       block->range.length - block->read_bytes, offset + block->read_bytes);
    io_uring_sqe_set_data64(sqe, loop_tag(cache->op, pool_index(&cache->pool, block), 0));
    cache->reads++;
}

static bool is_valid(const struct cold_block *block)
{
    const struct cold_range *range = &block->range;
    if (range->is_frames) {
        return crc32c(0, block->bytes, range->length) == range->frames_crc;
    }
    return block_check(block->bytes, range->length, block->salt) == BLOCK_VALID &&
           block_header_of(block->bytes)->length == range->length;
}

static void on_read(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                    int32_t result, uint32_t flags)
{
    (void)loop;
    (void)ring;
    (void)flags;
    struct cold_cache *cache = context;
    struct cold_block *block = pool_at(&cache->pool, loop_tag_slot(user_data));
    if (result > 0 && block->read_bytes + (uint32_t)result < block->range.length) {
        block->read_bytes += (uint32_t)result;
        // The descriptor may have been closed since: look it up again (we run inside a round).
        uint64_t salt;
        if (log_tail_segment(cache->tail, block->range.position, &block->fd, &salt) &&
            salt == block->salt) {
            submit_read(cache, block);
            return;
        }
        result = -ESTALE;
    }
    struct waiters waiters = block->waiters;
    block->waiters = (struct waiters){0};
    if (result > 0 && is_valid(block)) {
        block->round = cache->round;
        list_push_back(block->is_ahead ? &cache->ahead : &cache->valid, &block->age_node);
        u64_map_remove(&cache->failed, block->range.position, NULL);
    } else {
        LOGGER_EVERY(
            1000, LOGGER_WARN, "cold", "%s at log position %llu (%u bytes) cannot be used: %s",
            block->range.is_frames ? "frames" : "block", (unsigned long long)block->range.position,
            block->range.length, result < 0 ? strerror(-result) : "it fails its check");
        note_failure(cache, block->range.position);
        block_free(cache, block);
    }
    cache->ready(cache->context, &waiters);
    waiters_free(&waiters);
}

int cold_cache_init(struct cold_cache *cache, struct loop *loop, const struct log_tail *tail,
                    uint8_t op, uint64_t bytes_max, void (*ready)(void *, struct waiters *),
                    void *context)
{
    memset(cache, 0, sizeof(*cache));
    cache->loop = loop;
    cache->tail = tail;
    cache->op = op;
    cache->bytes_max = bytes_max;
    cache->ready = ready;
    cache->context = context;
    list_init(&cache->valid);
    list_init(&cache->ahead);
    u64_map_init(&cache->by_position);
    u64_map_init(&cache->failed);
    loop_set_handler(loop, op, on_read, cache);
    return pool_init(&cache->pool, sizeof(struct cold_block), _Alignof(struct cold_block),
                     COLD_BLOCKS_MAX);
}

void cold_cache_free(struct cold_cache *cache)
{
    for (uint32_t i = pool_next_live(&cache->pool, 0); i != POOL_INDEX_NONE;
         i = pool_next_live(&cache->pool, i + 1)) {
        struct cold_block *block = pool_at(&cache->pool, i);
        free(block->bytes);
        waiters_free(&block->waiters);
    }
    waiters_free(&cache->starved);
    u64_map_free(&cache->by_position);
    u64_map_free(&cache->failed);
    pool_destroy(&cache->pool);
}

// Not while pointers into it are out, and not before somebody who waited for it had his turn.
static bool may_go(const struct cold_cache *cache, const struct cold_block *block)
{
    return cache->round - block->round > (block->is_used ? 0 : UNUSED_ROUNDS_MAX);
}

// Lets the first of the list go, if there is one and it may.
static bool drop_first(struct cold_cache *cache, struct list *list)
{
    struct list_node *node = list_first(list);
    if (node == NULL || !may_go(cache, LIST_ENTRY(node, struct cold_block, age_node))) {
        return false;
    }
    list_remove(node);
    block_free(cache, LIST_ENTRY(node, struct cold_block, age_node));
    return true;
}

// Lets go what was read ahead for readers that never came, then the oldest. A block larger than the
// whole bound is let in alone.
static bool make_room(struct cold_cache *cache, uint32_t length)
{
    while (cache->bytes_used > 0 &&
           (cache->bytes_used + length > cache->bytes_max || pool_is_full(&cache->pool))) {
        if (!drop_first(cache, &cache->ahead) && !drop_first(cache, &cache->valid)) {
            return false;
        }
    }
    return true;
}

// COLD_WAIT: the read is under way, *started, and nobody waits for it yet; or *started is NULL, and
// there is no room. COLD_FAILED: memory ran out.
static enum cold_result start_read(struct cold_cache *cache, const struct cold_range *range,
                                   struct cold_block **started)
{
    *started = NULL;
    int fd;
    uint64_t salt;
    if (!log_tail_segment(cache->tail, range->position, &fd, &salt)) {
        return COLD_STALE;
    }
    struct cold_block *block = make_room(cache, range->length) ? pool_alloc(&cache->pool) : NULL;
    if (block == NULL) {
        return COLD_WAIT;
    }
    memset(block, 0, sizeof(*block));
    block->bytes = malloc(range->length);
    if (block->bytes == NULL ||
        u64_map_put(&cache->by_position, range->position, pool_index(&cache->pool, block)) != 0) {
        free(block->bytes);
        pool_free(&cache->pool, block);
        return COLD_FAILED;
    }
    block->range = *range;
    block->fd = fd;
    block->salt = salt;
    cache->bytes_used += range->length;
    submit_read(cache, block);
    *started = block;
    return COLD_WAIT;
}

bool cold_read_ahead(struct cold_cache *cache, const struct cold_range *range)
{
    uint32_t index;
    if (u64_map_get(&cache->by_position, range->position, &index)) {
        return true;
    }
    uint64_t ahead_max = cache->bytes_max / COLD_AHEAD_SHARE;
    while (cache->ahead_bytes + range->length > ahead_max && drop_first(cache, &cache->ahead)) {
    }
    struct cold_block *block = NULL;
    if (!u64_map_get(&cache->failed, range->position, &index) &&
        cache->ahead_bytes + range->length <= ahead_max) {
        (void)start_read(cache, range, &block);
    }
    if (block == NULL) {
        return false;
    }
    block->is_ahead = true;
    cache->ahead_bytes += range->length;
    return true;
}

enum cold_result cold_get(struct cold_cache *cache, const struct cold_range *range, uint64_t handle,
                          const uint8_t **bytes)
{
    ASSERT(range->length >= (range->is_frames ? 1 : BLOCK_HEADER_BYTES));
    uint64_t position = range->position;
    uint32_t index;
    if (u64_map_get(&cache->by_position, position, &index)) {
        struct cold_block *block = pool_at(&cache->pool, index);
        note_used(cache, block);
        if (!list_is_linked(&block->age_node)) {
            return waiters_add(&block->waiters, handle) ? COLD_WAIT : COLD_FAILED;
        }
        list_remove(&block->age_node);
        list_push_back(&cache->valid, &block->age_node);
        block->is_used = true;
        block->round = cache->round;
        *bytes = block->bytes;
        return block->range.length == range->length ? COLD_READY : COLD_STALE;
    }
    uint32_t failed;
    if (u64_map_get(&cache->failed, position, &failed)) {
        if (failed == FAILED_TWICE) {
            return COLD_BROKEN;
        }
        if (failed == FAILED_ONCE && u64_map_put(&cache->failed, position, FAILED_TOLD) == 0) {
            return COLD_STALE;
        }
    }
    struct cold_block *block;
    enum cold_result result = start_read(cache, range, &block);
    if (result != COLD_WAIT) {
        return result;
    }
    struct waiters *waiters = block != NULL ? &block->waiters : &cache->starved;
    return waiters_add(waiters, handle) ? COLD_WAIT : COLD_FAILED;
}

void cold_set_bytes_max(struct cold_cache *cache, uint64_t bytes_max)
{
    cache->bytes_max = bytes_max;
}

void cold_round(struct cold_cache *cache)
{
    cache->round++;
    if (cache->bytes_used > cache->bytes_max) {
        (void)make_room(cache, 0);
    }
    if (cache->starved.count > 0) {
        struct waiters waiters = {0};
        waiters_take(&cache->starved, COLD_WOKEN_MAX, &waiters);
        cache->ready(cache->context, &waiters);
        waiters_free(&waiters);
    }
}

bool cold_needs_round(const struct cold_cache *cache)
{
    bool has_too_much = cache->bytes_used > cache->bytes_max;
    bool has_blocks = !list_is_empty(&cache->valid) || !list_is_empty(&cache->ahead);
    return (cache->starved.count > 0 || has_too_much) && has_blocks;
}
