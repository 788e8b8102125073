// A producer's requests, from the parsed event to the log and from the acknowledgement to the
// answer; the same for both protocols.
#include "ingest/operation.h"
#include "ingest/producer.h"

#include "base/assert.h"

#include <ringcast/protocol.h>

#include <stdio.h>

static void producer_settle(struct producer *producer, struct request *request);
static void producer_answer_in_order(struct producer *producer);

enum { INDEX_MASK = (1 << PRODUCER_INDEX_BITS) - 1 };

// The producer as the log names it in its acknowledgements.
static uint64_t producer_reference(const struct producer *producer)
{
    return (uint64_t)producer->generation << 32 | producer->slot;
}

bool producer_may_begin(struct producer *producer)
{
    // Lines are answered in order.
    if (producer->protocol == PROTOCOL_BINARY && requests_make_room(&producer->requests)) {
        producer_answer_in_order(producer); // those behind it may be done
    }
    uint32_t count = requests_count(&producer->requests);
    size_t unsent = buffer_length(&producer->output) + buffer_length(&producer->sending);
    bool may = count < REQUESTS_MAX && unsent < PRODUCER_OUTPUT_HOLD_BYTES &&
               buffer_length(&producer->texts) < PRODUCER_TEXTS_HOLD_BYTES &&
               (count == 0 || producer->unanswered_bytes < producer->ingest->credit_bytes);
    producer->is_held = !may;
    return may;
}

struct request *producer_begin(struct producer *producer, enum request_kind kind, uint64_t number,
                               uint32_t bytes, uint64_t *counter)
{
    struct request *request = requests_push(&producer->requests);
    if (request == NULL) {
        producer_close(producer);
        return NULL;
    }
    request->kind = (uint8_t)kind;
    request->number = number;
    request->bytes = bytes;
    producer->unanswered_bytes += bytes;
    *counter = producer->requests.tail - 1;
    producer->ingest->status.requests++;
    return request;
}

void producer_take_back(struct producer *producer)
{
    struct requests *requests = &producer->requests;
    struct request *request = requests_at(requests, requests->tail - 1);
    ASSERT(request != NULL && request->pending == 0 && request->is_open);
    if (request->operation != NULL) {
        operation_free(request->operation);
    }
    buffer_truncate(&producer->texts, buffer_length(&producer->texts) - request->text_bytes);
    producer->unanswered_bytes -= request->bytes;
    producer->ingest->status.requests--;
    requests_drop_last(requests);
}

void producer_consume(struct producer *producer, size_t length_bytes)
{
    input_consume(&producer->input, length_bytes);
    producer->turn_bytes -= (int64_t)length_bytes;
}

// ---- to the log --------------------------------------------------------------------------------

static uint64_t front_position(const struct producer *producer)
{
    return producer->received_bytes - input_length(&producer->input);
}

// There is no room for it. Either the request waits, or it has waited long enough.
static enum take producer_wait(struct producer *producer, enum rc_error *error)
{
    struct ingest *ingest = producer->ingest;
    uint64_t position = front_position(producer);
    if (position < producer->expired_bytes) {
        *error = ERR_BACKPRESSURE_EXCEEDED;
        return TAKE_REFUSED;
    }
    if (producer->waiting_since_ms == 0) {
        producer->waiting_since_ms = loop_now_ms(ingest->loop);
        if (position >= producer->stood_bytes) {
            producer->stood_since_ms = producer->waiting_since_ms;
            producer->stood_bytes = producer->received_bytes;
        }
        ingest->status.waits++;
        ingest_watch(ingest);
    }
    producer->is_held = true;
    return TAKE_HELD;
}

// What the log said. `request` counts on an acknowledgement already.
static enum take producer_taken(struct producer *producer, struct request *request,
                                enum log_append_result result, enum rc_error *error)
{
    if (result == LOG_APPEND_TAKEN) {
        producer->waiting_since_ms = 0;
        producer->ingest->has_appended = true;
        return TAKE_TAKEN;
    }
    ASSERT(request->pending > 0);
    request->pending--;
    if (result == LOG_APPEND_REFUSED) {
        return TAKE_REFUSED;
    }
    producer->ingest->log_is_full = true;
    return producer_wait(producer, error);
}

