// From a whole request to the first byte of its stream: the streams are subscribed to, the log is
// asked where to start, and the header tells of what is missing.
#include <poll.h>
#include <stdlib.h>

#include "base/assert.h"
#include "conn/connection_id.h"
#include "conn/ending.h"
#include "conn/flow.h"
#include "conn/grant.h"
#include "conn/overflow.h"
#include "conn/slowest.h"
#include "conn/tls.h"
#include "http/response.h"
#include "io/send.h"

enum {
    START_UNRESOLVED = -1, // start_ids[] before the log answered, as UINT64_MAX
    RETRY_AFTER_S = 1,
};

static void fail(struct shard *shard, struct conn *conn, enum rc_error error, const char *detail)
{
    struct http_fault fault;
    http_fault_set(&fault, error, "%s", detail);
    request_fail(shard, conn, &fault, NULL, http_fault_status(&fault) < 500 ? 0 : RETRY_AFTER_S);
}

static struct stream *context_stream(const struct shard *shard, const struct context *context,
                                     uint32_t i)
{
    return stream_table_at(&shard->streams, context->streams[i]);
}

static uint64_t known_log_end(const struct shard *shard, const struct context *context)
{
    uint64_t end = 0;
    for (uint32_t i = 0; i < context->stream_count; i++) {
        uint64_t stream_end = stream_known_end(context_stream(shard, context, i));
        end = stream_end > end ? stream_end : end;
    }
    return end;
}

// --- streams that nobody reads any more ---

static bool is_idle(const struct stream *stream)
{
    return stream_readers(stream) == 0 && stream->references == 0;
}

void start_release_stream(struct shard *shard, struct stream *stream)
{
    if (is_idle(stream) && stream->state == STREAM_LIVE && !list_is_linked(&stream->idle_node)) {
        list_push_back(&shard->idle, &stream->idle_node);
    }
}

static bool note_unsubscribed(struct shard *shard, uint64_t number)
{
    if (shard->unsubscribed_count == shard->unsubscribed_capacity) {
        uint32_t capacity =
            shard->unsubscribed_capacity == 0 ? 64 : shard->unsubscribed_capacity * 2;
        uint64_t *numbers = realloc(shard->unsubscribed, capacity * sizeof(*numbers));
        if (numbers == NULL) {
            return false;
        }
        shard->unsubscribed = numbers;
        shard->unsubscribed_capacity = capacity;
    }
    shard->unsubscribed[shard->unsubscribed_count++] = number;
    return true;
}

bool start_leave_stream(struct shard *shard, struct stream *stream)
{
    if (!note_unsubscribed(shard, stream->number)) {
        return false;
    }
    slowest_forget(stream);
    stream_leave(&shard->streams, stream);
    start_release_stream(shard, stream);
    return true;
}

void shard_release_idle(struct shard *shard)
{
    struct list_node *node;
    while ((node = list_pop_front(&shard->idle)) != NULL) {
        struct stream *stream = LIST_ENTRY(node, struct stream, idle_node);
        if (!is_idle(stream)) {
            continue;
        }
        history_drop_answers(&shard->histories, stream);
        // A look-up still with the log brings it here again.
        if (list_is_empty(&stream->histories) &&
            (stream->is_left || note_unsubscribed(shard, stream->number))) {
            slowest_forget(stream);
            stream_table_close(&shard->streams, stream);
        }
    }
}

void start_abandon(struct shard *shard, struct context *context)
{
    for (uint32_t i = 0; i < context->stream_count; i++) {
        struct stream *stream = context_stream(shard, context, i);
        ASSERT(stream->references > 0);
        stream->references--;
        start_release_stream(shard, stream);
    }
    context->stream_count = 0;
}

// --- the beginning of the stream ---

// A subscriber's place changed as holes were closed.
static void note_moved(void *context, struct stream *stream, uint32_t connection, uint32_t place)
{
    struct shard *shard = context;
    struct conn *conn = conn_at(shard, connection);
    for (uint32_t i = 0; i < conn->stream_count; i++) {
        if (stream_table_at(&shard->streams, conn->streams[i].stream) == stream) {
            conn->streams[i].place = place;
        }
    }
}

