// Resume tokens (mission B2): base64, standard or URL-safe, padded or not, of `stream:sequence`,
// split at the last colon. A client makes it itself from an envelope. Any thread.
#ifndef RINGCAST_HTTP_RESUME_TOKEN_H
#define RINGCAST_HTTP_RESUME_TOKEN_H

#include "base/bytes.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct resume_token {
    uint64_t sequence;
    size_t stream_length;
    uint8_t stream[NAME_BYTES_MAX]; // a valid name
};

// Returns NULL, or what is wrong with it: a phrase for people in static memory; *token is then not
// to be read.
const char *resume_token_parse(struct slice text, struct resume_token *token);

static inline struct slice resume_token_stream(const struct resume_token *token)
{
    return slice_from(token->stream, token->stream_length);
}

#endif
