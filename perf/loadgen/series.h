// What was measured over time, in bounded memory: when it is full, each two neighbours become one,
// and from then on a point takes twice as many samples. One thread.
#ifndef RINGCAST_LOADGEN_SERIES_H
#define RINGCAST_LOADGEN_SERIES_H

#include <stdint.h>

enum {
    SERIES_POINTS_MAX = 400, // even
};

// What happened in a stretch of time.
struct series_point {
    uint64_t start_ns; // since the series began
    uint64_t duration_ns;
    uint64_t deliveries;
    uint64_t bytes;
    uint64_t server_cpu_ns;
    // Of points made one: the higher, so that a peak stays to be seen.
    uint64_t p50_ns; // 0: nothing arrived
    uint64_t p99_ns;
    uint64_t resident_bytes; // of the server at the end; 0: unknown
};

// Zeroed memory is an empty series.
struct series {
    uint32_t count;
    uint32_t samples_each; // that make a point; 0 as 1
    uint32_t samples_last; // that the last point has
    struct series_point points[SERIES_POINTS_MAX];
};

// Adds a sample, which begins where the one before ended. One that is much shorter than that (the
// rest at the end) is put to the last point, whatever it has.
void series_add(struct series *series, const struct series_point *sample);

// Whether the server's memory grows: its averages over the third and the last quarter of the
// points, when what is set up has long been there. Both 0 with fewer points than 4.
void series_resident(const struct series *series, uint64_t *third, uint64_t *last);

// Makes two stretches of time that follow each other one.
void series_point_join(struct series_point *into, const struct series_point *next);

#endif
