#include "ingest/gateway.h"

#include "base/assert.h"
#include "base/hash.h"
#include "conn/task.h"
#include "ingest/operation.h"
#include "ingest/streams_json.h"
#include "ingest/task_question.h"

#include <stdio.h>

enum stage {
    STAGE_GIVING,
    STAGE_SETTLING,
    STAGE_ASKING,
    STAGE_ANSWERED,
};

// What became of a step of a task, or of its turn.
enum step_result {
    STEP_DONE,
    STEP_MORE,    // and its turn is over
    STEP_WAITS,   // there is no room for it now
    STEP_REFUSED, // the task says why
};

void gateway_init(struct gateway *gateway)
{
    *gateway = (struct gateway){0};
    list_init(&gateway->queue);
    list_init(&gateway->waiting);
    list_init(&gateway->asking);
}

// ---- answers -----------------------------------------------------------------------------------

// The first error stands. why: more than its own sentence, or empty.
static enum step_result refuse(struct task *task, enum rc_error error, uint32_t retry_after_s,
                               const char *why)
{
    if (task->error == ERR_NONE) {
        task->error = error;
        task->retry_after_s = retry_after_s;
        (void)snprintf(task->detail, sizeof(task->detail), "%s", why);
    }
    return STEP_REFUSED;
}

// Of an error that the log or a worker told: of what passes, when to come again.
static uint32_t retry_after_s(enum rc_error error)
{
    int status = error_http_status(error);
    return status == 429 || status == 503 ? GATEWAY_RETRY_LATER_S : 0;
}

static enum step_result refuse_by_log(struct task *task, enum rc_error error)
{
    const char *why = "";
    if (error == ERR_RATE_LIMITED) { // the only rate that the log knows
        why = "the token's subject has as many streams as it may";
    } else if (error == ERR_TOO_MANY_STREAMS) {
        why = "the broker knows as many streams as it may";
    }
    return refuse(task, error, retry_after_s(error), why);
}

static void answer(struct ingest *ingest, struct task *task)
{
    struct gateway *gateway = &ingest->gateway;
    ASSERT(task->pending == 0 && !list_is_linked(&task->node));
    task->stage = STAGE_ANSWERED;
    task->next = NULL;
    struct task_chain *chain = &gateway->answered[task->worker];
    if (chain->first == NULL) {
        chain->first = task;
    } else {
        chain->last->next = task;
    }
    chain->last = task;
    gateway->to_post |= UINT64_C(1) << task->worker;
    gateway->status.tasks--;
    gateway->status.errors += task->error != ERR_NONE;
}

void gateway_post(struct ingest *ingest)
{
    struct gateway *gateway = &ingest->gateway;
    uint64_t left = gateway->to_post;
    while (left != 0) {
        unsigned worker = (unsigned)__builtin_ctzll(left);
        left &= left - 1;
        struct log_message message = {.kind = MESSAGE_TASKS_DONE,
                                      .reader = worker,
                                      .pointer = gateway->answered[worker].first};
        if (!ingest->post(ingest->post_context, worker, &message)) {
            ingest->is_unposted = true;
            ingest_watch(ingest);
            continue;
        }
        gateway->answered[worker] = (struct task_chain){0}; // they are the worker's again
        gateway->to_post &= ~(UINT64_C(1) << worker);
    }
}

// ---- telling of streams ------------------------------------------------------------------------

// The page is written by and by; here what would be too long is refused.
static enum step_result list(struct ingest *ingest, struct task *task, size_t *spent_bytes)
{
    if (task->limit > INGEST_LIST_UNDER_PRESSURE_MAX &&
        pressure_board_stage(ingest->options.pressure) >= PRESSURE_REFUSE) {
        return refuse(task, ERR_OVERLOADED, GATEWAY_RETRY_LATER_S, "memory is short: ask for less");
    }
    bool is_whole = streams_json_page(ingest->log, task, spent_bytes, GATEWAY_TURN_BYTES);
    if (buffer_failure(&task->json) != 0) {
        return refuse(task, ERR_TOO_LARGE, 0, "");
    }
    return is_whole ? STEP_DONE : STEP_MORE;
}

static bool find(const struct ingest *ingest, const struct task *task, struct log_stream_info *info)
{
    return log_find_stream(ingest->log, task->stream, info) && streams_json_is_there(info);
}

