// The loop: what every thread that does I/O is made of. One or more io_urings, an inbox, a timer
// wheel, a doorbell.
//
// Life: loop_init and loop_add_ring on any thread (main, so that start-up errors are told there),
// loop_start on the thread that is going to run it, then loop_round again and again, loop_free
// after every thread that posts to it has ended. Only loop_post and loop_wake may be called from
// other threads.
//
// One round: submit; wait if there is nothing to do; dispatch completions, ring by ring in the
// order of their queues; advance the wheel; hand out messages; on_round. Each of these is bounded a
// round; what is left makes the next round not wait.
//
// Handlers never re-enter the loop: from a completion handler or a timer callback, loop_round and
// loop_submit_and_reap are forbidden (asserted); loop_sqe, loop_submit, loop_post and arming timers
// are fine anywhere on the loop's thread.
#ifndef RINGCAST_IO_LOOP_H
#define RINGCAST_IO_LOOP_H

#include "base/distribution.h"
#include "io/wheel.h"
#include "ring/mpsc.h"

#include <liburing.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOOP_RINGS_MAX = 16,   // registered ring descriptors that a task may have (IO_RINGFD_REG_MAX)
    LOOP_OPS = 240,        // op numbers 0 to 239 are the users'; the rest are the loop's own
    LOOP_TIMER_KINDS = 16, // kinds 0 to 14 are the users'
    LOOP_TIMER_ACCEPT = 15,
    LOOP_MESSAGE_SIZE = MPSC_LINE_MESSAGE_SIZE, // 56 bytes: with its sequence one cache line
    LOOP_ERROR_SIZE = 320,                      // enough for every error line
    LOOP_SLOT_MAX = (1 << 24) - 1,
};

#define LOOP_WAIT_FOREVER UINT64_MAX

// What the kernel offers beyond the least that is needed. loop_config.features_masked takes any
// away, to test as on 6.1.
enum {
    LOOP_FEATURE_SINGLE_ISSUER = 1 << 0, // 6.0
    LOOP_FEATURE_DEFER_TASKRUN = 1 << 1, // 6.1; needs SINGLE_ISSUER
    // 5.19: tells without a system call whether completions wait in the kernel.
    LOOP_FEATURE_TASKRUN_FLAG = 1 << 2,
    // 6.3 (5.18, but unsafe with DEFER_TASKRUN): doorbells. Else writes to the eventfd.
    LOOP_FEATURE_MSG_RING = 1 << 3,
    // 6.3: MSG_RING passes a direct descriptor on, into a slot that the kernel chooses.
    LOOP_FEATURE_SEND_FD = 1 << 4,
    LOOP_FEATURE_SOCKET_COMMAND = 1 << 5,   // 6.7: setsockopt on a direct descriptor
    LOOP_FEATURE_FIXED_FD_INSTALL = 1 << 6, // 6.8: an ordinary descriptor from a direct one
    LOOP_FEATURES_ALL = (1 << 7) - 1,
    // Mask these to run as on the floor kernel.
    LOOP_FEATURES_NEWER_THAN_6_1 = LOOP_FEATURE_MSG_RING | LOOP_FEATURE_SEND_FD |
                                   LOOP_FEATURE_SOCKET_COMMAND | LOOP_FEATURE_FIXED_FD_INSTALL,
};

struct loop;

// Called for each completion of its op. `result` and `cqe_flags` are the completion's. No
// IORING_CQE_F_MORE: the request is over (a multishot has to be armed again).
typedef void (*loop_handler)(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                             int32_t result, uint32_t cqe_flags);

// Called for an expired timer of its kind; loop_now_ms is the time.
typedef void (*loop_timer_handler)(void *context, struct loop *loop, struct wheel_timer *timer);

// All on the loop's thread; any may be NULL.
struct loop_callbacks {
    void *context;
    // One message of the inbox, LOOP_MESSAGE_SIZE bytes, aligned as any type; it holds only during
    // the call.
    void (*on_message)(void *context, const void *message);
    // Once a round, after completions, timers and messages. True: there is more work, the next
    // round does not wait.
    bool (*on_round)(void *context);
    // Right before the thread waits in the kernel (decided; inbox seen empty; all that was queued
    // is submitted, so every quiet send is over), and right after it waited. Always in pairs.
    void (*on_sleep)(void *context);
    void (*on_wake)(void *context);
};

