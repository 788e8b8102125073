#include "conn/flow.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "conn/overflow.h"

// How often the lag of a connection that is held by its rate is looked at: it costs a walk over the
// window.
enum { LAG_LOOK_MS = 250 };

// How late a timer may be: by up to a tick, and the round that it is seen in takes its time.
enum { TIMER_LATE_MS = 3 * WHEEL_TICK_MS };

struct conn_flow *conn_flow_open(struct shard *shard, struct conn *conn)
{
    struct conn_flow *flow = conn_flow_of(shard, conn);
    if (flow != NULL) {
        return flow;
    }
    flow = pool_alloc(&shard->flows);
    if (flow == NULL) {
        return NULL;
    }
    memset(flow, 0, sizeof(*flow));
    flow->conn = conn_index(shard, conn);
    flow->timer.tag = loop_timer_tag(SHARD_TIMER_FLOW, flow->conn);
    conn->flow = pool_index(&shard->flows, flow);
    conn->flags |= CONN_FLOW;
    return flow;
}

void conn_flow_close(struct shard *shard, struct conn *conn)
{
    struct conn_flow *flow = conn_flow_of(shard, conn);
    if (flow == NULL) {
        return;
    }
    wheel_cancel(&shard->loop->wheel, &flow->timer);
    free(flow->overflow);
    pool_free(&shard->flows, flow);
    conn->flow = CONN_NONE;
    conn_set_parked(shard, conn, false);
    conn->flags &= ~(uint32_t)(CONN_FLOW | CONN_LAGGING);
}

void conn_flow_trim(struct shard *shard, struct conn *conn)
{
    const struct conn_flow *flow = conn_flow_of(shard, conn);
    if (flow != NULL && flow->overflow == NULL && (conn->flags & CONN_BATCH_EVENT) == 0 &&
        quality_is_plain(&flow->chosen) && quality_is_plain(&flow->quality) &&
        !overflow_terms_say(&flow->overflow_terms)) {
        conn_flow_close(shard, conn);
    }
}

void conn_flow_set_quality(struct shard *shard, struct conn *conn, const struct quality *quality)
{
    struct conn_flow *flow = conn_flow_of(shard, conn);
    ASSERT(flow != NULL);
    flow->quality = *quality;
    bucket_change(&flow->events, quality->events_per_second, quality->burst_events, shard->now_ms);
    bucket_change(&flow->bytes, quality->bytes_per_second, quality->burst_bytes, shard->now_ms);
}

// --- batches ---

static void add_gathered(struct gathered *gathered, const struct stream *stream, uint64_t from)
{
    const struct window *window = &stream->window;
    if (from < stream->discarded_id || from < window->covers_from) {
        gathered->is_due = true;
        return;
    }
    gathered->is_due |= stream_has_ended(stream);
    for (uint32_t i = window_find_place(window, from); i < window->count; i++) {
        const struct log_run *run = window_at(window, i);
        uint64_t above = run->last_id - from;
        uint64_t count = above < run->count ? above : run->count;
        gathered->events += count;
        gathered->bytes += run->frame_bytes * count / run->count;
        gathered->is_due |= (run->flags & BLOCK_STREAM_HAS_URGENT) != 0;
    }
}

// Goes on counting where it was left: each piece of news is looked at once. All streams' runs of a
// block are there before anybody looks.
static void count_gathered(const struct shard *shard, const struct conn *conn,
                           struct gathered *gathered)
{
    if (gathered->from != conn->cursor) {
        *gathered = (struct gathered){.from = conn->cursor, .counted_to = conn->cursor};
    }
    uint64_t newest = gathered->counted_to;
    for (uint32_t i = 0; i < conn->stream_count; i++) {
        const struct conn_stream *entry = &conn->streams[i];
        const struct stream *stream = stream_table_at(&shard->streams, entry->stream);
        add_gathered(gathered, stream,
                     entry->start_id > gathered->counted_to ? entry->start_id
                                                            : gathered->counted_to);
        newest = stream->last_id > newest ? stream->last_id : newest;
    }
    gathered->counted_to = newest;
}

// Whether the batch is full. What gathers counts as lag, to those that hold a stream's producers
// back, too: so half of what the connection may lag is enough.
static bool is_full(const struct shard *shard, const struct conn *conn,
                    const struct gathered *gathered)
{
    struct overflow_limits limits = conn_overflow_terms(shard, conn).limits;
    return gathered->is_due || gathered->events >= conn_flow_of(shard, conn)->quality.batch_size ||
           (limits.events > 0 && gathered->events >= (limits.events + 1) / 2) ||
           (limits.bytes > 0 && gathered->bytes >= (limits.bytes + 1) / 2);
}

bool conn_flow_gathers(struct shard *shard, struct conn *conn)
{
    struct conn_flow *flow = conn_flow_of(shard, conn);
    ASSERT(flow != NULL);
    const struct quality *quality = &flow->quality;
    if (quality->batching == 0 || gathering_is_due(&flow->gathering, shard->now_ms)) {
        return false;
    }
    struct gathered *gathered = &flow->gathered;
    count_gathered(shard, conn, gathered);
    bool has_some = gathered->events > 0 || gathered->is_due;
    switch (gathering_look(&flow->gathering, has_some, is_full(shard, conn, gathered),
                           quality->batch_timeout_ms, shard->now_ms)) {
    case GATHERING_SEND: return false;
    case GATHERING_BEGUN:
        loop_arm(shard->loop, &flow->timer, quality->batch_timeout_ms);
        return true;
    case GATHERING_GOES_ON: return true;
    }
    UNREACHABLE();
}

