// A tiny parser of SSE streams for tests, written from WHATWG HTML section 9.2.6 and independent of
// the frame's writer.
#ifndef RINGCAST_TESTS_SSE_PARSER_H
#define RINGCAST_TESTS_SSE_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sse_event {
    char *data; // NUL-terminated for convenience; may hold NULs
    size_t data_length;
    char *type; // "message" where none was given
    size_t type_length;
};

struct sse_parser {
    char *data;
    size_t data_length;
    size_t data_capacity;
    char type[512];
    size_t type_length;
    char last_id[64];
    size_t last_id_length;
    uint64_t retry_ms;
    unsigned dispatched;
    struct sse_event event; // the last one dispatched
};

// Zeroed memory is a parser at its start. Parses whole lines; returns false where the last one has
// no end.
bool sse_parse(struct sse_parser *parser, const uint8_t *bytes, size_t length);
void sse_free(struct sse_parser *parser);

#endif
