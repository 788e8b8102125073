// A log-linear histogram: exact up to 255, beyond that 128 steps to each power of two, so that what
// is read out is at most 0.8 % above what was recorded. Values are in any unit; here nanoseconds.
// One thread records into each; histograms of several threads are merged.
#ifndef RINGCAST_LOADGEN_HISTOGRAM_H
#define RINGCAST_LOADGEN_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

enum {
    HISTOGRAM_STEP_BITS = 7,
    HISTOGRAM_VALUE_BITS = 41, // in nanoseconds 36 minutes; what is above counts as that
    HISTOGRAM_STEPS = 1 << HISTOGRAM_STEP_BITS,
    HISTOGRAM_CELLS = (HISTOGRAM_VALUE_BITS - HISTOGRAM_STEP_BITS + 1) * HISTOGRAM_STEPS,
};

// Zeroed memory is an empty histogram.
struct histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t maximum; // exact
    uint64_t cells[HISTOGRAM_CELLS];
};

void histogram_clear(struct histogram *histogram);

void histogram_record(struct histogram *histogram, uint64_t value);

void histogram_merge(struct histogram *into, const struct histogram *from);

// Adds what `from` holds while its own thread may be recording into it: each cell is read whole,
// and one that was counted meanwhile may be missing. The maximum is left as it is.
void histogram_observe(struct histogram *into, const struct histogram *from);

// What was recorded from `before` to `after`, two observations of the same histograms. Its maximum
// is that of the cell.
void histogram_difference(struct histogram *difference, const struct histogram *before,
                          const struct histogram *after);

// The value that `parts` of 100,000 of what was recorded do not exceed (50000: the median; 99900:
// p99.9), rounded up within its step, never above the maximum. 0 when empty.
uint64_t histogram_quantile(const struct histogram *histogram, uint32_t parts);

// The quantiles that every text, object and chart tells, the highest last: the maximum.
enum {
    HISTOGRAM_TOLD = 5,
};
struct histogram_told {
    const char *name;
    const char *key; // the same within a name
    uint32_t parts;
};
extern const struct histogram_told histogram_told[HISTOGRAM_TOLD];

// These of a histogram of nanoseconds, as "p50 1.2  p90 1.4  ...  max 7.0 us".
void histogram_print(const struct histogram *histogram, FILE *out);

// 0 when empty.
uint64_t histogram_mean(const struct histogram *histogram);

// Cells for whoever draws them: the smallest and the largest value of cell `cell`.
uint64_t histogram_cell_lowest(uint32_t cell);
uint64_t histogram_cell_highest(uint32_t cell);

#endif
