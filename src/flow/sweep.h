// Something done once an interval to each of many, spread evenly over the interval: a place in a
// table that moves on with the clock. Pure. One thread.
#ifndef RINGCAST_FLOW_SWEEP_H
#define RINGCAST_FLOW_SWEEP_H

#include <stdint.h>

struct sweep {
    uint64_t began_ms; // of this pass
    uint64_t done;     // places behind it in this pass
};

// The place whose turn it is, and how many from there on are due now, without going round the
// table's end; 0: none. `total` is always the same and not 0. After a pause nothing is made up for:
// a pass takes at least an interval.
uint64_t sweep_due(struct sweep *sweep, uint64_t interval_ms, uint64_t total, uint64_t now_ms,
                   uint64_t *place);

// So many of those that were due are done.
void sweep_advance(struct sweep *sweep, uint64_t count);

#endif
