#include "ingest/operation.h"

#include "base/assert.h"
#include "event/frame.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    // LINE_LIMIT_MAX entries of several hundred bytes.
    ANSWER_BYTES_MAX = 8 << 20,
    OPERATION_BYTES_MAX = FRAME_BYTES_MAX + NAME_BYTES_MAX,
    LIST_UNDER_PRESSURE_MAX = 100, // entries; what `ringcast status` asks for
};

STATIC_ASSERT((int)ANSWER_BYTES_MAX <
                  (int)PRODUCER_OUTPUT_BYTES_MAX - (int)PRODUCER_OUTPUT_HOLD_BYTES,
              "the largest answer fits the output");

bool operation_is_full(struct ingest *ingest)
{
    bool is_full = ingest->operation_count >= INGEST_OPERATIONS_MAX;
    ingest->operations_wanted = ingest->operations_wanted || is_full;
    return is_full;
}

struct operation *operation_create(struct producer *producer, uint64_t counter,
                                   enum line_operation asked)
{
    struct operation *operation = calloc(1, sizeof *operation);
    if (operation == NULL) {
        return NULL;
    }
    operation->ingest = producer->ingest;
    operation->producer_slot = producer->slot;
    operation->producer_generation = producer->generation;
    operation->request = counter;
    operation->asked = asked;
    operation->admin.owner = operation;
    buffer_init(&operation->bytes, OPERATION_BYTES_MAX);
    buffer_init(&operation->answer, ANSWER_BYTES_MAX);
    for (unsigned worker = 0; worker < WORKERS_MAX; worker++) {
        buffer_init(&operation->admin.parts[worker].json, ANSWER_BYTES_MAX);
    }
    producer->ingest->operation_count++;
    return operation;
}

void operation_free(struct operation *operation)
{
    struct ingest *ingest = operation->ingest;
    ASSERT(operation->admin.pending == 0);
    for (unsigned worker = 0; worker < WORKERS_MAX; worker++) {
        buffer_free(&operation->admin.parts[worker].json);
    }
    buffer_free(&operation->bytes);
    buffer_free(&operation->answer);
    free(operation);
    ASSERT(ingest->operation_count > 0);
    ingest->operation_count--;
    if (ingest->operations_wanted) {
        ingest->operations_wanted = false;
        ingest_wake_all(ingest);
    }
}

// ---- what is asked -----------------------------------------------------------------------------

bool operation_set_stream(struct operation *operation, struct slice stream)
{
    operation->asks_workers = true;
    operation->admin.operation = ADMIN_REACH;
    bool is_kept = buffer_append_slice(&operation->bytes, stream) == 0;
    operation->admin.stream = buffer_slice(&operation->bytes);
    return is_kept;
}

// The frame goes to connections as it is, without id and stream.
static enum rc_error operation_set_frame(struct operation *operation, const struct event *given,
                                         char *message, size_t message_size)
{
    struct event event = *given;
    event.stream = (struct slice)SLICE_LITERAL("direct");
    event.ephemeral = true;
    enum rc_error error = event_validate(&event, message, message_size);
    if (error != ERR_NONE) {
        return error;
    }
    enum frame_form form = frame_form_of(&event);
    uint8_t *frame = buffer_reserve(&operation->bytes, frame_size_max(&event, form));
    if (frame == NULL) {
        return ERR_INTERNAL;
    }
    buffer_commit(&operation->bytes, frame_write(frame, &event, form, 0));
    operation->admin.frame = buffer_slice(&operation->bytes);
    return ERR_NONE;
}

// Long lists are what a producer can have most memory for, and leave unread.
static bool is_too_long_for_now(const struct operation *operation, const struct line_request *line)
{
    bool is_list = line->operation == LINE_CONNECTIONS || line->operation == LINE_STREAMS;
    return is_list && line->limit > LIST_UNDER_PRESSURE_MAX &&
           pressure_board_stage(operation->ingest->options.pressure) >= PRESSURE_REFUSE;
}

