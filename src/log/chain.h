// The segments that the log keeps, in order. One thread.
#ifndef RINGCAST_LOG_CHAIN_H
#define RINGCAST_LOG_CHAIN_H

#include "log/checkpoint.h"
#include "log/seal.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    // Each one costs a descriptor. Retention drops the oldest beyond it, which only a log that is
    // restarted
    // thousands of times within its retention meets.
    SEGMENTS_MAX = 4096,
    // Marks of time in one segment: that many blocks' neighbourhoods can be told apart by time.
    SEGMENT_MARKS_MAX = 1024,
};

enum segment_state {
    SEGMENT_ACTIVE, // blocks are appended to it
    SEGMENT_ROLLED, // full, or ended early; its runs are in memory
    SEGMENT_SEALED, // its index is on disk, its head in memory
};

struct segment {
    enum segment_state state;
    int file;
    struct checkpoint_segment facts; // end_position, last_position and last_id: of closed blocks
    struct seal_head head;           // where sealed
    struct seal_mark *marks;         // where not sealed
    uint32_t mark_count;
    uint64_t end_bytes; // struct log_point.bytes behind its last closed block
    bool index_is_bad;  // told once
};

struct chain {
    struct segment *list[SEGMENTS_MAX]; // ascending by number
    uint32_t count;
    uint64_t segment_bytes;
};

// A segment of this number, without blocks. NULL without memory. Not in a chain yet.
struct segment *segment_make(const struct chain *chain, uint64_t number, uint64_t salt, int file);
// Frees the memory; the file stays open.
void segment_destroy(struct segment *segment);

static inline bool chain_is_full(const struct chain *chain)
{
    return chain->count == SEGMENTS_MAX;
}
// Adds it in its place.
void chain_add(struct chain *chain, struct segment *segment);
// Takes it out (it is there; asserted).
void chain_remove(struct chain *chain, const struct segment *segment);
// The segment whose number position has, or NULL.
struct segment *chain_at(const struct chain *chain, uint64_t position);
// The index of the first segment whose number is >= number; count if there is none.
uint32_t chain_from(const struct chain *chain, uint64_t number);
static inline struct segment *chain_newest(const struct chain *chain)
{
    return chain->count == 0 ? NULL : chain->list[chain->count - 1];
}

// Takes a block into the segment's facts and marks.
void segment_note_block(struct segment *segment, uint64_t segment_bytes, uint64_t position,
                        const struct block_header *header);
// Ends it at `cut`: blocks from there on do not count. last_id, last_position: of the last block
// before it.
void segment_cut(struct segment *segment, uint64_t cut, uint64_t last_id, uint64_t last_position);
// The mark to start from for events at or after time_ms: the last one before it, or NULL.
const struct seal_mark *segment_mark_before(const struct segment *segment, uint64_t time_ms);
// Its head is loaded: it is sealed, and needs its marks in memory no more.
void segment_set_sealed(struct segment *segment);
// Bytes of the file in use, index included.
uint64_t segment_used_bytes(const struct segment *segment, uint64_t segment_bytes);

#endif
