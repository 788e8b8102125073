#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/assert.h"
#include "base/logger.h"
#include "conn/client_address.h"
#include "conn/tls.h"

enum { RETRY_AFTER_BUSY_S = 1, LOG_INTERVAL_MS = 5000 };

void request_arm_receive(struct shard *shard, struct conn *conn)
{
    if ((conn->ops & CONN_OP_RECEIVE) != 0) {
        return;
    }
    struct io_uring_sqe *sqe = conn_sqe(shard, conn);
    io_uring_prep_recv(sqe, (int)conn_slot(shard, conn), NULL, RECEIVE_BUFFER_BYTES, 0);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    sqe->buf_group = shard->rings[conn->ring].buffers.group;
    io_uring_sqe_set_data64(sqe, conn_tag(shard, conn, SHARD_OP_RECEIVE));
    conn->ops |= CONN_OP_RECEIVE;
}

void request_begin(struct shard *shard, struct conn *conn)
{
    conn_set_state(shard, conn, CONN_REQUEST);
    conn->streams = &conn->only;
    conn_arm(shard, conn, shard->terms->request_timeout_ms);
    request_arm_receive(shard, conn);
}

static void begin_request(struct shard *shard, struct context *context)
{
    http_request_init(&context->request);
    http_request_set_header_max(&context->request, shard->terms->header_bytes_max);
    context->phase = CONTEXT_HEADER;
    context->is_answered = false;
    context->is_logged = false;
    context->route = (struct http_route){0};
    context->number = ++shard->request_number;
    context->began_ns = loop_now_ns(shard->loop);
    body_begin(&context->body, &shard->bodies);
    task_begin(context);
}

// --- those whose clients are waited for ---

static void end_wait(struct shard *shard, struct context *context)
{
    if (list_is_linked(&context->wait_node)) {
        list_remove(&context->wait_node);
        shard->waits[context->wait].count--;
    }
}

void request_wait(struct shard *shard, struct context *context)
{
    static const uint32_t counts_max[CONTEXT_WAITS] = {
        [WAIT_HEADER] = SHARD_WAITS_HEADER_MAX, [WAIT_BODY] = SHARD_WAITS_BODY_MAX};
    if (list_is_linked(&context->wait_node)) {
        return;
    }
    bool is_wanted = context->phase == CONTEXT_BODY && !context->is_answered &&
                     http_route_takes_body(context->route.kind);
    context->wait = is_wanted ? WAIT_BODY : WAIT_HEADER;
    struct context_waits *waits = &shard->waits[context->wait];
    list_push_back(&waits->contexts, &context->wait_node);
    waits->count++;
    if (waits->count > counts_max[context->wait]) {
        struct context *oldest =
            LIST_ENTRY(list_first(&waits->contexts), struct context, wait_node);
        struct conn *conn = conn_at(shard, oldest->conn);
        end_wait(shard, oldest);
        conn->flags |= CONN_TIMER_DUE;
        conn_make_ready(shard, conn);
    }
}

void request_release(struct context *context)
{
    task_end(context);
    body_end(&context->body);
    grant_release(context->grant);
    context->grant = NULL;
}

// Of TLS there is something that the context has to stay for.
static bool is_amid_record(const struct shard *shard, const struct conn *conn)
{
    return (conn->flags & CONN_TLS) != 0 && conn_tls_is_amid(shard, conn);
}

void request_next(struct shard *shard, struct conn *conn, struct context *context)
{
    if (context->received_at == context->received_length && !is_amid_record(shard, conn)) {
        request_end(shard, conn); // idle between requests: holds nothing
        request_arm_receive(shard, conn);
        return;
    }
    request_release(context);
    begin_request(shard, context);
    conn_make_ready(shard, conn);
}

void request_end(struct shard *shard, struct conn *conn)
{
    struct context *context = conn_context(shard, conn);
    if (context == NULL) {
        return;
    }
    conn->context = CONN_NONE;
    if (context->phase == CONTEXT_HEADER && http_request_has_started(&context->request)) {
        proxied_forget_client(shard, conn);
    }
    access_log_unanswered(shard, conn, context);
    start_abandon(shard, context);
    if (context->is_asking) {
        context->conn = CONN_NONE;
    } else {
        request_free(shard, context);
    }
}

