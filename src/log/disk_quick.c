// What the log thread calls itself while it runs, since it is quick. Apart from disk.c, so that
// tests on a simulated disk can leave it out alone.
#include "log/disk.h"

#include <errno.h>
#include <unistd.h>

int disk_trim_now(struct disk *disk, int file, uint64_t size)
{
    (void)disk;
    return ftruncate(file, (off_t)size) < 0 ? -errno : 0;
}

int64_t disk_write_quickly(struct disk *disk, int file, const void *from, uint32_t length,
                           uint64_t offset)
{
    (void)disk;
    ssize_t put = pwrite(file, from, length, (off_t)offset);
    return put >= 0 ? put : errno == EINTR ? -EAGAIN : -errno;
}
