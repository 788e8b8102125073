#include "log/data_directory.h"

#include "base/file_error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0640, DIRECTORY_MODE = 0750, PATH_SIZE = 4096 };

#define LOCK_NAME "lock"

static bool refuse(const char *path, const char *what, int error, char *message,
                   size_t message_size)
{
    char why[FILE_ERROR_SIZE];
    (void)snprintf(message, message_size, "data directory %s cannot be %s: %s", path, what,
                   file_error(error, why));
    return false;
}

// With its parents. 0 or -errno.
static int make_directories(const char *path)
{
    char part[PATH_SIZE];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof(part)) {
        return -ENAMETOOLONG;
    }
    memcpy(part, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (part[i] != '/' && part[i] != 0) {
            continue;
        }
        char kept = part[i];
        part[i] = 0;
        if (mkdir(part, DIRECTORY_MODE) < 0 && errno != EEXIST) {
            return -errno;
        }
        part[i] = kept;
    }
    return 0;
}

static bool take_lock(int directory, const char *path, int *taken, char *message,
                      size_t message_size)
{
    int lock = openat(directory, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (lock < 0) {
        return refuse(path, "written", errno, message, message_size);
    }
    if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
        char owner[16] = "";
        ssize_t length = pread(lock, owner, sizeof(owner) - 1, 0);
        owner[length > 0 ? strcspn(owner, "\n") : 0] = 0;
        (void)snprintf(message, message_size, "data directory %s is in use by another ringcast%s%s",
                       path, owner[0] != 0 ? ", process " : "", owner);
        (void)close(lock);
        return false;
    }
    // Only for people who look; it is the lock that counts.
    char own[16];
    int length = snprintf(own, sizeof(own), "%ld\n", (long)getpid());
    bool is_told = ftruncate(lock, 0) == 0 && pwrite(lock, own, (size_t)length, 0) == length;
    (void)is_told;
    *taken = lock;
    return true;
}

bool data_directory_open(const char *path, int *lock, int *directory, char *message,
                         size_t message_size)
{
    int error = lock == NULL ? 0 : make_directories(path);
    if (error != 0) {
        return refuse(path, "made", -error, message, message_size);
    }
    int opened = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0) {
        return refuse(path, "opened", errno, message, message_size);
    }
    if (lock != NULL && !take_lock(opened, path, lock, message, message_size)) {
        (void)close(opened);
        return false;
    }
    *directory = opened;
    return true;
}
