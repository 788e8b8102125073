#include "wire/event_json.h"

#include "base/json_compact.h"
#include "base/limits.h"

// Names are cut off only where event_validate would refuse them too, so that its message is given.
bool event_json_stream(struct member_reader *reader, const struct event_target *target)
{
    return member_read_text(reader, 4 * NAME_BYTES_MAX, &target->event->stream);
}

bool event_json_type(struct member_reader *reader, const struct event_target *target)
{
    return member_read_text(reader, 4 * TYPE_BYTES_MAX, &target->event->type);
}

// Any value, without looking further than it may reach.
static bool read_bounded(struct member_reader *reader, size_t bytes_max, struct slice *raw)
{
    struct json_scanner *scanner = &reader->scanner;
    size_t position = member_position(reader);
    size_t whole = scanner->text.length;
    bool is_cut = whole - position > bytes_max;
    scanner->text.length = is_cut ? position + bytes_max : whole;
    bool is_read = json_read_raw(scanner, raw);
    scanner->text.length = whole;
    bool is_beyond = is_read ? raw->length == bytes_max : scanner->fault == JSON_FAULT_TRUNCATED;
    if (is_cut && is_beyond) {
        return member_fail(reader, ERR_TOO_LARGE, position,
                           "\"data\" is JSON of more than %zu bytes as it stands", bytes_max);
    }
    return is_read || member_fail_json(reader, "JSON");
}

bool event_json_data(struct member_reader *reader, const struct event_target *target)
{
    size_t position = member_position(reader);
    if (json_peek(&reader->scanner) == JSON_STRING) {
        return member_read_text(reader, target->data_bytes_max, &target->event->data);
    }
    struct slice raw = slice_empty();
    if (!read_bounded(reader, target->json_bytes_max, &raw)) {
        return false;
    }
    size_t length = json_compact_length(raw);
    if (length > target->data_bytes_max) {
        return member_fail(reader, ERR_TOO_LARGE, position,
                           "\"data\" is %zu bytes of JSON long, the limit is %zu", length,
                           target->data_bytes_max);
    }
    if (length < raw.length) {
        uint8_t *into = member_take(reader, length, position);
        if (into == NULL) {
            return false;
        }
        json_compact(into, raw);
        raw = slice_from(into, length);
    }
    target->event->data = raw;
    return true;
}

bool event_json_priority(struct member_reader *reader, const struct event_target *target)
{
    static const char expected[] = "critical, high, normal, low or background, or 0 to 4";
    size_t position = member_position(reader);
    struct slice name;
    if (json_peek(&reader->scanner) == JSON_NUMBER) {
        if (!json_read_raw(&reader->scanner, &name)) {
            return member_fail_json(reader, expected);
        }
    } else if (!member_read_text(reader, NAME_BYTES_MAX, &name)) {
        return false;
    }
    return event_priority_parse(name, &target->event->priority) ||
           member_fail_value(reader, position, expected);
}

// ---- attributes --------------------------------------------------------------------------------

static bool add_attribute(struct member_reader *reader, const struct event_target *target,
                          uint8_t kind, struct slice value, size_t position)
{
    return event_attribute_append(target->attributes, kind, value) ||
           member_fail(reader, ERR_TOO_LARGE, position, "the attributes are too long in all");
}

// A string, as it is meant, of at most ATTRIBUTE_BYTES_MAX bytes, which `text` has room for.
static bool read_short_text(struct member_reader *reader, uint8_t *text, struct slice *value)
{
    size_t position = member_position(reader);
    struct json_string string;
    if (!json_read_string(&reader->scanner, &string)) {
        return member_fail_json(reader, "a string");
    }
    return json_string_slice(string, text, ATTRIBUTE_BYTES_MAX, value) &&
                   value->length <= ATTRIBUTE_BYTES_MAX
               ? true
               : member_fail(reader, ERR_TOO_LARGE, position,
                             "\"%s\" is %zu bytes long, the limit is %d", reader->key,
                             string.length, ATTRIBUTE_BYTES_MAX);
}

static bool read_attribute(struct member_reader *reader, const struct event_target *target,
                           uint8_t kind)
{
    size_t position = member_position(reader);
    uint8_t text[ATTRIBUTE_BYTES_MAX];
    struct slice value = slice_empty();
    return read_short_text(reader, text, &value) &&
           add_attribute(reader, target, kind, value, position);
}

