#include "cli/line_input.h"

#include <errno.h>
#include <unistd.h>

enum { READ_BYTES = 256 << 10 };

void line_input_init(struct line_input *input, int fd, size_t line_bytes_max)
{
    *input = (struct line_input){.fd = fd, .line_bytes_max = line_bytes_max};
    buffer_init(&input->bytes, line_bytes_max + 2 * (size_t)READ_BYTES);
}

void line_input_free(struct line_input *input)
{
    buffer_free(&input->bytes);
}

ssize_t line_input_fill(struct line_input *input)
{
    uint8_t *room = buffer_reserve(&input->bytes, READ_BYTES);
    if (room == NULL) {
        return buffer_failure(&input->bytes);
    }
    ssize_t count = read(input->fd, room, READ_BYTES);
    if (count < 0) {
        return -errno;
    }
    buffer_commit(&input->bytes, (size_t)count);
    input->is_ended = count == 0;
    return count;
}

static void drop(struct line_input *input, size_t length)
{
    buffer_consume(&input->bytes, length);
    input->scanned = 0;
}

// What there is when no LF is in sight.
static enum line_input_found next_without_end(struct line_input *input, struct slice *line)
{
    struct slice bytes = buffer_slice(&input->bytes);
    if (input->is_skipping) {
        drop(input, bytes.length);
        return input->is_ended ? LINE_INPUT_END : LINE_INPUT_EMPTY;
    }
    if (bytes.length > input->line_bytes_max) {
        drop(input, bytes.length);
        input->is_skipping = !input->is_ended;
        input->number++;
        return LINE_INPUT_TOO_LONG;
    }
    if (input->is_ended && bytes.length > 0) {
        *line = bytes;
        drop(input, bytes.length);
        input->number++;
        return LINE_INPUT_LINE;
    }
    input->scanned = bytes.length;
    return input->is_ended ? LINE_INPUT_END : LINE_INPUT_EMPTY;
}

enum line_input_found line_input_next(struct line_input *input, struct slice *line)
{
    for (;;) {
        struct slice bytes = buffer_slice(&input->bytes);
        size_t end = input->scanned + slice_find(slice_after(bytes, input->scanned), '\n');
        if (end == bytes.length) {
            return next_without_end(input, line);
        }
        bool was_skipping = input->is_skipping;
        input->is_skipping = false;
        *line = slice_first(bytes, end);
        drop(input, end + 1);
        if (was_skipping) {
            continue; // it was told already
        }
        input->number++;
        return end > input->line_bytes_max ? LINE_INPUT_TOO_LONG : LINE_INPUT_LINE;
    }
}
