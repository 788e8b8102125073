// What a thread that does I/O counts of itself, copied for whoever asks: words of 64 bits only, so
// that those of several threads can be added up.
#ifndef RINGCAST_IO_THREAD_FIGURES_H
#define RINGCAST_IO_THREAD_FIGURES_H

#include "io/loop.h"

#include <stdint.h>

struct thread_figures {
    struct loop_stats loop;
    uint64_t inbox;           // messages that wait
    uint64_t cpu_ns;          // of the thread
    uint64_t allocated_bytes; // ever
};

// On the loop's thread.
void thread_figures_take(struct thread_figures *figures, const struct loop *loop);

#endif
