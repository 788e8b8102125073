#include "log/run.h"

#include "log/block.h"

struct log_run log_run_of(uint64_t position, const uint8_t *block, uint32_t stream_index)
{
    const struct block_stream *entry = &block_streams(block)[stream_index];
    return (struct log_run){.block_position = position,
                            .first_id = entry->first_id,
                            .last_id = entry->last_id,
                            .first_sequence = entry->first_sequence,
                            .last_sequence = entry->last_sequence,
                            .block_length = block_header_of(block)->length,
                            .stream_index = (uint16_t)stream_index,
                            .flags = entry->flags,
                            .frame_offset = entry->frame_offset,
                            .frame_bytes = entry->frame_bytes,
                            .count = entry->count,
                            .frames_crc = entry->frames_crc};
}