// Zero fields take the defaults.
struct loop_config {
    const char *name;            // for error lines and logs; kept by reference; "loop"
    uint32_t sq_entries;         // of each ring, a power of two; 1024
    uint32_t cq_factor;          // completion entries for each submission entry, 2 to 16; 4
    uint32_t direct_descriptors; // the table of ring 0; none
    uint32_t inbox_capacity;     // messages, a power of two; 4096
    uint32_t completions_max;    // dispatched a round, of each ring; 1024
    uint32_t messages_max;       // handed out a round; 1024
    uint32_t timers_max;         // looked at a round; 1024
    uint32_t features_masked;    // LOOP_FEATURE_* that the kernel shall be taken not to have
    struct loop_callbacks callbacks;
};

// Counted by the loop's own thread.
struct loop_stats {
    uint64_t rounds;
    uint64_t sleeps;       // rounds that waited
    uint64_t completions;  // dispatched, without the loop's own
    uint64_t messages;     // handed out
    uint64_t bells_rung;   // doorbells sent to others
    uint64_t bells_fallen; // of those, fallen back from MSG_RING to the eventfd
    uint64_t cq_overflows; // rounds that found completions waiting in the kernel for want of room
    // How long rounds took, without their wait: from one reading of the clock to the next, so that
    // none is read for this.
    struct distribution round_ns;
};

struct loop_ring {
    struct io_uring uring;
    uint32_t cq_entries;
    uint32_t direct_descriptors;
};

struct loop_handler_entry {
    loop_handler handler;
    void *context;
};

struct loop_timer_entry {
    loop_timer_handler handler;
    void *context;
};

struct loop {
    // Read by all threads, constant after loop_init.
    const char *name;
    int ring_fd;  // of ring 0, the one that is rung
    int event_fd; // rung by plain threads, and where MSG_RING is not to be had or failed
    uint32_t features;

    // Written by the consumer when it goes to sleep and by the producer that wakes it.
    _Alignas(MPSC_CACHE_LINE) atomic_bool asleep;
    atomic_bool woken; // by loop_wake: there is no message, yet do not sleep

    struct mpsc inbox;

    // The loop's thread only.
    _Alignas(MPSC_CACHE_LINE) struct loop_config config;
    uint32_t ring_count;
    bool started;
    bool in_handler;
    bool more;       // something was left over by the last round
    pthread_t owner; // while started
    uint64_t now_ms;
    uint64_t now_ns;
    uint64_t round_began_ns; // 0: what began has been counted
    int watch_fd;            // signalled by the rings beyond the first; -1 while there is but one
    uint64_t watch_count;    // what the read of watch_fd writes to; means nothing
    struct loop_stats stats;
    struct loop_ring rings[LOOP_RINGS_MAX];
    struct loop_handler_entry handlers[256];
    struct loop_timer_entry timer_handlers[LOOP_TIMER_KINDS];
    struct wheel wheel;
};

// Makes the inbox, the doorbell and ring 0, disabled until loop_start. `config` is copied. Returns
// 0 or -errno, with one line for a person in `error` (LOOP_ERROR_SIZE bytes are enough): -EPERM and
// -ENOSYS where io_uring is blocked or missing, -ENOMEM (memlock), -EMFILE (direct descriptors
// beyond RLIMIT_NOFILE), -EOPNOTSUPP (the kernel lacks an operation). The loop is big (about
// 25 KiB), must not move, and has members aligned to a cache line: on the heap, aligned_alloc.
int loop_init(struct loop *loop, const struct loop_config *config, char *error, size_t error_size);

// Adds a ring with its own table of `direct_descriptors` (0: none). Before loop_start on any
// thread, after it on the loop's own. Returns the ring's index (1, 2, ...) or -errno as above;
// -ENOSPC when there are LOOP_RINGS_MAX.
int loop_add_ring(struct loop *loop, uint32_t direct_descriptors, char *error, size_t error_size);

// Binds the loop to the calling thread, which alone may use it from now on. Returns 0 or -errno
// with a line in `error`.
int loop_start(struct loop *loop, char *error, size_t error_size);

// The thread's last act: submits what is queued (doorbells), and unbinds the loop from the thread.
void loop_stop(struct loop *loop);

// Closes everything. Any thread, after loop_stop (or without loop_start). Requests in flight are
// cancelled by the kernel and never dispatched; messages in the inbox are dropped.
void loop_free(struct loop *loop);

// --- tags: user_data = op (8 bits, the highest) | slot (24 bits) | generation (32 bits) ---

