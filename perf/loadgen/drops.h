// What a ringcast broker says that it left out, by the reason: the counters of its workers whose
// names begin with "dropped_". Asked for over the Unix socket where events are published.
// Main thread; blocks.
#ifndef RINGCAST_LOADGEN_DROPS_H
#define RINGCAST_LOADGEN_DROPS_H

#include "base/bytes.h"
#include "base/json_writer.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    DROPS_REASONS_MAX = 16,
    DROPS_NAME_SIZE = 40,
};

struct drops_reason {
    char name[DROPS_NAME_SIZE];
    uint64_t events;
};

struct drops {
    bool is_known;
    uint32_t count; // beyond DROPS_REASONS_MAX they are left out
    struct drops_reason reasons[DROPS_REASONS_MAX];
};

// `publish` as in the options. Not known where that is no broker's socket, or it does not answer.
void drops_read(struct drops *drops, const char *publish);

// Reads the answer to the operation "status". Returns false when it is none.
bool drops_parse(struct drops *drops, struct slice answer);

// Leaves what came after `before`.
void drops_subtract(struct drops *drops, const struct drops *before);

uint64_t drops_sum(const struct drops *drops);

// For people: a line. Nothing when not known.
void drops_print(const struct drops *drops, FILE *out);

// Members of the object that is open. Nothing when not known.
void drops_write(const struct drops *drops, struct json_writer *writer);

#endif
