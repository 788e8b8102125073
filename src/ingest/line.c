#include "ingest/line.h"

#include "base/assert.h"
#include "base/json_writer.h"
#include "base/limits.h"
#include "base/text.h"
#include "conn/connection_id.h"
#include "ingest/json_compact.h"
#include "ingest/line_reader.h"

enum {
    KEY_SHOWN_BYTES_MAX = 40,
};

typedef bool (*line_read)(struct line_reader *reader);

#define BIT(operation) (1U << (operation))

enum {
    FOR_PUBLISH = BIT(LINE_PUBLISH),
    FOR_FRAME = BIT(LINE_PUBLISH) | BIT(LINE_SEND) | BIT(LINE_BROADCAST),
    FOR_CONNECTION = BIT(LINE_CONNECTION) | BIT(LINE_CLOSE) | BIT(LINE_SEND),
    FOR_STREAM = BIT(LINE_PUBLISH) | BIT(LINE_PRESSURE) | BIT(LINE_SET) | BIT(LINE_DISCARD),
    FOR_LIST = BIT(LINE_CONNECTIONS) | BIT(LINE_STREAMS),
    FOR_SET = BIT(LINE_SET),
    FOR_ALL = BIT(LINE_OPERATIONS) - 1,
    // Of those, where it has to be given.
    NEEDS_STREAM = BIT(LINE_PUBLISH) | BIT(LINE_SET) | BIT(LINE_DISCARD),
};

// X(key, operations that know it, operations that need it)
#define LINE_MEMBERS(X)                                        \
    X(op, FOR_ALL, 0)                                          \
    X(ref, FOR_ALL, 0)                                         \
    X(stream, FOR_STREAM, NEEDS_STREAM)                        \
    X(type, FOR_FRAME, 0)                                      \
    X(data, FOR_FRAME, FOR_FRAME)                              \
    X(ack, FOR_PUBLISH | BIT(LINE_SET) | BIT(LINE_DISCARD), 0) \
    X(priority, FOR_FRAME, 0)                                  \
    X(tags, FOR_PUBLISH, 0)                                    \
    X(source, FOR_PUBLISH, 0)                                  \
    X(correlation_id, FOR_PUBLISH, 0)                          \
    X(content_type, FOR_PUBLISH, 0)                            \
    X(topics, FOR_PUBLISH, 0)                                  \
    X(custom, FOR_PUBLISH, 0)                                  \
    X(ttl_ms, FOR_PUBLISH, 0)                                  \
    X(retry, FOR_FRAME, 0)                                     \
    X(ephemeral, FOR_PUBLISH, 0)                               \
    X(producer_id, FOR_PUBLISH, 0)                             \
    X(epoch, FOR_PUBLISH, 0)                                   \
    X(producer_sequence, FOR_PUBLISH, 0)                       \
    X(reach, FOR_PUBLISH, 0)                                   \
    X(limit, FOR_LIST, 0)                                      \
    X(prefix, BIT(LINE_STREAMS), 0)                            \
    X(connection, FOR_CONNECTION, FOR_CONNECTION)

enum line_member {
#define X(key, ...) MEMBER_##key,
    LINE_MEMBERS(X) LINE_SETTINGS(X)
#undef X
        MEMBERS
};
STATIC_ASSERT(MEMBERS <= 64, "seen is one word");

static const char *const operation_names[LINE_OPERATIONS] = {
    [LINE_PUBLISH] = "publish",
    [LINE_STATUS] = "status",
    [LINE_CONNECTIONS] = "connections",
    [LINE_STREAMS] = "streams",
    [LINE_PRESSURE] = "pressure",
    [LINE_CLOSE] = "close",
    [LINE_SEND] = "send",
    [LINE_BROADCAST] = "broadcast",
    [LINE_SET] = "set",
    [LINE_DISCARD] = "discard",
    [LINE_CONNECTION] = "connection",
};

static const char *const member_names[MEMBERS] = {
#define X(key, ...) #key,
    LINE_MEMBERS(X) LINE_SETTINGS(X)
#undef X
};

// ---- members -----------------------------------------------------------------------------------

static bool read_op(struct line_reader *reader)
{
    size_t position = line_position(reader);
    struct slice name;
    if (!line_read_text(reader, NAME_BYTES_MAX, &name)) {
        return false;
    }
    for (int i = 0; i < LINE_OPERATIONS; i++) {
        if (slice_equal_text(name, operation_names[i])) {
            reader->request->operation = (enum line_operation)i;
            return true;
        }
    }
    const char *nearest = text_nearest(name, operation_names, LINE_OPERATIONS);
    if (name.length > KEY_SHOWN_BYTES_MAX) {
        name = (struct slice)SLICE_LITERAL("(a long name)");
    }
    return line_fail(reader, ERR_INVALID_PARAMETER, position,
                     "there is no operation \"" SLICE_FORMAT "\"%s%s%s", SLICE_ARGUMENTS(name),
                     nearest == NULL ? "" : "; did you mean \"", nearest == NULL ? "" : nearest,
                     nearest == NULL ? "" : "\"?");
}

