// Cuts bytes that arrive in pieces into lines, or blocks of known length. Only the first
// LINES_HEAD_BYTES of a line are sure to be seen: enough to tell what it is; a subscriber needs no
// buffer beyond that. Lines end in LF or CR LF (a lone CR, which the SSE standard also allows, is
// sent by no server).
#ifndef RINGCAST_LOADGEN_LINES_H
#define RINGCAST_LOADGEN_LINES_H

#include <stddef.h>
#include <stdint.h>

enum {
    LINES_HEAD_BYTES = 136, // the longest `data:` line of a gap up to its count; two payloads
};

// Zeroed memory is the beginning of a line.
struct lines {
    uint8_t head[LINES_HEAD_BYTES]; // of a line whose end has not arrived
    uint8_t head_length;
    uint8_t last; // the last byte seen of that line
    uint8_t is_open;
};

// The rest of the bytes after the next line end, or NULL when there was none: then all are taken.
// With a line end *line and *line_length are the line without it, or its first LINES_HEAD_BYTES at
// least; they are valid until the next call.
const uint8_t *lines_next(struct lines *lines, const uint8_t *at, const uint8_t *end,
                          const uint8_t **line, size_t *line_length);

// The same for what is no line but *left bytes long; *left counts down to 0, then the block is
// whole.
const uint8_t *lines_block(struct lines *lines, const uint8_t *at, const uint8_t *end,
                           uint64_t *left, const uint8_t **block, size_t *block_length);

#endif
