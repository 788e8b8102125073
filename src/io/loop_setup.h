// How the loop opens its io_urings: flags peeled off for older kernels, operations probed, and
// errors explained to a person. Used by loop.c alone.
#ifndef RINGCAST_IO_LOOP_SETUP_H
#define RINGCAST_IO_LOOP_SETUP_H

#include <liburing.h>
#include <stddef.h>
#include <stdint.h>

// What kernel.io_uring_disabled reads where the kernel has no such setting (before 6.6).
enum {
    LOOP_SYSCTL_ABSENT = -1,
};

// Opens `uring`, disabled (IORING_SETUP_R_DISABLED), with as many of the flags that `features`
// allows as the kernel takes. Returns 0 and the LOOP_FEATURE_* of SINGLE_ISSUER, DEFER_TASKRUN and
// TASKRUN_FLAG that it got in *features; else -errno and a line in `error`. The caller closes it.
int loop_setup_ring(struct io_uring *uring, uint32_t sq_entries, uint32_t cq_entries,
                    uint32_t *features, char *error, size_t error_size);

// Asks the kernel for the operations that ringcast needs and adds the LOOP_FEATURE_* found beyond
// them to *features. Returns 0, or -EOPNOTSUPP with the missing operation's name in `error`.
int loop_setup_probe(struct io_uring *uring, uint32_t *features, char *error, size_t error_size);

// Reserves the table of direct descriptors. Returns 0 or -errno with a line in `error`.
int loop_setup_table(struct io_uring *uring, uint32_t descriptors, char *error, size_t error_size);

// Why io_uring_setup failed with `error_number` (positive), and what to do. `sysctl_value` is
// that of kernel.io_uring_disabled or LOOP_SYSCTL_ABSENT, `memlock_bytes` RLIMIT_MEMLOCK.
void loop_setup_explain(int error_number, int sysctl_value, uint64_t memlock_bytes, char *error,
                        size_t error_size);

#endif
