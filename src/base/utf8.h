// Strict UTF-8 (RFC 3629, Unicode table 3-7): no surrogates, no overlong forms, nothing above
// U+10FFFF. Any thread.
#ifndef RINGCAST_BASE_UTF8_H
#define RINGCAST_BASE_UTF8_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The longest a character gets.
enum { UTF8_CHARACTER_BYTES_MAX = 4 };

// Length of the longest valid prefix: text.length if all is valid, otherwise the offset of the
// first byte of the faulty sequence.
size_t utf8_valid_length(struct slice text);

static inline bool utf8_is_valid(struct slice text)
{
    return utf8_valid_length(text) == text.length;
}

// Length in bytes (1 to 4) of the valid character that `text` begins with, 0 if it begins with
// none. text.length > 0.
size_t utf8_character_length(struct slice text);

// Whether valid UTF-8 holds a control character: U+0000 to U+001F, U+007F to U+009F. (Bytes that
// are not valid UTF-8 may be taken for one.)
bool utf8_has_control(struct slice text);

// Puts '?' in the place of each byte that is no valid character, and of each control character:
// what is left can stand in JSON, drives no terminal and begins no line.
void utf8_make_printable(uint8_t *text, size_t length);

// Writes a code point (at most 0x10FFFF, not a surrogate: asserted) and returns its length.
size_t utf8_encode(uint32_t code_point, uint8_t into[UTF8_CHARACTER_BYTES_MAX]);

#endif
