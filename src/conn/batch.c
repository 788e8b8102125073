#include "wire/batch.h"

#include "base/assert.h"
#include "conn/flow.h"
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
    if (count == 0 && collection.ends_at_single) {
        return false;
    }
    collection.end.has_load = count > 0;
    if (count > 0) {
        struct slice frame = batch_end(&collection.batch, collection.cursor);
        (void)shard_scratch(shard, collection.batch.length);
        conn->cursor = collection.cursor;
        conn_send_bytes(shard, conn, frame.at, (uint32_t)frame.length);
        conn_flow_charge(flow, count, (uint32_t)frame.length);
        shard->stats.events_sent += count;
        shard->stats.batches_sent++;
    }
    conn_walked(shard, conn, &walk, &collection.end);
    return true;
}
