// seam: src/log/disk.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c
// link: tests/unit/log/sample_block.c
// link: tests/unit/log/sample_log.c
#include "log/recovery.h"

#include "base/crc32c.h"
#include "sample_log.h"
#include "sim_disk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

static struct sample_log sample;

// What a recovery told.
static struct {
    struct recovery recovery;
    struct disk *disk;
    struct recovery_fault faults[64];
    unsigned fault_count;
    uint64_t positions[SAMPLE_BLOCKS_MAX];
    unsigned block_count;
    unsigned begun;
    unsigned ended;
    int result;
    char message[256];
} seen;

static void on_begin(void *context, const struct recovery_segment *segment)
{
    (void)context;
    (void)segment;
    seen.begun++;
}

static void on_end(void *context, const struct recovery_segment *segment)
{
    (void)context;
    (void)segment;
    seen.ended++;
}

static void on_block(void *context, const struct recovery_segment *segment, uint64_t position,
                     const uint8_t *block)
{
    (void)context;
    cr_assert_eq(segment_number_of(position, seen.recovery.segment_bytes), segment->number);
    cr_assert_eq(block_header_of(block)->kind, BLOCK_EVENTS);
    seen.positions[seen.block_count++] = position;
}

static void on_fault(void *context, const struct recovery_fault *fault)
{
    (void)context;
    cr_assert_lt(seen.fault_count, 64);
    cr_assert_gt(strlen(fault->text), 0);
    seen.faults[seen.fault_count++] = *fault;
}

static const struct recovery_visitor visitor = {
    .segment_begin = on_begin, .block = on_block, .segment_end = on_end, .fault = on_fault};

static void close_recovery(void)
{
    if (seen.disk != NULL) {
        recovery_end(&seen.recovery);
        disk_close(seen.disk);
        seen.disk = NULL;
    }
}

static void recover_with(unsigned flags)
{
    close_recovery();
    memset(&seen, 0, sizeof seen);
    seen.disk = disk_open("data", seen.message, sizeof seen.message);
    cr_assert_not_null(seen.disk);
    seen.result = recovery_begin(&seen.recovery, seen.disk, SAMPLE_SEGMENT_BYTES, flags, &visitor,
                                 seen.message, sizeof seen.message);
    if (seen.result == 0) {
        seen.result = recovery_scan(&seen.recovery, seen.message, sizeof seen.message);
    }
}

static void recover(void)
{
    recover_with(0);
    cr_assert_eq(seen.result, 0, "%s", seen.message);
}

static void setup(void)
{
    sim_reset(1);
    memset(&seen, 0, sizeof seen);
    sample_log_begin(&sample);
}

static void teardown(void)
{
    close_recovery();
    sample_log_free(&sample);
    sim_free();
}

static void append(unsigned blocks)
{
    for (unsigned i = 0; i < blocks; i++) {
        sample_log_append(&sample, 3, 40);
    }
}

static void expect_blocks(unsigned first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        cr_assert_eq(seen.positions[first + i], sample.blocks[first + i].position, "block %u",
                     first + i);
    }
}

static bool was_told(enum recovery_fault_kind kind)
{
    for (unsigned i = 0; i < seen.fault_count; i++) {
        if (seen.faults[i].kind == kind) {
            return true;
        }
    }
    return false;
}

TestSuite(recovery, .init = setup, .fini = teardown, .timeout = 30);

Test(recovery, of_an_empty_directory)
{
    sim_reset(1);
    recover();
    cr_assert(seen.recovery.is_new);
    cr_assert_eq(seen.recovery.segment_count, 0);
    cr_assert_eq(seen.recovery.end_position, 0);
    cr_assert_eq(seen.recovery.next_segment, 1);
    cr_assert_eq(seen.recovery.fault_count, 0);
}

Test(recovery, of_a_log_without_blocks)
{
    recover();
    cr_assert_not(seen.recovery.is_new);
    cr_assert_eq(seen.recovery.end_position, segment_first_position(1, SAMPLE_SEGMENT_BYTES));
    cr_assert_eq(seen.recovery.last_id, 0);
    cr_assert_eq(seen.recovery.next_segment, 2);
    cr_assert_eq(seen.fault_count, 0);
    cr_assert_eq(seen.begun, 1);
    cr_assert_eq(seen.ended, 1);
}

