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
    USAGE_PROCESSES_MAX = 8,
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

// A server: one process, or several that do its work together, such as a proxy and what it stands
// in front of.
struct usage_processes {
    pid_t ids[USAGE_PROCESSES_MAX];
    uint32_t count;
};

static inline struct usage_processes usage_process(pid_t id)
{
    return (struct usage_processes){.ids = {id}, .count = 1};
}

// The same of all of them, with their children, up to USAGE_CHILDREN_MAX of each: a server may be a
// master and its workers. Memory that several share is then counted once (proportional set size).
// -ESRCH: one of them is not there.
int usage_read_family(struct usage *usage, const struct usage_processes *processes);

// These two are read of the family, too, and nothing else: cheap. 0 when there is no such process.
uint64_t usage_read_cpu_ns(const struct usage_processes *processes);
uint64_t usage_read_resident(const struct usage_processes *processes);

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
