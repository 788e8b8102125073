#include "sse_parser.h"

#include <stdlib.h>
#include <string.h>

static void append(struct sse_parser *parser, const char *bytes, size_t length)
{
    if (parser->data_length + length + 1 > parser->data_capacity) {
        parser->data_capacity = 2 * (parser->data_length + length + 1);
        parser->data = realloc(parser->data, parser->data_capacity);
        if (parser->data == NULL) {
            abort();
        }
    }
    memcpy(parser->data + parser->data_length, bytes, length);
    parser->data_length += length;
}

static char *copy(const char *bytes, size_t length)
{
    char *into = malloc(length + 1);
    if (into == NULL) {
        abort();
    }
    if (length > 0) {
        memcpy(into, bytes, length);
    }
    into[length] = 0;
    return into;
}

static void dispatch(struct sse_parser *parser)
{
    if (parser->data_length == 0) {
        parser->type_length = 0;
        return;
    }
    free(parser->event.data);
    free(parser->event.type);
    bool has_type = parser->type_length > 0;
    parser->event.data_length = parser->data_length - 1; // the last line feed
    parser->event.data = copy(parser->data, parser->event.data_length);
    parser->event.type_length = has_type ? parser->type_length : strlen("message");
    parser->event.type = copy(has_type ? parser->type : "message", parser->event.type_length);
    parser->data_length = 0;
    parser->type_length = 0;
    parser->dispatched++;
}

static bool is_field(const char *line, size_t length, const char *name)
{
    return length == strlen(name) && memcmp(line, name, length) == 0;
}

static void take_field(struct sse_parser *parser, const char *name, size_t name_length,
                       const char *value, size_t value_length)
{
    if (is_field(name, name_length, "event") && value_length < sizeof parser->type) {
        memcpy(parser->type, value, value_length);
        parser->type_length = value_length;
    } else if (is_field(name, name_length, "data")) {
        append(parser, value, value_length);
        append(parser, "\n", 1);
    } else if (is_field(name, name_length, "id") && value_length < sizeof parser->last_id &&
               memchr(value, 0, value_length) == NULL) {
        memcpy(parser->last_id, value, value_length);
        parser->last_id_length = value_length;
    } else if (is_field(name, name_length, "retry")) {
        uint64_t number = 0;
        for (size_t i = 0; i < value_length; i++) {
            if (value[i] < '0' || value[i] > '9') {
                return;
            }
            number = 10 * number + (uint64_t)(value[i] - '0');
        }
        parser->retry_ms = number;
    }
}

static void take_line(struct sse_parser *parser, const char *line, size_t length)
{
    if (length == 0) {
        dispatch(parser);
        return;
    }
    const char *colon = memchr(line, ':', length);
    if (colon == line) {
        return; // a comment
    }
    size_t name_length = colon == NULL ? length : (size_t)(colon - line);
    const char *value = colon == NULL ? line + length : colon + 1;
    size_t value_length = (size_t)(line + length - value);
    if (value_length > 0 && value[0] == ' ') {
        value++;
        value_length--;
    }
    take_field(parser, line, name_length, value, value_length);
}

bool sse_parse(struct sse_parser *parser, const uint8_t *bytes, size_t length)
{
    const char *at = (const char *)bytes;
    const char *end = at + length;
    while (at < end) {
        const char *line_end = at;
        while (line_end < end && *line_end != '\r' && *line_end != '\n') {
            line_end++;
        }
        if (line_end == end) {
            return false;
        }
        take_line(parser, at, (size_t)(line_end - at));
        at = line_end + (line_end[0] == '\r' && end - line_end >= 2 && line_end[1] == '\n' ? 2 : 1);
    }
    return true;
}

void sse_free(struct sse_parser *parser)
{
    free(parser->data);
    free(parser->event.data);
    free(parser->event.type);
}
