#include "conn/overflow.h"

#include <stdlib.h>

#include "base/assert.h"
#include "conn/flow.h"
#include "conn/walk.h"

// What stands behind a connection's cursor.
struct backlog {
    struct conn_lag lag; // bytes beyond the streams' windows by the average of what is known
    uint32_t worst;      // of its streams, the one with the most events
    uint64_t worst_events;
};

void conn_set_gap(struct shard *shard, struct conn *conn, const struct conn_gap *gap)
{
    ASSERT((conn->flags & CONN_GAP) == 0 && gap->to > gap->from);
    conn->flags |= CONN_GAP;
    conn_cold_of(shard, conn)->gap = *gap;
}

// --- whose word counts ---

static struct stream *stream_at(const struct shard *shard, const struct conn *conn, uint32_t index)
{
    return stream_table_at(&shard->streams, conn->streams[index].stream);
}

// A stream's own limits stand in for the broker's. Its policy stays unset where it has none, so
// that another stream's goes before the broker's.
static struct overflow_terms terms_of_stream(const struct shard *shard, const struct stream *stream)
{
    const struct overflow_terms *broker = &shard->terms->overflow;
    const struct stream_flow *own = &stream->flow;
    bool is_blocking = own->overflow == OVERFLOW_UNSET && broker->policy == OVERFLOW_BLOCK;
    return (struct overflow_terms){
        .policy = is_blocking ? OVERFLOW_BLOCK : (enum overflow_policy)own->overflow,
        .limits = {.events = own->lag_events > 0 ? own->lag_events : broker->limits.events,
                   .bytes = own->lag_bytes > 0 ? own->lag_bytes : broker->limits.bytes}};
}

static bool is_rate_chosen(const struct quality *quality, enum quality_field field)
{
    return quality->values[field] != 0 && quality->sources[field] != QUALITY_FROM_SERVER;
}

bool conn_overflow_holds(const struct shard *shard, const struct conn *conn)
{
    const struct conn_flow *flow = conn_flow_of(shard, conn);
    if (flow == NULL || flow->overflow_terms.policy != OVERFLOW_UNSET) {
        return flow == NULL || flow->overflow_terms.policy == OVERFLOW_BLOCK;
    }
    return !is_rate_chosen(&flow->quality, QUALITY_EVENTS_PER_SECOND) &&
           !is_rate_chosen(&flow->quality, QUALITY_BYTES_PER_SECOND);
}

struct overflow_terms conn_overflow_terms(const struct shard *shard, const struct conn *conn)
{
    struct overflow_terms terms = terms_of_stream(shard, stream_at(shard, conn, 0));
    for (uint32_t i = 1; i < conn->stream_count; i++) {
        struct overflow_terms more = terms_of_stream(shard, stream_at(shard, conn, i));
        terms = overflow_join(&terms, &more);
    }
    const struct conn_flow *flow = conn_flow_of(shard, conn);
    if (flow != NULL) {
        terms = overflow_combine(&flow->overflow_terms, &terms);
    }
    terms.policy = terms.policy == OVERFLOW_UNSET ? shard->terms->overflow.policy : terms.policy;
    if (terms.policy == OVERFLOW_BLOCK && !conn_overflow_holds(shard, conn)) {
        terms.policy = OVERFLOW_DROP_OLDEST;
    }
    return terms;
}

bool conn_overflow_may_block(const struct shard *shard, const struct context *context)
{
    bool is_blocking = true;
    for (uint32_t i = 0; i < context->stream_count; i++) {
        const struct stream *stream = stream_table_at(&shard->streams, context->streams[i]);
        is_blocking = is_blocking && stream->flow.overflow == OVERFLOW_BLOCK;
    }
    return is_blocking || shard->terms->overflow.policy == OVERFLOW_BLOCK;
}

// --- how far behind ---

// Where a connection stands in one of its streams when its cursor is at `id`.
static uint64_t place_in(const struct conn *conn, uint32_t index, uint64_t id)
{
    uint64_t start_id = conn->streams[index].start_id;
    return start_id > id ? start_id : id;
}

