#include "base/clock.h"

#include "base/assert.h"

#include <time.h>

// Weak: tests put simulated clocks in their place.
__attribute__((weak)) uint64_t clock_monotonic_ns(void)
{
    struct timespec now;
    int result = clock_gettime(CLOCK_MONOTONIC, &now);
    ASSERT(result == 0);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

__attribute__((weak)) uint64_t clock_realtime_ms(void)
{
    struct timespec now;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    ASSERT(result == 0);
    ASSERT(now.tv_sec >= 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
