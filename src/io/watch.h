// How a loop that waits on its first ring hears of completions on the others.
//
// A poll of another ring's descriptor does not see completions whose work is deferred
// (DEFER_TASKRUN; measured on 6.18: the poll stays silent until somebody enters that ring). An
// eventfd registered with a ring is signalled for those as well. So all rings beyond the first
// share one eventfd, and the first has a read of it pending. Signals are on only during a sleep:
// a busy loop looks at all of its rings anyway. The loop's own; users need none of this.
#ifndef RINGCAST_IO_WATCH_H
#define RINGCAST_IO_WATCH_H

#include "io/loop.h"

// Whether the kernel has set one of these flags (IORING_SQ_*).
static inline bool ring_is_flagged(const struct io_uring *uring, uint32_t sq_flags)
{
    return (__atomic_load_n(uring->sq.kflags, __ATOMIC_RELAXED) & sq_flags) != 0;
}

// Has ring `index` (not 0) signal the loop, from the next watch_enable on. Returns 0 or -errno.
int watch_ring(struct loop *loop, uint32_t index);

// Once, when the loop starts, on its thread.
void watch_start(struct loop *loop);

// Before a sleep, followed by a sequentially consistent fence and watch_settle, then a look at the
// rings' queues: what comes before the look is seen by it, what comes after is signalled.
void watch_enable(struct loop *loop);
void watch_settle(struct loop *loop);

// After the sleep.
void watch_disable(struct loop *loop);

void watch_close(struct loop *loop);

#endif