// What of a stream stands behind `from`, of all that its window holds.
static struct conn_lag lag_in_window(const struct stream *stream, uint64_t from)
{
    const struct window *window = &stream->window;
    struct conn_lag lag = {.is_all = from >= window->covers_from};
    for (uint32_t i = window_find_place(window, lag.is_all ? from : window->covers_from);
         i < window->count; i++) {
        const struct log_run *run = window_at(window, i);
        uint64_t left = run->last_id - from;
        left = from < run->first_id || left > run->count ? run->count : left;
        lag.events += left;
        lag.bytes += (uint64_t)run->frame_bytes * left / run->count;
    }
    return lag;
}

struct conn_lag conn_known_lag(const struct shard *shard, const struct conn *conn)
{
    struct conn_lag sum = {.is_all = true};
    for (uint32_t i = 0; i < conn->stream_count; i++) {
        struct conn_lag lag =
            lag_in_window(stream_at(shard, conn, i), place_in(conn, i, conn->cursor));
        sum.events += lag.events;
        sum.bytes += lag.bytes;
        sum.is_all = sum.is_all && lag.is_all;
    }
    return sum;
}

bool conn_is_lagging(const struct shard *shard, const struct conn *conn)
{
    struct overflow_terms terms = conn_overflow_terms(shard, conn);
    struct conn_lag lag = conn_known_lag(shard, conn);
    return (conn->flags & CONN_CAUGHT_UP) != 0 &&
           overflow_is_over(&terms.limits, lag.events, lag.bytes);
}

// WALK_SPAN when it is known.
static enum walk_result measure(struct shard *shard, struct conn *conn, struct backlog *backlog)
{
    struct walk walk;
    walk_begin(&walk, shard, conn, true);
    *backlog = (struct backlog){0};
    for (uint32_t i = 0; i < conn->stream_count; i++) {
        const struct stream *stream = stream_at(shard, conn, i);
        uint64_t from = place_in(conn, i, conn->cursor);
        if (from >= stream->last_id) {
            continue;
        }
        struct walk_rank rank;
        enum walk_result result = walk_rank(&walk, i, from, &rank);
        if (result != WALK_SPAN) {
            return result;
        }
        if (rank.next == NULL || stream->last_sequence <= rank.sequence) {
            continue;
        }
        uint64_t events = stream->last_sequence - rank.sequence;
        struct conn_lag recent = lag_in_window(stream, from);
        uint64_t older = events > recent.events ? events - recent.events : 0;
        backlog->lag.events += events;
        backlog->lag.bytes += recent.bytes + older * rank.next->frame_bytes / rank.next->count;
        if (events >= backlog->worst_events) {
            backlog->worst_events = events;
            backlog->worst = i;
        }
    }
    return WALK_SPAN;
}

// How many of its events have ids above `from`, up to and with `to`: exact. WALK_GAP: *before_lost
// is where the run begins that `to` stands in, which is lost; 0: it is not that.
static enum walk_result count_between(struct shard *shard, struct conn *conn, uint64_t from,
                                      uint64_t to, uint64_t *count, uint64_t *before_lost)
{
    struct walk walk;
    walk_begin(&walk, shard, conn, true);
    *count = 0;
    *before_lost = 0;
    for (uint32_t i = 0; i < conn->stream_count; i++) {
        uint64_t low = place_in(conn, i, from);
        uint64_t high = place_in(conn, i, to);
        struct walk_rank before;
        struct walk_rank after;
        enum walk_result result = low == high ? WALK_SPAN : walk_rank(&walk, i, low, &before);
        if (result == WALK_SPAN && low != high) {
            result = walk_rank(&walk, i, high, &after);
            *count += result == WALK_SPAN ? after.sequence - before.sequence : 0;
            *before_lost = result == WALK_GAP && after.next != NULL ? after.next->first_id - 1 : 0;
        }
        if (result != WALK_SPAN) {
            return result;
        }
    }
    return WALK_SPAN;
}

