// The file `checkpoint`: everything that the log knows besides the blocks after a position, so that
// a start need not read them all. Replaced atomically.
//
//     offset  size
//          0     8  magic "RCCHKPT1"
//          8     4  CRC-32C of bytes [12, 128)
//         12     4  format version
//         16        struct checkpoint_head's numbers, counts, length and CRC-32C of the body
//        128        streams, producers, segments, in this order; each stream is followed by its
//                   name and, where it has any, its struct stream_flow
//
// The position may be fuzzy: entries may already reflect blocks after it (a checkpoint is written
// in slices while the log goes on). Whoever replays blocks over it takes an event only where its id
// is above the stream's last_id.
#ifndef RINGCAST_LOG_CHECKPOINT_H
#define RINGCAST_LOG_CHECKPOINT_H

#include "base/bytes.h"
#include "log/log.h"

#include <stdbool.h>
#include <stdint.h>

#define CHECKPOINT_NAME "checkpoint"

enum {
    CHECKPOINT_HEADER_BYTES = 128,
    CHECKPOINT_STREAM_BYTES_MAX = 120 + 256 + 48 + 256, // itself, name, the rest, content type
};

struct checkpoint_head {
    uint64_t position;      // every block before it is reflected here, and was synced
    uint64_t last_id;       // the highest id in those
    uint64_t last_position; // of the last block before `position`; 0: none
    uint64_t next_stream_number;
    uint64_t segment_bytes;
    uint64_t created_ms;
};

struct checkpoint_stream {
    uint64_t number;
    uint64_t last_id;
    uint64_t last_sequence;
    uint64_t discarded_id;
    uint64_t discarded_sequence;
    uint64_t last_time_ms;
    uint64_t cumulative_bytes;
    uint64_t cumulative_count;
    uint64_t discarded_bytes; // of the cumulative ones, those of events that are gone
    uint64_t discarded_count;
    struct stream_settings settings; // as read: with all parts
    struct slice content_type;       // empty: none
    enum stream_life life;
    bool is_made; // settings were set: it is there without events, too
    struct slice name;
};

struct checkpoint_producer {
    uint64_t stream_number;
    uint64_t producer_id;
    uint64_t producer_sequence; // the last one taken
    uint64_t id;                // of that event
    uint64_t sequence;
    uint64_t last_used_ms;
    uint32_t epoch;
    uint32_t zero;
};

struct checkpoint_segment {
    uint64_t number;
    uint64_t salt;
    uint64_t first_id; // of its events; 0: none
    uint64_t last_id;
    uint64_t first_time_ms;
    uint64_t last_time_ms;
    uint64_t end_position;  // where its last BLOCK_EVENTS ends
    uint64_t last_position; // where that begins; 0: none
    uint64_t index_offset;  // of its BLOCK_INDEX in the file; 0: not sealed
    uint32_t index_length;
    uint32_t zero;
};

// --- writing: begin, all streams, all producers, all segments, finish; in slices if need be ---

struct checkpoint_writer {
    struct buffer *out;
    uint64_t counts[3]; // of streams, producers, segments
    uint64_t streams_length;
    uint32_t body_crc;
};

// out: empty, the caller's; after finish it holds the whole file.
void checkpoint_begin(struct checkpoint_writer *writer, struct buffer *out,
                      const struct checkpoint_head *head);
void checkpoint_add_stream(struct checkpoint_writer *writer,
                           const struct checkpoint_stream *stream);
void checkpoint_add_producer(struct checkpoint_writer *writer,
                             const struct checkpoint_producer *producer);
void checkpoint_add_segment(struct checkpoint_writer *writer,
                            const struct checkpoint_segment *segment);
int checkpoint_finish(struct checkpoint_writer *writer); // 0, -ENOBUFS or -ENOMEM

// --- reading ---

enum checkpoint_verdict { CHECKPOINT_VALID, CHECKPOINT_CORRUPT, CHECKPOINT_UNKNOWN_VERSION };

struct checkpoint_reader {
    struct checkpoint_head head;
    uint64_t stream_count;
    uint64_t producer_count;
    uint64_t segment_count;
    struct slice streams; // what is left to be read of each
    struct slice producers;
    struct slice segments;
};

// Checks all of it, so that the functions below need not fail. bytes stay the caller's and are
// pointed into. Safe on hostile bytes. Segments ascend by number; stream numbers are unique by the
// writer's care, not checked.
enum checkpoint_verdict checkpoint_open(struct checkpoint_reader *reader, struct slice bytes);
// False at the end. Any order among the three.
bool checkpoint_next_stream(struct checkpoint_reader *reader, struct checkpoint_stream *stream);
bool checkpoint_next_producer(struct checkpoint_reader *reader,
                              struct checkpoint_producer *producer);
bool checkpoint_next_segment(struct checkpoint_reader *reader, struct checkpoint_segment *segment);

#endif
