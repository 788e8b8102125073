#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/assert.h"
#include "conn/ending.h"
#include "conn/flow.h"
#include "conn/grant.h"
#include "conn/load.h"
#include "conn/overflow.h"
#include "conn/slowest.h"
#include "conn/tls.h"
#include "conn/walk.h"
#include "event/frame.h"
#include "io/send.h"

// --- the batch: what queued sends point to until they are submitted ---

void shard_flush(struct shard *shard)
{
    if (!shard->is_in_batch) {
        return;
    }
    // Submitted on all rings, sends are over. What they pointed to may go before they are reaped:
    // those that were cut short are walked again, and may render anew.
    loop_submit(shard->loop);
    deliveries_flushed(shard);
    distribution_add(&shard->stats.flush_sends, shard->stats.sends - shard->sends_flushed, 1);
    shard->sends_flushed = shard->stats.sends;
    rendition_unpin(&shard->renditions);
    loop_submit_and_reap(shard->loop);
    rendition_unpin(&shard->renditions);
    shard->is_in_batch = false;
    shard->batch++;
    shard->piece_count = 0;
    shard->message_count = 0;
    shard->scratch_used = 0;
    shard->sealed_used = 0;
}

void shard_make_room(struct shard *shard, unsigned ring, uint32_t pieces, uint32_t scratch_bytes)
{
    ASSERT(pieces <= SHARD_PIECES_MAX && scratch_bytes <= SHARD_SCRATCH_BYTES);
    // Two entries: the send, and a poll or close that its failure may cause.
    if (loop_sqe_room(shard->loop, ring) < 2 || shard->piece_count + pieces > SHARD_PIECES_MAX ||
        shard->message_count == SHARD_MESSAGES_MAX ||
        shard->scratch_used + scratch_bytes > SHARD_SCRATCH_BYTES ||
        shard->sealed_used > CONN_TLS_SEALED_FULL_BYTES) {
        shard_flush(shard);
    }
}

uint8_t *shard_scratch(struct shard *shard, uint32_t bytes)
{
    ASSERT(shard->scratch_used + bytes <= SHARD_SCRATCH_BYTES);
    uint8_t *at = shard->scratch + shard->scratch_used;
    shard->scratch_used += bytes;
    return at;
}

void conn_arm_writable(struct shard *shard, struct conn *conn)
{
    if ((conn->ops & CONN_OP_WRITABLE) != 0) {
        return;
    }
    conn_set_writable(shard, conn, true);
    conn->flags |= CONN_BLOCKED;
    conn->blocked_since_ms = (uint32_t)shard->now_ms;
    conn_watch_stall(shard, conn);
    if (conn->context != CONN_NONE) {
        request_wait(shard, conn_context(shard, conn)); // the next request, for this answer
    }
    io_prep_poll_direct(conn_sqe(shard, conn), (int)conn_slot(shard, conn), POLLOUT,
                        conn_tag(shard, conn, SHARD_OP_WRITABLE));
}

// --- bytes that the broker made ---

void conn_queue_bytes(struct shard *shard, struct conn *conn, const uint8_t *bytes, uint32_t length)
{
    ASSERT(conn->outbox == NULL && !conn_has_send(shard, conn) && length > 0);
    // Where they stand, should they not be taken at once: sent_from is free while no events are
    // under way.
    conn->sent_from = (uint64_t)(uintptr_t)bytes;
    conn->sent_from_offset = length;
    conn_prep_send(shard, conn, bytes, length, SHARD_OP_SEND_BYTES);
    load_note_send(shard, conn, 0, length);
}

void conn_send_bytes(struct shard *shard, struct conn *conn, const uint8_t *bytes, uint32_t length)
{
    ASSERT(conn->frame_offset == 0);
    if ((conn->flags & CONN_TLS) != 0) {
        conn_tls_send(shard, conn, slice_from(bytes, length));
    } else {
        conn_queue_bytes(shard, conn, bytes, length);
    }
}

