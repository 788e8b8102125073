#include "http/publish.h"

#include "base/hash.h"
#include "base/text.h"
#include "base/utf8.h"
#include "http/parameter.h"

struct parsing {
    struct publish_parameters *parameters;
    struct buffer attributes;
};

static enum rc_error read_text(struct slice *into, const struct http_parameter *value,
                               const char *name, size_t bytes_max, struct http_fault *fault)
{
    if (value->value.length > bytes_max || !utf8_is_valid(value->value) ||
        utf8_has_control(value->value)) {
        return HTTP_PARAMETER_FAULT(fault, ERR_INVALID_PARAMETER, value->position,
                                    "%s is at most %zu bytes of UTF-8 without control characters",
                                    name, bytes_max);
    }
    *into = value->value;
    return ERR_NONE;
}

static enum rc_error read_milliseconds(uint32_t *into, const struct http_parameter *value,
                                       const char *name, struct http_fault *fault)
{
    uint64_t number;
    if (!text_parse_u64_max(value->value, UINT32_MAX, &number)) {
        return HTTP_PARAMETER_FAULT(fault, ERR_INVALID_PARAMETER, value->position,
                                    "%s is milliseconds, 0 to %u", name, UINT32_MAX);
    }
    *into = (uint32_t)number;
    return ERR_NONE;
}

static enum rc_error read_switch(bool *into, const struct http_parameter *value, const char *name,
                                 struct http_fault *fault)
{
    return http_parameter_switch(value->value, into)
               ? ERR_NONE
               : HTTP_PARAMETER_FAULT(fault, ERR_INVALID_PARAMETER, value->position, "%s is 0 or 1",
                                      name);
}

static enum rc_error add_attribute(struct parsing *parsing, enum attribute_kind kind,
                                   const struct http_parameter *value, const char *name,
                                   struct http_fault *fault)
{
    struct slice text;
    enum rc_error error = read_text(&text, value, name, ATTRIBUTE_BYTES_MAX, fault);
    if (error == ERR_NONE) {
        bool is_added = event_attribute_append(&parsing->attributes, (uint8_t)kind, text);
        ASSERT(is_added); // their number is bounded
    }
    return error;
}

static enum rc_error add_repeated(struct parsing *parsing, enum attribute_kind kind,
                                  const struct http_parameter *value, const char *name,
                                  struct http_fault *fault)
{
    unsigned count = 0;
    struct slice rest = buffer_slice(&parsing->attributes);
    struct attribute attribute;
    bool malformed;
    while (event_attribute_next(&rest, &attribute, &malformed)) {
        count += attribute.kind == kind;
    }
    if (count == TAGS_MAX) {
        return HTTP_PARAMETER_FAULT(fault, ERR_INVALID_PARAMETER, value->position,
                                    "%s is given more than %d times", name, TAGS_MAX);
    }
    return add_attribute(parsing, kind, value, name, fault);
}

static enum rc_error read_type(void *context, const struct http_parameter *value,
                               struct http_fault *fault)
{
    struct parsing *parsing = context;
    return read_text(&parsing->parameters->event.type, value, "type", TYPE_BYTES_MAX, fault);
}

static enum rc_error read_priority(void *context, const struct http_parameter *value,
                                   struct http_fault *fault)
{
    struct parsing *parsing = context;
    return event_priority_parse(value->value, &parsing->parameters->event.priority)
               ? ERR_NONE
               : HTTP_PARAMETER_FAULT(
                     fault, ERR_INVALID_PARAMETER, value->position,
                     "priority is critical, high, normal, low or background, or 0 to 4");
}

static enum rc_error read_retry(void *context, const struct http_parameter *value,
                                struct http_fault *fault)
{
    struct parsing *parsing = context;
    return read_milliseconds(&parsing->parameters->event.retry_ms, value, "retry", fault);
}

static enum rc_error read_body(void *context, const struct http_parameter *value,
                               struct http_fault *fault)
{
    struct parsing *parsing = context;
    return body_kind_parse(value->value, &parsing->parameters->body)
               ? ERR_NONE
               : HTTP_PARAMETER_FAULT(fault, ERR_INVALID_PARAMETER, value->position,
                                      "body is raw, json, ndjson or form");
}

