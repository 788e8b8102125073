// layer: http
// A resume token: what is accepted is a valid name and a number, and comes back from its own parts.
#include "base/base64.h"
#include "event/event.h"
#include "http/resume_token.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct resume_token token;
    if (resume_token_parse(slice_from(data, size), &token) != NULL) {
        return 0;
    }
    ASSERT(event_name_is_valid(resume_token_stream(&token)));
    char decoded[NAME_BYTES_MAX + 32];
    memcpy(decoded, token.stream, token.stream_length);
    size_t length =
        token.stream_length + (size_t)snprintf(decoded + token.stream_length, 32, ":%llu",
                                               (unsigned long long)token.sequence);
    char text[2 * sizeof(decoded)];
    size_t encoded = base64_encode(text, slice_from(decoded, length), BASE64_URL_UNPADDED);
    struct resume_token again;
    ASSERT(resume_token_parse(slice_from(text, encoded), &again) == NULL);
    ASSERT(again.sequence == token.sequence);
    ASSERT(slice_equal(resume_token_stream(&again), resume_token_stream(&token)));
    return 0;
}
