// Connections that wait for something (a look-up, a cold block, a stream's state), as handles that
// may have gone stale.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct waiters {
    uint64_t *handles;
    uint32_t count;
    uint32_t capacity;
};

// False when memory ran out: the caller must not wait then.
bool waiters_add(struct waiters *waiters, uint64_t handle);
// Takes all into `into` (which must be empty), leaving the memory of `into` behind: no allocation
// in steady state.
void waiters_swap(struct waiters *waiters, struct waiters *into);
// Moves the first ones, `most` of them, into `into` (which is empty), as far as there is memory.
void waiters_take(struct waiters *waiters, uint32_t most, struct waiters *into);
void waiters_free(struct waiters *waiters);