static uint64_t newest_id(const struct shard *shard, const struct conn *conn)
{
    uint64_t newest = 0;
    for (uint32_t i = 0; i < conn->stream_count; i++) {
        uint64_t last_id = stream_at(shard, conn, i)->last_id;
        newest = last_id > newest ? last_id : newest;
    }
    return newest;
}

// --- the steps ---
//
// Each says: WALK_SPAN, the next step may follow; WALK_END, events may be sent; WALK_CAUGHT_UP, it
// is over; WALK_FULL, the round's share of looking is used up; and the rest as walks do.

static bool is_for_memory(const struct conn_overflow *overflow)
{
    return overflow->policy == OVERFLOW_UNSET;
}

static void tell_dropped(struct shard *shard, struct conn *conn,
                         const struct conn_overflow *overflow, uint64_t to, uint64_t count)
{
    if (count > 0) {
        conn_set_gap(
            shard, conn,
            &(struct conn_gap){.from = conn->cursor,
                               .to = to,
                               .count = count,
                               .reason = is_for_memory(overflow) ? NOTICE_SHED : NOTICE_LAGGED,
                               .policy = (uint8_t)overflow->policy});
    }
    conn->flags &= ~(uint32_t)CONN_BLOCKED; // it was looked at
}

// All up to `to` is dropped.
static void begin_moving(const struct conn *conn, struct conn_overflow *overflow, uint64_t to)
{
    overflow->stage = OVERFLOW_MOVING;
    overflow->end_id = to;
    overflow->scanned_to = conn->cursor;
    overflow->counted = 0;
}

// The id of a stream's event by its sequence, without the log: where the window goes up to the
// newest event and as far back, and the block is in memory.
static bool find_sequence(const struct shard *shard, const struct stream *stream, uint64_t sequence,
                          uint64_t *id)
{
    const struct window *window = &stream->window;
    uint32_t place = window->count;
    if (place == 0 || window_at(window, place - 1)->last_sequence != stream->last_sequence) {
        return false;
    }
    while (place > 0 && window_at(window, place - 1)->last_sequence >= sequence) {
        place--;
    }
    const struct log_run *run = window_at(window, place);
    if (run->first_sequence > sequence || run->block_position < shard->floor) {
        return false;
    }
    const uint8_t *block = log_tail_at(shard->tail, run->block_position);
    const struct block_record *record = block_records(block);
    const struct block_record *end = record + block_header_of(block)->record_count;
    while (record < end && (record->kind != RECORD_EVENT || record->stream != run->stream_index ||
                            record->sequence != sequence)) {
        record++;
    }
    ASSERT(record < end);
    *id = record->id;
    return true;
}

static enum walk_result step_asking(struct shard *shard, struct conn *conn,
                                    struct conn_overflow *overflow)
{
    struct stream *stream = stream_at(shard, conn, overflow->newest.stream);
    uint64_t dropped = stream->last_sequence - overflow->newest.keep;
    uint64_t id;
    if (find_sequence(shard, stream, dropped, &id)) {
        begin_moving(conn, overflow, id);
        return WALK_SPAN;
    }
    bool is_asked = history_ask(&shard->histories, stream, LOG_FROM_LAST, overflow->newest.keep,
                                false, conn_handle(shard, conn));
    return is_asked ? WALK_WAIT : WALK_FAILED;
}

void conn_lag_looked_up(struct shard *shard, struct conn *conn, const struct history *history)
{
    struct conn_overflow *overflow = conn_flow_of(shard, conn)->overflow;
    bool is_answer = overflow->stage == OVERFLOW_ASKING && // and no late one to another question
                     history->lookup.from == LOG_FROM_LAST &&
                     history->lookup.value == overflow->newest.keep &&
                     history->stream == stream_at(shard, conn, overflow->newest.stream);
    if (is_answer) {
        begin_moving(conn, overflow, history->lookup.start_id);
    }
}

