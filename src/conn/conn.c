#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/logger.h"
#include "conn/flow.h"
#include "conn/grant.h"
#include "conn/slowest.h"
#include "conn/tls.h"
#include "io/send.h"

enum {
    LINGER_MS = 1000,
    PUBLIC_WORKER_SHIFT = 58, // 6 bits of worker, 2 spare, 24 of index, 32 of generation
};

struct conn *conn_of_handle(const struct shard *shard, uint64_t handle)
{
    uint32_t index = (uint32_t)handle;
    if (index >> 20 >= shard->ring_count ||
        (index & 0xfffff) >= shard->rings[index >> 20].capacity) {
        return NULL;
    }
    struct conn *conn = conn_at(shard, index);
    return conn->state != CONN_FREE && conn->generation == (uint32_t)(handle >> 32) ? conn : NULL;
}

uint64_t conn_public_id(const struct shard *shard, const struct conn *conn)
{
    return ((uint64_t)shard->options.worker << PUBLIC_WORKER_SHIFT) |
           ((uint64_t)conn_index(shard, conn) << 32) | conn->generation;
}

struct conn *conn_of_public_id(const struct shard *shard, uint64_t id)
{
    if (id >> PUBLIC_WORKER_SHIFT != shard->options.worker) {
        return NULL;
    }
    return conn_of_handle(shard, (id << 32) | ((id >> 32) & 0xffffff));
}

uint64_t conn_tag(const struct shard *shard, const struct conn *conn, uint8_t op)
{
    return loop_tag(op, conn_slot(shard, conn), conn->generation);
}

struct io_uring_sqe *conn_sqe(struct shard *shard, const struct conn *conn)
{
    return loop_sqe(shard->loop, conn->ring);
}

void conn_arm(struct shard *shard, struct conn *conn, uint64_t delay_ms)
{
    conn->timer.tag = loop_timer_tag(SHARD_TIMER_CONN, conn_index(shard, conn));
    loop_arm(shard->loop, &conn->timer, delay_ms);
}

void conn_make_ready(struct shard *shard, struct conn *conn)
{
    if ((conn->flags & CONN_READY) != 0) {
        return;
    }
    conn->flags |= CONN_READY;
    conn->ready_next = CONN_NONE;
    uint32_t index = conn_index(shard, conn);
    struct ready *ready = conn->state == CONN_REQUEST ? &shard->requests : &shard->ready;
    if (ready->last == CONN_NONE) {
        ready->first = index;
    } else {
        conn_at(shard, ready->last)->ready_next = index;
    }
    ready->last = index;
    ready->count++;
}

struct conn *conn_take_ready(struct shard *shard, struct ready *ready)
{
    if (ready->first == CONN_NONE) {
        return NULL;
    }
    struct conn *conn = conn_at(shard, ready->first);
    ready->first = conn->ready_next;
    if (ready->first == CONN_NONE) {
        ready->last = CONN_NONE;
    }
    ready->count--;
    conn->flags &= ~(uint32_t)CONN_READY;
    return conn;
}

// --- the end ---

void conn_free_outbox(struct shard *shard, struct conn *conn)
{
    if (conn->outbox != NULL) {
        bodies_release(&shard->answers, conn->outbox->reserved_bytes);
        free(conn->outbox);
        conn->outbox = NULL;
    }
}

static void detach(struct shard *shard, struct conn *conn)
{
    access_log_stream_ends(shard, conn);
    request_end(shard, conn);
    for (uint32_t i = 0; i < conn->stream_count; i++) {
        struct stream *stream = stream_table_at(&shard->streams, conn->streams[i].stream);
        stream_remove(stream, conn->streams[i].place);
        slowest_note(shard, stream);
        start_release_stream(shard, stream);
    }
    if (conn->streams != &conn->only) {
        free(conn->streams);
    }
    conn->streams = &conn->only;
    conn->stream_count = 0;
    conn_free_outbox(shard, conn);
    conn->frame_offset = 0;
    conn_flow_close(shard, conn);
    conn_drop_grant(shard, conn);
    if ((conn->flags & CONN_TLS) != 0) {
        conn_tls_drop(shard, conn);
    }
    wheel_cancel(&shard->loop->wheel, &conn->timer);
}

