// How good a connection's path is, out of what the kernel says of it now and then (io/tcp_info.h).
// Pure: no clock, no I/O. One thread.
//
// The score is a product of four factors, each 1 on a perfect path and one half at:
//     round trip 400 ms, jitter 200 ms, loss 5 %      half / (half + value)
//     throughput 64 kbit/s                            value / (half + value); 1 while not known
// The round trip and its jitter are the kernel's own, smoothed over acknowledgements. Loss is
// smoothed over readings, in which few segments weigh little; throughput and score by halves. A
// measured throughput is given up for a mere bound (the kernel's word where too little was waiting
// to be sent: a segment that finds a slow path empty may seem very fast) at the third reading in a
// row that has no better.
#ifndef RINGCAST_FLOW_LINK_H
#define RINGCAST_FLOW_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "io/tcp_info.h"

enum { LINK_ONE = 10000 }; // a loss or score of 1

// 24 bytes; zeroed memory is a link of which nothing is known.
struct link {
    uint32_t round_trip_us; // 0: not known yet, and nothing else either
    uint32_t jitter_us;
    uint32_t bytes_per_second; // 0: not known
    uint32_t segments_sent;    // as last read; they wrap around
    uint32_t segments_repeated;
    uint32_t loss : 14;          // the share that was sent again, of LINK_ONE
    uint32_t score : 14;         // of LINK_ONE
    uint32_t is_least_speed : 1; // it may be faster than bytes_per_second
    uint32_t bounds : 2;         // readings in a row that had but a bound, up to 3
};

static inline bool link_is_known(const struct link *link)
{
    return link->round_trip_us != 0;
}

void link_take(struct link *link, const struct tcp_reading *reading);

#endif
