#include "base/prng.h"

#include "base/assert.h"
#include "base/bytes.h"

static uint64_t rotate_left(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

void prng_seed(struct prng *prng, uint64_t seed)
{
    // splitmix64: its outputs are never all zero, the one state that xoshiro cannot leave.
    for (int i = 0; i < 4; i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t mixed = seed;
        mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
        prng->state[i] = mixed ^ mixed >> 31;
    }
}

uint64_t prng_u64(struct prng *prng)
{
    uint64_t *state = prng->state;
    uint64_t result = rotate_left(state[1] * 5, 7) * 9;
    uint64_t carried = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= carried;
    state[3] = rotate_left(state[3], 45);
    return result;
}

uint64_t prng_below(struct prng *prng, uint64_t bound)
{
    ASSERT(bound > 0);
    // The numbers below this would make the small remainders more likely.
    uint64_t uneven = (0 - bound) % bound;
    uint64_t value = prng_u64(prng);
    while (value < uneven) {
        value = prng_u64(prng);
    }
    return value % bound;
}

uint64_t prng_between(struct prng *prng, uint64_t low, uint64_t high)
{
    ASSERT(low <= high);
    if (low == 0 && high == UINT64_MAX) {
        return prng_u64(prng);
    }
    return low + prng_below(prng, high - low + 1);
}

bool prng_chance(struct prng *prng, uint64_t numerator, uint64_t denominator)
{
    return prng_below(prng, denominator) < numerator;
}

void prng_bytes(struct prng *prng, void *into, size_t length)
{
    uint8_t *at = into;
    for (; length >= 8; at += 8, length -= 8) {
        store_le64(at, prng_u64(prng));
    }
    if (length > 0) {
        uint8_t last[8];
        store_le64(last, prng_u64(prng));
        memcpy(at, last, length);
    }
}
