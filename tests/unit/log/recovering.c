#include "recovering.h"

#include <criterion/criterion.h>
#include <string.h>

struct sample_log sample;

struct seen seen;

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

const struct recovery_visitor recovering_visitor = {
    .segment_begin = on_begin, .block = on_block, .segment_end = on_end, .fault = on_fault};

void recovering_close(void)
{
    if (seen.disk != NULL) {
        recovery_end(&seen.recovery);
        disk_close(seen.disk);
        seen.disk = NULL;
    }
}

void recovering_run_with(unsigned flags)
{
    recovering_close();
    memset(&seen, 0, sizeof seen);
    seen.disk = disk_open("data", seen.message, sizeof seen.message);
    cr_assert_not_null(seen.disk);
    seen.result = recovery_begin(&seen.recovery, seen.disk, SAMPLE_SEGMENT_BYTES, flags,
                                 &recovering_visitor, seen.message, sizeof seen.message);
    if (seen.result == 0) {
        seen.result = recovery_scan(&seen.recovery, seen.message, sizeof seen.message);
    }
}

void recovering_run(void)
{
    recovering_run_with(0);
    cr_assert_eq(seen.result, 0, "%s", seen.message);
}

void recovering_setup(void)
{
    sim_reset(1);
    memset(&seen, 0, sizeof seen);
    sample_log_begin(&sample);
}

void recovering_teardown(void)
{
    recovering_close();
    sample_log_free(&sample);
    sim_free();
}

void recovering_append(unsigned blocks)
{
    for (unsigned i = 0; i < blocks; i++) {
        sample_log_append(&sample, 3, 40);
    }
}

void recovering_expect_blocks(unsigned first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        cr_assert_eq(seen.positions[first + i], sample.blocks[first + i].position, "block %u",
                     first + i);
    }
}

bool recovering_was_told(enum recovery_fault_kind kind)
{
    for (unsigned i = 0; i < seen.fault_count; i++) {
        if (seen.faults[i].kind == kind) {
            return true;
        }
    }
    return false;
}