Test(recovery, reads_all_blocks_in_order)
{
    append(5);
    sample_log_roll(&sample, 0, 0);
    append(4);
    recover();
    cr_assert_eq(seen.block_count, 9);
    expect_blocks(0, 9);
    cr_assert_eq(seen.fault_count, 0);
    cr_assert_eq(seen.recovery.last_id, 27);
    cr_assert_eq(seen.recovery.last_position, sample.blocks[8].position);
    cr_assert_eq(seen.recovery.end_position, sample.position);
    cr_assert_eq(seen.recovery.segments[0].block_count, 5);
    cr_assert_eq(seen.recovery.segments[1].first_id, 16);
    cr_assert_not(seen.recovery.is_torn);
}

Test(recovery, cuts_a_torn_tail)
{
    append(5);
    uint64_t offset;
    const char *name = sample_log_place(&sample, 4, &offset);
    sim_flip_bit(name, offset + 100, 3);
    recover();
    cr_assert_eq(seen.block_count, 4);
    cr_assert_eq(seen.recovery.end_position, sample.blocks[4].position);
    cr_assert_eq(seen.recovery.fault_count, 0);
    cr_assert(was_told(RECOVERY_TORN));
    cr_assert(seen.recovery.is_torn);
    cr_assert_eq(seen.faults[0].offset, offset);
    cr_assert_str_eq(seen.faults[0].file, name);
}

Test(recovery, ends_before_a_hole_that_was_not_synced)
{
    append(6);
    uint64_t offset;
    const char *name = sample_log_place(&sample, 3, &offset);
    uint8_t zeros[64] = {0};
    sim_spoil(name, offset, slice_from(zeros, sizeof zeros));
    recover();
    cr_assert_eq(seen.block_count, 3);
    cr_assert_eq(seen.recovery.end_position, sample.blocks[3].position);
    cr_assert(was_told(RECOVERY_TORN));
}

Test(recovery, skips_a_hole_that_was_synced)
{
    append(5);
    sample.synced = sample.position;
    append(3);
    uint64_t offset;
    const char *name = sample_log_place(&sample, 2, &offset);
    sim_flip_bit(name, offset + 8, 0); // the salt: as if nothing were there
    name = sample_log_place(&sample, 3, &offset);
    sim_flip_bit(name, offset + 90, 0);
    recover();
    cr_assert_eq(seen.block_count, 6);
    cr_assert_eq(seen.positions[2], sample.blocks[4].position);
    cr_assert_eq(seen.recovery.fault_count, 1);
    cr_assert(was_told(RECOVERY_FAULT_BLOCKS));
    cr_assert_eq(seen.faults[0].first_id, 7);
    cr_assert_eq(seen.faults[0].last_id, 12);
    cr_assert_eq(seen.faults[0].length, sample.blocks[4].position - sample.blocks[2].position);
    cr_assert_eq(seen.recovery.end_position, sample.position);
}

Test(recovery, skips_the_end_of_a_segment_that_was_synced)
{
    append(5);
    sample_log_roll(&sample, 0, 0);
    sample_log_append(&sample, 3, 40);
    sample.synced = sample.position;
    append(3);
    uint64_t offset;
    const char *name = sample_log_place(&sample, 4, &offset);
    sim_flip_bit(name, offset + 100, 3);
    recover();
    cr_assert_eq(seen.block_count, 8);
    cr_assert_eq(seen.recovery.fault_count, 1);
    cr_assert_eq(seen.faults[0].first_id, 13);
    cr_assert_eq(seen.faults[0].last_id, 15);
}

