// seam: src/log/disk.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c
// link: tests/unit/log/sample_block.c
// link: tests/unit/log/sample_log.c
// link: tests/unit/log/recovering.c

#include "recovering.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

TestSuite(recovery_walk, .init = recovering_setup, .fini = recovering_teardown, .timeout = 30);

Test(recovery_walk, reads_all_blocks_in_order)
{
    recovering_append(5);
    sample_log_roll(&sample, 0, 0);
    recovering_append(4);
    recovering_run();
    cr_assert_eq(seen.block_count, 9);
    recovering_expect_blocks(0, 9);
    cr_assert_eq(seen.fault_count, 0);
    cr_assert_eq(seen.recovery.last_id, 27);
    cr_assert_eq(seen.recovery.last_position, sample.blocks[8].position);
    cr_assert_eq(seen.recovery.end_position, sample.position);
    cr_assert_eq(seen.recovery.segments[0].block_count, 5);
    cr_assert_eq(seen.recovery.segments[1].first_id, 16);
    cr_assert_not(seen.recovery.is_torn);
}

Test(recovery_walk, cuts_a_torn_tail)
{
    recovering_append(5);
    uint64_t offset;
    const char *name = sample_log_place(&sample, 4, &offset);
    sim_flip_bit(name, offset + 100, 3);
    recovering_run();
    cr_assert_eq(seen.block_count, 4);
    cr_assert_eq(seen.recovery.end_position, sample.blocks[4].position);
    cr_assert_eq(seen.recovery.fault_count, 0);
    cr_assert(recovering_was_told(RECOVERY_TORN));
    cr_assert(seen.recovery.is_torn);
    cr_assert_eq(seen.faults[0].offset, offset);
    cr_assert_str_eq(seen.faults[0].file, name);
}

Test(recovery_walk, ends_before_a_hole_that_was_not_synced)
{
    recovering_append(6);
    uint64_t offset;
    const char *name = sample_log_place(&sample, 3, &offset);
    uint8_t zeros[64] = {0};
    sim_spoil(name, offset, slice_from(zeros, sizeof zeros));
    recovering_run();
    cr_assert_eq(seen.block_count, 3);
    cr_assert_eq(seen.recovery.end_position, sample.blocks[3].position);
    cr_assert(recovering_was_told(RECOVERY_TORN));
}

Test(recovery_walk, skips_a_hole_that_was_synced)
{
    recovering_append(5);
    sample.synced = sample.position;
    recovering_append(3);
    uint64_t offset;
    const char *name = sample_log_place(&sample, 2, &offset);
    sim_flip_bit(name, offset + 8, 0); // the salt: as if nothing were there
    name = sample_log_place(&sample, 3, &offset);
    sim_flip_bit(name, offset + 90, 0);
    recovering_run();
    cr_assert_eq(seen.block_count, 6);
    cr_assert_eq(seen.positions[2], sample.blocks[4].position);
    cr_assert_eq(seen.recovery.fault_count, 1);
    cr_assert(recovering_was_told(RECOVERY_FAULT_BLOCKS));
    cr_assert_eq(seen.faults[0].first_id, 7);
    cr_assert_eq(seen.faults[0].last_id, 12);
    cr_assert_eq(seen.faults[0].length, sample.blocks[4].position - sample.blocks[2].position);
    cr_assert_eq(seen.recovery.end_position, sample.position);
}

Test(recovery_walk, skips_the_end_of_a_segment_that_was_synced)
{
    recovering_append(5);
    sample_log_roll(&sample, 0, 0);
    sample_log_append(&sample, 3, 40);
    sample.synced = sample.position;
    recovering_append(3);
    uint64_t offset;
    const char *name = sample_log_place(&sample, 4, &offset);
    sim_flip_bit(name, offset + 100, 3);
    recovering_run();
    cr_assert_eq(seen.block_count, 8);
    cr_assert_eq(seen.recovery.fault_count, 1);
    cr_assert_eq(seen.faults[0].first_id, 13);
    cr_assert_eq(seen.faults[0].last_id, 15);
}

Test(recovery_walk, skips_the_start_of_a_segment_that_was_synced)
{
    recovering_append(5);
    sample_log_roll(&sample, 0, 0);
    recovering_append(2);
    sample.synced = sample.position;
    recovering_append(3);
    uint64_t offset;
    const char *name = sample_log_place(&sample, 5, &offset);
    sim_flip_bit(name, offset + 100, 3);
    recovering_run();
    cr_assert_eq(seen.block_count, 9);
    cr_assert_eq(seen.recovery.fault_count, 1);
    cr_assert_eq(seen.faults[0].first_id, 16);
    cr_assert_eq(seen.faults[0].last_id, 18);
    cr_assert_eq(seen.recovery.end_position, sample.position);
}

