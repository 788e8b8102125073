// Several events as one: an SSE frame whose data is the array of their envelopes (mission E2), for
// connections that asked for batch=event.
//
//     id: 1043
//     event: batch
//     data: [{"id":1042,...},{"id":1043,...}]
//
// The frame's id is the last one's, so that a client resumes behind the whole batch. Equal events
// give equal bytes. Any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "log/block.h"

// The frame of a batch of this one event: all, or nothing where the buffer failed.
bool batch_write_one(struct buffer *out, const uint8_t *block, const struct block_record *record);
// A bound on the bytes that it appends.
size_t batch_one_size_max(const struct block_record *record);
// What such a frame holds between its brackets.
struct slice batch_content(struct slice frame);

// A frame being made of the contents of others, in memory of the caller's.
struct batch {
    uint8_t *at;
    uint32_t bytes_max;
    uint32_t length; // of the frame, if it ended now, at the most
    uint32_t count;
};

enum { BATCH_EMPTY_BYTES = 64 }; // of a frame without events, at the most

// bytes_max: at least BATCH_EMPTY_BYTES.
void batch_begin(struct batch *batch, uint8_t *at, uint32_t bytes_max);
// How long the frame would be at the most with one more of these.
uint32_t batch_length_with(const struct batch *batch, struct slice content);
// batch_length_with is not above bytes_max.
void batch_add(struct batch *batch, struct slice content);
// The whole frame; at least one was added.
struct slice batch_end(struct batch *batch, uint64_t last_id);

// What one event contributes to such a frame. Those of all its events, one behind the other, are
// the frame.
struct batch_piece {
    struct slice content;
    bool is_first;
    bool is_last;
    uint64_t last_id; // the frame's
};

uint32_t batch_piece_length(const struct batch_piece *piece);
// All, or nothing where the buffer failed.
bool batch_piece_write(struct buffer *out, const struct batch_piece *piece);
