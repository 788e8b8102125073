// The POST that publishes one event: its parts, made anew for each one. One thread.
#ifndef RINGCAST_LOADGEN_POST_REQUEST_H
#define RINGCAST_LOADGEN_POST_REQUEST_H

#include "options.h"
#include "target.h"

#include "base/bytes.h"

#include <stddef.h>
#include <stdint.h>

struct post_request {
    const struct options *options; // borrowed
    struct target target;
    struct buffer fields; // of every request, from its version on
    struct buffer head;   // of the request made last
    struct buffer body;
};

// For options->publish. Returns 0 or -errno, with a line in `error` (TARGET_ERROR_SIZE bytes are
// enough). post_request_close after a failure too.
int post_request_open(struct post_request *request, const struct options *options, char *error,
                      size_t error_size);
// Does nothing on zeroed memory.
void post_request_close(struct post_request *request);

// Makes head and body for an event of stream `number`. Returns 0, or -ENOBUFS: it is too long.
int post_request_make(struct post_request *request, uint32_t number, struct slice data);

#endif
