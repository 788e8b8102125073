#include "app/threads.h"

#include "base/clock.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

void threads_name(const char *name)
{
    (void)pthread_setname_np(pthread_self(), name);
}

void threads_notify(int notice_fd)
{
    const uint64_t one = 1;
    // It can only fail where the counter is at its end, and then the notice is there already.
    ssize_t written = write(notice_fd, &one, sizeof(one));
    (void)written;
}

bool threads_wait_for_address(uint64_t *until_ms)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (*until_ms == 0) {
        *until_ms = now_ms + THREADS_ADDRESS_WAIT_MS;
    }
    const struct timespec pause = {.tv_nsec = THREADS_ADDRESS_PAUSE_MS * 1000L * 1000};
    (void)nanosleep(&pause, NULL);
    return now_ms < *until_ms;
}
