// What main needs around the threads that it starts. Any thread.
#ifndef RINGCAST_APP_THREADS_H
#define RINGCAST_APP_THREADS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    // How long a thread that is ending may sleep in one round.
    THREADS_STOPPING_ROUND_MS = 20,
};

// Names the calling thread, as ps and debuggers show it (at most 15 bytes).
void threads_name(const char *name);

// For addresses in use: a process that was killed keeps its listeners for a moment, until the
// kernel has ended what its io_urings had in flight, so that one is asked again and again for
// THREADS_ADDRESS_WAIT_MS. Sleeps a little; false when the time is up. *until_ms is 0 before the
// first call.
enum { THREADS_ADDRESS_WAIT_MS = 2000, THREADS_ADDRESS_PAUSE_MS = 20 };
bool threads_wait_for_address(uint64_t *until_ms);

// Writes to an eventfd.
void threads_notify(int notice_fd);

#endif
