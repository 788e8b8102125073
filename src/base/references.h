// How many use something that threads share, of which the last one frees it. Any thread.
#ifndef RINGCAST_BASE_REFERENCES_H
#define RINGCAST_BASE_REFERENCES_H

#include "base/assert.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct references {
    _Atomic uint32_t count;
};

// One: its maker's.
static inline void references_begin(struct references *references)
{
    atomic_init(&references->count, 1);
}

// By who has one.
static inline void references_hold(struct references *references)
{
    uint32_t before = atomic_fetch_add_explicit(&references->count, 1, memory_order_relaxed);
    ASSERT(before > 0 && before < UINT32_MAX);
}

// True: that was the last one, and the caller frees it.
static inline bool references_release(struct references *references)
{
    // Release: what this thread did with it; acquire: what the others did, before it is freed.
    uint32_t before = atomic_fetch_sub_explicit(&references->count, 1, memory_order_acq_rel);
    ASSERT(before > 0);
    return before == 1;
}

#endif
