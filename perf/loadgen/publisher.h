// Publishes at a pace: at a rate, whatever the subscribers do (then latency counts from the time at
// which an event was due, so that a stall of the server is seen in all the events that it held up);
// as fast as they receive, with a window of events on their way; or one event at a time. One
// thread.
#ifndef RINGCAST_LOADGEN_PUBLISHER_H
#define RINGCAST_LOADGEN_PUBLISHER_H

#include "dealing.h"
#include "histogram.h"
#include "meter.h"
#include "outlet.h"

#include <stdint.h>

enum publisher_pace {
    PACE_RATE,   // options->rate
    PACE_WINDOW, // options->window
    PACE_SINGLE, // at a rate at most, and each only when all before it were received
};

struct publisher_config {
    const struct options *options;
    enum publisher_pace pace;
    struct outlet *outlet; // may be closed, when nothing is published
    struct meter *meter;
    uint32_t run;
};

struct publisher {
    struct publisher_config config;
    struct dealing dealing;
    uint64_t *published;       // events, by stream
    uint64_t expected;         // deliveries that all of it comes to, of the healthy
    uint64_t events;           // published in all
    struct histogram lateness; // of a phase, how long after an event was due it was published
    uint32_t stream_next;
    uint8_t *bytes; // of a batch
    struct outlet_event *batch;
    char error[OUTLET_ERROR_SIZE]; // what ended a phase early
};

// Returns 0 or -ENOMEM.
int publisher_init(struct publisher *publisher, const struct publisher_config *config);
void publisher_free(struct publisher *publisher);

// Publishes for `duration_ms`. The lateness begins anew. Returns 0 or -errno with a line in error.
int publisher_run(struct publisher *publisher, uint64_t duration_ms);

// Publishes so many events, as fast as they are taken, and waits for the answers. Returns 0 or
// -errno with a line in error.
int publisher_publish(struct publisher *publisher, uint64_t count);

// Takes so many events for published.
void publisher_assume(struct publisher *publisher, uint64_t count);

// Waits until everything has been received and acknowledged. Returns 0; -ETIMEDOUT when for some
// seconds nothing more comes; -ECONNRESET when a subscriber is gone; with a line in error.
int publisher_drain(struct publisher *publisher);

// How many of `connections` subscribers dealt to `streams` in turn belong to `stream`.
uint32_t publisher_subscribers(uint32_t connections, uint32_t streams, uint32_t stream);

#endif
