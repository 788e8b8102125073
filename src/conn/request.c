#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/assert.h"
#include "conn/shard.h"
#include "http/response.h"
#include "http/route.h"
#include "io/send.h"
#include "web_assets.h"

enum {
    RETRY_AFTER_BUSY_S = 1,
    ASSET_INDEX_LENGTH = 1, // "/"
};

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
    conn->state = CONN_REQUEST;
    conn->streams = &conn->only;
    conn_arm(shard, conn, shard->options.request_timeout_ms);
    request_arm_receive(shard, conn);
}

static void begin_request(struct shard *shard, struct context *context)
{
    http_request_init(&context->request);
    http_request_set_header_max(&context->request, shard->options.header_bytes_max);
    body_begin(&context->body, &shard->bodies);
}

void request_release(struct context *context)
{
    body_end(&context->body);
    grant_release(context->grant);
    context->grant = NULL;
}

void request_end(struct shard *shard, struct conn *conn)
{
    struct context *context = conn_context(shard, conn);
    if (context == NULL) {
        return;
    }
    conn->context = CONN_NONE;
    start_abandon(shard, context);
    if (context->is_asking) {
        context->conn = CONN_NONE;
    } else {
        request_free(shard, context);
    }
}

void request_free(struct shard *shard, struct context *context)
{
    request_release(context);
    pool_free(&shard->contexts, context);
    if (pool_used(&shard->contexts) + 1 == SHARD_STARTS_PAUSE) {
        shard_choose_accepting(shard); // no longer crowded
    }
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
    context->is_asking = false;
    context->is_looking_up = false;
    context->has_gap = false;
    context->received_at = 0;
    context->received_length = 0;
    begin_request(shard, context);
    conn->context = pool_index(&shard->contexts, context);
    return context;
}

// Copies what came: a receive buffer is back at once, however long its request waits.
static void take_bytes(struct shard *shard, struct conn *conn, const uint8_t *bytes,
                       uint32_t length)
{
    struct context *context = open_context(shard, conn);
    if (context == NULL) {
        conn->flags |= CONN_REFUSED;
        conn_cold_of(shard, conn)->refusal = REFUSAL_BUSY;
    } else {
        ASSERT(context->received_at == context->received_length && length <= RECEIVE_BUFFER_BYTES);
        memcpy(context->received, bytes, length);
        context->received_at = 0;
        context->received_length = length;
    }
    conn_make_ready(shard, conn);
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
        if (conn->state == CONN_REQUEST && result > 0) {
            take_bytes(shard, conn, bytes, (uint32_t)result);
        }
        buffers_give_back(buffers, buffers_id(cqe_flags));
    }
    if (conn->state == CONN_CLOSING) {
        conn_proceed_close(shard, conn);
    } else if (result == -ENOBUFS || (conn->state == CONN_LINGER && result > 0)) {
        request_arm_receive(shard, conn);
    } else if (result <= 0) {
        conn_close(shard, conn);
    }
}

// --- answers ---

// After an answer: the next request, or the end.
static void after_answer(struct shard *shard, struct conn *conn, bool is_keep_alive)
{
    struct context *context = conn_context(shard, conn);
    if (!is_keep_alive || context == NULL) {
        conn_linger(shard, conn);
        return;
    }
    conn_arm(shard, conn, shard->options.request_timeout_ms);
    if (context->received_at == context->received_length) {
        request_end(shard, conn); // idle between requests: holds nothing
        request_arm_receive(shard, conn);
        return;
    }
    request_release(context);
    begin_request(shard, context);
    conn_make_ready(shard, conn);
}

static void send_answer(struct shard *shard, struct conn *conn, const struct buffer *out,
                        bool is_keep_alive)
{
    struct slice bytes = buffer_slice(out);
    struct context *context = conn_context(shard, conn);
    if (context != NULL) {
        start_abandon(shard, context);
    }
    conn->state = CONN_REQUEST;
    conn_send_bytes(shard, conn, bytes.at, (uint32_t)bytes.length);
    after_answer(shard, conn, is_keep_alive);
}

struct http_answer request_answer(const struct shard *shard, struct context *context)
{
    bool has_list = shard->options.access->origins->count > 0;
    context->cors = (struct http_cors){.origin = access_origin(shard, context)};
    return (struct http_answer){.is_keep_alive = context->request.is_keep_alive,
                                .is_head = http_request_is_head(&context->request),
                                .cors = has_list ? &context->cors : NULL};
}

