// Records of stream settings, as they stand in logs, of any length and content: what is taken is in
// its bounds, and is the same when it is written and taken again.
// layer: log
#include "base/assert.h"
#include "log/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stream_settings change;
    struct slice content_type;
    enum stream_life life;
    if (life_decode(slice_from(data, size), &life)) {
        ASSERT(life != STREAM_OPEN && life < STREAM_LIVES);
    }
    if (!settings_decode(slice_from(data, size), &change, &content_type)) {
        return 0;
    }
    ASSERT(stream_flow_is_valid(&change.flow));
    ASSERT(content_type.length == 0 || content_type_is_valid(content_type));
    uint8_t record[SETTINGS_RECORD_BYTES_MAX];
    size_t length = settings_encode(&change, content_type, record);
    struct stream_settings again;
    struct slice type_again;
    ASSERT(settings_decode(slice_from(record, length), &again, &type_again));
    ASSERT(memcmp(&again, &change, sizeof(again)) == 0 && slice_equal(type_again, content_type));
    return 0;
}
