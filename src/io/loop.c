#include "io/loop.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/logger.h"
#include "io/doorbell.h"
#include "io/loop_setup.h"
#include "io/watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

STATIC_ASSERT(sizeof(struct wheel_timer) == 24, "every connection has one");
STATIC_ASSERT(MPSC_LINE_MESSAGE_SIZE % 8 == 0, "a message is copied by whole words");

enum {
    SQ_ENTRIES_DEFAULT = 1024,
    CQ_FACTOR_DEFAULT = 4,
    INBOX_CAPACITY_DEFAULT = 4096,
    ROUND_MAX_DEFAULT = 1024,
    // How long a submission that the kernel has no memory for is tried again. Then the process
    // cannot go on: it could not even close a connection.
    SUBMIT_RETRY_MS = 10 * 1000,
};

// What "for ever" is to the kernel: a round that finds nothing to do costs nothing.
static const uint64_t WAIT_MAX_NS = UINT64_C(3600) * 1000 * 1000 * 1000;
static const uint64_t NS_PER_MS = 1000 * 1000;

// ThreadSanitizer does not model fences; gcc says so, as an error. It needs not: the messages
// themselves are ordered by the slots' sequences, and the fence only keeps a doorbell from being
// lost.
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan"
#endif

static void clock_read(struct loop *loop)
{
    loop->now_ns = clock_monotonic_ns();
    loop->now_ms = loop->now_ns / NS_PER_MS;
}

static void config_set_default(uint32_t *field, uint32_t value)
{
    if (*field == 0) {
        *field = value;
    }
}

static void config_complete(struct loop_config *config)
{
    if (config->name == NULL) {
        config->name = "loop";
    }
    config_set_default(&config->sq_entries, SQ_ENTRIES_DEFAULT);
    config_set_default(&config->cq_factor, CQ_FACTOR_DEFAULT);
    config_set_default(&config->inbox_capacity, INBOX_CAPACITY_DEFAULT);
    config_set_default(&config->completions_max, ROUND_MAX_DEFAULT);
    config_set_default(&config->messages_max, ROUND_MAX_DEFAULT);
    config_set_default(&config->timers_max, ROUND_MAX_DEFAULT);
    ASSERT((config->sq_entries & (config->sq_entries - 1)) == 0);
    ASSERT(config->cq_factor >= 2 && config->cq_factor <= 16);
}

// Takes this loop's name to the front of an error line.
static void error_prefix(const struct loop *loop, char *error, size_t error_size)
{
    char line[LOOP_ERROR_SIZE];
    snprintf(line, sizeof line, "%s", error);
    snprintf(error, error_size, "%s: %s", loop->name, line);
}

