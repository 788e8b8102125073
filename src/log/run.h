// A run: the events of one stream that stand in one block. Index, look-up answers and the workers'
// windows are lists of runs; live delivery, catch-up and replay all send runs. Sealed segments hold
// them as they are (log/seal.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct log_run {
    uint64_t block_position; // log position of the block
    uint64_t first_id;
    uint64_t last_id;
    uint64_t first_sequence;
    uint64_t last_sequence;
    uint32_t block_length;
    uint16_t stream_index; // index of the stream's entry in the block's streams[]
    uint16_t flags;        // BLOCK_STREAM_*
    uint32_t frame_offset; // from the block's start
    uint32_t frame_bytes;
    uint32_t count;
    uint32_t frames_crc; // as in struct block_stream
};

// Whether no other stream's ids stand between its own.
static inline bool log_run_is_dense(const struct log_run *run)
{
    return run->last_id - run->first_id + 1 == run->count;
}

// The run of the stream at stream_index of a valid block that stands at position. It has events.
struct log_run log_run_of(uint64_t position, const uint8_t *block, uint32_t stream_index);
