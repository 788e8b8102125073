#include "cli/event_printer.h"

#include "base/json.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "base/utf8.h"
#include "cli/terminal.h"

void event_printer_init(struct event_printer *printer, FILE *out, bool is_json)
{
    *printer = (struct event_printer){
        .out = out, .is_json = is_json, .has_colour = terminal_has_colour(out)};
    buffer_init(&printer->text, EVENT_PRINTER_BYTES_MAX);
}

void event_printer_free(struct event_printer *printer)
{
    buffer_free(&printer->text);
}

static struct slice append_string(struct buffer *scratch, struct json_string string)
{
    size_t start = buffer_length(scratch);
    uint8_t *into = buffer_reserve(scratch, string.length);
    if (into == NULL) {
        return slice_empty();
    }
    json_unescape(string, into);
    buffer_commit(scratch, string.length);
    return slice_after(buffer_slice(scratch), start);
}

bool event_envelope_read(struct slice data, struct buffer *scratch, struct event_envelope *envelope)
{
    struct json_scanner scanner;
    struct json_string key;
    struct json_string stream = {0};
    struct json_string string = {0};
    struct slice raw = slice_empty();
    bool has_time = false;
    json_begin(&scanner, data);
    if (json_peek(&scanner) != JSON_OBJECT || !json_enter_object(&scanner)) {
        return false;
    }
    while (json_next_member(&scanner, &key)) {
        if (json_string_is(key, "stream") && json_peek(&scanner) == JSON_STRING) {
            (void)json_read_string(&scanner, &stream);
        } else if (json_string_is(key, "data") && json_peek(&scanner) == JSON_STRING) {
            (void)json_read_string(&scanner, &string);
        } else if (json_string_is(key, "data")) {
            (void)json_read_raw(&scanner, &raw);
        } else {
            has_time = has_time || json_string_is(key, "time");
            (void)json_skip_value(&scanner);
        }
    }
    bool has_data = raw.at != NULL || string.raw.at != NULL;
    if (!json_finish(&scanner) || stream.length == 0 || !has_data || !has_time) {
        return false;
    }
    // One reserve for both, so that the first does not move.
    buffer_clear(scratch);
    if (buffer_reserve(scratch, stream.length + string.length) == NULL) {
        return false;
    }
    envelope->stream = append_string(scratch, stream);
    envelope->data = raw.at != NULL ? raw : append_string(scratch, string);
    return true;
}

// What the broker itself says in a stream.
static bool is_notice_type(struct slice type)
{
    static const char *const types[] = {"gap", "disconnect", "end", "oversize"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (slice_equal_text(type, types[i])) {
            return true;
        }
    }
    return false;
}

static void print_for_people(struct event_printer *printer, const struct sse_event *event)
{
    FILE *out = printer->out;
    bool colour = printer->has_colour;
    struct event_envelope envelope = {.data = event->data};
    bool is_envelope = event_envelope_read(event->data, &printer->text, &envelope);
    bool is_notice = !is_envelope && is_notice_type(event->type);
    if (event->has_own_id) {
        terminal_write_styled(out, colour, STYLE_DIM, event->id);
    } else {
        terminal_write_styled(out, colour, STYLE_DIM, slice_of("-"));
    }
    if (is_envelope) {
        (void)fputc(' ', out);
        terminal_write_styled(out, colour, STYLE_CYAN, envelope.stream);
    }
    (void)fputc(' ', out);
    terminal_write_styled(out, colour, is_notice ? STYLE_YELLOW : STYLE_BOLD, event->type);
    struct slice rest = envelope.data;
    const char *before = "  ";
    while (rest.at != NULL) {
        struct slice line = slice_split(&rest, '\n');
        (void)fputs(before, out);
        terminal_write_text(out, line);
        before = "\n    ";
    }
    (void)fputc('\n', out);
}

// Text as a browser would have it: bytes that are no UTF-8 become U+FFFD.
static void write_json_text(struct json_writer *writer, struct slice text)
{
    if (utf8_is_valid(text)) {
        json_write_string(writer, text);
        return;
    }
    struct buffer clean;
    buffer_init(&clean, 3 * SSE_READER_EVENT_BYTES_MAX);
    while (text.length > 0) {
        size_t good = utf8_valid_length(text);
        (void)buffer_append_slice(&clean, slice_first(text, good));
        text = slice_after(text, good);
        if (text.length > 0) {
            (void)buffer_append_text(&clean, "\xef\xbf\xbd");
            text = slice_after(text, 1);
        }
    }
    json_write_string(writer, buffer_slice(&clean));
    buffer_free(&clean);
}

static void append_object(struct buffer *text, const struct sse_event *event)
{
    struct json_writer writer = json_writer_on(text);
    uint64_t id = 0;
    json_write_object_open(&writer);
    if (event->has_own_id && event->id.length > 0) {
        json_write_key(&writer, "id");
        if (text_parse_u64(event->id, &id)) {
            json_write_u64(&writer, id);
        } else {
            write_json_text(&writer, event->id);
        }
    }
    json_write_key(&writer, "type");
    write_json_text(&writer, event->type);
    json_write_key(&writer, "data");
    write_json_text(&writer, event->data);
    json_write_object_close(&writer);
}

static void print_json(struct event_printer *printer, const struct sse_event *event)
{
    struct event_envelope envelope;
    struct buffer *text = &printer->text;
    if (event_envelope_read(event->data, text, &envelope)) {
        buffer_clear(text);
        struct slice rest = event->data;
        // Line ends stand only between JSON's tokens.
        while (rest.at != NULL) {
            (void)buffer_append_slice(text, slice_split(&rest, '\n'));
        }
    } else {
        buffer_clear(text);
        append_object(text, event);
    }
    struct slice line = buffer_slice(text);
    (void)fwrite(line.at, 1, line.length, printer->out);
    (void)fputc('\n', printer->out);
}

void event_printer_print(struct event_printer *printer, const struct sse_event *event)
{
    if (printer->is_json) {
        print_json(printer, event);
    } else {
        print_for_people(printer, event);
    }
    (void)fflush(printer->out);
}