static enum rc_error read_reach(void *context, const struct http_parameter *value,
                                struct http_fault *fault)
{
    struct parsing *parsing = context;
    return read_switch(&parsing->parameters->wants_reach, value, "reach", fault);
}

static enum rc_error read_ack(void *context, const struct http_parameter *value,
                              struct http_fault *fault)
{
    struct parsing *parsing = context;
    return event_ack_level_parse(value->value, &parsing->parameters->ack)
               ? ERR_NONE
               : HTTP_PARAMETER_FAULT(fault, ERR_INVALID_PARAMETER, value->position,
                                      "ack is received, written or synced");
}

static enum rc_error read_ttl(void *context, const struct http_parameter *value,
                              struct http_fault *fault)
{
    struct parsing *parsing = context;
    return read_milliseconds(&parsing->parameters->event.ttl_ms, value, "ttl_ms", fault);
}

static enum rc_error read_ephemeral(void *context, const struct http_parameter *value,
                                    struct http_fault *fault)
{
    struct parsing *parsing = context;
    return read_switch(&parsing->parameters->event.ephemeral, value, "ephemeral", fault);
}

static enum rc_error read_source(void *context, const struct http_parameter *value,
                                 struct http_fault *fault)
{
    return add_attribute(context, ATTRIBUTE_SOURCE, value, "source", fault);
}

static enum rc_error read_correlation(void *context, const struct http_parameter *value,
                                      struct http_fault *fault)
{
    return add_attribute(context, ATTRIBUTE_CORRELATION, value, "correlation_id", fault);
}

static enum rc_error read_tag(void *context, const struct http_parameter *value,
                              struct http_fault *fault)
{
    return add_repeated(context, ATTRIBUTE_TAG, value, "tag", fault);
}

static enum rc_error read_topic(void *context, const struct http_parameter *value,
                                struct http_fault *fault)
{
    if (!event_name_is_valid(value->value)) {
        return HTTP_PARAMETER_FAULT(fault, ERR_INVALID_NAME, value->position,
                                    "A topic is 1 to %d bytes of UTF-8 without control characters",
                                    NAME_BYTES_MAX);
    }
    return add_repeated(context, ATTRIBUTE_TOPIC, value, "topic", fault);
}

static enum rc_error read_action(void *context, const struct http_parameter *value,
                                 struct http_fault *fault)
{
    struct parsing *parsing = context;
    if (slice_equal_text(value->value, "close")) {
        parsing->parameters->life = STREAM_CLOSED;
    } else if (slice_equal_text(value->value, "cancel")) {
        parsing->parameters->life = STREAM_CANCELLED;
    } else {
        return HTTP_PARAMETER_FAULT(fault, ERR_INVALID_PARAMETER, value->position,
                                    "action is close or cancel");
    }
    return ERR_NONE;
}

// The first ones are also of what goes to connections.
static const struct http_parameter_kind kinds[] = {
    {"type", false, read_type},     {"priority", false, read_priority},
    {"retry", false, read_retry},   {"body", false, read_body},
    {"reach", false, read_reach},   {"ack", false, read_ack},
    {"ttl_ms", false, read_ttl},    {"ephemeral", false, read_ephemeral},
    {"source", false, read_source}, {"correlation_id", false, read_correlation},
    {"tag", true, read_tag},        {"topic", true, read_topic},
    {"action", false, read_action},
};

enum {
    KIND_TYPE = 0,
    KIND_BODY = 3,
    KIND_ACK = 5,
    KINDS_OF_CONNECTIONS = 5,
    KINDS = sizeof(kinds) / sizeof(kinds[0]),
};
STATIC_ASSERT((int)KINDS <= (int)HTTP_PARAMETER_KINDS_MAX, "a bit for each");

static enum rc_error refuse_field(struct http_fault *fault, const char *format, const char *name)
{
    return http_fault_set(fault, ERR_INVALID_PARAMETER, format, name);
}