// The stream's subscribers are at its limit.
static enum take producer_hold(struct producer *producer, struct pressed *pressed,
                               const struct held_place *place, const struct event *event,
                               enum rc_error *error)
{
    struct request *request = requests_at(&producer->requests, place->counter);
    uint64_t now_ms = loop_now_ms(producer->ingest->loop);
    // What it stood in the input behind others, which had no room, counts.
    uint64_t since_ms =
        front_position(producer) < producer->stood_bytes ? producer->stood_since_ms : now_ms;
    if (now_ms - since_ms >= pressed->wait_ms) {
        request->pending--;
        producer->waiting_since_ms = 0;
        producer->ingest->status.hold_refusals++;
        *error = ERR_BACKPRESSURE_EXCEEDED;
        return TAKE_REFUSED;
    }
    if (!hold_event(producer, pressed, since_ms, place, event)) {
        request->pending--;
        return producer_wait(producer, error);
    }
    producer->waiting_since_ms = 0;
    if (!request->is_holding) { // what is held has a bound of its own
        request->is_holding = true;
        producer->unanswered_bytes -= request->bytes;
        producer->holding_bytes += request->bytes;
    }
    return TAKE_TAKEN;
}

static enum log_append_result append_control(const struct producer *producer, struct slice stream,
                                             const struct stream_control *control,
                                             uint64_t reference, enum rc_error *error)
{
    struct log *log = producer->ingest->log;
    uint64_t name = producer_reference(producer);
    switch (control->kind) {
    case CONTROL_SET:
        return log_set_stream(log, stream, control->settings, control->content_type, control->level,
                              name, reference, error);
    case CONTROL_DISCARD:
        return log_discard_stream(log, stream, control->level, name, reference, error);
    case CONTROL_END:
        return log_end_stream(log, stream, control->life, control->level, name, reference, error);
    case CONTROL_NONE: break;
    }
    UNREACHABLE();
}

enum log_append_result producer_append_held(struct producer *producer,
                                            const struct held_place *place,
                                            const struct event *event, enum rc_error *error)
{
    struct ingest *ingest = producer->ingest;
    struct request *request = requests_at(&producer->requests, place->counter);
    ASSERT(request != NULL && request->pending > 0);
    bool is_acknowledged = place->level != ACK_RECEIVED;
    bool is_event = place->control == CONTROL_NONE;
    request->has_level = request->has_level || (is_acknowledged && is_event);
    uint64_t reference = place->counter << PRODUCER_INDEX_BITS | place->index;
    const struct stream_control control = {
        .kind = place->control, .level = place->level, .life = place->life};
    enum log_append_result result =
        is_event ? log_append(ingest->log, event, place->level, producer_reference(producer),
                              reference, error)
                 : append_control(producer, event->stream, &control, reference, error);
    if (result != LOG_APPEND_TAKEN) {
        return result;
    }
    ingest->status.events += is_event;
    ingest->has_appended = true;
    if (!is_acknowledged) { // else the request may be answered by now
        request->pending--;
        request->accepted++;
        producer_settle(producer, request);
    }
    return LOG_APPEND_TAKEN;
}

void producer_held_refused(struct producer *producer, uint64_t counter, uint32_t index,
                           enum rc_error error)
{
    struct request *request = requests_at(&producer->requests, counter);
    ASSERT(request != NULL && request->pending > 0);
    request->pending--;
    producer_refuse(producer, request, index, error, RC_OFFSET_NONE, NULL);
    producer_settle(producer, request);
}

enum take producer_append(struct producer *producer, uint64_t counter, uint32_t index,
                          const struct event *event, enum ack_level level, enum rc_error *error,
                          char *message, size_t message_size)
{
    struct ingest *ingest = producer->ingest;
    struct request *request = requests_at(&producer->requests, counter);
    ASSERT(request != NULL && request->is_open && index <= INDEX_MASK);
    message[0] = 0;
    if (ingest->is_stopping) {
        *error = ERR_SHUTTING_DOWN;
        return TAKE_REFUSED;
    }
    if (event->data.length > ingest->options.event_bytes_max) {
        snprintf(message, message_size, "the data are %zu bytes long, the limit is %u",
                 event->data.length, ingest->options.event_bytes_max);
        *error = ERR_TOO_LARGE;
        return TAKE_REFUSED;
    }
    *error = event_validate(event, message, message_size);
    if (*error != ERR_NONE) {
        return TAKE_REFUSED;
    }
    uint32_t data_bytes = (uint32_t)event->data.length;
    if (!rate_admits(producer, data_bytes)) {
        return TAKE_HELD;
    }
    // An ephemeral event reaches no level: it is taken, and that is all there is to say.
    bool is_acknowledged = level != ACK_RECEIVED && !event->ephemeral;
    level = is_acknowledged ? level : ACK_RECEIVED;
    struct pressed *pressed = event->ephemeral ? NULL : hold_find(producer, event->stream);
    request->pending++;
    if (pressed != NULL && producer->protocol == PROTOCOL_LINES) {
        request->pressure_permille = (uint16_t)hold_full_permille(ingest, pressed);
    }
    // What the log has already needs no room.
    if (pressed != NULL && hold_is_due(pressed) && !log_knows(ingest->log, event)) {
        const struct held_place place = {.counter = counter, .index = index, .level = level};
        enum take take = producer_hold(producer, pressed, &place, event, error);
        if (take == TAKE_TAKEN) {
            rate_take(producer, data_bytes);
        }
        return take;
    }
    enum take take =
        producer_taken(producer, request,
                       log_append(ingest->log, event, level, producer_reference(producer),
                                  counter << PRODUCER_INDEX_BITS | index, error),
                       error);
    if (take == TAKE_TAKEN) {
        ingest->status.events++;
        rate_take(producer, data_bytes);
        if (is_acknowledged) {
            request->has_level = true;
        } else {
            request->pending--;
            request->accepted++;
        }
    }
    return take;
}

