// The claims of a token whose signature is good, and the grant that they make.
#ifndef RINGCAST_AUTH_CLAIMS_H
#define RINGCAST_AUTH_CLAIMS_H

#include "auth/token.h"

// As token_verify. `json` is the decoded payload; escaped strings in it are unescaped in place.
enum token_fault claims_read(uint8_t *json, size_t json_bytes, const struct token_rules *rules,
                             uint64_t now_ms, struct grant **grant);

#endif
