#include "http/header_lines.h"

#include "base/assert.h"

#include <string.h>

enum line_state {
    LINE_BEFORE, // empty lines before the request line are passed over (RFC 9112 section 2.2)
    LINE_INSIDE,
    LINE_CR,       // after the CR of a line that is not empty
    LINE_START,    // of a field line or the empty one
    LINE_EMPTY_CR, // after the CR of the empty line
    LINE_END,      // the header is over
};

// From inside a line to its CR, or to an LF that comes first, or to the end.
static size_t find_line_end(const uint8_t *bytes, size_t at, size_t length)
{
    const uint8_t *carriage_return = memchr(bytes + at, '\r', length - at);
    size_t end = carriage_return == NULL ? length : (size_t)(carriage_return - bytes);
    const uint8_t *line_feed = memchr(bytes + at, '\n', end - at);
    return line_feed == NULL ? end : (size_t)(line_feed - bytes);
}

// Takes a byte that is `at` bytes behind lines->bytes, and returns what is wrong with it, or NULL.
static const char *take_byte(struct header_lines *lines, uint8_t byte, size_t at)
{
    switch ((enum line_state)lines->state) {
    case LINE_BEFORE:
        if (byte != '\r' && byte != '\n') {
            lines->has_started = true;
            lines->line_at = lines->bytes + (uint32_t)at;
            lines->state = LINE_INSIDE;
        }
        return NULL;
    case LINE_START:
        if (byte == ' ' || byte == '\t') {
            return "A header field is folded over several lines";
        }
        if (byte == ':') {
            return "A header field has no name";
        }
        lines->state = byte == '\r' ? LINE_EMPTY_CR : LINE_INSIDE;
        break;
    case LINE_INSIDE:
        if (byte == '\r') {
            lines->state = LINE_CR;
        }
        break;
    case LINE_CR:
    case LINE_EMPTY_CR:
        if (byte != '\n') {
            return "A CR is not followed by LF";
        }
        if (lines->line_bytes == 0) {
            lines->line_bytes = lines->bytes + (uint32_t)at - 1 - lines->line_at;
        }
        lines->is_over = lines->state == LINE_EMPTY_CR;
        lines->state = lines->is_over ? LINE_END : LINE_START;
        return NULL;
    case LINE_END: UNREACHABLE();
    }
    return byte == '\n' ? "A line ends in LF without CR" : NULL;
}

size_t header_lines_check(struct header_lines *lines, const uint8_t *bytes, size_t length,
                          const char **fault_text)
{
    size_t at = 0;
    *fault_text = NULL;
    while (at < length && !lines->is_over) {
        if (lines->state == LINE_INSIDE) {
            at = find_line_end(bytes, at, length);
            if (at == length) {
                break;
            }
        }
        *fault_text = take_byte(lines, bytes[at], at);
        if (*fault_text != NULL) {
            break;
        }
        at++;
    }
    lines->bytes += (uint32_t)at;
    return at;
}
