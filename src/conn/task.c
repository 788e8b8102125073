// What HTTP clients ask of the log thread: from a request to a task (conn/task.h), and from the
// task's answer to the client's.
#include "conn/task.h"

#include "base/assert.h"
#include "base/random.h"
#include "conn/connection_id.h"
#include "conn/shard.h"
#include "http/listing.h"
#include "http/publish.h"
#include "wire/settings_json.h"

enum {
    INFO_BYTES_MAX = 8 << 10,
    TEXTS_BYTES_MAX = 4 << 10, // of a stream's settings
    // A body of objects: the least of an event, and what its texts may take (publish_batch.texts).
    BATCH_EVENT_BYTES_MIN = 8,
    BATCH_TEXTS_FACTOR = 2,
    OUTBOX_BODY_BYTES_MIN = 16 << 10, // a larger answer is copied once instead of twice
};

void task_begin(struct context *context)
{
    context->has_task = false;
    context->has_batch = false;
    context->is_reading = false;
    context->has_texts = false;
    context->reserved_of = context->body.bodies;
    context->reserved_bytes = 0;
}

void task_end(struct context *context)
{
    if (!context->has_task) {
        return;
    }
    if (context->has_batch) {
        publish_batch_free(&context->batch);
    }
    if (context->has_texts) {
        arena_free(&context->texts);
    }
    buffer_free(&context->task.json);
    bodies_release(context->reserved_of, context->reserved_bytes);
    task_begin(context);
}

// False, and refused, where there is not that much.
static bool reserve(struct shard *shard, struct conn *conn, struct context *context, size_t bytes)
{
    if (!bodies_reserve(context->reserved_of, bytes)) {
        admit_refuse(shard, conn, "the broker holds as many bytes of requests as it may");
        return false;
    }
    context->reserved_bytes += bytes;
    return true;
}

// --- what the header says ---

static enum rc_error read_connection(struct context *context, struct http_fault *fault)
{
    return connection_id_parse(context->route.name, &context->task.connection_id)
               ? ERR_NONE
               : http_fault_set(fault, ERR_CONNECTION_NOT_FOUND,
                                "A connection's id is 16 hexadecimal digits");
}

static enum rc_error read_events(struct context *context, struct http_fault *fault)
{
    return publish_parse(&context->parameters, &context->request, &context->route, fault);
}

static enum rc_error read_list(struct context *context, struct http_fault *fault)
{
    struct listing listing;
    enum rc_error error = listing_parse(&listing, &context->request, &context->route, fault);
    if (error == ERR_NONE) {
        context->task.prefix = listing.prefix;
        context->task.limit = listing.limit;
        context->task.after = listing.after;
    }
    return error;
}

static enum rc_error read_nothing(struct context *context, struct http_fault *fault)
{
    return no_parameters_parse(&context->request, &context->route, fault);
}

static enum rc_error read_creation(struct context *context, struct http_fault *fault)
{
    enum rc_error error = publish_check_coding(&context->request, fault);
    return error != ERR_NONE ? error : read_nothing(context, fault);
}

static enum rc_error read_header(struct context *context, struct http_fault *fault)
{
    enum rc_error error = ERR_NONE;
    switch (context->route.kind) {
    case HTTP_ROUTE_PUBLISH:
    case HTTP_ROUTE_BROADCAST: return read_events(context, fault);
    case HTTP_ROUTE_SEND:
        error = read_connection(context, fault);
        return error != ERR_NONE ? error : read_events(context, fault);
    case HTTP_ROUTE_CREATE:
    case HTTP_ROUTE_CREATE_UUID: return read_creation(context, fault);
    case HTTP_ROUTE_DELETE:
    case HTTP_ROUTE_READY:
    case HTTP_ROUTE_METRICS:
    case HTTP_ROUTE_STATS: return read_nothing(context, fault);
    case HTTP_ROUTE_RENEW:
        error = read_connection(context, fault);
        return error != ERR_NONE ? error : read_nothing(context, fault);
    case HTTP_ROUTE_INFO:
    case HTTP_ROUTE_HEAD:
        return info_parse(&context->task.wants_reach, &context->request, &context->route, fault);
    case HTTP_ROUTE_LIST: return read_list(context, fault);
    default: UNREACHABLE(); // the others have no task
    }
}

