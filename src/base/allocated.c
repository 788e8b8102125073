#include "base/allocated.h"

#include <stddef.h>

// jemalloc's (its manual, "MALLCTL NAMESPACE"). Weak: programs without jemalloc link too.
int mallctl(const char *name, void *old, size_t *old_length, void *new, size_t new_length)
    __attribute__((weak));

// 4096 is MALLCTL_ARENAS_ALL of its header.
#define PURGE_ALL_ARENAS "arena.4096.purge"

uint64_t allocated_bytes_of_thread(void)
{
    const uint64_t *bytes = NULL;
    size_t length = sizeof(bytes);
    if (mallctl == NULL || mallctl("thread.allocatedp", &bytes, &length, NULL, 0) != 0) {
        return 0;
    }
    return *bytes;
}

uint64_t allocated_bytes_of_process(void)
{
    uint64_t epoch = 1;
    size_t bytes = 0;
    size_t length = sizeof(bytes);
    if (mallctl == NULL || mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)) != 0 ||
        mallctl("stats.allocated", &bytes, &length, NULL, 0) != 0) {
        return 0;
    }
    return bytes;
}

void allocated_give_back(void)
{
    if (mallctl != NULL) {
        (void)mallctl(PURGE_ALL_ARENAS, NULL, NULL, NULL, 0);
    }
}
