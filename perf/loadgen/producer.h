// One of the producers of the mode ingest: a thread that publishes as fast as it is acknowledged.
// What publishes differs by where to: libringcast (producer_unix.c), POSTs (producer_http.c).
#ifndef RINGCAST_LOADGEN_PRODUCER_H
#define RINGCAST_LOADGEN_PRODUCER_H

#include "histogram.h"
#include "options.h"
#include "payload.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { PRODUCER_ERROR_SIZE = 320 };

struct producer;

struct producer_kind {
    const char *prefix; // of --publish
    // Both: false with a line in producer->error. close after a failed open too.
    bool (*open)(struct producer *producer, uint32_t index);
    void (*run)(struct producer *producer); // until end_ns, and until all is answered
    void (*close)(struct producer *producer);
};

extern const struct producer_kind producer_kind_unix;
extern const struct producer_kind producer_kind_http;

struct producer {
    const struct producer_kind *kind;
    const struct options *options; // borrowed
    pthread_t thread;
    void *state;
    uint32_t run;
    uint32_t stream;   // that the next event goes to
    uint64_t *numbers; // of the last event, by stream
    uint64_t record_from_ns;
    uint64_t end_ns;
    atomic_uint_fast64_t acknowledged; // events
    uint64_t refused;                  // or never answered
    char error[PRODUCER_ERROR_SIZE];   // the first one; empty: none
    struct histogram latency;          // of requests, from publish to answer
};

// Writes the next event's data (options->size_bytes). Returns its stream.
uint32_t producer_next_event(struct producer *producer, uint8_t *data, uint64_t now_ns);

// A request was answered well.
static inline void producer_acknowledge(struct producer *producer, uint64_t sent_ns, uint32_t count)
{
    if (sent_ns >= producer->record_from_ns) {
        histogram_record(&producer->latency, clock_monotonic_ns() - sent_ns);
    }
    atomic_fetch_add_explicit(&producer->acknowledged, count, memory_order_relaxed);
}

#endif