void request_free(struct shard *shard, struct context *context)
{
    end_wait(shard, context);
    request_release(context);
    pool_free(&shard->contexts, context);
    shard_note_less(shard);
}

static struct context *open_context(struct shard *shard, struct conn *conn)
{
    struct context *context = conn_context(shard, conn);
    if (context != NULL) {
        return context;
    }
    context = pool_alloc(&shard->contexts);
    if (context == NULL) {
        return NULL;
    }
    context->conn = conn_index(shard, conn);
    context->stream_count = 0;
    context->grant = NULL;
    list_node_init(&context->wait_node);
    context->is_asking = false;
    context->is_looking_up = false;
    context->has_gap = false;
    context->received_at = 0;
    context->received_length = 0;
    context->cipher_at = 0;
    context->cipher_length = 0;
    begin_request(shard, context);
    conn->context = pool_index(&shard->contexts, context);
    conn->flags &= ~(uint32_t)CONN_TIMER_DUE; // it was idle; its request came in time
    conn_arm(shard, conn, shard->terms->request_timeout_ms);
    return context;
}

// Copies what came: a receive buffer is back at once, however long its request waits.
static void take_bytes(struct shard *shard, struct conn *conn, const uint8_t *bytes,
                       uint32_t length)
{
    struct context *context = open_context(shard, conn);
    if (context == NULL) {
        shard->request_number++;
        conn->flags |= CONN_REFUSED;
        conn_cold_of(shard, conn)->refusal = REFUSAL_BUSY;
    } else if ((conn->flags & CONN_TLS) != 0) {
        ASSERT(context->cipher_at == context->cipher_length && length <= RECEIVE_BUFFER_BYTES);
        memcpy(context->cipher, bytes, length);
        context->cipher_at = 0;
        context->cipher_length = length;
    } else {
        ASSERT(context->received_at == context->received_length && length <= RECEIVE_BUFFER_BYTES);
        memcpy(context->received, bytes, length);
        context->received_at = 0;
        context->received_length = length;
    }
    conn_make_ready(shard, conn);
}

// What it has been answered is not all sent yet.
static bool owes_answer(const struct shard *shard, const struct conn *conn)
{
    return conn->outbox != NULL || conn_has_send(shard, conn);
}

void request_received(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                      int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    struct shard *shard = context;
    struct conn *conn = &shard->rings[ring].conns[loop_tag_slot(user_data)];
    struct buffers *buffers = &shard->rings[ring].buffers;
    ASSERT(conn->generation == loop_tag_generation(user_data));
    conn->ops &= (uint8_t)~CONN_OP_RECEIVE;
    if ((cqe_flags & IORING_CQE_F_BUFFER) != 0) {
        const uint8_t *bytes = buffers_take(buffers, cqe_flags);
        struct slice came = slice_from(bytes, result > 0 ? (size_t)result : 0);
        if (conn->state == CONN_REQUEST && came.length > 0 &&
            ((conn->flags & CONN_PROXY_HEADER) == 0 || proxied_take_header(shard, conn, &came))) {
            take_bytes(shard, conn, came.at, (uint32_t)came.length);
        }
        buffers_give_back(buffers, buffers_id(cqe_flags));
    }
    if (conn->state == CONN_CLOSING) {
        conn_proceed_close(shard, conn);
    } else if (result == -ENOBUFS && conn->state == CONN_REQUEST) {
        conn_make_ready(shard, conn); // asks again in its turn: where many come, most find none
    } else if (conn->state == CONN_LINGER && (result > 0 || result == -ENOBUFS)) {
        request_arm_receive(shard, conn);
    } else if (result == 0 && conn->state == CONN_REQUEST && owes_answer(shard, conn)) {
        conn_linger(shard, conn, CLOSE_CLIENT);
    } else if (result <= 0) {
        conn_close(shard, conn, CLOSE_CLIENT);
    }
}

struct refusal {
    enum rc_error error;
    int status; // 0: the error's own
    const char *detail;
};

