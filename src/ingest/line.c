#include "ingest/line.h"

#include "base/assert.h"
#include "base/json_writer.h"
#include "base/limits.h"
#include "base/text.h"
#include "conn/connection_id.h"
#include "wire/event_json.h"
#include "wire/settings_json.h"

#include <errno.h>

enum {
    KEY_SHOWN_BYTES_MAX = 40,
    // Beside the data: the names of whatever is refused.
    SCRATCH_MORE_BYTES = 64 << 10,
    ATTRIBUTES_BYTES = 4 << 10, // of an ordinary event's list
};

struct line_reader {
    struct member_reader members;
    struct event_target event;
    struct line_request *request;
};

#define BIT(operation) (1U << (operation))

enum {
    FOR_PUBLISH = BIT(LINE_PUBLISH),
    FOR_FRAME = BIT(LINE_PUBLISH) | BIT(LINE_SEND) | BIT(LINE_BROADCAST),
    FOR_CONNECTION = BIT(LINE_CONNECTION) | BIT(LINE_CLOSE) | BIT(LINE_SEND),
    FOR_CONTROL = BIT(LINE_SET) | BIT(LINE_DISCARD) | BIT(LINE_END),
    FOR_STREAM = BIT(LINE_PUBLISH) | BIT(LINE_PRESSURE) | FOR_CONTROL,
    FOR_LIST = BIT(LINE_CONNECTIONS) | BIT(LINE_STREAMS),
    FOR_SET = BIT(LINE_SET),
    FOR_END = BIT(LINE_END),
    FOR_ALL = BIT(LINE_OPERATIONS) - 1,
    // Of those, where it has to be given.
    NEEDS_STREAM = BIT(LINE_PUBLISH) | FOR_CONTROL,
};

// X(key, operations that know it, operations that need it)
#define LINE_MEMBERS(X)                       \
    X(op, FOR_ALL, 0)                         \
    X(ref, FOR_ALL, 0)                        \
    X(stream, FOR_STREAM, NEEDS_STREAM)       \
    X(type, FOR_FRAME, 0)                     \
    X(data, FOR_FRAME, FOR_FRAME)             \
    X(ack, FOR_PUBLISH | FOR_CONTROL, 0)      \
    X(priority, FOR_FRAME, 0)                 \
    X(tags, FOR_PUBLISH, 0)                   \
    X(source, FOR_PUBLISH, 0)                 \
    X(correlation_id, FOR_PUBLISH, 0)         \
    X(content_type, FOR_PUBLISH | FOR_SET, 0) \
    X(topics, FOR_PUBLISH, 0)                 \
    X(custom, FOR_PUBLISH, 0)                 \
    X(ttl_ms, FOR_PUBLISH, 0)                 \
    X(retry, FOR_FRAME, 0)                    \
    X(ephemeral, FOR_PUBLISH, 0)              \
    X(producer_id, FOR_PUBLISH, 0)            \
    X(epoch, FOR_PUBLISH, 0)                  \
    X(producer_sequence, FOR_PUBLISH, 0)      \
    X(reach, FOR_PUBLISH, 0)                  \
    X(limit, FOR_LIST, 0)                     \
    X(prefix, BIT(LINE_STREAMS), 0)           \
    X(after, BIT(LINE_STREAMS), 0)            \
    X(life, FOR_END, FOR_END)                 \
    X(connection, FOR_CONNECTION, FOR_CONNECTION)

enum line_member {
#define X(key, ...) MEMBER_##key,
    LINE_MEMBERS(X) SETTINGS_MEMBERS(X)
#undef X
        MEMBERS
};
STATIC_ASSERT((int)MEMBERS <= (int)MEMBERS_MAX, "seen is one word");

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
    [LINE_END] = "end",
    [LINE_CONNECTION] = "connection",
};

static const char *const member_names[MEMBERS] = {
#define X(key, ...) #key,
    LINE_MEMBERS(X) SETTINGS_MEMBERS(X)
#undef X
};

// ---- members -----------------------------------------------------------------------------------