static bool attach(struct shard *shard, struct conn *conn, struct context *context)
{
    uint32_t count = context->stream_count;
    ASSERT(conn->stream_count == 0 && count > 0);
    if (count > 1) {
        struct conn_stream *streams = calloc(count, sizeof(*streams));
        if (streams == NULL) {
            return false;
        }
        conn->streams = streams;
    }
    conn->cursor = UINT64_MAX;
    bool is_at_end = true;
    for (uint32_t i = 0; i < count; i++) {
        struct stream *stream = context_stream(shard, context, i);
        struct conn_stream *entry = &conn->streams[i];
        entry->stream = context->streams[i];
        entry->start_id = context->start_ids[i];
        stream_compact(stream, note_moved, shard);
        if (!stream_add(stream, conn_index(shard, conn), &entry->place)) {
            return false; // those added so far are taken out when it closes
        }
        conn->stream_count++;
        if (entry->start_id < conn->cursor) {
            conn->cursor = entry->start_id;
        }
        is_at_end = is_at_end && entry->start_id >= stream->last_id;
    }
    conn->flags |= is_at_end ? CONN_CAUGHT_UP : 0;
    return true;
}

// What a subscriber that is cut off before its first event is to resume behind: no later than any
// stream's start, so that it misses nothing.
static uint64_t resume_id(const struct shard *shard, const struct conn *conn,
                          const struct context *context)
{
    if (context->subscribe.start != SUBSCRIBE_LATEST) {
        return conn->cursor;
    }
    // A stream that was quiet for long began far back, but nothing came in it until this id.
    uint64_t id = UINT64_MAX;
    for (uint32_t i = 0; i < context->stream_count; i++) {
        uint64_t quiet_until = stream_known_end(context_stream(shard, context, i));
        id = quiet_until < id ? quiet_until : id;
    }
    return id;
}

static void send_header(struct shard *shard, struct conn *conn, struct context *context)
{
    char id[CONNECTION_ID_TEXT_BYTES];
    connection_id_write(id, conn_public_id(shard, conn));
    uint64_t resume = resume_id(shard, conn, context);
    if (conn->stream_count > 1) { // who reads one stands right before its news
        conn->cursor = resume;
    }
    struct notice_gap gap = {.from = context->gap_from + 1,
                             .to = context->gap_to,
                             .reason = (enum notice_reason)context->gap_reason,
                             .resume = conn->cursor};
    struct http_stream_start start = {.connection_id = slice_from(id, sizeof(id)),
                                      .resume_id = resume,
                                      .retry_ms = shard->terms->retry_ms,
                                      .gap = context->has_gap ? &gap : NULL};
    struct http_answer answer = request_answer(shard, context);
    struct buffer out;
    uint32_t bytes_max = HTTP_RESPONSE_BYTES_MAX + NOTICE_GAP_BYTES_MAX;
    buffer_wrap(&out, shard_scratch(shard, bytes_max), bytes_max);
    ASSERT(http_response_stream(&out, &answer, &start) == 0);
    if (context->has_gap) {
        ASSERT(notice_gap_write(&out, &gap) == 0);
        shard->stats.gaps_told++;
    }
    struct slice bytes = buffer_slice(&out);
    conn_send_bytes(shard, conn, bytes.at, (uint32_t)bytes.length);
}

// False when there is no room for what it asks for.
static bool choose_flow(struct shard *shard, struct conn *conn, const struct context *context)
{
    // The broker's bounds come on top, since they may change.
    const struct quality_policy unbounded = {.uses_agents = shard->terms->quality.uses_agents};
    struct quality chosen;
    quality_choose(&chosen, &context->subscribe,
                   http_request_field(&context->request, HTTP_FIELD_USER_AGENT), &unbounded);
    struct quality quality = chosen;
    quality_settle(&quality, &shard->terms->quality);
    const struct overflow_terms terms = {
        .policy = context->subscribe.overflow,
        .limits = {.events = context->subscribe.lag_events, .bytes = context->subscribe.lag_bytes}};
    bool is_batch_event = context->subscribe.is_batch_event;
    if (quality_is_plain(&quality) && !overflow_terms_say(&terms) && !is_batch_event) {
        return true;
    }
    struct conn_flow *flow = conn_flow_open(shard, conn);
    if (flow == NULL) {
        return false;
    }
    flow->chosen = chosen;
    flow->overflow_terms = terms;
    conn_flow_set_quality(shard, conn, &quality);
    conn->flags |= is_batch_event ? CONN_BATCH_EVENT | CONN_ENVELOPE : 0;
    return true;
}