static const struct refusal refusals[] = {
    [REFUSAL_CONNECTIONS] = {ERR_TOO_MANY_CONNECTIONS, 0,
                             "the broker holds as many connections as it may"},
    [REFUSAL_ADDRESS] = {ERR_TOO_MANY_CONNECTIONS, 429,
                         "your address has as many connections as it may"},
    [REFUSAL_BUSY] = {ERR_TOO_MANY_CONNECTIONS, 0,
                      "the broker reads as many requests at once as it may"},
    [REFUSAL_STOPPING] = {ERR_SHUTTING_DOWN, 0, "the broker is stopping"},
};

// Whether something was asked that an answer can be given to.
static bool awaits_answer(const struct shard *shard, const struct conn *conn)
{
    const struct context *context = conn_context(shard, conn);
    return !owes_answer(shard, conn) && (conn->flags & CONN_GOODBYE) == 0 && context != NULL &&
           http_request_has_started(&context->request) && !context->is_answered;
}

void request_send_away(struct shard *shard, struct conn *conn)
{
    if (!awaits_answer(shard, conn)) {
        conn_close(shard, conn, CLOSE_SHUTDOWN);
        return;
    }
    request_fail_with(shard, conn, ERR_SHUTTING_DOWN, refusals[REFUSAL_STOPPING].detail,
                      RETRY_AFTER_BUSY_S);
}

void request_time_out(struct shard *shard, struct conn *conn)
{
    if (!awaits_answer(shard, conn)) {
        conn_close(shard, conn, CLOSE_TIMEOUT);
        return;
    }
    if (conn->state == CONN_STARTING) {
        request_fail_with(shard, conn, ERR_LOG_ERROR,
                          "the log did not answer in time where to start", RETRY_AFTER_BUSY_S);
        return;
    }
    request_fail_with(shard, conn, ERR_REQUEST_TIMEOUT, "the request did not arrive whole in time",
                      0);
}

static void answer_subscription(struct shard *shard, struct conn *conn, struct context *context)
{
    if (!admit_subscription(shard, conn)) {
        return;
    }
    struct http_fault fault;
    if (subscribe_parse(&context->subscribe, &context->request, &context->route, &fault) !=
        ERR_NONE) {
        request_fail(shard, conn, &fault, NULL, 0);
        return;
    }
    if (context->subscribe.stream_count > shard->terms->connection_streams_max) {
        http_fault_set(&fault, ERR_TOO_MANY_STREAMS, "One connection reads at most %u streams",
                       shard->terms->connection_streams_max);
        fault.status = 400;
        request_fail(shard, conn, &fault, NULL, 0);
        return;
    }
    if (!access_check_subscription(shard, conn, context)) {
        return;
    }
    if (shard->terms->unknown_stream_is_404) {
        context->subscribe.is_unknown_404 = true;
    }
    start_begin(shard, conn, context);
}

static void refuse_route(struct shard *shard, struct conn *conn, const struct context *context,
                         const struct http_fault *fault)
{
    char methods[HTTP_METHODS_TEXT_BYTES];
    const char *allow = fault->error == ERR_METHOD_NOT_ALLOWED
                            ? http_methods_text(context->route.methods, methods)
                            : NULL;
    request_fail(shard, conn, fault, allow, 0);
}

// Finds out what is asked, and whether the client may. False: it was answered.
static bool look_at(struct shard *shard, struct conn *conn, struct context *context)
{
    shard->stats.requests++;
    struct http_fault fault;
    enum http_audience audience = conn_is_admin(conn) ? HTTP_AUDIENCE_ADMIN : HTTP_AUDIENCE_PUBLIC;
    bool is_found =
        http_route_find(&context->route, &context->request, audience, &fault) == ERR_NONE;
    if (((conn->flags & CONN_PROXIED) != 0 && !proxied_take_client(shard, conn, context)) ||
        !access_check(shard, conn, context)) {
        return false;
    }
    if (!is_found) {
        refuse_route(shard, conn, context, &fault);
        return false;
    }
    return task_prepare(shard, conn, context);
}

