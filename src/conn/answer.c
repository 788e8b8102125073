// Answers that are no event stream: how they go out, and those that need nobody else.
#include <stdlib.h>

#include "base/assert.h"
#include "base/logger.h"
#include "conn/client_address.h"
#include "conn/tls.h"
#include "web_assets.h"

enum {
    ASSET_INDEX_LENGTH = 1, // "/"
    FAILURES_INTERVAL_MS = 10 * 1000,
    RETRY_AFTER_CONNECTIONS_S = 1,
};

// --- how they go out ---

// Whether what the client sends next is known to be a request. A body that was not taken is passed
// over; it has to be short, and on its way.
static bool is_next_clear(const struct context *context)
{
    const struct http_request *request = &context->request;
    return request->fault.error == ERR_NONE &&
           (context->phase == CONTEXT_WHOLE ||
            (context->phase == CONTEXT_KNOWN && !request->expects_continue &&
             http_request_content_length(request) <= HTTP_BODY_BYTES_MAX));
}

// What the client gave as its request's id; empty where that is none.
static struct slice given_id(const struct context *context)
{
    struct slice given = http_request_field(&context->request, HTTP_FIELD_REQUEST_ID);
    return given.length > 0 && request_id_is_valid(given) ? given : slice_empty();
}

struct slice request_id(const struct shard *shard, const struct context *context,
                        char made[REQUEST_ID_MADE_BYTES_MAX])
{
    if (context == NULL) {
        return request_id_make(shard->request_life, shard->request_number, made);
    }
    struct slice given = given_id(context);
    return given.length > 0 ? given : request_id_make(shard->request_life, context->number, made);
}

struct http_answer request_answer(const struct shard *shard, struct context *context)
{
    bool has_list = shard->terms->origins.count > 0;
    context->cors = (struct http_cors){.origin = access_origin(shard, context)};
    return (struct http_answer){.is_keep_alive = context->request.is_keep_alive &&
                                                 is_next_clear(context) && !shard->is_stopping,
                                .is_head = http_request_is_head(&context->request),
                                .cors = has_list ? &context->cors : NULL,
                                .request_id = given_id(context)};
}

static struct http_answer answer_form(const struct shard *shard, const struct conn *conn)
{
    struct context *context = conn_context(shard, conn);
    return context != NULL ? request_answer(shard, context) : (struct http_answer){0};
}

// Counts it by what was asked, and tells the access log.
static void note_answer(struct shard *shard, struct conn *conn, int status, size_t length)
{
    struct context *context = conn_context(shard, conn);
    enum http_route_kind route = context == NULL ? HTTP_ROUTE_NONE : context->route.kind;
    unsigned class = status < 400 ? SHARD_STATUS_2XX : SHARD_STATUS_4XX;
    shard->stats.answered[route][status < 500 ? class : SHARD_STATUS_5XX]++;
    access_log_answered(shard, conn, context, status, length);
}

bool answer_begin(struct shard *shard, struct conn *conn, uint32_t body_bytes_max,
                  struct answer *answer)
{
    uint32_t bytes_max = HTTP_RESPONSE_BYTES_MAX + body_bytes_max;
    shard_make_room(shard, conn->ring, 0, bytes_max);
    if (conn->state == CONN_CLOSING) {
        return false; // a handler closed it
    }
    buffer_wrap(&answer->out, shard_scratch(shard, bytes_max), bytes_max);
    answer->form = answer_form(shard, conn);
    return true;
}

// The next request, or the end.
static void go_on(struct shard *shard, struct conn *conn, bool is_keep_alive)
{
    struct context *context = conn_context(shard, conn);
    conn_arm(shard, conn, shard->terms->request_timeout_ms); // also for taking what was sent
    if (!is_keep_alive || context == NULL) {
        conn_linger(shard, conn, CLOSE_ANSWERED);
        return;
    }
    if (context->phase == CONTEXT_KNOWN) {
        context->is_answered = true;
        bool is_short = http_request_take_body(&context->request, HTTP_BODY_BYTES_MAX, NULL, NULL);
        ASSERT(is_short);
        conn_make_ready(shard, conn);
    } else {
        request_next(shard, conn, context);
    }
}

static void begin_sending(struct shard *shard, struct conn *conn)
{
    struct context *context = conn_context(shard, conn);
    if (context != NULL) {
        start_abandon(shard, context);
    }
    conn_set_state(shard, conn, CONN_REQUEST);
}

void answer_send(struct shard *shard, struct conn *conn, const struct answer *answer)
{
    ASSERT(buffer_failure(&answer->out) == 0);
    struct slice bytes = buffer_slice(&answer->out);
    begin_sending(shard, conn);
    note_answer(shard, conn, http_response_status(bytes), bytes.length);
    conn_send_bytes(shard, conn, bytes.at, (uint32_t)bytes.length);
    go_on(shard, conn, answer->form.is_keep_alive);
}

