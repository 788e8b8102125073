// Hashes for tables. Keyed: with a secret random seed per table nobody can prepare names that
// all collide. Not for signatures; but for hash_stable they change from version to version: never
// write one to disk.
#ifndef RINGCAST_BASE_HASH_H
#define RINGCAST_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

// `at` may be NULL where length is 0. Any thread.
uint64_t hash_bytes(uint64_t seed, const void *at, size_t length);

uint64_t hash_u64(uint64_t seed, uint64_t value);

// The same in every version, for names that stand in the log by their hash: FNV-1a.
uint64_t hash_stable(const void *at, size_t length);

#endif