static enum step_result look_ready(const struct ingest *ingest, struct task *task)
{
    if (log_is_writable(ingest->log)) {
        return STEP_DONE;
    }
    struct log_status status;
    log_get_status(ingest->log, &status);
    return refuse(task, ERR_LOG_ERROR, GATEWAY_RETRY_LATER_S, status.fault);
}

// What the stream is now. It may have gone since it was asked for.
static void inform(const struct ingest *ingest, struct task *task)
{
    struct log_stream_info info;
    if (!find(ingest, task, &info)) {
        (void)refuse(task, ERR_STREAM_NOT_FOUND, 0, "");
        return;
    }
    task->life = info.state.life;
    task->id = info.state.last_id;
    task->sequence = info.state.last_sequence;
    ASSERT(info.content_type.length <= sizeof(task->text));
    task->content_type = slice_from(task->text, info.content_type.length);
    if (info.content_type.length > 0) {
        memcpy(task->text, info.content_type.at, info.content_type.length);
    }
    if (task->json.limit_bytes > 0) {
        struct json_writer writer = json_writer_on(&task->json);
        bool is_counted = task->kind == TASK_INFO && task->wants_reach;
        streams_json_write(&writer, &info, is_counted ? &task->reached : NULL);
        if (buffer_failure(&task->json) != 0) {
            (void)refuse(task, ERR_TOO_LARGE, 0, "");
        }
    }
}

// There is nothing more to wait for.
static void conclude(struct ingest *ingest, struct task *task)
{
    bool tells = task->kind == TASK_INFO || task->kind == TASK_CREATE;
    if (tells && task->error == ERR_NONE) {
        inform(ingest, task);
    }
    answer(ingest, task);
}

// ---- asking the workers ------------------------------------------------------------------------

static void ask(struct ingest *ingest, struct task *task)
{
    struct operation *operation = operation_create(ingest, &ingest->tasks);
    enum rc_error error =
        operation == NULL ? ERR_OVERLOADED : task_question_prepare(operation, task);
    if (error == ERR_NONE) {
        operation_start(operation);
        return;
    }
    if (operation != NULL) {
        operation_free(operation);
    }
    if (task->kind == TASK_PUBLISH) {
        task->wants_reach = false; // the events are taken all the same
    } else {
        task->error = error;
        task->retry_after_s = retry_after_s(error);
    }
    answer(ingest, task);
}

void gateway_ask_waiting(struct ingest *ingest)
{
    struct list *asking = &ingest->gateway.asking;
    while (!list_is_empty(asking) && !operation_is_full(&ingest->tasks)) {
        ask(ingest, LIST_ENTRY(list_pop_front(asking), struct task, node));
    }
}

static void begin_asking(struct ingest *ingest, struct task *task)
{
    task->stage = STAGE_ASKING;
    list_push_back(&ingest->gateway.asking, &task->node);
    gateway_ask_waiting(ingest);
}

void gateway_operation_done(struct operation *operation)
{
    struct ingest *ingest = operation->ingest;
    struct task *task = operation->task;
    ASSERT(task->stage == STAGE_ASKING);
    task->reached = operation->reached;
    if (operation->error != ERR_NONE) {
        (void)refuse(task, operation->error, retry_after_s(operation->error),
                     task->kind == TASK_RENEW && operation->error == ERR_FORBIDDEN
                         ? "a fresh token has to be of the connection's subject (sub), and to "
                           "allow reading all of its streams"
                         : "");
    }
    task_question_take_figures(operation, task);
    operation_free(operation);
    conclude(ingest, task);
}

// ---- giving to the log -------------------------------------------------------------------------

// In references, beside the task's address: of what is done to its stream, not of an event.
enum { REFERENCE_CONTROL = 1 };

static uint64_t reference_of(const struct task *task)
{
    return (uint64_t)(uintptr_t)task;
}

static struct task *task_of(uint64_t reference)
{
    return (struct task *)(uintptr_t)(reference & ~(uint64_t)REFERENCE_CONTROL);
}

// All is given, or an error stopped it: goes on when the last acknowledgement is there.
static void settle(struct ingest *ingest, struct task *task)
{
    task->stage = STAGE_SETTLING;
    if (task->pending > 0) {
        return;
    }
    if (task->error == ERR_NONE && task_question_is_needed(task)) {
        begin_asking(ingest, task);
    } else {
        conclude(ingest, task);
    }
}