static void begin_stream(struct shard *shard, struct conn *conn, struct context *context)
{
    shard_make_room(shard, conn->ring, 0, HTTP_RESPONSE_BYTES_MAX + NOTICE_GAP_BYTES_MAX);
    if (conn->state != CONN_STARTING) {
        return; // a handler closed it
    }
    if (conn_has_send(shard, conn)) {
        shard_flush(shard); // an earlier answer on this connection
    }
    if (conn->state != CONN_STARTING || conn->outbox != NULL) {
        conn_close(shard, conn, CLOSE_STALLED); // it asks on without taking its answers
        return;
    }
    if ((conn->flags & CONN_TLS) != 0 && conn_tls_hand_over(shard, conn)) {
        context->awaits_keys = true;
        return;
    }
    if (!attach(shard, conn, context) || !choose_flow(shard, conn, context)) {
        conn_close(shard, conn, CLOSE_MEMORY);
        return;
    }
    conn_set_state(shard, conn, CONN_ACTIVE);
    conn_set_grant(shard, conn, context->grant);
    const struct subscribe_request *subscribe = &context->subscribe;
    conn->flags |= subscribe->form == SUBSCRIBE_ENVELOPE ? CONN_ENVELOPE : 0;
    conn->flags |= subscribe->heartbeat == SUBSCRIBE_HEARTBEAT_EVENT ? CONN_HEARTBEAT_EVENT : 0;
    conn->flags |= subscribe->heartbeat == SUBSCRIBE_HEARTBEAT_OFF ? CONN_HEARTBEAT_OFF : 0;
    shard->stats.begun[subscribe->start]++;
    shard->stats.answered[context->route.kind][SHARD_STATUS_2XX]++;
    conn_cold_of(shard, conn)->user_agent =
        agents_intern(&shard->agents, http_request_field(&context->request, HTTP_FIELD_USER_AGENT));
    access_log_stream_begins(shard, conn, context);
    send_header(shard, conn, context);
    request_end(shard, conn);
    if ((conn->flags & CONN_TLS) != 0) {
        conn_tls_begin_streaming(shard, conn);
    }
    conn->ops |= CONN_OP_HANGUP;
    io_prep_poll_direct(conn_sqe(shard, conn), (int)conn_slot(shard, conn), POLLRDHUP,
                        conn_tag(shard, conn, SHARD_OP_HANGUP));
    wheel_cancel(&shard->loop->wheel, &conn->timer);
    conn_arm_heartbeat(shard, conn);
    conn_make_ready(shard, conn);
}

// --- where to start ---

static void set_gap(struct context *context, uint64_t from, uint64_t to, enum notice_reason reason)
{
    if (context->has_gap) {
        context->gap_from = from < context->gap_from ? from : context->gap_from;
        context->gap_to = to > context->gap_to ? to : context->gap_to;
        return;
    }
    context->has_gap = true;
    context->gap_from = from;
    context->gap_to = to;
    context->gap_reason = (uint8_t)reason;
}

// The resume point is nothing that we can go on from: all that is kept is served.
static void start_over(const struct shard *shard, struct context *context, uint64_t from,
                       enum notice_reason reason)
{
    for (uint32_t i = 0; i < context->stream_count; i++) {
        const struct stream *stream = context_stream(shard, context, i);
        context->start_ids[i] = stream->discarded_id;
        set_gap(context, from, stream->discarded_id, reason);
    }
}

static void start_after_id(const struct shard *shard, struct context *context)
{
    uint64_t value = context->subscribe.start_value;
    for (uint32_t i = 0; i < context->stream_count; i++) {
        const struct stream *stream = context_stream(shard, context, i);
        context->start_ids[i] = value;
        if (value < stream->discarded_id) {
            context->start_ids[i] = stream->discarded_id;
            set_gap(context, value, stream->discarded_id, NOTICE_EXPIRED);
        }
    }
}

// Asks the log for the streams that are not resolved yet: anew, since an answer given before the
// resume point was would make that seem to be ahead of the log. False when memory ran out.
static bool ask(struct shard *shard, struct conn *conn, struct context *context,
                enum log_lookup_from from)
{
    context->is_looking_up = true;
    for (uint32_t i = 0; i < context->stream_count; i++) {
        if (context->start_ids[i] == (uint64_t)START_UNRESOLVED &&
            !history_ask(&shard->histories, context_stream(shard, context, i), from,
                         context->subscribe.start_value, true, conn_handle(shard, conn))) {
            return false;
        }
    }
    return true;
}

static bool is_resolved(const struct context *context)
{
    for (uint32_t i = 0; i < context->stream_count; i++) {
        if (context->start_ids[i] == (uint64_t)START_UNRESOLVED) {
            return false;
        }
    }
    return true;
}

static enum log_lookup_from lookup_kind(enum subscribe_start start)
{
    switch (start) {
    case SUBSCRIBE_LAST: return LOG_FROM_LAST;
    case SUBSCRIBE_SINCE_TIME: return LOG_FROM_TIME;
    case SUBSCRIBE_AFTER_SEQUENCE: return LOG_FROM_SEQUENCE;
    default: return LOG_FROM_ID;
    }
}

