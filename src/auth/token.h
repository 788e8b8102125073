// Tokens: JWT (RFC 7519) in the compact form of signed ones (RFC 7515). What a good one allows
// stands in its claim `ringcast`:
//
//     {"sub":"alice","exp":1700000000,
//      "ringcast":{"read":["chat/*"],"write":["chat/alice"],"types":["text"],"broadcast":true}}
//
// `read` and `write` are patterns of streams (base/pattern.h), none where missing; `types` are
// patterns of event types, all where missing. Unknown members of `ringcast` are refused, since one
// that was meant to forbid something must not be passed over.
//
// The signature is checked before any claim is read, by a key that the keyring has: keys and
// addresses of keys in the token are passed over.
#ifndef RINGCAST_AUTH_TOKEN_H
#define RINGCAST_AUTH_TOKEN_H

#include "auth/algorithm.h"
#include "auth/grant.h"
#include "auth/keyring.h"
#include "auth/token_fault.h"
#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TOKEN_BYTES_MAX = 4096,
    TOKEN_LEEWAY_MS_DEFAULT = 30 * 1000,
};

// What is asked of every token. Slices are borrowed, for as long as the rules are used.
struct token_rules {
    unsigned algorithms;   // a set
    struct slice audience; // `aud` is it or has it; empty: not looked at
    struct slice issuer;   // `iss` is it; empty: not looked at
    uint64_t leeway_ms;    // how far apart our clock and the issuer's may be
    bool needs_expiry;
};

// TOKEN_OK and in *grant a reference, the caller's; or what is wrong. now_ms: Unix milliseconds.
// Any thread.
enum token_fault token_verify(const struct keyring *keyring, const struct token_rules *rules,
                              struct slice token, uint64_t now_ms, struct grant **grant);

#endif
