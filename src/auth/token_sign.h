// Making tokens: for `ringcast token`, and for tests.
#ifndef RINGCAST_AUTH_TOKEN_SIGN_H
#define RINGCAST_AUTH_TOKEN_SIGN_H

#include "auth/key.h"
#include "base/bytes.h"

#include <stdbool.h>

// Appends the compact form of any header and claims, signed by the key's algorithm, whatever they
// say. False where the key cannot sign, or without memory.
bool token_sign(const struct key *key, struct slice header_json, struct slice claims_json,
                struct buffer *into);

#endif