// Fills what can be told without the log; the rest stays unresolved.
static void resolve(const struct shard *shard, struct context *context)
{
    const struct subscribe_request *subscribe = &context->subscribe;
    enum subscribe_start start = subscribe->start;
    if (start == SUBSCRIBE_LAST && subscribe->start_value == 0) {
        start = SUBSCRIBE_LATEST;
    }
    for (uint32_t i = 0; i < context->stream_count; i++) {
        const struct stream *stream = context_stream(shard, context, i);
        context->start_ids[i] = start == SUBSCRIBE_LATEST     ? stream->last_id
                                : start == SUBSCRIBE_EARLIEST ? stream->discarded_id
                                                              : (uint64_t)START_UNRESOLVED;
    }
    const struct stream *first = context_stream(shard, context, 0);
    if (start == SUBSCRIBE_UNKNOWN) {
        start_over(shard, context, 0, NOTICE_UNKNOWN);
    } else if (start == SUBSCRIBE_AFTER_ID &&
               subscribe->start_value <= known_log_end(shard, context)) {
        start_after_id(shard, context);
    } else if (start == SUBSCRIBE_AFTER_SEQUENCE && !stream_is_behind(first) &&
               subscribe->start_value > first->last_sequence) {
        start_over(shard, context, 0, NOTICE_AHEAD);
    } else if (start == SUBSCRIBE_AFTER_SEQUENCE &&
               subscribe->start_value < first->discarded_sequence) {
        start_over(shard, context, 0, NOTICE_EXPIRED);
    }
}

static bool are_live(const struct shard *shard, const struct context *context)
{
    for (uint32_t i = 0; i < context->stream_count; i++) {
        if (context_stream(shard, context, i)->state != STREAM_LIVE) {
            return false;
        }
    }
    return true;
}

// Made, or published to.
static bool is_there(const struct stream *stream)
{
    return stream->is_made || stream->last_sequence > 0 || stream->discarded_sequence > 0 ||
           stream_is_behind(stream);
}

// All starting points are known: begins, where memory allows.
static void begin_or_refuse(struct shard *shard, struct conn *conn, struct context *context)
{
    if (context->awaits_keys) {
        return; // start_go_on comes
    }
    if (ending_answer_deleted(shard, conn, context) || // meanwhile
        ending_answer_complete(shard, conn, context)) {
        return;
    }
    switch (admit_replay(shard, conn, context)) {
    case ADMIT_YES: begin_stream(shard, conn, context); break;
    case ADMIT_WAIT: break;
    case ADMIT_NO:
        admit_refuse(shard, conn,
                     "the broker is short of memory and begins no replay that is read from disk");
        break;
    case ADMIT_FAILED: conn_close(shard, conn, CLOSE_MEMORY); break;
    }
}

void start_go_on(struct shard *shard, struct conn *conn)
{
    struct context *context = conn_context(shard, conn);
    if (context->awaits_keys && (conn->ops & CONN_OP_KEYS) == 0) {
        context->awaits_keys = false;
        begin_or_refuse(shard, conn, context);
    }
}

// All streams are live here.
static void start_resolve(struct shard *shard, struct conn *conn, struct context *context)
{
    for (uint32_t i = 0; i < context->stream_count && context->subscribe.is_unknown_404; i++) {
        if (!is_there(context_stream(shard, context, i))) {
            fail(shard, conn, ERR_STREAM_NOT_FOUND, "nobody has published to this stream");
            return;
        }
    }
    if (ending_answer_deleted(shard, conn, context)) {
        return;
    }
    if (context->subscribe.overflow == OVERFLOW_BLOCK && !conn_overflow_may_block(shard, context)) {
        fail(shard, conn, ERR_FORBIDDEN,
             "overflow=block is for streams that are set to it, or a broker that is");
        return;
    }
    resolve(shard, context);
    if (is_resolved(context)) {
        begin_or_refuse(shard, conn, context);
    } else if (!ask(shard, conn, context, lookup_kind(context->subscribe.start))) {
        fail(shard, conn, ERR_LOG_ERROR, "out of memory");
    }
}

// Whether this answer is to the present request's question: one to an earlier request of the same
// connection may come late.
static bool answers(const struct context *context, const struct history *history)
{
    const struct subscribe_request *subscribe = &context->subscribe;
    return history->lookup.from == lookup_kind(subscribe->start) &&
           (subscribe->start == SUBSCRIBE_AFTER_ID ||
            history->lookup.value == subscribe->start_value);
}

