#include "log/block.h"

#include "base/crc32c.h"
#include "event/event.h"
#include "event/frame.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "structs are laid over the bytes");

// The CRC does not cover the magic and itself.
enum { CRC_START = offsetof(struct block_header, salt) };

uint32_t block_crc_begin(uint64_t salt)
{
    return (uint32_t)(salt ^ (salt >> 32));
}

void block_seal(uint8_t *block)
{
    struct block_header *header = (struct block_header *)(void *)block;
    header->crc =
        crc32c(block_crc_begin(header->salt), block + CRC_START, header->length - CRC_START);
}

// Where the tables stand is not stored: they follow from the counts.
static uint64_t records_offset(const struct block_header *header)
{
    return align_up(BLOCK_HEADER_BYTES + (uint64_t)header->frames_length, BLOCK_ALIGNMENT);
}

static uint64_t streams_offset(const struct block_header *header)
{
    return records_offset(header) + (uint64_t)header->record_count * sizeof(struct block_record);
}

static uint64_t heap_offset(const struct block_header *header)
{
    return streams_offset(header) + (uint64_t)header->stream_count * sizeof(struct block_stream);
}

const struct block_record *block_records(const uint8_t *block)
{
    return (const struct block_record *)(const void *)(block +
                                                       records_offset(block_header_of(block)));
}

const struct block_stream *block_streams(const uint8_t *block)
{
    return (const struct block_stream *)(const void *)(block +
                                                       streams_offset(block_header_of(block)));
}

struct slice block_record_type(const uint8_t *block, const struct block_record *record)
{
    struct slice attributes = slice_from(block + record->extra_offset, record->extra_length);
    struct attribute first;
    bool is_malformed;
    return event_attribute_next(&attributes, &first, &is_malformed) && first.kind == ATTRIBUTE_TYPE
               ? first.value
               : slice_empty();
}

static bool events_header_is_plausible(const struct block_header *header)
{
    return header->length <= BLOCK_BYTES_MAX && header->record_count >= 1 &&
           header->record_count <= BLOCK_RECORDS_MAX && header->stream_count >= 1 &&
           header->stream_count <= header->record_count && header->first_id >= 1 &&
           header->first_id <= header->last_id &&
           header->last_id - header->first_id >= header->record_count - 1 &&
           header->heap_offset == heap_offset(header) && header->heap_offset <= header->length;
}

static bool index_header_is_plausible(const struct block_header *header)
{
    return header->record_count == 0 && header->stream_count == 0 && header->frames_length == 0 &&
           header->heap_offset == BLOCK_HEADER_BYTES && header->first_id <= header->last_id;
}

enum block_verdict block_check_header(const uint8_t *block, uint64_t salt)
{
    ASSERT((uintptr_t)block % BLOCK_ALIGNMENT == 0);
    const struct block_header *header = block_header_of(block);
    if (header->magic != BLOCK_MAGIC || header->salt != salt) {
        return BLOCK_ABSENT;
    }
    if (header->length < BLOCK_HEADER_BYTES || header->length % BLOCK_ALIGNMENT != 0 ||
        header->zero != 0) {
        return BLOCK_CORRUPT;
    }
    switch (header->kind) {
    case BLOCK_EVENTS: return events_header_is_plausible(header) ? BLOCK_VALID : BLOCK_CORRUPT;
    case BLOCK_INDEX: return index_header_is_plausible(header) ? BLOCK_VALID : BLOCK_CORRUPT;
    case BLOCK_GAP:
        return index_header_is_plausible(header) && header->length == BLOCK_HEADER_BYTES
                   ? BLOCK_VALID
                   : BLOCK_CORRUPT;
    default: return BLOCK_CORRUPT;
    }
}

// [offset, offset + length) lies within [start, end).
static bool lies_within(uint64_t offset, uint64_t length, uint64_t start, uint64_t end)
{
    return offset >= start && offset <= end && length <= end - offset;
}

static bool record_is_sound(const struct block_header *header, const struct block_record *record,
                            uint64_t previous_id)
{
    uint64_t frames_end = BLOCK_HEADER_BYTES + (uint64_t)header->frames_length;
    return record->kind <= RECORD_END && record->priority <= PRIORITY_BACKGROUND &&
           record->form <= FRAME_FORM_BINARY && record->id > previous_id &&
           record->id <= header->last_id && record->stream < header->stream_count &&
           (record->frame_length == 0 || lies_within(record->frame_offset, record->frame_length,
                                                     BLOCK_HEADER_BYTES, frames_end)) &&
           lies_within(record->extra_offset,
                       (uint64_t)record->extra_length + record->payload_length, header->heap_offset,
                       header->length);
}

static bool stream_is_sound(const struct block_header *header, const struct block_stream *stream)
{
    uint64_t frames_end = BLOCK_HEADER_BYTES + (uint64_t)header->frames_length;
    if (stream->number == 0 || stream->name_length == 0 || stream->count > header->record_count ||
        !lies_within(stream->name_offset, stream->name_length, header->heap_offset,
                     header->length)) {
        return false;
    }
    if (stream->count == 0) {
        return stream->frame_bytes == 0;
    }
    // Where the frames are scattered, frame_bytes is their sum, which fits the frames all the same.
    uint64_t start =
        (stream->flags & BLOCK_STREAM_CONTIGUOUS) != 0 ? stream->frame_offset : BLOCK_HEADER_BYTES;
    return stream->first_id >= header->first_id && stream->first_id <= stream->last_id &&
           stream->last_id <= header->last_id && stream->first_sequence <= stream->last_sequence &&
           stream->first_sequence >= 1 &&
           lies_within(stream->frame_offset, 0, BLOCK_HEADER_BYTES, frames_end) &&
           lies_within(start, stream->frame_bytes, BLOCK_HEADER_BYTES, frames_end);
}

static bool tables_are_sound(const uint8_t *block)
{
    const struct block_header *header = block_header_of(block);
    const struct block_record *records = block_records(block);
    const struct block_stream *streams = block_streams(block);
    uint64_t previous_id = header->first_id - 1;
    for (uint32_t i = 0; i < header->record_count; i++) {
        if (!record_is_sound(header, &records[i], previous_id)) {
            return false;
        }
        previous_id = records[i].id;
    }
    if (records[0].id != header->first_id || previous_id != header->last_id) {
        return false;
    }
    for (uint32_t i = 0; i < header->stream_count; i++) {
        if (!stream_is_sound(header, &streams[i])) {
            return false;
        }
    }
    return true;
}

enum block_verdict block_check(const uint8_t *block, size_t available, uint64_t salt)
{
    ASSERT((uintptr_t)block % BLOCK_ALIGNMENT == 0);
    if (available < BLOCK_HEADER_BYTES) {
        // Too little to tell: a header may have begun here. All zeros: surely none did.
        return available >= sizeof(uint32_t) && load_le32(block) == BLOCK_MAGIC ? BLOCK_CUT
                                                                                : BLOCK_ABSENT;
    }
    enum block_verdict verdict = block_check_header(block, salt);
    if (verdict != BLOCK_VALID) {
        return verdict;
    }
    const struct block_header *header = block_header_of(block);
    if (header->length > available) {
        return BLOCK_CUT;
    }
    if (header->crc !=
        crc32c(block_crc_begin(salt), block + CRC_START, (size_t)header->length - CRC_START)) {
        return BLOCK_CORRUPT;
    }
    if (header->kind == BLOCK_EVENTS && !tables_are_sound(block)) {
        return BLOCK_CORRUPT;
    }
    return BLOCK_VALID;
}
