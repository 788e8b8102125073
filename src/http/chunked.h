// The chunked coding of a body (RFC 9112 section 7.1), decoded as it comes, and strictly: a size is
// hexadecimal digits alone, lines end in CR LF, extensions are passed over but bounded, trailer
// fields are refused. What proxies read in several ways is read in none.
#ifndef RINGCAST_HTTP_CHUNKED_H
#define RINGCAST_HTTP_CHUNKED_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHUNKED_SIZE_DIGITS_MAX = 16,           // leading zeros included
    CHUNKED_EXTENSION_BYTES_MAX = 4 * 1024, // of all chunks of a body together
};

// A body's beginning is all zeros. One user at a time; the memory is the caller's.
struct chunked {
    uint64_t left; // of the chunk's data; while its size is being read, what is known of it
    uint32_t extension_bytes;
    uint8_t state;
    uint8_t digits;
};

// Takes bytes up to the end of the next piece of data, or of the body, or all of them; returns how
// many. *data is that piece, in `bytes` (empty: there was none). Where a byte may not stand,
// returns how many stand before it and sets *fault_text; the body is worth nothing then.
size_t chunked_feed(struct chunked *chunked, const uint8_t *bytes, size_t length,
                    struct slice *data, const char **fault_text);

// How much of the present chunk's data is still to come; 0 where its size is not known yet.
uint64_t chunked_left(const struct chunked *chunked);

// Whether the last chunk and its end were taken.
bool chunked_is_over(const struct chunked *chunked);

#endif
