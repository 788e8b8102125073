// A distribution of values over fixed bounds, 1, 2 and 5 times each power of ten (what Prometheus
// calls a histogram): what is recorded counts in the cell of the lowest bound that is not below it.
// Cheap enough to be recorded into for each round or block: a look-up, at most two comparisons, two
// additions. Values are in any unit of the caller's. One thread each; those of several threads are
// summed word by word, which is why all of it is words of 64 bits.
#ifndef RINGCAST_BASE_DISTRIBUTION_H
#define RINGCAST_BASE_DISTRIBUTION_H

#include <stdint.h>

enum {
    DISTRIBUTION_DECADES = 12, // 1 to 500 billion: nanoseconds up to 500 s
    DISTRIBUTION_BOUNDS = 3 * DISTRIBUTION_DECADES,
    DISTRIBUTION_CELLS = DISTRIBUTION_BOUNDS + 1, // the last one is above all bounds
};

struct distribution {
    uint64_t sum; // of the values
    uint64_t cells[DISTRIBUTION_CELLS];
};

// The cells' upper bounds, inclusive, ascending.
extern const uint64_t distribution_bounds[DISTRIBUTION_BOUNDS];
// The lowest cell that a value with so many bits may belong to.
extern const uint8_t distribution_first_cells[65];

// As if `value` were recorded `weight` times.
static inline void distribution_add(struct distribution *distribution, uint64_t value,
                                    uint64_t weight)
{
    uint32_t cell = distribution_first_cells[value == 0 ? 0 : 64 - __builtin_clzll(value)];
    while (cell < DISTRIBUTION_BOUNDS && value > distribution_bounds[cell]) {
        cell++;
    }
    distribution->cells[cell] += weight;
    distribution->sum += value * weight;
}

// How many values were recorded.
uint64_t distribution_count(const struct distribution *distribution);

#endif