Test(recovery, skips_the_start_of_a_segment_that_was_synced)
{
    append(5);
    sample_log_roll(&sample, 0, 0);
    append(2);
    sample.synced = sample.position;
    append(3);
    uint64_t offset;
    const char *name = sample_log_place(&sample, 5, &offset);
    sim_flip_bit(name, offset + 100, 3);
    recover();
    cr_assert_eq(seen.block_count, 9);
    cr_assert_eq(seen.recovery.fault_count, 1);
    cr_assert_eq(seen.faults[0].first_id, 16);
    cr_assert_eq(seen.faults[0].last_id, 18);
    cr_assert_eq(seen.recovery.end_position, sample.position);
}

Test(recovery, ends_where_the_next_segment_was_not_synced)
{
    append(5);
    sample.synced = sample.position; // all of segment 1
    sample_log_roll(&sample, 0, 0);
    append(3);
    uint64_t offset;
    const char *name = sample_log_place(&sample, 5, &offset);
    sim_flip_bit(name, offset + 100, 3);
    recover();
    cr_assert_eq(seen.block_count, 5);
    cr_assert_eq(seen.recovery.fault_count, 0);
    cr_assert_eq(seen.recovery.end_position, sample.blocks[4].position + sample.blocks[4].length);
    cr_assert_eq(seen.recovery.next_segment, 3);
}

Test(recovery, a_whole_segment_of_corrupt_blocks_is_told)
{
    append(2);
    sample_log_roll(&sample, 0, 0);
    append(2);
    sample_log_roll(&sample, 0, 0);
    append(2);
    sample.synced = sample.position;
    append(1);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t offset;
        const char *name = sample_log_place(&sample, i, &offset);
        sim_flip_bit(name, offset + 90, 1);
    }
    recover();
    cr_assert_eq(seen.block_count, 3);
    cr_assert_eq(seen.recovery.fault_count, 1);
    cr_assert_eq(seen.faults[0].first_id, 1);
    cr_assert_eq(seen.faults[0].last_id, 12);
}

Test(recovery, previous_end_abandons_what_stands_beyond)
{
    append(5);
    // As a recovery would that found the fourth block torn: a new segment, and new ids from there.
    sample.next_id = sample.blocks[3].first_id;
    sample.previous = sample.blocks[2].position;
    sample_log_roll(&sample, sample.blocks[3].position, 0);
    append(2);
    recover();
    cr_assert_eq(seen.block_count, 5);
    cr_assert_eq(seen.positions[3], sample.blocks[5].position);
    cr_assert_eq(seen.fault_count, 0);
    cr_assert_eq(seen.recovery.last_id, 15);
}

Test(recovery, blocks_missing_before_a_previous_end_are_told)
{
    append(5);
    sample_log_roll(&sample, sample.position, 0);
    append(2);
    uint64_t offset;
    const char *name = sample_log_place(&sample, 4, &offset);
    sim_flip_bit(name, offset + 100, 3);
    recover();
    cr_assert_eq(seen.block_count, 6);
    cr_assert(was_told(RECOVERY_FAULT_BLOCKS));
}

Test(recovery, passes_over_a_pending_segment)
{
    append(3);
    uint64_t end = sample.position;
    uint64_t previous = sample.previous;
    sample_log_roll(&sample, sample.blocks[1].position, SEGMENT_PENDING);
    sample.next_id = sample.blocks[1].first_id;
    sample.previous = sample.blocks[0].position;
    append(1);
    recover();
    cr_assert_eq(seen.block_count, 3);
    cr_assert_eq(seen.fault_count, 0);
    cr_assert_eq(seen.recovery.end_position, end);
    cr_assert_eq(seen.recovery.last_position, previous);
    cr_assert(seen.recovery.segments[1].is_pending);
    cr_assert_eq(seen.recovery.next_segment, 3);
}

Test(recovery, stale_blocks_of_a_former_life_stay_dead)
{
    append(3);
    // The recycled file: the blocks of segment 1 behind the header of segment 2, whose own block
    // ends where one begins.
    struct slice stale = sim_file("segment-0000000000000001.log");
    uint8_t *copy = malloc(stale.length);
    memcpy(copy, stale.at, stale.length);
    size_t length = stale.length;
    sample_log_roll(&sample, 0, 0);
    append(1);
    struct slice fresh = sim_file("segment-0000000000000002.log");
    memcpy(copy, fresh.at, fresh.length);
    sim_put("segment-0000000000000002.log", slice_from(copy, length));
    free(copy);
    recover();
    cr_assert_eq(seen.block_count, 4);
    cr_assert_eq(seen.fault_count, 0);
    cr_assert_eq(seen.recovery.last_id, 12);
}

