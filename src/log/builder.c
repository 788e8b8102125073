#include "log/builder.h"

#include "base/assert.h"
#include "base/crc32c.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum {
    ATTRIBUTE_HEADER_BYTES = 4,
    PRODUCER_BYTES = 8 + 4 + 8, // id, epoch, sequence
    RETRY_BYTES = 4,
};

int builder_init(struct builder *builder)
{
    memset(builder, 0, sizeof(*builder));
    size_t records_bytes = BLOCK_RECORDS_MAX * sizeof(struct block_record);
    size_t streams_bytes = BLOCK_RECORDS_MAX * sizeof(struct block_stream);
    builder->scratch_bytes = records_bytes + streams_bytes + (size_t)2 * BLOCK_BYTES_MAX;
    builder->scratch = mmap(NULL, builder->scratch_bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (builder->scratch == MAP_FAILED) {
        builder->scratch = NULL;
        return -ENOMEM;
    }
    builder->records = (struct block_record *)(void *)builder->scratch;
    builder->streams = (struct block_stream *)(void *)(builder->scratch + records_bytes);
    builder->heap = builder->scratch + records_bytes + streams_bytes;
    builder->frames = builder->heap + BLOCK_BYTES_MAX;
    return 0;
}

void builder_free(struct builder *builder)
{
    if (builder->scratch != NULL) {
        (void)munmap(builder->scratch, builder->scratch_bytes);
    }
    memset(builder, 0, sizeof(*builder));
}

struct builder_size builder_size_of(const struct event *event, enum frame_form form)
{
    size_t extra = event->attributes.length;
    extra += event->type.length > 0 ? ATTRIBUTE_HEADER_BYTES + event->type.length : 0;
    extra += event->retry_ms != 0 ? ATTRIBUTE_HEADER_BYTES + RETRY_BYTES : 0;
    extra += event->producer_id != 0 ? ATTRIBUTE_HEADER_BYTES + PRODUCER_BYTES : 0;
    extra += form != FRAME_FORM_TEXT ? event->data.length : 0;
    return (struct builder_size){.frame_bytes_max = (uint32_t)frame_size_max(event, form),
                                 .extra_bytes = (uint32_t)extra,
                                 .name_bytes = (uint32_t)event->stream.length};
}

static uint64_t total_bytes(uint64_t frames_end, uint64_t records, uint64_t streams, uint64_t heap)
{
    return align_up(frames_end, BLOCK_ALIGNMENT) + records * sizeof(struct block_record) +
           streams * sizeof(struct block_stream) + align_up(heap, BLOCK_ALIGNMENT);
}

uint64_t builder_alone_bytes(const struct builder_size *size)
{
    return total_bytes(BLOCK_HEADER_BYTES + (uint64_t)size->frame_bytes_max, 1, 1,
                       (uint64_t)size->name_bytes + size->extra_bytes);
}

uint64_t builder_bytes_with(const struct builder *builder, const struct builder_size *size)
{
    return total_bytes((uint64_t)builder->frames_end + size->frame_bytes_max,
                       builder->record_count + 1, builder->stream_count + 1,
                       (uint64_t)builder->heap_bytes + size->name_bytes + size->extra_bytes);
}

void builder_open(struct builder *builder, uint8_t *block, uint64_t position, uint32_t limit_bytes,
                  uint32_t *slots)
{
    ASSERT(!builder_is_open(builder));
    ASSERT(position % BLOCK_ALIGNMENT == 0 && limit_bytes <= BLOCK_BYTES_MAX);
    builder->block = block;
    builder->position = position;
    builder->limit_bytes = limit_bytes;
    builder->frames_end = BLOCK_HEADER_BYTES;
    builder->record_count = 0;
    builder->stream_count = 0;
    builder->heap_bytes = 0;
    builder->control_count = 0;
    builder->is_scattered = false;
    builder->slots = slots;
}

static uint32_t heap_put(struct builder *builder, const void *at, size_t length)
{
    uint32_t offset = builder->heap_bytes;
    if (length > 0) {
        memcpy(builder->heap + offset, at, length);
    }
    builder->heap_bytes += (uint32_t)length;
    return offset;
}

static void attribute_put(struct builder *builder, uint8_t kind, const void *at, size_t length)
{
    uint8_t header[ATTRIBUTE_HEADER_BYTES] = {kind, 0};
    store_le16(header + 2, (uint16_t)length);
    (void)heap_put(builder, header, sizeof(header));
    (void)heap_put(builder, at, length);
}

static struct block_stream *need_stream(struct builder *builder, const struct streams *streams,
                                        struct log_stream *stream)
{
    if (stream->open_index != STREAM_NOT_OPEN) {
        return &builder->streams[stream->open_index];
    }
    uint32_t index = builder->stream_count++;
    struct slice name = streams_name(streams, stream);
    stream->open_index = (uint16_t)index;
    builder->slots[index] = streams_slot(streams, stream);
    builder->streams[index] = (struct block_stream){
        .number = stream->number,
        .frame_offset = builder->frames_end,
        .name_offset = heap_put(builder, name.at, name.length),
        .name_length = (uint16_t)name.length,
        .flags = BLOCK_STREAM_CONTIGUOUS | BLOCK_STREAM_HAS_CRC,
    };
    return &builder->streams[index];
}

static void extra_put(struct builder *builder, const struct event *event)
{
    if (event->type.length > 0) {
        attribute_put(builder, ATTRIBUTE_TYPE, event->type.at, event->type.length);
    }
    (void)heap_put(builder, event->attributes.at, event->attributes.length);
    if (event->retry_ms != 0) {
        uint8_t retry[RETRY_BYTES];
        store_le32(retry, event->retry_ms);
        attribute_put(builder, ATTRIBUTE_RETRY, retry, sizeof(retry));
    }
    if (event->producer_id != 0) {
        uint8_t producer[PRODUCER_BYTES];
        store_le64(producer, event->producer_id);
        store_le32(producer + 8, event->producer_epoch);
        store_le64(producer + 12, event->producer_sequence);
        attribute_put(builder, ATTRIBUTE_PRODUCER, producer, sizeof(producer));
    }
}

// Takes an event's frame into its stream's entry.
static void stream_note(struct builder *builder, struct block_stream *entry, uint64_t id,
                        uint64_t sequence, uint32_t frame_offset, uint32_t frame_length,
                        bool has_ttl)
{
    if (entry->count == 0) {
        entry->first_id = id;
        entry->first_sequence = sequence;
        entry->frame_offset = frame_offset;
    } else if (frame_offset != entry->frame_offset + entry->frame_bytes) {
        builder->is_scattered = true;
    }
    entry->last_id = id;
    entry->last_sequence = sequence;
    entry->frame_bytes += frame_length;
    entry->count++;
    entry->flags |= has_ttl ? BLOCK_STREAM_HAS_TTL : 0;
}

void builder_add_event(struct builder *builder, const struct streams *streams,
                       struct log_stream *stream, const struct event *event, enum frame_form form,
                       uint64_t id, uint64_t sequence, uint64_t time_ms)
{
    ASSERT(builder_is_open(builder) && builder->record_count < BLOCK_RECORDS_MAX);
    struct block_stream *entry = need_stream(builder, streams, stream);
    uint32_t frame_offset = builder->frames_end;
    uint32_t frame_length = (uint32_t)frame_write(builder->block + frame_offset, event, form, id);
    builder->frames_end += frame_length;
    stream_note(builder, entry, id, sequence, frame_offset, frame_length, event->ttl_ms != 0);
    entry->flags |= event->priority <= PRIORITY_HIGH ? BLOCK_STREAM_HAS_URGENT : 0;

    uint32_t extra_offset = builder->heap_bytes;
    extra_put(builder, event);
    uint32_t extra_length = builder->heap_bytes - extra_offset;
    uint32_t payload_length = form == FRAME_FORM_TEXT ? 0 : (uint32_t)event->data.length;
    (void)heap_put(builder, event->data.at, payload_length);
    builder->records[builder->record_count++] = (struct block_record){
        .id = id,
        .sequence = sequence,
        .time_ms = time_ms,
        .frame_offset = frame_offset,
        .frame_length = frame_length,
        .extra_offset = extra_offset, // in the heap, until the block is closed
        .extra_length = extra_length,
        .payload_length = payload_length,
        .ttl_ms = event->ttl_ms,
        .stream = (uint16_t)stream->open_index,
        .kind = RECORD_EVENT,
        .priority = (uint8_t)event->priority,
        .form = (uint8_t)form,
    };
}

void builder_add_control(struct builder *builder, const struct streams *streams,
                         struct log_stream *stream, enum record_kind kind, struct slice extra,
                         uint64_t id, uint64_t time_ms)
{
    ASSERT(builder_is_open(builder) && builder->record_count < BLOCK_RECORDS_MAX);
    struct block_stream *entry = need_stream(builder, streams, stream);
    entry->flags |= BLOCK_STREAM_HAS_CONTROL;
    builder->control_count++;
    builder->records[builder->record_count++] = (struct block_record){
        .id = id,
        .sequence = stream->last_sequence,
        .time_ms = time_ms,
        .frame_offset = builder->frames_end,
        .extra_offset = heap_put(builder, extra.at, extra.length),
        .extra_length = (uint32_t)extra.length,
        .stream = (uint16_t)stream->open_index,
        .kind = (uint8_t)kind,
        .priority = PRIORITY_NORMAL,
    };
}

// Lays each stream's frames side by side, in the order in which the streams first came.
static void regroup(struct builder *builder)
{
    uint32_t end = 0;
    for (uint32_t i = 0; i < builder->stream_count; i++) {
        struct block_stream *entry = &builder->streams[i];
        entry->frame_offset = BLOCK_HEADER_BYTES + end; // moves on with each frame, and back below
        end += entry->frame_bytes;
    }
    for (uint32_t i = 0; i < builder->record_count; i++) {
        struct block_record *record = &builder->records[i];
        struct block_stream *entry = &builder->streams[record->stream];
        memcpy(builder->frames + entry->frame_offset - BLOCK_HEADER_BYTES,
               builder->block + record->frame_offset, record->frame_length);
        record->frame_offset = entry->frame_offset;
        entry->frame_offset += record->frame_length;
    }
    for (uint32_t i = 0; i < builder->stream_count; i++) {
        builder->streams[i].frame_offset -= builder->streams[i].frame_bytes;
    }
    memcpy(builder->block + BLOCK_HEADER_BYTES, builder->frames, end);
}

static void note_crcs(struct builder *builder)
{
    for (uint32_t i = 0; i < builder->stream_count; i++) {
        struct block_stream *entry = &builder->streams[i];
        entry->frames_crc = crc32c(0, builder->block + entry->frame_offset, entry->frame_bytes);
    }
}

// Behind the frames: records and streams with their heap offsets made whole, then the heap.
static void tables_put(struct builder *builder, uint32_t records_offset, uint32_t heap_offset)
{
    struct block_record *records = (struct block_record *)(void *)(builder->block + records_offset);
    memcpy(records, builder->records, builder->record_count * sizeof(*records));
    for (uint32_t i = 0; i < builder->record_count; i++) {
        records[i].extra_offset += heap_offset;
    }
    struct block_stream *streams = (struct block_stream *)(void *)(records + builder->record_count);
    memcpy(streams, builder->streams, builder->stream_count * sizeof(*streams));
    for (uint32_t i = 0; i < builder->stream_count; i++) {
        streams[i].name_offset += heap_offset;
    }
    memcpy(builder->block + heap_offset, builder->heap, builder->heap_bytes);
}

uint32_t builder_close(struct builder *builder, const struct streams *streams, uint64_t salt,
                       uint64_t synced_through, uint64_t previous_position)
{
    ASSERT(builder_is_open(builder) && builder->record_count > 0);
    uint8_t *block = builder->block;
    uint32_t records_offset = (uint32_t)align_up(builder->frames_end, BLOCK_ALIGNMENT);
    uint32_t heap_offset = records_offset +
                           builder->record_count * (uint32_t)sizeof(struct block_record) +
                           builder->stream_count * (uint32_t)sizeof(struct block_stream);
    uint32_t heap_end = heap_offset + builder->heap_bytes;
    uint32_t length = (uint32_t)align_up(heap_end, BLOCK_ALIGNMENT);
    ASSERT(length <= builder->limit_bytes);
    if (builder->is_scattered) {
        regroup(builder);
    }
    note_crcs(builder);
    memset(block + builder->frames_end, 0, records_offset - builder->frames_end);
    tables_put(builder, records_offset, heap_offset);
    memset(block + heap_end, 0, length - heap_end);
    *(struct block_header *)(void *)block = (struct block_header){
        .magic = BLOCK_MAGIC,
        .salt = salt,
        .length = length,
        .kind = BLOCK_EVENTS,
        .first_id = builder->records[0].id,
        .last_id = builder->records[builder->record_count - 1].id,
        .synced_through = synced_through,
        .time_ms = builder->records[0].time_ms,
        .record_count = builder->record_count,
        .stream_count = builder->stream_count,
        .frames_length = builder->frames_end - BLOCK_HEADER_BYTES,
        .heap_offset = heap_offset,
        .previous_position = previous_position,
    };
    block_seal(block);
    for (uint32_t i = 0; i < builder->stream_count; i++) {
        streams_at(streams, builder->slots[i])->open_index = STREAM_NOT_OPEN;
    }
    builder->block = NULL;
    return length;
}
