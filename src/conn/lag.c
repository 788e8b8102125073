// Connections that fall behind: how far, and what then. Looked at only when a socket that was full
// has room again.
#include "base/assert.h"
#include "conn/shard.h"

struct lag {
    uint64_t events;
    uint64_t bytes;
};

void conn_set_gap(struct conn *conn, uint64_t from, uint64_t to, enum notice_reason reason)
{
    if ((conn->flags & CONN_GAP) != 0) { // a second one before the first was told: widened
        conn->gap_from = from < conn->gap_from ? from : conn->gap_from;
        conn->gap_to = to > conn->gap_to ? to : conn->gap_to;
        return;
    }
    conn->flags |= CONN_GAP;
    conn->gap_from = from;
    conn->gap_to = to;
    conn->gap_reason = (uint8_t)reason;
}

// Events of a run above `from`: exact where the cursor stands before it, else at most that many.
static uint64_t events_left(const struct log_run *run, uint64_t from)
{
    uint64_t left = run->last_id - from;
    return from < run->first_id || left > run->count ? run->count : left;
}

static struct lag lag_of(struct shard *shard, const struct stream *stream, uint64_t from)
{
    struct lag lag = {0, 0};
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
        const struct history *history =
            history_find(&shard->histories, (struct stream *)(uintptr_t)stream, from);
        const struct log_run *run = history == NULL ? NULL : history_run(history, from);
        if (run != NULL) {
            lag.events = stream->last_sequence - run->last_sequence + events_left(run, from);
            lag.bytes += run->frame_bytes;
        }
    }
    return lag;
}

// Of all its streams; *worst is the one with the most events.
static struct lag lag_of_conn(struct shard *shard, const struct conn *conn, struct stream **worst)
{
    struct lag sum = {0, 0};
    uint64_t worst_events = 0;
    for (uint32_t i = 0; i < conn->stream_count; i++) {
        const struct conn_stream *entry = &conn->streams[i];
        struct stream *stream = stream_table_at(&shard->streams, entry->stream);
        struct lag lag =
            lag_of(shard, stream, entry->start_id > conn->cursor ? entry->start_id : conn->cursor);
        sum.events += lag.events;
        sum.bytes += lag.bytes;
        if (lag.events >= worst_events) {
            worst_events = lag.events;
            *worst = stream;
        }
    }
    return sum;
}

bool conn_check_lag(struct shard *shard, struct conn *conn)
{
    const struct shard_options *options = &shard->options;
    if ((conn->flags & (CONN_BLOCKED | CONN_CAUGHT_UP)) != (CONN_BLOCKED | CONN_CAUGHT_UP)) {
        return true;
    }
    struct stream *worst = NULL;
    struct lag lag = lag_of_conn(shard, conn, &worst);
    bool is_over = (options->lag_events_max > 0 && lag.events > options->lag_events_max) ||
                   (options->lag_bytes_max > 0 && lag.bytes > options->lag_bytes_max);
    if (!is_over) {
        conn->flags &= (uint16_t)~CONN_BLOCKED;
        return true;
    }
    if (options->lag_disconnects) {
        shard->stats.lag_closes++;
        conn_goodbye(shard, conn, options->retry_ms);
        return false;
    }
    uint64_t keep = options->lag_events_max > 0 && options->lag_events_max < lag.events
                        ? options->lag_events_max
                        : lag.events;
    if (options->lag_bytes_max > 0 && lag.bytes > options->lag_bytes_max) {
        uint64_t fitting =
            (uint64_t)((double)lag.events * (double)options->lag_bytes_max / (double)lag.bytes);
        keep = fitting < keep ? fitting : keep;
    }
    if (!history_ask(&shard->histories, worst, LOG_FROM_LAST, keep, false,
                     conn_handle(shard, conn))) {
        conn_close(shard, conn);
        return false;
    }
    conn->flags |= CONN_WAITING | CONN_DROPPING;
    return false;
}

void conn_lag_looked_up(struct shard *shard, struct conn *conn, const struct history *history)
{
    ASSERT((conn->flags & CONN_DROPPING) != 0);
    conn->flags &= (uint16_t) ~(CONN_DROPPING | CONN_WAITING | CONN_BLOCKED);
    uint64_t start_id = history->lookup.start_id;
    if (start_id > conn->cursor) {
        conn_set_gap(conn, conn->cursor, start_id, NOTICE_LAGGED);
        struct stream *worst = NULL;
        uint64_t before = lag_of_conn(shard, conn, &worst).events;
        conn->cursor = start_id;
        shard->stats.events_lagged += before - lag_of_conn(shard, conn, &worst).events;
    }
    conn_make_ready(shard, conn);
}
