// Records of stream settings, as they stand in logs, of any length and content: what is taken is in
// its bounds, and is the same when it is written and taken again.
// layer: log
#include "base/assert.h"
#include "log/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stream_settings settings = {0};
    if (!settings_apply(&settings, slice_from(data, size))) {
        ASSERT(settings_are_default(&settings) && settings.parts == 0);
        return 0;
    }
    ASSERT(stream_flow_is_valid(&settings.flow));
    if (settings.parts != 0) {
        struct stream_settings again = {0};
        ASSERT(settings_apply(&again, settings_record(&settings)));
        ASSERT(memcmp(&again, &settings, sizeof(again)) == 0);
    }
    return 0;
}
