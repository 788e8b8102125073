#include "wire/publish_body.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/utf8.h"
#include "wire/event_json.h"
#include "wire/publish_parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    JSON_FACTOR = 2,             // so much longer JSON may be as it stands than made compact
    EVENTS_FIRST = 16,           // room for that many where there are several
    TEXTS_MORE_BYTES = 64 << 10, // beside twice the body: defaults repeated in few events
};

static const char *const kind_names[BODY_KINDS] = {
    [BODY_RAW] = "raw",
    [BODY_JSON] = "json",
    [BODY_NDJSON] = "ndjson",
    [BODY_FORM] = "form",
};

bool body_kind_parse(struct slice text, enum body_kind *kind)
{
    for (int i = 0; i < BODY_KINDS; i++) {
        if (slice_equal_text(text, kind_names[i])) {
            *kind = (enum body_kind)i;
            return true;
        }
    }
    return false;
}

enum body_kind body_kind_of(struct slice content_type)
{
    static const struct {
        const char *media_type;
        enum body_kind kind;
    } kinds[] = {
        {"application/json", BODY_JSON},
        {"application/x-ndjson", BODY_NDJSON},
        {"application/ndjson", BODY_NDJSON},
        {"application/jsonl", BODY_NDJSON},
        {"application/x-www-form-urlencoded", BODY_FORM},
    };
    struct slice media_type = slice_trim(slice_split(&content_type, ';'));
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (slice_equal_ignoring_case(media_type, slice_of(kinds[i].media_type))) {
            return kinds[i].kind;
        }
    }
    return BODY_RAW;
}

// ---- the batch ---------------------------------------------------------------------------------

bool publish_fail(struct publish_parser *parser, enum rc_error error, size_t position,
                  const char *format, ...)
{
    struct publish_fault *fault = parser->fault;
    fault->error = error;
    fault->index = parser->batch->count;
    fault->position = position;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->message, sizeof fault->message, format, arguments);
    va_end(arguments);
    return false;
}

// Room for one more event where there is one already.
static bool batch_grow(struct publish_batch *batch)
{
    if (batch->count < batch->capacity) {
        return true;
    }
    uint32_t capacity = batch->capacity == 0 ? (uint32_t)EVENTS_FIRST : 2 * batch->capacity;
    bool was_single = batch->events == &batch->single;
    struct event *events = realloc(was_single ? NULL : batch->events, capacity * sizeof *events);
    if (events == NULL) {
        return false;
    }
    if (was_single) {
        events[0] = batch->single;
    }
    batch->events = events;
    batch->capacity = capacity;
    return true;
}

bool publish_begin(struct publish_parser *parser, size_t position)
{
    const struct publish_defaults *defaults = parser->defaults;
    struct publish_batch *batch = parser->batch;
    if (batch->count >= defaults->events_max) {
        return publish_fail(parser, ERR_TOO_LARGE, position,
                            "there are more than %u events in one request", defaults->events_max);
    }
    if (batch->count > 0 && !batch_grow(batch)) {
        return publish_fail(parser, ERR_OVERLOADED, position, "%s", error_text(ERR_OVERLOADED));
    }
    struct event *event = &batch->events[batch->count];
    *event = defaults->event;
    if (event->producer_id != 0) {
        if (event->producer_sequence > UINT64_MAX - batch->count) {
            return publish_fail(parser, ERR_INVALID_PARAMETER, position,
                                "the producer's sequence ends at 2^64 - 1");
        }
        event->producer_sequence += batch->count;
    }
    parser->event = event;
    parser->own_kinds = 0;
    buffer_clear(&parser->attributes);
    return true;
}

// The event's own attributes, and those of the defaults that it leaves unsaid.
static bool complete_attributes(struct publish_parser *parser, size_t position)
{
    struct slice rest = parser->defaults->event.attributes;
    if (parser->own_kinds == 0) {
        parser->event->attributes = rest;
        return true;
    }
    struct attribute attribute;
    bool malformed;
    while (event_attribute_next(&rest, &attribute, &malformed)) {
        bool is_own = attribute.kind < 32 && (parser->own_kinds & 1U << attribute.kind) != 0;
        if (!is_own) {
            event_attribute_append(&parser->attributes, attribute.kind, attribute.value);
        }
    }
    struct slice all = buffer_slice(&parser->attributes);
    uint8_t *kept = arena_take(&parser->batch->texts, all.length);
    if (buffer_failure(&parser->attributes) != 0 || kept == NULL) {
        return publish_fail(parser, ERR_TOO_LARGE, position, "the attributes are too long in all");
    }
    if (all.at != NULL) {
        memcpy(kept, all.at, all.length);
    }
    parser->event->attributes = slice_from(kept, all.length);
    return true;
}

