// Which subscriber reads what: subscribers are dealt to streams in turn, and a share of those of
// each stream stalls, spread evenly over the streams.
#ifndef RINGCAST_LOADGEN_DEALING_H
#define RINGCAST_LOADGEN_DEALING_H

#include "options.h"

#include <stdbool.h>
#include <stdint.h>

struct dealing {
    uint32_t connections;
    uint32_t streams;
    uint32_t stalled; // fewer than connections
};

// At least one subscriber does not stall.
struct dealing dealing_of(const struct options *options);

// Subscriber `number`, from 0.
bool dealing_is_stalled(const struct dealing *dealing, uint32_t number);

// How many of the subscribers numbered [first, first + count) stall.
uint32_t dealing_count_stalled(const struct dealing *dealing, uint32_t first, uint32_t count);

// How many of the stream's subscribers do not stall.
uint32_t dealing_audience(const struct dealing *dealing, uint32_t stream);

#endif
