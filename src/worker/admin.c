#include "worker/admin.h"

#include "base/allocated.h"
#include "base/assert.h"
#include "base/json_writer.h"
#include "conn/connection_id.h"
#include "conn/grant.h"
#include "event/frame.h"
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

static void count_states(const struct shard *shard, struct json_writer *writer)
{
    uint64_t connecting = 0;
    uint64_t streaming = 0;
    uint64_t throttled = 0;
    uint64_t draining = 0;
    for (uint32_t r = 0; r < shard->ring_count; r++) {
        const struct conn_ring *ring = &shard->rings[r];
        uint32_t left = ring->used;
        for (uint32_t slot = 0; slot < ring->capacity && left > 0; slot++) {
            const struct conn *conn = &ring->conns[slot];
            left -= conn->state != CONN_FREE;
            connecting += conn->state == CONN_REQUEST || conn->state == CONN_STARTING ||
                          conn->state == CONN_ASKING;
            draining += conn->state == CONN_LINGER || conn->state == CONN_CLOSING;
            streaming += conn->state == CONN_ACTIVE;
            throttled += conn->state == CONN_ACTIVE && conn_is_throttled(conn);
        }
    }
    json_write_member_u64(writer, "connecting", connecting);
    json_write_member_u64(writer, "streaming", streaming);
    json_write_member_u64(writer, "throttled", throttled);
    json_write_member_u64(writer, "draining", draining);
}

static void write_status(struct worker *worker, struct buffer *out)
{
    const struct shard *shard = &worker->shard;
    const struct shard_stats *stats = &shard->stats;
    const struct {
        const char *key;
        uint64_t value;
    } members[] = {
        {"worker", shard->options.worker},
        {"connections", shard->conn_count},
        {"rings", shard->ring_count},
        {"streams", pool_used(&shard->streams.pool)},
        {"accepted", stats->accepted},
        {"refused", stats->refused},
        {"closed", stats->closed},
        {"requests", stats->requests},
        {"request_errors", stats->request_errors},
        {"resumed", stats->resumed},
        {"events_sent", stats->events_sent},
        {"bytes_sent", stats->bytes_sent},
        {"sends", stats->sends},
        {"short_sends", stats->short_sends},
        {"heartbeats", stats->heartbeats},
        {"rate_waits", stats->rate_waits},
        {"batches_sent", stats->batches_sent},
        {"oversize_told", stats->oversize_told},
        {"gaps_told", stats->gaps_told},
        {"ends_told", stats->ends_told},
        {"dropped_oldest", stats->dropped[OVERFLOW_DROP_OLDEST]},
        {"dropped_newest", stats->dropped[OVERFLOW_DROP_NEWEST]},
        {"dropped_lowest", stats->dropped[OVERFLOW_DROP_LOWEST]},
        {"lag_closes", stats->lag_closes},
        {"stall_closes", stats->stall_closes},
        {"expiry_closes", stats->expiry_closes},
        {"transients_dropped", stats->transients_dropped},
        {"replays_refused", stats->replays_refused},
        {"subscriptions_refused", stats->subscriptions_refused},
        {"dropped_shed", stats->events_shed},
        {"cold_bytes", shard->cold.bytes_used},
        {"cold_reads", shard->cold.reads},
        {"cold_faults", shard->cold.faults},
        {"renditions", shard->renditions.made},
        {"links_read", stats->links_read},
        {"adaptations", stats->adaptations},
        {"rounds", worker->loop.stats.rounds},
        {"sleeps", worker->loop.stats.sleeps},
        {"allocated_bytes", allocated_bytes_of_thread()},
    };
    struct json_writer writer = json_writer_on(out);
    json_write_object_open(&writer);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        json_write_member_u64(&writer, members[i].key, members[i].value);
    }
    count_states(shard, &writer);
    json_write_object_close(&writer);
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
    conn_close(&worker->shard, conn);
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
    case ADMIN_STATUS: write_status(worker, &part->json); break;
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
