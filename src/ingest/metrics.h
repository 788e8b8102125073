// The broker's metrics: one table (metrics.c) says of each its name, what it means and where it
// stands. The text for Prometheus is written from it.
//
// Each thread counts for itself. For a scrape every worker copies its figures for the log thread
// (ADMIN_FIGURES), which adds its own and writes the text.
#ifndef RINGCAST_INGEST_METRICS_H
#define RINGCAST_INGEST_METRICS_H

#include "base/bytes.h"
#include "ingest/ingest.h"
#include "ingest/metrics_text.h"
#include "ingest/process_figures.h"
#include "io/thread_figures.h"
#include "log/log.h"
#include "worker/figures.h"

#include <stdint.h>

// All but the workers'. Of what the metrics are taken from, numbers are words of 64 bits.
struct broker_figures {
    struct log_status log;
    uint64_t is_writable;
    struct ingest_status ingest;
    struct thread_figures thread; // the log thread's
    struct process_figures process;
    uint64_t memory_stage, memory_changes;
    uint64_t memory_used_bytes, memory_limit_bytes, tcp_used_bytes, tcp_limit_bytes;
    uint64_t reloads, reload_refusals, reload_ms;
    uint64_t log_lines_lost;
    uint64_t one; // of what is always 1
};

// What they are now, on the log thread.
void broker_figures_take(struct broker_figures *figures, const struct ingest *ingest);

// figures: one for each worker. No more than TASK_FIGURES_BYTES, and TASK_FIGURES_WORKER_BYTES for
// each worker.
void metrics_write(struct buffer *out, const struct broker_figures *broker,
                   const struct worker_figures *figures, unsigned workers);

#endif
