// The open block: frames are written once, straight to where the block will be sent and stored
// from; records, streams and heap collect beside it and are copied behind the frames when it is
// closed. Where streams took turns, their frames are then laid side by side, stream by stream, so
// that each stream's can be read and sent as one piece. One thread; allocates only in
// builder_init.
#ifndef RINGCAST_LOG_BUILDER_H
#define RINGCAST_LOG_BUILDER_H

#include "event/event.h"
#include "event/frame.h"
#include "log/block.h"
#include "log/streams.h"

#include <stdbool.h>
#include <stdint.h>

struct builder {
    uint8_t *block; // where it stands in the tail; NULL: none is open
    uint64_t position;
    uint32_t limit_bytes; // the most it may become
    uint32_t frames_end;
    uint32_t record_count;
    uint32_t stream_count;
    uint32_t heap_bytes;
    uint32_t control_count;
    bool is_scattered; // some stream's frames do not stand side by side
    uint32_t *slots;   // of its streams; the caller's, BLOCK_RECORDS_MAX of them
    // Scratch, mapped once.
    struct block_record *records;
    struct block_stream *streams;
    uint8_t *heap;
    uint8_t *frames; // while they are being regrouped
    uint8_t *scratch;
    size_t scratch_bytes;
};

// 0 or -ENOMEM.
int builder_init(struct builder *builder);
void builder_free(struct builder *builder);

// What a record adds beyond its frame.
struct builder_size {
    uint32_t frame_bytes_max;
    uint32_t extra_bytes; // attributes and payload
    uint32_t name_bytes;
};
struct builder_size builder_size_of(const struct event *event, enum frame_form form);
// A whole block of nothing but this.
uint64_t builder_alone_bytes(const struct builder_size *size);

static inline bool builder_is_open(const struct builder *builder)
{
    return builder->block != NULL;
}
void builder_open(struct builder *builder, uint8_t *block, uint64_t position, uint32_t limit_bytes,
                  uint32_t *slots);
// The size the block would have with one more record, as if its stream were new in it.
uint64_t builder_bytes_with(const struct builder *builder, const struct builder_size *size);
static inline bool builder_fits(const struct builder *builder, const struct builder_size *size)
{
    return builder->record_count < BLOCK_RECORDS_MAX &&
           builder_bytes_with(builder, size) <= builder->limit_bytes;
}

// Adds an event. It fits; id is above the last one. Sets stream->open_index.
void builder_add_event(struct builder *builder, const struct streams *streams,
                       struct log_stream *stream, const struct event *event, enum frame_form form,
                       uint64_t id, uint64_t sequence, uint64_t time_ms);
// Adds a control record, whose extra is the bytes given.
void builder_add_control(struct builder *builder, const struct streams *streams,
                         struct log_stream *stream, enum record_kind kind, struct slice extra,
                         uint64_t id, uint64_t time_ms);
// Completes and seals it, and resets the streams' open_index. Returns its length. None is open
// then.
uint32_t builder_close(struct builder *builder, const struct streams *streams, uint64_t salt,
                       uint64_t synced_through, uint64_t previous_position);

#endif