bool publish_end(struct publish_parser *parser, size_t position)
{
    const struct event *event = parser->event;
    size_t data_bytes_max = parser->defaults->event_bytes_max;
    if (event->data.length > data_bytes_max) {
        return publish_fail(parser, ERR_TOO_LARGE, position,
                            "the data are %zu bytes long, the limit is %zu", event->data.length,
                            data_bytes_max);
    }
    if (!complete_attributes(parser, position)) {
        return false;
    }
    char message[MEMBER_MESSAGE_BYTES];
    enum rc_error error = event_validate(event, message, sizeof message);
    if (error != ERR_NONE) {
        return publish_fail(parser, error, position, "%s", message);
    }
    parser->batch->count++;
    return true;
}

void publish_batch_free(struct publish_batch *batch)
{
    if (batch->events != &batch->single) {
        free(batch->events);
    }
    batch->events = NULL;
    batch->count = 0;
    arena_free(&batch->texts);
}

// ---- raw ---------------------------------------------------------------------------------------

static bool read_raw(struct publish_parser *parser, struct slice body)
{
    if (!publish_begin(parser, MEMBER_POSITION_NONE)) {
        return false;
    }
    struct event *event = parser->event;
    event->data = body;
    if (!event->binary && body.length <= parser->defaults->event_bytes_max) {
        event->binary = !utf8_is_valid(body);
    }
    return publish_end(parser, MEMBER_POSITION_NONE);
}

// ---- objects -----------------------------------------------------------------------------------

static const char *const member_names[] = {
#define X(key) #key,
    EVENT_MEMBERS(X)
#undef X
};

static bool (*const member_reads[])(struct member_reader *, const struct event_target *) = {
#define X(key) event_json_##key,
    EVENT_MEMBERS(X)
#undef X
};

enum member {
#define X(key) MEMBER_##key,
    EVENT_MEMBERS(X)
#undef X
        MEMBERS
};

static const uint8_t member_kinds[MEMBERS] = {
    [MEMBER_tags] = ATTRIBUTE_TAG,
    [MEMBER_source] = ATTRIBUTE_SOURCE,
    [MEMBER_correlation_id] = ATTRIBUTE_CORRELATION,
    [MEMBER_content_type] = ATTRIBUTE_CONTENT_TYPE,
    [MEMBER_topics] = ATTRIBUTE_TOPIC,
    [MEMBER_custom] = ATTRIBUTE_CUSTOM,
};

static bool read_member(struct member_reader *reader, size_t index, void *context)
{
    return member_reads[index](reader, context);
}

// Who says which stream and which producer, once.
static bool check_members(struct member_reader *reader, const struct publish_parser *parser)
{
    const struct event *asked = &parser->defaults->event;
    const struct event *event = parser->event;
    bool has_id = member_is_given(reader, MEMBER_producer_id);
    bool has_sequence = member_is_given(reader, MEMBER_producer_sequence);
    bool has_epoch = member_is_given(reader, MEMBER_epoch);
    if (!member_is_given(reader, MEMBER_data)) {
        return member_fail(reader, ERR_MISSING_PARAMETER, 0, "\"data\" is missing");
    }
    if (!slice_equal(event->stream, asked->stream)) {
        return member_fail(reader, ERR_INVALID_PARAMETER, 0,
                           "\"stream\" is another one than the request's");
    }
    if (asked->producer_id != 0 && (has_id || has_sequence || has_epoch)) {
        return member_fail(reader, ERR_INVALID_PARAMETER, 0,
                           "the request says which producer it is from: the event does not");
    }
    if (has_id != has_sequence || (has_epoch && !has_id)) {
        return member_fail(
            reader, ERR_MISSING_PARAMETER, 0,
            "\"producer_id\" and \"producer_sequence\" are given together or not at all");
    }
    if (has_id && (event->producer_id == 0 || event->producer_sequence == 0)) {
        return member_fail(reader, ERR_INVALID_PARAMETER, 0,
                           "\"producer_id\" and \"producer_sequence\" begin at 1");
    }
    return true;
}

