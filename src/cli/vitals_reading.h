// One look at this machine, and what two of them in a row say as JSON. Rates are per second between
// the two.
#ifndef RINGCAST_CLI_VITALS_READING_H
#define RINGCAST_CLI_VITALS_READING_H

#include "base/bytes.h"
#include "cli/proc.h"

#include <stdbool.h>
#include <stdint.h>

struct vitals_reading {
    uint64_t taken_ns; // monotonic
    uint64_t taken_ms; // Unix
    struct proc_stat stat;
    struct proc_memory memory;
    struct proc_load load;
    struct proc_devices disks;
    struct proc_devices interfaces;
    uint64_t file_system_bytes; // of the file system at /
    uint64_t file_system_free_bytes;
};

// Reads /proc. 0, or a negative errno with the file's path in *path (static memory).
int vitals_read(struct vitals_reading *reading, const char **path);

// Each appends one JSON object.
//
//     cpu {"percent":12.5,"cores":[10.0,15.0],"load":[0.20,0.18,0.12],"running":1,"threads":80,
//               "context_switches_per_s":900,"uptime_s":3600}
//     memory   {"percent":40.1,"total_bytes":…,"used_bytes":…,"available_bytes":…,"cached_bytes":…,
//               "swap_total_bytes":…,"swap_used_bytes":…}
//     disk
//     {"read_bytes_per_s":…,"written_bytes_per_s":…,"percent":31.0,"total_bytes":…,"used_bytes":…,
//               "disks":[{"name":"vda","read_bytes_per_s":…,"written_bytes_per_s":…,"reads_per_s":…,"writes_per_s":…,
//               "busy_percent":3.1}]}
//     network
//     {"received_bytes_per_s":…,"sent_bytes_per_s":…,"interfaces":[{"name":"eth0","received_bytes_per_s":…,
//               "sent_bytes_per_s":…,"packets_received_per_s":…,"packets_sent_per_s":…}]}
typedef void vitals_writer(struct buffer *out, const struct vitals_reading *before,
                           const struct vitals_reading *now);
vitals_writer vitals_write_cpu;
vitals_writer vitals_write_memory;
vitals_writer vitals_write_disk;
vitals_writer vitals_write_network;

#endif
