// One question in the line protocol (ingest/line.h) over the broker's Unix socket, and its answer.
// One thread; blocks.
#ifndef RINGCAST_CLI_LINE_CLIENT_H
#define RINGCAST_CLI_LINE_CLIENT_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    LINE_CLIENT_WAIT_MS = 10 * 1000,         // for connecting, sending and the answer together
    LINE_CLIENT_ANSWER_BYTES_MAX = 64 << 20, // of the longest list
    LINE_CLIENT_MESSAGE_SIZE = 512,
};

// Connects, sends `request` (without a line end), and appends the answer's line without its end to
// `answer`. False with one line in message (LINE_CLIENT_MESSAGE_SIZE bytes): what failed, and what
// to do.
bool line_client_ask(const char *path, struct slice request, struct buffer *answer, char *message);

#endif