enum take producer_control(struct producer *producer, uint64_t counter, struct slice stream,
                           const struct stream_control *control, enum rc_error *error)
{
    struct request *request = requests_at(&producer->requests, counter);
    if (producer->ingest->is_stopping) {
        *error = ERR_SHUTTING_DOWN;
        return TAKE_REFUSED;
    }
    request->pending++;
    struct pressed *pressed = control->kind == CONTROL_SET ? NULL : hold_find(producer, stream);
    if (pressed != NULL && hold_is_behind(pressed)) { // it must not overtake them
        const struct held_place place = {.counter = counter,
                                         .level = control->level,
                                         .control = control->kind,
                                         .life = control->life};
        return producer_hold(producer, pressed, &place, &(struct event){.stream = stream}, error);
    }
    return producer_taken(
        producer, request,
        append_control(producer, stream, control, counter << PRODUCER_INDEX_BITS, error), error);
}

// ---- from the log ------------------------------------------------------------------------------

void producer_refuse(struct producer *producer, struct request *request, uint32_t index,
                     enum rc_error error, uint32_t offset, const char *message)
{
    ASSERT(error != ERR_NONE);
    if (request->refused == 0) {
        request->error = (uint16_t)error;
    }
    request->refused++;
    producer->ingest->status.errors++;
    if (producer->protocol == PROTOCOL_BINARY) {
        binary_refuse_event(producer, request, index, error, offset, message);
        producer_touch(producer);
    }
}

// Answers in line mode go out in the order of the requests.
static void producer_answer_in_order(struct producer *producer)
{
    struct request *first = requests_first(&producer->requests);
    while (first != NULL && first->is_done) {
        if (producer->protocol == PROTOCOL_LINES) {
            lines_answer(producer, first);
        }
        if (first->operation != NULL) {
            operation_free(first->operation);
        }
        requests_pop(&producer->requests);
        first = requests_first(&producer->requests);
    }
}

// Answers the request if there is nothing left to wait for.
static void producer_settle(struct producer *producer, struct request *request)
{
    // After ERROR with RC_ERROR_CLOSING nothing is said any more.
    bool is_over = producer->state == PRODUCER_CLOSING;
    if (is_over || request->is_open || request->pending > 0 || request->is_done) {
        return;
    }
    struct operation *operation = request->operation;
    if (operation != NULL && !operation->is_started && request->refused == 0) {
        request->pending++;
        operation_start(operation);
        return;
    }
    uint64_t *account =
        request->is_holding ? &producer->holding_bytes : &producer->unanswered_bytes;
    ASSERT(*account >= request->bytes);
    *account -= request->bytes;
    if (producer->protocol == PROTOCOL_BINARY) {
        binary_answer(producer, request);
    }
    requests_finish(&producer->requests, request);
    producer_answer_in_order(producer);
    producer_touch(producer);
    producer_wake(producer);
}

void producer_finish_reading(struct producer *producer, uint64_t counter)
{
    struct request *request = requests_at(&producer->requests, counter);
    ASSERT(request != NULL && request->is_open);
    request->is_open = false;
    producer_settle(producer, request);
}

void producer_acknowledge(struct producer *producer,
                          const struct log_acknowledgement *acknowledgement)
{
    uint64_t counter = acknowledgement->reference >> PRODUCER_INDEX_BITS;
    uint32_t index = (uint32_t)(acknowledgement->reference & INDEX_MASK);
    struct request *request = requests_at(&producer->requests, counter);
    ASSERT(request != NULL && request->pending > 0);
    request->pending--;
    if (acknowledgement->error != ERR_NONE) {
        producer_refuse(producer, request, index, acknowledgement->error, RC_OFFSET_NONE, NULL);
    } else {
        request->duplicates += acknowledgement->duplicate;
        request->accepted += !acknowledgement->duplicate;
        // Repeats in a batch may be older than its other events.
        if (acknowledgement->id >= request->id) {
            request->id = acknowledgement->id;
            request->sequence = acknowledgement->sequence;
        }
    }
    producer_settle(producer, request);
}

void producer_operation_done(struct producer *producer, uint64_t counter)
{
    struct request *request = requests_at(&producer->requests, counter);
    ASSERT(request != NULL && request->pending > 0);
    request->pending--;
    producer_settle(producer, request);
}
