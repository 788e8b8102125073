#include "conn/access_file.h"

#include "base/file_error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MODE = 0640 };

// Without waiting for a reader, where it is a pipe.
static int open_path(const char *path)
{
    int fd =
        open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, FILE_MODE);
    if (fd >= 0 && fcntl(fd, F_SETFL, O_APPEND) != 0) { // the ring waits, the worker does not
        int error = errno;
        (void)close(fd);
        errno = error;
        fd = -1;
    }
    return fd;
}

bool access_file_open(const char *where, struct access_file **file, char *message,
                      size_t message_size)
{
    *file = NULL;
    if (strcmp(where, "off") == 0) {
        return true;
    }
    bool is_stderr = strcmp(where, "stderr") == 0;
    int fd = is_stderr ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0) : open_path(where);
    if (fd < 0) {
        char why[FILE_ERROR_SIZE];
        (void)snprintf(message, message_size, "cannot open the access log %.300s: %s", where,
                       file_error(errno, why));
        return false;
    }
    *file = malloc(sizeof(**file));
    if (*file == NULL) {
        (void)close(fd);
        (void)snprintf(message, message_size, "out of memory");
        return false;
    }
    **file = (struct access_file){.fd = fd, .is_stderr = is_stderr};
    references_begin(&(*file)->references);
    return true;
}

struct access_file *access_file_hold(struct access_file *file)
{
    if (file != NULL) {
        references_hold(&file->references);
    }
    return file;
}

void access_file_release(struct access_file *file)
{
    if (file != NULL && references_release(&file->references)) {
        (void)close(file->fd);
        free(file);
    }
}