void conn_sent_bytes(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                     int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    (void)cqe_flags;
    struct shard *shard = context;
    struct conn *conn = &shard->rings[ring].conns[loop_tag_slot(user_data)];
    if (conn->generation != loop_tag_generation(user_data) || conn->state == CONN_CLOSING) {
        return;
    }
    uint32_t sent = result > 0 ? (uint32_t)result : 0;
    if (result < 0 && result != -EAGAIN) {
        conn_close(shard, conn, CLOSE_CLIENT);
        return;
    }
    shard->stats.short_sends++;
    conn_tally_settle(shard, conn, 0, sent);
    uint32_t rest = conn->sent_from_offset - sent;
    bool is_sealed = (conn->flags & CONN_TLS) != 0;
    uint32_t rest_max = is_sealed ? CONN_TLS_OUTBOX_BYTES_MAX : OUTBOX_BYTES_MAX;
    struct conn_outbox *outbox = conn->outbox;
    if (outbox != NULL) {
        outbox->sent += sent;
    } else if (rest <= rest_max && (outbox = malloc(sizeof(*outbox) + rest)) != NULL) {
        outbox->length = rest;
        outbox->sent = 0;
        outbox->reserved_bytes = 0;
        memcpy(outbox->bytes, (const uint8_t *)(uintptr_t)conn->sent_from + sent, rest);
        conn->outbox = outbox;
    } else {
        conn_close(shard, conn, CLOSE_STALLED);
        return;
    }
    conn_arm_writable(shard, conn);
}

// The rest of the outbox. It stays until a send of it brought no completion, which the next pump
// sees.
static void send_outbox(struct shard *shard, struct conn *conn)
{
    struct conn_outbox *outbox = conn->outbox;
    const uint8_t *bytes = outbox->bytes + outbox->sent;
    uint32_t length = outbox->length - outbox->sent;
    conn->outbox = NULL;
    conn_queue_bytes(shard, conn, bytes, length);
    conn->outbox = outbox;
    shard_flush(shard);
    if (conn->outbox != outbox || (conn->ops & CONN_OP_WRITABLE) != 0) {
        return; // closed, or still blocked
    }
    conn_free_outbox(shard, conn);
    conn_make_ready(shard, conn);
}

static void send_gap(struct shard *shard, struct conn *conn)
{
    uint8_t *at = shard_scratch(shard, NOTICE_GAP_BYTES_MAX);
    struct buffer out;
    buffer_wrap(&out, at, NOTICE_GAP_BYTES_MAX);
    const struct conn_gap *told = &conn_cold_of(shard, conn)->gap;
    struct notice_gap gap = {.from = told->from + 1,
                             .to = told->to,
                             .count = told->count,
                             .reason = (enum notice_reason)told->reason,
                             .resume = conn->cursor};
    ASSERT(notice_gap_write(&out, &gap) == 0);
    conn->flags &= ~(uint32_t)CONN_GAP;
    shard->stats.gaps_told++;
    shard->stats.dropped[told->policy] += told->count;
    shard->stats.events_shed += told->reason == NOTICE_SHED ? told->count : 0;
    conn_send_bytes(shard, conn, at, (uint32_t)buffer_length(&out));
    if ((conn->flags & CONN_FLOW) != 0) { // told at once, and of what it may be sent all the same
        conn_flow_charge(conn_flow_of(shard, conn), 0, (uint32_t)buffer_length(&out));
    }
    conn_make_ready(shard, conn);
}

// --- events ---

static void take_gap(struct shard *shard, struct conn *conn, const struct walk *walk)
{
    conn_set_gap(shard, conn,
                 &(struct conn_gap){.from = walk->gap_from,
                                    .to = walk->gap_to,
                                    .count = walk->gap_count,
                                    .reason = (uint8_t)walk->gap_reason});
    conn->streams[walk->gap_stream].start_id = walk->gap_to;
    if (conn->stream_count == 1) {
        conn->cursor = walk->gap_to;
    }
    conn_make_ready(shard, conn);
}

