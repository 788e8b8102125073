// layer: http
// A Cookie field: what is found stands in the field, behind the name and an equals sign.
#include "http/cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice field = slice_from(data, size);
    struct slice name = slice_of("auth_token");
    struct slice value = slice_empty();
    if (cookie_find(field, name, &value) == COOKIE_NONE) {
        ASSERT(value.at == NULL);
        return 0;
    }
    ASSERT(value.at > data + name.length && value.at + value.length <= data + size);
    ASSERT(slice_find(value, ';') == value.length);
    return 0;
}
