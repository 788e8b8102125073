// Folded multiplication: two words, each masked by something secret, are multiplied to 128 bits,
// whose halves are joined. Both masks come from the seed, so that nobody who does not know it
// can choose an operand that becomes 0 and swallows the other.
#include "base/hash.h"

#include "base/bytes.h"

__extension__ typedef unsigned __int128 hash_product;

// Odd, with no pattern in their bits: the fractions of the square roots of 2, 3 and 5.
#define HASH_MIX_1 UINT64_C(0x6a09e667f3bcc909)
#define HASH_MIX_2 UINT64_C(0xbb67ae8584caa73b)
#define HASH_MIX_3 UINT64_C(0x3c6ef372fe94f82b)

static uint64_t hash_fold(uint64_t one, uint64_t other)
{
    hash_product product = (hash_product)one * other;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_mask(uint64_t seed)
{
    return hash_fold(seed ^ HASH_MIX_1, HASH_MIX_2);
}

static uint64_t hash_finish(uint64_t state, uint64_t mask)
{
    return hash_fold(state ^ mask, HASH_MIX_3);
}

uint64_t hash_bytes(uint64_t seed, const void *at, size_t length)
{
    const uint8_t *byte = at;
    uint64_t mask = hash_mask(seed);
    uint64_t state = seed ^ (length * HASH_MIX_2);
    size_t left = length;
    for (; left > 16; left -= 16, byte += 16) {
        state = hash_fold(load_le64(byte) ^ state, load_le64(byte + 8) ^ mask);
    }
    // The last 1 to 16 bytes as two words, which may overlap: the length tells cases apart.
    uint64_t first = 0;
    uint64_t last = 0;
    if (left >= 8) {
        first = load_le64(byte);
        last = load_le64(byte + left - 8);
    } else if (left >= 4) {
        first = load_le32(byte);
        last = load_le32(byte + left - 4);
    } else if (left > 0) {
        first = byte[0];
        last = (uint64_t)byte[left / 2] << 8 | byte[left - 1];
    }
    return hash_finish(hash_fold(first ^ state, last ^ mask), mask);
}

uint64_t hash_u64(uint64_t seed, uint64_t value)
{
    uint64_t mask = hash_mask(seed);
    return hash_finish(hash_fold(value ^ seed, mask), mask);
}

uint64_t hash_stable(const void *at, size_t length)
{
    const uint8_t *bytes = at;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}