enum rc_error operation_prepare(struct operation *operation, const struct line_request *line,
                                char *message, size_t message_size)
{
    message[0] = 0;
    if (is_too_long_for_now(operation, line)) {
        (void)snprintf(message, message_size, "memory is short: at most %d in a list",
                       LIST_UNDER_PRESSURE_MAX);
        return ERR_OVERLOADED;
    }
    operation->limit = line->limit;
    operation->admin.limit = line->limit;
    operation->admin.connection_id = line->connection_id;
    operation->asks_workers = true;
    switch (line->operation) {
    case LINE_STATUS: operation->admin.operation = ADMIN_STATUS; return ERR_NONE;
    case LINE_CONNECTIONS: operation->admin.operation = ADMIN_CONNECTIONS; return ERR_NONE;
    case LINE_CONNECTION: operation->admin.operation = ADMIN_CONNECTION; return ERR_NONE;
    case LINE_CLOSE: operation->admin.operation = ADMIN_CLOSE; return ERR_NONE;
    case LINE_SEND:
        operation->admin.operation = ADMIN_SEND;
        return operation_set_frame(operation, &line->event, message, message_size);
    case LINE_BROADCAST:
        operation->admin.operation = ADMIN_BROADCAST;
        return operation_set_frame(operation, &line->event, message, message_size);
    case LINE_STREAMS:
        operation->asks_workers = false;
        return buffer_append_slice(&operation->bytes, line->prefix) == 0 ? ERR_NONE : ERR_INTERNAL;
    case LINE_PRESSURE:
        operation->asks_workers = false;
        if (line->event.stream.at == NULL) {
            return ERR_NONE;
        }
        if (!event_name_is_valid(line->event.stream)) {
            return ERR_INVALID_NAME;
        }
        return operation_set_stream(operation, line->event.stream) ? ERR_NONE : ERR_INTERNAL;
    default: UNREACHABLE(); // the others are no operations
    }
}

// ---- asking ------------------------------------------------------------------------------------

static void operation_finish(struct operation *operation)
{
    for (unsigned worker = 0; worker < operation->ingest->options.workers; worker++) {
        operation->reached += operation->admin.parts[worker].reached;
    }
    bool is_to_one = operation->asked == LINE_CONNECTION || operation->asked == LINE_CLOSE ||
                     operation->asked == LINE_SEND;
    if (is_to_one && operation->reached == 0) {
        operation->error = ERR_CONNECTION_NOT_FOUND;
    }
    operation_write_answer(operation);
    if (buffer_failure(&operation->answer) != 0) {
        operation->error = ERR_TOO_LARGE;
    }
    struct producer *producer =
        producer_find(operation->ingest, operation->producer_slot, operation->producer_generation);
    ASSERT(producer != NULL); // or it would have abandoned the operation
    producer_operation_done(producer, operation->request);
}

// Asks workers until all are asked or an inbox is full.
static void operation_post(struct operation *operation)
{
    struct ingest *ingest = operation->ingest;
    while (operation->posted < ingest->options.workers) {
        struct log_message message = {
            .kind = MESSAGE_ADMIN, .reader = operation->posted, .pointer = &operation->admin};
        if (!ingest->post(ingest->post_context, operation->posted, &message)) {
            ingest->operations_unposted = true;
            ingest_watch(ingest);
            return;
        }
        operation->posted++;
    }
}

void operation_start(struct operation *operation)
{
    struct ingest *ingest = operation->ingest;
    ASSERT(!operation->is_started);
    operation->is_started = true;
    operation->admin.pending = operation->asks_workers ? ingest->options.workers : 0;
    if (operation->admin.pending == 0) {
        operation_finish(operation);
        return;
    }
    list_push_back(&ingest->operations, &operation->node);
    operation_post(operation);
}

void operation_abandon(struct operation *operation)
{
    if (operation->admin.pending > 0) {
        operation->is_abandoned = true;
    } else {
        operation_free(operation);
    }
}

void operation_handle_done(struct ingest *ingest, struct admin_request *admin)
{
    struct operation *operation = admin->owner;
    ASSERT(operation->ingest == ingest && admin->pending > 0);
    admin->pending--;
    if (admin->pending > 0) {
        return;
    }
    list_remove(&operation->node);
    if (operation->is_abandoned) {
        operation_free(operation);
    } else {
        operation_finish(operation);
    }
}

void operation_post_all(struct ingest *ingest)
{
    if (!ingest->operations_unposted) {
        return;
    }
    ingest->operations_unposted = false;
    LIST_EACH (node, &ingest->operations) {
        operation_post(LIST_ENTRY(node, struct operation, node));
    }
}