static void answer(struct shard *shard, struct conn *conn, struct context *context)
{
    switch (context->route.kind) {
    case HTTP_ROUTE_NONE: UNREACHABLE();
    case HTTP_ROUTE_STREAM:
    case HTTP_ROUTE_EVENTS:
    case HTTP_ROUTE_STREAM_ALIAS:
    case HTTP_ROUTE_SESSION_ALIAS: answer_subscription(shard, conn, context); break;
    case HTTP_ROUTE_HEALTH: answer_health(shard, conn); break;
    case HTTP_ROUTE_ASSET: answer_asset(shard, conn, context); break;
    case HTTP_ROUTE_OPTIONS: answer_options(shard, conn, context); break;
    case HTTP_ROUTE_INFO:
    case HTTP_ROUTE_HEAD:
    case HTTP_ROUTE_LIST:
    case HTTP_ROUTE_PUBLISH:
    case HTTP_ROUTE_CREATE:
    case HTTP_ROUTE_CREATE_UUID:
    case HTTP_ROUTE_DELETE:
    case HTTP_ROUTE_SEND:
    case HTTP_ROUTE_RENEW:
    case HTTP_ROUTE_BROADCAST:
    case HTTP_ROUTE_READY:
    case HTTP_ROUTE_METRICS:
    case HTTP_ROUTE_STATS: task_ask(shard, conn, context); break;
    }
}

// --- bodies ---

static void take_body_bytes(void *context, struct slice bytes)
{
    body_add(context, bytes);
}

// A body follows. False: the request was answered.
static bool begin_body(struct shard *shard, struct conn *conn, struct context *context)
{
    struct http_request *request = &context->request;
    bool is_wanted = http_route_takes_body(context->route.kind);
    uint64_t bytes_max = is_wanted ? shard->terms->request_bytes_max : HTTP_BODY_BYTES_MAX;
    if (!http_request_take_body(request, bytes_max, is_wanted ? take_body_bytes : NULL,
                                &context->body)) {
        request_fail(shard, conn, &request->fault, NULL, 0);
        return false;
    }
    context->phase = CONTEXT_BODY;
    bool has_begun = context->received_at < context->received_length;
    if (request->expects_continue && !has_begun) {
        conn_send_bytes(shard, conn, http_response_continue.at,
                        (uint32_t)http_response_continue.length);
    }
    if (context->received_length - context->received_at < http_request_content_length(request)) {
        conn_arm(shard, conn, shard->terms->body_timeout_ms);
    }
    return true;
}

// Whether all that came of the body could be kept. False: it was answered.
static bool check_body(struct shard *shard, struct conn *conn, const struct context *context)
{
    bool is_kept = !context->body.has_failed;
    if (!is_kept) {
        admit_refuse(shard, conn, "the broker holds as many bytes of requests as it may");
    }
    return is_kept;
}

// Where its next bytes are to come: what is there of the body has to move out of their way.
static void wait_for_more(struct shard *shard, struct conn *conn, struct context *context)
{
    if (body_slice(&context->body).length > 0) {
        if (shard->pressure >= PRESSURE_REFUSE) {
            admit_refuse(shard, conn, "the broker is short of memory and takes no large bodies");
            return;
        }
        body_keep(&context->body);
        if (!check_body(shard, conn, context)) {
            return;
        }
    }
    if ((conn->flags & CONN_TLS) != 0 && conn_tls_has_unread(shard, conn)) {
        conn_make_ready(shard, conn);
    } else {
        request_arm_receive(shard, conn);
    }
    request_wait(shard, context);
}

// Refused whatever its request says, but for the page that is to see the answer.
static void refuse(struct shard *shard, struct conn *conn)
{
    const struct refusal *refusal = &refusals[conn_cold_of(shard, conn)->refusal];
    struct context *context = conn_context(shard, conn);
    shard->stats.refused[conn_cold_of(shard, conn)->refusal]++;
    conn->flags &= ~(uint32_t)CONN_REFUSED;
    if (context != NULL) {
        size_t consumed = 0;
        (void)http_request_feed(&context->request, context->received, context->received_length,
                                &consumed);
        context->received_at = context->received_length;
        context->request.is_keep_alive = false;
    }
    struct http_fault fault;
    http_fault_set(&fault, refusal->error, "%s", refusal->detail);
    fault.status = refusal->status;
    request_fail(shard, conn, &fault, NULL, RETRY_AFTER_BUSY_S);
    conn_linger(shard, conn, CLOSE_ANSWERED);
}

