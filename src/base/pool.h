// A pool of objects of one size: bounded, contiguous, addressed by pointer or by index. Its
// address space is mapped at once, but a page costs memory only from its first use on; objects
// that were freed last are handed out first. One thread.
//
// A new object's memory is zero the first time it is handed out. After pool_free the bytes stay as
// they are until the next user changes them, so that a generation counter may live in the object;
// whoever allocates sets all other members.
#ifndef RINGCAST_BASE_POOL_H
#define RINGCAST_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_INDEX_NONE UINT32_MAX

struct pool {
    uint8_t *objects;
    uint32_t *links; // per object: the next free one, or POOL_LINK_LIVE
    size_t object_bytes;
    size_t mapped_bytes;
    uint32_t capacity;
    uint32_t used;    // objects handed out now
    uint32_t touched; // objects handed out ever: those at or after it were never used
    uint32_t free_first;
};

// object_bytes is rounded up to a multiple of align_bytes, a power of two up to 4096.
// capacity: 1 to 2^32 - 3. Returns 0 or -ENOMEM.
int pool_init(struct pool *pool, size_t object_bytes, size_t align_bytes, uint32_t capacity);

// Unmaps everything; objects still in use are gone.
void pool_destroy(struct pool *pool);

// NULL when all are in use: the bound of the pool, whose owner says what happens then.
void *pool_alloc(struct pool *pool);

// object came from pool_alloc of this pool and was not freed since (asserted).
void pool_free(struct pool *pool, void *object);

// index < capacity; the object need not be in use.
void *pool_at(const struct pool *pool, uint32_t index);

// object lies in this pool (asserted).
uint32_t pool_index(const struct pool *pool, const void *object);

// Whether the object at index (< capacity) is in use.
bool pool_is_live(const struct pool *pool, uint32_t index);

// The first index at or after `from` whose object is in use, or POOL_INDEX_NONE. To walk over all:
// for (i = pool_next_live(p, 0); i != POOL_INDEX_NONE; i = pool_next_live(p, i + 1)).
// Objects may be freed on the way.
uint32_t pool_next_live(const struct pool *pool, uint32_t from);

static inline uint32_t pool_used(const struct pool *pool)
{
    return pool->used;
}

static inline bool pool_is_full(const struct pool *pool)
{
    return pool->used == pool->capacity;
}

#endif
