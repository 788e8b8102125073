// Redis pub/sub: RESP 2. A subscriber gets arrays of three: "subscribe", the channel and a count;
// then "message", the channel and the data.
//
//     *3 CRLF $7 CRLF message CRLF $7 CRLF bench/0 CRLF $64 CRLF (64 bytes) CRLF
#include "messages.h"

#include "base/text.h"

#include <errno.h>

enum redis_kind {
    REDIS_OTHER = 0,
    REDIS_SUBSCRIBED,
    REDIS_MESSAGE,
};

enum {
    ELEMENTS_MAX = 1024,
    BLOCK_BYTES_MAX = 512 << 20, // Redis's own
};

static int redis_request(struct buffer *into, struct slice stream)
{
    (void)buffer_printf(into, "*2\r\n$9\r\nSUBSCRIBE\r\n$%zu\r\n", stream.length);
    (void)buffer_append_slice(into, stream);
    return buffer_append_text(into, "\r\n");
}

// The current element is complete. False: the callback wants no more.
static bool end_element(struct messages *messages, messages_callback callback, void *context)
{
    if (++messages->element < messages->elements) {
        return true;
    }
    bool goes_on = true;
    if (messages->kind == REDIS_SUBSCRIBED) {
        goes_on = callback(context, messages, MESSAGES_READY, slice_empty());
    } else if (messages->has_payload) {
        goes_on = callback(context, messages, MESSAGES_EVENT, slice_empty());
    }
    messages->kind = REDIS_OTHER;
    messages->has_payload = false;
    messages->elements = 0;
    messages->element = 0;
    return goes_on;
}

static void take_block(struct messages *messages, struct slice block)
{
    if (messages->element == 0) {
        messages->kind = slice_equal_text(block, "message")     ? REDIS_MESSAGE
                         : slice_equal_text(block, "subscribe") ? REDIS_SUBSCRIBED
                                                                : REDIS_OTHER;
    } else if (messages->element == 2 && messages->kind == REDIS_MESSAGE) {
        messages->has_payload = payload_read(&messages->payload, block.at, block.length);
    }
}

// A line begins an element or a reply, or is one.
static int take_line(struct messages *messages, struct slice line, messages_callback callback,
                     void *context)
{
    if (line.length == 0 || (line.length > MESSAGES_LINE_BYTES_MAX && line.at[0] != '-')) {
        return -EBADMSG;
    }
    bool is_within = messages->elements > 0;
    struct slice rest = slice_after(line, 1);
    uint64_t number = 0;
    switch (line.at[0]) {
    case '*':
        if (is_within || !text_parse_u64_max(rest, ELEMENTS_MAX, &number)) {
            return -EBADMSG;
        }
        messages->elements = (uint32_t)number;
        return 0;
    case '$':
        if (!is_within || !text_parse_u64_max(rest, BLOCK_BYTES_MAX, &number)) {
            return -EBADMSG;
        }
        messages->block_left = number;
        messages->phase = MESSAGES_BLOCK;
        return 0;
    case ':':
    case '+': return !is_within || end_element(messages, callback, context) ? 0 : -ECANCELED;
    case '-':
        if (is_within) {
            return -EBADMSG;
        }
        return callback(context, messages, MESSAGES_ERROR, rest) ? 0 : -ECANCELED;
    default: return -EBADMSG;
    }
}

const struct messages_protocol messages_redis = {
    .scheme = "redis://",
    .port = "6379",
    .request = redis_request,
    .take_line = take_line,
    .take_block = take_block,
    .end_block = end_element,
};
