// Written blocks go to the readers that watch one of their streams; readers whose inbox is full are
// lapped and catch up later. Also announces the tail's floor. Part of struct log (core.h); the log
// thread.
#ifndef RINGCAST_LOG_HANDOUT_H
#define RINGCAST_LOG_HANDOUT_H

#include "log/block.h"
#include "log/log.h"
#include "log/streams.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HANDOUT_READERS_MAX = 64,
    // The blocks handed out last, for readers that catch up. Older ones are found by look-ups.
    HANDOUT_RECENT_MAX = 1 << 16,
    HANDOUT_RESENT_A_ROUND = 512,
};

struct inflight; // log/writer.h

struct handout_reader {
    bool lapped;      // not all blocks reached it
    bool catching_up; // lapped, and it asked to go on
    uint64_t next_id; // lapped: the first block not handed to it begins with this id
};

struct handout_recent {
    uint64_t position;
    uint64_t first_id;
    uint32_t length;
    uint32_t spare;
};

struct handout {
    struct handout_reader readers[HANDOUT_READERS_MAX];
    uint64_t catching_up;          // bit per reader
    struct handout_recent *recent; // ring
    uint64_t recent_head;
    uint64_t recent_tail;
    uint64_t floor; // as announced
};

int handout_init(struct log *log); // 0 or -ENOMEM
void handout_free(struct log *log);

// Takes a written block, which stands at `position`, into streams and index, and sends it to the
// readers of its streams.
void handout_block(struct log *log, const struct inflight *written, uint64_t position);
// A block that was handed out before now stands at `to`.
void handout_moved(struct log *log, uint64_t first_id, uint64_t to);
// LOG_RESUME.
void handout_resume(struct log *log, unsigned reader);
// Sends on to readers that catch up, a bounded number. Returns whether there is more.
bool handout_round(struct log *log);
// Raises the tail's floor where that is useful.
void handout_floor(struct log *log);
// Sends an answer, for which the reader keeps room.
void handout_answer(struct log *log, unsigned reader, const struct log_message *message);
// Tells the readers of a stream that its history is gone. Lapped readers are passed over: their
// next look-up says so.
void handout_discarded(struct log *log, const struct log_stream *stream);
// Tells the readers of a stream, which has an extra, its flow settings and its life. Those that are
// lapped or have a full inbox stay `untold`, and handout_changed_again tells them later.
void handout_changed(struct log *log, const struct log_stream *stream);
void handout_changed_again(struct log *log, const struct log_stream *stream);
// An ephemeral event, to the readers of its stream. 0 or -ENOMEM.
int handout_transient(struct log *log, const struct log_stream *stream, const struct event *event);

#endif
