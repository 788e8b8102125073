// A thread of the bare server.
#ifndef RINGCAST_LOADGEN_BARE_THREAD_H
#define RINGCAST_LOADGEN_BARE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct bare_thread {
    int listener_fd;
    int feed_fd;
    uint32_t streams;
    const char *file; // NULL: none
    bool answers;     // see struct bare_config
    bool has_own_table;
    bool skips_full;  // see struct bare_config
    pthread_t thread; // the starter's
};

// Takes a struct bare_thread. Returns when the feed ends.
void *bare_thread_run(void *context);

#endif
