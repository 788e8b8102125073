#include "base/pool.h"

#include "base/assert.h"
#include "base/bytes.h"

#include <errno.h>
#include <sys/mman.h>

#define POOL_PAGE_BYTES 4096

// What a link says besides the index of the next free object.
#define POOL_LINK_LIVE UINT32_MAX
#define POOL_LINK_END  (UINT32_MAX - 1)

int pool_init(struct pool *pool, size_t object_bytes, size_t align_bytes, uint32_t capacity)
{
    ASSERT(object_bytes > 0 && object_bytes <= SIZE_MAX / 2);
    ASSERT(is_power_of_two(align_bytes) && align_bytes <= POOL_PAGE_BYTES);
    ASSERT(capacity > 0 && capacity < POOL_LINK_END);
    object_bytes = align_up(object_bytes, align_bytes);
    size_t objects_bytes;
    if (__builtin_mul_overflow(object_bytes, (size_t)capacity, &objects_bytes) ||
        objects_bytes > SIZE_MAX / 2) {
        return -ENOMEM;
    }
    objects_bytes = align_up(objects_bytes, POOL_PAGE_BYTES);
    size_t mapped_bytes = objects_bytes + (size_t)capacity * sizeof(uint32_t);
    // Not reserved: a pool is sized for the worst case, and pays for what is used.
    void *memory = mmap(NULL, mapped_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return -ENOMEM;
    }
    *pool = (struct pool){
        .objects = memory,
        .links = (uint32_t *)(void *)((uint8_t *)memory + objects_bytes),
        .object_bytes = object_bytes,
        .mapped_bytes = mapped_bytes,
        .capacity = capacity,
        .free_first = POOL_LINK_END,
    };
    return 0;
}

void pool_destroy(struct pool *pool)
{
    ASSERT(pool->objects != NULL);
    int result = munmap(pool->objects, pool->mapped_bytes);
    ASSERT(result == 0);
    *pool = (struct pool){.objects = NULL};
}

void *pool_alloc(struct pool *pool)
{
    uint32_t index = pool->free_first;
    if (index != POOL_LINK_END) {
        pool->free_first = pool->links[index];
    } else if (pool->touched < pool->capacity) {
        index = pool->touched++;
    } else {
        return NULL;
    }
    pool->links[index] = POOL_LINK_LIVE;
    pool->used++;
    return pool_at(pool, index);
}

void pool_free(struct pool *pool, void *object)
{
    uint32_t index = pool_index(pool, object);
    ASSERT(pool->links[index] == POOL_LINK_LIVE);
    pool->links[index] = pool->free_first;
    pool->free_first = index;
    pool->used--;
}

void *pool_at(const struct pool *pool, uint32_t index)
{
    ASSERT(index < pool->capacity);
    return pool->objects + (size_t)index * pool->object_bytes;
}

uint32_t pool_index(const struct pool *pool, const void *object)
{
    uintptr_t offset = (uintptr_t)object - (uintptr_t)pool->objects;
    size_t index = offset / pool->object_bytes;
    ASSERT(index < pool->capacity); // what lies before the pool has wrapped around to beyond it
    ASSERT(offset % pool->object_bytes == 0);
    return (uint32_t)index;
}

bool pool_is_live(const struct pool *pool, uint32_t index)
{
    ASSERT(index < pool->capacity);
    return pool->links[index] == POOL_LINK_LIVE;
}

uint32_t pool_next_live(const struct pool *pool, uint32_t from)
{
    for (uint32_t index = from; index < pool->touched; index++) {
        if (pool->links[index] == POOL_LINK_LIVE) {
            return index;
        }
    }
    return POOL_INDEX_NONE;
}