void conn_walked(struct shard *shard, struct conn *conn, const struct walk *walk,
                 const struct walk_end *end)
{
    shard_take_looking(shard, walk->passed);
    if (end->result != WALK_SPAN && walk->cursor > conn->cursor && conn->frame_offset == 0) {
        conn->cursor = walk->cursor; // what it passed over is not gone through again
    }
    switch (end->result) {
    case WALK_SPAN:
        if (end->held_bytes > 0) {
            conn_flow_park(shard, conn, end->held_bytes);
        } else {
            conn_make_ready(shard, conn);
        }
        break;
    case WALK_END: // what comes then is decided before the next send
        conn_make_ready(shard, conn);
        break;
    case WALK_CAUGHT_UP:
        conn->flags |= end->has_load ? CONN_CATCHING_UP : CONN_CAUGHT_UP;
        if ((conn->flags & CONN_FLOW) != 0) {
            gathering_end(&conn_flow_of(shard, conn)->gathering);
        }
        if (walk->has_ended && end->has_load) {
            conn_make_ready(shard, conn); // once that is taken
        } else if (walk->has_ended) {
            conn_tell_end(shard, conn);
        }
        break;
    case WALK_WAIT: conn->flags |= CONN_WAITING; break;
    case WALK_FULL:
        if (!end->has_load && walk->passed <= walk->passed_max) {
            shard_flush(shard); // for renditions
        }
        conn_make_ready(shard, conn);
        break;
    case WALK_GAP:
        if (end->has_load) {
            conn_make_ready(shard, conn);
        } else if (conn->frame_offset > 0) {
            conn_close(shard, conn, CLOSE_LOST); // the rest of a half-sent frame is gone
        } else {
            take_gap(shard, conn, walk);
        }
        break;
    case WALK_FAILED: conn_close(shard, conn, CLOSE_MEMORY); break;
    }
}

// What of a send has been begun.
struct begun {
    uint32_t events;
    uint32_t bytes;
    uint32_t oversize;
};

// The send ended within this span, after `sent` bytes of it. False where no frame stands there.
static bool settle_within(const struct shard *shard, struct conn *conn, const struct span *span,
                          uint64_t sent, struct begun *begun)
{
    struct slice frames = slice_from(span->at, span->length);
    size_t start = 0;
    uint64_t id = span->last_id;
    if (span->count > 1 && !frame_find(frames, (size_t)sent, &start, &id)) {
        return false;
    }
    // Right before that frame: what had expired in between must not be taken for it.
    conn->cursor = id - 1;
    conn->frame_offset = (uint32_t)(sent - start);
    if (span->count == 1) {
        begun->events++;
        begun->bytes += span->length;
        begun->oversize += span->is_oversize;
    } else if ((conn->flags & (CONN_FLOW | CONN_TLS)) != 0 || shard->has_tallies) {
        struct slice rest = slice_after(frames, start);
        struct slice frame = slice_empty();
        bool is_begun = conn->frame_offset > 0 && frame_next(&rest, &frame, &id);
        begun->events += frame_count(slice_first(frames, start)) + is_begun;
        begun->bytes += (uint32_t)(start + frame.length);
    }
    return true;
}

// A send as it is made.
struct filling {
    struct load load;
    uint64_t bytes_max;
    uint32_t oversize; // notices in it that stand for events
    uint64_t cursor;
    struct walk_end end;
    struct span cut; // bytes_max ends within this one,
    uint32_t cut_at; // after so many of its bytes; 0: it does not
};

static uint32_t less(uint32_t from, uint32_t what)
{
    return what < from ? from - what : 0;
}

// A span too large for what is left goes in the next send, or in parts where it is the first one.
static void cut(struct filling *filling, const struct span *span, uint32_t offset)
{
    if (filling->load.piece_count == 0) {
        filling->cut = *span;
        filling->cut_at = offset + (uint32_t)filling->bytes_max;
        (void)load_add(&filling->load, span->at + offset, (uint32_t)filling->bytes_max);
    }
}

// flow: NULL where nothing is metered.
static void fill(struct shard *shard, const struct conn *conn, struct conn_flow *flow,
                 struct walk *walk, struct filling *filling)
{
    struct load *load = &filling->load;
    struct conn_allowance allowance = {UINT32_MAX, UINT32_MAX};
    if (flow != NULL) {
        allowance = conn_flow_allowance(shard, flow);
    }
    uint32_t offset = conn->frame_offset;
    uint32_t whole_bytes_max = (conn->flags & CONN_TLS) != 0 && allowance.bytes > filling->bytes_max
                                   ? (uint32_t)filling->bytes_max
                                   : allowance.bytes;
    while (load->bytes < filling->bytes_max) {
        struct span span;
        walk->whole_events_max = less(allowance.events, load->events);
        walk->whole_bytes_max = less(whole_bytes_max, (uint32_t)load->bytes);
        filling->end.result = walk_next(walk, &span);
        if (filling->end.result != WALK_SPAN) {
            break;
        }
        ASSERT(offset < span.length);
        uint32_t length = span.length - offset;
        if (conn_flow_holds(shard, flow, &allowance, load->events == 0, load->events + span.count,
                            (uint32_t)load->bytes + length)) {
            filling->end.held_bytes = length;
            break;
        }
        if ((conn->flags & CONN_TLS) != 0 && load->bytes + length > filling->bytes_max) {
            cut(filling, &span, offset);
            break;
        }
        if (!load_add(load, span.at + offset, length)) {
            break;
        }
        load->events += span.count;
        filling->oversize += span.is_oversize;
        filling->cursor = span.last_id;
        offset = 0;
        if (walk->by_frame) {
            break;
        }
    }
    filling->end.has_load = load->piece_count > 0;
}

