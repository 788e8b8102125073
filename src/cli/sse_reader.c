#include "cli/sse_reader.h"

#include "base/text.h"

#include <errno.h>

static const uint8_t byte_order_mark[] = {0xef, 0xbb, 0xbf};
enum { START_OVER = sizeof(byte_order_mark) };

void sse_reader_init(struct sse_reader *reader, sse_event_callback callback, void *context)
{
    *reader = (struct sse_reader){.callback = callback, .context = context};
    buffer_init(&reader->line, SSE_READER_LINE_BYTES_MAX);
    buffer_init(&reader->data, SSE_READER_EVENT_BYTES_MAX);
    buffer_init(&reader->type, SSE_READER_ID_BYTES_MAX);
    buffer_init(&reader->next_id, SSE_READER_ID_BYTES_MAX);
    buffer_init(&reader->last_id, SSE_READER_ID_BYTES_MAX);
}

void sse_reader_free(struct sse_reader *reader)
{
    buffer_free(&reader->line);
    buffer_free(&reader->data);
    buffer_free(&reader->type);
    buffer_free(&reader->next_id);
    buffer_free(&reader->last_id);
}

void sse_reader_restart(struct sse_reader *reader)
{
    buffer_clear(&reader->line);
    buffer_clear(&reader->data);
    buffer_clear(&reader->type);
    buffer_clear(&reader->next_id);
    (void)buffer_append_slice(&reader->next_id, buffer_slice(&reader->last_id));
    reader->start = 0;
    reader->after_cr = false;
    reader->has_own_id = false;
    reader->stopped = false;
}

static int replace(struct buffer *buffer, struct slice value)
{
    buffer_clear(buffer);
    return buffer_append_slice(buffer, value);
}

static int take_data(struct sse_reader *reader, struct slice value)
{
    int error = buffer_append_slice(&reader->data, value);
    return error != 0 ? error : buffer_append_byte(&reader->data, '\n');
}

static int take_field(struct sse_reader *reader, struct slice name, struct slice value)
{
    if (slice_equal_text(name, "data")) {
        return take_data(reader, value);
    }
    if (slice_equal_text(name, "event")) {
        return replace(&reader->type, value);
    }
    if (slice_equal_text(name, "id")) {
        if (slice_find(value, 0) < value.length) {
            return 0;
        }
        reader->has_own_id = true;
        return replace(&reader->next_id, value);
    }
    uint64_t retry_ms = 0;
    if (slice_equal_text(name, "retry") && text_parse_u64(value, &retry_ms)) {
        reader->retry_ms = retry_ms;
    }
    return 0;
}

// The empty line. The id counts even where there is no data, and so no event.
static int dispatch(struct sse_reader *reader)
{
    int error = replace(&reader->last_id, buffer_slice(&reader->next_id));
    struct slice data = buffer_slice(&reader->data);
    if (error == 0 && data.length > 0) {
        struct slice type = buffer_slice(&reader->type);
        const struct sse_event event = {
            .id = buffer_slice(&reader->last_id),
            .type = type.length > 0 ? type : slice_of("message"),
            .data = slice_first(data, data.length - 1),
            .has_own_id = reader->has_own_id,
        };
        reader->stopped = !reader->callback(reader->context, &event);
    }
    buffer_clear(&reader->data);
    buffer_clear(&reader->type);
    reader->has_own_id = false;
    return error;
}

static int take_line(struct sse_reader *reader, struct slice line)
{
    if (line.length == 0) {
        return dispatch(reader);
    }
    ASSERT(line.at != NULL);
    if (line.at[0] == ':') {
        reader->comments++;
        return 0;
    }
    struct slice value = line;
    struct slice name = slice_split(&value, ':');
    if (value.length > 0 && value.at[0] == ' ') {
        value = slice_after(value, 1);
    }
    return take_field(reader, name, value);
}

// Passes over a byte order mark, which may come in pieces. What only began as one is text.
static int skip_mark(struct sse_reader *reader, struct slice *bytes)
{
    while (reader->start < START_OVER && bytes->length > 0) {
        if (bytes->at[0] != byte_order_mark[reader->start]) {
            int error = buffer_append(&reader->line, byte_order_mark, reader->start);
            reader->start = START_OVER;
            return error;
        }
        reader->start++;
        *bytes = slice_after(*bytes, 1);
    }
    return 0;
}

static size_t line_length(struct slice bytes)
{
    size_t length = 0;
    while (length < bytes.length && bytes.at[length] != '\n' && bytes.at[length] != '\r') {
        length++;
    }
    return length;
}

// A line has ended: `last` is its part in this piece, what came before stands in reader->line.
static int end_line(struct sse_reader *reader, struct slice last)
{
    if (buffer_length(&reader->line) == 0) {
        return take_line(reader, last);
    }
    int error = buffer_append_slice(&reader->line, last);
    if (error == 0) {
        error = take_line(reader, buffer_slice(&reader->line));
    }
    buffer_clear(&reader->line);
    return error;
}

int sse_reader_feed(struct sse_reader *reader, struct slice bytes)
{
    int error = skip_mark(reader, &bytes);
    while (error == 0 && bytes.length > 0 && !reader->stopped) {
        if (reader->after_cr && bytes.at[0] == '\n') {
            bytes = slice_after(bytes, 1);
            reader->after_cr = false;
            continue;
        }
        reader->after_cr = false;
        size_t length = line_length(bytes);
        if (length == bytes.length) {
            return buffer_append_slice(&reader->line, bytes);
        }
        reader->after_cr = bytes.at[length] == '\r';
        error = end_line(reader, slice_first(bytes, length));
        bytes = slice_after(bytes, length + 1);
    }
    return error;
}
