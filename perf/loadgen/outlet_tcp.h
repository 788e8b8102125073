// The connection of outlets that speak a protocol of lines over plain TCP. What is sent is sent
// while answers are taken, so that neither side ends up waiting for the other.
#ifndef RINGCAST_LOADGEN_OUTLET_TCP_H
#define RINGCAST_LOADGEN_OUTLET_TCP_H

#include "lines.h"
#include "outlet.h"

#include "base/bytes.h"

#include <stdint.h>

// The outlet's state.
struct outlet_tcp {
    int fd;
    uint64_t unanswered; // counted by the protocol; what outlet_tcp_flush waits for
    struct buffer out;   // to be sent
    struct lines lines;
    // A line that the server sent. Returns 0 or -errno with a line in outlet->error. May append to
    // `out`.
    int (*take_line)(struct outlet *outlet, struct slice line);
};

// Makes outlet->state and connects. `where` is HOST:PORT, `scheme` that of the server's URLs. All
// return 0 or -errno with a line in outlet->error; without success here there is no state.
int outlet_tcp_open(struct outlet *outlet, const char *scheme, const char *where,
                    int (*take_line)(struct outlet *outlet, struct slice line));

// Sends all of `out`.
int outlet_tcp_send(struct outlet *outlet);

// As in struct outlet_kind.
int outlet_tcp_idle(struct outlet *outlet);
int outlet_tcp_flush(struct outlet *outlet);
void outlet_tcp_close(struct outlet *outlet);

#endif
