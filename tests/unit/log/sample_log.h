// Makes blocks, segments, indexes, checkpoints and metas for tests, byte by byte and without the
// log's own writer.
#ifndef RINGCAST_TESTS_SAMPLE_LOG_H
#define RINGCAST_TESTS_SAMPLE_LOG_H

#include "base/bytes.h"
#include "log/block.h"
#include "log/checkpoint.h"
#include "log/meta.h"
#include "log/seal.h"
#include "log/segment.h"

#include <stdbool.h>
#include <stdint.h>

enum { SAMPLE_BLOCKS_MAX = 512, SAMPLE_STREAMS = 3, SAMPLE_SEGMENT_BYTES = 1 << 14 };

// One event each, or control records.
struct sample_event {
    uint64_t id;
    uint64_t sequence;
    unsigned stream; // number 1 to SAMPLE_STREAMS; its name is "stream/<number>"
    const char *data;
    bool is_control;
};

struct sample_block {
    uint64_t salt;
    uint64_t synced_through;
    uint64_t previous_position;
    uint64_t time_ms;
    const struct sample_event *events;
    uint32_t event_count;
};

// Appends the sealed block.
void sample_block_build(struct buffer *out, const struct sample_block *block);

// A log that grows block by block on the simulated disk. Files are written durably.
struct sample_log {
    uint64_t segment; // number of the present one
    uint64_t salt;
    uint64_t position; // where the next block goes
    uint64_t previous; // position of the last one
    uint64_t synced;   // goes into the next block
    uint64_t next_id;
    uint64_t sequences[SAMPLE_STREAMS + 1];
    struct buffer file;
    struct {
        uint64_t position;
        uint64_t first_id;
        uint64_t last_id;
        uint32_t length;
        uint64_t segment;
    } blocks[SAMPLE_BLOCKS_MAX];
    unsigned block_count;
};

// On a machine that was just reset. Makes meta (unclean, boot 1) and segment 1.
void sample_log_begin(struct sample_log *log);
void sample_log_free(struct sample_log *log);
// Appends a block of `count` events, `data_bytes` long each, of all streams in turn.
void sample_log_append(struct sample_log *log, uint32_t count, size_t data_bytes);
// The next segment; previous_end and flags go into its header.
void sample_log_roll(struct sample_log *log, uint64_t previous_end, uint32_t flags);
// Writes the present segment's index behind its last block; returns what a checkpoint says of it.
struct checkpoint_segment sample_log_seal(struct sample_log *log);
// What a checkpoint says of the present segment, unsealed.
struct checkpoint_segment sample_log_segment(const struct sample_log *log);
// Writes a checkpoint at the present end.
void sample_log_checkpoint(struct sample_log *log, const struct checkpoint_segment *segments,
                           unsigned count);
void sample_log_meta(uint64_t id_limit, uint64_t next_id, bool clean);
// The name and the offset of the place where block `index` begins.
const char *sample_log_place(const struct sample_log *log, unsigned index, uint64_t *offset);

#endif
