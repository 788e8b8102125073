// New keys: for `ringcast token key`, and for tests.
#ifndef RINGCAST_AUTH_KEY_MAKE_H
#define RINGCAST_AUTH_KEY_MAKE_H

#include "auth/key.h"

enum {
    KEY_MAKE_RSA_BITS = 3072,
    KEY_TEXT_BYTES_MAX = 16 << 10,
};

// Can sign. A secret is 64 hexadecimal digits. rsa_bits counts for RS256 alone. NULL where it
// cannot be made.
struct key *key_make(enum algorithm algorithm, unsigned rsa_bits);

// Appends the key as a file that auth/key_files.h reads: PEM, or the secret and a line end. False
// where `into` is too small, or is_private and it cannot sign. The caller wipes what is secret.
bool key_write(const struct key *key, bool is_private, struct buffer *into);

#endif
