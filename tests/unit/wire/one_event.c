#include "one_event.h"

#include "event/frame.h"

#include <stdlib.h>

struct made block_make(const struct event *event, uint64_t id)
{
    enum frame_form form = frame_form_of(event);
    size_t frame_room = align_up(frame_size_max(event, form), BLOCK_ALIGNMENT);
    struct buffer attributes;
    buffer_init(&attributes, 1 << 20);
    if (event->type.length > 0) {
        event_attribute_append(&attributes, ATTRIBUTE_TYPE, event->type);
    }
    if (event->retry_ms > 0) {
        uint8_t retry[4];
        store_le32(retry, event->retry_ms);
        event_attribute_append(&attributes, ATTRIBUTE_RETRY, slice_from(retry, sizeof(retry)));
    }
    buffer_append_slice(&attributes, event->attributes);
    struct slice extra = buffer_slice(&attributes);

    size_t records = BLOCK_HEADER_BYTES + frame_room;
    size_t streams = records + sizeof(struct block_record);
    size_t heap = streams + sizeof(struct block_stream);
    size_t payload = form == FRAME_FORM_TEXT ? 0 : event->data.length;
    size_t length = heap + event->stream.length + extra.length + payload;
    struct made made = {.block = calloc(1, align_up(length, BLOCK_ALIGNMENT)), .length = length};
    struct block_header *header = (struct block_header *)(void *)made.block;
    header->record_count = 1;
    header->stream_count = 1;
    header->frames_length = (uint32_t)frame_write(made.block + BLOCK_HEADER_BYTES, event, form, id);
    header->heap_offset = (uint32_t)heap;
    // The tables follow the frames, padded to 8.
    records = BLOCK_HEADER_BYTES + align_up(header->frames_length, BLOCK_ALIGNMENT);
    streams = records + sizeof(struct block_record);
    made.record = (struct block_record *)(void *)(made.block + records);
    *made.record = (struct block_record){
        .id = id,
        .sequence = 3,
        .time_ms = 1700000000000,
        .frame_offset = BLOCK_HEADER_BYTES,
        .frame_length = header->frames_length,
        .extra_offset = (uint32_t)(heap + event->stream.length),
        .extra_length = (uint32_t)extra.length,
        .payload_length = (uint32_t)payload,
        .priority = (uint8_t)event->priority,
        .form = (uint8_t)form,
    };
    *(struct block_stream *)(void *)(made.block + streams) = (struct block_stream){
        .name_offset = (uint32_t)heap, .name_length = (uint16_t)event->stream.length};
    memcpy(made.block + heap, event->stream.at, event->stream.length);
    if (extra.length > 0) {
        memcpy(made.block + heap + event->stream.length, extra.at, extra.length);
    }
    if (payload > 0) {
        memcpy(made.block + heap + event->stream.length + extra.length, event->data.at, payload);
    }
    buffer_free(&attributes);
    return made;
}
