#include "wire/batch.h"

#include <errno.h>

#include "base/assert.h"
#include "conn/flow.h"
#include "conn/load.h"
#include "conn/tls.h"
#include "conn/walk.h"

// A batch as it is made.
struct collection {
    struct batch batch;
    uint64_t cursor;
    struct walk_end end;
    bool ends_at_single; // what comes next goes by itself
};

static void collect(struct shard *shard, struct conn_flow *flow, struct walk *walk,
                    struct collection *collection)
{
    struct batch *batch = &collection->batch;
    struct conn_allowance allowance = conn_flow_allowance(shard, flow);
    uint32_t count_max =
        flow->quality.batching != 0 ? flow->quality.batch_size : CONN_BATCH_EVENTS_MAX;
    while (batch->count < count_max) {
        struct span span;
        collection->end.result = walk_next(walk, &span);
        if (collection->end.result != WALK_SPAN) {
            return;
        }
        struct slice content =
            span.is_oversize ? slice_empty() : batch_content(slice_from(span.at, span.length));
        uint32_t length = batch_length_with(batch, content);
        if (span.is_oversize || length > batch->bytes_max) {
            collection->ends_at_single = true;
            return;
        }
        if (conn_flow_holds(shard, flow, &allowance, batch->count == 0, batch->count + 1, length)) {
            collection->end.held_bytes = length;
            return;
        }
        batch_add(batch, content);
        collection->cursor = span.last_id;
    }
}

static void queue(struct shard *shard, struct conn *conn, uint32_t events, const uint8_t *bytes,
                  uint32_t length)
{
    if ((conn->flags & CONN_TLS) != 0) {
        conn_tls_send(shard, conn, slice_from(bytes, length));
        return;
    }
    conn_prep_send(shard, conn, bytes, length, SHARD_OP_SEND_BATCH);
    load_note_send(shard, conn, events, length);
}

bool conn_send_batch(struct shard *shard, struct conn *conn)
{
    struct conn_flow *flow = conn_flow_of(shard, conn);
    ASSERT(flow != NULL && conn->frame_offset == 0);
    struct collection collection = {.cursor = conn->cursor};
    struct walk walk;
    conn_flow_begin_send(conn, flow);
    walk_begin_send(&walk, shard, conn, true);
    batch_begin(&collection.batch, shard->scratch + shard->scratch_used, CONN_BATCH_BYTES_MAX);
    collect(shard, flow, &walk, &collection);
    uint32_t count = collection.batch.count;
    flow->batch = (struct conn_batch){
        .last_id = collection.cursor, .unix_ms = walk.unix_ms, .count = count, .sent = count};
    if (count == 0 && collection.ends_at_single) {
        return false;
    }
    collection.end.has_load = count > 0;
    if (count > 0) {
        struct slice frame = batch_end(&collection.batch, collection.cursor);
        (void)shard_scratch(shard, collection.batch.length);
        conn->sent_from = conn->cursor;
        conn->sent_from_offset = 0;
        conn->cursor = collection.cursor;
        queue(shard, conn, count, frame.at, (uint32_t)frame.length);
        conn_flow_charge(flow, count, (uint32_t)frame.length);
        shard->stats.events_sent += count;
        shard->stats.batches_sent++;
        distribution_add(&shard->stats.batch_events, count, 1);
    }
    conn_walked(shard, conn, &walk, &collection.end);
    return true;
}

// --- what a short send left ---

static void walk_begin_rest(struct walk *walk, struct shard *shard, struct conn *conn,
                            const struct conn_batch *batch)
{
    walk_begin(walk, shard, conn, true);
    walk->is_mid_frame = false; // the same events are in it, whatever has expired since
    walk->unix_ms = batch->unix_ms;
}

// The piece of the batch's event `index`, which is the next one; *cursor is behind it then.
static enum walk_result next_piece(struct walk *walk, const struct conn_batch *batch,
                                   uint32_t index, struct batch_piece *piece, uint64_t *cursor)
{
    struct span span;
    enum walk_result result = walk_next(walk, &span);
    if (result == WALK_SPAN) {
        *piece = (struct batch_piece){.content = batch_content(slice_from(span.at, span.length)),
                                      .is_first = index == 0,
                                      .is_last = index + 1 == batch->count,
                                      .last_id = batch->last_id};
        *cursor = span.last_id;
    }
    bool is_out = result == WALK_CAUGHT_UP || result == WALK_END;
    return is_out ? WALK_FAILED : result; // its events are not all there any more
}

