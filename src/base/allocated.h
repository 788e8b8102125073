// How much memory a thread ever allocated, as jemalloc counts it: for tests of the rule that the
// hot path allocates nothing.
#ifndef RINGCAST_BASE_ALLOCATED_H
#define RINGCAST_BASE_ALLOCATED_H

#include <stdint.h>

// Bytes that the calling thread allocated since it began, freed or not. 0 where jemalloc is not
// linked in or does not count.
uint64_t allocated_bytes_of_thread(void);

#endif
