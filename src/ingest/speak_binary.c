// The binary protocol on a connection: the next request from the input, and its answer.
#include "base/assert.h"
#include "ingest/binary.h"
#include "ingest/producer.h"
#include "ingest/question.h"

#include <stdio.h>

// Starves until the input holds so many bytes. False: it cannot get so much memory.
static bool binary_want(struct producer *producer, size_t length_bytes)
{
    producer->wanted_bytes = length_bytes;
    return input_reserve(&producer->input, length_bytes);
}

// Takes the frame at the input's front, of which some may not be here yet.
static void binary_skip(struct producer *producer, size_t length_bytes)
{
    size_t here = input_length(&producer->input);
    size_t taken = length_bytes < here ? length_bytes : here;
    producer_consume(producer, taken);
    producer->skip_bytes = length_bytes - taken;
}

// ERROR about something that is no request in the table.
static void binary_fail(struct producer *producer, uint64_t request, uint16_t flags,
                        const struct binary_fault *fault)
{
    producer->ingest->status.errors++;
    binary_write_error(&producer->output, request, flags, 0, fault);
    producer_touch(producer);
}

static enum step binary_close(struct producer *producer, const struct binary_fault *fault)
{
    binary_fail(producer, 0, RC_ERROR_CLOSING, fault);
    producer_close_soon(producer);
    return STEP_HELD;
}

void binary_refuse_connection(struct producer *producer, enum rc_error error, const char *message)
{
    struct binary_fault fault = {.error = error, .offset = RC_OFFSET_NONE};
    snprintf(fault.message, sizeof fault.message, "%s", message);
    binary_write_error(&producer->output, 0, RC_ERROR_CLOSING, 0, &fault);
}

void binary_tell_credit(struct producer *producer)
{
    binary_write_credit(&producer->output, producer->ingest->credit_bytes);
    producer_touch(producer);
}

static enum step binary_welcome(struct producer *producer)
{
    struct ingest *ingest = producer->ingest;
    if (input_length(&producer->input) < RC_HELLO_BYTES) {
        producer->wanted_bytes = RC_HELLO_BYTES;
        return STEP_STARVED;
    }
    struct binary_hello hello;
    struct binary_fault fault;
    if (!binary_read_hello(input_slice(&producer->input).at, &hello, &fault)) {
        return binary_close(producer, &fault);
    }
    producer_consume(producer, RC_HELLO_BYTES);
    producer->is_welcome = true;
    producer->version = hello.version;
    producer->producer_id = hello.producer_id;
    producer->producer_epoch = hello.producer_epoch;
    struct log_status status;
    log_get_status(ingest->log, &status);
    binary_write_welcome(&producer->output,
                         &(struct binary_welcome){
                             .version = hello.version,
                             .frame_bytes_max = (uint32_t)ingest->frame_bytes_max,
                             .credit_bytes = ingest->credit_bytes,
                             .event_bytes_max = ingest->options.event_bytes_max,
                             .requests_max = REQUESTS_MAX,
                             .last_id = status.last_id,
                         });
    producer_touch(producer);
    return STEP_TOOK;
}

// ---- requests ----------------------------------------------------------------------------------

static void binary_identify(const struct producer *producer, struct event *event)
{
    if (event->producer_sequence != 0 && producer->producer_id != 0) {
        event->producer_id = producer->producer_id;
        event->producer_epoch = producer->producer_epoch;
    } else {
        event->producer_sequence = 0;
    }
}

// Where in the frame an event that event_validate refuses begins.
static enum take binary_append(struct producer *producer, uint64_t counter, uint32_t index,
                               struct event *event, uint8_t level, size_t offset)
{
    char message[BINARY_MESSAGE_BYTES];
    enum rc_error error = ERR_NONE;
    binary_identify(producer, event);
    enum take take = producer_append(producer, counter, index, event, (enum ack_level)level, &error,
                                     message, sizeof message);
    if (take == TAKE_REFUSED) {
        producer_refuse(producer, requests_at(&producer->requests, counter), index, error,
                        (uint32_t)offset, message[0] != 0 ? message : NULL);
    }
    return take;
}

