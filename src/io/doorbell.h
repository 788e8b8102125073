// How a sleeping loop is woken: by MSG_RING from another loop, else by its eventfd. The loop's own
// part of the protocol is in loop.c, beside its sleep. Producers call loop_post and loop_wake.
#ifndef RINGCAST_IO_DOORBELL_H
#define RINGCAST_IO_DOORBELL_H

#include "io/loop.h"

// Op numbers of the loop's own, from LOOP_OPS up.
enum {
    DOORBELL_OP_RUNG = 255,  // a doorbell arrived by MSG_RING: it has done its work by waking us
    DOORBELL_OP_SENT = 254,  // a doorbell that we sent failed; slot: the target's eventfd
    DOORBELL_OP_EVENT = 253, // our eventfd was written
    LOOP_OP_WATCH = 252,     // another ring has completions (watch.c)
    LOOP_OP_IGNORED = 251,
};

// Opens the loop's eventfd and sets the handlers of the ops above. Returns 0 or -errno.
int doorbell_open(struct loop *loop);

// Once, when the loop starts, on its thread: has ring 0 report writes to the eventfd.
void doorbell_watch(struct loop *loop);

void doorbell_close(struct loop *loop);

#endif
