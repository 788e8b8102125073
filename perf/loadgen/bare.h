// The bare server: the least that a fan-out can cost, to hold others against. A process of its own
// whose threads accept, read the request, answer the header, and from then on only call send() once
// for each connection and message: what is sent comes formatted from the publisher, over a
// socketpair to each thread. Listeners have the options that ringcast's have.
//
// A connection belongs to the stream whose number ends its request's path.
#ifndef RINGCAST_LOADGEN_BARE_H
#define RINGCAST_LOADGEN_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    BARE_THREADS_MAX = 64,
    BARE_MESSAGE_BYTES_MAX = 160 << 10, // fits the socketpair's buffer as one message
    BARE_HEADER_BYTES = 4, // of a message: the stream's number, in the machine's byte order
};

struct bare {
    pid_t pid;
    uint16_t port;
    uint32_t threads;
    int feeds[BARE_THREADS_MAX]; // SOCK_SEQPACKET; a message is the header and then frames
};

struct bare_config {
    uint32_t threads;
    uint32_t streams;
    uint32_t connections;
};

// Forks the server: before the caller has threads. Returns 0 or -errno with a line in `error`.
int bare_start(struct bare *bare, const struct bare_config *config, char *error, size_t error_size);

// Ends the process and waits for it.
void bare_stop(struct bare *bare);

// Has each thread send `frames` to its connections of `stream`. `message` has BARE_HEADER_BYTES in
// front of the frames, which are filled in here. Waits while a thread has too much to do. Returns 0
// or -errno.
int bare_send(struct bare *bare, uint32_t stream, uint8_t *message, size_t message_length);

#endif
