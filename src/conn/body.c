#include "conn/body.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

struct spare {
    struct spare *next;
};

enum { SPARE_BYTES_MAX = BODY_BYTES_MIN << (BODY_CLASSES - 1) };

static unsigned class_of(size_t bytes)
{
    ASSERT(is_power_of_two(bytes) && bytes >= BODY_BYTES_MIN);
    return (unsigned)__builtin_ctzll(bytes / BODY_BYTES_MIN);
}

static uint8_t *take(struct bodies *bodies, size_t bytes)
{
    if (bytes <= SPARE_BYTES_MAX) {
        struct spare *spare = bodies->spares[class_of(bytes)];
        if (spare != NULL) {
            bodies->spares[class_of(bytes)] = spare->next;
            bodies->spare_bytes -= bytes;
            return (uint8_t *)spare;
        }
    }
    return malloc(bytes);
}

static void give(struct bodies *bodies, uint8_t *memory, size_t bytes)
{
    if (bytes > SPARE_BYTES_MAX || bodies->spare_bytes + bytes > BODY_SPARE_BYTES_MAX) {
        free(memory);
        return;
    }
    struct spare *spare = (struct spare *)(void *)memory;
    spare->next = bodies->spares[class_of(bytes)];
    bodies->spares[class_of(bytes)] = spare;
    bodies->spare_bytes += bytes;
}

void bodies_init(struct bodies *bodies, size_t bytes_max)
{
    *bodies = (struct bodies){.bytes_max = bytes_max};
}

void bodies_shrink(struct bodies *bodies)
{
    for (unsigned i = 0; i < BODY_CLASSES; i++) {
        while (bodies->spares[i] != NULL) {
            struct spare *spare = bodies->spares[i];
            bodies->spares[i] = spare->next;
            free(spare);
        }
    }
    bodies->spare_bytes = 0;
}

void bodies_free(struct bodies *bodies)
{
    bodies_shrink(bodies);
}

bool bodies_reserve(struct bodies *bodies, size_t bytes)
{
    if (bytes > bodies->bytes_max - bodies->used_bytes) {
        return false;
    }
    bodies->used_bytes += bytes;
    return true;
}

void bodies_release(struct bodies *bodies, size_t bytes)
{
    ASSERT(bytes <= bodies->used_bytes);
    bodies->used_bytes -= bytes;
}

void body_begin(struct body *body, struct bodies *bodies)
{
    *body = (struct body){.bodies = bodies};
}

// Room for `length` bytes in all.
static bool grow(struct body *body, size_t length)
{
    if (length <= body->capacity) {
        return true;
    }
    size_t capacity = body->capacity == 0 ? BODY_BYTES_MIN : body->capacity;
    while (capacity < length) {
        capacity *= 2;
    }
    struct bodies *bodies = body->bodies;
    if (capacity > UINT32_MAX || !bodies_reserve(bodies, capacity - body->capacity)) {
        return false;
    }
    uint8_t *memory = take(bodies, capacity);
    if (memory == NULL) {
        bodies_release(bodies, capacity - body->capacity);
        return false;
    }
    if (body->memory != NULL) {
        memcpy(memory, body->memory, body->length);
        give(bodies, body->memory, body->capacity);
    }
    body->memory = memory;
    body->capacity = (uint32_t)capacity;
    return true;
}

static void append(struct body *body, struct slice bytes)
{
    if (body->has_failed || !grow(body, body->length + bytes.length)) {
        body->has_failed = true;
        return;
    }
    memcpy(body->memory + body->length, bytes.at, bytes.length);
    body->length += (uint32_t)bytes.length;
}

void body_keep(struct body *body)
{
    if (body->here.length > 0) {
        append(body, body->here);
        body->here = slice_empty();
    }
}

void body_add(struct body *body, struct slice bytes)
{
    if (bytes.length == 0) {
        return;
    }
    if (body->here.length == 0 && body->length == 0 && !body->has_failed) {
        body->here = bytes;
        return;
    }
    body_keep(body);
    append(body, bytes);
}

struct slice body_slice(const struct body *body)
{
    return body->here.length > 0 ? body->here : slice_from(body->memory, body->length);
}

void body_end(struct body *body)
{
    if (body->memory != NULL) {
        give(body->bodies, body->memory, body->capacity);
        bodies_release(body->bodies, body->capacity);
    }
    body_begin(body, body->bodies);
}
