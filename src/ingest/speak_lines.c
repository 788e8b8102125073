// The line protocol on a connection: the next line from the input, and its answer.
#include "base/assert.h"
#include "base/json_writer.h"
#include "ingest/producer.h"
#include "ingest/question.h"

#include <stdio.h>

static struct slice lines_trim(struct slice line)
{
    ASSERT(line.at != NULL || line.length == 0);
    while (line.length > 0 &&
           (line.at[line.length - 1] == '\r' || line.at[line.length - 1] == ' ' ||
            line.at[line.length - 1] == '\t')) {
        line.length--;
    }
    return line;
}

// ---- requests ----------------------------------------------------------------------------------

// A request whose answer is known. It still waits for the answers of those before it.
static void lines_answer_ready(struct producer *producer, struct slice ref, enum rc_error error,
                               const char *message, size_t position)
{
    uint64_t counter;
    struct request *request = producer_begin(producer, REQUEST_TEXT, 0, 0, &counter);
    if (request == NULL) {
        return;
    }
    size_t before = buffer_length(&producer->texts);
    line_write_error(&producer->texts, ref, error, message, position);
    request->text_bytes = (uint32_t)(buffer_length(&producer->texts) - before);
    producer->ingest->status.errors++;
    producer_finish_reading(producer, counter);
}

void lines_refuse_connection(struct producer *producer, enum rc_error error, const char *message)
{
    line_write_error(&producer->output, slice_empty(), error, message, MEMBER_POSITION_NONE);
    buffer_append_byte(&producer->output, '\n');
}

// The request is refused after it was begun.
static void lines_refuse_begun(struct producer *producer, const struct line_request *line,
                               enum rc_error error, const char *message)
{
    producer_take_back(producer);
    lines_answer_ready(producer, line->ref, error, message[0] != 0 ? message : NULL,
                       MEMBER_POSITION_NONE);
}

static enum step lines_publish(struct producer *producer, const struct line_request *line,
                               uint64_t counter)
{
    char message[MEMBER_MESSAGE_BYTES];
    enum rc_error error = ERR_NONE;
    switch (producer_append(producer, counter, 0, &line->event, line->level, &error, message,
                            sizeof message)) {
    case TAKE_HELD: producer_take_back(producer); return STEP_HELD;
    case TAKE_REFUSED: lines_refuse_begun(producer, line, error, message); return STEP_TOOK;
    case TAKE_TAKEN: break;
    }
    producer_finish_reading(producer, counter);
    return STEP_TOOK;
}

static enum step lines_control(struct producer *producer, const struct line_request *line,
                               uint64_t counter)
{
    enum rc_error error = ERR_INVALID_NAME;
    enum take take = TAKE_REFUSED;
    const struct stream_control control = {
        .kind = line->operation == LINE_SET       ? CONTROL_SET
                : line->operation == LINE_DISCARD ? CONTROL_DISCARD
                                                  : CONTROL_END,
        .level = line->level == ACK_SYNCED ? ACK_SYNCED : ACK_WRITTEN,
        .life = line->life,
        .settings = &line->settings,
        .content_type = line->content_type,
    };
    if (event_name_is_valid(line->event.stream)) {
        take = producer_control(producer, counter, line->event.stream, &control, &error);
    }
    switch (take) {
    case TAKE_HELD: producer_take_back(producer); return STEP_HELD;
    case TAKE_REFUSED: lines_refuse_begun(producer, line, error, ""); return STEP_TOOK;
    case TAKE_TAKEN: break;
    }
    producer_finish_reading(producer, counter);
    return STEP_TOOK;
}

static enum step lines_operation(struct producer *producer, const struct line_request *line,
                                 struct request *request, uint64_t counter)
{
    char message[MEMBER_MESSAGE_BYTES];
    enum rc_error error = question_prepare(request->operation, line, message, sizeof message);
    if (error != ERR_NONE) {
        lines_refuse_begun(producer, line, error, message);
        return STEP_TOOK;
    }
    producer_finish_reading(producer, counter);
    return STEP_TOOK;
}

static enum request_kind lines_kind(const struct line_request *line)
{
    switch (line->operation) {
    case LINE_PUBLISH: return REQUEST_PUBLISH;
    case LINE_SET:
    case LINE_DISCARD:
    case LINE_END: return REQUEST_CONTROL;
    default: return REQUEST_OPERATION;
    }
}

static enum step lines_begin(struct producer *producer, const struct line_request *line,
                             size_t length_bytes)
{
    enum request_kind kind = lines_kind(line);
    bool needs_operation = kind == REQUEST_OPERATION || line->reach;
    if (needs_operation && operation_is_full(&producer->ingest->questions)) {
        producer->is_held = true;
        return STEP_HELD;
    }
    uint64_t counter;
    struct request *request = producer_begin(producer, kind, 0, (uint32_t)length_bytes, &counter);
    if (request == NULL) {
        return STEP_HELD;
    }
    if (buffer_append_slice(&producer->texts, line->ref) == 0) {
        request->text_bytes = (uint32_t)line->ref.length;
    }
    if (needs_operation) {
        request->operation = question_create(producer, counter, line->operation);
        if (request->operation == NULL ||
            (line->reach && !question_set_stream(request->operation, line->event.stream))) {
            lines_refuse_begun(producer, line, ERR_INTERNAL, "");
            return STEP_TOOK;
        }
    }
    switch (kind) {
    case REQUEST_PUBLISH: return lines_publish(producer, line, counter);
    case REQUEST_CONTROL: return lines_control(producer, line, counter);
    default: return lines_operation(producer, line, request, counter);
    }
}