Test(recovery_walk, ends_where_the_next_segment_was_not_synced)
{
    recovering_append(5);
    sample.synced = sample.position; // all of segment 1
    sample_log_roll(&sample, 0, 0);
    recovering_append(3);
    uint64_t offset;
    const char *name = sample_log_place(&sample, 5, &offset);
    sim_flip_bit(name, offset + 100, 3);
    recovering_run();
    cr_assert_eq(seen.block_count, 5);
    cr_assert_eq(seen.recovery.fault_count, 0);
    cr_assert_eq(seen.recovery.end_position, sample.blocks[4].position + sample.blocks[4].length);
    cr_assert_eq(seen.recovery.next_segment, 3);
}

Test(recovery_walk, a_whole_segment_of_corrupt_blocks_is_told)
{
    recovering_append(2);
    sample_log_roll(&sample, 0, 0);
    recovering_append(2);
    sample_log_roll(&sample, 0, 0);
    recovering_append(2);
    sample.synced = sample.position;
    recovering_append(1);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t offset;
        const char *name = sample_log_place(&sample, i, &offset);
        sim_flip_bit(name, offset + 90, 1);
    }
    recovering_run();
    cr_assert_eq(seen.block_count, 3);
    cr_assert_eq(seen.recovery.fault_count, 1);
    cr_assert_eq(seen.faults[0].first_id, 1);
    cr_assert_eq(seen.faults[0].last_id, 12);
}

Test(recovery_walk, previous_end_abandons_what_stands_beyond)
{
    recovering_append(5);
    // As a recovery would that found the fourth block torn: a new segment, and new ids from there.
    sample.next_id = sample.blocks[3].first_id;
    sample.previous = sample.blocks[2].position;
    sample_log_roll(&sample, sample.blocks[3].position, 0);
    recovering_append(2);
    recovering_run();
    cr_assert_eq(seen.block_count, 5);
    cr_assert_eq(seen.positions[3], sample.blocks[5].position);
    cr_assert_eq(seen.fault_count, 0);
    cr_assert_eq(seen.recovery.last_id, 15);
}

Test(recovery_walk, blocks_missing_before_a_previous_end_are_told)
{
    recovering_append(5);
    sample_log_roll(&sample, sample.position, 0);
    recovering_append(2);
    uint64_t offset;
    const char *name = sample_log_place(&sample, 4, &offset);
    sim_flip_bit(name, offset + 100, 3);
    recovering_run();
    cr_assert_eq(seen.block_count, 6);
    cr_assert(recovering_was_told(RECOVERY_FAULT_BLOCKS));
}

Test(recovery_walk, passes_over_a_pending_segment)
{
    recovering_append(3);
    uint64_t end = sample.position;
    uint64_t previous = sample.previous;
    sample_log_roll(&sample, sample.blocks[1].position, SEGMENT_PENDING);
    sample.next_id = sample.blocks[1].first_id;
    sample.previous = sample.blocks[0].position;
    recovering_append(1);
    recovering_run();
    cr_assert_eq(seen.block_count, 3);
    cr_assert_eq(seen.fault_count, 0);
    cr_assert_eq(seen.recovery.end_position, end);
    cr_assert_eq(seen.recovery.last_position, previous);
    cr_assert(seen.recovery.segments[1].is_pending);
    cr_assert_eq(seen.recovery.next_segment, 3);
}

Test(recovery_walk, stale_blocks_of_a_former_life_stay_dead)
{
    recovering_append(3);
    // The recycled file: the blocks of segment 1 behind the header of segment 2, whose own block
    // ends where one begins.
    struct slice stale = sim_file("segment-0000000000000001.log");
    uint8_t *copy = malloc(stale.length);
    memcpy(copy, stale.at, stale.length);
    size_t length = stale.length;
    sample_log_roll(&sample, 0, 0);
    recovering_append(1);
    struct slice fresh = sim_file("segment-0000000000000002.log");
    memcpy(copy, fresh.at, fresh.length);
    sim_put("segment-0000000000000002.log", slice_from(copy, length));
    free(copy);
    recovering_run();
    cr_assert_eq(seen.block_count, 4);
    cr_assert_eq(seen.fault_count, 0);
    cr_assert_eq(seen.recovery.last_id, 12);
}

