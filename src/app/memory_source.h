// How much memory the broker uses, of how much: its control groups' (v1 and v2), its own of
// --memory-limit, and the kernel's for TCP. Reads files; the main thread alone.
//
// Of a group counts what it cannot give back at once: its use less its file pages, since the log
// that is written fills a group with those, whatever its limit. Each group from the process's own
// up to the mount's root counts whose limit is set; limits may change while the broker runs.
#ifndef RINGCAST_APP_MEMORY_SOURCE_H
#define RINGCAST_APP_MEMORY_SOURCE_H

#include "app/memory_text.h"
#include "flow/pressure.h"

#include <stdint.h>

enum {
    MEMORY_GROUPS_MAX = 8, // the nearest; of both hierarchies together
    MEMORY_PATH_SIZE = 512,
};

struct memory_group {
    enum memory_hierarchy hierarchy;
    char path[MEMORY_PATH_SIZE];
};

struct memory_source {
    const char *root;
    uint64_t page_bytes;
    uint64_t limit_bytes; // of the process by itself; 0: none
    uint32_t group_count;
    struct memory_group groups[MEMORY_GROUPS_MAX];
};

struct memory_reading {
    struct pressure_gauge memory; // the fullest of the groups and the process
    struct pressure_gauge tcp;    // of all that run on the machine
};

// Finds the groups. `root` stands before every path ("" but for tests) and is borrowed. limit_bytes
// 0: where no group has a limit, three quarters of the machine's memory. What cannot be read is
// taken not to be there.
void memory_source_open(struct memory_source *source, const char *root, uint64_t limit_bytes);

void memory_source_read(const struct memory_source *source, struct memory_reading *reading);

#endif
