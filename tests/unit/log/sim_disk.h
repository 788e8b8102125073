// A simulated machine with one disk: an implementation of src/log/disk.h in memory, seeded and
// repeatable, that loses what was not synced, tears what was being written, and fails on request.
// Tests leave out the real one and link this:
//
//     // seam: src/log/disk.c
//     // link: tests/unit/log/sim_disk.c
//     // link: tests/unit/log/sim_files.c
//
// There is one machine a process. disk_open opens it (the lock is held until disk_close, sim_kill
// or sim_power_cut); the directory's name is ignored. Asynchronous operations complete only in
// sim_step, in shuffled order (also writes to one file), through the done function given to
// disk_attach (loop may be NULL). *_now calls complete at once.
//
// Files consist of 512-byte sectors. A write changes what reads see; fdatasync makes durable what
// was written before it was submitted (what was written since: by chance). A power cut keeps or
// loses each other sector independently, as well as renames, creations and removals that were not
// synced.
#ifndef RINGCAST_TESTS_SIM_DISK_H
#define RINGCAST_TESTS_SIM_DISK_H

#include "base/bytes.h"
#include "base/prng.h"
#include "log/disk.h"

#include <stdbool.h>
#include <stdint.h>

enum { SIM_SECTOR_BYTES = 512 };

// A new machine: empty disk, no faults, first boot, nothing open.
void sim_reset(uint64_t seed);
// Frees everything (for leak checkers).
void sim_free(void);
struct prng *sim_prng(void);

// --- the life of the process and the machine ---

// Completes one operation in flight, chosen at random; false where there is none. Calls done.
bool sim_step(void);
// Steps until nothing is in flight.
void sim_settle(void);
unsigned sim_in_flight(void);
unsigned sim_in_flight_of(enum disk_operation operation);
// The process is gone (SIGKILL): operations in flight happen wholly, in part or not at all, their
// completions are never seen; the page cache stays; same boot. The struct disk is invalid (and
// freed), as are descriptors.
void sim_kill(void);
// The machine is gone: as sim_kill, then everything not durable is lost by chance. A new boot id.
void sim_power_cut(void);

// --- faults ---

// Chances of 10,000 for each operation.
struct sim_faults {
    uint32_t short_write;
    uint32_t short_read;
    uint32_t write_error; // -EIO; a part may be written
    uint32_t read_error;  // -EIO
    uint32_t sync_error;  // -EIO; dirty sectors count as clean from then on, and are lost by chance
                          // at a power cut
    uint32_t prepare_error; // -EIO or -ENOSPC
    uint32_t replace_error; // -EIO; old or new stands there
    bool now_too;           // also for the *_now calls
};
// A write that is done when it returns, with the faults of submitted ones.
int64_t sim_write(int file, const void *from, size_t length, uint64_t offset);
void sim_set_faults(const struct sim_faults *faults); // NULL: none
// The operation `after` further ones of its kind (0: the next one) fails with error (negative
// errno), once.
void sim_fail(enum disk_operation operation, unsigned after, int error);
// -ENOSPC for writes and preparations that would make all files together larger than this. 0: no
// limit.
void sim_set_space(uint64_t bytes);
// How many operations of the kind failed on purpose since sim_reset.
unsigned sim_failures(enum disk_operation operation);

// --- looking in and spoiling ---

bool sim_exists(const char *name);
// What reads would see now. Valid until the next change. Empty where there is no such file.
struct slice sim_file(const char *name);
// Makes or overwrites, durably.
void sim_put(const char *name, struct slice bytes);
void sim_remove(const char *name); // durably
// Changes bytes in cache and on disk alike, as bad media would; the file must be that long.
void sim_spoil(const char *name, uint64_t offset, struct slice bytes);
void sim_flip_bit(const char *name, uint64_t offset, unsigned bit);
// Names of all files, sorted; returns how many (at most `most`).
unsigned sim_names(const char **names, unsigned most);
// Sets the boot id's first byte, for tests of starts.
void sim_set_boot(uint8_t boot);
// Counters since sim_reset.
struct sim_stats {
    uint64_t writes, reads, syncs, bytes_written, bytes_read, power_cuts, kills, sectors_lost;
};
struct sim_stats sim_get_stats(void);

#endif
