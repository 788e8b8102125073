// What an operator is told of a connection.
#include <stdio.h>

#include "base/json_writer.h"
#include "conn/client_address.h"
#include "conn/connection_id.h"
#include "conn/flow.h"
#include "conn/grant.h"
#include "conn/overflow.h"
#include "worker/worker_internal.h"

static const char *state_name(const struct shard *shard, const struct conn *conn)
{
    switch (conn->state) {
    case CONN_REQUEST:
    case CONN_STARTING:
    case CONN_ASKING: return "connecting";
    case CONN_ACTIVE:
        if (conn_is_throttled(conn)) {
            return "throttled";
        }
        return (uint32_t)shard->now_ms - conn->last_send_ms < shard->terms->heartbeat_ms ? "active"
                                                                                         : "idle";
    default: return "draining";
    }
}

static void write_address(struct json_writer *writer, const struct conn_cold *cold)
{
    char address[CLIENT_ADDRESS_TEXT_BYTES];
    struct slice host = client_address_text(cold, address);
    char text[CLIENT_ADDRESS_TEXT_BYTES + 16] = "unix:"; // a peer of a Unix socket has no name
    if (cold->family == AF_INET || cold->family == AF_INET6) {
        snprintf(text, sizeof(text),
                 cold->family == AF_INET6 ? "[" SLICE_FORMAT "]:%u" : SLICE_FORMAT ":%u",
                 SLICE_ARGUMENTS(host), cold->port);
    }
    json_write_key(writer, "address");
    json_write_text(writer, text);
}

// Both null where it came without a token, or with one that does not say.
static void write_grant(struct json_writer *writer, const struct shard *shard,
                        const struct conn *conn)
{
    const struct grant *grant = conn_grant_of(shard, conn);
    struct slice subject = grant_subject(grant);
    uint64_t expires_ms = grant_expires_ms(grant);
    json_write_key(writer, "subject");
    if (subject.length > 0) {
        json_write_string(writer, subject);
    } else {
        json_write_null(writer);
    }
    json_write_key(writer, "expires_at");
    if (expires_ms != GRANT_NEVER_EXPIRES) {
        json_write_u64(writer, expires_ms);
    } else {
        json_write_null(writer);
    }
}

static void write_settings(struct json_writer *writer, const struct quality *quality)
{
    json_write_key(writer, "settings");
    json_write_array_open(writer);
    for (int i = 0; i < QUALITY_FIELDS; i++) {
        json_write_object_open(writer);
        json_write_key(writer, "name");
        json_write_text(writer, quality_field_name((enum quality_field)i));
        json_write_member_u64(writer, "value", quality->values[i]);
        json_write_key(writer, "from");
        json_write_text(writer, quality_source_name((enum quality_source)quality->sources[i]));
        json_write_object_close(writer);
    }
    json_write_array_close(writer);
}

static void write_bucket(struct json_writer *writer, const char *key, const struct bucket *bucket,
                         uint64_t now_ms)
{
    json_write_key(writer, key);
    if (bucket->per_second == 0) {
        json_write_null(writer);
        return;
    }
    struct bucket now = *bucket;
    json_write_object_open(writer);
    json_write_member_u64(writer, "available", bucket_available(&now, now_ms));
    json_write_member_u64(writer, "burst", bucket->burst);
    json_write_object_close(writer);
}

// Null where nothing is limited.
static void write_quality(struct json_writer *writer, const struct shard *shard,
                          const struct conn *conn)
{
    const struct conn_flow *flow = conn_flow_of(shard, conn);
    json_write_key(writer, "quality");
    if (flow == NULL) {
        json_write_null(writer);
        return;
    }
    json_write_object_open(writer);
    json_write_key(writer, "profile");
    json_write_text(writer, subscribe_client_name((enum subscribe_client)flow->quality.profile));
    json_write_key(writer, "is_profile_by_agent");
    json_write_boolean(writer, flow->quality.is_profile_by_agent);
    json_write_key(writer, "is_batch_event");
    json_write_boolean(writer, (conn->flags & CONN_BATCH_EVENT) != 0);
    write_settings(writer, &flow->quality);
    write_bucket(writer, "events", &flow->events, shard->now_ms);
    write_bucket(writer, "bytes", &flow->bytes, shard->now_ms);
    json_write_key(writer, "is_gathering");
    json_write_boolean(writer, flow->gathering.due_ms > shard->now_ms);
    json_write_key(writer, "is_over_rate");
    json_write_boolean(writer, (conn->flags & CONN_PARKED) != 0);
    json_write_object_close(writer);
}

