#include "io/doorbell.h"

#include "base/assert.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

// ThreadSanitizer does not model fences; gcc says so, as an error. It need not: the messages are
// ordered by their slots' sequences, and the fence only keeps a doorbell from being lost.
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan"
#endif

static void event_fd_write(int event_fd)
{
    uint64_t one = 1;
    ssize_t written;
    do {
        written = write(event_fd, &one, sizeof one);
    } while (written < 0 && errno == EINTR);
    // It could fail only with a counter near 2^64.
    ASSERT(written == (ssize_t)sizeof one);
}

static void handle_rung(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                        int32_t result, uint32_t cqe_flags)
{
    (void)context;
    (void)loop;
    (void)ring;
    (void)user_data;
    (void)result;
    (void)cqe_flags;
}

// Success is not told (CQE_SKIP), so this is a full completion queue or a thread that has ended.
static void handle_sent(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                        int32_t result, uint32_t cqe_flags)
{
    (void)context;
    (void)ring;
    (void)cqe_flags;
    if (result < 0) {
        loop->stats.bells_fallen++;
        event_fd_write((int)loop_tag_slot(user_data));
    }
}

static void handle_event(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                         int32_t result, uint32_t cqe_flags)
{
    (void)context;
    (void)ring;
    (void)user_data;
    (void)result;
    if ((cqe_flags & IORING_CQE_F_MORE) == 0) {
        doorbell_watch(loop);
    }
}

int doorbell_open(struct loop *loop)
{
    // Non-blocking: an io_uring write to it is then done at once, not by a kernel worker thread.
    loop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->event_fd < 0) {
        return -errno;
    }
    ASSERT(loop->event_fd <= LOOP_SLOT_MAX);
    loop->handlers[DOORBELL_OP_RUNG].handler = handle_rung;
    loop->handlers[DOORBELL_OP_SENT].handler = handle_sent;
    loop->handlers[DOORBELL_OP_EVENT].handler = handle_event;
    return 0;
}

void doorbell_watch(struct loop *loop)
{
    // The counter is never read: a multishot poll reports each write, whatever the count.
    struct io_uring_sqe *sqe = loop_sqe(loop, 0);
    io_uring_prep_poll_multishot(sqe, loop->event_fd, POLLIN);
    sqe->user_data = loop_tag(DOORBELL_OP_EVENT, 0, 0);
}

void doorbell_close(struct loop *loop)
{
    close(loop->event_fd);
    loop->event_fd = -1;
}

// After the push: whether the target sleeps and nobody else has taken it upon himself to ring.
static bool doorbell_is_due(struct loop *target)
{
    // Orders the push before the look at `asleep`, with the fence in loop.c: either the consumer
    // sees the message before it sleeps, or we see that it sleeps.
    atomic_thread_fence(memory_order_seq_cst);
    // The plain look first keeps the line shared among the producers of a loop that is busy.
    return atomic_load_explicit(&target->asleep, memory_order_relaxed) &&
           atomic_exchange_explicit(&target->asleep, false, memory_order_relaxed);
}

static void doorbell_ring(struct loop *target, struct loop *self)
{
    static const uint64_t ONE = 1;
    if (self == NULL) {
        event_fd_write(target->event_fd);
        return;
    }
    self->stats.bells_rung++;
    struct io_uring_sqe *sqe = loop_sqe(self, 0);
    if (loop_has(self, LOOP_FEATURE_MSG_RING) && loop_has(target, LOOP_FEATURE_MSG_RING)) {
        io_uring_prep_msg_ring(sqe, target->ring_fd, 0, loop_tag(DOORBELL_OP_RUNG, 0, 0), 0);
    } else {
        io_uring_prep_write(sqe, target->event_fd, &ONE, sizeof ONE, 0);
    }
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = loop_tag(DOORBELL_OP_SENT, (uint32_t)target->event_fd, 0);
}

bool loop_post(struct loop *target, struct loop *self, const void *message, uint32_t free_min)
{
    if (!mpsc_push_leaving(&target->inbox, message, free_min)) {
        return false;
    }
    if (target != self && doorbell_is_due(target)) {
        doorbell_ring(target, self);
    }
    return true;
}

void loop_wake(struct loop *target, struct loop *self)
{
    // Release, with the acquire in loop.c: the round that takes it sees what the caller stored.
    atomic_store_explicit(&target->woken, true, memory_order_release);
    if (target != self && doorbell_is_due(target)) {
        doorbell_ring(target, self);
    }
}
