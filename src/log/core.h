// The inside of struct log, shared by the files of src/log that make up the log thread's work:
// writer, sync, fault, roll, seal, keeper, handout, holdback, lookup, retention, open, log. Nobody
// else includes it.
#ifndef RINGCAST_LOG_CORE_H
#define RINGCAST_LOG_CORE_H

#include "log/acks.h"
#include "log/builder.h"
#include "log/chain.h"
#include "log/disk.h"
#include "log/fault.h"
#include "log/handout.h"
#include "log/holdback.h"
#include "log/index.h"
#include "log/keeper.h"
#include "log/log.h"
#include "log/lookup.h"
#include "log/owners.h"
#include "log/producers.h"
#include "log/retention.h"
#include "log/roll.h"
#include "log/sealing.h"
#include "log/segment.h"
#include "log/streams.h"
#include "log/writer.h"

// What a disk operation is for: the high half of its tag; the low half is the index of a block in
// flight, a look-up and so on.
enum tag_kind {
    TAG_BLOCK = 1,
    TAG_SYNC,
    TAG_PREPARE,
    TAG_META,
    TAG_CHECKPOINT,
    TAG_REMOVE,
    TAG_SEAL_WRITE,
    TAG_SEAL_SYNC,
    TAG_FAULT_WRITE,
    TAG_FAULT_SYNC,
    TAG_LOOKUP,
    TAG_RETIRE,
};
static inline uint64_t tag_make(enum tag_kind kind, uint32_t index)
{
    return ((uint64_t)kind << 32) | index;
}

struct log {
    struct log_options options;
    struct disk *disk;
    struct log_callbacks callbacks;
    struct log_tail *tail;

    struct streams streams;
    struct producers producers;
    struct owners owners;
    struct index index;
    struct chain chain;
    struct acks written_acks;
    struct acks synced_acks;

    struct writer writer;
    struct fault fault;
    struct roll roll;
    struct sealing sealing;
    struct keeper keeper;
    struct handout handout;
    struct lookups lookups;
    struct retention retention;
    struct holdbacks holdbacks;

    uint64_t next_id;
    uint64_t sequence_base; // a new stream's sequences begin above it
    uint64_t time_ms;       // of the events being appended: the wall clock, never going back
    uint64_t now_ms;        // as log_round was told
    uint64_t block_bytes_max;
    uint64_t unsynced_bytes_max;
    bool started;
    bool draining;
    struct log_status counts; // only its counters are used
};

// Nothing is closed after log_abandon.
static inline void log_close_file(const struct log *log, int file)
{
    if (log->disk != NULL) {
        disk_close_file(log->disk, file);
    }
}
// Sizes everything that hangs on the size of segments. Once, at start. 0 or -ENOMEM.
int log_set_segment_bytes(struct log *log, uint64_t segment_bytes);
// A new stream; NULL where streams_max is reached.
struct log_stream *log_make_stream(struct log *log, struct slice name);
// What readers are told of a stream; NULL: an unknown one.
void log_state_of(const struct log *log, const struct log_stream *stream,
                  struct log_stream_state *state);
// Retention's own RECORD_DISCARD. False where there is no room now.
bool log_append_discard(struct log *log, struct log_stream *stream);
// Reads the wall clock into time_ms.
void log_refresh_time(struct log *log);
// disk_attach's done function.
void log_disk_done(void *context, enum disk_operation operation, uint64_t tag, int64_t result);

#endif
