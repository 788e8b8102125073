// Percent-encoding (RFC 3986 section 2.1) and query strings as forms send them (WHATWG URL,
// application/x-www-form-urlencoded), strict: a % without two hex digits is an error. What the
// bytes mean (UTF-8, control characters) is for the caller to check. Any thread.
#ifndef RINGCAST_BASE_PERCENT_H
#define RINGCAST_BASE_PERCENT_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum percent_part {
    PERCENT_PATH,  // + is a plus
    PERCENT_QUERY, // + is a space
};

// Decodes and returns the number of bytes, at most text.length. `into` may be text.at itself.
// -EINVAL for a bad escape, whose offset is put in *fault (may be NULL); -ENOBUFS where `capacity`
// is too small.
ssize_t percent_decode(uint8_t *into, size_t capacity, struct slice text, enum percent_part part,
                       size_t *fault);

// Appends `text`, with all but letters, digits, - . _ ~ and the bytes in `kept` ("/" for a path, ""
// for none) percent-encoded. Returns what buffer_append does.
int percent_encode(struct buffer *buffer, struct slice text, const char *kept);

// Walks over name=value pairs between &. Empty pairs are passed over; a pair without = has an
// empty value with at == NULL.
struct query {
    struct slice text;
    size_t position;
    uint8_t *scratch;
    size_t scratch_used;
    size_t fault_position; // offset in text of the bad escape, after -EINVAL
};

// `text` is what follows the question mark. `scratch` has room for text.length bytes and receives
// the decoded names and values, which live as long as it does; it may not be text itself.
void query_begin(struct query *query, struct slice text, uint8_t *scratch);

// 1 with the next pair decoded, 0 at the end, -EINVAL for a bad escape (then the walk is over).
int query_next(struct query *query, struct slice *name, struct slice *value);

#endif
