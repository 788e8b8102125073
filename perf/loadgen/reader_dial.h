// What the files of the reader share: reader.c receives, reader_dial.c begins and ends connections.
// The reader's thread.
#ifndef RINGCAST_LOADGEN_READER_DIAL_H
#define RINGCAST_LOADGEN_READER_DIAL_H

#include "reader.h"

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
    bool is_sending;
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

// OP_CLOSE.
void reader_on_close(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                     int32_t result, uint32_t cqe_flags);

#endif
