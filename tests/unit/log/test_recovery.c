// seam: src/log/disk.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c
// link: tests/unit/log/sample_block.c
// link: tests/unit/log/sample_log.c
// link: tests/unit/log/recovering.c

#include "recovering.h"

#include "base/crc32c.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

TestSuite(recovery, .init = recovering_setup, .fini = recovering_teardown, .timeout = 30);

Test(recovery, of_an_empty_directory)
{
    sim_reset(1);
    recovering_run();
    cr_assert(seen.recovery.is_new);
    cr_assert_eq(seen.recovery.segment_count, 0);
    cr_assert_eq(seen.recovery.end_position, 0);
    cr_assert_eq(seen.recovery.next_segment, 1);
    cr_assert_eq(seen.recovery.fault_count, 0);
}

Test(recovery, of_a_log_without_blocks)
{
    recovering_run();
    cr_assert_not(seen.recovery.is_new);
    cr_assert_eq(seen.recovery.end_position, segment_first_position(1, SAMPLE_SEGMENT_BYTES));
    cr_assert_eq(seen.recovery.last_id, 0);
    cr_assert_eq(seen.recovery.next_segment, 2);
    cr_assert_eq(seen.fault_count, 0);
    cr_assert_eq(seen.begun, 1);
    cr_assert_eq(seen.ended, 1);
}

Test(recovery, a_checkpoint_saves_reading_sealed_segments)
{
    recovering_append(4);
    struct checkpoint_segment segments[2];
    segments[0] = sample_log_seal(&sample);
    sample_log_roll(&sample, 0, 0);
    recovering_append(2);
    segments[1] = sample_log_segment(&sample);
    sample_log_checkpoint(&sample, segments, 2);
    recovering_append(3);
    recovering_run();
    cr_assert_eq(seen.fault_count, 0);
    cr_assert_eq(seen.block_count, 5);
    cr_assert_eq(seen.begun, 2);
    cr_assert(seen.recovery.segments[0].is_known);
    cr_assert_eq(seen.recovery.segments[0].last_id, 12);
    cr_assert_eq(seen.recovery.last_id, 27);
    cr_assert_eq(seen.recovery.checkpoint.stream_count, SAMPLE_STREAMS);
    // The same, reading all.
    recovering_run_with(RECOVERY_WITHOUT_CHECKPOINT);
    cr_assert_eq(seen.result, 0);
    cr_assert_eq(seen.fault_count, 0);
    cr_assert_eq(seen.block_count, 9);
    cr_assert_eq(seen.recovery.segments[0].index_offset, segments[0].index_offset);
    cr_assert_eq(seen.recovery.segments[0].index_length, segments[0].index_length);
}

Test(recovery, after_a_clean_stop_nothing_is_searched)
{
    recovering_append(4);
    struct checkpoint_segment segment = sample_log_segment(&sample);
    sample_log_checkpoint(&sample, &segment, 1);
    sample_log_meta(META_RESERVE, sample.next_id, true);
    recovering_run();
    cr_assert_eq(seen.fault_count, 0);
    cr_assert_eq(seen.block_count, 4);
    cr_assert_eq(seen.recovery.end_position, sample.position);
    cr_assert_not(seen.recovery.is_torn);
}

Test(recovery, of_segments_that_the_checkpoint_had_removed)
{
    recovering_append(2);
    sample_log_roll(&sample, 0, 0);
    recovering_append(2);
    struct checkpoint_segment segment = sample_log_segment(&sample);
    sample_log_checkpoint(&sample, &segment, 1);
    recovering_run();
    cr_assert(seen.recovery.segments[0].is_surplus);
    cr_assert_eq(seen.block_count, 2);
    cr_assert_eq(seen.fault_count, 0);
}

Test(recovery, of_a_segment_that_is_missing_or_another)
{
    recovering_append(2);
    struct checkpoint_segment segments[2];
    segments[0] = sample_log_seal(&sample);
    sample_log_roll(&sample, 0, 0);
    recovering_append(2);
    segments[1] = sample_log_segment(&sample);
    sample_log_checkpoint(&sample, segments, 2);
    sim_remove("segment-0000000000000001.log");
    recovering_run();
    cr_assert(recovering_was_told(RECOVERY_FAULT_MISSING));
    cr_assert_eq(seen.faults[0].last_id, 6);
    cr_assert_eq(seen.block_count, 2);
    segments[1].salt++;
    sample_log_checkpoint(&sample, segments, 2);
    recovering_run();
    cr_assert_eq(seen.recovery.fault_count, 2);
    cr_assert_eq(seen.block_count, 2);
}

Test(recovery, of_a_segment_cut_short)
{
    recovering_append(4);
    struct checkpoint_segment segment = sample_log_seal(&sample);
    sample_log_roll(&sample, 0, 0);
    recovering_append(1);
    sample_log_checkpoint(&sample, &segment, 1);
    struct slice file = sim_file("segment-0000000000000001.log");
    uint8_t *copy = malloc(file.length);
    memcpy(copy, file.at, file.length);
    sim_put("segment-0000000000000001.log", slice_from(copy, SEGMENT_HEADER_BYTES + 1000));
    free(copy);
    recovering_run();
    cr_assert(recovering_was_told(RECOVERY_FAULT_MISSING));
    cr_assert(recovering_was_told(RECOVERY_FAULT_BLOCKS));
    cr_assert_eq(seen.positions[seen.block_count - 1], sample.blocks[4].position);
}

