#include "io/accept.h"

#include "base/assert.h"
#include "base/logger.h"

#include <errno.h>
#include <string.h>

static const struct accept_listener *listener_of(const struct accept_set *set, uint32_t index)
{
    return &set->listeners[index % set->listener_count];
}

static void accept_arm(struct accept_set *set, uint32_t index)
{
    struct accept_entry *entry = &set->entries[index];
    ASSERT(!entry->inflight);
    entry->address_length = sizeof entry->address;
    struct io_uring_sqe *sqe = loop_sqe(set->loop, set->ring);
    io_uring_prep_accept(sqe, listener_of(set, index)->fd, (struct sockaddr *)&entry->address,
                         &entry->address_length, 0);
    // liburing 2.3's prep_accept_direct adds one to this, which makes it an ordinary accept.
    sqe->file_index = IORING_FILE_INDEX_ALLOC;
    sqe->user_data = loop_tag(set->op, index, 0);
    entry->inflight = true;
    set->inflight++;
}

static bool accept_may_arm(const struct accept_set *set)
{
    return !set->paused && !set->resting && !set->stopping;
}

static void accept_arm_all(struct accept_set *set)
{
    if (!accept_may_arm(set)) {
        return;
    }
    for (uint32_t i = 0; i < set->armed_wanted && set->inflight < set->armed_wanted; i++) {
        if (!set->entries[i].inflight) {
            accept_arm(set, i);
        }
    }
}

static void accept_rest(struct accept_set *set)
{
    if (!set->stopping) {
        set->resting = true;
        loop_arm(set->loop, &set->retry, ACCEPT_RETRY_MS);
    }
}

static void accept_fail(struct accept_set *set, int error)
{
    switch (error) {
    case ENFILE:
        set->table_full++;
        LOGGER_EVERY(10000, LOGGER_WARN, "accept",
                     "a connection was dropped: no free descriptor in the table of ring %u",
                     set->ring);
        accept_rest(set);
        break;
    case EMFILE:
    case ENOBUFS:
    case ENOMEM:
        LOGGER_EVERY(10000, LOGGER_WARN, "accept", "cannot accept for now: %s", strerror(error));
        accept_rest(set);
        break;
    // What accept(2) passes on from a connection that failed while it waited in the backlog.
    case ECONNABORTED:
    case ECONNRESET:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENOPROTOOPT:
    case ENONET:
    case EOPNOTSUPP:
    case ETIMEDOUT: set->aborted++; break;
    case ECANCELED:
    case EINTR:
    case EAGAIN: break;
    default:
        set->error = error;
        LOGGER_EVERY(10000, LOGGER_ERROR, "accept", "the listener fails: %s", strerror(error));
        accept_rest(set);
        break;
    }
}

static void accept_handle(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                          int32_t result, uint32_t cqe_flags)
{
    struct accept_set *set = context;
    (void)loop;
    (void)cqe_flags;
    uint32_t index = loop_tag_slot(user_data);
    ASSERT(index < set->armed_wanted);
    struct accept_entry *entry = &set->entries[index];
    ASSERT(entry->inflight && set->inflight > 0);
    entry->inflight = false;
    set->inflight--;
    if (result < 0) {
        accept_fail(set, -result);
    } else {
        set->accepted++;
        set->callback(set->context, ring, listener_of(set, index)->number, result,
                      (const struct sockaddr *)&entry->address, entry->address_length);
    }
    // The callback may have paused, stopped or resumed the set.
    if (accept_may_arm(set) && !entry->inflight) {
        accept_arm(set, index);
    }
}

static void accept_handle_retry(void *context, struct loop *loop, struct wheel_timer *timer)
{
    (void)context;
    (void)loop;
    struct accept_set *set =
        (struct accept_set *)(void *)((char *)timer - offsetof(struct accept_set, retry));
    set->resting = false; // a pause goes on
    accept_arm_all(set);
}

void accept_start(struct accept_set *set, struct loop *loop, unsigned ring, uint8_t op,
                  const struct accept_listener *listeners, uint32_t listener_count, uint32_t armed,
                  accept_callback callback, void *context)
{
    ASSERT(listener_count >= 1 && listener_count <= LISTENERS_MAX);
    ASSERT(armed >= listener_count && armed <= ACCEPT_ARMED_MAX);
    ASSERT(callback != NULL);
    memset(set, 0, sizeof *set);
    set->loop = loop;
    set->ring = ring;
    set->op = op;
    set->listener_count = listener_count;
    memcpy(set->listeners, listeners, listener_count * sizeof(*listeners));
    set->armed_wanted = armed;
    set->callback = callback;
    set->context = context;
    set->retry.tag = loop_timer_tag(LOOP_TIMER_ACCEPT, 0);
    loop_set_handler(loop, op, accept_handle, set);
    loop_set_timer_handler(loop, LOOP_TIMER_ACCEPT, accept_handle_retry, NULL);
    accept_arm_all(set);
}

void accept_pause(struct accept_set *set)
{
    set->paused = true;
}

void accept_resume(struct accept_set *set)
{
    if (!set->paused && !set->resting) {
        return;
    }
    set->paused = false;
    set->resting = false;
    wheel_cancel(&set->loop->wheel, &set->retry);
    accept_arm_all(set);
}

void accept_stop(struct accept_set *set)
{
    if (set->stopping) {
        return;
    }
    set->stopping = true;
    wheel_cancel(&set->loop->wheel, &set->retry);
    for (uint32_t i = 0; i < set->armed_wanted; i++) {
        if (!set->entries[i].inflight) {
            continue;
        }
        struct io_uring_sqe *sqe = loop_sqe(set->loop, set->ring);
        io_uring_prep_cancel64(sqe, loop_tag(set->op, i, 0), 0);
        loop_ignore(sqe);
    }
}