Test(recovery, payloads_that_look_like_blocks_are_not)
{
    // A block of the very salt within the frames of another one, which is then spoilt.
    append(2);
    sample.synced = sample.position;
    sample_log_append(&sample, 1, 4000);
    sample.synced = sample.position;
    append(1);
    uint64_t offset;
    const char *name = sample_log_place(&sample, 2, &offset);
    struct buffer fake;
    buffer_init(&fake, 1 << 16);
    const struct sample_event event = {9, 3, 1, "forged", false};
    const struct sample_block block = {.salt = sample.salt,
                                       .previous_position = 0,
                                       .time_ms = 1,
                                       .events = &event,
                                       .event_count = 1};
    sample_block_build(&fake, &block);
    sim_spoil(name, (offset + 512) / 8 * 8, buffer_slice(&fake));
    buffer_free(&fake);
    recover();
    cr_assert_eq(seen.block_count, 3);
    cr_assert_eq(seen.positions[2], sample.blocks[3].position);
    cr_assert_eq(seen.recovery.fault_count, 1);
}

Test(recovery, a_checkpoint_saves_reading_sealed_segments)
{
    append(4);
    struct checkpoint_segment segments[2];
    segments[0] = sample_log_seal(&sample);
    sample_log_roll(&sample, 0, 0);
    append(2);
    segments[1] = sample_log_segment(&sample);
    sample_log_checkpoint(&sample, segments, 2);
    append(3);
    recover();
    cr_assert_eq(seen.fault_count, 0);
    cr_assert_eq(seen.block_count, 5);
    cr_assert_eq(seen.begun, 2);
    cr_assert(seen.recovery.segments[0].is_known);
    cr_assert_eq(seen.recovery.segments[0].last_id, 12);
    cr_assert_eq(seen.recovery.last_id, 27);
    cr_assert_eq(seen.recovery.checkpoint.stream_count, SAMPLE_STREAMS);
    // The same, reading all.
    recover_with(RECOVERY_WITHOUT_CHECKPOINT);
    cr_assert_eq(seen.result, 0);
    cr_assert_eq(seen.fault_count, 0);
    cr_assert_eq(seen.block_count, 9);
    cr_assert_eq(seen.recovery.segments[0].index_offset, segments[0].index_offset);
    cr_assert_eq(seen.recovery.segments[0].index_length, segments[0].index_length);
}

Test(recovery, after_a_clean_stop_nothing_is_searched)
{
    append(4);
    struct checkpoint_segment segment = sample_log_segment(&sample);
    sample_log_checkpoint(&sample, &segment, 1);
    sample_log_meta(META_RESERVE, sample.next_id, true);
    recover();
    cr_assert_eq(seen.fault_count, 0);
    cr_assert_eq(seen.block_count, 4);
    cr_assert_eq(seen.recovery.end_position, sample.position);
    cr_assert_not(seen.recovery.is_torn);
}

Test(recovery, the_tail_that_a_checkpoint_knew_is_told_when_lost)
{
    append(4);
    struct checkpoint_segment segment = sample_log_segment(&sample);
    sample_log_checkpoint(&sample, &segment, 1);
    uint64_t offset;
    const char *name = sample_log_place(&sample, 3, &offset);
    sim_flip_bit(name, offset + 100, 3);
    recover();
    cr_assert_eq(seen.block_count, 3);
    cr_assert_eq(seen.recovery.fault_count, 1);
    cr_assert_eq(seen.faults[0].first_id, 10);
    cr_assert_eq(seen.faults[0].last_id, 12);
    cr_assert_eq(seen.recovery.last_id, 12, "the ids that were given out stay so");
    cr_assert(seen.recovery.is_torn);
}

