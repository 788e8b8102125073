// How a log comes to life: recovery's findings become streams, producers, runs and segments.
// Part of struct log (core.h); the main thread, before the loop runs.
#ifndef RINGCAST_LOG_OPEN_H
#define RINGCAST_LOG_OPEN_H

#include "log/log.h"

#include <stddef.h>

// Reads the directory into an initialised log and makes it ready to append. 0, or -errno with one
// line in message.
int open_recover(struct log *log, char *message, size_t message_size);

#endif