static enum step binary_publish(struct producer *producer, const struct binary_header *header,
                                struct slice payload)
{
    size_t length = RC_HEADER_BYTES + payload.length;
    struct event event;
    struct binary_fault fault;
    size_t position = 0;
    bool is_good = binary_read_event(payload, &position, &event, &fault);
    if (is_good && position != payload.length) {
        fault = (struct binary_fault){.error = ERR_INVALID_REQUEST,
                                      .offset = (uint32_t)(RC_HEADER_BYTES + position),
                                      .message = "there are bytes after the event"};
        is_good = false;
    }
    if (!is_good) {
        binary_fail(producer, header->request, 0, &fault);
        producer_consume(producer, length);
        return STEP_TOOK;
    }
    uint64_t counter;
    if (producer_begin(producer, REQUEST_PUBLISH, header->request, (uint32_t)length, &counter) ==
        NULL) {
        return STEP_HELD;
    }
    if (binary_append(producer, counter, 0, &event, header->level, RC_HEADER_BYTES) == TAKE_HELD) {
        producer_take_back(producer);
        return STEP_HELD;
    }
    producer_consume(producer, length);
    producer_finish_reading(producer, counter);
    return STEP_TOOK;
}

static enum step binary_batch_begin(struct producer *producer, const struct binary_header *header,
                                    struct slice payload)
{
    struct binary_fault fault;
    uint32_t count;
    size_t length = RC_HEADER_BYTES + payload.length;
    if (!binary_check_batch(payload, &count, &fault)) {
        binary_fail(producer, header->request, 0, &fault);
        producer_consume(producer, length);
        return STEP_TOOK;
    }
    if (producer_begin(producer, REQUEST_BATCH, header->request, (uint32_t)length,
                       &producer->batch_request) == NULL) {
        return STEP_HELD;
    }
    producer->batch_count = count;
    producer->batch_index = 0;
    producer->batch_position = 4;
    return STEP_TOOK;
}

// Goes on with a batch, which stays at the input's front until all of it is taken.
static enum step binary_batch(struct producer *producer, const struct binary_header *header,
                              struct slice payload)
{
    if (producer->batch_count == 0) {
        enum step step = binary_batch_begin(producer, header, payload);
        if (producer->batch_count == 0) {
            return step;
        }
    }
    while (producer->batch_index < producer->batch_count && producer->turn_bytes > 0) {
        struct event event;
        struct binary_fault fault;
        size_t position = producer->batch_position;
        bool is_good = binary_read_event(payload, &position, &event, &fault);
        ASSERT(is_good); // the whole batch was checked
        if (binary_append(producer, producer->batch_request, producer->batch_index, &event,
                          header->level, RC_HEADER_BYTES + producer->batch_position) == TAKE_HELD) {
            return STEP_HELD;
        }
        producer->turn_bytes -= (int64_t)(position - producer->batch_position);
        producer->batch_position = position;
        producer->batch_index++;
    }
    if (producer->batch_index == producer->batch_count) {
        producer->batch_count = 0;
        input_consume(&producer->input, RC_HEADER_BYTES + payload.length);
        producer_finish_reading(producer, producer->batch_request);
    }
    return STEP_TOOK;
}

// What is asked for; *settings is room for what control points at.
static bool binary_read_control(const struct binary_header *header, struct slice payload,
                                struct stream_control *control, struct stream_settings *settings,
                                struct slice *stream, struct binary_fault *fault)
{
    *control =
        (struct stream_control){.kind = CONTROL_SET, .level = ACK_WRITTEN, .settings = settings};
    switch (header->kind) {
    case RC_FRAME_DISCARD:
        control->kind = CONTROL_DISCARD;
        *stream = payload;
        *fault = (struct binary_fault){.error = ERR_INVALID_NAME, .offset = RC_HEADER_BYTES};
        snprintf(fault->message, sizeof fault->message, "%s", error_text(ERR_INVALID_NAME));
        return event_name_is_valid(payload);
    case RC_FRAME_END:
        control->kind = CONTROL_END;
        control->level = header->level == RC_LEVEL_SYNCED ? ACK_SYNCED : ACK_WRITTEN;
        return binary_read_end(payload, &control->life, stream, fault);
    default: return binary_read_set(header->kind, payload, settings, stream, fault);
    }
}