// flow: NULL where nothing is metered.
static void send_events(struct shard *shard, struct conn *conn, struct conn_flow *flow,
                        bool one_frame)
{
    struct filling filling = {.load = {.pieces = shard->pieces + shard->piece_count},
                              .bytes_max = (conn->flags & CONN_TLS) != 0 ? CONN_TLS_SEND_BYTES_MAX
                                                                         : SEND_BYTES_MAX,
                              .cursor = conn->cursor};
    struct load *load = &filling.load;
    struct begun begun = {0};
    struct walk walk;
    if (flow != NULL) {
        conn_flow_begin_send(conn, flow);
    }
    walk_begin_send(&walk, shard, conn, one_frame);
    fill(shard, conn, flow, &walk, &filling);
    if (filling.end.has_load) {
        conn->sent_from = conn->cursor;
        conn->sent_from_offset = conn->frame_offset;
        conn->cursor = filling.cursor;
        conn->frame_offset = 0;
        bool is_cut = filling.cut_at > 0;
        if (is_cut && !settle_within(shard, conn, &filling.cut, filling.cut_at, &begun)) {
            conn_close(shard, conn, CLOSE_LOST);
            return;
        }
        if (is_cut) { // the frame that is begun counts with its rest
            load->events = begun.events - (conn->frame_offset > 0 ? 1 : 0);
        }
        shard->piece_count += (conn->flags & CONN_TLS) != 0 ? 0 : load->piece_count;
        conn_queue_load(shard, conn, load);
        if (flow != NULL) {
            distribution_add(&shard->stats.batch_events, load->events, 1);
            conn_flow_charge(flow, is_cut ? begun.events : load->events,
                             is_cut ? begun.bytes : (uint32_t)load->bytes);
            flow->charged_oversize = filling.oversize + begun.oversize;
            shard->stats.oversize_told += filling.oversize + begun.oversize;
        }
    }
    conn_walked(shard, conn, &walk, &filling.end);
}

// The rest of a frame that is half sent: it was charged when it was begun.
static void send_rest(struct shard *shard, struct conn *conn)
{
    struct conn_flow *flow = conn_flow_of(shard, conn);
    if (flow != NULL) {
        conn_flow_charge(flow, 0, 0);
    }
    if (flow != NULL && flow->batch.count > 0) {
        conn_send_batch_rest(shard, conn);
    } else {
        send_events(shard, conn, NULL, true);
    }
}

static void send_next(struct shard *shard, struct conn *conn)
{
    if ((conn->flags & CONN_FLOW) == 0) {
        send_events(shard, conn, NULL, false);
    } else if (!conn_flow_gathers(shard, conn) &&
               ((conn->flags & CONN_BATCH_EVENT) == 0 || !conn_send_batch(shard, conn))) {
        send_events(shard, conn, conn_flow_of(shard, conn), (conn->flags & CONN_BATCH_EVENT) != 0);
    }
}

