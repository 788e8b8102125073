#include "http/resume_token.h"

#include "base/base64.h"
#include "base/text.h"
#include "event/event.h"

#include <errno.h>
#include <string.h>

// The longest name, the colon, the longest number.
enum { DECODED_BYTES_MAX = NAME_BYTES_MAX + 1 + TEXT_U64_BYTES_MAX };

const char *resume_token_parse(struct slice text, struct resume_token *token)
{
    uint8_t decoded[DECODED_BYTES_MAX];
    if (text.length == 0) {
        return "it is empty";
    }
    ssize_t length = base64_decode(decoded, sizeof(decoded), text, NULL);
    if (length == -ENOBUFS) {
        return "it is too long";
    }
    if (length < 0) {
        return "it is not base64";
    }
    const uint8_t *colon = memrchr(decoded, ':', (size_t)length);
    if (colon == NULL) {
        return "it has no colon between stream and sequence";
    }
    struct slice stream = slice_from(decoded, (size_t)(colon - decoded));
    struct slice sequence = slice_after(slice_from(decoded, (size_t)length), stream.length + 1);
    if (!event_name_is_valid(stream)) {
        return "it names no valid stream";
    }
    if (!text_parse_u64(sequence, &token->sequence)) {
        return "its sequence is not a number";
    }
    memcpy(token->stream, stream.at, stream.length);
    token->stream_length = stream.length;
    return NULL;
}
