// Connections that fall behind: how far, and what then. Looked at only when a socket that was full
// has room again.
#include "base/assert.h"
#include "conn/shard.h"

struct lag {
    uint64_t events;
    uint64_t bytes;
    struct stream *worst; // of a connection: the stream with the most of them
    uint64_t worst_events;
    struct stream *unknown; // one of which the log has to be asked, from unknown_from on
    uint64_t unknown_from;
};

void conn_set_gap(struct shard *shard, struct conn *conn, uint64_t from, uint64_t to,
                  enum notice_reason reason)
{
    struct conn_cold *cold = conn_cold_of(shard, conn);
    if ((conn->flags & CONN_GAP) != 0) { // a second one before the first was told: widened
        cold->gap_from = from < cold->gap_from ? from : cold->gap_from;
        cold->gap_to = to > cold->gap_to ? to : cold->gap_to;
        return;
    }
    conn->flags |= CONN_GAP;
    cold->gap_from = from;
    cold->gap_to = to;
    cold->gap_reason = (uint8_t)reason;
}

// Events of a run above `from`: exact where the cursor stands before it, else at most that many.
static uint64_t events_left(const struct log_run *run, uint64_t from)
{
    uint64_t left = run->last_id - from;
    return from < run->first_id || left > run->count ? run->count : left;
}

static struct lag lag_of(struct shard *shard, struct stream *stream, uint64_t from)
{
    struct lag lag = {0};
    if (from >= stream->last_id) {
        return lag;
    }
    const struct window *window = &stream->window;
    for (uint32_t i = 0; i < window->count; i++) {
        const struct log_run *run = window_at(window, i);
        if (run->last_id > from) {
            lag.events += events_left(run, from);
            lag.bytes += run->frame_bytes;
        }
    }
    if (from < window->covers_from) {
        // Further back than the window: by the sequence of its next event, where an answer of the
        // log tells.
        const struct history *history = history_find(&shard->histories, stream, from);
        const struct log_run *run = history == NULL ? NULL : history_run(history, from);
        if (history == NULL) {
            lag.unknown = stream;
            lag.unknown_from = from;
        }
        if (run != NULL) {
            lag.events = events_left(run, from);
            if (stream->last_sequence > run->last_sequence) {
                lag.events += stream->last_sequence - run->last_sequence;
            }
            lag.bytes += run->frame_bytes;
        }
    }
    return lag;
}

// Of all its streams.
static struct lag lag_of_conn(struct shard *shard, const struct conn *conn)
{
    struct lag sum = {0};
    for (uint32_t i = 0; i < conn->stream_count; i++) {
        const struct conn_stream *entry = &conn->streams[i];
        struct stream *stream = stream_table_at(&shard->streams, entry->stream);
        uint64_t from = entry->start_id > conn->cursor ? entry->start_id : conn->cursor;
        struct lag lag =
            lag_of(shard, stream, from > stream->discarded_id ? from : stream->discarded_id);
        if (lag.unknown != NULL) {
            sum.unknown = lag.unknown;
            sum.unknown_from = lag.unknown_from;
        }
        sum.events += lag.events;
        sum.bytes += lag.bytes;
        if (lag.events >= sum.worst_events) {
            sum.worst_events = lag.events;
            sum.worst = stream;
        }
    }
    return sum;
}

#define ROUNDING 0.001 // what is whole but for the division's rounding stays whole

static bool is_over(uint64_t lag, uint64_t lag_max)
{
    return lag_max > 0 && lag > lag_max;
}

// How many events of the worst stream may stay, so that of all streams, which lag by much the same
// time, as much stays as is allowed.
static uint64_t events_to_keep(const struct shard_options *options, const struct lag *lag)
{
    double share = 1;
    if (is_over(lag->events, options->lag_events_max)) {
        share = (double)options->lag_events_max / (double)lag->events;
    }
    if (is_over(lag->bytes, options->lag_bytes_max)) {
        double of_bytes = (double)options->lag_bytes_max / (double)lag->bytes;
        share = of_bytes < share ? of_bytes : share;
    }
    return (uint64_t)((double)lag->worst_events * share + ROUNDING);
}

bool conn_check_lag(struct shard *shard, struct conn *conn)
{
    const struct shard_options *options = &shard->options;
    if ((conn->flags & (CONN_BLOCKED | CONN_CAUGHT_UP)) != (CONN_BLOCKED | CONN_CAUGHT_UP)) {
        return true;
    }
    struct lag lag = lag_of_conn(shard, conn);
    if (lag.unknown != NULL) { // it is asked for what comes next, in any case
        if (history_ask(&shard->histories, lag.unknown, LOG_FROM_ID, lag.unknown_from, false,
                        conn_handle(shard, conn))) {
            conn->flags |= CONN_WAITING;
        } else {
            conn_close(shard, conn);
        }
        return false;
    }
    if (!is_over(lag.events, options->lag_events_max) &&
        !is_over(lag.bytes, options->lag_bytes_max)) {
        conn->flags &= ~(uint32_t)CONN_BLOCKED;
        return true;
    }
    if (options->lag_disconnects) {
        shard->stats.lag_closes++;
        conn_goodbye(shard, conn, options->retry_ms);
        return false;
    }
    if (!history_ask(&shard->histories, lag.worst, LOG_FROM_LAST, events_to_keep(options, &lag),
                     false, conn_handle(shard, conn))) {
        conn_close(shard, conn);
        return false;
    }
    conn->flags |= CONN_WAITING | CONN_DROPPING;
    return false;
}

void conn_lag_looked_up(struct shard *shard, struct conn *conn, const struct history *history)
{
    ASSERT((conn->flags & CONN_DROPPING) != 0);
    conn->flags &= ~(uint32_t)(CONN_DROPPING | CONN_WAITING | CONN_BLOCKED);
    uint64_t start_id = history->lookup.start_id;
    if (start_id > conn->cursor) {
        conn_set_gap(shard, conn, conn->cursor, start_id, NOTICE_LAGGED);
        uint64_t before = lag_of_conn(shard, conn).events;
        conn->cursor = start_id;
        uint64_t after = lag_of_conn(shard, conn).events;
        shard->stats.events_lagged += before > after ? before - after : 0;
    }
    conn_make_ready(shard, conn);
}
