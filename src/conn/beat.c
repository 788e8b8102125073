// What a connection's timer is for while it streams: heartbeats, and the ends of those that take
// nothing and of those whose grant expires.
#include "base/assert.h"
#include "conn/connection_id.h"
#include "conn/grant.h"
#include "conn/overflow.h"
#include "conn/tls.h"

enum {
    MARK_MS = 30 * 1000, // where there are no heartbeats
    BEAT_BYTES_MAX = NOTICE_START_BYTES_MAX + NOTICE_HEARTBEAT_BYTES_MAX,
};

// How often a connection is looked at: where there are no heartbeats, for those that take nothing,
// and those that are told where they are. UINT64_MAX: never.
static uint64_t beat_interval_ms(const struct shard *shard, const struct conn *conn)
{
    if (shard->terms->heartbeat_ms > 0) {
        return shard->terms->heartbeat_ms;
    }
    if (shard->terms->stall_ms_max > 0) {
        return shard->terms->stall_ms_max;
    }
    return (conn->flags & CONN_TYPES) != 0 ? MARK_MS : UINT64_MAX;
}

// How long it may still take nothing; UINT64_MAX: it does take, or may do so for ever.
static uint64_t patience_left_ms(const struct shard *shard, const struct conn *conn)
{
    if ((conn->ops & CONN_OP_WRITABLE) == 0 || shard->terms->stall_ms_max == 0) {
        return UINT64_MAX;
    }
    uint32_t blocked_ms = (uint32_t)shard->now_ms - conn->blocked_since_ms;
    return blocked_ms < shard->terms->stall_ms_max ? shard->terms->stall_ms_max - blocked_ms : 0;
}

// delay_ms: UINT64_MAX where nothing asks for it.
static void arm_beat(struct shard *shard, struct conn *conn, uint64_t delay_ms)
{
    uint64_t patience_ms = patience_left_ms(shard, conn);
    uint64_t grant_ms = conn_grant_left_ms(shard, conn);
    delay_ms = delay_ms < patience_ms ? delay_ms : patience_ms;
    delay_ms = delay_ms < grant_ms ? delay_ms : grant_ms;
    if (delay_ms != UINT64_MAX) {
        conn_arm(shard, conn, delay_ms);
    }
}

void conn_arm_heartbeat(struct shard *shard, struct conn *conn)
{
    uint64_t interval = beat_interval_ms(shard, conn);
    // Spread: the first falls anywhere in the second half of an interval, so that 100,000 that came
    // at once do not beat at once.
    arm_beat(shard, conn,
             interval == UINT64_MAX ? UINT64_MAX
                                    : interval / 2 + prng_below(&shard->prng, interval / 2 + 1));
}

void conn_watch_stall(struct shard *shard, struct conn *conn)
{
    if (conn->state == CONN_ACTIVE && shard->terms->stall_ms_max > 0) {
        arm_beat(shard, conn, beat_interval_ms(shard, conn));
    }
}

static void end_stalled(struct shard *shard, struct conn *conn)
{
    // One that its policy would have ended, had it taken anything, ends for that reason.
    bool is_lag = conn_overflow_terms(shard, conn).policy == OVERFLOW_DISCONNECT &&
                  conn_is_lagging(shard, conn);
    conn_close(shard, conn, is_lag ? CLOSE_LAGGED : CLOSE_STALLED);
}

// Makes room for its last frame. False: it ends already.
static bool begin_end(struct shard *shard, struct conn *conn)
{
    if (conn_has_send(shard, conn)) {
        shard_flush(shard);
    }
    return conn->state == CONN_ACTIVE && (conn->flags & CONN_GOODBYE) == 0;
}

static void end_expired(struct shard *shard, struct conn *conn)
{
    if (begin_end(shard, conn)) {
        conn_disconnect(shard, conn, NOTICE_TOKEN_EXPIRED);
        if ((conn->flags & CONN_GOODBYE) == 0) {
            conn_close(shard, conn, CLOSE_EXPIRED);
        }
    }
}

// It comes back at once, for other keys.
static void end_worn(struct shard *shard, struct conn *conn)
{
    if (begin_end(shard, conn)) {
        conn_goodbye(shard, conn, CLOSE_TLS, shard->terms->retry_ms);
        if ((conn->flags & CONN_GOODBYE) == 0) {
            conn_close(shard, conn, CLOSE_TLS);
        }
    }
}

// Where the cursor is, to one whose events may all be of types that it does not see: so that its
// resume point does not fall behind what is kept. It is no heartbeat, which has no id.
static bool is_mark_due(const struct shard *shard, const struct conn *conn)
{
    return (conn->flags & (CONN_TYPES | CONN_GAP)) == CONN_TYPES &&
           conn->cursor != conn_cold_of(shard, conn)->marked_id;
}

static void send_beat(struct shard *shard, struct conn *conn)
{
    bool is_mark = is_mark_due(shard, conn);
    bool is_beat = shard->terms->heartbeat_ms > 0 && (conn->flags & CONN_HEARTBEAT_OFF) == 0;
    bool is_event = is_beat && (conn->flags & CONN_HEARTBEAT_EVENT) != 0;
    shard->stats.heartbeats += is_beat;
    if (!is_mark && !is_event) {
        if (is_beat) {
            conn_send_bytes(shard, conn, (const uint8_t *)NOTICE_COMMENT,
                            sizeof(NOTICE_COMMENT) - 1);
        }
        return;
    }
    uint8_t *at = shard_scratch(shard, BEAT_BYTES_MAX);
    struct buffer out;
    buffer_wrap(&out, at, BEAT_BYTES_MAX);
    if (is_mark) {
        conn_cold_of(shard, conn)->marked_id = conn->cursor;
        ASSERT(notice_start_write(&out, conn->cursor, 0) == 0);
    }
    if (is_event) {
        char id[CONNECTION_ID_TEXT_BYTES];
        connection_id_write(id, conn_public_id(shard, conn));
        ASSERT(notice_heartbeat_write(&out, shard->unix_ms, slice_from(id, sizeof(id))) == 0);
    }
    conn_send_bytes(shard, conn, at, (uint32_t)buffer_length(&out));
}

void conn_beat(struct shard *shard, struct conn *conn)
{
    uint64_t interval = beat_interval_ms(shard, conn);
    uint32_t silent_ms = (uint32_t)shard->now_ms - conn->last_send_ms;
    if (conn_grant_left_ms(shard, conn) == 0) {
        end_expired(shard, conn);
        return;
    }
    if (conn_tls_is_worn(shard, conn)) {
        end_worn(shard, conn);
        return;
    }
    if (patience_left_ms(shard, conn) == 0) {
        end_stalled(shard, conn);
        return;
    }
    if (interval == UINT64_MAX || silent_ms + WHEEL_TICK_MS < interval ||
        !conn_is_clear(shard, conn)) {
        arm_beat(shard, conn,
                 interval != UINT64_MAX && silent_ms < interval ? interval - silent_ms : interval);
        return;
    }
    arm_beat(shard, conn, interval);
    send_beat(shard, conn);
}