// How far behind it is, how far it may be, and what happens then. Null before its stream begins.
static void write_lag(struct json_writer *writer, const struct shard *shard,
                      const struct conn *conn)
{
    json_write_key(writer, "lag");
    if (conn->state != CONN_ACTIVE) {
        json_write_null(writer);
        return;
    }
    struct conn_lag lag = conn_known_lag(shard, conn);
    struct overflow_terms terms = conn_overflow_terms(shard, conn);
    json_write_object_open(writer);
    json_write_member_u64(writer, "events", lag.events);
    json_write_member_u64(writer, "bytes", lag.bytes);
    json_write_key(writer, "is_at_least"); // it stands further back than what memory tells of
    json_write_boolean(writer, !lag.is_all);
    json_write_member_u64(writer, "events_max", terms.limits.events);
    json_write_member_u64(writer, "bytes_max", terms.limits.bytes);
    json_write_key(writer, "overflow");
    json_write_text(writer, overflow_policy_name(terms.policy));
    json_write_key(writer, "is_dropping");
    json_write_boolean(writer, (conn->flags & CONN_LAGGING) != 0);
    json_write_object_close(writer);
}

void worker_write_connection(struct json_writer *writer, struct shard *shard,
                             const struct conn *conn, bool with_quality)
{
    const struct conn_cold *cold = conn_cold_of(shard, conn);
    char id[CONNECTION_ID_TEXT_BYTES];
    connection_id_write(id, conn_public_id(shard, conn));
    json_write_object_open(writer);
    json_write_key(writer, "id");
    json_write_string(writer, slice_from(id, sizeof(id)));
    json_write_key(writer, "state");
    json_write_text(writer, state_name(shard, conn));
    write_address(writer, cold);
    json_write_key(writer, "kind");
    json_write_text(writer, "sse");
    json_write_key(writer, "capabilities");
    json_write_array_open(writer);
    if ((conn->flags & CONN_ENVELOPE) != 0) {
        json_write_text(writer, "multiplexing");
    }
    const struct conn_flow *flow = conn_flow_of(shard, conn);
    if (flow != NULL && flow->quality.batching != 0) {
        json_write_text(writer, "batching");
    }
    if (flow != NULL && flow->quality.compression != 0) {
        json_write_text(writer, "compression");
    }
    json_write_array_close(writer);
    json_write_key(writer, "user_agent");
    json_write_string(writer, agents_text(&shard->agents, cold->user_agent));
    json_write_key(writer, "streams");
    json_write_array_open(writer);
    for (uint32_t i = 0; i < conn->stream_count; i++) {
        const struct stream *stream = stream_table_at(&shard->streams, conn->streams[i].stream);
        json_write_string(writer, slice_from(stream->name, stream->name_length));
    }
    json_write_array_close(writer);
    json_write_member_u64(writer, "last_id", conn->cursor);
    json_write_member_u64(writer, "connected_at", cold->connected_ms);
    json_write_member_u64(writer, "last_activity_at",
                          shard->unix_ms -
                              (uint32_t)((uint32_t)shard->now_ms - conn->last_send_ms));
    write_grant(writer, shard, conn);
    worker_write_link(writer, shard, conn);
    if (with_quality) {
        write_quality(writer, shard, conn);
        write_lag(writer, shard, conn);
    }
    json_write_object_close(writer);
}