void conn_send_batch_rest(struct shard *shard, struct conn *conn)
{
    struct conn_batch *batch = &conn_flow_of(shard, conn)->batch;
    ASSERT(conn->frame_offset > 0 && batch->sent < batch->count);
    struct buffer out;
    buffer_wrap(&out, shard->scratch + shard->scratch_used, CONN_BATCH_BYTES_MAX);
    struct walk walk;
    walk_begin_rest(&walk, shard, conn, batch);
    struct walk_end end = {.result = WALK_SPAN};
    uint64_t before = conn->cursor; // the last piece, and behind it
    uint64_t after = conn->cursor;
    uint32_t piece_bytes = 0;
    uint32_t index = batch->sent;
    for (; index < batch->count; index++) {
        struct batch_piece piece;
        uint64_t cursor;
        end.result = next_piece(&walk, batch, index, &piece, &cursor);
        if (end.result != WALK_SPAN) {
            break;
        }
        ASSERT(batch_piece_write(&out, &piece));
        piece_bytes = batch_piece_length(&piece);
        before = after;
        after = cursor;
    }
    uint32_t length = (uint32_t)buffer_length(&out);
    end.has_load = length > conn->frame_offset;
    if (end.has_load) {
        const uint8_t *bytes = shard_scratch(shard, length) + conn->frame_offset;
        queue(shard, conn, 0, bytes, length - conn->frame_offset);
        bool is_whole = index == batch->count;
        conn->sent_from = conn->cursor;
        conn->sent_from_offset = conn->frame_offset;
        batch->sent_from = batch->sent;
        conn->cursor = is_whole ? after : before;
        conn->frame_offset = is_whole ? 0 : piece_bytes;
        batch->sent = is_whole ? index : index - 1;
    }
    conn_walked(shard, conn, &walk, &end);
}

// How far a short send came. False when that cannot be found out.
static bool settle(struct shard *shard, struct conn *conn, struct conn_batch *batch, uint64_t sent)
{
    conn->cursor = conn->sent_from;
    conn->frame_offset = conn->sent_from_offset;
    batch->sent = batch->sent_from;
    struct walk walk;
    walk_begin_rest(&walk, shard, conn, batch);
    rendition_unpin(&shard->renditions); // no send is queued while completions are handled
    uint64_t left = sent + conn->frame_offset;
    while (left > 0) {
        struct batch_piece piece;
        uint64_t cursor;
        if (batch->sent == batch->count ||
            next_piece(&walk, batch, batch->sent, &piece, &cursor) != WALK_SPAN) {
            return false;
        }
        uint32_t length = batch_piece_length(&piece);
        // A whole piece is still within the frame, but for the last.
        if (left < length || (left == length && !piece.is_last)) {
            break;
        }
        left -= length;
        conn->cursor = cursor;
        batch->sent++;
    }
    conn->frame_offset = (uint32_t)left;
    return true;
}

void conn_sent_batch(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                     int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    (void)cqe_flags;
    struct shard *shard = context;
    struct conn *conn = conn_of_short_send(shard, ring, user_data);
    if (conn == NULL) {
        return;
    }
    struct conn_flow *flow = conn_flow_of(shard, conn);
    if ((result < 0 && result != -EAGAIN) ||
        !settle(shard, conn, &flow->batch, result > 0 ? (uint64_t)result : 0)) {
        conn_close(shard, conn, result < 0 && result != -EAGAIN ? CLOSE_CLIENT : CLOSE_LOST);
        return;
    }
    bool is_unsent = conn->frame_offset == 0 && flow->batch.sent == 0;
    conn_tally_settle(shard, conn, is_unsent ? 0 : flow->batch.count,
                      result > 0 ? (uint32_t)result : 0);
    if (is_unsent) {
        conn_flow_settle(shard, flow, 0, 0, 0); // it is made anew
    }
    conn_arm_writable(shard, conn);
}
