// What memory a run costs: the server's resident set, and what the kernel holds for the sockets,
// which no process's figures show.
#ifndef RINGCAST_LOADGEN_MEMORY_H
#define RINGCAST_LOADGEN_MEMORY_H

#include <stdint.h>
#include <sys/types.h>

enum {
    MEMORY_CACHES_MAX = 256,
    MEMORY_CACHE_NAME_SIZE = 32,
    MEMORY_GROWN_MAX = 6,
};

// Of the whole machine, all processes together. 0 where /proc does not say.
struct memory_kernel {
    uint64_t sockets;    // of TCP and IPv4, both ends where both are on this machine
    uint64_t tcp_bytes;  // what their queues are charged with: whole pages
    uint64_t slab_bytes; // sockets, their files and inodes, and everything else that is small
};

struct memory_cache {
    char name[MEMORY_CACHE_NAME_SIZE];
    uint64_t bytes;
};

// The kernel's caches by name, which root alone may read: none for others.
struct memory_caches {
    uint32_t count;
    struct memory_cache caches[MEMORY_CACHES_MAX];
};

void memory_read_kernel(struct memory_kernel *kernel);

void memory_read_caches(struct memory_caches *caches);

// Reads the text of /proc/slabinfo.
void memory_parse_caches(struct memory_caches *caches, char *text, uint64_t page_size);

// Those that grew most, the greatest first. Returns how many.
uint32_t memory_grown(const struct memory_caches *before, const struct memory_caches *after,
                      struct memory_cache grown[MEMORY_GROWN_MAX]);

// The most that there was of each whenever memory_look was called.
struct memory_peak {
    uint64_t resident_bytes; // of the server, 0 without a process
    uint64_t tcp_bytes;
    uint64_t slab_bytes;
};

// resident_bytes: of the server, as read just now.
void memory_look(struct memory_peak *peak, uint64_t resident_bytes);

#endif
