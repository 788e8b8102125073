// The directory that a log lies in: made where it is not there, and one broker's alone by a lock,
// which goes with the process. While the log is opened, on any one thread.
#ifndef RINGCAST_LOG_DATA_DIRECTORY_H
#define RINGCAST_LOG_DATA_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

// Opens it, and makes and locks it before; with `lock` NULL it is only opened, to read. The
// descriptors are the caller's. False with one line in message.
bool data_directory_open(const char *path, int *lock, int *directory, char *message,
                         size_t message_size);

#endif