void conn_flow_release(struct shard *shard, struct conn *conn)
{
    struct conn_flow *flow = conn_flow_of(shard, conn);
    if (flow != NULL && flow->gathering.due_ms > shard->now_ms) {
        gathering_resume(&flow->gathering, shard->now_ms);
        conn_pump(shard, conn);
        shard_flush(shard);
    }
}

// --- rates ---

void conn_flow_begin_send(const struct conn *conn, struct conn_flow *flow)
{
    if (conn->frame_offset == 0) {
        flow->event_bytes_max = flow->quality.event_bytes_max;
    }
}

struct conn_allowance conn_flow_allowance(const struct shard *shard, struct conn_flow *flow)
{
    return (struct conn_allowance){.events = bucket_available(&flow->events, shard->now_ms),
                                   .bytes = bucket_available(&flow->bytes, shard->now_ms)};
}

bool conn_flow_takes_news(const struct shard *shard, struct conn_flow *flow, uint32_t events,
                          uint32_t bytes)
{
    const struct quality *quality = &flow->quality;
    if (quality->batching != 0 ||
        (quality->event_bytes_max > 0 && bytes > quality->event_bytes_max) ||
        events > bucket_available(&flow->events, shard->now_ms) ||
        bytes > bucket_available(&flow->bytes, shard->now_ms)) {
        return false;
    }
    flow->event_bytes_max = quality->event_bytes_max;
    return true;
}

bool conn_flow_admits_alone(const struct shard *shard, struct conn_flow *flow, uint32_t bytes)
{
    return bucket_admits(&flow->events, 1, shard->now_ms) &&
           bucket_admits(&flow->bytes, bytes, shard->now_ms);
}

void conn_flow_charge(struct conn_flow *flow, uint32_t events, uint32_t bytes)
{
    bucket_take(&flow->events, events);
    bucket_take(&flow->bytes, bytes);
    flow->charged_events = events;
    flow->charged_bytes = bytes;
    flow->charged_oversize = 0;
}

void conn_flow_settle(struct shard *shard, struct conn_flow *flow, uint32_t events, uint32_t bytes,
                      uint32_t oversize)
{
    events = events < flow->charged_events ? events : flow->charged_events;
    bytes = bytes < flow->charged_bytes ? bytes : flow->charged_bytes;
    bucket_give_back(&flow->events, flow->charged_events - events);
    bucket_give_back(&flow->bytes, flow->charged_bytes - bytes);
    flow->charged_events = events;
    flow->charged_bytes = bytes;
    oversize = oversize < flow->charged_oversize ? oversize : flow->charged_oversize;
    shard->stats.oversize_told -= flow->charged_oversize - oversize;
    flow->charged_oversize = oversize;
    gathering_resume(&flow->gathering, shard->now_ms);
}

bool conn_flow_takes_transient(const struct shard *shard, struct conn *conn, uint32_t bytes)
{
    struct conn_flow *flow = conn_flow_of(shard, conn);
    ASSERT(flow != NULL);
    uint32_t bytes_max = flow->quality.event_bytes_max;
    if ((conn->flags & CONN_PARKED) != 0 || (bytes_max > 0 && bytes > bytes_max) ||
        !conn_flow_admits_alone(shard, flow, bytes)) {
        return false;
    }
    bucket_take(&flow->events, 1);
    bucket_take(&flow->bytes, bytes);
    return true;
}

void conn_flow_park(struct shard *shard, struct conn *conn, uint32_t bytes)
{
    struct conn_flow *flow = conn_flow_of(shard, conn);
    ASSERT(flow != NULL);
    uint64_t events_ms = bucket_await(&flow->events, 1, TIMER_LATE_MS, shard->now_ms);
    uint64_t bytes_ms = bucket_await(&flow->bytes, bytes, TIMER_LATE_MS, shard->now_ms);
    conn_set_parked(shard, conn, true);
    shard->stats.rate_waits++;
    if (shard->now_ms - flow->lag_looked_ms >= LAG_LOOK_MS) {
        flow->lag_looked_ms = shard->now_ms;
        conn->flags |= CONN_BLOCKED; // its lag is looked at when it goes on
    }
    loop_arm(shard->loop, &flow->timer, events_ms > bytes_ms ? events_ms : bytes_ms);
}

static void on_timer(void *context, struct loop *loop, struct wheel_timer *timer)
{
    (void)loop;
    struct shard *shard = context;
    struct conn *conn = conn_at(shard, loop_timer_owner(timer));
    conn_set_parked(shard, conn, false);
    conn_make_ready(shard, conn);
}

void conn_flow_set_handlers(struct shard *shard)
{
    loop_set_timer_handler(shard->loop, SHARD_TIMER_FLOW, on_timer, shard);
}