Test(recovery, of_a_header_that_is_corrupt)
{
    recovering_append(3);
    sample_log_roll(&sample, 0, 0);
    recovering_append(3);
    sim_flip_bit("segment-0000000000000001.log", 20, 2);
    recovering_run();
    cr_assert(recovering_was_told(RECOVERY_FAULT_HEADER));
    cr_assert_eq(seen.block_count, 6, "the salt stands in the first block");
    uint64_t offset;
    const char *name = sample_log_place(&sample, 0, &offset);
    sim_flip_bit(name, offset + 90, 2);
    recovering_run();
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
    recovering_run();
    cr_assert_eq(seen.block_count, 5, "the salt stands in the checkpoint");
}

Test(recovery, of_a_header_of_another_segment_or_size)
{
    recovering_append(3);
    struct slice file = sim_file("segment-0000000000000001.log");
    uint8_t *copy = malloc(file.length);
    memcpy(copy, file.at, file.length);
    struct segment_header header;
    cr_assert_eq(segment_header_decode(file, &header), SEGMENT_VALID);
    header.number = 7;
    segment_header_encode(&header, copy);
    sim_spoil("segment-0000000000000001.log", 0, slice_from(copy, SEGMENT_HEADER_BYTES));
    recovering_run();
    cr_assert(recovering_was_told(RECOVERY_FAULT_HEADER));
    cr_assert_eq(seen.block_count, 3);
    header.number = 1;
    header.segment_bytes *= 2;
    segment_header_encode(&header, copy);
    sim_spoil("segment-0000000000000001.log", 0, slice_from(copy, SEGMENT_HEADER_BYTES));
    recovering_run();
    cr_assert(recovering_was_told(RECOVERY_FAULT_HEADER));
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
    recovering_append(1);
    struct checkpoint_segment segment = sample_log_segment(&sample);
    spoil_version("segment-0000000000000001.log", 80);
    recovering_run_with(0);
    cr_assert_eq(seen.result, -EPROTONOSUPPORT);
    cr_assert_not_null(strstr(seen.message, "segment-0000000000000001.log"));
    disk_close(seen.disk);
    seen.disk = NULL;
    sample_log_checkpoint(&sample, &segment, 1);
    spoil_version(CHECKPOINT_NAME, 128);
    recovering_run_with(0);
    cr_assert_eq(seen.result, -EPROTONOSUPPORT);
    disk_close(seen.disk);
    seen.disk = NULL;
    spoil_version(META_NAME, META_BYTES);
    recovering_run_with(0);
    cr_assert_eq(seen.result, -EPROTONOSUPPORT);
    cr_assert_not_null(strstr(seen.message, META_NAME));
    disk_close(seen.disk);
    seen.disk = NULL;
}

Test(recovery, of_a_corrupt_or_missing_meta)
{
    recovering_append(2);
    sim_flip_bit(META_NAME, 30, 1);
    recovering_run();
    cr_assert(recovering_was_told(RECOVERY_FAULT_META));
    cr_assert_not(seen.recovery.has_meta);
    cr_assert_eq(seen.block_count, 2);
    sim_remove(META_NAME);
    recovering_run();
    cr_assert(recovering_was_told(RECOVERY_FAULT_META));
    cr_assert_eq(seen.recovery.segment_bytes, SAMPLE_SEGMENT_BYTES);
}

Test(recovery, of_a_corrupt_missing_or_foreign_checkpoint)
{
    recovering_append(2);
    struct checkpoint_segment segment = sample_log_segment(&sample);
    sample_log_checkpoint(&sample, &segment, 1);
    sim_flip_bit(CHECKPOINT_NAME, 200, 1);
    recovering_run();
    cr_assert(recovering_was_told(RECOVERY_FAULT_CHECKPOINT));
    cr_assert_not(seen.recovery.has_checkpoint);
    cr_assert_eq(seen.block_count, 2);
    sim_remove(CHECKPOINT_NAME);
    sample_log_meta(META_RESERVE, sample.next_id, true);
    recovering_run();
    cr_assert(recovering_was_told(RECOVERY_FAULT_CHECKPOINT));
    sample_log_meta(META_RESERVE, sample.next_id, false);
    recovering_run();
    cr_assert_eq(seen.fault_count, 0, "an unclean log of one segment may have none");
    struct log_meta meta = {.segment_bytes = 2 * SAMPLE_SEGMENT_BYTES};
    uint8_t bytes[META_BYTES];
    meta_encode(&meta, bytes);
    sample_log_checkpoint(&sample, &segment, 1);
    sim_put(META_NAME, slice_from(bytes, sizeof bytes));
    recovering_run();
    cr_assert(recovering_was_told(RECOVERY_FAULT_CHECKPOINT));
}