void gateway_acknowledge(struct ingest *ingest, const struct log_acknowledgement *acknowledgement)
{
    struct task *task = task_of(acknowledgement->reference);
    ASSERT(task->pending > 0 && task->stage <= STAGE_SETTLING);
    task->pending--;
    if (acknowledgement->error != ERR_NONE) {
        (void)refuse_by_log(task, acknowledgement->error);
    } else if ((acknowledgement->reference & REFERENCE_CONTROL) == 0) {
        task->duplicates += acknowledgement->duplicate;
        task->accepted += !acknowledgement->duplicate;
        // Repeats in a batch may be older than its other events.
        if (acknowledgement->id >= task->id) {
            task->id = acknowledgement->id;
            task->sequence = acknowledgement->sequence;
        }
    }
    if (task->stage == STAGE_SETTLING) {
        settle(ingest, task);
    }
}

// What keeps an event from being taken now.
enum obstacle {
    OBSTACLE_NONE,
    OBSTACLE_LOG,    // has little room
    OBSTACLE_MOMENT, // it has, but can take nothing until a write, or a new segment, is done
    OBSTACLE_STREAM, // blocks, and its subscribers are too far behind
};

static enum obstacle obstacle_of(const struct ingest *ingest, const struct task *task)
{
    const struct pressed *pressed = hold_look(ingest, task->stream);
    if (task->taken > 0) {
        bool is_held = pressed != NULL && pressed->stage == LOG_PRESSURE_FULL;
        return is_held ? OBSTACLE_STREAM : OBSTACLE_NONE;
    }
    if (log_full_permille(ingest->log) >= INGEST_FULL_HIGH) {
        return OBSTACLE_LOG;
    }
    bool is_pressed =
        pressed != NULL && (pressed->stage != LOG_PRESSURE_NONE || hold_is_behind(pressed));
    return is_pressed ? OBSTACLE_STREAM : OBSTACLE_NONE;
}

// Where something of it is taken it waits, up to a limit; else its client is to come again, unless
// it is only for a moment.
static enum step_result hold_up(struct ingest *ingest, struct task *task, enum obstacle obstacle)
{
    static const char *const whys[] = {
        [OBSTACLE_LOG] = "the log has little room",
        [OBSTACLE_MOMENT] = "the disk does not keep up",
        [OBSTACLE_STREAM] = "subscribers of the stream are too far behind",
    };
    struct gateway_status *status = &ingest->gateway.status;
    if (task->taken == 0 && obstacle != OBSTACLE_MOMENT) {
        status->refused++;
        return log_is_writable(ingest->log)
                   ? refuse(task, ERR_BACKPRESSURE_EXCEEDED, GATEWAY_RETRY_S, whys[obstacle])
                   : refuse_by_log(task, ERR_LOG_ERROR);
    }
    if (ingest->gateway.waiting_of[task->worker] == GATEWAY_WAITING_MAX) {
        status->refused++;
        return refuse(task, ERR_BACKPRESSURE_EXCEEDED, GATEWAY_RETRY_S, whys[obstacle]);
    }
    uint64_t now_ms = loop_now_ms(ingest->loop);
    if (!task->has_waited) {
        task->has_waited = true;
        task->since_ms = now_ms;
        status->waits++;
    }
    const struct pressed *pressed = hold_look(ingest, task->stream);
    uint32_t wait_ms = obstacle == OBSTACLE_STREAM && pressed != NULL ? pressed->wait_ms
                                                                      : ingest->options.wait_ms_max;
    if (now_ms - task->since_ms >= wait_ms) {
        status->timeouts++;
        return refuse(task, ERR_BACKPRESSURE_EXCEEDED, GATEWAY_RETRY_S, whys[obstacle]);
    }
    return STEP_WAITS;
}

// What the log said; `pending` counts on an acknowledgement already, where one is to come.
static enum step_result taken(struct ingest *ingest, struct task *task,
                              enum log_append_result result, enum rc_error error,
                              bool is_acknowledged)
{
    if (result == LOG_APPEND_TAKEN) {
        ingest->has_appended = true;
        return STEP_DONE;
    }
    task->pending -= is_acknowledged;
    if (result == LOG_APPEND_FULL) {
        ingest->log_is_full = true;
        bool has_little = log_full_permille(ingest->log) >= INGEST_FULL_HIGH;
        return hold_up(ingest, task, has_little ? OBSTACLE_LOG : OBSTACLE_MOMENT);
    }
    return refuse_by_log(task, error);
}

