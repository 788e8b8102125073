// The charts of the report: what was measured, in coordinates.
#ifndef RINGCAST_LOADGEN_REPORT_CHARTS_H
#define RINGCAST_LOADGEN_REPORT_CHARTS_H

#include "histogram.h"
#include "series.h"
#include "usage.h"

#include <stdint.h>
#include <stdio.h>

// Everything is drawn for a width, since text does not shrink with a small screen.

// How times are distributed: the share of each step of a logarithmic axis, percentiles marked.
void report_draw_distribution(FILE *out, double width, const struct histogram *histogram,
                              const char *label);

// Deliveries a second over time. `events`: published in all.
void report_draw_deliveries(FILE *out, double width, const struct series *series, uint64_t events);

// The latencies at p50 and p99 over time.
void report_draw_latency(FILE *out, double width, const struct series *series, uint64_t events);

// The server's resident memory over time.
void report_draw_resident(FILE *out, double width, const struct series *series, uint64_t events);

// What the threads of server (NULL: unknown) and generator used of a core, and for how long they
// waited for one.
void report_draw_threads(FILE *out, double width, const struct usage *server,
                         const struct usage *generator, uint64_t elapsed_ns);

#endif
