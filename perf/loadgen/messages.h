// What a subscriber of a publish-and-subscribe server reads over plain TCP, where response.h reads
// server-sent events: a table of protocols, each a file. Bytes arrive in pieces cut anywhere; no
// more state is kept than for an event stream. Only messages that carry a payload of ours are told.
#ifndef RINGCAST_LOADGEN_MESSAGES_H
#define RINGCAST_LOADGEN_MESSAGES_H

#include "lines.h"
#include "payload.h"

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    // Lines that must be seen whole: of longer ones only the beginning is sure to be there.
    MESSAGES_LINE_BYTES_MAX = 70,
};
_Static_assert(MESSAGES_LINE_BYTES_MAX + 2 <= LINES_HEAD_BYTES, "such a line is seen whole");

enum messages_phase {
    MESSAGES_LINE = 0,
    MESSAGES_BLOCK,     // block_left bytes of a block of known length
    MESSAGES_BLOCK_END, // the CR LF behind it
};

// Zeroed memory is a connection on which nothing has arrived.
struct messages {
    struct lines lines;
    struct payload payload; // of the message being received
    uint64_t block_left;
    uint32_t elements; // Redis: of the reply being received
    uint32_t element;  // which of them comes next
    uint8_t phase;     // enum messages_phase
    uint8_t kind;      // the protocol's own
    bool has_payload;
};

enum messages_news {
    MESSAGES_READY, // the subscription holds
    MESSAGES_EVENT, // a message with messages->payload
    MESSAGES_PING,  // to be answered with the protocol's pong
    MESSAGES_ERROR, // the server refuses something, and says why in `text`
};

// Called within messages_feed; `text` is valid until it returns. False: the rest of the bytes is
// dropped.
typedef bool (*messages_callback)(void *context, const struct messages *messages,
                                  enum messages_news news, struct slice text);

struct messages_protocol {
    const char *scheme; // of --url
    const char *port;   // where the URL names none
    const char *pong;   // NULL: the server does not ask
    // Appends what subscribes to `stream`. Returns 0; -ENOBUFS; -EINVAL when the protocol cannot
    // carry that name.
    int (*request)(struct buffer *into, struct slice stream);
    // A line without its end. Returns 0; -EBADMSG when no such server sends that to a subscriber;
    // -ECANCELED when the callback wants no more.
    int (*take_line)(struct messages *messages, struct slice line, messages_callback callback,
                     void *context);
    // The first bytes of a block, and then that it is over; false as the callback.
    void (*take_block)(struct messages *messages, struct slice block);
    bool (*end_block)(struct messages *messages, messages_callback callback, void *context);
};

extern const struct messages_protocol messages_redis;
extern const struct messages_protocol messages_nats;

// By the beginning of a URL. NULL: none of these.
const struct messages_protocol *messages_protocol_find(const char *url);

// Takes the next bytes. Returns 0 or -EBADMSG.
int messages_feed(struct messages *messages, const struct messages_protocol *protocol,
                  const uint8_t *at, size_t length, messages_callback callback, void *context);

#endif
