// A stream's news for all of its subscribers: made once, sent to each that is ready for just that.
// The others go through conn_pump, each with a walk of its own.
#include "base/assert.h"
#include "conn/flow.h"
#include "conn/load.h"
#include "conn/tls.h"
#include "log/block.h"
#include "stream/window.h"

// What a subscriber that stands at pass_from is due, made once for all of them. False when it takes
// a walk of its own.
static bool load_news(struct shard *shard, const struct stream *stream, struct load *load)
{
    if (stream->pass_from < stream->window.covers_from) {
        return false;
    }
    const struct window *window = &stream->window;
    const struct log_run *next = window_find(window, stream->pass_from);
    if (next == NULL || next->first_id <= stream->pass_from) {
        return false;
    }
    for (uint32_t i = 0; i < window->count; i++) {
        const struct log_run *run = window_at(window, i);
        if (run->last_id <= stream->pass_from) {
            continue;
        }
        if (run->last_id > stream->pass_to) {
            break;
        }
        if (!block_stream_is_sendable(run->flags) || run->block_position < shard->floor ||
            load->bytes + run->frame_bytes > SEND_BYTES_MAX ||
            !load_add(load, log_tail_at(shard->tail, run->block_position) + run->frame_offset,
                      run->frame_bytes)) {
            return false;
        }
        load->events += run->count;
    }
    return load->piece_count > 0;
}

// Whether it stands right before the news, and none of these flags is in the way.
static bool stands_before(const struct shard *shard, const struct conn *conn,
                          const struct stream *stream, uint32_t hindrances)
{
    return conn->cursor == stream->pass_from && conn->stream_count == 1 &&
           conn->only.start_id <= conn->cursor &&
           (conn->flags & (CONN_ENVELOPE | CONN_TYPES | CONN_WAITING | CONN_GAP | hindrances)) ==
               0 &&
           conn_is_clear(shard, conn);
}

static bool takes_news(const struct shard *shard, const struct conn *conn,
                       const struct stream *stream)
{
    return stands_before(shard, conn, stream, CONN_FLOW | CONN_TLS | CONN_TLS_KERNEL);
}

// The same of one that has a flow, or TLS: where neither rate nor limit nor batch is in the way,
// its news go out as everybody's.
static bool takes_special_news(const struct shard *shard, const struct conn *conn,
                               const struct stream *stream, const struct load *news)
{
    bool is_plain = (conn->flags & CONN_FLOW) == 0;
    bool is_bounded = (conn->flags & CONN_TLS) != 0;
    return (conn->flags & (CONN_FLOW | CONN_TLS | CONN_TLS_KERNEL)) != 0 &&
           (!is_bounded || news->bytes <= CONN_TLS_SEND_BYTES_MAX) &&
           stands_before(shard, conn, stream, CONN_PARKED | CONN_BLOCKED | CONN_LAGGING) &&
           (is_plain || conn_flow_takes_news(shard, conn_flow_of(shard, conn), news->events,
                                             (uint32_t)news->bytes));
}

static void note_news(struct conn *conn, const struct stream *stream)
{
    conn->sent_from = conn->cursor;
    conn->sent_from_offset = 0;
    conn->cursor = stream->pass_to;
    conn->flags |= CONN_CAUGHT_UP;
}

static void send_special_news(struct shard *shard, struct conn *conn, const struct stream *stream,
                              const struct load *news)
{
    note_news(conn, stream);
    if ((conn->flags & CONN_FLOW) != 0) {
        conn_flow_charge(conn_flow_of(shard, conn), news->events, (uint32_t)news->bytes);
    }
    conn_queue_load(shard, conn, news);
}

bool shard_fan_out(struct shard *shard, struct stream *stream, int32_t *visits_left)
{
    if (stream->pass_to == 0) {
        stream->pass_to = stream->last_id;
        stream->pass_next = 0;
        stream->pass_ns = stream->news_ns;
        stream->news_ns = 0;
    }
    deliveries_begin(shard, stream->pass_ns);
    // Static: the pieces are used by every send of this call, over several batches.
    struct iovec pieces[SEND_PIECES_MAX];
    struct load news = {.pieces = pieces};
    // Where it has ended, each looks by itself how much of it is left.
    bool has_news = !stream_has_ended(stream) && load_news(shard, stream, &news);
    int32_t left = *visits_left;
    uint32_t left_alone = 0; // to conn_pump
    while (stream->pass_next < stream->subscriber_count && left > 0) {
        uint32_t index = stream->subscribers[stream->pass_next++];
        left--;
        if (index == STREAM_SUBSCRIBER_NONE) {
            continue;
        }
        struct conn *conn = conn_at(shard, index);
        if (has_news && takes_news(shard, conn, stream)) {
            shard_make_room(shard, conn->ring, 0, 0);
            if (takes_news(shard, conn, stream)) { // still so, after handlers ran
                note_news(conn, stream);
                load_queue(shard, conn, &news);
                left -= SHARD_VISITS_OF_SEND - 1;
            }
        } else if (has_news && takes_special_news(shard, conn, stream, &news)) {
            shard_make_room(shard, conn->ring, 0, 0);
            if (takes_special_news(shard, conn, stream, &news)) {
                send_special_news(shard, conn, stream, &news);
                left -= SHARD_VISITS_OF_SEND - 1;
            }
        } else if ((conn->flags & (CONN_READY | CONN_WAITING | CONN_PARKED)) == 0 &&
                   (conn->ops & CONN_OP_WRITABLE) == 0) {
            conn_make_ready(shard, conn);
            left_alone++;
        }
    }
    *visits_left = left;
    deliveries_end(shard);
    if (news.piece_count > 1) {
        shard_flush(shard); // their pieces stand on this stack
    }
    deliveries_left(shard, stream->pass_ns, left_alone);
    if (stream->pass_next < stream->subscriber_count) {
        return false;
    }
    stream->pass_from = stream->pass_to;
    stream->pass_to = 0;
    return stream->last_id == stream->pass_from;
}