static bool read_op(struct line_reader *line)
{
    struct member_reader *members = &line->members;
    size_t position = member_position(members);
    struct slice name;
    if (!member_read_text(members, NAME_BYTES_MAX, &name)) {
        return false;
    }
    for (int i = 0; i < LINE_OPERATIONS; i++) {
        if (slice_equal_text(name, operation_names[i])) {
            line->request->operation = (enum line_operation)i;
            return true;
        }
    }
    const char *nearest = text_nearest(name, operation_names, LINE_OPERATIONS);
    if (name.length > KEY_SHOWN_BYTES_MAX) {
        name = (struct slice)SLICE_LITERAL("(a long name)");
    }
    return member_fail(members, ERR_INVALID_PARAMETER, position,
                       "there is no operation \"" SLICE_FORMAT "\"%s%s%s", SLICE_ARGUMENTS(name),
                       nearest == NULL ? "" : "; did you mean \"", nearest == NULL ? "" : nearest,
                       nearest == NULL ? "" : "\"?");
}

static bool read_ref(struct line_reader *line)
{
    struct member_reader *members = &line->members;
    size_t position = member_position(members);
    enum json_type type = json_peek(&members->scanner);
    struct slice raw;
    if (!json_read_raw(&members->scanner, &raw)) {
        return member_fail_json(members, "a string, a number, true, false or null");
    }
    if (type == JSON_OBJECT || type == JSON_ARRAY) {
        return member_fail_value(members, position, "a string, a number, true, false or null");
    }
    if (raw.length > LINE_REF_BYTES_MAX) {
        return member_fail(members, ERR_TOO_LARGE, position,
                           "\"ref\" is %zu bytes long, the limit is %d", raw.length,
                           LINE_REF_BYTES_MAX);
    }
    line->request->ref = raw;
    return true;
}

static bool read_ack(struct line_reader *line)
{
    size_t position = member_position(&line->members);
    struct slice name;
    return member_read_text(&line->members, NAME_BYTES_MAX, &name) &&
           (event_ack_level_parse(name, &line->request->level) ||
            member_fail_value(&line->members, position, "\"received\", \"written\" or \"synced\""));
}

static bool read_reach(struct line_reader *line)
{
    return member_read_switch(&line->members, &line->request->reach);
}

static bool read_limit(struct line_reader *line)
{
    uint64_t limit;
    if (!member_read_u64(&line->members, LINE_LIMIT_MAX, &limit)) {
        return false;
    }
    line->request->limit = (uint32_t)limit;
    return true;
}

static bool read_prefix(struct line_reader *line)
{
    return member_read_text(&line->members, NAME_BYTES_MAX, &line->request->prefix);
}

static bool read_after(struct line_reader *line)
{
    return member_read_u64(&line->members, UINT64_MAX, &line->request->after);
}

static bool read_life(struct line_reader *line)
{
    size_t position = member_position(&line->members);
    struct slice word;
    return member_read_text(&line->members, NAME_BYTES_MAX, &word) &&
           (stream_life_parse(word, &line->request->life) ||
            member_fail_value(&line->members, position, "\"close\", \"cancel\" or \"delete\""));
}

static bool read_connection(struct line_reader *line)
{
    size_t position = member_position(&line->members);
    struct slice text;
    return member_read_text(&line->members, NAME_BYTES_MAX, &text) &&
           (connection_id_parse(text, &line->request->connection_id) ||
            member_fail_value(&line->members, position,
                              "a connection's id: 16 hexadecimal digits"));
}

#define X(key)                                                 \
    static bool read_##key(struct line_reader *line)           \
    {                                                          \
        return event_json_##key(&line->members, &line->event); \
    }
EVENT_MEMBERS(X)
#undef X
#define X(key)                                                                \
    static bool read_##key(struct line_reader *line)                          \
    {                                                                         \
        return settings_json_##key(&line->members, &line->request->settings); \
    }
SETTINGS_MEMBERS(X)
#undef X

struct line_member_rule {
    bool (*read)(struct line_reader *line);
    uint32_t known;
    uint32_t needed;
};

static const struct line_member_rule member_rules[MEMBERS] = {
#define X(key, known, needed) {read_##key, known, needed},
    LINE_MEMBERS(X)
#undef X
#define X(key) {read_##key, FOR_SET, 0},
        SETTINGS_MEMBERS(X)
#undef X
};

// ---- the whole line ----------------------------------------------------------------------------

static bool has_member(const struct line_reader *line, int member)
{
    return member_is_given(&line->members, (size_t)member);
}

