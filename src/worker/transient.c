// Frames without id, sent once to whoever is there and can take them: ephemeral events, direct
// sends, broadcasts.
#include "base/logger.h"
#include "conn/flow.h"
#include "conn/grant.h"
#include "conn/tally.h"
#include "wire/envelope.h"
#include "worker/worker_internal.h"

enum { TRANSIENT_BYTES_MAX = SHARD_SCRATCH_BYTES };

bool worker_send_frame(struct worker *worker, struct conn *conn, struct slice frame)
{
    struct shard *shard = &worker->shard;
    if (frame.at == NULL || frame.length == 0 || frame.length > TRANSIENT_BYTES_MAX) {
        return false;
    }
    if (conn_has_send(shard, conn)) {
        shard_flush(shard);
    }
    // Its bytes go through this batch's scratch, so that they outlive the frame's owner until they
    // are sent.
    shard_make_room(shard, conn->ring, 0, (uint32_t)frame.length);
    if (!conn_is_clear(shard, conn) || (conn->flags & (CONN_GAP | CONN_WAITING)) != 0) {
        shard->stats.transients_dropped++;
        return false;
    }
    if ((conn->flags & CONN_FLOW) != 0 &&
        !conn_flow_takes_transient(shard, conn, (uint32_t)frame.length)) {
        shard->stats.transients_dropped++;
        return false;
    }
    uint8_t *at = shard_scratch(shard, (uint32_t)frame.length);
    memcpy(at, frame.at, frame.length);
    conn_send_bytes(shard, conn, at, (uint32_t)frame.length);
    conn_tally_add_kept(shard, conn, 1);
    return true;
}

static void render(struct buffer *out, const struct log_transient *transient)
{
    struct envelope envelope = {.time_ms = transient->time_ms,
                                .stream = transient->name,
                                .type = transient->type,
                                .data = transient->data,
                                .priority = (enum event_priority)transient->priority};
    if (!envelope_write_event(out, &envelope)) {
        LOGGER_EVERY(1000, LOGGER_WARN, "worker",
                     "an ephemeral event could not be rendered as an envelope");
        buffer_clear(out);
    }
}

void worker_send_transient(struct worker *worker, struct log_transient *transient)
{
    struct shard *shard = &worker->shard;
    struct stream *stream = stream_table_by_number(&shard->streams, transient->number);
    struct buffer rendition;
    buffer_init(&rendition, TRANSIENT_BYTES_MAX);
    bool is_rendered = false;
    for (uint32_t i = 0; stream != NULL && i < stream->subscriber_count; i++) {
        if (stream->subscribers[i] == STREAM_SUBSCRIBER_NONE) {
            continue;
        }
        struct conn *conn = conn_at(shard, stream->subscribers[i]);
        if (!conn_sees(shard, conn, transient->type)) {
            continue;
        }
        bool is_envelope = (conn->flags & CONN_ENVELOPE) != 0;
        if (is_envelope && !is_rendered) {
            render(&rendition, transient);
            is_rendered = true;
        }
        worker_send_frame(worker, conn, is_envelope ? buffer_slice(&rendition) : transient->frame);
    }
    buffer_free(&rendition);
    log_transient_release(transient);
}