// The request is whole.
static void complete(struct shard *shard, struct conn *conn, struct context *context)
{
    bool is_known = context->phase != CONTEXT_HEADER;
    context->phase = CONTEXT_WHOLE;
    if (context->is_answered) {
        request_next(shard, conn, context);
    } else if (is_known ? check_body(shard, conn, context) : look_at(shard, conn, context)) {
        answer(shard, conn, context);
    }
}

// What a TLS client begins with: a record of its handshake.
static bool looks_like_tls(const struct context *context)
{
    return context->received_length >= 2 && context->received[0] == 0x16 &&
           context->received[1] == 3;
}

static void fail_feed(struct shard *shard, struct conn *conn, const struct context *context)
{
    if ((conn->flags & CONN_TLS) == 0 && looks_like_tls(context)) {
        char address[CLIENT_ADDRESS_TEXT_BYTES];
        LOGGER_EVERY_WITH(LOG_INTERVAL_MS, LOGGER_INFO, "tls",
                          LOGGER_FIELDS(logger_text(
                              "address", client_address_text(conn_cold_of(shard, conn), address))),
                          "TLS came to a listener without it");
    }
    if (context->is_answered) {
        conn_linger(shard, conn, CLOSE_ANSWERED);
    } else {
        request_fail(shard, conn, &context->request.fault, NULL, 0);
    }
}

// Parses what came, up to the end of the header or of the request. True: it goes on with the body.
static bool feed(struct shard *shard, struct conn *conn, struct context *context)
{
    size_t consumed = 0;
    enum http_progress progress =
        http_request_feed(&context->request, context->received + context->received_at,
                          context->received_length - context->received_at, &consumed);
    context->received_at += (uint32_t)consumed;
    if (progress != HTTP_NEED_MORE) {
        end_wait(shard, context);
    }
    switch (progress) {
    case HTTP_NEED_MORE:
        context->received_at = context->received_length;
        wait_for_more(shard, conn, context);
        return false;
    case HTTP_HEADER:
        context->phase = CONTEXT_KNOWN;
        return look_at(shard, conn, context) && begin_body(shard, conn, context);
    case HTTP_COMPLETE: complete(shard, conn, context); return false;
    case HTTP_FAILED:
        context->received_at = context->received_length;
        fail_feed(shard, conn, context);
        return false;
    }
    UNREACHABLE();
}

// What came by TLS gave no plaintext. Between two requests the context goes, as it does without.
static void await_plain(struct shard *shard, struct conn *conn, struct context *context)
{
    if (http_request_has_started(&context->request) || conn_tls_is_amid(shard, conn)) {
        request_wait(shard, context);
    } else {
        request_end(shard, conn);
    }
    request_arm_receive(shard, conn);
}

void request_progress(struct shard *shard, struct conn *conn)
{
    if ((conn->flags & CONN_TLS) != 0 && !conn_tls_read(shard, conn)) {
        return;
    }
    struct context *context = conn_context(shard, conn);
    if ((conn->flags & CONN_TLS) != 0 && context != NULL && !context->is_reading &&
        context->received_at == context->received_length) {
        await_plain(shard, conn, context);
        return;
    }
    if ((conn->flags & CONN_REFUSED) != 0 &&
        (context != NULL || conn_cold_of(shard, conn)->refusal == REFUSAL_BUSY)) {
        refuse(shard, conn);
        return;
    }
    if (context != NULL && context->is_reading) {
        task_ask(shard, conn, context);
        return;
    }
    if (context == NULL || context->received_at == context->received_length) {
        if (context != NULL && !http_request_has_started(&context->request)) {
            request_end(shard, conn); // idle between requests: holds nothing
        }
        request_arm_receive(shard, conn);
        return;
    }
    while (feed(shard, conn, context)) {
    }
}