// Gives the backlog's events up to end_id to `take`, one by one, until it says that it is enough:
// WALK_SPAN then. Where some are lost further on, the backlog in question ends before them.
static enum walk_result scan(struct shard *shard, struct conn *conn, struct conn_overflow *overflow,
                             bool (*take)(struct conn_overflow *, const struct span *))
{
    struct walk walk;
    walk_begin_scan(&walk, shard, conn, overflow->scanned_to, overflow->end_id);
    walk.by_record |= overflow->stage != OVERFLOW_KEEPING; // there sizes are enough
    enum walk_result result = WALK_FULL;
    while (walk.records_seen < shard->scan_records_left) {
        struct span span;
        result = walk_next(&walk, &span);
        if (result != WALK_SPAN || take(overflow, &span)) {
            break;
        }
        result = WALK_FULL;
    }
    if (result != WALK_SPAN) { // what it passed over is not gone through again
        overflow->scanned_to = walk.cursor;
    }
    if (result == WALK_GAP && walk.cursor > conn->cursor) {
        overflow->end_id = walk.cursor;
        result = WALK_END;
    }
    shard_take_looking(shard, walk.records_seen);
    return result;
}

static bool is_counted_on(struct conn_overflow *overflow, const struct span *span)
{
    (void)span;
    overflow->counted++;
    return false;
}

// How many events there are up to end_id, which is brought forward where some are lost before it.
// WALK_END: that is known. One that sees only some types is told of these alone, so that each is
// looked at.
static enum walk_result count_dropped(struct shard *shard, struct conn *conn,
                                      struct conn_overflow *overflow)
{
    if ((conn->flags & CONN_TYPES) != 0) {
        return scan(shard, conn, overflow, is_counted_on);
    }
    uint64_t before_lost = 0;
    enum walk_result result = count_between(shard, conn, conn->cursor, overflow->end_id,
                                            &overflow->counted, &before_lost);
    if (result == WALK_GAP && before_lost > conn->cursor) {
        overflow->end_id = before_lost;
        return WALK_SPAN;
    }
    return result == WALK_SPAN ? WALK_END : result;
}

// Moves the cursor to end_id; what stands before that is dropped.
static enum walk_result step_moving(struct shard *shard, struct conn *conn,
                                    struct conn_overflow *overflow)
{
    enum walk_result result =
        overflow->end_id > conn->cursor ? count_dropped(shard, conn, overflow) : WALK_END;
    if (result != WALK_END) {
        return result;
    }
    tell_dropped(shard, conn, overflow, overflow->end_id, overflow->counted);
    conn->cursor = overflow->end_id > conn->cursor ? overflow->end_id : conn->cursor;
    return WALK_CAUGHT_UP;
}

static bool is_kept_enough(struct conn_overflow *overflow, const struct span *span)
{
    return !overflow_oldest_keep(&overflow->oldest, &overflow->limits, span->last_id, span->length);
}

static enum walk_result step_keeping(struct shard *shard, struct conn *conn,
                                     struct conn_overflow *overflow)
{
    enum walk_result result = scan(shard, conn, overflow, is_kept_enough);
    if (result != WALK_SPAN && result != WALK_END) {
        return result;
    }
    if (result == WALK_SPAN) { // else all of it may stay
        overflow->end_id = overflow->oldest.last_id;
        overflow->drops_rest = true;
    }
    overflow->cut = OVERFLOW_CUT_NONE;
    overflow->stage = OVERFLOW_SENDING;
    conn->flags &= ~(uint32_t)CONN_BLOCKED; // it was looked at
    return WALK_SPAN;
}

static void send_the_rest(struct shard *shard, struct conn *conn, struct conn_overflow *overflow)
{
    overflow->stage = OVERFLOW_SENDING;
    overflow->cut = overflow->lowest.cut;
    tell_dropped(shard, conn, overflow, overflow->lowest.dropped_last_id, overflow->lowest.dropped);
}

