// What the machine must allow before many connections are opened, and how to make it so. Told
// before connecting, since what comes of a limit reached later is hard to read. Main thread.
#ifndef RINGCAST_LOADGEN_MACHINE_H
#define RINGCAST_LOADGEN_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    MACHINE_LIMITS_MAX = 9,
    MACHINE_REMEDY_SIZE = 240,
    // The search for a free port grows slow when most of an address are taken.
    MACHINE_ADDRESS_PORTS_MAX = 8000,
};

// What it allows. 0: unknown, and taken for enough.
struct machine {
    uint64_t files;             // RLIMIT_NOFILE, which bounds a ring's table of descriptors too
    uint64_t locked_bytes;      // RLIMIT_MEMLOCK; unknown to those whom it does not bind
    uint64_t ports;             // of net.ipv4.ip_local_port_range
    uint64_t backlog;           // net.core.somaxconn
    uint64_t tcp_pages;         // net.ipv4.tcp_mem, the last number
    uint64_t all_files;         // fs.file-max
    uint64_t all_files_open;    // of these
    uint64_t tracked;           // net.netfilter.nf_conntrack_max
    uint64_t tracked_now;       // of these
    uint64_t memory_bytes_free; // MemAvailable
};

// What a run is going to do.
struct machine_need {
    uint32_t connections;
    uint32_t threads; // that hold them
    uint32_t opening; // connections being opened at once by each
    bool is_loopback; // the server's ends are on this machine too
};

struct machine_shortage {
    const char *name;
    uint64_t present;
    uint64_t needed;
    bool is_fatal; // the run could not even connect
    char remedy[MACHINE_REMEDY_SIZE];
};

void machine_read(struct machine *machine);

// Compares. Returns how many are short, MACHINE_LIMITS_MAX at most.
uint32_t machine_check(const struct machine *machine, const struct machine_need *need,
                       struct machine_shortage shortages[MACHINE_LIMITS_MAX]);

// How many connections to make from one source address when there are many.
uint32_t machine_address_ports(const struct machine *machine);

// Open files, of RLIMIT_NOFILE, that the run needs.
uint64_t machine_files_needed(const struct machine_need *need);

// Raises RLIMIT_NOFILE to its hard limit, and that one to `files` where it is less and may be
// raised.
void machine_raise_files(uint64_t files);

#endif
