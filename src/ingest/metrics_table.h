// The table of all metrics. A family is a row with a name, and those without one behind it, which
// are more samples of it with other labels.
#ifndef RINGCAST_INGEST_METRICS_TABLE_H
#define RINGCAST_INGEST_METRICS_TABLE_H

#include "ingest/metrics_text.h"

#include <stddef.h>
#include <stdint.h>

enum metric_source {
    METRIC_OF_WORKERS,     // in struct worker_figures, of all workers together
    METRIC_OF_EACH_WORKER, // the same, labelled by worker
    METRIC_OF_THREADS,     // in struct thread_figures, labelled by thread
    METRIC_OF_BROKER,      // in struct broker_figures
};

// The figure is an array: an index of it is a label.
struct metric_by {
    const char *label; // NULL: it is none
    const char *(*value)(unsigned index);
    unsigned first; // index that is told, the lower ones mean nothing
    unsigned end;   // how many the array has
};

struct metric {
    const char *name; // NULL: as in the row before, with what follows here
    const char *help;
    enum metric_type type;
    enum metric_unit unit;
    enum metric_source source;
    size_t offset;                 // of a uint64_t, an array of them, or a struct distribution
    struct metric_label labels[2]; // that are always the same; name NULL: there is none
    struct metric_by by[2];        // rows, columns
    uint32_t first, last;          // METRIC_HISTOGRAM: of distribution_bounds
};

extern const struct metric metrics_table[];
extern const size_t metrics_count;

#endif
