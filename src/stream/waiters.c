#include "stream/waiters.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

bool waiters_add(struct waiters *waiters, uint64_t handle)
{
    if (waiters->count == waiters->capacity) {
        uint32_t capacity = waiters->capacity == 0 ? 4 : waiters->capacity * 2;
        uint64_t *handles = realloc(waiters->handles, capacity * sizeof(*handles));
        if (handles == NULL) {
            return false;
        }
        waiters->handles = handles;
        waiters->capacity = capacity;
    }
    waiters->handles[waiters->count++] = handle;
    return true;
}

void waiters_swap(struct waiters *waiters, struct waiters *into)
{
    ASSERT(into->count == 0);
    struct waiters taken = *waiters;
    *waiters = *into;
    *into = taken;
}

void waiters_take(struct waiters *waiters, uint32_t most, struct waiters *into)
{
    ASSERT(into->count == 0);
    if (most >= waiters->count) {
        waiters_swap(waiters, into);
        return;
    }
    uint32_t taken = 0;
    while (taken < most && waiters_add(into, waiters->handles[taken])) {
        taken++;
    }
    if (taken > 0) {
        waiters->count -= taken;
        memmove(waiters->handles, waiters->handles + taken,
                waiters->count * sizeof(*waiters->handles));
    }
}

void waiters_free(struct waiters *waiters)
{
    free(waiters->handles);
    *waiters = (struct waiters){0};
}
