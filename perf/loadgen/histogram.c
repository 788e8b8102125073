#include "histogram.h"

#include "base/assert.h"

#include <stdbool.h>
#include <string.h>

static const uint64_t VALUE_MAX = (UINT64_C(1) << HISTOGRAM_VALUE_BITS) - 1;
static const uint64_t PARTS = 100 * 1000;

const struct histogram_told histogram_told[HISTOGRAM_TOLD] = {
    {"p50", "p50", 50000},     {"p90", "p90", 90000},  {"p99", "p99", 99000},
    {"p99.9", "p99_9", 99900}, {"max", "max", 100000},
};

// A value's highest HISTOGRAM_STEP_BITS + 1 bits choose its step; each further power of two has
// HISTOGRAM_STEPS of them, right behind those of the one before.
static uint32_t cell_of(uint64_t value)
{
    if (value < 2 * HISTOGRAM_STEPS) {
        return (uint32_t)value;
    }
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
    return shift * HISTOGRAM_STEPS + (uint32_t)(value >> shift);
}

static uint32_t shift_of(uint32_t cell)
{
    return cell < 2 * HISTOGRAM_STEPS ? 0 : cell / HISTOGRAM_STEPS - 1;
}

uint64_t histogram_cell_lowest(uint32_t cell)
{
    ASSERT(cell < HISTOGRAM_CELLS);
    uint32_t shift = shift_of(cell);
    return (uint64_t)(cell - shift * HISTOGRAM_STEPS) << shift;
}

uint64_t histogram_cell_highest(uint32_t cell)
{
    return histogram_cell_lowest(cell) + (UINT64_C(1) << shift_of(cell)) - 1;
}

void histogram_clear(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
    uint32_t cell = cell_of(value < VALUE_MAX ? value : VALUE_MAX);
    ASSERT(cell < HISTOGRAM_CELLS);
    // Only this thread writes, another one may look (histogram_observe).
    __atomic_store_n(&histogram->cells[cell], histogram->cells[cell] + 1, __ATOMIC_RELAXED);
    histogram->count++;
    histogram->sum += value;
    if (value > histogram->maximum) {
        histogram->maximum = value;
    }
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    into->count += from->count;
    into->sum += from->sum;
    if (from->maximum > into->maximum) {
        into->maximum = from->maximum;
    }
    for (uint32_t cell = 0; cell < HISTOGRAM_CELLS; cell++) {
        into->cells[cell] += from->cells[cell];
    }
}

void histogram_observe(struct histogram *into, const struct histogram *from)
{
    for (uint32_t cell = 0; cell < HISTOGRAM_CELLS; cell++) {
        uint64_t count = __atomic_load_n(&from->cells[cell], __ATOMIC_RELAXED);
        into->cells[cell] += count;
        into->count += count;
    }
}

void histogram_difference(struct histogram *difference, const struct histogram *before,
                          const struct histogram *after)
{
    ASSERT(difference != before && difference != after);
    histogram_clear(difference);
    for (uint32_t cell = 0; cell < HISTOGRAM_CELLS; cell++) {
        difference->cells[cell] = after->cells[cell] - before->cells[cell];
        difference->count += difference->cells[cell];
        if (difference->cells[cell] > 0) {
            difference->maximum = histogram_cell_highest(cell);
        }
    }
}

uint64_t histogram_quantile(const struct histogram *histogram, uint32_t parts)
{
    ASSERT(parts <= PARTS);
    // The rank, rounded up, of the value asked for; without overflow for any count.
    uint64_t whole = histogram->count / PARTS * parts;
    uint64_t rest = (histogram->count % PARTS * parts + PARTS - 1) / PARTS;
    uint64_t rank = whole + rest > 0 ? whole + rest : 1;
    uint64_t seen = 0;
    for (uint32_t cell = 0; cell < HISTOGRAM_CELLS; cell++) {
        seen += histogram->cells[cell];
        if (seen >= rank) {
            uint64_t highest = histogram_cell_highest(cell);
            bool is_last = seen == histogram->count;
            return is_last || highest > histogram->maximum ? histogram->maximum : highest;
        }
    }
    return 0;
}

void histogram_print(const struct histogram *histogram, FILE *out)
{
    for (unsigned i = 0; i < HISTOGRAM_TOLD; i++) {
        double us = (double)histogram_quantile(histogram, histogram_told[i].parts) / 1e3;
        (void)fprintf(out, "%s%s %.1f", i > 0 ? "  " : "", histogram_told[i].name, us);
    }
    (void)fprintf(out, " us");
}

uint64_t histogram_mean(const struct histogram *histogram)
{
    return histogram->count == 0 ? 0 : histogram->sum / histogram->count;
}
