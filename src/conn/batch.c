#include "wire/batch.h"

#include "base/assert.h"
#include "conn/flow.h"
#include "conn/walk.h"

// A batch as it is made.
struct collection {
    struct batch batch;
    uint64_t cursor;
    enum walk_result result; // why it is not longer; WALK_SPAN: it is full, or what comes next
    bool ends_at_single;     // goes by itself, or
    uint32_t held_bytes;     // is held back by its rate: a frame of so many
};

static bool is_held(const struct shard *shard, struct conn_flow *flow,
                    const struct collection *collection, const struct conn_allowance *allowance,
                    uint32_t length)
{
    if (collection->batch.count < allowance->events && length <= allowance->bytes) {
        return false;
    }
    return collection->batch.count > 0 || !conn_flow_admits_alone(shard, flow, length);
}

static void collect(struct shard *shard, struct conn_flow *flow, struct walk *walk,
                    struct collection *collection)
{
    struct batch *batch = &collection->batch;
    struct conn_allowance allowance = conn_flow_allowance(shard, flow);
    uint32_t count_max =
        flow->quality.batching != 0 ? flow->quality.batch_size : CONN_BATCH_EVENTS_MAX;
    while (batch->count < count_max) {
        struct span span;
        collection->result = walk_next(walk, &span);
        if (collection->result != WALK_SPAN) {
            return;
        }
        struct slice content =
            span.is_oversize ? slice_empty() : batch_content(slice_from(span.at, span.length));
        uint32_t length = batch_length_with(batch, content);
        if (span.is_oversize || length > batch->bytes_max) {
            collection->ends_at_single = true;
            return;
        }
        if (is_held(shard, flow, collection, &allowance, length)) {
            collection->held_bytes = length;
            return;
        }
        batch_add(batch, content);
        collection->cursor = span.last_id;
    }
}

bool conn_send_batch(struct shard *shard, struct conn *conn)
{
    struct conn_flow *flow = conn_flow_of(shard, conn);
    ASSERT(flow != NULL && conn->frame_offset == 0);
    struct collection collection = {.cursor = conn->cursor, .result = WALK_SPAN};
    struct walk walk;
    conn_flow_begin_send(conn, flow);
    walk_begin_send(&walk, shard, conn, true);
    batch_begin(&collection.batch, shard->scratch + shard->scratch_used, CONN_BATCH_BYTES_MAX);
    collect(shard, flow, &walk, &collection);
    uint32_t count = collection.batch.count;
    if (count == 0 && collection.ends_at_single) {
        return false;
    }
    if (count > 0) {
        struct slice frame = batch_end(&collection.batch, collection.cursor);
        (void)shard_scratch(shard, collection.batch.length);
        conn->cursor = collection.cursor;
        conn_send_bytes(shard, conn, frame.at, (uint32_t)frame.length);
        conn_flow_charge(flow, count, (uint32_t)frame.length);
        shard->stats.events_sent += count;
        shard->stats.batches_sent++;
        if (collection.result == WALK_SPAN && collection.held_bytes == 0) {
            conn_make_ready(shard, conn);
        }
    }
    if (collection.held_bytes > 0) {
        conn_flow_park(shard, conn, collection.held_bytes);
    }
    conn_walked(shard, conn, &walk, collection.result, count > 0);
    return true;
}
