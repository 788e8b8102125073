#include "io/watch.h"

#include "base/assert.h"
#include "io/doorbell.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

// The kernel sets IORING_SQ_TASKRUN and then looks whether signals are on. On x86 setting it is a
// full barrier, elsewhere not: there the flag may come too late for our look, and the signal fall
// into the time before they were on.
#if defined(__x86_64__)
static const bool TASKRUN_FLAG_IS_IN_TIME = true;
#else
static const bool TASKRUN_FLAG_IS_IN_TIME = false;
#endif

static void watch_read(struct loop *loop)
{
    struct io_uring_sqe *sqe = loop_sqe(loop, 0);
    io_uring_prep_read(sqe, loop->watch_fd, &loop->watch_count, sizeof loop->watch_count, 0);
    sqe->user_data = loop_tag(LOOP_OP_WATCH, 0, 0);
}

static void handle_watch(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                         int32_t result, uint32_t cqe_flags)
{
    (void)context;
    (void)ring;
    (void)user_data;
    (void)cqe_flags;
    ASSERT(result == (int32_t)sizeof loop->watch_count || result == -EINTR);
    watch_read(loop);
}

int watch_ring(struct loop *loop, uint32_t index)
{
    ASSERT(index > 0);
    struct io_uring *uring = &loop->rings[index].uring;
    if (loop->watch_fd < 0) {
        // Blocking: the read then waits in the kernel, where a non-blocking one would fail.
        loop->watch_fd = eventfd(0, EFD_CLOEXEC);
        if (loop->watch_fd < 0) {
            return -errno;
        }
        loop->handlers[LOOP_OP_WATCH].handler = handle_watch;
        if (loop->started) {
            watch_read(loop);
        }
    }
    int result = io_uring_register_eventfd(uring, loop->watch_fd);
    return result < 0 ? result : io_uring_cq_eventfd_toggle(uring, false);
}

void watch_start(struct loop *loop)
{
    if (loop->watch_fd >= 0) {
        watch_read(loop);
    }
}

static void watch_set(struct loop *loop, bool enabled)
{
    for (uint32_t i = 1; i < loop->ring_count; i++) {
        int result = io_uring_cq_eventfd_toggle(&loop->rings[i].uring, enabled);
        ASSERT(result == 0);
    }
}

void watch_enable(struct loop *loop)
{
    watch_set(loop, true);
}

void watch_settle(struct loop *loop)
{
    if (!loop_has(loop, LOOP_FEATURE_DEFER_TASKRUN)) {
        return;
    }
    bool is_told = loop_has(loop, LOOP_FEATURE_TASKRUN_FLAG) && TASKRUN_FLAG_IS_IN_TIME;
    for (uint32_t i = 1; i < loop->ring_count; i++) {
        struct io_uring *uring = &loop->rings[i].uring;
        // Entering the ring runs what was deferred before, and orders us before what is deferred
        // later, which signals.
        if (!is_told || ring_is_flagged(uring, IORING_SQ_TASKRUN)) {
            io_uring_get_events(uring);
        }
    }
}

void watch_disable(struct loop *loop)
{
    watch_set(loop, false);
}

void watch_close(struct loop *loop)
{
    if (loop->watch_fd >= 0) {
        close(loop->watch_fd);
        loop->watch_fd = -1;
    }
}