static bool read_ref(struct line_reader *reader)
{
    size_t position = line_position(reader);
    enum json_type type = json_peek(&reader->scanner);
    struct slice raw;
    if (!json_read_raw(&reader->scanner, &raw)) {
        return line_fail_json(reader, "a string, a number, true, false or null");
    }
    if (type == JSON_OBJECT || type == JSON_ARRAY) {
        return line_fail_value(reader, position, "a string, a number, true, false or null");
    }
    if (raw.length > LINE_REF_BYTES_MAX) {
        return line_fail(reader, ERR_TOO_LARGE, position,
                         "\"ref\" is %zu bytes long, the limit is %d", raw.length,
                         LINE_REF_BYTES_MAX);
    }
    reader->request->ref = raw;
    return true;
}

// Names are cut off only where event_validate would refuse them too, so that its message is given.
static bool read_stream(struct line_reader *reader)
{
    return line_read_text(reader, 4 * NAME_BYTES_MAX, &reader->request->event.stream);
}

static bool read_type(struct line_reader *reader)
{
    return line_read_text(reader, 4 * TYPE_BYTES_MAX, &reader->request->event.type);
}

static bool read_data(struct line_reader *reader)
{
    size_t position = line_position(reader);
    if (json_peek(&reader->scanner) == JSON_STRING) {
        return line_read_text(reader, reader->event_bytes_max, &reader->request->event.data);
    }
    struct slice raw;
    if (!json_read_raw(&reader->scanner, &raw)) {
        return line_fail_json(reader, "JSON");
    }
    size_t length = json_compact_length(raw);
    if (length > reader->event_bytes_max) {
        return line_fail(reader, ERR_TOO_LARGE, position,
                         "\"data\" is %zu bytes of JSON long, the limit is %zu", length,
                         reader->event_bytes_max);
    }
    if (length < raw.length) {
        uint8_t *into = line_take(reader, length);
        if (into == NULL) {
            return line_fail(reader, ERR_TOO_LARGE, position,
                             "the line's texts are too long in all");
        }
        json_compact(into, raw);
        raw = slice_from(into, length);
    }
    reader->request->event.data = raw;
    return true;
}

static bool read_ack(struct line_reader *reader)
{
    size_t position = line_position(reader);
    struct slice name;
    return line_read_text(reader, NAME_BYTES_MAX, &name) &&
           (event_ack_level_parse(name, &reader->request->level) ||
            line_fail_value(reader, position, "\"received\", \"written\" or \"synced\""));
}

static bool read_priority(struct line_reader *reader)
{
    static const char expected[] = "critical, high, normal, low or background, or 0 to 4";
    size_t position = line_position(reader);
    struct slice name;
    if (json_peek(&reader->scanner) == JSON_NUMBER) {
        if (!json_read_raw(&reader->scanner, &name)) {
            return line_fail_json(reader, expected);
        }
    } else if (!line_read_text(reader, NAME_BYTES_MAX, &name)) {
        return false;
    }
    return event_priority_parse(name, &reader->request->event.priority) ||
           line_fail_value(reader, position, expected);
}

static bool read_tags(struct line_reader *reader)
{
    return line_read_attributes(reader, ATTRIBUTE_TAG);
}

static bool read_source(struct line_reader *reader)
{
    return line_read_attribute(reader, ATTRIBUTE_SOURCE);
}

static bool read_correlation_id(struct line_reader *reader)
{
    return line_read_attribute(reader, ATTRIBUTE_CORRELATION);
}

static bool read_content_type(struct line_reader *reader)
{
    return line_read_attribute(reader, ATTRIBUTE_CONTENT_TYPE);
}

static bool read_topics(struct line_reader *reader)
{
    return line_read_attributes(reader, ATTRIBUTE_TOPIC);
}

// One member of "custom": a string, or a number or switch as its text.
static bool read_custom_member(struct line_reader *reader, struct json_string key)
{
    size_t position = line_position(reader);
    struct slice value;
    switch (json_peek(&reader->scanner)) {
    case JSON_NUMBER:
    case JSON_BOOLEAN:
        if (!json_read_raw(&reader->scanner, &value)) {
            return line_fail_json(reader, "an object");
        }
        break;
    case JSON_STRING:
        if (!line_read_text(reader, ATTRIBUTE_BYTES_MAX, &value)) {
            return false;
        }
        break;
    default:
        if (reader->scanner.fault != JSON_OK) {
            return line_fail_json(reader, "an object");
        }
        return line_fail_value(reader, position,
                               "an object whose values are strings, numbers, true or false");
    }
    struct slice name;
    if (!line_unescape(reader, key, position, ATTRIBUTE_BYTES_MAX, &name)) {
        return false;
    }
    if (slice_find(name, 0) < name.length || value.length > ATTRIBUTE_BYTES_MAX) {
        return line_fail_value(reader, position, "an object of short texts");
    }
    uint8_t pair[2 * ATTRIBUTE_BYTES_MAX + 1];
    memcpy(pair, name.at, name.length);
    pair[name.length] = 0;
    memcpy(pair + name.length + 1, value.at, value.length);
    return line_add_attribute(reader, ATTRIBUTE_CUSTOM,
                              slice_from(pair, name.length + 1 + value.length), position);
}

