// Streams that block: their slowest reader's lag presses on their producers. Workers tell how far
// the slowest of their readers is (LOG_READ); here it becomes events and bytes behind the stream's
// end, and a stage, which whoever hosts the producers is told of: log_callbacks.pressure. The log
// itself takes every event that it is given.
//
// A reader that said nothing for HOLDBACK_SILENCE_MS holds nobody: it is stuck, and what it missed
// stays in the log for it. Part of struct log (core.h); the log thread.
#ifndef RINGCAST_LOG_HOLDBACK_H
#define RINGCAST_LOG_HOLDBACK_H

#include "base/list.h"
#include "log/handout.h"
#include "log/lag_marks.h"
#include "log/log.h"
#include "log/streams.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HOLDBACK_SILENCE_MS = 5000,
    HOLDBACK_EVERY_MS = 500, // between looks for silent readers
};

// Of a stream that blocks and is watched.
struct holdback {
    struct list_node node; // among holdbacks.pressed, unless its stage is LOG_PRESSURE_NONE
    uint32_t slot;         // of the stream
    enum log_pressure_stage stage;
    struct stream_flow flow; // that counts
    struct lag_marks marks;
    uint64_t read[]; // per reader of the log, how far its slowest reader is; LOG_READ_NONE
};

struct holdbacks {
    struct list pressed;
    uint64_t silent; // bit per reader
    uint64_t heard;  // the same: it said something since the last round
    uint64_t heard_ms[HANDOUT_READERS_MAX];
    uint64_t next_ms;
    bool is_choosing;     // for all streams anew, from here on:
    uint32_t next_choice; // in streams.extras
};

void holdbacks_init(struct log *log);
void holdbacks_free(struct log *log);

// The stream's flow settings or the readers that watch it have changed.
void holdback_choose(struct log *log, struct log_stream *stream);
// The flow settings that hold where a stream has none have changed: chooses for all in the rounds
// that follow.
void holdbacks_choose(struct log *log);
// An event was appended to a stream that is_held_back. bytes: of its frame.
void holdback_appended(struct log *log, const struct log_stream *stream, uint64_t id,
                       uint64_t bytes);
// LOG_READ.
void holdback_read(struct log *log, const struct log_message *message);
void holdback_round(struct log *log);
uint64_t holdback_next_ms(const struct log *log);

#endif