static bool is_counted_enough(struct conn_overflow *overflow, const struct span *span)
{
    overflow_lowest_count(&overflow->lowest, span->last_id, span->priority, span->length);
    return false;
}

static enum walk_result step_counting(struct shard *shard, struct conn *conn,
                                      struct conn_overflow *overflow)
{
    enum walk_result result = scan(shard, conn, overflow, is_counted_enough);
    if (result != WALK_END) {
        return result;
    }
    if (is_for_memory(overflow)) {
        overflow_lowest_choose_background(&overflow->lowest);
        send_the_rest(shard, conn, overflow);
        return WALK_SPAN; // also with nothing dropped: up to end_id it is not looked at again
    }
    if (overflow_lowest_choose(&overflow->lowest, &overflow->limits)) {
        overflow->stage = OVERFLOW_SHEDDING;
        overflow->scanned_to = conn->cursor;
    } else {
        send_the_rest(shard, conn, overflow);
    }
    return WALK_SPAN;
}

static bool is_shed_enough(struct conn_overflow *overflow, const struct span *span)
{
    return overflow_lowest_shed(&overflow->lowest, span->last_id, span->priority, span->length);
}

static enum walk_result step_shedding(struct shard *shard, struct conn *conn,
                                      struct conn_overflow *overflow)
{
    uint64_t end_id = overflow->end_id;
    enum walk_result result = scan(shard, conn, overflow, is_shed_enough);
    if (overflow->end_id < end_id) { // a loss that came to light since: counted anew up to it
        overflow->stage = OVERFLOW_COUNTING;
        overflow->scanned_to = conn->cursor;
        overflow->lowest = (struct overflow_lowest){0};
        return WALK_SPAN;
    }
    if (result != WALK_SPAN && result != WALK_END) { // the end: some expired in between
        return result;
    }
    send_the_rest(shard, conn, overflow);
    return WALK_SPAN;
}

static enum walk_result step_sending(struct shard *shard, struct conn *conn,
                                     struct conn_overflow *overflow)
{
    if (conn->cursor < overflow->end_id) {
        return WALK_END;
    }
    if (!overflow->drops_rest) {
        return WALK_CAUGHT_UP;
    }
    begin_moving(conn, overflow, newest_id(shard, conn));
    return WALK_SPAN;
}

static enum walk_result (*const steps[])(struct shard *, struct conn *, struct conn_overflow *) = {
    [OVERFLOW_ASKING] = step_asking,     [OVERFLOW_MOVING] = step_moving,
    [OVERFLOW_KEEPING] = step_keeping,   [OVERFLOW_COUNTING] = step_counting,
    [OVERFLOW_SHEDDING] = step_shedding, [OVERFLOW_SENDING] = step_sending,
};

// --- beginning and end ---

static void end(struct shard *shard, struct conn *conn)
{
    struct conn_flow *flow = conn_flow_of(shard, conn);
    free(flow->overflow);
    flow->overflow = NULL;
    conn->flags &= ~(uint32_t)CONN_LAGGING;
    conn_flow_trim(shard, conn);
}

// What a look or a step that came to nothing means. True when events may be sent.
static bool take_result(struct shard *shard, struct conn *conn, enum walk_result result)
{
    switch (result) {
    case WALK_WAIT: conn->flags |= CONN_WAITING; return false;
    case WALK_FULL: conn_make_ready(shard, conn); return false;
    case WALK_GAP: return true; // at its cursor: the walk to come finds it, too, and tells it
    default: conn_close(shard, conn, CLOSE_MEMORY); return false;
    }
}

// Its backlog is to be counted, and sent without background events.
static void shed_background(const struct shard *shard, const struct conn *conn,
                            struct conn_overflow *overflow)
{
    *overflow = (struct conn_overflow){.stage = OVERFLOW_COUNTING,
                                       .policy = OVERFLOW_UNSET,
                                       .scanned_to = conn->cursor,
                                       .end_id = newest_id(shard, conn)};
}

