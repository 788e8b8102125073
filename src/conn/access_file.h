// Where the access log goes: a descriptor that workers share by counted references, each with a
// duplicate of its own. Any thread.
#pragma once

#include "base/references.h"

#include <stdbool.h>
#include <stddef.h>

struct access_file {
    struct references references;
    int fd;
    bool is_stderr; // lines have the priority that standard error's have
};

// "off", "stderr" or the path of a file, which is made where it is not there, and appended to. With
// one reference, the caller's; NULL for "off". False with one line in message.
bool access_file_open(const char *where, struct access_file **file, char *message,
                      size_t message_size);

// NULL is allowed. The last release closes it.
struct access_file *access_file_hold(struct access_file *file);
void access_file_release(struct access_file *file);
