// What a run with subscribers measured.
#ifndef RINGCAST_LOADGEN_RESULT_H
#define RINGCAST_LOADGEN_RESULT_H

#include "drops.h"
#include "group_tally.h"
#include "histogram.h"
#include "options.h"
#include "publisher.h"
#include "result_memory.h"
#include "secure.h"
#include "series.h"
#include "subscriber.h"
#include "usage.h"

#include <stdbool.h>
#include <stdint.h>

enum result_kind {
    RESULT_FANOUT = 0,
    RESULT_STORM,
    RESULT_REPLAY,
};

struct result {
    const char *mode;
    enum result_kind kind;
    const struct options *options;
    enum publisher_pace pace;
    bool has_run;                  // all subscribers were there, and the measured phase took place
    char error[OUTLET_ERROR_SIZE]; // why the run ended early; "" when it did not

    uint32_t bare_threads; // that the bare server has
    // Opening the connections.
    uint64_t opening_cpu_ns;      // of the server, where `storm` looked
    uint64_t reopening_ns;        // as opening_ns, when all connected again
    uint64_t opening_ns;          // from the first to the last subscriber's header
    struct histogram opening;     // each one's time from connect to its header
    struct histogram reopening;   // the same of those that connected again
    struct histogram catching_up; // of those, from connect to the last event that they had missed
    struct result_memory memory;

    // The measured phase, from its first event until the last was received.
    uint64_t elapsed_ns;
    uint64_t publishing_ns; // until the last event was published
    uint64_t events;
    uint64_t deliveries;
    uint64_t bytes;           // received
    uint64_t sample_segments; // TCP segments that `samples` of the subscribers received
    uint32_t samples;
    struct histogram latency;
    struct histogram lateness;
    bool has_server; // the server's usage is known
    struct usage server;
    struct usage generator;
    struct usage_machine machine;
    struct series series; // of the measured phase

    struct secure_tally secure;        // over TLS
    struct findings findings;          // of the healthy, in the whole run
    struct group_tally groups[GROUPS]; // of all but the healthy
    struct drops drops;                // that the server counted, where some were not healthy
};

enum bottleneck {
    BOTTLENECK_NONE,      // the server kept up with the rate asked for
    BOTTLENECK_SERVER,    // one of its threads had no time left
    BOTTLENECK_GENERATOR, // one of ours had none: the server could have done more
    BOTTLENECK_MACHINE,   // threads had to wait for cores, none of which was idle
    BOTTLENECK_WAITING,   // neither: the threads waited for each other
};

// Which it was. `late`, unless NULL: whether the publisher did not keep to the rate.
enum bottleneck result_bottleneck(const struct result *result, bool *late);

// One sentence for each.
const char *bottleneck_text(enum bottleneck bottleneck);

// Whether some subscribers were to stall, or to be throttled.
bool result_has_unhealthy(const struct result *result);

// How many events a send of the server carried, by the subscribers sampled. 0 when unknown.
double result_events_per_send(const struct result *result);

// 0 when unknown.
uint64_t result_cpu_per_delivery_ns(const struct result *result);

// Whether every healthy subscriber got every event, in order and once, and the throttled ones were
// told of what they did not get.
bool result_is_good(const struct result *result);

// For people.
void result_print(const struct result *result, FILE *out);

// One line of JSON.
void result_print_json(const struct result *result, FILE *out);

#endif
