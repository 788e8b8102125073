// Writes metrics in the text format of Prometheus, 0.0.4: for each a HELP and a TYPE line, then its
// samples, which stand together. Failures stick to the buffer.
#ifndef RINGCAST_INGEST_METRICS_TEXT_H
#define RINGCAST_INGEST_METRICS_TEXT_H

#include "base/bytes.h"
#include "base/distribution.h"

#include <stdint.h>

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

// What figures are counted in, and are written as Prometheus wants them.
enum metric_unit {
    METRIC_PLAIN,    // bytes, events, ...
    METRIC_NS,       // as seconds
    METRIC_MS,       // as seconds
    METRIC_PERMILLE, // as a ratio
};

struct metric_label {
    const char *name;
    const char *value; // escaped here
};

struct metric_labels {
    uint32_t count;
    struct metric_label labels[4];
};

const char *metric_type_name(enum metric_type type);

void metrics_text_head(struct buffer *out, const char *name, const char *help,
                       enum metric_type type);
void metrics_text_sample(struct buffer *out, const char *name, const struct metric_labels *labels,
                         uint64_t value, enum metric_unit unit);
// Its buckets, sum and count. Bounds from `first` to `last` of distribution_bounds are told, cells
// below the first count in it.
void metrics_text_distribution(struct buffer *out, const char *name,
                               const struct metric_labels *labels,
                               const struct distribution *distribution, enum metric_unit unit,
                               uint32_t first, uint32_t last);

#endif