static bool is_asked_of_log(enum http_route_kind kind)
{
    return !http_route_is_subscription(kind) && kind != HTTP_ROUTE_HEALTH &&
           kind != HTTP_ROUTE_ASSET && kind != HTTP_ROUTE_OPTIONS;
}

// RFC 9562, version 4.
static struct slice make_uuid(char text[CONTEXT_UUID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16];
    random_bytes(bytes, sizeof(bytes));
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    char *at = text;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *at++ = '-';
        }
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 15];
    }
    return slice_from(text, CONTEXT_UUID_BYTES);
}

bool task_prepare(struct shard *shard, struct conn *conn, struct context *context)
{
    if (!is_asked_of_log(context->route.kind)) {
        return true;
    }
    context->has_task = true;
    context->task = (struct task){.stream = context->route.name, .grant = context->grant};
    if (context->route.kind == HTTP_ROUTE_CREATE_UUID) {
        context->task.stream = make_uuid(context->uuid);
        if (!access_check_new_stream(shard, conn, context, context->task.stream)) {
            return false;
        }
    }
    struct http_fault fault;
    if (read_header(context, &fault) != ERR_NONE) {
        request_fail(shard, conn, &fault, NULL, 0);
        return false;
    }
    return true;
}

// --- what the body says ---

static struct http_fault body_fault(enum rc_error error, const char *message, size_t position)
{
    struct http_fault fault;
    http_fault_set(&fault, error, "%s", message);
    if (position != MEMBER_POSITION_NONE) {
        http_fault_set_position(&fault, position);
    }
    return fault;
}

static void fail_body(struct shard *shard, struct conn *conn, const struct publish_fault *found,
                      bool is_batch)
{
    struct http_fault fault = body_fault(found->error, found->message, found->position);
    request_problem(
        shard, conn,
        &(struct http_problem){.fault = &fault, .has_index = is_batch, .index = found->index});
}

// What reading a body that was gathered may take beside it; one that came with its header is small.
static size_t batch_bytes_max(const struct context *context)
{
    size_t length = context->body.length;
    if (context->parameters.body == BODY_RAW) {
        return 0;
    }
    size_t events = context->parameters.body == BODY_NDJSON ? length / BATCH_EVENT_BYTES_MIN : 1;
    events = events < PUBLISH_EVENTS_MAX ? events : PUBLISH_EVENTS_MAX;
    return BATCH_TEXTS_FACTOR * length + events * sizeof(struct event);
}

// False: it was answered, or goes on in the next round.
static bool read_body(struct shard *shard, struct conn *conn, struct context *context,
                      uint32_t events_max)
{
    struct slice body = body_slice(&context->body);
    if (!context->has_batch) {
        if (!reserve(shard, conn, context, batch_bytes_max(context))) {
            return false;
        }
        publish_batch_begin(&context->batch, body);
        context->has_batch = true;
    }
    const struct publish_parameters *parameters = &context->parameters;
    const struct publish_defaults defaults = {.event = parameters->event,
                                              .event_bytes_max = shard->terms->event_bytes_max,
                                              .events_max = events_max};
    bool is_step = parameters->body == BODY_NDJSON && body.length > PUBLISH_STEP_BYTES;
    shard->request_share_left -=
        (int32_t)((is_step ? PUBLISH_STEP_BYTES : body.length) / SHARE_BODY_BYTES);
    struct publish_fault fault;
    enum publish_progress progress =
        publish_body_parse(parameters->body, body, &defaults, &context->batch, &fault);
    context->is_reading = progress == PUBLISH_MORE;
    if (progress == PUBLISH_MORE) {
        conn_make_ready(shard, conn);
        return false;
    }
    if (progress == PUBLISH_FAILED) {
        fail_body(shard, conn, &fault, parameters->body == BODY_NDJSON);
        return false;
    }
    context->task.events = context->batch.events;
    context->task.event_count = context->batch.count;
    return access_check_events(shard, conn, context, context->batch.count);
}

