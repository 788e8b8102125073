#include "base/word.h"

#include "base/bytes.h"
#include "base/prng.h"

#include <criterion/criterion.h>

// The offset of the first byte for which the marks should be set, or 8.
static size_t first_by_hand(const uint8_t bytes[8], uint8_t low, uint8_t high)
{
    size_t i = 0;
    while (i < 8 && (bytes[i] < low || bytes[i] > high)) {
        i++;
    }
    return i;
}

static size_t first_of(uint64_t marks)
{
    return marks == 0 ? 8 : word_first(marks);
}

Test(word, finds_the_first_match)
{
    struct prng prng;
    prng_seed(&prng, 1);
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[8];
        prng_bytes(&prng, bytes, sizeof(bytes));
        for (size_t j = 0; j < 8 && i % 2 == 0; j++) {
            bytes[j] &= 0x7f;
        }
        uint64_t word = load_le64(bytes);
        uint8_t target = bytes[prng_below(&prng, 8)];
        uint8_t bound = (uint8_t)prng_between(&prng, 1, 128);
        cr_assert_eq(first_of(word_not_ascii(word)), first_by_hand(bytes, 0x80, 0xff));
        cr_assert_eq(first_of(word_equal(word, target)), first_by_hand(bytes, target, target));
        cr_assert_eq(first_of(word_below(word, bound)),
                     first_by_hand(bytes, 0, (uint8_t)(bound - 1)));
    }
}
