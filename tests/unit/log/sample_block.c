#include "sample_log.h"

#include "base/assert.h"
#include "event/event.h"
#include "event/frame.h"

#include <stdio.h>
#include <stdlib.h>

static struct slice stream_name(unsigned stream)
{
    static const char *const names[SAMPLE_STREAMS + 1] = {"", "stream/1", "stream/2", "stream/3"};
    ASSERT(stream >= 1 && stream <= SAMPLE_STREAMS);
    return slice_of(names[stream]);
}

struct draft {
    struct buffer frames;
    struct buffer heap;
    struct block_record *records;
    struct block_stream streams[SAMPLE_STREAMS];
    unsigned stream_count;
};

static unsigned stream_entry(struct draft *draft, const struct sample_event *event)
{
    unsigned index = 0;
    while (index < draft->stream_count && draft->streams[index].number != event->stream) {
        index++;
    }
    struct block_stream *entry = &draft->streams[index];
    if (index == draft->stream_count) {
        draft->stream_count++;
        struct slice name = stream_name(event->stream);
        *entry = (struct block_stream){.number = event->stream,
                                       .name_offset = (uint32_t)buffer_length(&draft->heap),
                                       .name_length = (uint16_t)name.length,
                                       .flags = BLOCK_STREAM_CONTIGUOUS};
        buffer_append_slice(&draft->heap, name);
    }
    return index;
}

static void add_event(struct draft *draft, struct block_record *record,
                      const struct sample_event *sample, uint64_t time_ms)
{
    unsigned index = stream_entry(draft, sample);
    struct block_stream *entry = &draft->streams[index];
    *record = (struct block_record){.id = sample->id,
                                    .sequence = sample->sequence,
                                    .time_ms = time_ms,
                                    .extra_offset = (uint32_t)buffer_length(&draft->heap),
                                    .stream = (uint16_t)index,
                                    .kind = sample->is_control ? RECORD_DISCARD : RECORD_EVENT,
                                    .priority = PRIORITY_NORMAL};
    if (sample->is_control) {
        entry->flags |= BLOCK_STREAM_HAS_CONTROL;
        return;
    }
    struct event event = {.stream = stream_name(sample->stream),
                          .type = slice_of("text"),
                          .data = slice_of(sample->data)};
    event_attribute_append(&draft->heap, ATTRIBUTE_TYPE, event.type);
    record->extra_length = (uint32_t)buffer_length(&draft->heap) - record->extra_offset;
    uint8_t *frame = buffer_reserve(&draft->frames, frame_size_max(&event, FRAME_FORM_TEXT));
    size_t length = frame_write(frame, &event, FRAME_FORM_TEXT, sample->id);
    record->frame_offset = BLOCK_HEADER_BYTES + (uint32_t)buffer_length(&draft->frames);
    record->frame_length = (uint32_t)length;
    buffer_commit(&draft->frames, length);
    if (entry->count++ == 0) {
        entry->first_id = sample->id;
        entry->first_sequence = sample->sequence;
        entry->frame_offset = record->frame_offset;
    } else if (entry->frame_offset + entry->frame_bytes != record->frame_offset) {
        entry->flags &= (uint16_t)~BLOCK_STREAM_CONTIGUOUS;
    }
    entry->last_id = sample->id;
    entry->last_sequence = sample->sequence;
    entry->frame_bytes += record->frame_length;
}

static void pad(struct buffer *buffer)
{
    while (buffer_length(buffer) % BLOCK_ALIGNMENT != 0) {
        buffer_append_byte(buffer, 0);
    }
}

void sample_block_build(struct buffer *out, const struct sample_block *block)
{
    struct draft draft = {.records = calloc(block->event_count, sizeof(struct block_record))};
    ASSERT(draft.records != NULL);
    buffer_init(&draft.frames, BLOCK_BYTES_MAX);
    buffer_init(&draft.heap, BLOCK_BYTES_MAX);
    for (uint32_t i = 0; i < block->event_count; i++) {
        add_event(&draft, &draft.records[i], &block->events[i], block->time_ms);
    }
    struct block_header header = {.magic = BLOCK_MAGIC,
                                  .salt = block->salt,
                                  .kind = BLOCK_EVENTS,
                                  .first_id = block->events[0].id,
                                  .last_id = block->events[block->event_count - 1].id,
                                  .synced_through = block->synced_through,
                                  .time_ms = block->time_ms,
                                  .record_count = block->event_count,
                                  .stream_count = draft.stream_count,
                                  .frames_length = (uint32_t)buffer_length(&draft.frames),
                                  .previous_position = block->previous_position};
    pad(&draft.frames);
    pad(&draft.heap);
    header.heap_offset = (uint32_t)(BLOCK_HEADER_BYTES + buffer_length(&draft.frames) +
                                    block->event_count * sizeof(struct block_record) +
                                    draft.stream_count * sizeof(struct block_stream));
    header.length = header.heap_offset + (uint32_t)buffer_length(&draft.heap);
    for (uint32_t i = 0; i < block->event_count; i++) {
        draft.records[i].extra_offset += header.heap_offset;
    }
    for (unsigned i = 0; i < draft.stream_count; i++) {
        draft.streams[i].name_offset += header.heap_offset;
    }
    size_t start = buffer_length(out);
    buffer_append(out, &header, sizeof header);
    buffer_append_slice(out, buffer_slice(&draft.frames));
    buffer_append(out, draft.records, block->event_count * sizeof(struct block_record));
    buffer_append(out, draft.streams, draft.stream_count * sizeof(struct block_stream));
    buffer_append_slice(out, buffer_slice(&draft.heap));
    ASSERT(buffer_failure(out) == 0);
    block_seal(out->storage + out->start + start);
    buffer_free(&draft.frames);
    buffer_free(&draft.heap);
    free(draft.records);
}