Test(recovery_walk, payloads_that_look_like_blocks_are_not)
{
    // A block of the very salt within the frames of another one, which is then spoilt.
    recovering_append(2);
    sample.synced = sample.position;
    sample_log_append(&sample, 1, 4000);
    sample.synced = sample.position;
    recovering_append(1);
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
    recovering_run();
    cr_assert_eq(seen.block_count, 3);
    cr_assert_eq(seen.positions[2], sample.blocks[3].position);
    cr_assert_eq(seen.recovery.fault_count, 1);
}

Test(recovery_walk, the_tail_that_a_checkpoint_knew_is_told_when_lost)
{
    recovering_append(4);
    struct checkpoint_segment segment = sample_log_segment(&sample);
    sample_log_checkpoint(&sample, &segment, 1);
    uint64_t offset;
    const char *name = sample_log_place(&sample, 3, &offset);
    sim_flip_bit(name, offset + 100, 3);
    recovering_run();
    cr_assert_eq(seen.block_count, 3);
    cr_assert_eq(seen.recovery.fault_count, 1);
    cr_assert_eq(seen.faults[0].first_id, 10);
    cr_assert_eq(seen.faults[0].last_id, 12);
    cr_assert_eq(seen.recovery.last_id, 12, "the ids that were given out stay so");
    cr_assert(seen.recovery.is_torn);
}

Test(recovery_walk, of_a_bad_index)
{
    recovering_append(4);
    struct checkpoint_segment segments[2];
    segments[0] = sample_log_seal(&sample);
    sample_log_roll(&sample, 0, 0);
    recovering_append(2);
    segments[1] = sample_log_segment(&sample);
    sample_log_checkpoint(&sample, segments, 2);
    sim_flip_bit("segment-0000000000000001.log", segments[0].index_offset + 200, 2);
    recovering_run();
    cr_assert_eq(seen.fault_count, 0, "not looked at while the checkpoint stands for it");
    unsigned before = seen.block_count;
    cr_assert_eq(recovery_read_segment(&seen.recovery, 0, &recovering_visitor), 0);
    cr_assert_eq(seen.block_count - before, 4);
    cr_assert_eq(seen.recovery.segments[0].index_offset, 0);
    cr_assert(recovering_was_told(RECOVERY_FAULT_INDEX));
    recovering_run_with(RECOVERY_WITHOUT_CHECKPOINT);
    cr_assert(recovering_was_told(RECOVERY_FAULT_INDEX));
    cr_assert_eq(seen.block_count, 6);
}

Test(recovery_walk, where_the_disk_cannot_be_read)
{
    recovering_append(4);
    sim_set_faults(&(struct sim_faults){.read_error = 10000, .now_too = true});
    recovering_run_with(0);
    cr_assert_eq(seen.result, -EIO);
    cr_assert_gt(strlen(seen.message), 0);
    disk_close(seen.disk);
    seen.disk = NULL;
    recovering_run_with(RECOVERY_SKIP_UNREADABLE);
    cr_assert_eq(seen.result, 0);
    cr_assert(recovering_was_told(RECOVERY_FAULT_READ));
    // Errors that come and go lose nothing, or stop the start.
    sim_set_faults(&(struct sim_faults){.read_error = 2000, .now_too = true});
    for (int i = 0; i < 200; i++) {
        recovering_run_with(0);
        if (seen.result == 0) {
            cr_assert_eq(seen.recovery.last_id, 12);
        } else {
            recovering_close();
        }
    }
}

Test(recovery_walk, where_the_file_ends_within_a_block)
{
    recovering_append(3);
    struct slice file = sim_file("segment-0000000000000001.log");
    uint8_t *copy = malloc(file.length);
    size_t length = file.length;
    memcpy(copy, file.at, length);
    uint64_t offset;
    sample_log_place(&sample, 2, &offset);
    for (size_t cut = (size_t)offset; cut < length; cut += 7) {
        sim_put("segment-0000000000000001.log", slice_from(copy, cut));
        recovering_run();
        cr_assert_eq(seen.block_count, 2);
        cr_assert_eq(seen.recovery.end_position, sample.blocks[2].position);
    }
    free(copy);
}

// Whatever one bit is flipped: no crash, no block that was not written, and only the blocks of one
// place missing.
Test(recovery_walk, of_any_flipped_bit)
{
    recovering_append(3);
    sample.synced = sample.position;
    recovering_append(3);
    struct checkpoint_segment segments[2];
    segments[0] = sample_log_seal(&sample);
    sample_log_roll(&sample, 0, 0);
    sample.synced = sample.position - 1;
    recovering_append(2);
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
        recovering_run_with(i % 2 == 0 ? RECOVERY_WITHOUT_CHECKPOINT : 0);
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
        recovering_close();
        sim_flip_bit(name, offset, bit);
    }
}
