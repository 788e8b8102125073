// The log's most recent bytes in memory, and the table of its segments: the one thing that the log
// thread shares with its readers. The log thread writes, readers only read.
//
// A log position is segment_number * segment_bytes + offset in that segment's file; positions are
// never reused. The tail is one mapping of tail_bytes (a power of two) laid twice in a row, so that
// any span of up to tail_bytes that starts at log_tail_at(position) is contiguous.
//
// Reclaiming (architecture, "References are log positions"). The log announces a floor and an
// epoch; a reader adopts both with log_tail_enter at the start of each round, and uses nothing
// below that floor until its next enter; before it sleeps it says log_tail_leave. The log
// overwrites memory below a floor, and closes descriptors of removed segments, only after every
// reader has entered since, or is away. So a reader may use pointers from log_tail_at, and
// descriptors from log_tail_segment, until the end of its round, and never waits.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_tail;

struct log_tail *log_tail_create(uint64_t tail_bytes, uint64_t segment_bytes, unsigned readers);
void log_tail_destroy(struct log_tail *tail);

// Any thread. Valid for floor <= position < handed-out end, in the round of the enter that returned
// floor.
uint8_t *log_tail_at(const struct log_tail *tail, uint64_t position);

// Reader thread `reader` only. Returns the floor: positions at or above it may be read from memory
// in this round.
uint64_t log_tail_enter(struct log_tail *tail, unsigned reader);
void log_tail_leave(struct log_tail *tail, unsigned reader);

// Reader, between enter and leave: descriptor and salt of the segment that holds position (for cold
// reads: the read is to be checked with block_check against this salt). False when that segment is
// no longer kept.
bool log_tail_segment(const struct log_tail *tail, uint64_t position, int *fd, uint64_t *salt);
uint64_t log_tail_segment_offset(const struct log_tail *tail, uint64_t position);

// Reader: whether blocks were not delivered because its inbox was full. It then handles what its
// inbox holds and sends LOG_RESUME with the end of the last block it handled (once for each lap;
// cleared by the log when it resumes).
bool log_tail_is_lapped(const struct log_tail *tail, unsigned reader);
// The same, and which lap it is: 0 where it is not lapped. The log may resume and lap a reader
// again before that reader looks.
uint32_t log_tail_lap(const struct log_tail *tail, unsigned reader);

// Log thread only.
void log_tail_set_lapped(struct log_tail *tail, unsigned reader, bool lapped);
void log_tail_announce(struct log_tail *tail,
                       uint64_t floor); // raise the floor (also starts a new epoch)
uint64_t log_tail_confirmed(
    const struct log_tail *tail); // the lowest floor that some reader may still use
uint64_t log_tail_epoch_start(struct log_tail *tail); // a new epoch; returns its number
bool log_tail_epoch_passed(const struct log_tail *tail,
                           uint64_t epoch); // every reader entered since, or is away
void log_tail_segment_set(struct log_tail *tail, uint64_t segment_number, int fd, uint64_t salt);
void log_tail_segment_clear(struct log_tail *tail, uint64_t segment_number);
