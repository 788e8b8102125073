#include "stream/window.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"

enum { WINDOW_CAPACITY_MIN = 8 };

void window_init(struct window *window, uint64_t covers_from)
{
    memset(window, 0, sizeof(*window));
    window->covers_from = covers_from;
}

void window_free(struct window *window)
{
    free(window->runs);
    window_init(window, 0);
}

static void drop_oldest(struct window *window)
{
    ASSERT(window->count > 0);
    window->covers_from = window_at(window, 0)->last_id;
    window->first = (window->first + 1) & (window->capacity - 1);
    window->count--;
}

static bool grow(struct window *window, uint32_t capacity_max)
{
    uint32_t capacity = window->capacity == 0 ? WINDOW_CAPACITY_MIN : window->capacity * 2;
    if (capacity > capacity_max) {
        return false;
    }
    struct log_run *runs = malloc(capacity * sizeof(*runs));
    if (runs == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < window->count; i++) {
        runs[i] = *window_at(window, i);
    }
    free(window->runs);
    window->runs = runs;
    window->capacity = capacity;
    window->first = 0;
    return true;
}

void window_push(struct window *window, const struct log_run *run, uint32_t capacity_max)
{
    ASSERT(is_power_of_two(capacity_max) && capacity_max >= WINDOW_CAPACITY_MIN);
    if (window->count == window->capacity && !grow(window, capacity_max)) {
        if (window->capacity == 0) {
            // No memory at all: the run is still found through the log.
            window->covers_from = run->last_id;
            return;
        }
        drop_oldest(window);
    }
    ASSERT(window->count == 0 || window_at(window, window->count - 1)->last_id < run->first_id);
    window->runs[(window->first + window->count) & (window->capacity - 1)] = *run;
    window->count++;
}

uint32_t window_find_place(const struct window *window, uint64_t cursor)
{
    ASSERT(cursor >= window->covers_from);
    if (window->count == 0 || window_at(window, window->count - 1)->last_id <= cursor) {
        return window->count;
    }
    uint32_t low = 0;
    uint32_t high = window->count - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (window_at(window, middle)->last_id > cursor) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

const struct log_run *window_find(const struct window *window, uint64_t cursor)
{
    uint32_t place = window_find_place(window, cursor);
    return place == window->count ? NULL : window_at(window, place);
}

void window_restart(struct window *window, uint64_t covers_from)
{
    ASSERT(covers_from >= window->covers_from);
    window->first = 0;
    window->count = 0;
    window->covers_from = covers_from;
}

void window_discard(struct window *window, uint64_t id)
{
    while (window->count > 0 && window_at(window, 0)->last_id <= id) {
        drop_oldest(window);
    }
}
