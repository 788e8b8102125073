// Runs recovery over a sample log and keeps what it told, for test_recovery.c and
// test_recovery_walk.c.
#ifndef RINGCAST_TESTS_RECOVERING_H
#define RINGCAST_TESTS_RECOVERING_H

#include "log/recovery.h"
#include "sample_log.h"
#include "sim_disk.h"

extern struct sample_log sample;

// What a recovery told.
extern struct seen {
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

extern const struct recovery_visitor recovering_visitor;

void recovering_setup(void);
void recovering_teardown(void);
// Opens the disk and recovers; the result is in seen. Closes what was open before.
void recovering_run_with(unsigned flags);
// The same without flags; it has to succeed.
void recovering_run(void);
void recovering_close(void);
// Blocks of three events each.
void recovering_append(unsigned blocks);
// Blocks `first` and on of the sample were seen, in their places.
void recovering_expect_blocks(unsigned first, unsigned count);
bool recovering_was_told(enum recovery_fault_kind kind);

#endif