static inline uint64_t loop_tag(uint8_t op, uint32_t slot, uint32_t generation)
{
    return ((uint64_t)op << 56) | ((uint64_t)(slot & LOOP_SLOT_MAX) << 32) | generation;
}

static inline uint8_t loop_tag_op(uint64_t user_data)
{
    return (uint8_t)(user_data >> 56);
}

static inline uint32_t loop_tag_slot(uint64_t user_data)
{
    return (uint32_t)(user_data >> 32) & LOOP_SLOT_MAX;
}

static inline uint32_t loop_tag_generation(uint64_t user_data)
{
    return (uint32_t)user_data;
}

// --- timers: wheel_timer.tag = kind (8 bits) | owner (24 bits) ---

static inline uint32_t loop_timer_tag(uint8_t kind, uint32_t owner)
{
    return ((uint32_t)kind << 24) | (owner & LOOP_SLOT_MAX);
}

static inline uint8_t loop_timer_kind(const struct wheel_timer *timer)
{
    return (uint8_t)(timer->tag >> 24);
}

static inline uint32_t loop_timer_owner(const struct wheel_timer *timer)
{
    return timer->tag & LOOP_SLOT_MAX;
}

// --- on the loop's thread ---

// Handlers may be set and replaced at any time. A completion whose op has no handler is a
// programmer's error (asserted).
void loop_set_handler(struct loop *loop, uint8_t op, loop_handler handler, void *context);
void loop_set_timer_handler(struct loop *loop, uint8_t kind, loop_timer_handler handler,
                            void *context);

// Arms a timer whose tag is set, `delay_ms` after loop_now_ms. Cancel with
// wheel_cancel(&loop->wheel, timer).
void loop_arm(struct loop *loop, struct wheel_timer *timer, uint64_t delay_ms);

// The monotonic clock as read in this round, after its wait.
static inline uint64_t loop_now_ms(const struct loop *loop)
{
    return loop->now_ms;
}

static inline uint64_t loop_now_ns(const struct loop *loop)
{
    return loop->now_ns;
}

static inline bool loop_has(const struct loop *loop, uint32_t feature)
{
    return (loop->features & feature) != 0;
}

// For registrations (buffers_init) and look-ups; submit and reap through the loop only.
struct io_uring *loop_ring(struct loop *loop, unsigned ring);

// An entry to fill in. Never NULL: submits what is queued when the submission queue is full.
// Submitted by the next round.
struct io_uring_sqe *loop_sqe(struct loop *loop, unsigned ring);

// For requests whose outcome nobody needs: the completion of this entry is dropped.
void loop_ignore(struct io_uring_sqe *sqe);

// How many entries may still be taken and submitted on `ring` before its completion queue could
// overflow if every one of them failed at once. A quarter of the queue is kept for others. A sender
// of many calls loop_submit_and_reap when this comes to 0. (An overflow loses nothing, but costs
// time and ends multishots.)
uint32_t loop_sqe_room(const struct loop *loop, unsigned ring);

// Submits what is queued on all rings. Does not wait; dispatches nothing. Quiet sends are over when
// it returns.
void loop_submit(struct loop *loop);

// For senders, from on_message and on_round: loop_submit, then dispatches the completions that are
// there. Handlers run inside it, so a caller that walks a list must bear the handlers' changes to
// that list.
void loop_submit_and_reap(struct loop *loop);

// One round. Waits at most `max_wait_ns` (LOOP_WAIT_FOREVER; 0: not at all) and not beyond the next
// timer. A signal ends the wait.
void loop_round(struct loop *loop, uint64_t max_wait_ns);

// --- from any thread ---

// Puts LOOP_MESSAGE_SIZE bytes into the inbox of `target` and rings its bell if it sleeps. `self`
// is the calling thread's own loop, whose ring 0 then carries the bell with its next submit; NULL
// on a plain thread, which writes the eventfd. Leaves `free_min` places free (see
// mpsc_push_leaving). False, and nothing done, when there is no such room.
bool loop_post(struct loop *target, struct loop *self, const void *message, uint32_t free_min);

// Makes `target` do a round without a message: it sees what the caller stored before. `self` as
// above.
void loop_wake(struct loop *target, struct loop *self);

// Whether no round has begun since a loop_wake. Any thread.
static inline bool loop_is_woken(const struct loop *loop)
{
    return atomic_load_explicit(&loop->woken, memory_order_relaxed);
}

// How many messages wait, for metrics. Any thread.
static inline size_t loop_inbox_count(const struct loop *loop)
{
    return mpsc_count(&loop->inbox);
}

#endif
