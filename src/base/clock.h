// The only source of time: a link-time seam. clock.c defines clock_monotonic_ns and
// clock_realtime_ms as weak symbols; a test that defines functions of these names replaces them
// for its whole program. Any thread, no failure.
#ifndef RINGCAST_BASE_CLOCK_H
#define RINGCAST_BASE_CLOCK_H

#include <stdint.h>

// Nanoseconds since some point in the past; never goes back (CLOCK_MONOTONIC).
uint64_t clock_monotonic_ns(void);

// Milliseconds since 1970-01-01 UTC; may jump (CLOCK_REALTIME).
uint64_t clock_realtime_ms(void);

static inline uint64_t clock_monotonic_ms(void)
{
    return clock_monotonic_ns() / (1000 * 1000);
}

#endif
