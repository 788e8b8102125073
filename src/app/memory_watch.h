// Watches the memory: reads it now and then, steps through the stages (flow/pressure.h),
// writes them where the other threads see them, and tells of each change in the log. The main
// thread alone.
#ifndef RINGCAST_APP_MEMORY_WATCH_H
#define RINGCAST_APP_MEMORY_WATCH_H

#include "app/memory_source.h"

struct memory_watch {
    struct memory_source source;
    struct pressure pressure;
    uint64_t next_ms; // monotonic; UINT64_MAX: never
    struct pressure_board board;
};

// limit_bytes and root: see memory_source_open. Takes the first reading, and, unless is_on, the
// last one.
void memory_watch_open(struct memory_watch *watch, const char *root, uint64_t limit_bytes,
                       bool is_on);

// Another limit, or on and off, from now on. The next look is at once; where there is none any
// more, the stage is none, and the workers are to be woken.
void memory_watch_set(struct memory_watch *watch, uint64_t limit_bytes, bool is_on);

// Looks where it is time to. Whether the stage changed: then the workers are to be woken.
bool memory_watch_look(struct memory_watch *watch, uint64_t now_ms);

#endif
