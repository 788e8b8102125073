// What became of the subscribers of a group that is not healthy.
#ifndef RINGCAST_LOADGEN_GROUP_TALLY_H
#define RINGCAST_LOADGEN_GROUP_TALLY_H

#include "dealing.h"
#include "subscriber.h"

#include "base/json_writer.h"

#include <stdint.h>
#include <stdio.h>

struct group_tally {
    enum dealing_group group;
    uint64_t published;          // events, to all of them together
    struct subscriber_mark mark; // at the end of the measured phase
    // At the end of the run, when those that stalled had read on.
    uint64_t subscribers;
    uint64_t complete;      // that had every event
    uint64_t told_gap;      // that were told of a gap, or several
    uint64_t cut;           // whose connection the server ended
    uint64_t cut_told;      // of these, those that it told so before
    uint64_t behind;        // that are there, and had not reached the last event
    uint64_t told_too_many; // events that gaps told of, to those that had all the others
    struct findings findings;
    struct histogram latency;
};

// Adds what a reader counted for the group.
void group_tally_add(struct group_tally *tally, const struct subscriber_ledger *ledger,
                     const struct subscriber_mark *mark);

// Adds one subscriber of the group, to whose stream so many events were published.
void group_tally_add_subscriber(struct group_tally *tally, const struct subscriber *subscriber,
                                uint64_t published);

// Whether every event that was missing was told of, no other was, and nobody was cut off without a
// word.
bool group_tally_is_good(const struct group_tally *tally);

// For people. Nothing when there was no such subscriber.
void group_tally_print(const struct group_tally *tally, const struct options *options, FILE *out);

// A member of the object that is open.
void group_tally_write(const struct group_tally *tally, const struct options *options,
                       struct json_writer *writer);

#endif
