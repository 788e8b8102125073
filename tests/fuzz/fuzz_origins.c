// layer: auth
// A list of origins: each that is accepted stands in the text, is found again, is accepted alone,
// and holds nothing that a header field may not.
#include "auth/cors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cors_origins origins;
    struct cors_origins alone;
    char fault[CORS_FAULT_BYTES] = "";
    if (!cors_origins_parse(&origins, slice_from(data, size), fault)) {
        ASSERT(fault[0] != '\0' && strlen(fault) < sizeof(fault));
        return 0;
    }
    for (uint32_t i = 0; i < origins.count; i++) {
        struct slice origin = origins.origins[i];
        ASSERT(origin.at >= data && origin.at + origin.length <= data + size);
        for (size_t j = 0; j < origin.length; j++) {
            ASSERT(origin.at[j] > ' ' && origin.at[j] < 0x7f && origin.at[j] != '*');
        }
        ASSERT(cors_origins_have(&origins, origin));
        ASSERT(cors_origins_parse(&alone, origin, fault) && alone.count == 1);
    }
    return 0;
}
