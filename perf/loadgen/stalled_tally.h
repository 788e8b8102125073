// What became of the subscribers that stalled.
#ifndef RINGCAST_LOADGEN_STALLED_TALLY_H
#define RINGCAST_LOADGEN_STALLED_TALLY_H

#include "stalled.h"
#include "subscriber.h"

#include "base/json_writer.h"

#include <stdint.h>
#include <stdio.h>

struct stalled_tally {
    uint32_t rate; // at which they read; 0: not at all
    uint64_t subscribers;
    uint64_t published; // events, to all of them together
    // At the end of the measured phase. The numbers of one subscriber's events, at the least and at
    // the most.
    uint64_t events_before;
    uint64_t events_before_least;
    uint64_t events_before_most;
    // When they had read on.
    uint64_t events;
    uint64_t complete; // subscribers that had every event
    uint64_t told_gap; // that were told of a gap, or several
    uint64_t cut;      // whose connection the server ended
    uint64_t behind;   // that are there, and had not reached the last event
    uint64_t missing_told;
    uint64_t missing_untold; // passed over without a word
};

// Adds a reader's, before its subscribers.
void stalled_tally_add(struct stalled_tally *tally, const struct stalled *stalled);

// Adds one subscriber of that reader, to whose stream so many events were published.
void stalled_tally_add_subscriber(struct stalled_tally *tally, const struct subscriber *subscriber,
                                  uint64_t published);

// For people. Nothing when none stalled.
void stalled_tally_print(const struct stalled_tally *tally, FILE *out);

// A member of the object that is open.
void stalled_tally_write(const struct stalled_tally *tally, struct json_writer *writer);

#endif