void request_problem(struct shard *shard, struct conn *conn, const struct http_problem *problem)
{
    struct context *context = conn_context(shard, conn);
    // What follows a request that could not be parsed cannot be trusted to be a request.
    bool is_keep_alive = context != NULL && context->request.is_keep_alive &&
                         context->request.fault.error == ERR_NONE &&
                         problem->fault->error != ERR_REQUEST_TIMEOUT;
    shard->stats.request_errors++;
    shard_make_room(shard, conn->ring, 0, HTTP_RESPONSE_BYTES_MAX);
    if (conn->state == CONN_CLOSING) {
        return;
    }
    struct buffer out;
    buffer_wrap(&out, shard_scratch(shard, HTTP_RESPONSE_BYTES_MAX), HTTP_RESPONSE_BYTES_MAX);
    struct http_answer answer = {0};
    if (context != NULL) {
        answer = request_answer(shard, context);
        answer.is_keep_alive = is_keep_alive;
    }
    ASSERT(http_response_problem(&out, &answer, problem) == 0);
    send_answer(shard, conn, &out, is_keep_alive);
}

void request_fail(struct shard *shard, struct conn *conn, const struct http_fault *fault,
                  const char *allow, uint32_t retry_after_s)
{
    const struct http_problem problem = {
        .fault = fault, .allow = allow, .retry_after_s = retry_after_s};
    request_problem(shard, conn, &problem);
}

static void fail_with(struct shard *shard, struct conn *conn, enum rc_error error,
                      const char *detail, uint32_t retry_after_s)
{
    struct http_fault fault;
    http_fault_set(&fault, error, "%s", detail);
    request_fail(shard, conn, &fault, NULL, retry_after_s);
}

void request_time_out(struct shard *shard, struct conn *conn)
{
    struct context *context = conn_context(shard, conn);
    if (conn_has_send(shard, conn) || conn->outbox != NULL || context == NULL ||
        !http_request_has_started(&context->request)) {
        conn_close(shard, conn); // nothing was asked: nothing to answer
        return;
    }
    if (conn->state == CONN_STARTING) {
        fail_with(shard, conn, ERR_LOG_ERROR, "the log did not answer in time where to start",
                  RETRY_AFTER_BUSY_S);
        return;
    }
    fail_with(shard, conn, ERR_REQUEST_TIMEOUT, "the request did not arrive whole in time", 0);
}

static const struct web_asset *find_asset(struct slice path)
{
    if (path.length == 0) {
        return NULL;
    }
    struct slice wanted =
        path.length == ASSET_INDEX_LENGTH ? slice_of("index.html") : slice_after(path, 1);
    for (size_t i = 0; i < web_assets_count; i++) {
        if (slice_equal_text(wanted, web_assets[i].path)) {
            return &web_assets[i];
        }
    }
    return NULL;
}

static void answer_asset(struct shard *shard, struct conn *conn, struct context *context)
{
    const struct web_asset *asset = find_asset(context->route.path);
    if (asset == NULL) {
        fail_with(shard, conn, ERR_NOT_FOUND,
                  "no such resource; streams are at /streams/{name}, several at "
                  "/events?stream=a&stream=b",
                  0);
        return;
    }
    struct http_answer answer = request_answer(shard, context);
    uint32_t bytes_max = HTTP_RESPONSE_BYTES_MAX + (uint32_t)asset->length;
    shard_make_room(shard, conn->ring, 0, bytes_max);
    struct buffer out;
    buffer_wrap(&out, shard_scratch(shard, bytes_max), bytes_max);
    ASSERT(http_response_asset(&out, &answer, asset->content_type,
                               slice_from(asset->bytes, asset->length)) == 0);
    send_answer(shard, conn, &out, answer.is_keep_alive);
}

static void answer_health(struct shard *shard, struct conn *conn, struct context *context)
{
    shard_make_room(shard, conn->ring, 0, HTTP_RESPONSE_BYTES_MAX);
    struct buffer out;
    buffer_wrap(&out, shard_scratch(shard, HTTP_RESPONSE_BYTES_MAX), HTTP_RESPONSE_BYTES_MAX);
    struct http_answer answer = request_answer(shard, context);
    ASSERT(http_response_text(&out, &answer, "ok") == 0);
    send_answer(shard, conn, &out, answer.is_keep_alive);
}

static void answer_options(struct shard *shard, struct conn *conn, struct context *context)
{
    shard_make_room(shard, conn->ring, 0, HTTP_RESPONSE_BYTES_MAX);
    struct buffer out;
    buffer_wrap(&out, shard_scratch(shard, HTTP_RESPONSE_BYTES_MAX), HTTP_RESPONSE_BYTES_MAX);
    struct http_answer answer = request_answer(shard, context);
    ASSERT(http_response_options(&out, &answer, context->route.methods) == 0);
    send_answer(shard, conn, &out, answer.is_keep_alive);
}

