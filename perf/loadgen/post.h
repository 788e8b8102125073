// One kept-alive connection on which requests are written and their answers (2xx, or it fails)
// read, in order, at most `depth` of them unanswered. When the server ends the connection with an
// answer
// ("Connection: close"), what it has not answered is sent again over a new one. One thread.
#ifndef RINGCAST_LOADGEN_POST_H
#define RINGCAST_LOADGEN_POST_H

#include "answer.h"
#include "target.h"

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct post {
    const struct target *target; // borrowed
    char *error;                 // a line why a call failed; borrowed
    size_t error_size;
    int fd;                 // -1: not connected
    uint32_t opened;        // how many times it has connected
    struct buffer requests; // the unanswered ones, whole
    size_t sent_bytes;      // how far they have been sent
    uint32_t *lengths;      // of each, a ring of `depth`
    uint32_t depth;
    uint32_t first;
    uint32_t count;
    struct answer answer; // to the first
};

// Connects, which may block for some seconds. Every call here returns 0 or -errno with a line in
// `error`. It must not be moved afterwards. post_close after a failure too.
int post_open(struct post *post, const struct target *target, uint32_t depth, char *error,
              size_t error_size);

// Does nothing on zeroed memory.
void post_close(struct post *post);

// Whether another request has to wait for an answer.
bool post_is_full(const struct post *post);

// Takes over a request of `head` and `body`, to be sent by post_send. Not on a full one.
int post_append(struct post *post, struct slice head, struct slice body);

// Sends what the socket takes now.
int post_send(struct post *post);

static inline bool post_has_unsent(const struct post *post)
{
    return post->sent_bytes < buffer_length(&post->requests);
}

// Takes the answers that have come. Does not wait.
int post_receive(struct post *post);

#endif
