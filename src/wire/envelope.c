#include "wire/envelope.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/json_writer.h"
#include "base/limits.h"
#include "event/frame.h"
#include "wire/notice.h"

// What an event's data is read from: its payload, or the data lines of a frame that carries it
// whole.
struct rendering {
    struct envelope event;
    bool is_frame; // event.data is the frame
};

static struct slice attribute_find(struct slice attributes, uint8_t kind)
{
    struct attribute attribute;
    bool is_malformed = false;
    while (event_attribute_next(&attributes, &attribute, &is_malformed)) {
        if (attribute.kind == kind) {
            return attribute.value;
        }
    }
    return slice_empty();
}

static struct slice type_of(const struct envelope *event)
{
    return event->type.length > 0 ? event->type : attribute_find(event->attributes, ATTRIBUTE_TYPE);
}

// 0: none.
static uint32_t retry_of(const struct envelope *event)
{
    struct slice retry = attribute_find(event->attributes, ATTRIBUTE_RETRY);
    return retry.length == sizeof(uint32_t) ? load_le32(retry.at) : 0;
}

static void write_text_member(struct json_writer *writer, const char *key, struct slice text)
{
    if (text.length > 0) {
        json_write_key(writer, key);
        json_write_string(writer, text);
    }
}

// An array of all attributes of this kind, where there are any.
static void write_list_member(struct json_writer *writer, const char *key, struct slice attributes,
                              uint8_t kind)
{
    struct attribute attribute;
    bool is_malformed = false;
    bool is_open = false;
    while (event_attribute_next(&attributes, &attribute, &is_malformed)) {
        if (attribute.kind != kind) {
            continue;
        }
        if (!is_open) {
            json_write_key(writer, key);
            json_write_array_open(writer);
            is_open = true;
        }
        json_write_string(writer, attribute.value);
    }
    if (is_open) {
        json_write_array_close(writer);
    }
}

static void write_custom_member(struct json_writer *writer, struct slice attributes)
{
    struct attribute attribute;
    bool is_malformed = false;
    bool is_open = false;
    while (event_attribute_next(&attributes, &attribute, &is_malformed)) {
        if (attribute.kind != ATTRIBUTE_CUSTOM) {
            continue;
        }
        if (!is_open) {
            json_write_key(writer, "custom");
            json_write_object_open(writer);
            is_open = true;
        }
        struct slice value = attribute.value;
        struct slice key = slice_split(&value, '\0');
        json_write_string(writer, key);
        buffer_append_byte(writer->buffer, ':');
        writer->needs_comma = false;
        json_write_string(writer, value);
    }
    if (is_open) {
        json_write_object_close(writer);
    }
}

// media-type = type "/" subtype parameters; the parameters do not matter here.
static bool is_json_type(struct slice content_type)
{
    struct slice media = slice_trim(slice_split(&content_type, ';'));
    return slice_equal_ignoring_case(media, slice_of("application/json"));
}

static void append_escaped(struct buffer *out, struct slice text)
{
    size_t length = json_escaped_length(text);
    uint8_t *into = buffer_reserve(out, length);
    if (into != NULL) {
        buffer_commit(out, json_escape(into, text));
    }
}

// The payload as a JSON string. A frame's is escaped line by line, without a copy of it in between.
static void write_string_data(struct buffer *out, const struct rendering *rendering)
{
    buffer_append_byte(out, '"');
    if (!rendering->is_frame) {
        append_escaped(out, rendering->event.data);
    } else {
        struct slice rest = rendering->event.data;
        bool is_first = true;
        while (rest.at != NULL) {
            struct slice line = slice_split(&rest, '\n');
            if (!slice_starts_with(line, slice_of("data:"))) {
                continue;
            }
            line = slice_after(line, strlen("data:"));
            if (line.length > 0 && line.at[0] == ' ') {
                line = slice_after(line, 1);
            }
            if (!is_first) {
                buffer_append_text(out, "\\n");
            }
            is_first = false;
            append_escaped(out, line);
        }
    }
    buffer_append_byte(out, '"');
}

static void write_base64_data(struct buffer *out, struct slice data)
{
    uint8_t *into = buffer_reserve(out, base64_encoded_length(data.length, BASE64_STANDARD) + 2);
    if (into != NULL) {
        into[0] = '"';
        size_t length = base64_encode((char *)into + 1, data, BASE64_STANDARD);
        into[length + 1] = '"';
        buffer_commit(out, length + 2);
    }
}

// JSON strings hold no raw line ends: all that there are stand between tokens, and would cut the
// SSE line. Returns the new length.
static size_t remove_line_ends(uint8_t *text, size_t length)
{
    size_t kept = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '\n' && text[i] != '\r') {
            text[kept++] = text[i];
        }
    }
    return kept;
}

// The payload as the JSON that it is. It is put into `out` to be checked where it will stand.
// False, with nothing appended, where it is no JSON.
static bool write_json_data(struct buffer *out, const struct rendering *rendering)
{
    size_t before = buffer_length(out);
    if (rendering->is_frame) {
        frame_data_append(out, rendering->event.data);
    } else {
        buffer_append_slice(out, rendering->event.data);
    }
    if (buffer_failure(out) != 0) {
        return true;
    }
    struct slice data = slice_after(buffer_slice(out), before);
    if (json_validate(data, NULL) != JSON_OK) {
        buffer_truncate(out, before);
        return false;
    }
    size_t kept = remove_line_ends(out->storage + out->start + before, data.length);
    buffer_truncate(out, before + kept);
    return true;
}