static bool ask_publish(struct shard *shard, struct conn *conn, struct context *context)
{
    const struct publish_parameters *parameters = &context->parameters;
    struct task *task = &context->task;
    task->level = parameters->ack;
    task->life = parameters->life;
    task->wants_reach = parameters->wants_reach;
    if (parameters->life != STREAM_OPEN && body_slice(&context->body).length == 0) {
        task->kind = TASK_END;
        task->level = parameters->ack == ACK_SYNCED ? ACK_SYNCED : ACK_WRITTEN;
        return true;
    }
    task->kind = TASK_PUBLISH;
    return read_body(shard, conn, context, PUBLISH_EVENTS_MAX);
}

static bool ask_one(struct shard *shard, struct conn *conn, struct context *context,
                    enum task_kind kind)
{
    context->task.kind = kind;
    return read_body(shard, conn, context, 1);
}

static bool ask_create(struct shard *shard, struct conn *conn, struct context *context)
{
    struct task *task = &context->task;
    struct member_fault found;
    task->kind = TASK_CREATE;
    task->level = ACK_WRITTEN;
    arena_init(&context->texts, TEXTS_BYTES_MAX);
    context->has_texts = true;
    if (!settings_json_parse(body_slice(&context->body), &context->texts, &task->settings,
                             &task->content_type, &found)) {
        struct http_fault fault = body_fault(found.error, found.message, found.position);
        request_fail(shard, conn, &fault, NULL, 0);
        return false;
    }
    return true;
}

static bool ask_for_json(struct shard *shard, struct conn *conn, struct context *context,
                         enum task_kind kind, size_t bytes_max)
{
    bytes_max = bytes_max < TASK_JSON_BYTES_MAX ? bytes_max : TASK_JSON_BYTES_MAX;
    context->task.kind = kind;
    buffer_init(&context->task.json, bytes_max);
    context->reserved_of = &shard->answers;
    return reserve(shard, conn, context, bytes_max);
}

static bool ask_for_figures(struct shard *shard, struct conn *conn, struct context *context,
                            enum task_kind kind)
{
    return ask_for_json(shard, conn, context, kind,
                        TASK_FIGURES_BYTES +
                            (size_t)TASK_FIGURES_WORKER_BYTES * shard->options.workers);
}

static bool make_task(struct shard *shard, struct conn *conn, struct context *context)
{
    struct task *task = &context->task;
    switch (context->route.kind) {
    case HTTP_ROUTE_PUBLISH: return ask_publish(shard, conn, context);
    case HTTP_ROUTE_SEND: return ask_one(shard, conn, context, TASK_SEND);
    case HTTP_ROUTE_BROADCAST: return ask_one(shard, conn, context, TASK_BROADCAST);
    case HTTP_ROUTE_CREATE:
    case HTTP_ROUTE_CREATE_UUID: return ask_create(shard, conn, context);
    case HTTP_ROUTE_DELETE:
        task->kind = TASK_END;
        task->level = ACK_WRITTEN;
        task->life = STREAM_DELETED;
        return true;
    case HTTP_ROUTE_RENEW: task->kind = TASK_RENEW; return true;
    case HTTP_ROUTE_HEAD: task->kind = TASK_INFO; return true;
    case HTTP_ROUTE_READY: task->kind = TASK_READY; return true;
    case HTTP_ROUTE_METRICS: return ask_for_figures(shard, conn, context, TASK_METRICS);
    case HTTP_ROUTE_STATS: return ask_for_figures(shard, conn, context, TASK_STATS);
    case HTTP_ROUTE_INFO: return ask_for_json(shard, conn, context, TASK_INFO, INFO_BYTES_MAX);
    case HTTP_ROUTE_LIST:
        return ask_for_json(shard, conn, context, TASK_LIST,
                            INFO_BYTES_MAX + (size_t)task->limit * TASK_LIST_ENTRY_BYTES_MAX);
    default: UNREACHABLE();
    }
}