static enum step binary_control(struct producer *producer, const struct binary_header *header,
                                struct slice payload)
{
    struct stream_settings settings;
    struct stream_control control;
    struct slice stream;
    struct binary_fault fault;
    size_t length = RC_HEADER_BYTES + payload.length;
    if (!binary_read_control(header, payload, &control, &settings, &stream, &fault)) {
        binary_fail(producer, header->request, 0, &fault);
        producer_consume(producer, length);
        return STEP_TOOK;
    }
    uint64_t counter;
    if (producer_begin(producer, REQUEST_CONTROL, header->request, (uint32_t)length, &counter) ==
        NULL) {
        return STEP_HELD;
    }
    enum rc_error error = ERR_NONE;
    enum take take = producer_control(producer, counter, stream, &control, &error);
    if (take == TAKE_HELD) {
        producer_take_back(producer);
        return STEP_HELD;
    }
    if (take == TAKE_REFUSED) {
        producer_refuse(producer, requests_at(&producer->requests, counter), 0, error,
                        RC_OFFSET_NONE, NULL);
    }
    producer_consume(producer, length);
    producer_finish_reading(producer, counter);
    return STEP_TOOK;
}

static enum step binary_pressure(struct producer *producer, const struct binary_header *header,
                                 struct slice payload)
{
    size_t length = RC_HEADER_BYTES + payload.length;
    if (payload.length > 0 && !event_name_is_valid(payload)) {
        struct binary_fault fault = {.error = ERR_INVALID_NAME, .offset = RC_HEADER_BYTES};
        snprintf(fault.message, sizeof fault.message, "%s", error_text(ERR_INVALID_NAME));
        binary_fail(producer, header->request, 0, &fault);
        producer_consume(producer, length);
        return STEP_TOOK;
    }
    if (payload.length > 0 && operation_is_full(&producer->ingest->questions)) {
        producer->is_held = true;
        return STEP_HELD;
    }
    uint64_t counter;
    struct request *request =
        producer_begin(producer, REQUEST_OPERATION, header->request, (uint32_t)length, &counter);
    if (request == NULL) {
        return STEP_HELD;
    }
    if (payload.length > 0) {
        request->operation = question_create(producer, counter, LINE_PRESSURE);
        if (request->operation == NULL || !question_set_stream(request->operation, payload)) {
            producer_refuse(producer, request, 0, ERR_INTERNAL, RC_OFFSET_NONE, NULL);
        }
    }
    producer_consume(producer, length);
    producer_finish_reading(producer, counter);
    return STEP_TOOK;
}

static enum step binary_ping(struct producer *producer, const struct binary_header *header,
                             struct slice payload)
{
    if (payload.length > RC_PING_BYTES_MAX) {
        binary_fail(producer, header->request, 0,
                    &(struct binary_fault){.error = ERR_TOO_LARGE,
                                           .offset = 0,
                                           .message = "PING carries 64 bytes at most"});
    } else {
        binary_write_pong(&producer->output, header->request, payload);
        producer_touch(producer);
    }
    producer->ingest->status.requests++;
    producer_consume(producer, RC_HEADER_BYTES + payload.length);
    return STEP_TOOK;
}

static enum step binary_request(struct producer *producer, const struct binary_header *header,
                                struct slice payload)
{
    switch (header->kind) {
    case RC_FRAME_PUBLISH: return binary_publish(producer, header, payload);
    case RC_FRAME_BATCH: return binary_batch(producer, header, payload);
    case RC_FRAME_SET:
    case RC_FRAME_SET_FLOW:
    case RC_FRAME_DISCARD:
    case RC_FRAME_END: return binary_control(producer, header, payload);
    case RC_FRAME_PING: return binary_ping(producer, header, payload);
    case RC_FRAME_PRESSURE: return binary_pressure(producer, header, payload);
    default: UNREACHABLE(); // binary_check_header
    }
}

// A frame that is passed over, whatever is in it.
static enum step binary_refuse_frame(struct producer *producer, const struct binary_header *header,
                                     const struct binary_fault *fault)
{
    binary_fail(producer, header->request, 0, fault);
    binary_skip(producer, RC_HEADER_BYTES + (size_t)header->length);
    return STEP_TOOK;
}