// Goes on with the end as completions come back.
void conn_proceed_close(struct shard *shard, struct conn *conn)
{
    ASSERT(conn->state == CONN_CLOSING);
    if (conn->ops != 0 || (conn->flags & CONN_READY) != 0) {
        return; // a completion, or its turn in the ready queue, comes back here
    }
    conn->ops |= CONN_OP_CLOSE;
    io_prep_close_direct(conn_sqe(shard, conn), (int)conn_slot(shard, conn),
                         conn_tag(shard, conn, SHARD_OP_CLOSE));
}

static void shut_down(struct shard *shard, struct conn *conn, int how)
{
    ASSERT((conn->ops & CONN_OP_SHUTDOWN) == 0);
    conn->ops |= CONN_OP_SHUTDOWN;
    io_prep_shutdown_direct(conn_sqe(shard, conn), (int)conn_slot(shard, conn), how,
                            conn_tag(shard, conn, SHARD_OP_SHUTDOWN));
}

// The first reason stands.
static void note_end(struct shard *shard, struct conn *conn, enum close_reason reason)
{
    if (conn->close_reason == CLOSE_NONE) {
        conn->close_reason = (uint8_t)reason;
        shard->stats.closes[reason]++;
    }
}

void conn_close(struct shard *shard, struct conn *conn, enum close_reason reason)
{
    ASSERT(conn->state != CONN_FREE);
    note_end(shard, conn, reason);
    if (conn->state == CONN_CLOSING) {
        return;
    }
    detach(shard, conn);
    conn_set_state(shard, conn, CONN_CLOSING);
    // Ends the polls and the receive that are still in flight. A half close under way comes first:
    // the kernel runs shutdowns on threads of its own, and a second one might come when the slot is
    // another's.
    if ((conn->ops & CONN_OP_SHUTDOWN) == 0) {
        shut_down(shard, conn, SHUT_RDWR);
    }
}

void conn_linger(struct shard *shard, struct conn *conn, enum close_reason reason)
{
    note_end(shard, conn, reason);
    if (conn->state == CONN_LINGER || conn->state == CONN_CLOSING) {
        return;
    }
    conn->flags |= CONN_GOODBYE;
    conn_make_ready(shard, conn);
}

void conn_half_close(struct shard *shard, struct conn *conn)
{
    ASSERT(conn->outbox == NULL && (conn->ops & CONN_OP_SHUTDOWN) == 0);
    detach(shard, conn);
    conn_set_state(shard, conn, CONN_LINGER);
    conn->flags |= CONN_HALF_CLOSING;
    shut_down(shard, conn, SHUT_WR);
    conn_arm(shard, conn, LINGER_MS);
    request_arm_receive(shard, conn);
}

// Room for a connection's last frame. False when it takes none: it has one, is closed, or will be.
static bool begin_farewell(struct shard *shard, struct conn *conn, enum close_reason reason,
                           uint32_t bytes_max, struct buffer *out)
{
    if (conn->state == CONN_ACTIVE && (conn->flags & CONN_GOODBYE) != 0 && conn->outbox == NULL) {
        return false;
    }
    if (conn->state != CONN_ACTIVE || !conn_is_clear(shard, conn)) {
        conn_close(shard, conn, reason);
        return false;
    }
    shard_make_room(shard, conn->ring, 0, bytes_max);
    if (!conn_is_clear(shard, conn)) {
        return false; // a handler closed it meanwhile, or it is blocked: a time limit ends it
    }
    buffer_wrap(out, shard_scratch(shard, bytes_max), bytes_max);
    return true;
}

static void send_farewell(struct shard *shard, struct conn *conn, enum close_reason reason,
                          const struct buffer *out)
{
    struct slice bytes = buffer_slice(out);
    conn_send_bytes(shard, conn, bytes.at, (uint32_t)bytes.length);
    conn_linger(shard, conn, reason);
}

void conn_goodbye(struct shard *shard, struct conn *conn, enum close_reason reason,
                  uint32_t retry_ms)
{
    struct buffer out;
    if (begin_farewell(shard, conn, reason, NOTICE_GOODBYE_BYTES_MAX, &out)) {
        ASSERT(notice_goodbye_write(&out, retry_ms) == 0);
        send_farewell(shard, conn, reason, &out);
    }
}

void conn_disconnect(struct shard *shard, struct conn *conn, enum notice_reason reason)
{
    enum close_reason close_reason = reason == NOTICE_LAGGED ? CLOSE_LAGGED : CLOSE_EXPIRED;
    struct buffer out;
    if (begin_farewell(shard, conn, close_reason, NOTICE_DISCONNECT_BYTES_MAX, &out)) {
        ASSERT(notice_disconnect_write(&out, reason, shard->terms->retry_ms) == 0);
        send_farewell(shard, conn, close_reason, &out);
    }
}

