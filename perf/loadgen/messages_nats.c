// NATS core: lines, and behind "MSG subject id [reply-to] bytes" a block of so many bytes. The
// server asks with PING whether we are there; our own PING behind the subscription is answered when
// that holds.
#include "messages.h"

#include "base/text.h"

#include <errno.h>

enum {
    // So that a MSG line, with "MSG ", " 1 " and a length, is not too long.
    NAME_BYTES_MAX = MESSAGES_LINE_BYTES_MAX - 18,
    BLOCK_BYTES_MAX = 64 << 20, // the most that max_payload may be
};

static int nats_request(struct buffer *into, struct slice stream)
{
    static const struct slice unfit = SLICE_LITERAL(" \t\r\n*>");
    for (size_t i = 0; i < unfit.length; i++) {
        if (slice_find(stream, unfit.at[i]) < stream.length) {
            return -EINVAL;
        }
    }
    if (stream.length == 0 || stream.length > NAME_BYTES_MAX) {
        return -EINVAL;
    }
    (void)buffer_append_text(into, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB ");
    (void)buffer_append_slice(into, stream);
    return buffer_append_text(into, " 1\r\nPING\r\n");
}

static bool begins(struct slice line, const char *word)
{
    return slice_starts_with(line, slice_of(word));
}

// "subject id [reply-to] bytes": the last is what we need.
static int take_message(struct messages *messages, struct slice line)
{
    struct slice last = slice_empty();
    uint32_t words = 0;
    while (line.at != NULL) {
        last = slice_split(&line, ' ');
        words++;
    }
    if (words < 3 || words > 4 ||
        !text_parse_u64_max(last, BLOCK_BYTES_MAX, &messages->block_left)) {
        return -EBADMSG;
    }
    messages->phase = MESSAGES_BLOCK;
    return 0;
}

static int take_line(struct messages *messages, struct slice line, messages_callback callback,
                     void *context)
{
    enum messages_news news = MESSAGES_READY;
    struct slice text = slice_empty();
    if (begins(line, "MSG ")) {
        return line.length <= MESSAGES_LINE_BYTES_MAX ? take_message(messages, slice_after(line, 4))
                                                      : -EBADMSG;
    }
    if (begins(line, "INFO ") || slice_equal_text(line, "+OK")) {
        return 0;
    }
    if (slice_equal_text(line, "PING")) {
        news = MESSAGES_PING;
    } else if (begins(line, "-ERR ")) {
        news = MESSAGES_ERROR;
        text = slice_after(line, 5);
    } else if (!slice_equal_text(line, "PONG")) {
        return -EBADMSG;
    }
    return callback(context, messages, news, text) ? 0 : -ECANCELED;
}

static void take_block(struct messages *messages, struct slice block)
{
    messages->has_payload = payload_read(&messages->payload, block.at, block.length);
}

static bool end_block(struct messages *messages, messages_callback callback, void *context)
{
    return !messages->has_payload || callback(context, messages, MESSAGES_EVENT, slice_empty());
}

const struct messages_protocol messages_nats = {
    .scheme = "nats://",
    .port = "4222",
    .pong = "PONG\r\n",
    .request = nats_request,
    .take_line = take_line,
    .take_block = take_block,
    .end_block = end_block,
};
