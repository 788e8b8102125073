// link: perf/loadgen/messages.c
// link: perf/loadgen/messages_redis.c
// link: perf/loadgen/messages_nats.c
// link: perf/loadgen/lines.c
// link: perf/loadgen/payload.c
// layer: base
// What Redis and NATS send to the load generator: the same is told of it whole and in pieces. The
// first byte says which protocol, and where the pieces end.
#include "../perf/loadgen/messages.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

enum {
    NEWS_MAX = 4096,
};

struct log {
    struct {
        enum messages_news news;
        uint64_t number;
    } told[NEWS_MAX];
    size_t count;
    int result;
};

static bool note(void *context, const struct messages *messages, enum messages_news news,
                 struct slice text)
{
    struct log *log = context;
    ASSERT(text.length == 0 || news == MESSAGES_ERROR);
    if (log->count == NEWS_MAX) {
        return true;
    }
    log->told[log->count].news = news;
    log->told[log->count].number = news == MESSAGES_EVENT ? messages->payload.number : 0;
    log->count++;
    return true;
}

// A copy of each piece of exactly its size, so that the sanitizer sees a read beyond it.
static void feed(struct log *log, const struct messages_protocol *protocol, const uint8_t *bytes,
                 size_t length, size_t piece_bytes)
{
    struct messages messages = {0};
    log->count = 0;
    log->result = 0;
    for (size_t done = 0; done < length && log->result == 0;) {
        size_t piece = length - done < piece_bytes ? length - done : piece_bytes;
        uint8_t *copy = malloc(piece);
        ASSERT(copy != NULL);
        memcpy(copy, bytes + done, piece);
        log->result = messages_feed(&messages, protocol, copy, piece, note, log);
        free(copy);
        done += piece;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct log whole;
    static struct log pieces;
    if (size < 1) {
        return 0;
    }
    const struct messages_protocol *protocol = data[0] % 2 == 0 ? &messages_redis : &messages_nats;
    feed(&whole, protocol, data + 1, size - 1, size);
    feed(&pieces, protocol, data + 1, size - 1, 1 + (size_t)data[0] / 2);
    ASSERT(whole.result == pieces.result && whole.count == pieces.count);
    for (size_t i = 0; i < whole.count; i++) {
        ASSERT(whole.told[i].news == pieces.told[i].news);
        ASSERT(whole.told[i].number == pieces.told[i].number);
    }
    return 0;
}
