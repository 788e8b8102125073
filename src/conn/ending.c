#include "conn/ending.h"

#include <stdlib.h>

#include "base/assert.h"
#include "conn/flow.h"
#include "conn/link.h"
#include "conn/slowest.h"

static struct stream *stream_at(const struct shard *shard, const struct conn *conn, uint32_t index)
{
    return stream_table_at(&shard->streams, conn->streams[index].stream);
}

// How far it is once all that is known of its streams was sent: also where they were quiet for
// long, so that who comes back with this id finds nothing left of the ended one.
static uint64_t position_of(const struct shard *shard, const struct conn *conn)
{
    uint64_t known = UINT64_MAX;
    for (uint32_t i = 0; i < conn->stream_count; i++) {
        uint64_t end = stream_known_end(stream_at(shard, conn, i));
        known = end < known ? end : known;
    }
    return known > conn->cursor ? known : conn->cursor;
}

static void leave_stream(struct shard *shard, struct conn *conn, uint32_t index)
{
    ASSERT(conn->stream_count > 1 && (conn->flags & CONN_LAGGING) == 0);
    struct stream *stream = stream_at(shard, conn, index);
    stream_remove(stream, conn->streams[index].place);
    slowest_note(shard, stream);
    start_release_stream(shard, stream);
    conn->stream_count--;
    memmove(conn->streams + index, conn->streams + index + 1,
            (conn->stream_count - index) * sizeof(*conn->streams));
    if (conn->stream_count == 1) { // who reads one has it at hand
        conn->only = conn->streams[0];
        free(conn->streams);
        conn->streams = &conn->only;
    }
    conn_link_recount(shard, conn);
}

static void send_end(struct shard *shard, struct conn *conn, const struct stream *stream)
{
    struct buffer out;
    buffer_wrap(&out, shard->scratch + shard->scratch_used, NOTICE_END_BYTES_MAX);
    conn->cursor = position_of(shard, conn); // what was told is where it stands
    ASSERT(notice_end_write(&out, conn->cursor, slice_from(stream->name, stream->name_length),
                            stream->life) == 0);
    uint32_t length = (uint32_t)buffer_length(&out);
    conn_send_bytes(shard, conn, shard_scratch(shard, length), length);
    if ((conn->flags & CONN_FLOW) != 0) { // told at once, and of what it may be sent all the same
        conn_flow_charge(conn_flow_of(shard, conn), 0, length);
    }
    shard->stats.ends_told++;
}

void conn_tell_end(struct shard *shard, struct conn *conn)
{
    uint32_t index = 0;
    while (index < conn->stream_count && !stream_has_ended(stream_at(shard, conn, index))) {
        index++;
    }
    if (index == conn->stream_count) {
        return;
    }
    send_end(shard, conn, stream_at(shard, conn, index));
    if (conn->stream_count == 1) {
        conn_linger(shard, conn, CLOSE_ENDED);
    } else {
        leave_stream(shard, conn, index);
        conn_make_ready(shard, conn);
    }
}

// --- requests ---

static const struct stream *context_stream(const struct shard *shard, const struct context *context,
                                           uint32_t index)
{
    return stream_table_at(&shard->streams, context->streams[index]);
}

bool ending_answer_deleted(struct shard *shard, struct conn *conn, const struct context *context)
{
    for (uint32_t i = 0; i < context->stream_count; i++) {
        if (context_stream(shard, context, i)->life != STREAM_DELETED) {
            return false;
        }
    }
    struct http_fault fault;
    http_fault_set(&fault, ERR_STREAM_NOT_FOUND, "%s", "the stream was deleted");
    request_fail(shard, conn, &fault, NULL, 0);
    return true;
}

bool ending_answer_complete(struct shard *shard, struct conn *conn, const struct context *context)
{
    for (uint32_t i = 0; i < context->stream_count; i++) {
        const struct stream *stream = context_stream(shard, context, i);
        if (context->has_gap || !stream_has_ended(stream) ||
            context->start_ids[i] < stream->last_id) {
            return false;
        }
    }
    request_no_content(shard, conn);
    return true;
}
