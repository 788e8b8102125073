// Lines appended to a file through a loop's ring, by a thread that waits for nothing: lines gather
// in one buffer while the other is being written, and where both are full they are dropped and
// counted.
//
// The descriptor is open for appending. A regular file is written a buffer at a time; anything else
// (a pipe, a terminal, a socket) in pieces of whole lines of at most PIPE_BUF bytes, so that lines
// of several writers do not mix. What a failed write leaves is dropped and counted, and if that
// was within a line, the next write begins a new one. The loop's thread only.
#ifndef RINGCAST_IO_APPENDER_H
#define RINGCAST_IO_APPENDER_H

#include "io/loop.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    APPENDER_LINE_BYTES_MAX = PIPE_BUF,
    APPENDER_BUFFER_BYTES = 256 << 10,
};

struct appender_buffer {
    uint8_t *bytes; // the first is a line feed, which goes out where a line was torn
    uint32_t length;
    uint32_t written;
};

struct appender {
    struct loop *loop;
    uint8_t op;
    bool is_regular;
    bool is_writing; // the buffer that is not filled
    bool is_torn;    // what stands in the file ends within a line
    bool is_changing;
    int fd;      // -1: none
    int next_fd; // while is_changing
    unsigned filling;
    struct appender_buffer buffers[2];
    uint64_t lines_dropped;
};

// Without a file: nothing is allocated. Its writes complete as `op`.
void appender_init(struct appender *appender, struct loop *loop, uint8_t op);

// From now on lines go to `fd`, which is the appender's to close; -1: to none, once those that are
// gathered are written. False where there is no memory: then fd is closed, and nothing changes.
bool appender_set(struct appender *appender, int fd);

// Whether lines are wanted.
static inline bool appender_is_on(const struct appender *appender)
{
    return (appender->is_changing ? appender->next_fd : appender->fd) >= 0;
}

// Room for a line of up to APPENDER_LINE_BYTES_MAX bytes; NULL: there is none, and the line is
// counted as dropped. Then appender_commit, with how long it is, line feed and all.
uint8_t *appender_reserve(struct appender *appender);
void appender_commit(struct appender *appender, size_t length);

// Once a round: begins to write what was gathered, where nothing is being written.
void appender_flush(struct appender *appender);

// Whether all is written.
static inline bool appender_is_idle(const struct appender *appender)
{
    return !appender->is_writing && appender->buffers[appender->filling].length <= 1;
}

// After loop_free. Closes the file, written or not.
void appender_free(struct appender *appender);

#endif