// What was likely meant by a text that is not one object.
static const char *hint_of(struct slice text, const struct member_fault *fault)
{
    if (fault->error != ERR_SERIALIZATION_ERROR || fault->position >= text.length) {
        return "";
    }
    uint8_t found = text.at[fault->position];
    bool is_first = fault->position == 0;
    if (found == '[' && is_first) {
        return " (several events go as NDJSON, an object a line)";
    }
    if (found == '{' && !is_first) {
        return " (NDJSON has an object a line; curl -d takes line ends out, --data-binary does "
               "not)";
    }
    return is_first ? " (an event is {\"data\":...}; with body=raw the body is its data)" : "";
}

// One object, which begins at `position` in the body.
static bool read_object(struct publish_parser *parser, struct slice text, size_t position)
{
    if (!publish_begin(parser, position)) {
        return false;
    }
    struct event_target target = {
        .event = parser->event,
        .attributes = &parser->attributes,
        .data_bytes_max = parser->defaults->event_bytes_max,
        .json_bytes_max = JSON_FACTOR * parser->defaults->event_bytes_max,
    };
    struct member_fault fault;
    struct member_reader reader = {
        .what = "one JSON object",
        .names = member_names,
        .name_count = MEMBERS,
        .arena = &parser->batch->texts,
        .fault = &fault,
    };
    if (!member_read_object(&reader, text, read_member, &target) ||
        !check_members(&reader, parser)) {
        return publish_fail(parser, fault.error, position + fault.position, "%s%s", fault.message,
                            hint_of(text, &fault));
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        if (member_kinds[i] != 0 && member_is_given(&reader, i)) {
            parser->own_kinds |= 1U << member_kinds[i];
        }
    }
    return publish_end(parser, position);
}

// White space between events means nothing, line ends included.
static size_t skip_blank(struct slice body, size_t at, size_t end)
{
    while (at < end && text_is_blank(slice_from(body.at + at, 1))) {
        at++;
    }
    return at;
}

static enum publish_progress read_lines(struct publish_parser *parser, struct slice body)
{
    struct publish_batch *batch = parser->batch;
    size_t left = body.length - batch->read_bytes;
    size_t end = batch->read_bytes + (left < PUBLISH_STEP_BYTES ? left : PUBLISH_STEP_BYTES);
    for (;;) {
        batch->read_bytes = skip_blank(body, batch->read_bytes, end);
        if (batch->read_bytes >= end) {
            break;
        }
        struct slice rest = slice_after(body, batch->read_bytes);
        struct slice line = slice_split(&rest, '\n');
        if (!read_object(parser, line, batch->read_bytes)) {
            return PUBLISH_FAILED;
        }
        batch->read_bytes += line.length;
    }
    if (batch->read_bytes < body.length) {
        return PUBLISH_MORE;
    }
    if (batch->count == 0) {
        publish_fail(parser, ERR_MISSING_PARAMETER, 0, "there is no event in the body");
        return PUBLISH_FAILED;
    }
    return PUBLISH_DONE;
}

// ---- the whole body ----------------------------------------------------------------------------

static bool read_whole(struct publish_parser *parser, enum body_kind kind, struct slice body)
{
    switch (kind) {
    case BODY_RAW: return read_raw(parser, body);
    case BODY_JSON: return read_object(parser, body, 0);
    case BODY_FORM:
        return publish_begin(parser, MEMBER_POSITION_NONE) && publish_read_form(parser, body) &&
               publish_end(parser, MEMBER_POSITION_NONE);
    default: UNREACHABLE();
    }
}

void publish_batch_begin(struct publish_batch *batch, struct slice body)
{
    batch->events = &batch->single;
    batch->count = 0;
    batch->capacity = 0;
    batch->read_bytes = 0;
    arena_init(&batch->texts, 2 * body.length + TEXTS_MORE_BYTES);
}

enum publish_progress publish_body_parse(enum body_kind kind, struct slice body,
                                         const struct publish_defaults *defaults,
                                         struct publish_batch *batch, struct publish_fault *fault)
{
    ASSERT(defaults->events_max >= 1 && defaults->events_max <= PUBLISH_EVENTS_MAX);
    ASSERT(batch->read_bytes <= body.length);
    uint8_t attributes[ATTRIBUTES_BYTES_MAX];
    struct publish_parser parser = {.defaults = defaults, .batch = batch, .fault = fault};
    buffer_wrap(&parser.attributes, attributes, sizeof attributes);
    if (kind == BODY_NDJSON) {
        return read_lines(&parser, body);
    }
    return read_whole(&parser, kind, body) ? PUBLISH_DONE : PUBLISH_FAILED;
}