Test(recovery, of_segments_that_the_checkpoint_had_removed)
{
    append(2);
    sample_log_roll(&sample, 0, 0);
    append(2);
    struct checkpoint_segment segment = sample_log_segment(&sample);
    sample_log_checkpoint(&sample, &segment, 1);
    recover();
    cr_assert(seen.recovery.segments[0].is_surplus);
    cr_assert_eq(seen.block_count, 2);
    cr_assert_eq(seen.fault_count, 0);
}

Test(recovery, of_a_segment_that_is_missing_or_another)
{
    append(2);
    struct checkpoint_segment segments[2];
    segments[0] = sample_log_seal(&sample);
    sample_log_roll(&sample, 0, 0);
    append(2);
    segments[1] = sample_log_segment(&sample);
    sample_log_checkpoint(&sample, segments, 2);
    sim_remove("segment-0000000000000001.log");
    recover();
    cr_assert(was_told(RECOVERY_FAULT_MISSING));
    cr_assert_eq(seen.faults[0].last_id, 6);
    cr_assert_eq(seen.block_count, 2);
    segments[1].salt++;
    sample_log_checkpoint(&sample, segments, 2);
    recover();
    cr_assert_eq(seen.recovery.fault_count, 2);
    cr_assert_eq(seen.block_count, 2);
}

Test(recovery, of_a_segment_cut_short)
{
    append(4);
    struct checkpoint_segment segment = sample_log_seal(&sample);
    sample_log_roll(&sample, 0, 0);
    append(1);
    sample_log_checkpoint(&sample, &segment, 1);
    struct slice file = sim_file("segment-0000000000000001.log");
    uint8_t *copy = malloc(file.length);
    memcpy(copy, file.at, file.length);
    sim_put("segment-0000000000000001.log", slice_from(copy, SEGMENT_HEADER_BYTES + 1000));
    free(copy);
    recover();
    cr_assert(was_told(RECOVERY_FAULT_MISSING));
    cr_assert(was_told(RECOVERY_FAULT_BLOCKS));
    cr_assert_eq(seen.positions[seen.block_count - 1], sample.blocks[4].position);
}

Test(recovery, of_a_bad_index)
{
    append(4);
    struct checkpoint_segment segments[2];
    segments[0] = sample_log_seal(&sample);
    sample_log_roll(&sample, 0, 0);
    append(2);
    segments[1] = sample_log_segment(&sample);
    sample_log_checkpoint(&sample, segments, 2);
    sim_flip_bit("segment-0000000000000001.log", segments[0].index_offset + 200, 2);
    recover();
    cr_assert_eq(seen.fault_count, 0, "not looked at while the checkpoint stands for it");
    unsigned before = seen.block_count;
    cr_assert_eq(recovery_read_segment(&seen.recovery, 0, &visitor), 0);
    cr_assert_eq(seen.block_count - before, 4);
    cr_assert_eq(seen.recovery.segments[0].index_offset, 0);
    cr_assert(was_told(RECOVERY_FAULT_INDEX));
    recover_with(RECOVERY_WITHOUT_CHECKPOINT);
    cr_assert(was_told(RECOVERY_FAULT_INDEX));
    cr_assert_eq(seen.block_count, 6);
}

Test(recovery, of_a_header_that_is_corrupt)
{
    append(3);
    sample_log_roll(&sample, 0, 0);
    append(3);
    sim_flip_bit("segment-0000000000000001.log", 20, 2);
    recover();
    cr_assert(was_told(RECOVERY_FAULT_HEADER));
    cr_assert_eq(seen.block_count, 6, "the salt stands in the first block");
    uint64_t offset;
    const char *name = sample_log_place(&sample, 0, &offset);
    sim_flip_bit(name, offset + 90, 2);
    recover();
    cr_assert_eq(seen.block_count, 3, "lost, but for the other segment");
    struct checkpoint_segment segments[2] = {sample_log_segment(&sample),
                                             sample_log_segment(&sample)};
    segments[0].number = 1;
    segments[0].salt--;
    segments[0].first_id = 1;
    segments[0].last_id = 9;
    segments[0].last_position = sample.blocks[2].position;
    segments[0].end_position = sample.blocks[2].position + sample.blocks[2].length;
    sample_log_checkpoint(&sample, segments, 2);
    recover();
    cr_assert_eq(seen.block_count, 5, "the salt stands in the checkpoint");
}

