// Readers of /proc's text files (proc(5)), each from the file's whole text. What is malformed is
// passed over or makes the reader return false; nothing is trusted about counts or names. Any
// thread.
#ifndef RINGCAST_CLI_PROC_H
#define RINGCAST_CLI_PROC_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PROC_CORES_MAX = 256, // more are counted in the total only
    PROC_DEVICES_MAX = 32,
    PROC_NAME_SIZE = 32,
};

// Time since boot in clock ticks, of all cores or of one. Busy: all but idle and waiting for input
// and output.
struct proc_cpu {
    uint64_t busy;
    uint64_t total;
};

struct proc_stat {
    struct proc_cpu all;
    uint32_t core_count;
    struct proc_cpu cores[PROC_CORES_MAX];
    uint64_t context_switches;
    uint64_t boot_time_s; // Unix time
};

// /proc/stat. False without its first line.
bool proc_stat_parse(struct slice text, struct proc_stat *stat);

struct proc_memory {
    uint64_t total_bytes;
    uint64_t free_bytes;
    uint64_t available_bytes; // free, or freed when it is wanted
    uint64_t buffers_bytes;
    uint64_t cached_bytes;
    uint64_t swap_total_bytes;
    uint64_t swap_free_bytes;
};

// /proc/meminfo. False without MemTotal and MemAvailable.
bool proc_memory_parse(struct slice text, struct proc_memory *memory);

struct proc_load {
    double over_1_min;
    double over_5_min;
    double over_15_min;
    uint64_t running; // threads
    uint64_t threads;
};

// /proc/loadavg.
bool proc_load_parse(struct slice text, struct proc_load *load);

// A disk or a network interface: what came in (read, received) and went out since boot.
struct proc_device {
    char name[PROC_NAME_SIZE];
    uint64_t in_bytes;
    uint64_t out_bytes;
    uint64_t in_count; // operations or packets
    uint64_t out_count;
    uint64_t busy_ms; // disks only
};

struct proc_devices {
    uint32_t count;
    struct proc_device devices[PROC_DEVICES_MAX];
};

// /proc/diskstats: whole disks that were ever used; no partitions, loop, RAM and stacked devices,
// which would count twice.
void proc_disks_parse(struct slice text, struct proc_devices *disks);

// /proc/net/dev: interfaces that were ever used; no loopback and no virtual ones, which would count
// twice.
bool proc_network_parse(struct slice text, struct proc_devices *interfaces);

const struct proc_device *proc_device_find(const struct proc_devices *devices, const char *name);

#endif