static bool read_custom(struct line_reader *reader)
{
    if (!json_enter_object(&reader->scanner)) {
        return line_fail_json(reader, "an object");
    }
    struct json_string key;
    while (json_next_member(&reader->scanner, &key)) {
        if (!read_custom_member(reader, key)) {
            return false;
        }
    }
    return reader->scanner.fault == JSON_OK || line_fail_json(reader, "an object");
}

static bool read_ttl_ms(struct line_reader *reader)
{
    return line_read_u32(reader, &reader->request->event.ttl_ms);
}

static bool read_retry(struct line_reader *reader)
{
    return line_read_u32(reader, &reader->request->event.retry_ms);
}

static bool read_ephemeral(struct line_reader *reader)
{
    return line_read_switch(reader, &reader->request->event.ephemeral);
}

static bool read_producer_id(struct line_reader *reader)
{
    return line_read_u64(reader, UINT64_MAX, &reader->request->event.producer_id);
}

static bool read_epoch(struct line_reader *reader)
{
    return line_read_u32(reader, &reader->request->event.producer_epoch);
}

static bool read_producer_sequence(struct line_reader *reader)
{
    return line_read_u64(reader, UINT64_MAX, &reader->request->event.producer_sequence);
}

static bool read_reach(struct line_reader *reader)
{
    return line_read_switch(reader, &reader->request->reach);
}

static bool read_limit(struct line_reader *reader)
{
    uint64_t limit;
    if (!line_read_u64(reader, LINE_LIMIT_MAX, &limit)) {
        return false;
    }
    reader->request->limit = (uint32_t)limit;
    return true;
}

static bool read_prefix(struct line_reader *reader)
{
    return line_read_text(reader, NAME_BYTES_MAX, &reader->request->prefix);
}

static bool read_connection(struct line_reader *reader)
{
    size_t position = line_position(reader);
    struct slice text;
    return line_read_text(reader, NAME_BYTES_MAX, &text) &&
           (connection_id_parse(text, &reader->request->connection_id) ||
            line_fail_value(reader, position, "a connection's id: 16 hexadecimal digits"));
}

struct line_member_rule {
    line_read read;
    uint32_t known;
    uint32_t needed;
};

static const struct line_member_rule member_rules[MEMBERS] = {
#define X(key, known, needed) {read_##key, known, needed},
    LINE_MEMBERS(X)
#undef X
#define X(key) {line_setting_##key, FOR_SET, 0},
        LINE_SETTINGS(X)
#undef X
};

// ---- the whole line ----------------------------------------------------------------------------

