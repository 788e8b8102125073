// layer: conn
// A PROXY header: what it says does not depend on the pieces that it comes in, and nothing behind
// it is taken. The first byte chooses the pieces.
#include "conn/proxy_header.h"

#include "base/assert.h"

#include <string.h>

struct outcome {
    enum proxy_progress progress;
    size_t taken;
    struct proxy_header header;
};

static struct outcome feed(struct slice bytes, size_t piece)
{
    struct outcome outcome = {.progress = PROXY_NEED_MORE};
    while (outcome.progress == PROXY_NEED_MORE && outcome.taken < bytes.length) {
        size_t left = bytes.length - outcome.taken;
        size_t length = piece < left ? piece : left;
        size_t consumed = 0;
        outcome.progress = proxy_header_feed(
            &outcome.header, slice_from(bytes.at + outcome.taken, length), &consumed);
        ASSERT(consumed <= length);
        outcome.taken += consumed;
    }
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct slice bytes = slice_from(data + 1, size - 1);
    struct outcome whole = feed(bytes, bytes.length);
    struct outcome pieces = feed(bytes, (size_t)(data[0] % 32) + 1);
    ASSERT(whole.progress == pieces.progress);
    if (whole.progress != PROXY_DONE) {
        return 0;
    }
    ASSERT(whole.taken == pieces.taken);
    ASSERT(whole.taken == (size_t)PROXY_HEADER_START_BYTES + whole.header.length);
    ASSERT(whole.taken <= PROXY_HEADER_START_BYTES + PROXY_HEADER_BYTES_MAX);
    ASSERT(proxy_header_family(&whole.header) == proxy_header_family(&pieces.header));
    ASSERT(memcmp(whole.header.address, pieces.header.address, sizeof(whole.header.address)) == 0);
    ASSERT(whole.header.port == pieces.header.port);
    return 0;
}
