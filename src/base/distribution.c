#include "base/distribution.h"

#define DECADE(power) (power), 2 * (power), 5 * (power)

const uint64_t distribution_bounds[DISTRIBUTION_BOUNDS] = {
    DECADE(UINT64_C(1)),          DECADE(UINT64_C(10)),          DECADE(UINT64_C(100)),
    DECADE(UINT64_C(1000)),       DECADE(UINT64_C(10000)),       DECADE(UINT64_C(100000)),
    DECADE(UINT64_C(1000000)),    DECADE(UINT64_C(10000000)),    DECADE(UINT64_C(100000000)),
    DECADE(UINT64_C(1000000000)), DECADE(UINT64_C(10000000000)), DECADE(UINT64_C(100000000000)),
};

// By the lowest value of so many bits.
const uint8_t distribution_first_cells[65] = {
    0,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 11, 12, 13, 14, 15, 16, 17, 18, 19,
    20, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 29, 30, 31, 32, 33, 34, 35, 36, 36, 36, 36,
    36, 36, 36, 36, 36, 36, 36, 36, 36, 36, 36, 36, 36, 36, 36, 36, 36, 36, 36, 36, 36,
};

uint64_t distribution_count(const struct distribution *distribution)
{
    uint64_t count = 0;
    for (uint32_t cell = 0; cell < DISTRIBUTION_CELLS; cell++) {
        count += distribution->cells[cell];
    }
    return count;
}
