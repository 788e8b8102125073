#include "auth/token_sign.h"

#include "auth/signature.h"
#include "base/base64.h"

static void append_part(struct buffer *into, struct slice bytes)
{
    size_t length = base64_encoded_length(bytes.length, BASE64_URL_UNPADDED);
    uint8_t *at = buffer_reserve(into, length);
    if (at != NULL) {
        buffer_commit(into, base64_encode((char *)at, bytes, BASE64_URL_UNPADDED));
    }
}

bool token_sign(const struct key *key, struct slice header_json, struct slice claims_json,
                struct buffer *into)
{
    size_t start = buffer_length(into);
    append_part(into, header_json);
    (void)buffer_append_byte(into, '.');
    append_part(into, claims_json);
    if (buffer_failure(into) != 0) {
        return false;
    }
    uint8_t signature[SIGNATURE_BYTES_MAX];
    size_t length = signature_make(key, slice_after(buffer_slice(into), start), signature);
    (void)buffer_append_byte(into, '.');
    append_part(into, slice_from(signature, length));
    return length > 0 && buffer_failure(into) == 0;
}
