// Reads the HTTP/1.1 answer to a request that is no subscription: bodies with a Content-Length,
// chunked, up to the end of the connection, or none (204, 304). Interim answers (100, 103) are
// passed over. One thread.
#ifndef RINGCAST_LOADGEN_ANSWER_H
#define RINGCAST_LOADGEN_ANSWER_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    ANSWER_TEXT_MAX = 120,
};

struct answer {
    llhttp_t parser;
    uint16_t status;                // valid once is_whole
    bool is_whole;                  // all of it has come
    bool is_last;                   // once is_whole: the server will close the connection
    bool has_begun;                 // some of it has come
    char text[ANSWER_TEXT_MAX + 1]; // the beginning of the body, with blanks for control characters
    size_t text_length;
};

// Makes it ready for the next answer. It must not be moved afterwards.
void answer_begin(struct answer *answer);

// Takes bytes, up to the end of the answer. Returns how many, or -EBADMSG when they are no HTTP.
ssize_t answer_feed(struct answer *answer, const uint8_t *at, size_t length);

// The connection has ended. Returns 0 when that completes the answer, else -ECONNRESET.
int answer_end(struct answer *answer);

#endif
