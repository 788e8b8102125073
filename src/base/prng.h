// A fast pseudo-random generator (xoshiro256**, seeded through splitmix64; both by Blackman and
// Vigna, public domain algorithms): for simulations, jitter and sampling. Not for secrets. The same
// seed gives the same numbers on every machine. One thread each.
#ifndef RINGCAST_BASE_PRNG_H
#define RINGCAST_BASE_PRNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prng {
    uint64_t state[4];
};

void prng_seed(struct prng *prng, uint64_t seed);

uint64_t prng_u64(struct prng *prng);

// Uniform in 0 to bound - 1, without bias. bound > 0.
uint64_t prng_below(struct prng *prng, uint64_t bound);

// Uniform in low to high, both included. low <= high.
uint64_t prng_between(struct prng *prng, uint64_t low, uint64_t high);

// True in `numerator` of `denominator` cases. denominator > 0.
bool prng_chance(struct prng *prng, uint64_t numerator, uint64_t denominator);

void prng_bytes(struct prng *prng, void *into, size_t length);

#endif
