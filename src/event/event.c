#include "event/event.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "event/frame.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const priority_names[] = {
    [PRIORITY_CRITICAL] = "critical",     [PRIORITY_HIGH] = "high",
    [PRIORITY_NORMAL] = "normal",         [PRIORITY_LOW] = "low",
    [PRIORITY_BACKGROUND] = "background",
};

static const char *const ack_level_names[] = {
    [ACK_RECEIVED] = "received",
    [ACK_WRITTEN] = "written",
    [ACK_SYNCED] = "synced",
};

enum {
    PRIORITY_COUNT = sizeof priority_names / sizeof *priority_names,
    ACK_LEVEL_COUNT = sizeof ack_level_names / sizeof *ack_level_names,
    ATTRIBUTE_HEADER_BYTES = 4,
};

struct complaint {
    char *message;
    size_t size;
};

__attribute__((format(printf, 3, 4))) static enum rc_error complain(
    const struct complaint *complaint, enum rc_error error, const char *format, ...)
{
    if (complaint->size > 0) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(complaint->message, complaint->size, format, arguments);
        va_end(arguments);
    }
    return error;
}

static bool is_plain_text(struct slice text)
{
    return utf8_is_valid(text) && !utf8_has_control(text);
}

bool event_name_is_valid(struct slice name)
{
    return name.length >= 1 && name.length <= NAME_BYTES_MAX && is_plain_text(name);
}

bool event_priority_parse(struct slice text, enum event_priority *priority)
{
    if (text.length == 1 && text.at[0] >= '0' && text.at[0] < '0' + PRIORITY_COUNT) {
        *priority = (enum event_priority)(text.at[0] - '0');
        return true;
    }
    for (int i = 0; i < PRIORITY_COUNT; i++) {
        if (slice_equal_text(text, priority_names[i])) {
            *priority = (enum event_priority)i;
            return true;
        }
    }
    return false;
}

const char *event_priority_name(enum event_priority priority)
{
    ASSERT((unsigned)priority < PRIORITY_COUNT);
    return priority_names[priority];
}

bool event_ack_level_parse(struct slice text, enum ack_level *level)
{
    for (int i = 0; i < ACK_LEVEL_COUNT; i++) {
        if (slice_equal_text(text, ack_level_names[i])) {
            *level = (enum ack_level)i;
            return true;
        }
    }
    return false;
}

bool event_attribute_next(struct slice *rest, struct attribute *attribute, bool *malformed)
{
    *malformed = false;
    if (rest->length == 0) {
        return false;
    }
    if (rest->length < ATTRIBUTE_HEADER_BYTES || rest->at[0] == 0 || rest->at[1] != 0) {
        *malformed = true;
        return false;
    }
    size_t length = load_le16(rest->at + 2);
    if (length > rest->length - ATTRIBUTE_HEADER_BYTES) {
        *malformed = true;
        return false;
    }
    attribute->kind = rest->at[0];
    attribute->value = slice_from(rest->at + ATTRIBUTE_HEADER_BYTES, length);
    *rest = slice_after(*rest, ATTRIBUTE_HEADER_BYTES + length);
    return true;
}

bool event_attribute_append(struct buffer *list, uint8_t kind, struct slice value)
{
    ASSERT(kind != 0);
    ASSERT(value.length <= UINT16_MAX);
    uint8_t *at = buffer_reserve(list, ATTRIBUTE_HEADER_BYTES + value.length);
    if (at == NULL) {
        return false;
    }
    at[0] = kind;
    at[1] = 0;
    store_le16(at + 2, (uint16_t)value.length);
    if (value.length > 0) {
        memcpy(at + ATTRIBUTE_HEADER_BYTES, value.at, value.length);
    }
    buffer_commit(list, ATTRIBUTE_HEADER_BYTES + value.length);
    return true;
}

// What an attribute is called in messages, and how often it may stand in one event. Kinds that are
// not listed are unknown: kept unlooked at, bounded by ATTRIBUTES_BYTES_MAX only.
struct attribute_rule {
    const char *name;
    uint32_t count_max;
};

static const struct attribute_rule attribute_rules[] = {
    [ATTRIBUTE_TAG] = {"tag", TAGS_MAX},
    [ATTRIBUTE_SOURCE] = {"source", 1},
    [ATTRIBUTE_CORRELATION] = {"correlation id", 1},
    [ATTRIBUTE_CONTENT_TYPE] = {"content type", 1},
    [ATTRIBUTE_CUSTOM] = {"custom attribute", TAGS_MAX},
    [ATTRIBUTE_TOPIC] = {"topic", TAGS_MAX},
};

enum { ATTRIBUTE_RULES = sizeof attribute_rules / sizeof *attribute_rules };

static enum rc_error custom_validate(struct slice value, const struct complaint *complaint)
{
    size_t separator = slice_find(value, 0);
    if (separator == value.length) {
        return complain(complaint, ERR_INVALID_PARAMETER,
                        "a custom attribute has no NUL between its key and its value");
    }
    struct slice key = slice_first(value, separator);
    struct slice text = slice_after(value, separator + 1);
    if (key.length == 0 || key.length > ATTRIBUTE_BYTES_MAX || !is_plain_text(key)) {
        return complain(complaint, ERR_INVALID_PARAMETER,
                        "a custom attribute's key must be 1 to %d bytes of UTF-8 without control "
                        "characters",
                        ATTRIBUTE_BYTES_MAX);
    }
    if (text.length > ATTRIBUTE_BYTES_MAX || !is_plain_text(text)) {
        return complain(complaint, ERR_INVALID_PARAMETER,
                        "a custom attribute's value must be at most %d bytes of UTF-8 without "
                        "control characters",
                        ATTRIBUTE_BYTES_MAX);
    }
    return ERR_NONE;
}