void request_no_content(struct shard *shard, struct conn *conn)
{
    struct context *context = conn_context(shard, conn);
    shard_make_room(shard, conn->ring, 0, HTTP_RESPONSE_BYTES_MAX);
    if (conn->state == CONN_CLOSING) {
        return;
    }
    struct buffer out;
    buffer_wrap(&out, shard_scratch(shard, HTTP_RESPONSE_BYTES_MAX), HTTP_RESPONSE_BYTES_MAX);
    struct http_answer answer = request_answer(shard, context);
    ASSERT(http_response_no_content(&out, &answer) == 0);
    send_answer(shard, conn, &out, answer.is_keep_alive);
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
    if (context->subscribe.stream_count > shard->options.connection_streams_max) {
        http_fault_set(&fault, ERR_TOO_MANY_STREAMS, "One connection reads at most %u streams",
                       shard->options.connection_streams_max);
        fault.status = 400;
        request_fail(shard, conn, &fault, NULL, 0);
        return;
    }
    if (!access_check_subscription(shard, conn, context)) {
        return;
    }
    if (shard->options.unknown_stream_is_404) {
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

static void answer(struct shard *shard, struct conn *conn, struct context *context)
{
    shard->stats.requests++;
    struct http_fault fault;
    bool is_found = http_route_find(&context->route, &context->request, &fault) == ERR_NONE;
    if (!access_check(shard, conn, context)) {
        return;
    }
    if (!is_found) {
        refuse_route(shard, conn, context, &fault);
        return;
    }
    switch (context->route.kind) {
    case HTTP_ROUTE_NONE: UNREACHABLE();
    case HTTP_ROUTE_STREAM:
    case HTTP_ROUTE_EVENTS:
    case HTTP_ROUTE_STREAM_ALIAS:
    case HTTP_ROUTE_SESSION_ALIAS: answer_subscription(shard, conn, context); break;
    case HTTP_ROUTE_HEALTH: answer_health(shard, conn, context); break;
    case HTTP_ROUTE_ASSET: answer_asset(shard, conn, context); break;
    case HTTP_ROUTE_OPTIONS: answer_options(shard, conn, context); break;
    case HTTP_ROUTE_INFO:
    case HTTP_ROUTE_HEAD:
    case HTTP_ROUTE_PUBLISH:
    case HTTP_ROUTE_CREATE:
    case HTTP_ROUTE_DELETE:
        http_fault_set(&fault, ERR_METHOD_NOT_ALLOWED, "this is not served");
        request_fail(shard, conn, &fault, "GET", 0);
        break;
    case HTTP_ROUTE_LIST:
    case HTTP_ROUTE_CREATE_UUID:
    case HTTP_ROUTE_SEND:
    case HTTP_ROUTE_RENEW:
    case HTTP_ROUTE_BROADCAST: fail_with(shard, conn, ERR_NOT_FOUND, "no such resource", 0); break;
    }
}

// Nobody takes a body: it is skipped. Who waits for a 100 (Continue) before it sends one is told
// that it waits in vain.
static void skip_body(struct shard *shard, struct conn *conn, struct context *context)
{
    struct http_request *request = &context->request;
    if (request->expects_continue) {
        request->is_keep_alive = false;
        answer(shard, conn, context);
    } else if (http_request_take_body(request, HTTP_BODY_BYTES_MAX, NULL, NULL)) {
        conn_make_ready(shard, conn);
    } else {
        request_fail(shard, conn, &request->fault, NULL, 0);
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

// Refused before its request was looked at.
static void refuse(struct shard *shard, struct conn *conn)
{
    const struct refusal *refusal = &refusals[conn_cold_of(shard, conn)->refusal];
    shard->stats.refused++;
    conn->flags &= ~(uint32_t)CONN_REFUSED;
    struct http_fault fault;
    http_fault_set(&fault, refusal->error, "%s", refusal->detail);
    fault.status = refusal->status;
    request_fail(shard, conn, &fault, NULL, RETRY_AFTER_BUSY_S);
    conn_linger(shard, conn);
}

void request_progress(struct shard *shard, struct conn *conn)
{
    if ((conn->flags & CONN_REFUSED) != 0) {
        refuse(shard, conn);
        return;
    }
    struct context *context = conn_context(shard, conn);
    if (context == NULL || context->received_at == context->received_length) {
        if (context != NULL && !http_request_has_started(&context->request)) {
            request_end(shard, conn); // idle between requests: holds nothing
        }
        request_arm_receive(shard, conn);
        return;
    }
    size_t consumed = 0;
    enum http_progress progress =
        http_request_feed(&context->request, context->received + context->received_at,
                          context->received_length - context->received_at, &consumed);
    context->received_at += (uint32_t)consumed;
    if (progress == HTTP_NEED_MORE || progress == HTTP_FAILED) {
        context->received_at = context->received_length;
    }
    switch (progress) {
    case HTTP_HEADER: skip_body(shard, conn, context); break;
    case HTTP_NEED_MORE: request_arm_receive(shard, conn); break;
    case HTTP_FAILED: request_fail(shard, conn, &context->request.fault, NULL, 0); break;
    case HTTP_COMPLETE: answer(shard, conn, context); break;
    }
}