bool answer_send_document(struct shard *shard, struct conn *conn, const char *content_type,
                          struct slice body)
{
    size_t length = HTTP_RESPONSE_BYTES_MAX + body.length;
    ASSERT(length <= UINT32_MAX);
    if (!bodies_reserve(&shard->answers, length)) {
        return false;
    }
    struct conn_outbox *outbox = malloc(sizeof(*outbox) + length);
    if (outbox == NULL) {
        bodies_release(&shard->answers, length);
        return false;
    }
    struct answer answer = {.form = answer_form(shard, conn)};
    buffer_wrap(&answer.out, outbox->bytes, length);
    int result = http_response_document(&answer.out, &answer.form, content_type, body);
    ASSERT(result == 0);
    struct slice bytes = buffer_slice(&answer.out);
    int status = http_response_status(bytes);
    outbox->length = (uint32_t)bytes.length;
    outbox->sent = 0;
    if ((conn->flags & CONN_TLS) != 0) { // from here on the plain bytes are gone
        struct conn_outbox *sealed = conn_tls_seal_outbox(shard, conn, bytes);
        free(outbox);
        outbox = sealed;
    }
    if (outbox == NULL) {
        bodies_release(&shard->answers, length);
        return false;
    }
    outbox->reserved_bytes = (uint32_t)length;
    begin_sending(shard, conn);
    note_answer(shard, conn, status, bytes.length);
    conn->outbox = outbox;
    conn_make_ready(shard, conn);
    go_on(shard, conn, answer.form.is_keep_alive);
    return true;
}

// --- refusals ---

// What is our own failure, or want of room, is told here, too.
static void tell_failure(struct shard *shard, const struct conn *conn,
                         const struct http_fault *fault, struct slice id)
{
    char address[CLIENT_ADDRESS_TEXT_BYTES];
    int status = http_fault_status(fault);
    const char *detail = fault->detail;
    if (status >= 500) {
        LOGGER_EVERY_WITH(
            FAILURES_INTERVAL_MS, LOGGER_INFO, "http",
            LOGGER_FIELDS(
                logger_text("request", id),
                logger_text("address", client_address_text(conn_cold_of(shard, conn), address)),
                logger_text("code", slice_of(error_code(fault->error)))),
            "a request was answered %d%s%s", status, detail[0] == 0 ? "" : ": ", detail);
    }
}

void request_problem(struct shard *shard, struct conn *conn, const struct http_problem *problem)
{
    struct answer answer;
    char made[REQUEST_ID_MADE_BYTES_MAX];
    const struct context *context = conn_context(shard, conn);
    shard->stats.errors[problem->fault->error]++;
    if (context == NULL || context->phase == CONTEXT_HEADER) {
        proxied_forget_client(shard, conn);
    }
    if (answer_begin(shard, conn, 0, &answer)) {
        answer.form.request_id = request_id(shard, conn_context(shard, conn), made);
        tell_failure(shard, conn, problem->fault, answer.form.request_id);
        http_response_problem(&answer.out, &answer.form, problem);
        answer_send(shard, conn, &answer);
    }
}

void request_fail(struct shard *shard, struct conn *conn, const struct http_fault *fault,
                  const char *allow, uint32_t retry_after_s)
{
    request_problem(
        shard, conn,
        &(struct http_problem){.fault = fault, .allow = allow, .retry_after_s = retry_after_s});
}

void request_fail_with(struct shard *shard, struct conn *conn, enum rc_error error,
                       const char *detail, uint32_t retry_after_s)
{
    struct http_fault fault;
    http_fault_set(&fault, error, "%s", detail);
    request_fail(shard, conn, &fault, NULL, retry_after_s);
}

void request_fail_crowded(struct shard *shard, struct conn *conn, const char *detail)
{
    struct http_fault fault;
    http_fault_set(&fault, ERR_TOO_MANY_CONNECTIONS, "%s", detail);
    fault.status = 429;
    request_fail(shard, conn, &fault, NULL, RETRY_AFTER_CONNECTIONS_S);
}

void request_no_content(struct shard *shard, struct conn *conn)
{
    struct answer answer;
    if (answer_begin(shard, conn, 0, &answer)) {
        http_response_no_content(&answer.out, &answer.form);
        answer_send(shard, conn, &answer);
    }
}

// --- pages ---

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

void answer_asset(struct shard *shard, struct conn *conn, const struct context *context)
{
    const struct web_asset *asset = find_asset(context->route.path);
    struct answer answer;
    if (asset == NULL) {
        request_fail_with(shard, conn, ERR_NOT_FOUND,
                          "no such resource; streams are at /streams/{name}, several at "
                          "/events?stream=a&stream=b",
                          0);
    } else if (answer_begin(shard, conn, (uint32_t)asset->length, &answer)) {
        http_response_asset(&answer.out, &answer.form, asset->content_type,
                            slice_from(asset->bytes, asset->length));
        answer_send(shard, conn, &answer);
    }
}

void answer_health(struct shard *shard, struct conn *conn)
{
    struct answer answer;
    if (answer_begin(shard, conn, 0, &answer)) {
        http_response_text(&answer.out, &answer.form, "ok");
        answer_send(shard, conn, &answer);
    }
}

void answer_options(struct shard *shard, struct conn *conn, const struct context *context)
{
    struct answer answer;
    if (answer_begin(shard, conn, 0, &answer)) {
        http_response_options(&answer.out, &answer.form, context->route.methods);
        answer_send(shard, conn, &answer);
    }
}
