// Lines from a descriptor, in place: what one read brought is walked over without copying. One
// thread.
#ifndef RINGCAST_CLI_LINE_INPUT_H
#define RINGCAST_CLI_LINE_INPUT_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct line_input {
    int fd;
    size_t line_bytes_max;
    struct buffer bytes;
    size_t scanned;
    uint64_t number; // of the line that line_input_next gave last, from 1
    bool is_ended;
    bool is_skipping; // within a line that was too long
};

enum line_input_found {
    LINE_INPUT_LINE,
    LINE_INPUT_TOO_LONG, // this line is passed over
    LINE_INPUT_EMPTY,    // nothing more without line_input_fill
    LINE_INPUT_END,
};

// `fd` stays the caller's.
void line_input_init(struct line_input *input, int fd, size_t line_bytes_max);
void line_input_free(struct line_input *input);

// Reads once, and waits if there is nothing. The number of bytes; 0 at the end; -errno, -ENOMEM.
ssize_t line_input_fill(struct line_input *input);

// The next line without its LF, valid until line_input_fill. The last one needs no LF.
enum line_input_found line_input_next(struct line_input *input, struct slice *line);

#endif
