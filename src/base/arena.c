#include "base/arena.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>

struct arena_chunk {
    struct arena_chunk *older;
    size_t used_bytes;
    size_t capacity_bytes;
    uint8_t bytes[];
};

// Each chunk is as large as all before it together, so that there are few.
enum { CHUNK_BYTES_MIN = 1024 };

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){.limit_bytes = limit_bytes};
}

static int arena_add_chunk(struct arena *arena, size_t capacity_bytes)
{
    struct arena_chunk *chunk = malloc(sizeof(*chunk) + capacity_bytes);
    if (chunk == NULL) {
        return -ENOMEM;
    }
    chunk->older = arena->newest;
    chunk->used_bytes = 0;
    chunk->capacity_bytes = capacity_bytes;
    arena->newest = chunk;
    return 0;
}

int arena_reserve(struct arena *arena, size_t bytes)
{
    ASSERT(arena->newest == NULL);
    return arena_add_chunk(arena, bytes);
}

uint8_t *arena_take(struct arena *arena, size_t length)
{
    if (length > arena_room(arena)) {
        return NULL;
    }
    struct arena_chunk *chunk = arena->newest;
    if (chunk == NULL || length > chunk->capacity_bytes - chunk->used_bytes) {
        size_t capacity =
            arena->taken_bytes > CHUNK_BYTES_MIN ? arena->taken_bytes : (size_t)CHUNK_BYTES_MIN;
        if (arena_add_chunk(arena, length > capacity ? length : capacity) < 0) {
            return NULL;
        }
        chunk = arena->newest;
    }
    uint8_t *at = chunk->bytes + chunk->used_bytes;
    chunk->used_bytes += length;
    arena->taken_bytes += length;
    return at;
}

void arena_clear(struct arena *arena)
{
    while (arena->newest != NULL && arena->newest->older != NULL) {
        struct arena_chunk *older = arena->newest->older;
        free(arena->newest);
        arena->newest = older;
    }
    if (arena->newest != NULL) {
        arena->newest->used_bytes = 0;
    }
    arena->taken_bytes = 0;
}

void arena_free(struct arena *arena)
{
    arena_clear(arena);
    free(arena->newest);
    arena->newest = NULL;
}
