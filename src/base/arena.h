// Bytes that are taken piece by piece and given back all at once, bounded. Memory is allocated as
// it is needed, in chunks that do not move. One user at a time.
#ifndef RINGCAST_BASE_ARENA_H
#define RINGCAST_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *newest;
    size_t taken_bytes; // of all pieces
    size_t limit_bytes; // of taken_bytes
};

// An empty arena that allocates on first use. limit_bytes is the most that may be taken.
void arena_init(struct arena *arena, size_t limit_bytes);

// A first chunk of that many bytes, kept by arena_clear. The arena is new. 0 or -ENOMEM.
int arena_reserve(struct arena *arena, size_t bytes);

// How much may still be taken.
static inline size_t arena_room(const struct arena *arena)
{
    return arena->limit_bytes - arena->taken_bytes;
}

// `length` bytes, not aligned; they live until arena_clear or arena_free. NULL where the limit
// would be passed or memory is out.
uint8_t *arena_take(struct arena *arena, size_t length);

// Gives back every piece. The first chunk stays.
void arena_clear(struct arena *arena);

// The same, and the memory too. The arena may be used again as if just initialised.
void arena_free(struct arena *arena);

#endif