static bool read_attributes(struct member_reader *reader, const struct event_target *target,
                            uint8_t kind)
{
    if (!json_enter_array(&reader->scanner)) {
        return member_fail_json(reader, "an array of strings");
    }
    while (json_next_element(&reader->scanner)) {
        if (!read_attribute(reader, target, kind)) {
            return false;
        }
    }
    return reader->scanner.fault == JSON_OK || member_fail_json(reader, "an array of strings");
}

bool event_json_tags(struct member_reader *reader, const struct event_target *target)
{
    return read_attributes(reader, target, ATTRIBUTE_TAG);
}

bool event_json_source(struct member_reader *reader, const struct event_target *target)
{
    return read_attribute(reader, target, ATTRIBUTE_SOURCE);
}

bool event_json_correlation_id(struct member_reader *reader, const struct event_target *target)
{
    return read_attribute(reader, target, ATTRIBUTE_CORRELATION);
}

bool event_json_content_type(struct member_reader *reader, const struct event_target *target)
{
    return read_attribute(reader, target, ATTRIBUTE_CONTENT_TYPE);
}

bool event_json_topics(struct member_reader *reader, const struct event_target *target)
{
    return read_attributes(reader, target, ATTRIBUTE_TOPIC);
}

// A string, or a number or switch as its text.
static bool read_custom_value(struct member_reader *reader, uint8_t *text, struct slice *value)
{
    size_t position = member_position(reader);
    switch (json_peek(&reader->scanner)) {
    case JSON_NUMBER:
    case JSON_BOOLEAN:
        return json_read_raw(&reader->scanner, value) || member_fail_json(reader, "an object");
    case JSON_STRING: return read_short_text(reader, text, value);
    default:
        if (reader->scanner.fault != JSON_OK) {
            return member_fail_json(reader, "an object");
        }
        return member_fail_value(reader, position,
                                 "an object whose values are strings, numbers, true or false");
    }
}

static bool read_custom_member(struct member_reader *reader, const struct event_target *target,
                               struct json_string key)
{
    size_t position = member_position(reader);
    uint8_t text[ATTRIBUTE_BYTES_MAX];
    uint8_t pair[2 * ATTRIBUTE_BYTES_MAX + 1];
    struct slice value = slice_empty();
    if (!read_custom_value(reader, text, &value)) {
        return false;
    }
    if (key.length > ATTRIBUTE_BYTES_MAX) {
        return member_fail(reader, ERR_TOO_LARGE, position,
                           "\"%s\" is %zu bytes long, the limit is %d", reader->key, key.length,
                           ATTRIBUTE_BYTES_MAX);
    }
    json_unescape(key, pair);
    if (slice_find(slice_from(pair, key.length), 0) < key.length ||
        value.length > ATTRIBUTE_BYTES_MAX) {
        return member_fail_value(reader, position, "an object of short texts");
    }
    pair[key.length] = 0;
    if (value.length > 0) {
        memcpy(pair + key.length + 1, value.at, value.length);
    }
    return add_attribute(reader, target, ATTRIBUTE_CUSTOM,
                         slice_from(pair, key.length + 1 + value.length), position);
}

bool event_json_custom(struct member_reader *reader, const struct event_target *target)
{
    if (!json_enter_object(&reader->scanner)) {
        return member_fail_json(reader, "an object");
    }
    struct json_string key;
    while (json_next_member(&reader->scanner, &key)) {
        if (!read_custom_member(reader, target, key)) {
            return false;
        }
    }
    return reader->scanner.fault == JSON_OK || member_fail_json(reader, "an object");
}

// ---- numbers and switches ----------------------------------------------------------------------

bool event_json_ttl_ms(struct member_reader *reader, const struct event_target *target)
{
    return member_read_u32(reader, &target->event->ttl_ms);
}

bool event_json_retry(struct member_reader *reader, const struct event_target *target)
{
    return member_read_u32(reader, &target->event->retry_ms);
}

bool event_json_ephemeral(struct member_reader *reader, const struct event_target *target)
{
    return member_read_switch(reader, &target->event->ephemeral);
}

bool event_json_producer_id(struct member_reader *reader, const struct event_target *target)
{
    return member_read_u64(reader, UINT64_MAX, &target->event->producer_id);
}

bool event_json_epoch(struct member_reader *reader, const struct event_target *target)
{
    return member_read_u32(reader, &target->event->producer_epoch);
}

bool event_json_producer_sequence(struct member_reader *reader, const struct event_target *target)
{
    return member_read_u64(reader, UINT64_MAX, &target->event->producer_sequence);
}
