// What the operating system says of this process. Reads files of /proc, which takes some tens of
// microseconds and no disk.
#ifndef RINGCAST_INGEST_PROCESS_FIGURES_H
#define RINGCAST_INGEST_PROCESS_FIGURES_H

#include <stdint.h>

// 0 in what cannot be found out.
struct process_figures {
    uint64_t resident_bytes;
    uint64_t virtual_bytes;
    uint64_t allocated_bytes; // from the allocator, and not given back
    uint64_t open_files;      // without those that rings hold
    uint64_t files_max;
    uint64_t cpu_ns;
    uint64_t start_ms; // Unix time
};

// Any thread.
void process_figures_take(struct process_figures *figures);

#endif