// --- completions ---

static struct conn *conn_of_tag(struct shard *shard, unsigned ring, uint64_t user_data)
{
    struct conn *conn = &shard->rings[ring].conns[loop_tag_slot(user_data)];
    ASSERT(conn->generation == loop_tag_generation(user_data));
    return conn;
}

static void on_hangup(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                      int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    (void)cqe_flags;
    (void)result;
    struct shard *shard = context;
    struct conn *conn = conn_of_tag(shard, ring, user_data);
    conn->ops &= (uint8_t)~CONN_OP_HANGUP;
    if (conn->state == CONN_CLOSING) {
        conn_proceed_close(shard, conn);
    } else if (conn->state != CONN_LINGER) {
        conn_close(shard, conn, CLOSE_CLIENT);
    }
}

static void on_writable(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                        int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    (void)cqe_flags;
    struct shard *shard = context;
    struct conn *conn = conn_of_tag(shard, ring, user_data);
    conn_set_writable(shard, conn, false);
    if (conn->state == CONN_CLOSING) {
        conn_proceed_close(shard, conn);
    } else if (result < 0 || ((uint32_t)result & (POLLERR | POLLHUP)) != 0) {
        conn_close(shard, conn, CLOSE_CLIENT);
    } else {
        conn_make_ready(shard, conn);
    }
}

static void on_shutdown(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                        int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    (void)cqe_flags;
    (void)result; // -ENOTCONN when the peer was first
    struct shard *shard = context;
    struct conn *conn = conn_of_tag(shard, ring, user_data);
    conn->ops &= (uint8_t)~CONN_OP_SHUTDOWN;
    bool was_half = (conn->flags & CONN_HALF_CLOSING) != 0;
    conn->flags &= ~(uint32_t)CONN_HALF_CLOSING;
    if (conn->state == CONN_CLOSING && was_half && conn->ops != 0) {
        shut_down(shard, conn, SHUT_RDWR);
    } else if (conn->state == CONN_CLOSING) {
        conn_proceed_close(shard, conn);
    }
}

static void on_closed(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                      int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    (void)cqe_flags;
    (void)result;
    struct shard *shard = context;
    struct conn *conn = conn_of_tag(shard, ring, user_data);
    ASSERT(conn->state == CONN_CLOSING && conn->ops == CONN_OP_CLOSE);
    conn->ops = 0;
    shard_count_out(shard, conn);
    conn_set_state(shard, conn, CONN_FREE);
    shard_choose_accepting(shard);
}

// --- timers ---

void conn_timer_due(struct shard *shard, struct conn *conn)
{
    conn->flags &= ~(uint32_t)CONN_TIMER_DUE;
    switch (conn->state) {
    case CONN_ACTIVE: conn_beat(shard, conn); break;
    case CONN_REQUEST:
    case CONN_STARTING: request_time_out(shard, conn); break;
    case CONN_LINGER: conn_close(shard, conn, CLOSE_ANSWERED); break;
    default: break;
    }
}

static void on_timer(void *context, struct loop *loop, struct wheel_timer *timer)
{
    (void)loop;
    struct shard *shard = context;
    struct conn *conn = conn_at(shard, loop_timer_owner(timer));
    conn->flags |= CONN_TIMER_DUE;
    conn_make_ready(shard, conn);
}

void conn_set_handlers(struct shard *shard)
{
    struct loop *loop = shard->loop;
    loop_set_handler(loop, SHARD_OP_RECEIVE, request_received, shard);
    loop_set_handler(loop, SHARD_OP_SEND_EVENTS, conn_sent_events, shard);
    loop_set_handler(loop, SHARD_OP_SEND_BYTES, conn_sent_bytes, shard);
    loop_set_handler(loop, SHARD_OP_SEND_BATCH, conn_sent_batch, shard);
    loop_set_handler(loop, SHARD_OP_HANGUP, on_hangup, shard);
    loop_set_handler(loop, SHARD_OP_WRITABLE, on_writable, shard);
    loop_set_handler(loop, SHARD_OP_SHUTDOWN, on_shutdown, shard);
    loop_set_handler(loop, SHARD_OP_CLOSE, on_closed, shard);
    loop_set_timer_handler(loop, SHARD_TIMER_CONN, on_timer, shard);
    conn_tls_set_handlers(shard);
}
