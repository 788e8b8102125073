// What processes and the machine have used, from /proc and the CPU clocks. Main and publisher
// threads.
#ifndef RINGCAST_LOADGEN_USAGE_H
#define RINGCAST_LOADGEN_USAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    USAGE_THREADS_MAX = 128,
    USAGE_NAME_SIZE = 16,
    USAGE_CHILDREN_MAX = 64,
};

struct usage_thread {
    pid_t id;
    char name[USAGE_NAME_SIZE];
    uint64_t cpu_ns;
    uint64_t wait_ns; // ready to run, and no core was free
};

struct usage {
    uint64_t taken_ns; // CLOCK_MONOTONIC
    uint64_t cpu_ns;   // user and system time of all threads, ended ones too
    uint64_t resident_bytes;
    uint32_t thread_count; // beyond USAGE_THREADS_MAX they are left out of `threads`
    struct usage_thread threads[USAGE_THREADS_MAX];
};

// Returns 0 or -errno (-ESRCH: no such process).
int usage_read(struct usage *usage, pid_t pid);

// The same with the process's children, up to USAGE_CHILDREN_MAX: a server may be a master and its
// workers. Memory that several of them share is then counted once (proportional set size).
int usage_read_family(struct usage *usage, pid_t pid);

// These two are read of the family, too, and nothing else: cheap. 0 when there is no such process.
uint64_t usage_read_cpu_ns(pid_t pid);
uint64_t usage_read_resident(pid_t pid);

// What was used from `before` to `after`. Threads that are new count from 0; ended ones are left
// out.
void usage_difference(struct usage *difference, const struct usage *before,
                      const struct usage *after);

// CPU time of all cores together, in nanoseconds, in steps of 10 ms.
struct usage_machine {
    uint64_t busy_ns;
    uint64_t idle_ns;
    uint64_t stolen_ns; // taken by the hypervisor for others
};

// All 0 where /proc cannot be read.
void usage_read_machine(struct usage_machine *machine);

#endif
