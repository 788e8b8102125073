#include "series.h"

#include "base/assert.h"

#include <stdbool.h>
#include <stddef.h>

static uint64_t higher(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void series_point_join(struct series_point *into, const struct series_point *next)
{
    into->duration_ns = next->start_ns + next->duration_ns - into->start_ns;
    into->deliveries += next->deliveries;
    into->bytes += next->bytes;
    into->server_cpu_ns += next->server_cpu_ns;
    into->p50_ns = higher(into->p50_ns, next->p50_ns);
    into->p99_ns = higher(into->p99_ns, next->p99_ns);
    into->resident_bytes = higher(into->resident_bytes, next->resident_bytes);
}

static uint64_t resident_average(const struct series *series, uint32_t from, uint32_t to)
{
    uint64_t sum = 0;
    for (uint32_t i = from; i < to; i++) {
        sum += series->points[i].resident_bytes;
    }
    return from < to ? sum / (to - from) : 0;
}

void series_resident(const struct series *series, uint64_t *third, uint64_t *last)
{
    uint32_t quarter = series->count / 4;
    *third = resident_average(series, series->count - 2 * quarter, series->count - quarter);
    *last = resident_average(series, series->count - quarter, series->count);
}

static void halve(struct series *series)
{
    for (uint32_t i = 0; i < SERIES_POINTS_MAX / 2; i++) {
        struct series_point point = series->points[2 * (size_t)i];
        series_point_join(&point, &series->points[2 * (size_t)i + 1]);
        series->points[i] = point;
    }
    series->count = SERIES_POINTS_MAX / 2;
    series->samples_each *= 2;
    series->samples_last = series->samples_each;
}

void series_add(struct series *series, const struct series_point *sample)
{
    if (series->samples_each == 0) {
        series->samples_each = 1;
    }
    if (series->count > 0) {
        struct series_point *last = &series->points[series->count - 1];
        bool is_rest = sample->duration_ns * series->samples_last * 2 < last->duration_ns;
        if (is_rest || series->samples_last < series->samples_each) {
            series->samples_last += !is_rest;
            series_point_join(last, sample);
            return;
        }
    }
    if (series->count == SERIES_POINTS_MAX) {
        halve(series);
    }
    ASSERT(series->count < SERIES_POINTS_MAX);
    series->points[series->count++] = *sample;
    series->samples_last = 1;
}
