// Which bytes a connection is due: from its cursor, span by span, through windows, look-up answers
// and blocks, in memory or from disk. Sending, and finding out how far a short send came, walk the
// same way and see the same bytes.
#pragma once

#include "conn/shard.h"
#include "flow/overflow.h"
#include "log/block.h"

struct span {
    const uint8_t *at;
    uint32_t length;
    uint32_t count;               // events
    uint64_t last_id;             // the cursor after it
    enum event_priority priority; // of a single frame
    bool is_oversize;             // a notice in the place of an event
};

enum walk_result {
    WALK_SPAN,
    WALK_CAUGHT_UP,
    WALK_END,    // of the part that it is kept to: nothing is due up to end_id
    WALK_WAIT,   // the connection was made to wait: it becomes ready again
    WALK_GAP,    // events of streams[gap_stream] after `cursor` up to and with gap_to are gone
    WALK_FULL,   // the batch must be flushed first (renditions), or the round's share of looking is
                 // used up: the walk goes on from its cursor
    WALK_FAILED, // cannot be served: close it
};

// One stream's part in the block that is being walked.
struct walk_part {
    uint64_t from;         // ids above it
    uint32_t stream_index; // in the block
};

struct walk {
    struct shard *shard;
    struct conn *conn;
    uint64_t cursor;
    bool by_frame;             // spans are single frames
    bool by_record;            // with what their records say
    const struct grant *types; // events of other types are left out; NULL: none are
    enum rendition_form form;  // with CONN_ENVELOPE
    uint32_t event_bytes_max;  // larger events are told of by a notice; 0: no limit
    // Of a run that may be one span: beyond them it is taken frame by frame.
    uint32_t whole_events_max;
    uint32_t whole_bytes_max;
    bool is_mid_frame; // the first frame was sent in part: it is due whatever its time to live says
    uint64_t unix_ms;  // what has expired by then is passed over
    bool is_native;    // frames as the log has them, in whatever form the connection gets them
    uint64_t end_id;   // it goes no further; UINT64_MAX: to the newest
    struct overflow_cut cut; // left out
    uint64_t records_seen;   // how much work it was
    bool has_ended;          // some of the connection's streams have
    // How many events it has passed over, and may: then it is WALK_FULL at the end of a block.
    uint64_t passed;
    uint64_t passed_max;
    // WALK_GAP:
    uint32_t gap_stream;
    uint64_t gap_from;
    uint64_t gap_to;
    uint64_t gap_count; // 0: not known
    enum notice_reason gap_reason;
    // the block being walked record by record
    const uint8_t *block;
    const struct block_record *record, *record_end;
    uint64_t scan_to;
    // or the rest of one stream's frames, walked by their text
    struct slice frames;
    uint32_t part_count;
    struct walk_part parts[CONNECTION_STREAMS_MAX];
};

void walk_begin(struct walk *walk, struct shard *shard, struct conn *conn, bool by_frame);
// For a send: what it passes over is of the round's share of looking, which conn_walked takes.
void walk_begin_send(struct walk *walk, struct shard *shard, struct conn *conn, bool by_frame);
// A look at what stands after `from` up to end_id, frame by frame, without sending it.
void walk_begin_scan(struct walk *walk, struct shard *shard, struct conn *conn, uint64_t from,
                     uint64_t end_id);
enum walk_result walk_next(struct walk *walk, struct span *span);

// Where an id stands in one of the connection's streams.
struct walk_rank {
    uint64_t sequence;          // of the stream's last event up to and with the id
    const struct log_run *next; // the run with the first one after it; NULL: there is none. Good
                                // until the next look
};
// WALK_SPAN when it is known; else as walk_next.
enum walk_result walk_rank(struct walk *walk, uint32_t index, uint64_t id, struct walk_rank *rank);

// --- send.c ---
// How the walk for a send ended.
struct walk_end {
    enum walk_result result; // why it gave no more; WALK_SPAN: the send is full, or
    uint32_t held_bytes;     // its rate holds back a frame of so many; 0: not so
    bool has_load;           // it gave bytes, which are sent first
};
// Does what follows from it.
void conn_walked(struct shard *shard, struct conn *conn, const struct walk *walk,
                 const struct walk_end *end);
