// The connection of outlets that speak a protocol of lines over plain TCP. What is sent is sent
// while answers are taken, so that neither side ends up waiting for the other.
#ifndef RINGCAST_LOADGEN_OUTLET_TCP_H
#define RINGCAST_LOADGEN_OUTLET_TCP_H

#include "lines.h"
#include "outlet.h"

#include "base/bytes.h"

#include <stdint.h>

struct outlet_tcp {
    int fd;
    struct buffer out; // to be sent
    struct lines lines;
    // A line that the server sent. Returns 0 or -errno with a line in outlet->error. May append to
    // `out`.
    int (*take_line)(struct outlet *outlet, struct slice line);
};

// `where` is HOST:PORT, `scheme` that of the server's URLs. All return 0 or -errno with a line in
// outlet->error; outlet_tcp_free may be called after any of them.
int outlet_tcp_open(struct outlet *outlet, struct outlet_tcp *tcp, const char *scheme,
                    const char *where);

// Sends all of `out`.
int outlet_tcp_send(struct outlet *outlet, struct outlet_tcp *tcp);

// Takes the answers that are there, or waits until some are: -ETIMEDOUT.
int outlet_tcp_take(struct outlet *outlet, struct outlet_tcp *tcp, int wait_ms);

// Zeroed memory is allowed.
void outlet_tcp_free(struct outlet_tcp *tcp);

#endif