// Who makes the stream, where that is bounded; 0: nobody in particular.
static uint64_t owner_of(const struct ingest *ingest, const struct task *task)
{
    if (task->grant == NULL || !log_bounds_owners(ingest->log)) {
        return 0;
    }
    struct slice subject = grant_subject(task->grant);
    return subject.length == 0 ? 0 : hash_stable(subject.at, subject.length);
}

// Whether a stream need not be made: by what the log has taken, not by what subscribers know by
// now.
static bool is_there(const struct ingest *ingest, const struct task *task)
{
    struct log_stream_info info;
    return log_find_stream(ingest->log, task->stream, &info) && info.is_there;
}

// The stream that an event is about to make gets its owner first.
static enum step_result claim(struct ingest *ingest, struct task *task)
{
    const struct stream_settings settings = {.parts = SETTINGS_OWNER,
                                             .owner = owner_of(ingest, task)};
    if (settings.owner == 0 || is_there(ingest, task)) {
        return STEP_DONE;
    }
    enum rc_error error = ERR_NONE;
    enum log_append_result result =
        log_set_stream(ingest->log, task->stream, &settings, slice_empty(), ACK_RECEIVED,
                       GATEWAY_PRODUCER, reference_of(task), &error);
    return taken(ingest, task, result, error, false);
}

static enum step_result give_event(struct ingest *ingest, struct task *task)
{
    const struct event *event = &task->events[task->taken];
    if (!event->ephemeral) {
        enum obstacle obstacle = obstacle_of(ingest, task);
        // What the log has already needs no room.
        if (obstacle != OBSTACLE_NONE && !log_knows(ingest->log, event)) {
            return hold_up(ingest, task, obstacle);
        }
        enum step_result step = claim(ingest, task);
        if (step != STEP_DONE) {
            return step;
        }
    }
    // An ephemeral event reaches no level: it is taken, and that is all there is to say.
    enum ack_level level = event->ephemeral ? ACK_RECEIVED : task->level;
    bool is_acknowledged = level != ACK_RECEIVED;
    enum rc_error error = ERR_NONE;
    task->pending += is_acknowledged; // it may come at once
    enum log_append_result result =
        log_append(ingest->log, event, level, GATEWAY_PRODUCER, reference_of(task), &error);
    enum step_result step = taken(ingest, task, result, error, is_acknowledged);
    if (step == STEP_DONE) {
        task->taken++;
        task->accepted += !is_acknowledged;
        ingest->gateway.status.events++;
    }
    return step;
}

// Makes or ends the stream. Where that is all, it is not answered before it is written.
static enum step_result give_control(struct ingest *ingest, struct task *task)
{
    enum ack_level level = task->level;
    if (task->kind != TASK_PUBLISH && level == ACK_RECEIVED) {
        level = ACK_WRITTEN;
    }
    bool is_acknowledged = level != ACK_RECEIVED;
    uint64_t reference = reference_of(task) | REFERENCE_CONTROL;
    enum rc_error error = ERR_NONE;
    struct stream_settings settings = task->settings;
    settings.owner = owner_of(ingest, task);
    settings.parts |= settings.owner != 0 ? SETTINGS_OWNER : 0;
    task->pending += is_acknowledged;
    enum log_append_result result =
        task->kind == TASK_CREATE
            ? log_set_stream(ingest->log, task->stream, &settings, task->content_type, level,
                             GATEWAY_PRODUCER, reference, &error)
            : log_end_stream(ingest->log, task->stream, task->life, level, GATEWAY_PRODUCER,
                             reference, &error);
    return taken(ingest, task, result, error, is_acknowledged);
}

static enum step_result publish(struct ingest *ingest, struct task *task, size_t *spent_bytes)
{
    while (task->taken < task->event_count && *spent_bytes < GATEWAY_TURN_BYTES) {
        *spent_bytes += GATEWAY_STEP_BYTES + task->events[task->taken].data.length;
        enum step_result step = give_event(ingest, task);
        if (step != STEP_DONE) {
            return step;
        }
    }
    if (task->taken < task->event_count) {
        return STEP_MORE;
    }
    return task->life == STREAM_OPEN ? STEP_DONE : give_control(ingest, task);
}

// ---- turns -------------------------------------------------------------------------------------

