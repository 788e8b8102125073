// What a worker has counted, copied by itself into the asker's memory (ADMIN_FIGURES), so that a
// status or a scrape costs it a few microseconds. Words of 64 bits only: the figures of all workers
// are added up word by word. What they mean is said in ingest/metrics.c, and by the names here.
#ifndef RINGCAST_WORKER_FIGURES_H
#define RINGCAST_WORKER_FIGURES_H

#include "base/json_writer.h"
#include "conn/shard.h"
#include "io/thread_figures.h"

struct worker_figures {
    struct shard_stats stats;
    struct thread_figures thread;
    uint64_t standings[CONN_STANDINGS]; // connections
    uint64_t connections, rings, streams;
    uint64_t cold_bytes, cold_reads, cold_faults, renditions;
    uint64_t tokens_verified, tokens_kept;
    uint64_t access_lines_dropped;
};

void worker_figures_add(struct worker_figures *sum, const struct worker_figures *figures);

// The members of a JSON object.
void worker_figures_write(struct json_writer *writer, const struct worker_figures *figures);

#endif
