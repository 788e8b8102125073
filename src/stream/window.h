// The most recent runs of one stream, as a worker keeps them: a ring of log_run in id order without
// a hole between them. What is older is found through the log (stream/history.h). One thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "log/run.h"

struct window {
    struct log_run *runs; // ring of `capacity`, a power of two; NULL until the first push
    uint32_t capacity;
    uint32_t first;
    uint32_t count;
    uint64_t covers_from; // every event with a higher id is in one of the runs
};

void window_init(struct window *window, uint64_t covers_from);
void window_free(struct window *window);

// Appends; the oldest run goes when the window holds capacity_max (a power of two) or memory runs
// out. run->first_id > last id pushed.
void window_push(struct window *window, const struct log_run *run, uint32_t capacity_max);

// The first run that holds an id above `cursor`, or NULL when there is none. cursor >= covers_from.
const struct log_run *window_find(const struct window *window, uint64_t cursor);
// Its place for window_at; window->count when there is none.
uint32_t window_find_place(const struct window *window, uint64_t cursor);

// Forgets all runs; the window begins anew behind `covers_from`.
void window_restart(struct window *window, uint64_t covers_from);

// Forgets the runs that end at or below `id`.
void window_discard(struct window *window, uint64_t id);

static inline const struct log_run *window_at(const struct window *window, uint32_t index)
{
    return &window->runs[(window->first + index) & (window->capacity - 1)];
}