static void take_answer(struct shard *shard, struct context *context, const struct history *history)
{
    uint64_t value = context->subscribe.start_value;
    for (uint32_t i = 0; i < context->stream_count && answers(context, history); i++) {
        if (context_stream(shard, context, i) != history->stream ||
            context->start_ids[i] != (uint64_t)START_UNRESOLVED) {
            continue;
        }
        if (context->subscribe.start != SUBSCRIBE_AFTER_ID) {
            context->start_ids[i] = history->lookup.start_id;
        } else if (value <= history->lookup.end_id) {
            start_after_id(shard, context);
        } else if (!history->lookup.more) {
            start_over(shard, context, 0, NOTICE_AHEAD);
        }
    }
}

// There was no room for the question; or the answer was one shared with somebody who asked from
// further back, and ends before the resume point.
static bool is_to_ask_again(const struct context *context, const struct history *history)
{
    return history == NULL ||
           (context->subscribe.start == SUBSCRIBE_AFTER_ID && answers(context, history));
}

void start_looked_up(struct shard *shard, struct conn *conn, const struct history *history)
{
    struct context *context = conn_context(shard, conn);
    ASSERT(context != NULL);
    if (history != NULL && history->lookup.error != ERR_NONE) {
        fail(shard, conn, (enum rc_error)history->lookup.error,
             "the log could not tell where to start");
        return;
    }
    if (history != NULL) {
        take_answer(shard, context, history);
    }
    if (is_resolved(context)) {
        begin_or_refuse(shard, conn, context);
    } else if (is_to_ask_again(context, history) &&
               !ask(shard, conn, context, lookup_kind(context->subscribe.start))) {
        conn_close(shard, conn, CLOSE_MEMORY);
    }
}

void start_begin(struct shard *shard, struct conn *conn, struct context *context)
{
    const struct subscribe_request *subscribe = &context->subscribe;
    conn_set_state(shard, conn, CONN_STARTING);
    context->has_gap = false;
    context->is_looking_up = false;
    context->awaits_keys = false;
    for (uint32_t i = 0; i < subscribe->stream_count; i++) {
        struct stream *stream = stream_table_find(&shard->streams, subscribe->streams[i]);
        if (stream == NULL) {
            stream = stream_table_open(&shard->streams, subscribe->streams[i]);
            if (stream == NULL) {
                fail(shard, conn, ERR_TOO_MANY_STREAMS, "no room for one more stream");
                return;
            }
            list_push_back(&shard->unasked, &stream->idle_node);
        }
        stream->wants_create |= !subscribe->is_unknown_404;
        stream->references++;
        context->streams[context->stream_count++] = stream_table_index(&shard->streams, stream);
        if (stream->state != STREAM_LIVE &&
            !waiters_add(&stream->starters, conn_handle(shard, conn))) {
            conn_close(shard, conn, CLOSE_MEMORY);
            return;
        }
    }
    if (are_live(shard, context)) {
        start_resolve(shard, conn, context);
    }
}

// Whether its present request waits for this stream: an earlier one of the same connection, which
// was answered meanwhile, may have left its handle.
static bool awaits(const struct shard *shard, const struct conn *conn, const struct stream *stream)
{
    const struct context *context = conn_context(shard, conn);
    if (conn->state != CONN_STARTING || context->is_looking_up) {
        return false;
    }
    for (uint32_t i = 0; i < context->stream_count; i++) {
        if (context_stream(shard, context, i) == stream) {
            return true;
        }
    }
    return false;
}

void start_stream_answered(struct shard *shard, struct stream *stream)
{
    bool is_unknown = stream->state != STREAM_LIVE;
    struct waiters starters = stream->starters;
    stream->starters = (struct waiters){0};
    stream->references++; // keeps it while its starters are told
    for (uint32_t i = 0; i < starters.count; i++) {
        struct conn *conn = conn_of_handle(shard, starters.handles[i]);
        if (conn == NULL || !awaits(shard, conn, stream)) {
            continue;
        }
        struct context *context = conn_context(shard, conn);
        if (is_unknown) {
            bool has_to_exist = context->subscribe.is_unknown_404;
            fail(shard, conn, has_to_exist ? ERR_STREAM_NOT_FOUND : ERR_TOO_MANY_STREAMS,
                 has_to_exist ? "nobody has published to this stream"
                              : "the broker knows as many streams as it may");
        } else if (are_live(shard, context)) {
            start_resolve(shard, conn, context);
        }
    }
    waiters_free(&starters);
    stream->references--;
}
