// Signing and verifying by a key, in the form that tokens have (RFC 7515): ES256 is R and S one
// after the other, 32 bytes each. Any thread.
#ifndef RINGCAST_AUTH_SIGNATURE_H
#define RINGCAST_AUTH_SIGNATURE_H

#include "auth/key.h"

enum { SIGNATURE_BYTES_MAX = KEY_RSA_BITS_MAX / 8 };

// Whether `signature` is the key's, by the key's own algorithm, of `text`.
bool signature_verify(const struct key *key, struct slice text, struct slice signature);

// The signature's length. 0 where the key cannot sign, or without memory.
size_t signature_make(const struct key *key, struct slice text,
                      uint8_t signature[SIGNATURE_BYTES_MAX]);

#endif
