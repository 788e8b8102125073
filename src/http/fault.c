#include "http/fault.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

// Details quote what clients sent: they must be valid UTF-8 without controls to stand in JSON and
// in a terminal. What is cut at the end may leave half a character.
static void make_printable(char *text)
{
    size_t length = strlen(text);
    size_t at = 0;
    while (at < length) {
        struct slice rest = slice_from(text + at, length - at);
        size_t character = utf8_character_length(rest);
        if (character == 0 || utf8_has_control(slice_first(rest, character))) {
            text[at] = '?';
            character = 1;
        }
        at += character;
    }
}

enum rc_error http_fault_set(struct http_fault *fault, enum rc_error error, const char *format, ...)
{
    fault->error = error;
    fault->status = 0;
    fault->has_position = false;
    fault->position = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->detail, sizeof(fault->detail), format, arguments);
    va_end(arguments);
    make_printable(fault->detail);
    return error;
}

void http_fault_set_position(struct http_fault *fault, size_t position)
{
    fault->has_position = true;
    fault->position = position;
}

int http_fault_status(const struct http_fault *fault)
{
    return fault->status != 0 ? fault->status : error_http_status(fault->error);
}