// The field Event-Type, which says the same as the parameter where both are given.
static enum rc_error read_type_field(struct publish_parameters *parameters, bool is_given,
                                     const struct http_request *request, struct http_fault *fault)
{
    struct slice value = http_request_field(request, HTTP_FIELD_EVENT_TYPE);
    if (!http_request_has(request, HTTP_FIELD_EVENT_TYPE)) {
        return ERR_NONE;
    }
    if (is_given && !slice_equal(value, parameters->event.type)) {
        return refuse_field(fault, "type and the field %s say different things", "Event-Type");
    }
    if (!utf8_is_valid(value) || utf8_has_control(value)) {
        return refuse_field(fault, "The field %s is UTF-8 without control characters",
                            "Event-Type");
    }
    parameters->event.type = value;
    return ERR_NONE;
}

static enum rc_error read_ack_field(struct publish_parameters *parameters, bool is_given,
                                    const struct http_request *request, struct http_fault *fault)
{
    if (!http_request_has(request, HTTP_FIELD_ACK)) {
        return ERR_NONE;
    }
    enum ack_level ack;
    if (!event_ack_level_parse(http_request_field(request, HTTP_FIELD_ACK), &ack)) {
        return refuse_field(fault, "The field %s is received, written or synced", "Ack");
    }
    if (is_given && ack != parameters->ack) {
        return refuse_field(fault, "ack and the field %s say different things", "Ack");
    }
    parameters->ack = ack;
    return ERR_NONE;
}

// It stands in the log. The highest bit keeps it from the small numbers that others choose.
static uint64_t producer_hash(struct slice name)
{
    return hash_stable(name.at, name.length) | UINT64_C(1) << 63;
}

static enum rc_error read_producer_fields(struct event *event, const struct http_request *request,
                                          struct http_fault *fault)
{
    bool has_id = http_request_has(request, HTTP_FIELD_PRODUCER_ID);
    bool has_sequence = http_request_has(request, HTTP_FIELD_PRODUCER_SEQ);
    bool has_epoch = http_request_has(request, HTTP_FIELD_PRODUCER_EPOCH);
    if (has_id != has_sequence || (has_epoch && !has_id)) {
        return http_fault_set(fault, ERR_MISSING_PARAMETER,
                              "The field %s is missing: Producer-Id and Producer-Seq are given "
                              "together",
                              has_id ? "Producer-Seq" : "Producer-Id");
    }
    if (!has_id) {
        return ERR_NONE;
    }
    struct slice id = http_request_field(request, HTTP_FIELD_PRODUCER_ID);
    if (!text_parse_u64(id, &event->producer_id)) {
        event->producer_id = producer_hash(id);
    }
    if (id.length == 0 || event->producer_id == 0) {
        return refuse_field(fault, "The field %s is text, or a number from 1 on", "Producer-Id");
    }
    if (!text_parse_u64(http_request_field(request, HTTP_FIELD_PRODUCER_SEQ),
                        &event->producer_sequence) ||
        event->producer_sequence == 0) {
        return refuse_field(fault, "The field %s is a number from 1 on", "Producer-Seq");
    }
    uint64_t epoch = 0;
    if (has_epoch && !text_parse_u64_max(http_request_field(request, HTTP_FIELD_PRODUCER_EPOCH),
                                         UINT32_MAX, &epoch)) {
        return refuse_field(fault, "The field %s is a number, 0 to 4294967295", "Producer-Epoch");
    }
    event->producer_epoch = (uint32_t)epoch;
    return ERR_NONE;
}

// What is not stored has no acknowledgement and no repeats.
static enum rc_error refuse_fields_of_streams(const struct http_request *request,
                                              struct http_fault *fault)
{
    static const struct {
        enum http_field field;
        const char *name;
    } refused[] = {
        {HTTP_FIELD_ACK, "Ack"},
        {HTTP_FIELD_PRODUCER_ID, "Producer-Id"},
        {HTTP_FIELD_PRODUCER_SEQ, "Producer-Seq"},
        {HTTP_FIELD_PRODUCER_EPOCH, "Producer-Epoch"},
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (http_request_has(request, refused[i].field)) {
            return refuse_field(fault, "The field %s is for what goes to a stream",
                                refused[i].name);
        }
    }
    return ERR_NONE;
}