static bool line_fail_key(struct line_reader *reader, struct json_string key, const char *what)
{
    uint8_t shown[KEY_SHOWN_BYTES_MAX];
    struct slice name = slice_empty();
    bool is_short = json_string_slice(key, shown, sizeof shown, &name);
    if (!is_short || name.length > KEY_SHOWN_BYTES_MAX) {
        name = (struct slice)SLICE_LITERAL("(a long key)");
    }
    size_t position = (size_t)(key.raw.at - reader->scanner.text.at) - 1;
    const char *nearest = text_nearest(name, member_names, MEMBERS);
    return line_fail(reader, ERR_INVALID_PARAMETER, position, "\"" SLICE_FORMAT "\" %s%s%s%s",
                     SLICE_ARGUMENTS(name), what, nearest == NULL ? "" : "; did you mean \"",
                     nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?");
}

static bool line_read_member(struct line_reader *reader, struct json_string key)
{
    for (int i = 0; i < MEMBERS; i++) {
        if (!json_string_is(key, member_names[i])) {
            continue;
        }
        if ((reader->seen & UINT64_C(1) << i) != 0) {
            return line_fail(reader, ERR_INVALID_PARAMETER,
                             (size_t)(key.raw.at - reader->scanner.text.at) - 1,
                             "\"%s\" is given twice", member_names[i]);
        }
        reader->seen |= UINT64_C(1) << i;
        reader->key = member_names[i];
        return member_rules[i].read(reader);
    }
    return line_fail_key(reader, key, "is not known");
}

static bool has_member(const struct line_reader *reader, int member)
{
    return (reader->seen & UINT64_C(1) << member) != 0;
}

// What has to be there, and what goes together.
static bool line_check(struct line_reader *reader)
{
    struct line_request *request = reader->request;
    uint32_t operation = BIT(request->operation);
    for (int i = 0; i < MEMBERS; i++) {
        bool is_given = has_member(reader, i);
        if (is_given && (member_rules[i].known & operation) == 0) {
            return line_fail(reader, ERR_INVALID_PARAMETER, LINE_POSITION_NONE,
                             "\"%s\" does not go with the operation \"%s\"", member_names[i],
                             operation_names[request->operation]);
        }
        if (!is_given && (member_rules[i].needed & operation) != 0) {
            return line_fail(reader, ERR_MISSING_PARAMETER, LINE_POSITION_NONE, "\"%s\" is missing",
                             member_names[i]);
        }
    }
    bool has_id = has_member(reader, MEMBER_producer_id);
    bool has_sequence = has_member(reader, MEMBER_producer_sequence);
    bool has_epoch = has_member(reader, MEMBER_epoch);
    if (has_id != has_sequence || (has_epoch && !has_id)) {
        return line_fail(
            reader, ERR_MISSING_PARAMETER, LINE_POSITION_NONE,
            "\"producer_id\" and \"producer_sequence\" are given together or not at all");
    }
    if (has_id && (request->event.producer_id == 0 || request->event.producer_sequence == 0)) {
        return line_fail(reader, ERR_INVALID_PARAMETER, LINE_POSITION_NONE,
                         "\"producer_id\" and \"producer_sequence\" begin at 1");
    }
    if (has_member(reader, MEMBER_overflow) && has_member(reader, MEMBER_strategy)) {
        return line_fail(reader, ERR_INVALID_PARAMETER, LINE_POSITION_NONE,
                         "\"overflow\" and \"strategy\" say the same: one of them is given");
    }
    if (request->operation == LINE_SET && request->settings.parts == 0) {
        request->settings.parts = SETTINGS_RETENTION;
    }
    return true;
}

static bool line_read_object(struct line_reader *reader)
{
    struct json_string key;
    if (!json_enter_object(&reader->scanner)) {
        return line_fail_json(reader, "");
    }
    while (json_next_member(&reader->scanner, &key)) {
        if (!line_read_member(reader, key)) {
            return false;
        }
        reader->key = NULL;
    }
    if (!json_finish(&reader->scanner)) {
        return line_fail_json(reader, "");
    }
    return line_check(reader);
}

struct slice line_find_ref(struct slice line)
{
    struct json_scanner scanner;
    json_begin(&scanner, line);
    if (!json_enter_object(&scanner)) {
        return slice_empty();
    }
    struct json_string key;
    while (json_next_member(&scanner, &key)) {
        bool is_ref = json_string_is(key, "ref");
        enum json_type type = json_peek(&scanner);
        struct slice raw;
        if (!json_read_raw(&scanner, &raw)) {
            break;
        }
        if (is_ref) {
            bool is_scalar = type != JSON_OBJECT && type != JSON_ARRAY;
            return is_scalar && raw.length <= LINE_REF_BYTES_MAX ? raw : slice_empty();
        }
    }
    return slice_empty();
}

bool line_parse(struct slice line, struct line_scratch *scratch, size_t event_bytes_max,
                struct line_request *request, struct line_fault *fault)
{
    scratch->used_bytes = 0;
    buffer_clear(&scratch->attributes);
    *request = (struct line_request){
        .operation = LINE_PUBLISH,
        .event.priority = PRIORITY_NORMAL,
        .level = ACK_WRITTEN,
        .limit = LINE_LIMIT_DEFAULT,
    };
    struct line_reader reader = {
        .request = request,
        .scratch = scratch,
        .fault = fault,
        .event_bytes_max = event_bytes_max,
    };
    json_begin(&reader.scanner, line);
    if (!line_read_object(&reader)) {
        request->ref = line_find_ref(line);
        return false;
    }
    request->event.attributes = buffer_slice(&scratch->attributes);
    return true;
}

void line_write_error(struct buffer *out, struct slice ref, enum rc_error error,
                      const char *message, size_t position)
{
    struct json_writer writer = json_writer_on(out);
    json_write_object_open(&writer);
    if (ref.length > 0) {
        json_write_key(&writer, "ref");
        json_write_raw(&writer, ref);
    }
    json_write_key(&writer, "error");
    json_write_text(&writer, error_code(error));
    json_write_key(&writer, "message");
    json_write_text(&writer, message != NULL ? message : error_text(error));
    if (position != LINE_POSITION_NONE) {
        json_write_key(&writer, "position");
        json_write_u64(&writer, position);
    }
    json_write_object_close(&writer);
}