// The content type was read as an event's attribute, and is the only one of those.
static bool line_check_set(struct line_reader *line)
{
    struct slice attributes = buffer_slice(line->event.attributes);
    struct attribute attribute;
    bool is_malformed = false;
    if (!event_attribute_next(&attributes, &attribute, &is_malformed)) {
        return true;
    }
    line->request->content_type = attribute.value;
    return content_type_is_valid(attribute.value) ||
           member_fail(&line->members, ERR_INVALID_PARAMETER, MEMBER_POSITION_NONE,
                       "\"content_type\" must be 1 to %d bytes of printable ASCII",
                       ATTRIBUTE_BYTES_MAX);
}

// What has to be there, and what goes together.
static bool line_check(struct line_reader *line)
{
    struct member_reader *members = &line->members;
    struct line_request *request = line->request;
    uint32_t operation = BIT(request->operation);
    for (int i = 0; i < MEMBERS; i++) {
        bool is_given = has_member(line, i);
        if (is_given && (member_rules[i].known & operation) == 0) {
            return member_fail(members, ERR_INVALID_PARAMETER, MEMBER_POSITION_NONE,
                               "\"%s\" does not go with the operation \"%s\"", member_names[i],
                               operation_names[request->operation]);
        }
        if (!is_given && (member_rules[i].needed & operation) != 0) {
            return member_fail(members, ERR_MISSING_PARAMETER, MEMBER_POSITION_NONE,
                               "\"%s\" is missing", member_names[i]);
        }
    }
    bool has_id = has_member(line, MEMBER_producer_id);
    bool has_sequence = has_member(line, MEMBER_producer_sequence);
    bool has_epoch = has_member(line, MEMBER_epoch);
    if (has_id != has_sequence || (has_epoch && !has_id)) {
        return member_fail(
            members, ERR_MISSING_PARAMETER, MEMBER_POSITION_NONE,
            "\"producer_id\" and \"producer_sequence\" are given together or not at all");
    }
    if (has_id && (request->event.producer_id == 0 || request->event.producer_sequence == 0)) {
        return member_fail(members, ERR_INVALID_PARAMETER, MEMBER_POSITION_NONE,
                           "\"producer_id\" and \"producer_sequence\" begin at 1");
    }
    if (!settings_json_check(members, MEMBER_retention_age)) {
        return false;
    }
    return request->operation != LINE_SET || line_check_set(line);
}

static bool line_read_member(struct member_reader *members, size_t index, void *context)
{
    (void)members;
    return member_rules[index].read(context);
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

int line_scratch_init(struct line_scratch *scratch, size_t event_bytes_max)
{
    arena_init(&scratch->texts, event_bytes_max + SCRATCH_MORE_BYTES);
    buffer_init(&scratch->attributes, ATTRIBUTES_BYTES_MAX);
    if (arena_reserve(&scratch->texts, scratch->texts.limit_bytes) < 0 ||
        buffer_reserve(&scratch->attributes, ATTRIBUTES_BYTES) == NULL) {
        line_scratch_free(scratch);
        return -ENOMEM;
    }
    return 0;
}

void line_scratch_free(struct line_scratch *scratch)
{
    arena_free(&scratch->texts);
    buffer_free(&scratch->attributes);
}

bool line_parse(struct slice line, struct line_scratch *scratch, size_t event_bytes_max,
                struct line_request *request, struct member_fault *fault)
{
    arena_clear(&scratch->texts);
    buffer_clear(&scratch->attributes);
    *request = (struct line_request){
        .operation = LINE_PUBLISH,
        .event.priority = PRIORITY_NORMAL,
        .level = ACK_WRITTEN,
        .limit = LINE_LIMIT_DEFAULT,
    };
    struct line_reader reader = {
        .members = {.what = "one JSON object on a line",
                    .names = member_names,
                    .name_count = MEMBERS,
                    .arena = &scratch->texts,
                    .fault = fault},
        .event = {.event = &request->event,
                  .attributes = &scratch->attributes,
                  .data_bytes_max = event_bytes_max,
                  .json_bytes_max = line.length},
        .request = request,
    };
    if (!member_read_object(&reader.members, line, line_read_member, &reader) ||
        !line_check(&reader)) {
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
    if (position != MEMBER_POSITION_NONE) {
        json_write_key(&writer, "position");
        json_write_u64(&writer, position);
    }
    json_write_object_close(&writer);
}