// What the policy asks for is done. What it left is shed in its turn where memory is short.
static void finish(struct shard *shard, struct conn *conn, struct conn_overflow *overflow)
{
    if (shard->pressure >= PRESSURE_SHED && !is_for_memory(overflow)) {
        shed_background(shard, conn, overflow);
    } else {
        end(shard, conn);
    }
}

static bool proceed(struct shard *shard, struct conn *conn)
{
    struct conn_overflow *overflow = conn_flow_of(shard, conn)->overflow;
    enum walk_result result = WALK_SPAN;
    while (result == WALK_SPAN && (conn->flags & CONN_GAP) == 0) {
        result = steps[overflow->stage](shard, conn, overflow);
    }
    switch (result) {
    case WALK_SPAN: break; // a gap is to be told first
    case WALK_END: return true;
    case WALK_CAUGHT_UP: finish(shard, conn, overflow); break;
    case WALK_GAP: end(shard, conn); return true;
    default: return take_result(shard, conn, result);
    }
    conn_make_ready(shard, conn);
    return false;
}

static void apply_policy(struct conn_overflow *overflow, const struct overflow_terms *terms,
                         const struct backlog *backlog)
{
    static const enum overflow_stage first_stages[] = {[OVERFLOW_DROP_OLDEST] = OVERFLOW_ASKING,
                                                       [OVERFLOW_DROP_NEWEST] = OVERFLOW_KEEPING,
                                                       [OVERFLOW_DROP_LOWEST] = OVERFLOW_COUNTING};
    overflow->stage = first_stages[terms->policy];
    overflow->policy = terms->policy;
    overflow->limits = terms->limits;
    if (terms->policy == OVERFLOW_DROP_OLDEST) {
        overflow->newest.stream = backlog->worst;
        overflow->newest.keep = overflow_keep_newest(&terms->limits, backlog->lag.events,
                                                     backlog->lag.bytes, backlog->worst_events);
    }
}

// is_over: beyond its limit; else memory is short.
static bool begin(struct shard *shard, struct conn *conn, bool is_over,
                  const struct overflow_terms *terms, const struct backlog *backlog)
{
    struct conn_flow *flow = conn_flow_open(shard, conn);
    struct conn_overflow *overflow = calloc(1, sizeof(*overflow));
    if (flow == NULL || overflow == NULL) {
        free(overflow);
        conn_close(shard, conn, CLOSE_MEMORY);
        return false;
    }
    shed_background(shard, conn, overflow);
    if (is_over) {
        apply_policy(overflow, terms, backlog);
    }
    flow->overflow = overflow;
    conn->flags |= CONN_LAGGING;
    return proceed(shard, conn);
}

bool conn_check_lag(struct shard *shard, struct conn *conn)
{
    if ((conn->flags & CONN_LAGGING) != 0) {
        return proceed(shard, conn);
    }
    if ((conn->flags & (CONN_BLOCKED | CONN_CAUGHT_UP)) != (CONN_BLOCKED | CONN_CAUGHT_UP)) {
        return true;
    }
    struct overflow_terms terms = conn_overflow_terms(shard, conn);
    struct backlog backlog = {0};
    if (terms.policy != OVERFLOW_BLOCK) {
        enum walk_result result = measure(shard, conn, &backlog);
        if (result != WALK_SPAN) {
            return take_result(shard, conn, result);
        }
    }
    bool is_over = overflow_is_over(&terms.limits, backlog.lag.events, backlog.lag.bytes);
    if (!is_over && (shard->pressure < PRESSURE_SHED || backlog.lag.events == 0)) {
        conn->flags &= ~(uint32_t)CONN_BLOCKED;
        return true;
    }
    if (is_over && terms.policy == OVERFLOW_DISCONNECT) {
        conn_disconnect(shard, conn, NOTICE_LAGGED);
        return false;
    }
    return begin(shard, conn, is_over, &terms, &backlog);
}
