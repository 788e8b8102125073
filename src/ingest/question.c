#include "ingest/question.h"

#include "base/assert.h"

#include <stdio.h>

enum {
    // LINE_LIMIT_MAX entries of several hundred bytes.
    ANSWER_BYTES_MAX = 8 << 20,
};

STATIC_ASSERT((int)ANSWER_BYTES_MAX <
                  (int)PRODUCER_OUTPUT_BYTES_MAX - (int)PRODUCER_OUTPUT_HOLD_BYTES,
              "the largest answer fits the output");

struct operation *question_create(struct producer *producer, uint64_t counter,
                                  enum line_operation asked)
{
    struct ingest *ingest = producer->ingest;
    struct operation *operation = operation_create(ingest, &ingest->questions);
    if (operation == NULL) {
        return NULL;
    }
    operation->producer_slot = producer->slot;
    operation->producer_generation = producer->generation;
    operation->request = counter;
    operation->asked = asked;
    buffer_init(&operation->answer, ANSWER_BYTES_MAX);
    return operation;
}

bool question_set_stream(struct operation *operation, struct slice stream)
{
    bool is_kept = buffer_append_slice(&operation->bytes, stream) == 0;
    operation_set_stream(operation, buffer_slice(&operation->bytes));
    return is_kept;
}

// Long lists are what a producer can have most memory for, and leave unread.
static bool is_too_long_for_now(const struct operation *operation, const struct line_request *line)
{
    bool is_list = line->operation == LINE_CONNECTIONS || line->operation == LINE_STREAMS;
    return is_list && line->limit > INGEST_LIST_UNDER_PRESSURE_MAX &&
           pressure_board_stage(operation->ingest->options.pressure) >= PRESSURE_REFUSE;
}

enum rc_error question_prepare(struct operation *operation, const struct line_request *line,
                               char *message, size_t message_size)
{
    message[0] = 0;
    if (is_too_long_for_now(operation, line)) {
        (void)snprintf(message, message_size, "memory is short: at most %d in a list",
                       INGEST_LIST_UNDER_PRESSURE_MAX);
        return ERR_OVERLOADED;
    }
    operation->limit = line->limit;
    operation->after = line->after;
    operation->admin.limit = line->limit;
    operation->admin.connection_id = line->connection_id;
    operation->asks_workers = true;
    switch (line->operation) {
    case LINE_STATUS: return operation_set_figures(operation) ? ERR_NONE : ERR_OVERLOADED;
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
        return question_set_stream(operation, line->event.stream) ? ERR_NONE : ERR_INTERNAL;
    default: UNREACHABLE(); // the others are no operations
    }
}

void question_done(struct operation *operation)
{
    question_write_answer(operation);
    if (buffer_failure(&operation->answer) != 0) {
        operation->error = ERR_TOO_LARGE;
    }
    struct producer *producer =
        producer_find(operation->ingest, operation->producer_slot, operation->producer_generation);
    ASSERT(producer != NULL); // or it would have abandoned the operation
    producer_operation_done(producer, operation->request);
}