Test(recovery, of_a_header_of_another_segment_or_size)
{
    append(3);
    struct slice file = sim_file("segment-0000000000000001.log");
    uint8_t *copy = malloc(file.length);
    memcpy(copy, file.at, file.length);
    struct segment_header header;
    cr_assert_eq(segment_header_decode(file, &header), SEGMENT_VALID);
    header.number = 7;
    segment_header_encode(&header, copy);
    sim_spoil("segment-0000000000000001.log", 0, slice_from(copy, SEGMENT_HEADER_BYTES));
    recover();
    cr_assert(was_told(RECOVERY_FAULT_HEADER));
    cr_assert_eq(seen.block_count, 3);
    header.number = 1;
    header.segment_bytes *= 2;
    segment_header_encode(&header, copy);
    sim_spoil("segment-0000000000000001.log", 0, slice_from(copy, SEGMENT_HEADER_BYTES));
    recover();
    cr_assert(was_told(RECOVERY_FAULT_HEADER));
    cr_assert_eq(seen.recovery.segment_bytes, SAMPLE_SEGMENT_BYTES, "meta decides");
    free(copy);
}

static void spoil_version(const char *name, size_t crc_length)
{
    struct slice file = sim_file(name);
    uint8_t bytes[128];
    memcpy(bytes, file.at, sizeof bytes);
    store_le32(bytes + 12, LOG_FORMAT_VERSION + 1);
    store_le32(bytes + 8, crc32c(0, bytes + 12, crc_length - 12));
    sim_spoil(name, 0, slice_from(bytes, sizeof bytes));
}

Test(recovery, refuses_other_versions)
{
    append(1);
    struct checkpoint_segment segment = sample_log_segment(&sample);
    spoil_version("segment-0000000000000001.log", 80);
    recover_with(0);
    cr_assert_eq(seen.result, -EPROTONOSUPPORT);
    cr_assert_not_null(strstr(seen.message, "segment-0000000000000001.log"));
    disk_close(seen.disk);
    seen.disk = NULL;
    sample_log_checkpoint(&sample, &segment, 1);
    spoil_version(CHECKPOINT_NAME, 128);
    recover_with(0);
    cr_assert_eq(seen.result, -EPROTONOSUPPORT);
    disk_close(seen.disk);
    seen.disk = NULL;
    spoil_version(META_NAME, META_BYTES);
    recover_with(0);
    cr_assert_eq(seen.result, -EPROTONOSUPPORT);
    cr_assert_not_null(strstr(seen.message, META_NAME));
    disk_close(seen.disk);
    seen.disk = NULL;
}

Test(recovery, of_a_corrupt_or_missing_meta)
{
    append(2);
    sim_flip_bit(META_NAME, 30, 1);
    recover();
    cr_assert(was_told(RECOVERY_FAULT_META));
    cr_assert_not(seen.recovery.has_meta);
    cr_assert_eq(seen.block_count, 2);
    sim_remove(META_NAME);
    recover();
    cr_assert(was_told(RECOVERY_FAULT_META));
    cr_assert_eq(seen.recovery.segment_bytes, SAMPLE_SEGMENT_BYTES);
}