// How the body is read, where no parameter says it; and the content type of an event that is the
// whole body.
static enum rc_error read_content_type(struct parsing *parsing, bool is_body_given,
                                       const struct http_request *request, struct http_fault *fault)
{
    struct publish_parameters *parameters = parsing->parameters;
    struct slice value = http_request_field(request, HTTP_FIELD_CONTENT_TYPE);
    struct slice rest = value;
    struct slice media_type = slice_trim(slice_split(&rest, ';'));
    if (!is_body_given) {
        parameters->body = body_kind_of(value);
        if (slice_equal_ignoring_case(media_type, slice_of("multipart/form-data"))) {
            http_fault_set(fault, ERR_INVALID_REQUEST,
                           "A form is taken as application/x-www-form-urlencoded; body=raw "
                           "publishes a multipart one as it stands");
            fault->status = 415;
            return fault->error;
        }
    }
    if (parameters->body != BODY_RAW || value.length == 0) {
        return ERR_NONE;
    }
    if (!utf8_is_valid(value) || utf8_has_control(value)) {
        return refuse_field(fault, "The field %s is UTF-8 without control characters",
                            "Content-Type");
    }
    parameters->event.binary =
        slice_equal_ignoring_case(media_type, slice_of("application/octet-stream"));
    bool is_added = event_attribute_append(&parsing->attributes, ATTRIBUTE_CONTENT_TYPE, value);
    ASSERT(is_added);
    return ERR_NONE;
}

enum rc_error publish_check_coding(const struct http_request *request, struct http_fault *fault)
{
    struct slice coding = http_request_field(request, HTTP_FIELD_CONTENT_ENCODING);
    if (coding.length == 0 || slice_equal_ignoring_case(coding, slice_of("identity"))) {
        return ERR_NONE;
    }
    http_fault_set(fault, ERR_INVALID_REQUEST, "A body with a Content-Encoding is not accepted");
    fault->status = 415;
    return fault->error;
}

enum rc_error publish_parse(struct publish_parameters *parameters, struct http_request *request,
                            const struct http_route *route, struct http_fault *fault)
{
    bool is_stream = route->kind == HTTP_ROUTE_PUBLISH;
    ASSERT(is_stream || route->kind == HTTP_ROUTE_SEND || route->kind == HTTP_ROUTE_BROADCAST);
    parameters->body = BODY_RAW;
    parameters->ack = ACK_WRITTEN;
    parameters->life = STREAM_OPEN;
    parameters->wants_reach = false;
    parameters->event = (struct event){.stream = is_stream ? route->name : slice_of("direct"),
                                       .priority = PRIORITY_NORMAL};
    struct parsing parsing = {.parameters = parameters};
    buffer_wrap(&parsing.attributes, parameters->attributes, sizeof(parameters->attributes));

    uint32_t seen = 0;
    enum rc_error error = publish_check_coding(request, fault);
    if (error == ERR_NONE) {
        size_t count = is_stream ? (size_t)KINDS : (size_t)KINDS_OF_CONNECTIONS;
        error = http_parameters_read(request, route->query, kinds, count, &parsing, &seen, fault);
    }
    if (error == ERR_NONE) {
        error = read_type_field(parameters, (seen >> KIND_TYPE & 1) != 0, request, fault);
    }
    if (error == ERR_NONE) {
        error = is_stream ? read_ack_field(parameters, (seen >> KIND_ACK & 1) != 0, request, fault)
                          : refuse_fields_of_streams(request, fault);
    }
    if (error == ERR_NONE && is_stream) {
        error = read_producer_fields(&parameters->event, request, fault);
    }
    if (error == ERR_NONE) {
        error = read_content_type(&parsing, (seen >> KIND_BODY & 1) != 0, request, fault);
    }
    parameters->event.attributes = buffer_slice(&parsing.attributes);
    return error;
}
