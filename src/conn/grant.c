#include "conn/grant.h"

#include "base/assert.h"

// The clock of days may be set while a timer runs.
enum { GRANT_LOOK_MS = 60 * 1000 };

static void choose_flags(struct shard *shard, struct conn *conn)
{
    const struct conn_cold *cold = conn_cold_of(shard, conn);
    bool expires = grant_expires_ms(conn_grant_of(shard, conn)) != GRANT_NEVER_EXPIRES;
    conn->flags &= ~(uint32_t)(CONN_TYPES | CONN_EXPIRES | CONN_RENEWED);
    conn->flags |= grant_sees_all_types(cold->grant) ? 0 : CONN_TYPES;
    conn->flags |= expires ? CONN_EXPIRES : 0;
    conn->flags |= cold->renewed != NULL ? CONN_RENEWED : 0;
}

void conn_set_grant(struct shard *shard, struct conn *conn, struct grant *grant)
{
    struct conn_cold *cold = conn_cold_of(shard, conn);
    ASSERT(cold->grant == NULL && cold->renewed == NULL);
    cold->grant = grant_hold(grant);
    cold->marked_id = conn->cursor;
    choose_flags(shard, conn);
}

void conn_drop_grant(struct shard *shard, struct conn *conn)
{
    struct conn_cold *cold = conn_cold_of(shard, conn);
    grant_release(cold->grant);
    grant_release(cold->renewed);
    cold->grant = NULL;
    cold->renewed = NULL;
    choose_flags(shard, conn);
}

static bool reads_all(const struct shard *shard, const struct conn *conn, const struct grant *grant)
{
    for (uint32_t i = 0; i < conn->stream_count; i++) {
        const struct stream *stream = stream_table_at(&shard->streams, conn->streams[i].stream);
        if (!grant_may_read(grant, slice_from(stream->name, stream->name_length))) {
            return false;
        }
    }
    return true;
}

enum rc_error conn_renew(struct shard *shard, struct conn *conn, struct grant *grant)
{
    if (conn->state != CONN_ACTIVE || (conn->flags & CONN_GOODBYE) != 0) {
        return ERR_CONNECTION_CLOSED;
    }
    struct slice subject = grant_subject(conn_grant_of(shard, conn));
    if (subject.length == 0 || !slice_equal(subject, grant_subject(grant)) ||
        !reads_all(shard, conn, grant)) {
        return ERR_FORBIDDEN;
    }
    struct conn_cold *cold = conn_cold_of(shard, conn);
    grant_release(cold->renewed);
    cold->renewed = grant_hold(grant);
    choose_flags(shard, conn);
    conn->flags |= CONN_TIMER_DUE; // it is armed for the end of the former one
    conn_make_ready(shard, conn);
    return ERR_NONE;
}

void conn_take_renewed(struct shard *shard, struct conn *conn)
{
    // The rest of a batch is made anew, of the same events; a policy counted what it leaves out.
    if (conn->frame_offset > 0 || (conn->flags & CONN_LAGGING) != 0) {
        return;
    }
    struct conn_cold *cold = conn_cold_of(shard, conn);
    grant_release(cold->grant);
    cold->grant = cold->renewed;
    cold->renewed = NULL;
    choose_flags(shard, conn);
}

const struct grant *conn_grant_of(const struct shard *shard, const struct conn *conn)
{
    const struct conn_cold *cold = conn_cold_of(shard, conn);
    return cold->renewed != NULL ? cold->renewed : cold->grant;
}

uint64_t conn_grant_left_ms(const struct shard *shard, const struct conn *conn)
{
    if ((conn->flags & CONN_EXPIRES) == 0) {
        return UINT64_MAX;
    }
    uint64_t expires_ms = grant_expires_ms(conn_grant_of(shard, conn));
    uint64_t left_ms = expires_ms > shard->unix_ms ? expires_ms - shard->unix_ms : 0;
    return left_ms < GRANT_LOOK_MS ? left_ms : GRANT_LOOK_MS;
}
