#include "base/hash.h"

#include "base/bytes.h"
#include "base/prng.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

Test(hash, depends_on_every_bit_and_on_the_seed)
{
    uint8_t bytes[80];
    for (size_t length = 1; length <= sizeof(bytes); length++) {
        memset(bytes, 0, sizeof(bytes));
        uint64_t plain = hash_bytes(7, bytes, length);
        cr_assert_eq(plain, hash_bytes(7, bytes, length));
        cr_assert_neq(plain, hash_bytes(8, bytes, length));
        cr_assert_neq(plain, hash_bytes(7, bytes, length - 1));
        for (size_t bit = 0; bit < 8 * length; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            int changed = __builtin_popcountll(plain ^ hash_bytes(7, bytes, length));
            cr_assert(changed >= 8 && changed <= 56, "%d bits of length %zu", changed, length);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    cr_assert_eq(hash_bytes(7, NULL, 0), hash_bytes(7, "", 0));
}

// As published: logs rely on it.
Test(hash, that_is_stable)
{
    cr_assert_eq(hash_stable(NULL, 0), UINT64_C(0xcbf29ce484222325));
    cr_assert_eq(hash_stable("a", 1), UINT64_C(0xaf63dc4c8601ec8c));
    cr_assert_eq(hash_stable("foobar", 6), UINT64_C(0x85944171f73967e8));
}

// The most that any of 4096 places gets of 16384 keys; about 4 is the mean, and 20 next to
// impossible for a good hash.
static void check_spread(const uint64_t *hashes, size_t count, unsigned shift)
{
    uint8_t places[4096] = {0};
    for (size_t i = 0; i < count; i++) {
        uint8_t *place = &places[hashes[i] >> shift & 4095];
        (*place)++;
        cr_assert_lt(*place, 20);
    }
}

Test(hash, spreads_similar_keys)
{
    enum { COUNT = 16384 };
    uint64_t *names = malloc(COUNT * sizeof(*names));
    uint64_t *numbers = malloc(COUNT * sizeof(*numbers));
    for (uint64_t seed = 0; seed < 10; seed++) {
        for (size_t i = 0; i < COUNT; i++) {
            char name[32];
            int length = snprintf(name, sizeof(name), "chat/%zu", i);
            names[i] = hash_bytes(seed, name, (size_t)length);
            numbers[i] = hash_u64(seed, (uint64_t)i << (seed * 5));
        }
        for (unsigned shift = 0; shift <= 48; shift += 12) {
            check_spread(names, COUNT, shift);
            check_spread(numbers, COUNT, shift);
        }
    }
    free(names);
    free(numbers);
}
