#include "flow/sweep.h"

#include "base/assert.h"

uint64_t sweep_due(struct sweep *sweep, uint64_t interval_ms, uint64_t total, uint64_t now_ms,
                   uint64_t *place)
{
    ASSERT(interval_ms > 0 && total > 0 && now_ms >= sweep->began_ms);
    uint64_t elapsed_ms = now_ms - sweep->began_ms;
    if (sweep->done == total && elapsed_ms >= interval_ms) {
        // One that is late by more than an interval begins anew, so that it does not hurry for
        // ever.
        sweep->began_ms = elapsed_ms < 2 * interval_ms ? sweep->began_ms + interval_ms : now_ms;
        sweep->done = 0;
        elapsed_ms = now_ms - sweep->began_ms;
    }
    elapsed_ms = elapsed_ms < interval_ms ? elapsed_ms : interval_ms;
    uint64_t target = total * elapsed_ms / interval_ms;
    *place = sweep->done;
    return target > sweep->done ? target - sweep->done : 0;
}

void sweep_advance(struct sweep *sweep, uint64_t count)
{
    sweep->done += count;
}
