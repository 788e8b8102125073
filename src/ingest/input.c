#include "ingest/input.h"

#include "base/assert.h"

#include <stdlib.h>

void input_init(struct input *input, struct input_budget *budget)
{
    *input = (struct input){.budget = budget};
}

void input_free(struct input *input)
{
    ASSERT(input->budget->used_bytes >= input->capacity_bytes);
    input->budget->used_bytes -= input->capacity_bytes;
    free(input->bytes);
    input_init(input, input->budget);
}

// Moves what is held into a buffer of this size.
static bool input_resize(struct input *input, size_t capacity_bytes)
{
    struct input_budget *budget = input->budget;
    ASSERT(capacity_bytes >= input_length(input));
    if (capacity_bytes > input->capacity_bytes &&
        capacity_bytes - input->capacity_bytes > budget->limit_bytes - budget->used_bytes) {
        return false;
    }
    uint8_t *bytes = malloc(capacity_bytes);
    if (bytes == NULL) {
        return false;
    }
    size_t length = input_length(input);
    if (length > 0) {
        memcpy(bytes, input->bytes + input->start, length);
    }
    free(input->bytes);
    budget->used_bytes = budget->used_bytes - input->capacity_bytes + capacity_bytes;
    input->bytes = bytes;
    input->capacity_bytes = capacity_bytes;
    input->start = 0;
    input->end = length;
    return true;
}

static void input_move_to_front(struct input *input)
{
    size_t length = input_length(input);
    if (input->start == 0) {
        return;
    }
    if (length > 0) {
        memmove(input->bytes, input->bytes + input->start, length);
    }
    input->start = 0;
    input->end = length;
}

bool input_reserve(struct input *input, size_t length_bytes)
{
    size_t length = input_length(input);
    size_t needed = length_bytes > length ? length_bytes : length + 1;
    size_t wanted = input->capacity_bytes;
    if (wanted == 0) {
        wanted = INPUT_SMALL_BYTES;
    } else if (input->end == input->capacity_bytes && wanted < INPUT_LARGE_BYTES) {
        wanted =
            INPUT_LARGE_BYTES; // the last receive filled it: there is more where that came from
    }
    while (wanted < needed) {
        wanted *= 2;
    }
    if (wanted > input->capacity_bytes && input_resize(input, wanted)) {
        return true;
    }
    if (needed > input->capacity_bytes) {
        return false;
    }
    // Little is left over after parsing, so that moving costs little; with much, there is room
    // behind it.
    if (input->capacity_bytes - input->end < input->capacity_bytes / 2 ||
        input->start + needed > input->capacity_bytes) {
        input_move_to_front(input);
    }
    return true;
}

uint8_t *input_room(const struct input *input, size_t *length_bytes)
{
    ASSERT(input->end < input->capacity_bytes);
    *length_bytes = input->capacity_bytes - input->end;
    return input->bytes + input->end;
}

void input_commit(struct input *input, size_t length_bytes)
{
    ASSERT(length_bytes <= input->capacity_bytes - input->end);
    input->end += length_bytes;
}

void input_consume(struct input *input, size_t length_bytes)
{
    ASSERT(length_bytes <= input_length(input));
    input->start += length_bytes;
    input->scanned = 0;
}

void input_shrink(struct input *input)
{
    ASSERT(input_length(input) == 0);
    if (input_is_large(input)) {
        input_free(input);
    }
}
