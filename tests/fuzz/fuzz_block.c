// layer: log

// A block of any bytes: it is checked, and all that a valid one offers is looked at. With the first
// byte odd it is given the right checksum, so that what lies behind that is reached.
#include "base/assert.h"
#include "event/frame.h"
#include "log/block.h"
#include "log/seal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SALT UINT64_C(0x7a1e7a1e7a1e7a1e)

enum { SEGMENT = 1 };

static uint64_t sum; // so that nothing read is left out

static void read_all(struct slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        sum += bytes.at[i];
    }
}

static void walk_record(const uint8_t *block, const struct block_record *record)
{
    struct slice frame = slice_from(block + record->frame_offset, record->frame_length);
    struct slice rest = slice_from(block + record->extra_offset, record->extra_length);
    struct attribute attribute;
    bool malformed;
    if (frame.length > 0) {
        struct buffer out;
        read_all(frame);
        buffer_init(&out, frame.length);
        frame_data_append(&out, frame);
        buffer_free(&out);
    }
    while (event_attribute_next(&rest, &attribute, &malformed)) {
        read_all(attribute.value);
    }
    read_all(
        slice_from(block + record->extra_offset + record->extra_length, record->payload_length));
    sum += (size_t)event_priority_name((enum event_priority)record->priority)[0];
}

static void walk_events(const uint8_t *block)
{
    const struct block_header *header = block_header_of(block);
    const struct block_record *records = block_records(block);
    const struct block_stream *streams = block_streams(block);
    for (uint32_t i = 0; i < header->record_count; i++) {
        walk_record(block, &records[i]);
        sum += streams[records[i].stream].number;
    }
    for (uint32_t i = 0; i < header->stream_count; i++) {
        read_all(block_stream_name(block, &streams[i]));
        if ((streams[i].flags & BLOCK_STREAM_CONTIGUOUS) != 0) {
            read_all(slice_from(block + streams[i].frame_offset, streams[i].frame_bytes));
        }
    }
}

static void walk_index(const uint8_t *block)
{
    char fault[100];
    struct seal_head head;
    uint32_t offset;
    uint32_t length;
    struct slice start = slice_from(block, block_header_of(block)->length);
    if (seal_head_find(start, SALT, SEGMENT, &offset, &length) &&
        seal_head_load(&head, start, slice_from(block + offset, length), SALT, SEGMENT) == 0) {
        sum += seal_page_of_id(&head, 7, 100);
        sum += seal_page_of_sequence(&head, 7, 100);
        sum += seal_page_of_last(&head, 7);
        sum += seal_mark_before(&head, 500) != NULL;
        seal_head_free(&head);
    }
    if (seal_check(block, SEGMENT, fault, sizeof fault)) {
        struct seal_walk walk = {0};
        uint64_t number;
        struct log_run run;
        while (seal_walk_next(block, &walk, &number, &run)) {
            sum += number + run.first_id;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    bool is_sealed = (data[0] & 1) != 0;
    size_t length = size - 1;
    uint8_t *block = malloc(length + 1); // malloc aligns to 16
    ASSERT(block != NULL);
    memcpy(block, data + 1, length);
    if (is_sealed && length >= BLOCK_HEADER_BYTES) {
        struct block_header *header = (struct block_header *)(void *)block;
        header->magic = BLOCK_MAGIC;
        header->salt = SALT;
        header->length = (uint32_t)(length / BLOCK_ALIGNMENT * BLOCK_ALIGNMENT);
        block_seal(block);
    }
    if (block_check(block, length, SALT) == BLOCK_VALID) {
        ASSERT(block_header_of(block)->length <= length);
        if (block_header_of(block)->kind == BLOCK_EVENTS) {
            walk_events(block);
        } else {
            walk_index(block);
        }
    }
    free(block);
    return 0;
}
