// What every run with subscribers is set up from: the server and its address, the readers with the
// subscribers, the publisher and where it publishes. A mode is a sequence of phases over it:
// fanout.c, storm.c, replay.c. The main thread's; the publisher may be another thread's, see
// rig_run_beside.
#ifndef RINGCAST_LOADGEN_RIG_H
#define RINGCAST_LOADGEN_RIG_H

#include "bare.h"
#include "meter.h"
#include "outlet.h"
#include "publisher.h"
#include "reader.h"
#include "result.h"
#include "target.h"
#include "watch.h"

#include <stdbool.h>
#include <stdint.h>

// What a mode needs of it.
struct rig_plan {
    enum result_kind kind;
    enum publisher_pace pace;
    bool is_silent;   // nothing is published
    bool resumes;     // subscribers will be cut and come back; failures to connect do not end it
    const char *file; // the bare server's; NULL: none
    const char *path; // of a URL without one; NULL: /streams/{stream}
    uint64_t goal;    // see struct reader_config
};

struct rig {
    struct result *result;
    const struct options *options;
    struct target target;
    struct bare bare;
    struct outlet outlet;
    struct publisher publisher;
    struct meter meter;
    bool has_meter;
    struct usage_processes server; // none: not known
    uint32_t run;
    struct rig_plan plan;
    struct reader *readers[OPTIONS_THREADS_MAX];
    // At the beginning and the end of the measured phase.
    struct usage server_usage[2];
    struct usage generator[2];
    struct memory_caches caches; // of the kernel, before the first connection
    struct watch watch;
};

// Finds the server (starts the bare one), opens readers without connections, outlet and publisher,
// runs the mode's phases, stops the readers, checks each subscriber's end, collects what was found
// and closes everything, by reset. Clears *result. Returns what `run` did, or -errno, both with a
// line in result->error. `result` and `options` are borrowed.
int rig_run(struct result *result, const struct options *options, const struct rig_plan *plan,
            int (*run)(struct rig *rig));

// Opens all connections, waits for the last header, and lets it settle. Returns 0, or -errno with a
// line in result->error: -ECONNREFUSED, -ETIMEDOUT. Fills in what the result has of the opening.
int rig_connect(struct rig *rig);

// Needs plan.resumes. Cuts all connections at once, and waits until none is left.
int rig_cut(struct rig *rig);

// After that: opens all again, each behind what it saw last, and waits for the last header. They
// have missed all events up to number `goal` of their stream. As rig_connect.
int rig_reconnect(struct rig *rig, uint64_t goal);

// How many of the subscribers know an id to resume behind.
uint64_t rig_resumable(const struct rig *rig);

// What grows, taken at the beginning (0) and the end (1) of the measured phase: the result then
// holds the difference. On the publisher's thread.
void rig_count(struct rig *rig, uint32_t moment);

// Runs `work` on a thread of its own while this one looks on. Returns what it returned, or -EAGAIN
// with a line in result->error.
int rig_run_beside(struct rig *rig, int (*work)(struct rig *rig));

// While a phase goes on, every WATCH_INTERVAL_MS.
void rig_look(struct rig *rig);

// Puts the line into result->error. Returns `code`.
int rig_fail(struct rig *rig, int code, const char *text);

void rig_pause_ms(uint64_t milliseconds);

#endif
