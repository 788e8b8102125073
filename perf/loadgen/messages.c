#include "messages.h"

#include <errno.h>
#include <string.h>

static const struct messages_protocol *const PROTOCOLS[] = {
    &messages_redis,
    &messages_nats,
};

const struct messages_protocol *messages_protocol_find(const char *url)
{
    for (size_t i = 0; i < sizeof PROTOCOLS / sizeof PROTOCOLS[0]; i++) {
        if (strncmp(url, PROTOCOLS[i]->scheme, strlen(PROTOCOLS[i]->scheme)) == 0) {
            return PROTOCOLS[i];
        }
    }
    return NULL;
}

// What a part (a line or a block) is for, by the phase. Returns as take_line.
static int take_part(struct messages *messages, const struct messages_protocol *protocol,
                     struct slice part, messages_callback callback, void *context)
{
    switch ((enum messages_phase)messages->phase) {
    case MESSAGES_LINE: return protocol->take_line(messages, part, callback, context);
    case MESSAGES_BLOCK:
        protocol->take_block(messages, part);
        messages->phase = MESSAGES_BLOCK_END;
        return 0;
    case MESSAGES_BLOCK_END:
        if (part.length > 0) {
            return -EBADMSG;
        }
        messages->phase = MESSAGES_LINE;
        return protocol->end_block(messages, callback, context) ? 0 : -ECANCELED;
    }
    UNREACHABLE();
}

int messages_feed(struct messages *messages, const struct messages_protocol *protocol,
                  const uint8_t *at, size_t length, messages_callback callback, void *context)
{
    const uint8_t *end = at + length;
    for (;;) {
        const uint8_t *part = NULL;
        size_t part_length = 0;
        if (messages->phase == MESSAGES_BLOCK) {
            at = lines_block(&messages->lines, at, end, &messages->block_left, &part, &part_length);
        } else {
            at = lines_next(&messages->lines, at, end, &part, &part_length);
        }
        if (at == NULL) {
            return 0;
        }
        int result =
            take_part(messages, protocol, slice_from(part, part_length), callback, context);
        if (result != 0) {
            return result == -ECANCELED ? 0 : result;
        }
    }
}