static void write_object(struct buffer *out, const struct rendering *rendering)
{
    const struct envelope *event = &rendering->event;
    struct slice content_type = attribute_find(event->attributes, ATTRIBUTE_CONTENT_TYPE);
    struct json_writer writer = json_writer_on(out);
    json_write_object_open(&writer);
    if (event->id > 0) {
        json_write_key(&writer, "id");
        json_write_u64(&writer, event->id);
    }
    json_write_key(&writer, "stream");
    json_write_string(&writer, event->stream);
    if (event->sequence > 0) {
        json_write_key(&writer, "sequence");
        json_write_u64(&writer, event->sequence);
    }
    write_text_member(&writer, "type", type_of(event));
    json_write_key(&writer, "time");
    json_write_u64(&writer, event->time_ms);
    if (event->priority != PRIORITY_NORMAL && event->priority <= PRIORITY_BACKGROUND) {
        json_write_key(&writer, "priority");
        json_write_text(&writer, event_priority_name(event->priority));
    }
    write_text_member(&writer, "source", attribute_find(event->attributes, ATTRIBUTE_SOURCE));
    write_text_member(&writer, "correlation_id",
                      attribute_find(event->attributes, ATTRIBUTE_CORRELATION));
    write_text_member(&writer, "content_type", content_type);
    write_list_member(&writer, "tags", event->attributes, ATTRIBUTE_TAG);
    write_list_member(&writer, "topics", event->attributes, ATTRIBUTE_TOPIC);
    write_custom_member(&writer, event->attributes);
    if (retry_of(event) > 0) {
        json_write_key(&writer, "retry");
        json_write_u64(&writer, retry_of(event));
    }
    if (event->is_binary) {
        json_write_key(&writer, "encoding");
        json_write_text(&writer, "base64");
    }
    json_write_key(&writer, "data");
    if (event->is_binary) {
        write_base64_data(out, event->data);
    } else if (!is_json_type(content_type) || !write_json_data(out, rendering)) {
        write_string_data(out, rendering);
    }
    buffer_append_byte(out, '}');
}

static void write_frame(struct buffer *out, const struct rendering *rendering)
{
    const struct envelope *event = &rendering->event;
    if (event->id > 0) {
        buffer_append_text(out, "id: ");
        buffer_append_u64(out, event->id);
        buffer_append_byte(out, '\n');
    }
    struct slice type = type_of(event);
    if (type.length > 0) {
        buffer_append_text(out, "event: ");
        buffer_append_slice(out, type);
        buffer_append_byte(out, '\n');
    }
    if (retry_of(event) > 0) {
        buffer_append_text(out, "retry: ");
        buffer_append_u64(out, retry_of(event));
        buffer_append_byte(out, '\n');
    }
    buffer_append_text(out, "data: ");
    write_object(out, rendering);
    buffer_append_text(out, "\n\n");
}

static struct rendering rendering_of(const uint8_t *block, const struct block_record *record)
{
    ASSERT(record->kind == RECORD_EVENT);
    const struct block_stream *stream = &block_streams(block)[record->stream];
    struct rendering rendering = {
        .event = {.id = record->id,
                  .sequence = record->sequence,
                  .time_ms = record->time_ms,
                  .stream = block_stream_name(block, stream),
                  .attributes = slice_from(block + record->extra_offset, record->extra_length),
                  .priority = record->priority,
                  .is_binary = record->form == FRAME_FORM_BINARY},
        .is_frame = record->form == FRAME_FORM_TEXT,
    };
    rendering.event.data = rendering.is_frame
                               ? slice_from(block + record->frame_offset, record->frame_length)
                               : slice_from(block + record->extra_offset + record->extra_length,
                                            record->payload_length);
    return rendering;
}

// All or nothing.
static bool keep_if_whole(struct buffer *out, size_t before)
{
    if (buffer_failure(out) == 0) {
        return true;
    }
    buffer_truncate(out, before);
    return false;
}

bool envelope_write(struct buffer *out, const uint8_t *block, const struct block_record *record)
{
    size_t before = buffer_length(out);
    struct rendering rendering = rendering_of(block, record);
    write_frame(out, &rendering);
    return keep_if_whole(out, before);
}

bool envelope_write_event(struct buffer *out, const struct envelope *envelope)
{
    size_t before = buffer_length(out);
    write_frame(out, &(struct rendering){.event = *envelope});
    return keep_if_whole(out, before);
}

bool envelope_write_json(struct buffer *out, const uint8_t *block,
                         const struct block_record *record)
{
    size_t before = buffer_length(out);
    struct rendering rendering = rendering_of(block, record);
    write_object(out, &rendering);
    return keep_if_whole(out, before);
}

size_t envelope_data_length(const uint8_t *block, const struct block_record *record)
{
    return record->form == FRAME_FORM_TEXT
               ? frame_data_length(slice_from(block + record->frame_offset, record->frame_length))
               : record->payload_length;
}

bool envelope_write_oversize(struct buffer *out, const uint8_t *block,
                             const struct block_record *record, uint32_t limit)
{
    size_t before = buffer_length(out);
    struct rendering rendering = rendering_of(block, record);
    struct notice_oversize oversize = {.id = record->id,
                                       .stream = rendering.event.stream,
                                       .type = type_of(&rendering.event),
                                       .size = envelope_data_length(block, record),
                                       .limit = limit};
    notice_oversize_write(out, &oversize);
    return keep_if_whole(out, before);
}

// A byte escapes to at most six; the type stands twice; names of members and the numbers fit the
// rest. A payload that is JSON by its content type may be tried as that first, which takes no more.
size_t envelope_size_max(const struct block_record *record)
{
    enum { FIXED_BYTES = 512 };
    size_t payload =
        record->form == FRAME_FORM_TEXT ? record->frame_length : record->payload_length;
    return 6 * payload + 7 * (size_t)record->extra_length + 6 * (size_t)NAME_BYTES_MAX +
           FIXED_BYTES;
}
