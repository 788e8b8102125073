// The limits of the process and the machine that ringcast runs against, looked at once before it
// starts.
#ifndef RINGCAST_APP_SYSTEM_LIMITS_H
#define RINGCAST_APP_SYSTEM_LIMITS_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    // Listeners, rings, log files, and a few to spare.
    SYSTEM_FILES_MIN = 128,
    // Kernel memory for one subscriber's socket that we ask for: little while it keeps up, tens of
    // KiB where it is stalled.
    SYSTEM_TCP_BYTES_PER_CONNECTION = 8 << 10,
    SYSTEM_MESSAGE_SIZE = 320,
};

// Raises the soft limit of open files to the hard one and returns it.
uint64_t system_limits_raise_files(void);

// Whether `limit` open files are enough to start. False with one line in message.
bool system_limits_check_files(uint64_t limit, char *message, size_t message_size);

// Compares net.ipv4.tcp_mem (`text`: three numbers of pages) with the connections allowed. False,
// with one line in message that says what to set, where the kernel would run short of socket
// memory. What cannot be read is taken for enough.
bool system_limits_check_tcp(struct slice text, uint64_t page_bytes, uint64_t connections_max,
                             char *message, size_t message_size);

// The same for this machine.
bool system_limits_check_machine(uint64_t connections_max, char *message, size_t message_size);

// Processors that this process may use, at least 1.
unsigned system_limits_cores(void);

#endif