void conn_pump(struct shard *shard, struct conn *conn)
{
    // Room first: making it may run handlers that change the connection.
    shard_make_room(shard, conn->ring, SEND_PIECES_MAX,
                    (conn->flags & CONN_BATCH_EVENT) != 0 ? (uint32_t)CONN_BATCH_BYTES_MAX
                                                          : (uint32_t)NOTICE_END_BYTES_MAX);
    if ((conn->flags & CONN_TIMER_DUE) != 0) {
        conn_timer_due(shard, conn);
    }
    if (conn->state == CONN_CLOSING) {
        conn_proceed_close(shard, conn);
        return;
    }
    if (conn->state == CONN_LINGER || (conn->ops & CONN_OP_WRITABLE) != 0) {
        return;
    }
    if (conn_has_send(shard, conn)) {
        conn_make_ready(shard, conn); // one send at a time: how far it came must be known first
        return;
    }
    if (conn->outbox != NULL) {
        send_outbox(shard, conn);
        return;
    }
    if ((conn->flags & CONN_GOODBYE) != 0) {
        if ((conn->flags & (CONN_TLS | CONN_TLS_KERNEL)) == 0 || conn_tls_end(shard, conn)) {
            conn_half_close(shard, conn);
        }
        return;
    }
    if (conn->state == CONN_REQUEST) {
        request_progress(shard, conn);
        return;
    }
    if (conn->state == CONN_STARTING) {
        start_go_on(shard, conn);
        return;
    }
    if (conn->state != CONN_ACTIVE || (conn->flags & CONN_WAITING) != 0) {
        return;
    }
    if ((conn->flags & CONN_CATCHING_UP) != 0) { // that send was taken whole
        conn->flags &= ~(uint32_t)CONN_CATCHING_UP;
        conn->flags |= CONN_CAUGHT_UP;
    }
    if ((conn->flags & CONN_RENEWED) != 0) {
        conn_take_renewed(shard, conn);
    }
    slowest_note_conn(shard, conn);
    if (conn->frame_offset > 0) {
        send_rest(shard, conn); // the frame that is half sent comes before anything else
    } else if ((conn->flags & CONN_GAP) != 0) {
        send_gap(shard, conn);
    } else if ((conn->flags & CONN_PARKED) == 0 && conn_check_lag(shard, conn)) {
        send_next(shard, conn);
    }
}

// How far a short send came: the same walk again. False when that cannot be found out.
static bool settle(struct shard *shard, struct conn *conn, uint64_t sent, struct begun *begun)
{
    conn->cursor = conn->sent_from;
    conn->frame_offset = conn->sent_from_offset;
    struct walk walk;
    walk_begin(&walk, shard, conn, false);
    uint64_t left = sent + conn->frame_offset;
    conn->frame_offset = 0;
    rendition_unpin(&shard->renditions); // no send is queued while completions are handled
    while (left > 0) {
        struct span span;
        if (walk_next(&walk, &span) != WALK_SPAN) {
            return false;
        }
        if (left < span.length) {
            if (!settle_within(shard, conn, &span, left, begun)) {
                return false;
            }
            break;
        }
        begun->events += span.count;
        begun->bytes += span.length;
        begun->oversize += span.is_oversize;
        left -= span.length;
        conn->cursor = span.last_id;
    }
    // Of the first frame that much had been sent, and charged, before.
    begun->bytes -= begun->bytes > 0 ? conn->sent_from_offset : 0;
    return true;
}

struct conn *conn_of_short_send(struct shard *shard, unsigned ring, uint64_t user_data)
{
    struct conn *conn = &shard->rings[ring].conns[loop_tag_slot(user_data)];
    if (conn->generation != loop_tag_generation(user_data) || conn->state != CONN_ACTIVE) {
        return NULL;
    }
    shard->stats.short_sends++;
    conn->flags &= ~(uint32_t)CONN_CATCHING_UP;
    return conn;
}

void conn_sent_events(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                      int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    (void)cqe_flags;
    struct shard *shard = context;
    struct conn *conn = conn_of_short_send(shard, ring, user_data);
    if (conn == NULL) {
        return;
    }
    struct begun begun = {0};
    if ((result < 0 && result != -EAGAIN) ||
        !settle(shard, conn, result > 0 ? (uint64_t)result : 0, &begun)) {
        conn_close(shard, conn, result < 0 && result != -EAGAIN ? CLOSE_CLIENT : CLOSE_LOST);
        return;
    }
    conn_tally_settle(shard, conn, begun.events - (conn->frame_offset > 0 ? 1 : 0),
                      result > 0 ? (uint32_t)result : 0);
    if ((conn->flags & CONN_FLOW) != 0) {
        conn_flow_settle(shard, conn_flow_of(shard, conn), begun.events, begun.bytes,
                         begun.oversize);
    }
    conn_arm_writable(shard, conn);
}
