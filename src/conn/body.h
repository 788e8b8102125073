// The body of a request. One that came whole with its header stays where it was received; any other
// is gathered in memory of the worker's, which grows as bytes come, not as the client promises, is
// bounded for all bodies together, and is used again. One thread.
#ifndef RINGCAST_CONN_BODY_H
#define RINGCAST_CONN_BODY_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BODIES_BYTES_MAX = 64 << 20,  // of one worker; who needs more is told to come back
    ANSWERS_BYTES_MAX = 32 << 20, // the same for what is told of streams: who asks for it takes
                                  // nothing from those who publish
    BODY_BYTES_MIN = 16 << 10,    // of one that is gathered; then it doubles
    BODY_CLASSES = 5,             // sizes that are kept for the next ones: up to 256 KiB
    BODY_SPARE_BYTES_MAX = 4 << 20,
};

struct bodies {
    size_t bytes_max;
    size_t used_bytes;  // by bodies, and by what bodies_reserve took
    size_t spare_bytes; // kept for the next ones
    struct spare *spares[BODY_CLASSES];
};

struct body {
    struct bodies *bodies;
    struct slice here; // all of it, where it was received
    uint8_t *memory;   // or gathered: NULL while it is not
    uint32_t capacity;
    uint32_t length;
    bool has_failed; // there was no room for all of it
};

void bodies_init(struct bodies *bodies, size_t bytes_max);
// No body is left.
void bodies_free(struct bodies *bodies);
// Frees what is kept for the next ones.
void bodies_shrink(struct bodies *bodies);
// Counts memory that a request needs beside its body. False where it would be too much.
bool bodies_reserve(struct bodies *bodies, size_t bytes);
void bodies_release(struct bodies *bodies, size_t bytes);

// An empty one, without memory.
void body_begin(struct body *body, struct bodies *bodies);
// The next bytes, which stay where they are until body_keep. Where there is no room has_failed is
// set, and nothing more is taken.
void body_add(struct body *body, struct slice bytes);
// Where it was received something else will stand: copies what is there.
void body_keep(struct body *body);
// All of it, until the next call.
struct slice body_slice(const struct body *body);
// Gives its memory back. To be called again without harm.
void body_end(struct body *body);

#endif
