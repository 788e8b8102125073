#include "base/crc32c.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <stdlib.h>

// Bit by bit, straight from the polynomial.
static uint32_t crc_by_hand(uint32_t seed, const uint8_t *at, size_t length)
{
    uint32_t state = ~seed;
    for (size_t i = 0; i < length; i++) {
        state ^= at[i];
        for (int bit = 0; bit < 8; bit++) {
            state = state >> 1 ^ ((state & 1) != 0 ? 0x82f63b78U : 0);
        }
    }
    return ~state;
}

Test(crc32c, gives_published_values)
{
    uint8_t bytes[32];
    cr_assert_eq(crc32c(0, "123456789", 9), 0xe3069283);
    cr_assert_eq(crc32c_portable(0, "123456789", 9), 0xe3069283);
    cr_assert_eq(crc32c(0, NULL, 0), 0);
    cr_assert_eq(crc32c(77, NULL, 0), 77);
    // RFC 3720 appendix B.4
    memset(bytes, 0, sizeof(bytes));
    cr_assert_eq(crc32c(0, bytes, sizeof(bytes)), 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    cr_assert_eq(crc32c(0, bytes, sizeof(bytes)), 0x62a8ab43);
    for (uint8_t i = 0; i < 32; i++) {
        bytes[i] = i;
    }
    cr_assert_eq(crc32c(0, bytes, sizeof(bytes)), 0x46dd794e);
}

Test(crc32c, both_ways_agree_at_every_length_and_alignment)
{
    enum { BYTES = 30000 };
    uint8_t *bytes = malloc(BYTES + 8);
    struct prng prng;
    prng_seed(&prng, 1);
    prng_bytes(&prng, bytes, BYTES + 8);
    for (size_t length = 0; length < 2000; length += 1 + length / 100) {
        const uint8_t *at = bytes + length % 8;
        uint32_t seed = (uint32_t)prng_u64(&prng);
        uint32_t expected = crc_by_hand(seed, at, length);
        cr_assert_eq(crc32c(seed, at, length), expected, "length %zu", length);
        cr_assert_eq(crc32c_portable(seed, at, length), expected, "length %zu", length);
    }
    for (size_t length = 2000; length < BYTES; length += 997) {
        cr_assert_eq(crc32c(5, bytes, length), crc32c_portable(5, bytes, length));
    }
    cr_assert_eq(crc32c(5, bytes, BYTES), crc_by_hand(5, bytes, BYTES));
    free(bytes);
}

Test(crc32c, continues)
{
    uint8_t bytes[9000];
    struct prng prng;
    prng_seed(&prng, 2);
    prng_bytes(&prng, bytes, sizeof(bytes));
    uint32_t whole = crc32c(9, bytes, sizeof(bytes));
    for (size_t cut = 0; cut <= sizeof(bytes); cut += 321) {
        uint32_t first = crc32c(9, bytes, cut);
        cr_assert_eq(crc32c(first, bytes + cut, sizeof(bytes) - cut), whole);
    }
}