void task_ask(struct shard *shard, struct conn *conn, struct context *context)
{
    if (shard->asking_count >= SHARD_ASKING_MAX) {
        admit_refuse(shard, conn, "as many requests wait for the log as may");
    } else if (make_task(shard, conn, context)) {
        ask_begin(shard, conn, context);
    }
}

// --- what came of it ---

static void answer_refused(struct shard *shard, struct conn *conn, const struct task *task)
{
    struct http_fault fault;
    http_fault_set(&fault, task->error, "%s", task->detail);
    bool is_batch = task->kind == TASK_PUBLISH && task->event_count > 1;
    request_problem(shard, conn,
                    &(struct http_problem){.fault = &fault,
                                           .retry_after_s = task->retry_after_s,
                                           .has_index = is_batch && task->taken < task->event_count,
                                           .has_accepted = is_batch || task->accepted > 0,
                                           .index = task->taken,
                                           .accepted = task->accepted});
}

static void write_published(struct answer *answer, const struct task *task)
{
    bool is_direct = task->kind != TASK_PUBLISH;
    const struct http_published published = {.is_numbered = task->id != 0,
                                             .has_reached = is_direct || task->wants_reach,
                                             .id = task->id,
                                             .sequence = task->sequence,
                                             .accepted =
                                                 is_direct ? task->event_count : task->accepted,
                                             .duplicates = task->duplicates,
                                             .reached = task->reached};
    http_response_published(&answer->out, &answer->form, &published);
}

static void write_facts(struct answer *answer, const struct task *task)
{
    const struct http_stream_facts facts = {.life = task->life,
                                            .last_id = task->id,
                                            .last_sequence = task->sequence,
                                            .content_type = task->content_type};
    http_response_facts(&answer->out, &answer->form, &facts);
}

static void answer_document(struct shard *shard, struct conn *conn, const char *content_type,
                            struct slice body)
{
    struct answer answer;
    if (body.length > OUTBOX_BODY_BYTES_MIN) {
        if (!answer_send_document(shard, conn, content_type, body)) {
            admit_refuse(shard, conn, "the broker holds as many bytes of answers as it may");
        }
    } else if (answer_begin(shard, conn, (uint32_t)body.length, &answer)) {
        http_response_document(&answer.out, &answer.form, content_type, body);
        answer_send(shard, conn, &answer);
    }
}

static void answer_json(struct shard *shard, struct conn *conn, struct task *task)
{
    buffer_append_byte(&task->json, '\n'); // for people; without it where there is no room
    answer_document(shard, conn, "application/json", buffer_slice(&task->json));
}

static void answer_done(struct shard *shard, struct conn *conn, const struct context *context)
{
    const struct task *task = &context->task;
    struct answer answer;
    if (!answer_begin(shard, conn, 0, &answer)) {
        return;
    }
    switch (task->kind) {
    case TASK_PUBLISH:
    case TASK_SEND:
    case TASK_BROADCAST: write_published(&answer, task); break;
    case TASK_CREATE:
        http_response_created(&answer.out, &answer.form, task->stream, task->is_created);
        break;
    case TASK_INFO: write_facts(&answer, task); break;
    case TASK_READY: http_response_text(&answer.out, &answer.form, "ready"); break;
    default: http_response_no_content(&answer.out, &answer.form); break;
    }
    answer_send(shard, conn, &answer);
}

void task_answered(struct shard *shard, struct conn *conn, struct context *context)
{
    struct task *task = &context->task;
    if (task->error != ERR_NONE) {
        answer_refused(shard, conn, task);
        return;
    }
    switch (context->route.kind) {
    case HTTP_ROUTE_INFO:
    case HTTP_ROUTE_LIST:
    case HTTP_ROUTE_STATS: answer_json(shard, conn, task); break;
    case HTTP_ROUTE_METRICS:
        answer_document(shard, conn, "text/plain; version=0.0.4; charset=utf-8",
                        buffer_slice(&task->json));
        break;
    default: answer_done(shard, conn, context); break;
    }
}
