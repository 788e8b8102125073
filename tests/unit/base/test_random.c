#include "base/random.h"

#include <criterion/criterion.h>

Test(random, fills_everything_differently)
{
    uint8_t first[4096] = {0};
    uint8_t second[4096] = {0};
    random_bytes(first, sizeof(first));
    random_bytes(second, sizeof(second));
    cr_assert(memcmp(first, second, sizeof(first)) != 0);
    // 64 zero bytes in a row would come once in 2^500 tries.
    for (size_t at = 0; at + 64 <= sizeof(first); at += 64) {
        uint8_t any = 0;
        for (size_t i = at; i < at + 64; i++) {
            any |= first[i];
        }
        cr_assert_neq(any, 0);
    }
    cr_assert_neq(random_u64(), random_u64());
    random_bytes(first, 0);
}
