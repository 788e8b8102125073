// How long news took from when the log took the first event of them until they were handed to the
// kernel: noted once for each pass of the fan-out over a stream's subscribers, with the number of
// sends as its weight, and told when the batch of sends goes out. Nothing is done for a single
// connection. One thread.
#ifndef RINGCAST_CONN_DELIVERY_H
#define RINGCAST_CONN_DELIVERY_H

#include <stdint.h>

struct shard;

enum { DELIVERIES_MAX = 16 }; // passes of one batch; more count as the last one does

struct deliveries {
    // The pass that is under way.
    uint64_t taken_ns; // by clock_monotonic_ns; 0: there is none, or it is not known
    uint64_t sends_before;
    // Those of this batch that are over.
    uint32_t count;
    struct delivery {
        uint64_t taken_ns;
        uint64_t sends;
    } over[DELIVERIES_MAX];
};

void deliveries_begin(struct shard *shard, uint64_t taken_ns);
void deliveries_end(struct shard *shard);
// So many subscribers were left to a send of their own, in this round.
void deliveries_left(struct shard *shard, uint64_t taken_ns, uint64_t sends);
// The batch has gone out.
void deliveries_flushed(struct shard *shard);

#endif
