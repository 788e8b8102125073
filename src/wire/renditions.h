// Renditions of events in other forms than the log's frames, made once per event by the worker that
// first needs them and shared by all of its connections: a ring of bytes, bounded, newest over
// oldest. One thread.
//
// A pointer from rendition_get is good until the next rendition_unpin; when new renditions would
// overwrite what was given out since then, rendition_get says so, and the caller first submits the
// sends that use them.
#pragma once

#include "base/bytes.h"
#include "log/block.h"

enum { RENDITION_SLOTS = 8192 };

enum rendition_form {
    RENDITION_ENVELOPE, // wire/envelope.h
    RENDITION_BATCH,    // a batch of one, wire/batch.h
    RENDITION_OVERSIZE, // a notice in its place; of a limit
};

struct rendition {
    uint64_t id;
    uint64_t at; // running offset
    uint32_t length;
    uint32_t limit;
    enum rendition_form form;
};

struct renditions {
    uint8_t *bytes; // NULL until first used
    uint64_t bytes_max;
    uint64_t head;    // running offset of the next byte
    uint64_t reached; // what was written to ends before here: a rendition may be shortened in place
    uint64_t pinned;  // what was written from here on may be in use
    uint64_t made;
    struct rendition slots[RENDITION_SLOTS];
};

enum rendition_result {
    RENDITION_READY,
    RENDITION_PINNED, // submit what was given out, call rendition_unpin, ask again
    RENDITION_FAILED, // larger than the ring, or no memory
};

// bytes_max: at least three of the largest renditions.
void renditions_init(struct renditions *renditions, uint64_t bytes_max);
void renditions_free(struct renditions *renditions);
// Forgets them all and gives the memory back until it is used again. Nothing given out is in use.
void renditions_give_back(struct renditions *renditions);
// limit: of RENDITION_OVERSIZE; else 0.
enum rendition_result rendition_get(struct renditions *renditions, const uint8_t *block,
                                    const struct block_record *record, enum rendition_form form,
                                    uint32_t limit, struct slice *frame);
static inline void rendition_unpin(struct renditions *renditions)
{
    renditions->pinned = renditions->head;
}
