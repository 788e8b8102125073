// A form's fields as one event.
#include "base/percent.h"
#include "base/text.h"
#include "base/utf8.h"
#include "wire/publish_parser.h"

enum { FIELD_SHOWN_BYTES_MAX = 40 };

// X(name, attribute kind, 0: none)
#define FORM_FIELDS(X)                       \
    X(data, 0)                               \
    X(type, 0)                               \
    X(priority, 0)                           \
    X(tag, ATTRIBUTE_TAG)                    \
    X(source, ATTRIBUTE_SOURCE)              \
    X(correlation_id, ATTRIBUTE_CORRELATION) \
    X(content_type, ATTRIBUTE_CONTENT_TYPE)  \
    X(topic, ATTRIBUTE_TOPIC)                \
    X(ttl_ms, 0)                             \
    X(retry, 0)                              \
    X(ephemeral, 0)

enum form_field {
#define X(name, ...) FIELD_##name,
    FORM_FIELDS(X)
#undef X
        FIELDS
};

static const char *const field_names[FIELDS] = {
#define X(name, ...) #name,
    FORM_FIELDS(X)
#undef X
};

static const uint8_t field_kinds[FIELDS] = {
#define X(name, kind) kind,
    FORM_FIELDS(X)
#undef X
};

static bool form_fail_unknown(struct publish_parser *parser, struct slice name, size_t position)
{
    const char *nearest = text_nearest(name, field_names, FIELDS);
    if (name.length > FIELD_SHOWN_BYTES_MAX || !utf8_is_valid(name)) {
        name = (struct slice)SLICE_LITERAL("(a long name)");
    }
    return publish_fail(parser, ERR_INVALID_PARAMETER, position,
                        "a form has no field \"" SLICE_FORMAT "\"%s%s%s (a body that is no form "
                        "needs its Content-Type, or body=raw)",
                        SLICE_ARGUMENTS(name), nearest == NULL ? "" : "; did you mean \"",
                        nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?");
}

static bool form_fail_value(struct publish_parser *parser, enum form_field field, size_t position,
                            const char *expected)
{
    return publish_fail(parser, ERR_INVALID_PARAMETER, position, "\"%s\" must be %s",
                        field_names[field], expected);
}

static bool form_read_u32(struct publish_parser *parser, enum form_field field, size_t position,
                          struct slice text, uint32_t *value)
{
    uint64_t wide;
    if (!text_parse_u64_max(text, UINT32_MAX, &wide)) {
        return form_fail_value(parser, field, position, "milliseconds, below 4294967296");
    }
    *value = (uint32_t)wide;
    return true;
}

static bool form_read_attribute(struct publish_parser *parser, enum form_field field,
                                size_t position, struct slice value)
{
    return (value.length <= UINT16_MAX &&
            event_attribute_append(&parser->attributes, field_kinds[field], value)) ||
           publish_fail(parser, ERR_TOO_LARGE, position, "the attributes are too long in all");
}

static bool form_read_field(struct publish_parser *parser, enum form_field field, size_t position,
                            struct slice value)
{
    struct event *event = parser->event;
    switch (field) {
    case FIELD_data: event->data = value; return true;
    case FIELD_type: event->type = value; return true;
    case FIELD_priority:
        return event_priority_parse(value, &event->priority) ||
               form_fail_value(parser, field, position,
                               "critical, high, normal, low or background, or 0 to 4");
    case FIELD_ttl_ms: return form_read_u32(parser, field, position, value, &event->ttl_ms);
    case FIELD_retry: return form_read_u32(parser, field, position, value, &event->retry_ms);
    case FIELD_ephemeral:
        event->ephemeral = slice_equal_text(value, "true") || slice_equal_text(value, "1");
        return event->ephemeral || slice_equal_text(value, "false") ||
               slice_equal_text(value, "0") ||
               form_fail_value(parser, field, position, "true or false, 1 or 0");
    default: return form_read_attribute(parser, field, position, value);
    }
}

static enum form_field form_find(struct slice name)
{
    int field = 0;
    while (field < FIELDS && !slice_equal_text(name, field_names[field])) {
        field++;
    }
    return (enum form_field)field;
}

bool publish_read_form(struct publish_parser *parser, struct slice body)
{
    uint8_t *scratch = arena_take(&parser->batch->texts, body.length);
    if (scratch == NULL) {
        return publish_fail(parser, ERR_OVERLOADED, MEMBER_POSITION_NONE, "%s",
                            error_text(ERR_OVERLOADED));
    }
    struct query query;
    struct slice name;
    struct slice value;
    uint32_t seen = 0;
    query_begin(&query, body, scratch);
    for (;;) {
        size_t position = query.position;
        int next = query_next(&query, &name, &value);
        if (next == 0) {
            break;
        }
        if (next < 0) {
            return publish_fail(parser, ERR_SERIALIZATION_ERROR, query.fault_position,
                                "this is no form: a %% is followed by two hexadecimal digits");
        }
        enum form_field field = form_find(name);
        if (field == FIELDS) {
            return form_fail_unknown(parser, name, position);
        }
        if (value.at == NULL) {
            return publish_fail(parser, ERR_INVALID_PARAMETER, position, "\"%s\" has no value",
                                field_names[field]);
        }
        bool may_repeat = field == FIELD_tag || field == FIELD_topic;
        if ((seen & 1U << field) != 0 && !may_repeat) {
            return publish_fail(parser, ERR_INVALID_PARAMETER, position, "\"%s\" is given twice",
                                field_names[field]);
        }
        seen |= 1U << field;
        parser->own_kinds |= field_kinds[field] == 0 ? 0 : 1U << field_kinds[field];
        if (!form_read_field(parser, field, position, value)) {
            return false;
        }
    }
    return (seen & 1U << FIELD_data) != 0 ||
           publish_fail(parser, ERR_MISSING_PARAMETER, MEMBER_POSITION_NONE, "\"data\" is missing");
}
