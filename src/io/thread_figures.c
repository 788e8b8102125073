#include "io/thread_figures.h"

#include "base/allocated.h"

#include <time.h>

static uint64_t thread_cpu_ns(void)
{
    struct timespec spent = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * 1000 * 1000 * 1000 + (uint64_t)spent.tv_nsec;
}

void thread_figures_take(struct thread_figures *figures, const struct loop *loop)
{
    figures->loop = loop->stats;
    figures->inbox = loop_inbox_count(loop);
    figures->cpu_ns = thread_cpu_ns();
    figures->allocated_bytes = allocated_bytes_of_thread();
}
