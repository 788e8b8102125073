// Which subscriber reads what and how: subscribers are dealt to streams in turn, and a share of
// those of each stream stalls, and another one is throttled, both spread evenly over the streams.
#ifndef RINGCAST_LOADGEN_DEALING_H
#define RINGCAST_LOADGEN_DEALING_H

#include "options.h"

#include <stdint.h>

enum dealing_group {
    GROUP_HEALTHY,   // measured and checked without mercy
    GROUP_STALLED,   // stop reading once their header has come, see stalled.h
    GROUP_THROTTLED, // ask the server to send them less (options->throttled_query)
    GROUPS,
};

struct dealing {
    uint32_t connections;
    uint32_t streams;
    uint32_t counts[GROUPS]; // of the connections; the healthy ones are one at least
};

struct dealing dealing_of(const struct options *options);

// Of subscriber `number`, from 0.
enum dealing_group dealing_group(const struct dealing *dealing, uint32_t number);

// How many of the subscribers numbered [first, first + count) are of that group.
uint32_t dealing_count(const struct dealing *dealing, enum dealing_group group, uint32_t first,
                       uint32_t count);

// How many of the stream's subscribers are healthy.
uint32_t dealing_audience(const struct dealing *dealing, uint32_t stream);

#endif