// Debian 12's liburing declares io_uring_enable_rings but does not export it.
static int ring_enable(struct io_uring *uring)
{
    return io_uring_register((unsigned)uring->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

static void ring_register_descriptor(struct loop *loop, uint32_t index)
{
    // Saves the look-up of the descriptor at each entry. Without it all works, a little slower.
    io_uring_register_ring_fd(&loop->rings[index].uring);
}

// Opens the next ring, disabled. Returns its index or -errno.
static int ring_open(struct loop *loop, uint32_t direct_descriptors, char *error, size_t error_size)
{
    if (loop->ring_count == LOOP_RINGS_MAX) {
        snprintf(error, error_size, "a loop has at most %d rings", LOOP_RINGS_MAX);
        return -ENOSPC;
    }
    uint32_t index = loop->ring_count;
    struct loop_ring *ring = &loop->rings[index];
    const struct loop_config *config = &loop->config;
    memset(ring, 0, sizeof *ring);
    uint32_t features = LOOP_FEATURES_ALL & ~config->features_masked;
    int result =
        loop_setup_ring(&ring->uring, config->sq_entries, config->sq_entries * config->cq_factor,
                        &features, error, error_size);
    if (result < 0) {
        return result;
    }
    if (index == 0) {
        result = loop_setup_probe(&ring->uring, &features, error, error_size);
        loop->features = features & ~config->features_masked;
    }
    if (result == 0 && direct_descriptors > 0) {
        result = loop_setup_table(&ring->uring, direct_descriptors, error, error_size);
    }
    if (result == 0 && index > 0) {
        result = watch_ring(loop, index);
        if (result < 0) {
            snprintf(error, error_size, "cannot watch a ring: %s", strerror(-result));
        }
    }
    if (result < 0) {
        io_uring_queue_exit(&ring->uring);
        return result;
    }
    ring->cq_entries = ring->uring.cq.ring_entries;
    ring->direct_descriptors = direct_descriptors;
    loop->ring_count++;
    return (int)index;
}

static void handle_nothing(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                           int32_t result, uint32_t cqe_flags)
{
    (void)context;
    (void)loop;
    (void)ring;
    (void)user_data;
    (void)result;
    (void)cqe_flags;
}

int loop_init(struct loop *loop, const struct loop_config *config, char *error, size_t error_size)
{
    memset(loop, 0, sizeof *loop);
    loop->config = *config;
    config_complete(&loop->config);
    loop->name = loop->config.name;
    loop->ring_fd = -1;
    loop->watch_fd = -1;
    atomic_init(&loop->asleep, false);
    atomic_init(&loop->woken, false);
    loop->handlers[LOOP_OP_IGNORED].handler = handle_nothing;
    clock_read(loop);
    wheel_init(&loop->wheel, loop->now_ms);

    int result = doorbell_open(loop);
    if (result < 0) {
        snprintf(error, error_size, "%s: cannot open an eventfd: %s", loop->name,
                 strerror(-result));
        return result;
    }
    result = mpsc_init(&loop->inbox, loop->config.inbox_capacity, LOOP_MESSAGE_SIZE);
    if (result < 0) {
        snprintf(error, error_size, "%s: no memory for an inbox of %u messages", loop->name,
                 loop->config.inbox_capacity);
        doorbell_close(loop);
        return result;
    }
    result = ring_open(loop, loop->config.direct_descriptors, error, error_size);
    if (result < 0) {
        error_prefix(loop, error, error_size);
        mpsc_free(&loop->inbox);
        doorbell_close(loop);
        return result;
    }
    loop->ring_fd = loop->rings[0].uring.ring_fd;
    return 0;
}

int loop_add_ring(struct loop *loop, uint32_t direct_descriptors, char *error, size_t error_size)
{
    int index = ring_open(loop, direct_descriptors, error, error_size);
    if (index >= 0 && loop->started) {
        int result = ring_enable(&loop->rings[index].uring);
        ASSERT(result >= 0);
        ring_register_descriptor(loop, (uint32_t)index);
    }
    if (index < 0) {
        error_prefix(loop, error, error_size);
    }
    return index;
}

int loop_start(struct loop *loop, char *error, size_t error_size)
{
    ASSERT(!loop->started && loop->ring_count > 0);
    for (uint32_t i = 0; i < loop->ring_count; i++) {
        // From here on the ring is this thread's (SINGLE_ISSUER).
        int result = ring_enable(&loop->rings[i].uring);
        if (result < 0) {
            snprintf(error, error_size, "%s: cannot enable an io_uring: %s", loop->name,
                     strerror(-result));
            return result;
        }
        ring_register_descriptor(loop, i);
    }
    loop->started = true;
    loop->owner = pthread_self();
    clock_read(loop);
    doorbell_watch(loop);
    watch_start(loop);
    return 0;
}

void loop_stop(struct loop *loop)
{
    ASSERT(loop->started && pthread_equal(loop->owner, pthread_self()));
    loop_submit(loop);
    for (uint32_t i = 0; i < loop->ring_count; i++) {
        // The registration is the thread's: taken back from another one, it would hit that one's
        // ring.
        io_uring_unregister_ring_fd(&loop->rings[i].uring);
    }
    loop->started = false;
}

void loop_free(struct loop *loop)
{
    ASSERT(!loop->started);
    for (uint32_t i = 0; i < loop->ring_count; i++) {
        io_uring_queue_exit(&loop->rings[i].uring);
    }
    loop->ring_count = 0;
    watch_close(loop);
    mpsc_free(&loop->inbox);
    doorbell_close(loop);
}

// --- submitting ---

void loop_set_handler(struct loop *loop, uint8_t op, loop_handler handler, void *context)
{
    ASSERT(op < LOOP_OPS && handler != NULL);
    loop->handlers[op].handler = handler;
    loop->handlers[op].context = context;
}

void loop_set_timer_handler(struct loop *loop, uint8_t kind, loop_timer_handler handler,
                            void *context)
{
    ASSERT(kind < LOOP_TIMER_KINDS && handler != NULL);
    loop->timer_handlers[kind].handler = handler;
    loop->timer_handlers[kind].context = context;
}

void loop_arm(struct loop *loop, struct wheel_timer *timer, uint64_t delay_ms)
{
    ASSERT(loop->timer_handlers[loop_timer_kind(timer) % LOOP_TIMER_KINDS].handler != NULL);
    uint64_t delay_max_ms = WHEEL_DELAY_MAX_MS;
    wheel_arm(&loop->wheel, timer,
              loop->now_ms + (delay_ms < delay_max_ms ? delay_ms : delay_max_ms));
}

struct io_uring *loop_ring(struct loop *loop, unsigned ring)
{
    ASSERT(ring < loop->ring_count);
    return &loop->rings[ring].uring;
}

// Waits a little for the kernel to find memory. Gives the process up when it does not.
static void submit_retry(struct loop *loop, struct io_uring *uring, int error, uint64_t since_ms)
{
    ASSERT(error == EAGAIN || error == EBUSY || error == ENOMEM);
    if (clock_monotonic_ms() - since_ms > SUBMIT_RETRY_MS) {
        LOG_ERROR("io", "%s: io_uring takes no requests: %s", loop->name, strerror(error));
        UNREACHABLE();
    }
    LOGGER_EVERY(1000, LOGGER_WARN, "io", "%s: io_uring takes no requests for now: %s", loop->name,
                 strerror(error));
    io_uring_get_events(uring);
    struct timespec pause = {.tv_nsec = (long)NS_PER_MS};
    nanosleep(&pause, NULL);
}

// Submits all that is queued on a ring, however often that takes.
static void ring_submit(struct loop *loop, struct io_uring *uring)
{
    uint64_t since_ms = 0;
    while (io_uring_sq_ready(uring) > 0) {
        int result = io_uring_submit(uring);
        if (result > 0 || result == -EINTR) {
            continue;
        }
        if (since_ms == 0) {
            since_ms = clock_monotonic_ms();
        }
        submit_retry(loop, uring, result < 0 ? -result : EAGAIN, since_ms);
    }
}

struct io_uring_sqe *loop_sqe(struct loop *loop, unsigned ring)
{
    struct io_uring *uring = loop_ring(loop, ring);
    struct io_uring_sqe *sqe = io_uring_get_sqe(uring);
    if (sqe == NULL) {
        ring_submit(loop, uring);
        sqe = io_uring_get_sqe(uring);
        ASSERT(sqe != NULL);
    }
    return sqe;
}

void loop_ignore(struct io_uring_sqe *sqe)
{
    sqe->user_data = loop_tag(LOOP_OP_IGNORED, 0, 0);
}

uint32_t loop_sqe_room(const struct loop *loop, unsigned ring)
{
    ASSERT(ring < loop->ring_count);
    const struct loop_ring *entry = &loop->rings[ring];
    uint32_t room = entry->cq_entries - entry->cq_entries / 4;
    uint32_t used = io_uring_cq_ready(&entry->uring) + io_uring_sq_ready(&entry->uring);
    return room > used ? room - used : 0;
}

void loop_submit(struct loop *loop)
{
    for (uint32_t i = 0; i < loop->ring_count; i++) {
        ring_submit(loop, &loop->rings[i].uring);
    }
}

// --- completions ---

static void dispatch(struct loop *loop, uint32_t ring, uint64_t user_data, int32_t result,
                     uint32_t cqe_flags)
{
    uint8_t op = loop_tag_op(user_data);
    const struct loop_handler_entry *entry = &loop->handlers[op];
    ASSERT(entry->handler != NULL);
    loop->stats.completions += op < LOOP_OPS;
    loop->in_handler = true;
    entry->handler(entry->context, loop, ring, user_data, result, cqe_flags);
    loop->in_handler = false;
}

static void dispatch_ring(struct loop *loop, uint32_t ring, uint32_t completions_max)
{
    struct io_uring *uring = &loop->rings[ring].uring;
    // What handlers cause comes next time: they may submit, and so fill the queue while it is read.
    uint32_t ready = io_uring_cq_ready(uring);
    uint32_t count = ready < completions_max ? ready : completions_max;
    for (uint32_t i = 0; i < count; i++) {
        const struct io_uring_cqe *cqe = &uring->cq.cqes[*uring->cq.khead & uring->cq.ring_mask];
        uint64_t user_data = cqe->user_data;
        int32_t result = cqe->res;
        uint32_t cqe_flags = cqe->flags;
        io_uring_cq_advance(uring, 1);
        dispatch(loop, ring, user_data, result, cqe_flags);
    }
}

// Submits and has the kernel post what it holds back, without waiting.
static void ring_turn(struct loop *loop, uint32_t ring)
{
    struct io_uring *uring = &loop->rings[ring].uring;
    loop->stats.cq_overflows += io_uring_cq_has_overflow(uring);
    ring_submit(loop, uring);
    bool is_silent =
        loop_has(loop, LOOP_FEATURE_DEFER_TASKRUN) && !loop_has(loop, LOOP_FEATURE_TASKRUN_FLAG);
    // What it holds back until it is entered.
    if (is_silent || ring_is_flagged(uring, IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN)) {
        io_uring_get_events(uring);
    }
}

void loop_submit_and_reap(struct loop *loop)
{
    ASSERT(loop->started && !loop->in_handler);
    for (uint32_t i = 0; i < loop->ring_count; i++) {
        ring_turn(loop, i);
        dispatch_ring(loop, i, UINT32_MAX);
    }
}

// --- the round ---

static bool woken_take(struct loop *loop)
{
    // Acquire, with the release in loop_wake: this round sees what the caller stored before.
    return atomic_load_explicit(&loop->woken, memory_order_relaxed) &&
           atomic_exchange_explicit(&loop->woken, false, memory_order_acquire);
}

// Not by IORING_SQ_TASKRUN: it may be stale. Who defers work adds it and then sets the flag; work
// that is run in between leaves a flag that no entry clears until there is other work.
static bool completions_are_there(const struct loop *loop)
{
    for (uint32_t i = 0; i < loop->ring_count; i++) {
        const struct io_uring *uring = &loop->rings[i].uring;
        if (io_uring_cq_ready(uring) > 0 || ring_is_flagged(uring, IORING_SQ_CQ_OVERFLOW)) {
            return true;
        }
    }
    return false;
}

static uint64_t wait_ns(struct loop *loop, uint64_t max_wait_ns)
{
    clock_read(loop);
    uint64_t timer_ms = wheel_next_ms(&loop->wheel, loop->now_ms);
    uint64_t limit_ns = max_wait_ns < WAIT_MAX_NS ? max_wait_ns : WAIT_MAX_NS;
    if (timer_ms >= limit_ns / NS_PER_MS + 1) {
        return limit_ns;
    }
    return timer_ms * NS_PER_MS < limit_ns ? timer_ms * NS_PER_MS : limit_ns;
}

static void wait_in_kernel(struct loop *loop, uint64_t wait_limit_ns)
{
    struct __kernel_timespec timeout = {
        .tv_sec = (int64_t)(wait_limit_ns / (1000 * NS_PER_MS)),
        .tv_nsec = (long long)(wait_limit_ns % (1000 * NS_PER_MS)),
    };
    struct io_uring_cqe *cqe = NULL;
    // Whatever it returns (-ETIME, -EINTR), what counts is seen in the queues.
    io_uring_submit_and_wait_timeout(&loop->rings[0].uring, &cqe, 1, &timeout, NULL);
}

static void round_ended(struct loop *loop)
{
    if (loop->round_began_ns != 0) {
        distribution_add(&loop->stats.round_ns, loop->now_ns - loop->round_began_ns, 1);
        loop->round_began_ns = 0;
    }
}

// Waits unless something turns up at the last moment. True when it waited.
static bool sleep_unless_needed(struct loop *loop, uint64_t max_wait_ns)
{
    uint64_t wait_limit_ns = wait_ns(loop, max_wait_ns);
    round_ended(loop);
    if (wait_limit_ns == 0) {
        return false;
    }
    // Before on_sleep, not together with the wait: it says that nobody reads the log here any more,
    // and quiet sends read until they are submitted.
    loop_submit(loop);
    watch_enable(loop);
    atomic_store_explicit(&loop->asleep, true, memory_order_relaxed);
    // Orders `asleep` before the look at the inbox, with the fence in doorbell.c: either we see
    // the message, or its producer sees that we sleep, and rings. Likewise for the watch and the
    // look at the rings.
    atomic_thread_fence(memory_order_seq_cst);
    watch_settle(loop);
    bool waits = mpsc_is_empty(&loop->inbox) && !completions_are_there(loop) && !woken_take(loop);
    if (waits) {
        if (loop->config.callbacks.on_sleep != NULL) {
            loop->config.callbacks.on_sleep(loop->config.callbacks.context);
        }
        wait_in_kernel(loop, wait_limit_ns);
        if (loop->config.callbacks.on_wake != NULL) {
            loop->config.callbacks.on_wake(loop->config.callbacks.context);
        }
        loop->stats.sleeps++;
    }
    // Relaxed: a producer that still rings costs one round; one that does not has its message found
    // by the look before the next sleep.
    atomic_store_explicit(&loop->asleep, false, memory_order_relaxed);
    watch_disable(loop);
    return waits;
}

static void timer_expired(void *context, struct wheel_timer *timer)
{
    struct loop *loop = context;
    uint8_t kind = loop_timer_kind(timer);
    ASSERT(kind < LOOP_TIMER_KINDS);
    const struct loop_timer_entry *entry = &loop->timer_handlers[kind];
    ASSERT(entry->handler != NULL);
    loop->in_handler = true;
    entry->handler(entry->context, loop, timer);
    loop->in_handler = false;
}

static void messages_hand_out(struct loop *loop)
{
    const struct loop_callbacks *callbacks = &loop->config.callbacks;
    _Alignas(max_align_t) uint8_t message[LOOP_MESSAGE_SIZE];
    for (uint32_t i = 0; i < loop->config.messages_max; i++) {
        if (!mpsc_pop(&loop->inbox, message)) {
            return;
        }
        loop->stats.messages++;
        ASSERT(callbacks->on_message != NULL);
        callbacks->on_message(callbacks->context, message);
    }
}

void loop_round(struct loop *loop, uint64_t max_wait_ns)
{
    ASSERT(loop->started && !loop->in_handler);
    ASSERT(pthread_equal(loop->owner, pthread_self()));
    bool busy = woken_take(loop) || loop->more || max_wait_ns == 0 ||
                !mpsc_is_empty(&loop->inbox) || completions_are_there(loop);
    if (busy || !sleep_unless_needed(loop, max_wait_ns)) {
        ring_turn(loop, 0);
    }
    for (uint32_t i = 1; i < loop->ring_count; i++) {
        ring_turn(loop, i);
    }
    loop->stats.rounds++;
    clock_read(loop);
    round_ended(loop);
    loop->round_began_ns = loop->now_ns;
    loop->more = false;
    for (uint32_t i = 0; i < loop->ring_count; i++) {
        dispatch_ring(loop, i, loop->config.completions_max);
    }
    if (wheel_advance(&loop->wheel, loop->now_ms, loop->config.timers_max, timer_expired, loop)) {
        loop->more = true;
    }
    messages_hand_out(loop);
    const struct loop_callbacks *callbacks = &loop->config.callbacks;
    if (callbacks->on_round != NULL && callbacks->on_round(callbacks->context)) {
        loop->more = true;
    }
}
