// A producer's receive buffer: bytes come in at the end, requests are parsed in place and taken
// from the front. It starts small, grows with what is asked of it, and shrinks when idle; the
// memory of all inputs together is bounded by a shared budget. One thread.
#ifndef RINGCAST_INGEST_INPUT_H
#define RINGCAST_INGEST_INPUT_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    // An idle producer holds as much.
    INPUT_SMALL_BYTES = 4 << 10,
    // One that keeps filling its buffer gets as much, a few thousand small events; only a
    // larger request gets more.
    INPUT_LARGE_BYTES = 256 << 10,
};

struct input_budget {
    uint64_t used_bytes;
    uint64_t limit_bytes;
};

struct input {
    struct input_budget *budget;
    uint8_t *bytes;
    size_t capacity_bytes;
    size_t start;
    size_t end;
    size_t scanned; // bytes after start that the line parser has searched for LF in vain
};

// Allocates nothing yet. `budget` outlives the input.
void input_init(struct input *input, struct input_budget *budget);
void input_free(struct input *input);

static inline struct slice input_slice(const struct input *input)
{
    return slice_from(input->bytes == NULL ? NULL : input->bytes + input->start,
                      input->end - input->start);
}

static inline size_t input_length(const struct input *input)
{
    return input->end - input->start;
}

static inline bool input_is_large(const struct input *input)
{
    return input->capacity_bytes > INPUT_SMALL_BYTES;
}

// Room so that `length_bytes` can be held in all and at least one more byte be received. False: no
// memory, or the budget is used up; then nothing changed. Moves the bytes: not while a receive is
// under way.
bool input_reserve(struct input *input, size_t length_bytes);

// Where to receive to, and how much.
uint8_t *input_room(const struct input *input, size_t *length_bytes);

// So many bytes were received. After one that filled all the room, a small buffer grows with the
// next input_reserve.
void input_commit(struct input *input, size_t length_bytes);

// Takes bytes from the front. length_bytes <= input_length.
void input_consume(struct input *input, size_t length_bytes);

// Gives back memory of an empty input, down to the small size.
void input_shrink(struct input *input);

#endif