static enum step_result take_turn(struct ingest *ingest, struct task *task, size_t *spent_bytes)
{
    struct log_stream_info info;
    if (ingest->is_stopping) {
        return refuse(task, ERR_SHUTTING_DOWN, GATEWAY_RETRY_LATER_S, "");
    }
    switch (task->kind) {
    case TASK_PUBLISH: return publish(ingest, task, spent_bytes);
    case TASK_CREATE: task->is_created = !is_there(ingest, task); return give_control(ingest, task);
    case TASK_END: return give_control(ingest, task);
    case TASK_INFO:
        return find(ingest, task, &info) ? STEP_DONE : refuse(task, ERR_STREAM_NOT_FOUND, 0, "");
    case TASK_LIST: return list(ingest, task, spent_bytes);
    case TASK_SEND:
    case TASK_BROADCAST: *spent_bytes += task->events[0].data.length; return STEP_DONE;
    case TASK_RENEW:
    case TASK_METRICS:
    case TASK_STATS: return STEP_DONE; // the workers are asked
    case TASK_READY: return look_ready(ingest, task);
    }
    UNREACHABLE();
}

static size_t step_on(struct ingest *ingest, struct task *task)
{
    struct gateway *gateway = &ingest->gateway;
    size_t spent_bytes = GATEWAY_STEP_BYTES;
    switch (take_turn(ingest, task, &spent_bytes)) {
    case STEP_DONE:
    case STEP_REFUSED: settle(ingest, task); break;
    case STEP_MORE: list_push_back(&gateway->queue, &task->node); break; // behind the others
    case STEP_WAITS:
        list_push_back(&gateway->waiting, &task->node);
        gateway->status.waiting++;
        gateway->waiting_of[task->worker]++;
        ingest_watch(ingest);
        break;
    }
    return spent_bytes;
}

static void begin(struct task *task)
{
    task->error = ERR_NONE;
    task->detail[0] = 0;
    task->retry_after_s = 0;
    task->id = 0;
    task->sequence = 0;
    task->accepted = 0;
    task->duplicates = 0;
    task->taken = 0;
    task->reached = 0;
    task->is_created = false;
    list_node_init(&task->node);
    task->stage = STAGE_GIVING;
    task->has_waited = false;
    task->pending = 0;
    task->place = task->after;
    task->looked = 0;
    task->listed = 0;
}

void gateway_take(struct ingest *ingest, struct task *first)
{
    struct gateway *gateway = &ingest->gateway;
    struct task *next;
    for (struct task *task = first; task != NULL; task = next) {
        next = task->next;
        ASSERT(task->worker < ingest->options.workers);
        begin(task);
        list_push_back(&gateway->queue, &task->node);
        gateway->status.tasks++;
        gateway->status.requests++;
    }
}

bool gateway_round(struct ingest *ingest)
{
    struct gateway *gateway = &ingest->gateway;
    if (gateway->is_woken) {
        gateway->is_woken = false;
        gateway->status.waiting = 0;
        memset(gateway->waiting_of, 0, sizeof(gateway->waiting_of));
        list_move_all(&gateway->waiting, &gateway->queue); // those that wait came first
        list_move_all(&gateway->queue, &gateway->waiting);
    }
    if (list_is_empty(&gateway->queue)) {
        return false;
    }
    gateway->goes_first = !gateway->goes_first;
    size_t spent_bytes = 0;
    while (spent_bytes < GATEWAY_ROUND_BYTES && !list_is_empty(&gateway->queue)) {
        spent_bytes +=
            step_on(ingest, LIST_ENTRY(list_pop_front(&gateway->queue), struct task, node));
    }
    return gateway_has_more(gateway);
}

bool gateway_has_more(const struct gateway *gateway)
{
    return !list_is_empty(&gateway->queue) ||
           (gateway->is_woken && !list_is_empty(&gateway->waiting));
}

void gateway_wake(struct ingest *ingest)
{
    ingest->gateway.is_woken = true;
}

bool gateway_sweep(struct ingest *ingest)
{
    gateway_wake(ingest);
    return !list_is_empty(&ingest->gateway.waiting);
}

bool gateway_is_idle(const struct gateway *gateway)
{
    return gateway->status.tasks == 0 && gateway->to_post == 0;
}

void gateway_get_status(const struct gateway *gateway, struct gateway_status *status)
{
    *status = gateway->status;
}
