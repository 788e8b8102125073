// What is particular to jemalloc: how much memory a thread ever allocated (for tests of the rule
// that the hot path allocates nothing), and giving memory back.
#ifndef RINGCAST_BASE_ALLOCATED_H
#define RINGCAST_BASE_ALLOCATED_H

#include <stdint.h>

// Bytes that the calling thread allocated since it began, freed or not. 0 where jemalloc is not
// linked in or does not count.
uint64_t allocated_bytes_of_thread(void);

// What all threads have allocated and not freed; 0 where jemalloc is not linked in or does not
// count. Takes the allocator's locks for some microseconds.
uint64_t allocated_bytes_of_process(void);

// Gives what all threads have freed back to the kernel at once, which otherwise happens over some
// seconds, and only as they go on allocating. Nothing where jemalloc is not linked in.
void allocated_give_back(void);

#endif
