// Look-ups: where a stream's events stand. Each is a small state machine that is run again from its
// last step when a read has come back; whatever it needs is either in memory (runs, the tail, a
// page it read before) or read from disk and checked. Bounded: as many as the readers' quotas and
// one for retention. Part of struct log (core.h); the log thread.
#ifndef RINGCAST_LOG_LOOKUP_H
#define RINGCAST_LOG_LOOKUP_H

#include "base/list.h"
#include "base/pool.h"
#include "log/chain.h"
#include "log/message.h"
#include "log/seal.h"
#include "log/streams.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    LOOKUPS_A_ROUND = 256,  // steps taken a round
    LOOKUP_READS_MAX = 512, // reads under way at once; a share of DISK_IN_FLIGHT_MAX
    // LOG_FROM_* of the log's own: by bytes, for retention.
    LOOKUP_FROM_LAST_BYTES = 100,
};

enum lookup_goal {
    LOOKUP_FIND,       // the first event asked for, by run
    LOOKUP_FIND_EVENT, // the same, within the block of `target`
    LOOKUP_COLLECT,    // the runs behind start_id
};

enum lookup_outcome {
    LOOKUP_GO,   // take the next step
    LOOKUP_WAIT, // for a read
    LOOKUP_DONE,
};

enum lookup_buffer { LOOKUP_PAGE, LOOKUP_CHUNK, LOOKUP_BLOCK, LOOKUP_BUFFERS };

// Bytes read for a look-up.
struct lookup_read {
    uint64_t segment; // where from: number and offset; 0: nothing
    uint64_t offset;
    uint32_t length;
    uint32_t done; // bytes that have come
    bool is_checked;
};

struct lookup {
    struct list_node node;
    struct log_lookup *request;
    void (*done)(struct log *log, struct lookup *lookup); // retention's; NULL: answer the reader
    unsigned reader;
    enum lookup_goal goal;
    enum rc_error error;
    bool begun;
    bool looked_in_memory; // FIND
    bool reading;
    enum lookup_buffer reading_into;
    uint64_t value;     // sequence, time; or what is still missing of the last events or bytes
    uint64_t cursor;    // COLLECT: runs at or below it are done
    uint64_t candidate; // FIND: start_id unless something older is found
    uint64_t candidate_sequence; // of the last event at or below candidate
    uint64_t segment; // FIND: the sealed segment being searched; COLLECT: those below are done
    uint32_t page;    // of that segment, being looked at; SEAL_PAGE_NONE: not known yet
    uint32_t entry;   // FIND from the end: on that page
    struct log_run target;
    uint32_t low; // FIND by time: among the request's runs
    uint32_t high;
    uint32_t io_steps; // reads so far, which bound an answer
    struct lookup_read reads[LOOKUP_BUFFERS];
    uint8_t *pages; // page, then chunk; from the pool
};

struct lookups {
    struct pool pool;
    struct pool pages; // buffers of a page and a chunk, by the same index
    struct list runnable;
    struct list waiting_block; // for the one buffer for blocks
    struct lookup *block_user;
    uint32_t reading; // reads under way
    uint8_t *block;   // BLOCK_BYTES_MAX
};

int lookups_init(struct log *log); // 0 or -ENOMEM
void lookups_free(struct log *log);

// LOG_LOOKUP.
void lookup_begin(struct log *log, unsigned reader, struct log_lookup *request);
// Retention's own: finds start_id (no runs) and calls done. False where all are in use.
bool lookup_begin_own(struct log *log, struct log_lookup *request,
                      void (*done)(struct log *log, struct lookup *lookup));
void lookup_read_done(struct log *log, uint32_t index, int64_t result);
// Takes steps of those that can go on. Returns whether more could.
bool lookups_round(struct log *log);
bool lookups_are_idle(const struct log *log);

// --- for lookup_find.c and lookup_collect.c ---

// A page of a sealed segment, a chunk that it names, or a block: NULL where it must be read first
// (then LOOKUP_WAIT) or cannot be had (then lookup->error is set and LOOKUP_DONE).
const uint8_t *lookup_page(struct log *log, struct lookup *lookup, struct segment *segment,
                           uint32_t page);
const struct log_run *lookup_chunk(struct log *log, struct lookup *lookup, struct segment *segment,
                                   const struct seal_entry *entry);
const uint8_t *lookup_block(struct log *log, struct lookup *lookup, const struct log_run *run);
enum lookup_outcome lookup_pause(const struct lookup *lookup);
// The first event asked for comes right after start_id.
enum lookup_outcome lookup_found(struct lookup *lookup, const struct log_stream *stream,
                                 uint64_t start_id);
enum lookup_outcome lookup_find(struct log *log, struct lookup *lookup, struct log_stream *stream);
enum lookup_outcome lookup_find_event(struct log *log, struct lookup *lookup,
                                      const struct log_stream *stream);
enum lookup_outcome lookup_find_time(struct log *log, struct lookup *lookup,
                                     struct log_stream *stream);
enum lookup_outcome lookup_collect(struct log *log, struct lookup *lookup,
                                   const struct log_stream *stream);

#endif
