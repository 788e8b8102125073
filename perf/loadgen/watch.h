// Looks on while a run goes: a line on the terminal that says how it goes, and the series of what
// was measured. Reads what the readers count; they take no notice. Main thread, but for
// watch_phase.
#ifndef RINGCAST_LOADGEN_WATCH_H
#define RINGCAST_LOADGEN_WATCH_H

#include "histogram.h"
#include "meter.h"
#include "reader.h"
#include "series.h"
#include "usage.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    WATCH_INTERVAL_MS = 100, // between two calls of watch_tick
    WATCH_LINE_SIZE = 256,
};

enum watch_phase {
    WATCH_CONNECTING,
    WATCH_RECONNECTING,
    WATCH_PUBLISHING, // before the first connection
    WATCH_WARMING,
    // These go into the series, which begins at meter->record_from_ns.
    WATCH_MEASURING,
    WATCH_REPLAYING,
    WATCH_DRAINING,
};

// What had been counted at a moment.
struct watch_mark {
    uint64_t taken_ns;
    uint64_t deliveries;
    uint64_t bytes;
    uint64_t server_cpu_ns;
    uint64_t resident_bytes; // of the server
    struct histogram latency;
};

struct watch {
    const struct options *options;
    struct meter *meter;
    struct reader *const *readers; // options->threads of them
    struct usage_processes server; // none: unknown
    struct series *series;
    bool shows; // standard error is a terminal
    _Atomic(enum watch_phase) phase;
    enum watch_phase phase_seen;
    uint64_t phase_start_ns;
    uint64_t series_start_ns;
    struct watch_mark now;
    struct watch_mark tick;   // the last one
    struct watch_mark second; // of the beginning of the second that runs
    struct series_point last; // what happened in the second before
    struct histogram between; // scratch
};

// Borrows everything. The readers may come later, until the first watch_tick.
void watch_init(struct watch *watch, const struct options *options, struct meter *meter,
                struct reader *const *readers, struct series *series);

// Any thread: what now begins.
void watch_phase(struct watch *watch, enum watch_phase phase);

// Every WATCH_INTERVAL_MS, and once more at the end of the measured phase. resident_bytes: of the
// server, as read just now; 0: unknown.
void watch_tick(struct watch *watch, uint64_t resident_bytes);

// Removes the line.
void watch_clear(const struct watch *watch);

#endif
