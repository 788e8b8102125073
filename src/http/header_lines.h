// The lines of a request's header, checked before llhttp sees them, since it lets folded fields,
// nameless ones and, in places, bare line ends pass. Used by http/request.c alone.
#ifndef RINGCAST_HTTP_HEADER_LINES_H
#define RINGCAST_HTTP_HEADER_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A header's beginning is all zeros.
struct header_lines {
    uint32_t bytes;      // that were found well formed
    uint32_t line_at;    // where the request line begins
    uint32_t line_bytes; // its length, without CR LF; 0 where it is not over
    uint8_t state;
    bool has_started; // something other than empty lines came
    bool is_over;     // the empty line at the end came
};

// Advances over bytes as far as they are well formed. Returns how many that are; *fault_text is set
// where the next one is not.
size_t header_lines_check(struct header_lines *lines, const uint8_t *bytes, size_t length,
                          const char **fault_text);

#endif
