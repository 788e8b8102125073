#include "worker/admin.h"

#include "base/assert.h"
#include "base/json_writer.h"
#include "conn/connection_id.h"
#include "conn/grant.h"
#include "event/frame.h"
#include "worker/figures.h"
#include "worker/worker_internal.h"

enum { ADMIN_JSON_BYTES_MAX = 16 << 20 };

static void list_connections(struct worker *worker, uint32_t limit, struct buffer *out)
{
    struct shard *shard = &worker->shard;
    struct json_writer writer = json_writer_on(out);
    for (uint32_t r = 0; r < shard->ring_count; r++) {
        struct conn_ring *ring = &shard->rings[r];
        uint32_t left = ring->used;
        for (uint32_t slot = 0; slot < ring->capacity && left > 0 && limit > 0; slot++) {
            if (ring->conns[slot].state != CONN_FREE) {
                worker_write_connection(&writer, shard, &ring->conns[slot], false);
                left--;
                limit--;
            }
        }
    }
}

static uint64_t describe_connection(struct worker *worker, uint64_t id, struct buffer *out)
{
    struct conn *conn = conn_of_public_id(&worker->shard, id);
    if (conn == NULL) {
        return 0;
    }
    struct json_writer writer = json_writer_on(out);
    worker_write_connection(&writer, &worker->shard, conn, true);
    return 1;
}

static uint64_t close_connection(struct worker *worker, uint64_t id)
{
    struct conn *conn = conn_of_public_id(&worker->shard, id);
    if (conn == NULL || conn->state == CONN_CLOSING) {
        return 0;
    }
    conn_close(&worker->shard, conn, CLOSE_OPERATOR);
    return 1;
}

static bool send_direct(struct worker *worker, struct conn *conn, struct slice frame)
{
    return conn_sees(&worker->shard, conn, frame_type(frame)) &&
           worker_send_frame(worker, conn, frame);
}

static uint64_t send_to_one(struct worker *worker, uint64_t id, struct slice frame)
{
    struct conn *conn = conn_of_public_id(&worker->shard, id);
    return conn != NULL && send_direct(worker, conn, frame);
}

static uint64_t send_to_all(struct worker *worker, struct slice frame)
{
    struct shard *shard = &worker->shard;
    uint64_t reached = 0;
    for (uint32_t r = 0; r < shard->ring_count; r++) {
        struct conn_ring *ring = &shard->rings[r];
        for (uint32_t slot = 0; slot < ring->capacity; slot++) {
            if (ring->conns[slot].state == CONN_ACTIVE) {
                reached += send_direct(worker, &ring->conns[slot], frame);
            }
        }
    }
    return reached;
}

static uint64_t count_readers(const struct worker *worker, struct slice name)
{
    const struct stream *stream = stream_table_find(&worker->shard.streams, name);
    return stream == NULL ? 0 : stream_readers(stream);
}

static void renew(struct worker *worker, const struct admin_request *request,
                  struct admin_part *part)
{
    struct conn *conn = conn_of_public_id(&worker->shard, request->connection_id);
    if (conn != NULL) {
        part->reached = 1;
        part->error = conn_renew(&worker->shard, conn, request->grant);
    }
}

void worker_answer_admin(struct worker *worker, struct admin_request *request)
{
    struct admin_part *part = &request->parts[worker->options.shard.worker];
    buffer_init(&part->json, ADMIN_JSON_BYTES_MAX);
    part->reached = 0;
    part->error = ERR_NONE;
    switch (request->operation) {
    case ADMIN_FIGURES:
        worker_take_figures(worker, &request->figures[worker->options.shard.worker]);
        break;
    case ADMIN_CONNECTIONS: list_connections(worker, request->limit, &part->json); break;
    case ADMIN_CONNECTION:
        part->reached = describe_connection(worker, request->connection_id, &part->json);
        break;
    case ADMIN_CLOSE: part->reached = close_connection(worker, request->connection_id); break;
    case ADMIN_SEND:
        part->reached = send_to_one(worker, request->connection_id, request->frame);
        break;
    case ADMIN_BROADCAST: part->reached = send_to_all(worker, request->frame); break;
    case ADMIN_REACH: part->reached = count_readers(worker, request->stream); break;
    case ADMIN_RENEW: renew(worker, request, part); break;
    }
    struct log_message message = {
        .kind = MESSAGE_ADMIN_DONE, .reader = worker->options.shard.worker, .pointer = request};
    worker_post_log_surely(worker, &message);
}