Test(recovery, of_a_corrupt_missing_or_foreign_checkpoint)
{
    append(2);
    struct checkpoint_segment segment = sample_log_segment(&sample);
    sample_log_checkpoint(&sample, &segment, 1);
    sim_flip_bit(CHECKPOINT_NAME, 200, 1);
    recover();
    cr_assert(was_told(RECOVERY_FAULT_CHECKPOINT));
    cr_assert_not(seen.recovery.has_checkpoint);
    cr_assert_eq(seen.block_count, 2);
    sim_remove(CHECKPOINT_NAME);
    sample_log_meta(META_RESERVE, sample.next_id, true);
    recover();
    cr_assert(was_told(RECOVERY_FAULT_CHECKPOINT));
    sample_log_meta(META_RESERVE, sample.next_id, false);
    recover();
    cr_assert_eq(seen.fault_count, 0, "an unclean log of one segment may have none");
    struct log_meta meta = {.segment_bytes = 2 * SAMPLE_SEGMENT_BYTES};
    uint8_t bytes[META_BYTES];
    meta_encode(&meta, bytes);
    sample_log_checkpoint(&sample, &segment, 1);
    sim_put(META_NAME, slice_from(bytes, sizeof bytes));
    recover();
    cr_assert(was_told(RECOVERY_FAULT_CHECKPOINT));
}

Test(recovery, where_the_disk_cannot_be_read)
{
    append(4);
    sim_set_faults(&(struct sim_faults){.read_error = 10000, .now_too = true});
    recover_with(0);
    cr_assert_eq(seen.result, -EIO);
    cr_assert_gt(strlen(seen.message), 0);
    disk_close(seen.disk);
    seen.disk = NULL;
    recover_with(RECOVERY_SKIP_UNREADABLE);
    cr_assert_eq(seen.result, 0);
    cr_assert(was_told(RECOVERY_FAULT_READ));
    // Errors that come and go lose nothing, or stop the start.
    sim_set_faults(&(struct sim_faults){.read_error = 2000, .now_too = true});
    for (int i = 0; i < 200; i++) {
        recover_with(0);
        if (seen.result == 0) {
            cr_assert_eq(seen.recovery.last_id, 12);
        } else {
            close_recovery();
        }
    }
}

Test(recovery, where_the_file_ends_within_a_block)
{
    append(3);
    struct slice file = sim_file("segment-0000000000000001.log");
    uint8_t *copy = malloc(file.length);
    size_t length = file.length;
    memcpy(copy, file.at, length);
    uint64_t offset;
    sample_log_place(&sample, 2, &offset);
    for (size_t cut = (size_t)offset; cut < length; cut += 7) {
        sim_put("segment-0000000000000001.log", slice_from(copy, cut));
        recover();
        cr_assert_eq(seen.block_count, 2);
        cr_assert_eq(seen.recovery.end_position, sample.blocks[2].position);
    }
    free(copy);
}

// Whatever one bit is flipped: no crash, no block that was not written, and only the blocks of one
// place missing.
Test(recovery, of_any_flipped_bit)
{
    append(3);
    sample.synced = sample.position;
    append(3);
    struct checkpoint_segment segments[2];
    segments[0] = sample_log_seal(&sample);
    sample_log_roll(&sample, 0, 0);
    sample.synced = sample.position - 1;
    append(2);
    segments[1] = sample_log_segment(&sample);
    sample_log_checkpoint(&sample, segments, 2);
    for (int i = 0; i < 3000; i++) {
        const char *names[8];
        unsigned count = sim_names(names, 8);
        const char *name = names[prng_below(sim_prng(), count)];
        struct slice file = sim_file(name);
        if (file.length == 0) {
            continue;
        }
        uint64_t offset = prng_below(sim_prng(), file.length);
        unsigned bit = (unsigned)prng_below(sim_prng(), 8);
        sim_flip_bit(name, offset, bit);
        recover_with(i % 2 == 0 ? RECOVERY_WITHOUT_CHECKPOINT : 0);
        cr_assert_eq(seen.result, 0, "%s: %s at %llu", seen.message, name,
                     (unsigned long long)offset);
        unsigned expected = i % 2 == 0 ? 8 : 2;
        if (seen.fault_count == 0) {
            cr_assert_eq(seen.block_count, expected);
        } else if (seen.recovery.has_checkpoint && i % 2 == 1) {
            cr_assert_geq(seen.block_count, expected - 1);
        } else {
            cr_assert_geq(seen.block_count, 8 - 1);
        }
        close_recovery();
        sim_flip_bit(name, offset, bit);
    }
}
