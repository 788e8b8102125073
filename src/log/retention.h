// What is too old goes: whole segments by the log's bytes and age; a stream's history by its own
// settings; streams that hold nothing and that nobody wants. A little each time. Part of struct log
// (core.h); the log thread.
#ifndef RINGCAST_LOG_RETENTION_H
#define RINGCAST_LOG_RETENTION_H

#include "log/block.h"
#include "log/chain.h"
#include "log/lookup.h"
#include "log/message.h"
#include "log/streams.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    RETENTION_EVERY_MS = 100,  // between slices
    RETENTION_SLICE = 4096,    // streams looked at in one
    RETENTION_PASS_MS = 1000,  // a stream's settings are looked at no more often
    RETENTION_PRODUCERS = 256, // idle producers forgotten in one
    RETENTION_RETIRED_MAX = 64,
};

// A segment that left the chain; its file goes when no reader uses it and no checkpoint names it.
struct retired {
    struct segment *segment;
    uint64_t epoch;
    uint64_t checkpoint; // gone from those above this number
};

struct retention {
    uint64_t next_ms;
    uint32_t next_slot;  // to be looked at for being forgotten
    uint32_t next_extra; // and for its settings
    uint64_t pass_at_ms;
    // The oldest segment on its way out: its index is read page by page, so that its streams learn
    // what they lose.
    struct segment *leaving;
    uint32_t page;
    uint32_t page_bytes; // read so far
    bool reading;
    bool lacks_pages;     // some could not be read
    uint8_t *page_buffer; // SEAL_PAGE_BYTES
    struct retired retired[RETENTION_RETIRED_MAX];
    uint32_t retired_count;
    uint64_t discarded_by; // the last record that discarded something
    // One look-up of its own at a time.
    bool is_looking;
    struct log_lookup request;
};

int retention_init(struct log *log); // 0 or -ENOMEM
void retention_free(struct log *log);

// Once a round. Returns whether there is more to do at once.
bool retention_round(struct log *log);
void retention_read_done(struct log *log, int64_t result);
uint64_t retention_next_ms(const struct log *log);

// The stream's history up to and with id (sequence) is gone: runs leave memory, readers are told.
void retention_discard(struct log *log, struct log_stream *stream, uint64_t id, uint64_t sequence);
// What a stream was set to.
void retention_take_settings(struct log *log, struct log_stream *stream,
                             const struct stream_settings *change, struct slice content_type);
// A record of the log, in log order, also of one that is being opened: settings, discards and ends
// take effect, and an event opens a deleted stream again. What it does not know is passed over.
void retention_take_record(struct log *log, struct log_stream *stream,
                           const struct block_record *record, struct slice extra);
// A segment that was taken out of the chain: readers find it no more, its file goes later.
void retention_retire(struct log *log, struct segment *segment);

#endif
