#include "app/threads.h"

#include <pthread.h>
#include <stdint.h>
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
