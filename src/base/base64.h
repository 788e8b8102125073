// Base 64 (RFC 4648 sections 4 and 5), both alphabets, strict. Any thread.
#ifndef RINGCAST_BASE_BASE64_H
#define RINGCAST_BASE_BASE64_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum base64_form {
    BASE64_STANDARD, // + and /, padded
    BASE64_STANDARD_UNPADDED,
    BASE64_URL,          // - and _, padded
    BASE64_URL_UNPADDED, // as JWT uses it (RFC 7515)
};

// How many characters `length` bytes become.
size_t base64_encoded_length(size_t length, enum base64_form form);

// Writes base64_encoded_length characters, no NUL, and returns their number.
size_t base64_encode(char *into, struct slice bytes, enum base64_form form);

// How many bytes `length` characters become at most.
size_t base64_decoded_length_max(size_t length);

// Decodes either alphabet, padded or not. Returns the number of bytes, or
// - -EINVAL for a foreign character (white space too), both alphabets in one text, an impossible
//   length, wrong padding or bits left over that are not zero; *fault (which may be NULL) is then
//   the offset of the first character that is wrong;
// - -ENOBUFS where `capacity` is too small. base64_decoded_length_max is always enough.
ssize_t base64_decode(uint8_t *into, size_t capacity, struct slice text, size_t *fault);

#endif
