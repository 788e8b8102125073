// layer: ingest
// link: tests/fuzz/ingest_rig.c

// The binary protocol from the socket to the log and back: whatever a producer sends, the answers
// are whole frames, the connection ends after its input ended, and nothing is said after the broker
// said that it closes. The first byte is the plan of ingest_rig; the second tells whether a good
// HELLO stands before the rest, and of which version.
#include "fuzz/ingest_rig.h"

#include <ringcast/protocol.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(struct slice payload)
{
    ASSERT(payload.length >= RC_ERROR_BYTES);
    ASSERT(load_le16(payload.at + 12) == payload.length - RC_ERROR_BYTES);
    ASSERT(load_le16(payload.at) != 0);
    ASSERT(load_le16(payload.at + 2) <= RC_ERROR_CLOSING);
}

// Returns the frame's length.
static size_t check_frame(struct slice rest, bool is_first, bool *is_closing)
{
    ASSERT(!*is_closing);
    ASSERT(rest.length >= RC_HEADER_BYTES);
    size_t length = load_le32(rest.at);
    ASSERT(rest.length - RC_HEADER_BYTES >= length);
    struct slice payload = slice_from(rest.at + RC_HEADER_BYTES, length);
    switch (rest.at[4]) {
    case RC_FRAME_WELCOME: ASSERT(is_first && length == RC_WELCOME_BYTES); break;
    case RC_FRAME_ACK: ASSERT(length == RC_ACK_BYTES); break;
    case RC_FRAME_CREDIT: ASSERT(length == RC_CREDIT_BYTES); break;
    case RC_FRAME_PONG: ASSERT(length <= RC_PING_BYTES_MAX); break;
    case RC_FRAME_STREAM_CREDIT:
        ASSERT(length > RC_STREAM_CREDIT_BYTES && load_le32(payload.at + 12) == 0);
        break;
    case RC_FRAME_PRESSURE_NOW:
        ASSERT(length == RC_PRESSURE_BYTES || length == RC_PRESSURE_STREAM_BYTES);
        break;
    case RC_FRAME_ERROR:
        check_error(payload);
        *is_closing = (load_le16(payload.at + 2) & RC_ERROR_CLOSING) != 0;
        break;
    default: ASSERT(false);
    }
    return RC_HEADER_BYTES + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t hello[RC_HELLO_BYTES] = "\xf7RCP\1\0\0\0\5\0\0\0\0\0\0\0\1\0\0\0\0\0\0";
    if (size < 2) {
        return 0;
    }
    bool is_welcome = data[1] % 8 != 0;
    size_t length = (is_welcome ? sizeof(hello) : 1) + size - 2;
    uint8_t *bytes = malloc(length);
    ASSERT(bytes != NULL);
    memcpy(bytes, hello, length < sizeof(hello) ? length : sizeof(hello));
    if (is_welcome) {
        bytes[4] = (uint8_t)(1 + (data[1] >> 3) % RC_PROTOCOL_VERSION);
    }
    memcpy(bytes + length - (size - 2), data + 2, size - 2);
    struct slice answers = ingest_rig_converse(data[0], slice_from(bytes, length));
    bool is_closing = false;
    for (bool is_first = true; answers.length > 0; is_first = false) {
        answers = slice_after(answers, check_frame(answers, is_first, &is_closing));
    }
    free(bytes);
    return 0;
}