enum step binary_step(struct producer *producer)
{
    if (!producer->is_welcome) {
        return binary_welcome(producer);
    }
    struct slice bytes = input_slice(&producer->input);
    if (producer->skip_bytes > 0 && bytes.length > 0) {
        binary_skip(producer, producer->skip_bytes);
        return STEP_TOOK;
    }
    if (bytes.length < RC_HEADER_BYTES) {
        producer->wanted_bytes = RC_HEADER_BYTES;
        return STEP_STARVED;
    }
    if (producer->batch_count == 0 && !producer_may_begin(producer)) {
        return STEP_HELD;
    }
    struct binary_header header;
    struct binary_fault fault;
    if (!binary_read_header(bytes.at, &header, &fault)) {
        return binary_close(producer, &fault);
    }
    if (!binary_check_header(&header, &fault)) {
        return binary_refuse_frame(producer, &header, &fault);
    }
    size_t length = RC_HEADER_BYTES + (size_t)header.length;
    if (header.length > producer->ingest->frame_bytes_max) {
        fault.error = ERR_TOO_LARGE;
        fault.offset = 0;
        snprintf(fault.message, sizeof fault.message,
                 "the frame carries %u bytes, the limit is %zu", header.length,
                 producer->ingest->frame_bytes_max);
        return binary_refuse_frame(producer, &header, &fault);
    }
    if (bytes.length < length) {
        if (binary_want(producer, length)) {
            return STEP_STARVED;
        }
        fault = (struct binary_fault){.error = ERR_BUFFER_OVERFLOW,
                                      .offset = RC_OFFSET_NONE,
                                      .message = "the broker has no memory left for a request of "
                                                 "this size; try again later"};
        return binary_refuse_frame(producer, &header, &fault);
    }
    return binary_request(producer, &header, slice_from(bytes.at + RC_HEADER_BYTES, header.length));
}

// ---- answers -----------------------------------------------------------------------------------

void binary_refuse_event(struct producer *producer, const struct request *request, uint32_t index,
                         enum rc_error error, uint32_t offset, const char *message)
{
    bool is_batch = request->kind == REQUEST_BATCH;
    if (is_batch && request->refused > RC_BATCH_ERRORS_MAX) {
        return;
    }
    struct binary_fault fault = {.error = error, .offset = offset};
    snprintf(fault.message, sizeof fault.message, "%s",
             message != NULL ? message : error_text(error));
    binary_write_error(&producer->output, request->number, is_batch ? RC_ERROR_MORE : 0, index,
                       &fault);
}

static void binary_answer_pressure(struct producer *producer, const struct request *request)
{
    const struct ingest *ingest = producer->ingest;
    struct binary_pressure pressure = {
        .full_permille = (uint32_t)ingest->status.full_permille,
        .credit_bytes = ingest->credit_bytes,
        .unanswered_bytes = producer->unanswered_bytes + producer->holding_bytes,
        .listeners = RC_LISTENERS_UNKNOWN,
    };
    const struct operation *operation = request->operation;
    if (operation != NULL) {
        pressure.listeners = operation->reached;
        pressure.has_stream = producer->version >= RC_PROTOCOL_STREAM_CREDITS;
        pressure.stream_credit_bytes = hold_credit(ingest, operation->admin.stream);
        struct log_pressure of_stream;
        if (log_stream_pressure(ingest->log, operation->admin.stream, &of_stream)) {
            pressure.stream_permille = of_stream.full_permille;
        }
    }
    binary_write_pressure(&producer->output, request->number, &pressure);
}

void binary_answer(struct producer *producer, struct request *request)
{
    // Other requests than batches were answered by their one ERROR.
    if (request->refused > 0 && request->kind != REQUEST_BATCH) {
        return;
    }
    if (request->kind == REQUEST_OPERATION) {
        binary_answer_pressure(producer, request);
        return;
    }
    binary_write_ack(&producer->output, &(struct binary_ack){
                                            .request = request->number,
                                            .id = request->id,
                                            .sequence = request->sequence,
                                            .accepted = request->accepted,
                                            .duplicates = request->duplicates,
                                            .refused = request->refused,
                                        });
}