static enum rc_error attribute_validate(const struct attribute *attribute, uint32_t *counts,
                                        const struct complaint *complaint)
{
    if (attribute->kind >= ATTRIBUTE_PRODUCER || attribute->kind == ATTRIBUTE_TYPE ||
        attribute->kind == ATTRIBUTE_RETRY) {
        return complain(complaint, ERR_INVALID_PARAMETER,
                        "attribute kind %u may not stand in the attribute list", attribute->kind);
    }
    if (attribute->kind >= ATTRIBUTE_RULES || attribute_rules[attribute->kind].name == NULL) {
        return ERR_NONE;
    }
    const struct attribute_rule *rule = &attribute_rules[attribute->kind];
    if (++counts[attribute->kind] > rule->count_max) {
        return complain(complaint, ERR_INVALID_PARAMETER, "more than %u %s%s in one event",
                        rule->count_max, rule->name, rule->count_max == 1 ? "" : "s");
    }
    if (attribute->kind == ATTRIBUTE_CUSTOM) {
        return custom_validate(attribute->value, complaint);
    }
    if (attribute->value.length > ATTRIBUTE_BYTES_MAX || !is_plain_text(attribute->value)) {
        return complain(complaint, ERR_INVALID_PARAMETER,
                        "a %s must be at most %d bytes of UTF-8 without control characters",
                        rule->name, ATTRIBUTE_BYTES_MAX);
    }
    if (attribute->kind == ATTRIBUTE_TOPIC && !event_name_is_valid(attribute->value)) {
        return complain(complaint, ERR_INVALID_NAME, "a topic may not be empty");
    }
    return ERR_NONE;
}

static enum rc_error attributes_validate(struct slice list, const struct complaint *complaint)
{
    if (list.length > ATTRIBUTES_BYTES_MAX) {
        return complain(complaint, ERR_TOO_LARGE,
                        "the attributes are %zu bytes long, the limit is %d", list.length,
                        ATTRIBUTES_BYTES_MAX);
    }
    uint32_t counts[ATTRIBUTE_RULES] = {0};
    struct attribute attribute;
    bool malformed;
    while (event_attribute_next(&list, &attribute, &malformed)) {
        enum rc_error error = attribute_validate(&attribute, counts, complaint);
        if (error != ERR_NONE) {
            return error;
        }
    }
    return malformed ? complain(complaint, ERR_INVALID_REQUEST, "the attribute list is malformed")
                     : ERR_NONE;
}

static enum rc_error data_validate(const struct event *event, const struct complaint *complaint)
{
    if (event->data.length > EVENT_BYTES_MAX) {
        return complain(complaint, ERR_TOO_LARGE, "the data are %zu bytes long, the limit is %d",
                        event->data.length, EVENT_BYTES_MAX);
    }
    if (!event->binary && !utf8_is_valid(event->data)) {
        return complain(complaint, ERR_SERIALIZATION_ERROR,
                        "the data are not UTF-8 (at byte %zu); binary data must be said to be so",
                        utf8_valid_length(event->data));
    }
    // A frame grows beyond its limit only by its many lines, so that most need not be counted.
    if (event->data.length > FRAME_BYTES_MAX / 8) {
        size_t frame = frame_size_max(event, frame_form_of(event));
        if (frame > FRAME_BYTES_MAX) {
            return complain(complaint, ERR_TOO_LARGE,
                            "the data have so many lines that their frame is %zu bytes long, the "
                            "limit is %d",
                            frame, FRAME_BYTES_MAX);
        }
    }
    return ERR_NONE;
}

enum rc_error event_validate(const struct event *event, char *message, size_t message_size)
{
    const struct complaint complaint = {message, message_size};
    if (message_size > 0) {
        message[0] = 0;
    }
    if (!event_name_is_valid(event->stream)) {
        return complain(&complaint, ERR_INVALID_NAME,
                        "the stream's name must be 1 to %d bytes of UTF-8 without control "
                        "characters, not %zu bytes%s",
                        NAME_BYTES_MAX, event->stream.length,
                        event->stream.length - 1 < NAME_BYTES_MAX ? " with such" : "");
    }
    if (event->type.length > TYPE_BYTES_MAX || !is_plain_text(event->type)) {
        return complain(&complaint, ERR_INVALID_PARAMETER,
                        "the type must be at most %d bytes of UTF-8 without control characters",
                        TYPE_BYTES_MAX);
    }
    if ((unsigned)event->priority >= PRIORITY_COUNT) {
        return complain(&complaint, ERR_INVALID_PARAMETER, "the priority must be 0 to %d, not %u",
                        PRIORITY_COUNT - 1, (unsigned)event->priority);
    }
    enum rc_error error = attributes_validate(event->attributes, &complaint);
    return error != ERR_NONE ? error : data_validate(event, &complaint);
}
