// layer: log
// seam: src/log/disk.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c

// Recovery over segments made of the input: whatever stands there, what it hands out is valid, in
// order, and ends where it says. The first byte says how the image is cut into segments and which
// other files there are; checksums of what looks like a block are put right, so that what lies
// behind them is reached.
#include "base/assert.h"
#include "log/recovery.h"
#include "unit/log/sim_disk.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SALT UINT64_C(0x7a1e7a1e7a1e7a1e)

enum { SEGMENTS_MAX = 3 };

static uint64_t last_id;
static uint64_t last_position;
static uint64_t last_end;
static unsigned faults;

static void on_block(void *context, const struct recovery_segment *segment, uint64_t position,
                     const uint8_t *block)
{
    (void)context;
    const struct block_header *header = block_header_of(block);
    ASSERT(block_check(block, header->length, segment->header.salt) == BLOCK_VALID);
    ASSERT(position >= last_end);
    ASSERT(header->first_id > last_id);
    last_id = header->last_id;
    last_position = position;
    last_end = position + header->length;
}

static void on_fault(void *context, const struct recovery_fault *fault)
{
    (void)context;
    ASSERT(fault->text[0] != 0 && fault->file[0] != 0);
    ASSERT(fault->first_id <= fault->last_id);
    faults++;
}

static void put_right(uint8_t *bytes, size_t length)
{
    for (size_t i = SEGMENT_HEADER_BYTES; i + BLOCK_HEADER_BYTES <= length; i += BLOCK_ALIGNMENT) {
        struct block_header *header = (struct block_header *)(void *)(bytes + i);
        if (header->magic == BLOCK_MAGIC && header->length >= BLOCK_HEADER_BYTES &&
            header->length <= length - i) {
            header->salt = SALT;
            block_seal(bytes + i);
        }
    }
}

static void put_segment(uint64_t number, const uint8_t *data, size_t size, uint64_t previous_end)
{
    char name[SEGMENT_NAME_BYTES];
    size_t length = SEGMENT_HEADER_BYTES + size;
    uint8_t *bytes = aligned_alloc(8, (length + 7) / 8 * 8);
    ASSERT(bytes != NULL);
    const struct segment_header header = {.salt = SALT,
                                          .number = number,
                                          .segment_bytes = SEGMENT_BYTES_MIN,
                                          .previous_end = previous_end};
    segment_header_encode(&header, bytes);
    if (size > 0) {
        memcpy(bytes + SEGMENT_HEADER_BYTES, data, size);
    }
    put_right(bytes, length);
    segment_name(number, name);
    sim_put(name, slice_from(bytes, length));
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    sim_reset(1);
    unsigned segments = 1 + data[0] % SEGMENTS_MAX;
    uint64_t cut = (uint64_t)data[1] * 48;
    bool has_checkpoint = (data[2] & 1) != 0;
    struct slice rest = slice_from(data + 3, size - 3);
    if (has_checkpoint) {
        sim_put(CHECKPOINT_NAME, rest);
    } else {
        size_t part = rest.length / segments / 8 * 8;
        for (unsigned i = 0; i < segments; i++) {
            size_t length = i + 1 == segments ? rest.length : part;
            uint64_t previous_end = (data[2] & 2) != 0 && i > 0
                                        ? segment_first_position(i, SEGMENT_BYTES_MIN) + cut
                                        : 0;
            put_segment(i + 1, rest.at, length, previous_end);
            rest = slice_after(rest, length);
        }
    }
    if ((data[2] & 4) != 0) {
        sim_put(META_NAME, slice_first(rest, rest.length < 200 ? rest.length : 200));
    }
    last_id = 0;
    last_position = 0;
    last_end = 0;
    faults = 0;
    char message[200];
    struct disk *disk = disk_open("data", message, sizeof message);
    struct recovery recovery;
    const struct recovery_visitor visitor = {.block = on_block, .fault = on_fault};
    if (recovery_begin(&recovery, disk, SEGMENT_BYTES_MIN, 0, &visitor, message, sizeof message) ==
        0) {
        if (recovery_scan(&recovery, message, sizeof message) == 0) {
            ASSERT(recovery.last_id >= last_id);
            ASSERT(last_end == 0 || recovery.end_position == last_end);
            ASSERT(last_position == 0 || recovery.last_position == last_position);
            ASSERT(recovery.next_segment > recovery.segment_count);
            ASSERT(recovery.fault_count <= faults);
        }
        recovery_end(&recovery);
    }
    disk_close(disk);
    return 0;
}
