#include "lines.h"

#include "base/assert.h"

#include <string.h>

static void head_extend(struct lines *lines, const uint8_t *at, size_t length)
{
    if (length == 0) {
        return;
    }
    size_t room = LINES_HEAD_BYTES - (size_t)lines->head_length;
    size_t taken = length < room ? length : room;
    memcpy(lines->head + lines->head_length, at, taken);
    lines->head_length = (uint8_t)(lines->head_length + taken);
    lines->last = at[length - 1];
    lines->is_open = 1;
}

const uint8_t *lines_next(struct lines *lines, const uint8_t *at, const uint8_t *end,
                          const uint8_t **line, size_t *line_length)
{
    ASSERT(at <= end);
    const uint8_t *line_end = at == end ? NULL : memchr(at, '\n', (size_t)(end - at));
    if (line_end == NULL) {
        head_extend(lines, at, (size_t)(end - at));
        return NULL;
    }
    if (lines->is_open == 0) {
        *line = at;
        *line_length = (size_t)(line_end - at);
        if (*line_length > 0 && line_end[-1] == '\r') {
            --*line_length;
        }
        return line_end + 1;
    }
    head_extend(lines, at, (size_t)(line_end - at));
    *line = lines->head;
    *line_length = lines->head_length;
    // The CR of the line's end is in the head only if the head holds the whole line.
    if (lines->last == '\r' && lines->head[lines->head_length - 1] == '\r') {
        --*line_length;
    }
    lines->head_length = 0;
    lines->is_open = 0;
    return line_end + 1;
}

const uint8_t *lines_block(struct lines *lines, const uint8_t *at, const uint8_t *end,
                           uint64_t *left, const uint8_t **block, size_t *block_length)
{
    ASSERT(at <= end);
    if ((uint64_t)(end - at) < *left) {
        head_extend(lines, at, (size_t)(end - at));
        *left -= (uint64_t)(end - at);
        return NULL;
    }
    size_t rest = (size_t)*left;
    *left = 0;
    *block = at;
    *block_length = rest;
    if (lines->is_open != 0) {
        head_extend(lines, at, rest);
        *block = lines->head;
        *block_length = lines->head_length;
        lines->head_length = 0;
        lines->is_open = 0;
    }
    return at + rest;
}
