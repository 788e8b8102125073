// Base 64 on any text: what decodes, encodes to the same text again in one of the four forms, since
// a strict decoder takes no two texts for the same bytes in one form.
// layer: base
#include "base/base64.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_from(data, size);
    size_t capacity = base64_decoded_length_max(size);
    uint8_t *bytes = malloc(capacity + 1);
    ASSERT(bytes != NULL);
    size_t fault = SIZE_MAX;
    ssize_t length = base64_decode(bytes, capacity, text, &fault);
    if (length < 0) {
        ASSERT(length == -EINVAL && fault <= size);
        free(bytes);
        return 0;
    }
    bool is_found = false;
    for (int form = BASE64_STANDARD; form <= BASE64_URL_UNPADDED; form++) {
        struct slice plain = slice_from(bytes, (size_t)length);
        size_t encoded_length = base64_encoded_length(plain.length, (enum base64_form)form);
        char *encoded = malloc(encoded_length + 1);
        ASSERT(encoded != NULL);
        ASSERT(base64_encode(encoded, plain, (enum base64_form)form) == encoded_length);
        is_found |= slice_equal(text, slice_from(encoded, encoded_length));
        free(encoded);
    }
    ASSERT(is_found);
    free(bytes);
    return 0;
}