static void lines_answer_too_long(struct producer *producer, struct slice line)
{
    char message[MEMBER_MESSAGE_BYTES];
    size_t limit = producer->ingest->line_bytes_max;
    snprintf(message, sizeof message, "the line is longer than %zu bytes", limit);
    lines_answer_ready(producer, line_find_ref(line), ERR_TOO_LARGE, message, limit);
}

// One whole line, with its end.
static enum step lines_take(struct producer *producer, struct slice line, size_t length_bytes)
{
    struct slice text = lines_trim(line);
    if (text.length == 0) {
        producer_consume(producer, length_bytes);
        return STEP_TOOK;
    }
    struct ingest *ingest = producer->ingest;
    struct line_request request;
    struct member_fault fault;
    enum step step = STEP_TOOK;
    if (text.length > ingest->line_bytes_max) {
        lines_answer_too_long(producer, text);
    } else if (line_parse(text, &ingest->scratch, ingest->options.event_bytes_max, &request,
                          &fault)) {
        step = lines_begin(producer, &request, length_bytes);
    } else {
        lines_answer_ready(producer, request.ref, fault.error, fault.message, fault.position);
    }
    if (step == STEP_TOOK) {
        producer_consume(producer, length_bytes);
    }
    return step;
}

// Passes over a line that is too long. True: its end was found.
static enum step lines_skip(struct producer *producer)
{
    struct slice bytes = input_slice(&producer->input);
    size_t end = slice_find(bytes, '\n');
    producer->skip_line = end == bytes.length;
    producer_consume(producer, producer->skip_line ? end : end + 1);
    producer->wanted_bytes = 1;
    return producer->skip_line ? STEP_STARVED : STEP_TOOK;
}

// The line at the input's front has no end so far.
static enum step lines_want_more(struct producer *producer, struct slice bytes)
{
    if (bytes.length > producer->ingest->line_bytes_max) {
        lines_answer_too_long(producer, bytes);
        producer->skip_line = true;
        return STEP_TOOK;
    }
    producer->input.scanned = bytes.length;
    producer->wanted_bytes = bytes.length + 1;
    if (input_reserve(&producer->input, producer->wanted_bytes)) {
        return STEP_STARVED;
    }
    lines_answer_ready(producer, line_find_ref(bytes), ERR_BUFFER_OVERFLOW,
                       "the broker has no memory left for a line of this size; try again later",
                       bytes.length);
    producer->skip_line = true;
    return STEP_TOOK;
}

enum step lines_step(struct producer *producer)
{
    struct slice bytes = input_slice(&producer->input);
    if (producer->skip_line) {
        return lines_skip(producer);
    }
    if (bytes.length == 0) {
        producer->wanted_bytes = 1;
        return STEP_STARVED;
    }
    if (!producer_may_begin(producer)) {
        return STEP_HELD;
    }
    size_t scanned = producer->input.scanned;
    size_t end = scanned + slice_find(slice_after(bytes, scanned), '\n');
    if (end < bytes.length) {
        return lines_take(producer, slice_first(bytes, end), end + 1);
    }
    if (producer->state == PRODUCER_ENDING) {
        return lines_take(producer, bytes, bytes.length);
    }
    return lines_want_more(producer, bytes);
}

// ---- answers -----------------------------------------------------------------------------------

static void lines_write_publish(struct json_writer *writer, const struct request *request)
{
    if (request->id != 0) {
        json_write_key(writer, "id");
        json_write_u64(writer, request->id);
        json_write_key(writer, "sequence");
        json_write_u64(writer, request->sequence);
    } else if (!request->has_level) {
        json_write_key(writer, "received");
        json_write_boolean(writer, true);
    }
    if (request->duplicates > 0) {
        json_write_key(writer, "duplicate");
        json_write_boolean(writer, true);
    }
    if (request->pressure_permille > 0) {
        json_write_key(writer, "pressure");
        json_write_decimal(writer, request->pressure_permille / 1000.0, 3);
    }
    if (request->operation != NULL) {
        json_write_key(writer, "reached");
        json_write_u64(writer, request->operation->reached);
    }
}

static void lines_write_result(struct buffer *out, struct slice ref, const struct request *request)
{
    struct json_writer writer = json_writer_on(out);
    json_write_object_open(&writer);
    if (ref.length > 0) {
        json_write_key(&writer, "ref");
        json_write_raw(&writer, ref);
    }
    switch ((enum request_kind)request->kind) {
    case REQUEST_PUBLISH: lines_write_publish(&writer, request); break;
    case REQUEST_CONTROL:
        json_write_key(&writer, "done");
        json_write_boolean(&writer, true);
        break;
    default:
        ASSERT(request->operation != NULL);
        if (ref.length > 0) {
            buffer_append_byte(out, ',');
        }
        buffer_append_slice(out, buffer_slice(&request->operation->answer));
        break;
    }
    json_write_object_close(&writer);
}

void lines_answer(struct producer *producer, struct request *request)
{
    struct buffer *out = &producer->output;
    struct slice text = slice_first(buffer_slice(&producer->texts), request->text_bytes);
    enum rc_error error = (enum rc_error)request->error;
    const struct operation *operation = request->operation;
    if (error == ERR_NONE && operation != NULL && request->kind == REQUEST_OPERATION) {
        error = operation->error;
        producer->ingest->status.errors += error != ERR_NONE;
    }
    if (request->kind == REQUEST_TEXT) {
        buffer_append_slice(out, text);
    } else if (error != ERR_NONE) {
        line_write_error(out, text, error, NULL, MEMBER_POSITION_NONE);
    } else {
        lines_write_result(out, text, request);
    }
    buffer_append_byte(out, '\n');
    buffer_consume(&producer->texts, request->text_bytes);
}
