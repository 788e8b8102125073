// What the files of the reader share: reader.c receives, reader_dial.c begins and ends connections,
// reader_secure.c is what TLS puts in between. The reader's thread.
#ifndef RINGCAST_LOADGEN_READER_DIAL_H
#define RINGCAST_LOADGEN_READER_DIAL_H

#include "reader.h"
#include "secure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reader_op {
    OP_CONNECT = 1,
    OP_SEND,
    OP_RECEIVE,
    OP_CLOSE,
};

// What is kept while a subscriber is being opened.
struct reader_attempt {
    uint8_t request[TARGET_REQUEST_BYTES_MAX];
    size_t request_length;
    // What goes out: the request, over TLS behind the handshake, and encrypted. There is room for
    // all of it, so that nothing moves while it is being sent.
    uint8_t output_bytes[TARGET_REQUEST_BYTES_MAX + SECURE_OVERHEAD_BYTES_MAX];
    struct buffer output;
    bool is_sending; // what the output holds, or its beginning
};

static inline uint32_t reader_ring_of(const struct reader *reader, uint32_t index)
{
    return index / reader->ring_slots;
}

static inline int reader_descriptor_of(const struct reader *reader, uint32_t index)
{
    return (int)(index % reader->ring_slots);
}

// Begins to open more of the subscribers, as many as opening_max allows.
void reader_dial_more(struct reader *reader);

// Begins to cut some more of the connections. Returns whether there are yet more.
bool reader_cut_more(struct reader *reader);

// A subscriber that is being cut off has received its last: closes its socket.
void reader_cut_end(struct reader *reader, uint32_t index);

// Of no more use: the subscriber, or what would open one.
void reader_fail(struct reader *reader);

// The opening of a subscriber, or it itself, is over with a fault, which the ledger notes.
void reader_give_up(struct reader *reader, uint32_t index, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Sends of its attempt's output what is not on its way yet.
void reader_send(struct reader *reader, uint32_t index);

// Takes bytes of the response.
void reader_take(struct reader *reader, uint32_t index, const uint8_t *at, size_t length);

// The subscriber has connected: begins its handshake.
void reader_secure_begin(struct reader *reader, uint32_t index);

// Takes bytes that arrived: the handshake's, behind which the request goes out, and what
// reader_take takes.
void reader_secure_take(struct reader *reader, uint32_t index, const uint8_t *at, size_t length);

// OP_CLOSE.
void reader_on_close(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                     int32_t result, uint32_t cqe_flags);

#endif
