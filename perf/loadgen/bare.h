// The bare server: the least that a fan-out can cost, to hold others against. A process of its own
// whose threads accept, read the request, answer the header, and from then on only call send() once
// for each connection and message: what is sent comes formatted from the publisher, over a
// socketpair to each thread. Listeners have the options that ringcast's have.
//
// A connection belongs to the stream whose number ends its request's path. Who comes back, with a
// Last-Event-ID, gets what was kept for the stream, in the same send as the header. With a file, a
// connection gets that file's bytes, read and sent piece by piece, and nothing else.
//
// Or it is the least that taking POSTs over kept-alive connections can cost: it reads them, and
// answers each with a fixed text.
#ifndef RINGCAST_LOADGEN_BARE_H
#define RINGCAST_LOADGEN_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    BARE_THREADS_MAX = 64,
    BARE_MESSAGE_BYTES_MAX = 160 << 10, // fits the socketpair's buffer as one message
};

// A message is a sequence of parts. Each thread sends a part's frames, as one send, to its
// connections of the stream.
enum bare_what {
    BARE_SEND, // to the stream's connections
    BARE_KEEP, // for those who come back to the stream
    BARE_CUT,  // no frames: forget all connections
    BARE_SYNC, // no frames: answer with a byte
};

struct bare_part {
    uint32_t what; // enum bare_what
    uint32_t stream;
    uint32_t length; // of the frames, which follow
};

struct bare {
    pid_t pid;
    uint16_t port;
    uint32_t threads;
    bool keeps;                  // what is published is for those who come back
    int feeds[BARE_THREADS_MAX]; // SOCK_SEQPACKET; a message is whole parts
};

struct bare_config {
    uint32_t threads;
    uint32_t streams;
    uint32_t connections;
    // A connection whose socket is full misses the frames, and is cut off when it took a part of
    // them; else the server waits for it.
    bool skips_full;
    const char *file; // NULL: none
    bool answers;     // requests that publish: each with 200, on connections that stay
};

// How many threads it takes to hold `connections` when each may have `files` open: `threads` of
// them, or more. BARE_THREADS_MAX may not be enough.
uint32_t bare_threads_needed(uint32_t threads, uint32_t connections, uint64_t files);

// Forks the server, with bare_threads_needed threads: before the caller has threads. Returns 0 or
// -errno with a line in `error`.
int bare_start(struct bare *bare, const struct bare_config *config, char *error, size_t error_size);

// Ends the process and waits for it.
void bare_stop(struct bare *bare);

// Passes a message to each thread. Waits while one has too much to do. Returns 0 or -errno.
int bare_send(struct bare *bare, const uint8_t *message, size_t message_length);

// Waits until the threads have done what they were passed. Returns 0 or -errno.
int bare_sync(struct bare *bare);

// Has it forget all connections, which must have been closed. Returns 0 or -errno.
int bare_cut(struct bare *bare);

#endif
