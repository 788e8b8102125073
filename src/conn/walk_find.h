// Where a walk's next bytes stand: in the window, in an answer of the log, in memory or on disk.
// For the files of the walk alone.
#pragma once

#include "conn/walk.h"

// A stream's next run after `from`, as found.
struct walk_found {
    const struct log_run *run;
    uint64_t from;           // no event of the stream stands between the cursor and here
    struct history *history; // that holds the run; NULL: the window does
};

// Finds the next run of the connection's stream `index`.
enum walk_result walk_find_run(struct walk *walk, uint32_t index, struct walk_found *found);
// The same by the log's answers alone. WALK_CAUGHT_UP: there is none up to found->from.
enum walk_result walk_find_in_history(struct walk *walk, uint32_t index, struct walk_found *found);

// Whether no event of the run can be too large for the connection.
bool walk_is_within_limit(const struct walk *walk, const struct log_run *run);
// Whether of a run on disk its frames are read by themselves, without the rest of the block.
bool walk_is_frames_alone(const struct walk *walk, const struct log_run *run);

// The block's bytes, from the tail or the cache of cold blocks.
enum cold_result walk_open_block(struct walk *walk, const struct log_run *run,
                                 const uint8_t **block);
// The frames of one of which walk_is_frames_alone; more of its stream is read ahead.
enum cold_result walk_open_frames(const struct walk *walk, const struct walk_found *found,
                                  const uint8_t **frames);

// The position a run names is no longer good: what we know of the stream is asked anew.
void walk_forget_positions(struct walk *walk, uint32_t index);
// The disk lost a run, or what is left of it after found->from.
enum walk_result walk_tell_lost(struct walk *walk, uint32_t index, const struct walk_found *found);
