// How many TCP segments with data a socket has received: on loopback one for each send of the
// server, unless that had to wait for room. Any thread.
#ifndef RINGCAST_LOADGEN_SEGMENTS_H
#define RINGCAST_LOADGEN_SEGMENTS_H

#include <stdint.h>

// 0 where the kernel does not tell.
uint64_t segments_received(int fd);

#endif
