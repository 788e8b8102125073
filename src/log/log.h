// The append log: the single writer. Numbers events, writes their frames into blocks, makes them
// durable, hands blocks to the readers that are interested, answers their look-ups, forgets what is
// too old. Everything here runs on the log thread, except log_open, log_recover and log_close (main
// thread, before and after the loop runs) and log_tail (shared).
//
// The log never waits: disk operations are asynchronous through log/disk.h, readers' inboxes that
// are full mark that reader lapped.
#pragma once

#include "base/distribution.h"
#include "event/event.h"
#include "log/message.h"
#include "log/settings.h"
#include "log/tail.h"

struct log;
struct disk;
struct loop;
struct log_acknowledgement;

enum { LOG_STREAMS_KEPT_SHARE = 8 }; // of streams_max, for those who publish

struct log_options {
    const char *directory;
    uint64_t segment_bytes;    // power of two; default 64 MiB
    uint64_t tail_bytes;       // power of two, at least 4 * BLOCK_BYTES_MAX; default 64 MiB
    uint64_t retention_bytes;  // default 1 GiB; whole segments
    uint64_t retention_age_ms; // default 24 h
    uint64_t stream_idle_ms;   // a stream with no events kept and idle this long is forgotten;
                               // default 24 h
    uint32_t streams_max;
    uint32_t streams_per_owner; // 0: no bound
    uint32_t producers_max;     // idempotency entries, least recently used go first
    struct stream_flow flow;    // of streams that do not say otherwise
    unsigned readers;
    uint32_t
        reader_reserve; // slots of a reader's inbox kept free for answers (its quota of requests)
    void (*progress)(void *context); // called by log_open as it gets on; or NULL
    void *progress_context;
};

// What of log_options may change while the log runs.
struct log_terms {
    uint64_t retention_bytes;
    uint64_t retention_age_ms;
    uint64_t stream_idle_ms;
    uint32_t streams_per_owner;
    struct stream_flow flow;
};

// How far the slowest reader of a stream that blocks is behind: below its threshold, from there on,
// at its limit.
enum log_pressure_stage { LOG_PRESSURE_NONE, LOG_PRESSURE_SLOW, LOG_PRESSURE_FULL };

struct log_pressure {
    struct slice name; // of the stream; the log's memory, valid during the call
    enum log_pressure_stage stage;
    uint32_t full_permille; // of the limit
    uint32_t wait_ms;       // how long an event is to be held at most
    uint64_t lag_events;
    uint64_t lag_bytes;
};

// How the log reaches the outside. All called on the log thread.
struct log_callbacks {
    void *context;
    // Push to a reader's inbox leaving `leaving` slots free; false when it is full.
    bool (*deliver)(void *context, unsigned reader, const struct log_message *message,
                    uint32_t leaving);
    // Wakes a reader that was just marked lapped (log_tail_is_lapped), so that it looks.
    void (*wake)(void *context, unsigned reader);
    // An accepted event reached its level, or failed (error != ERR_NONE; then id and sequence are
    // 0). Called in log order per level.
    void (*acknowledge)(void *context, const struct log_acknowledgement *acknowledgement);
    // Room again after log_append said LOG_APPEND_FULL.
    void (*room)(void *context);
    // A stream that blocks has entered a stage: at LOG_PRESSURE_FULL no more of its events are to
    // be appended. May be called from inside log_append and log_handle_message.
    void (*pressure)(void *context, const struct log_pressure *pressure);
};

struct log_acknowledgement {
    uint64_t producer; // both as given to log_append
    uint64_t reference;
    uint64_t id;
    uint64_t sequence;
    enum rc_error error;
    bool duplicate; // a repeat: id and sequence are the original's where still known, else 0
};

enum log_append_result {
    LOG_APPEND_TAKEN,   // an acknowledgement will come (for ACK_RECEIVED: it is already taken; no
                        // acknowledgement follows)
    LOG_APPEND_FULL,    // no room now: keep the event, stop reading, wait for room()
    LOG_APPEND_REFUSED, // *error says why
};

// Opens or creates the directory, locks it, recovers. Blocking. On failure returns NULL and one
// clear line in message.
struct log *log_open(const struct log_options *options, struct disk *disk, char *message,
                     size_t message_size);
// Both after log_open and before the loop runs, in this order. log_start gives the disk the loop on
// which its operations run.
void log_set_callbacks(struct log *log, const struct log_callbacks *callbacks);
void log_start(struct log *log, struct loop *loop);
struct log_tail *log_shared_tail(struct log *log);

// Goes by these from now on. Streams that have no flow settings of their own take another `flow`
// over bit by bit, in the rounds that follow, and their readers are told.
void log_set_terms(struct log *log, const struct log_terms *terms);

// The event is valid (event_validate). producer and reference come back at `level`; nothing comes
// back for ACK_RECEIVED. An ephemeral event is sent to who is there and acknowledged in the same
// round, with id 0.
enum log_append_result log_append(struct log *log, const struct event *event, enum ack_level level,
                                  uint64_t producer, uint64_t reference, enum rc_error *error);
// Whether log_append needs no room for the event: it is a repeat, or its producer's epoch is over.
bool log_knows(const struct log *log, const struct event *event);
// Control operations, acknowledged like events, with sequence 0.
//
// Makes the stream where it is not there; of the settings those in `parts` are set, the others stay
// (none: it is only made). content_type: empty: as it is. Refused with ERR_STREAM_CLOSED for an
// ended one, with ERR_RATE_LIMITED where its owner has as many streams as it may.
enum log_append_result log_set_stream(struct log *log, struct slice name,
                                      const struct stream_settings *settings,
                                      struct slice content_type, enum ack_level level,
                                      uint64_t producer, uint64_t reference, enum rc_error *error);
enum log_append_result log_discard_stream(struct log *log, struct slice name, enum ack_level level,
                                          uint64_t producer, uint64_t reference,
                                          enum rc_error *error);
// life: not STREAM_OPEN. From now on events of a closed or cancelled stream are refused with
// ERR_STREAM_CLOSED, but for repeats; a deleted one loses history and settings, and the next event
// or log_set_stream makes it anew. Its ids and sequences go on. One that has ended may still be
// deleted; the same end again is taken as a repeat, another one refused with ERR_STREAM_CLOSED
// (ERR_STREAM_NOT_FOUND for a deleted one, and where there is none).
enum log_append_result log_end_stream(struct log *log, struct slice name, enum stream_life life,
                                      enum ack_level level, uint64_t producer, uint64_t reference,
                                      enum rc_error *error);

// Whether it matters whose a stream is.
bool log_bounds_owners(const struct log *log);

// Of a stream that blocks and has readers; false for others.
bool log_stream_pressure(const struct log *log, struct slice name, struct log_pressure *pressure);

// A message from a reader (LOG_SUBSCRIBE .. LOG_READ).
void log_handle_message(struct log *log, const struct log_message *message);
// Once a round, after all input was taken: closes the open block, submits writes and syncs, bounded
// retention work. Returns true when there is more to do at once.
bool log_round(struct log *log, uint64_t now_ms);
// Milliseconds until log_round must run again even without input (retention, periodic sync, retry
// after a fault).
uint64_t log_next_ms(const struct log *log, uint64_t now_ms);

// Begins the end: no more appends; when everything is written and synced, log_is_drained is true.
void log_drain(struct log *log);
bool log_is_drained(const struct log *log);
// Writes the clean mark and checkpoint; frees everything. Blocking.
void log_close(struct log *log);
// Frees the memory and leaves the disk alone, as the end of the process would: for tests of
// crashes.
void log_abandon(struct log *log);

// How full what bounds appending is, in thousandths: bytes that are not synced, acknowledgements to
// come. Cheap.
uint32_t log_full_permille(const struct log *log);
// Whether anything is taken at all: there is no fault, and the end has not begun. Cheap.
bool log_is_writable(const struct log *log);

struct log_status {
    uint64_t streams, producers, segments;
    uint64_t first_id, last_id, next_position, written_position, synced_position, floor;
    uint64_t bytes_kept, events_appended, bytes_appended, blocks_written, syncs, sync_failures,
        write_failures;
    uint64_t unwritten_bytes, unsynced_bytes; // of closed blocks
    uint64_t laps, lookups, duplicates;
    uint64_t faults_at_start; // what recovery found wrong
    // Of each block: from its first event until it was written and handed out; how many events.
    struct distribution write_ns, block_events;
    // Of each sync: how long it took, and how long what it made safe had been handed out before.
    struct distribution sync_ns, unsynced_ns;
    struct distribution event_bytes; // data of each event
    bool writable;
    char fault[128]; // empty when none
};
void log_get_status(const struct log *log, struct log_status *status);
struct log_stream_info {
    struct slice name;
    struct log_stream_state state; // with its life
    uint64_t interest;             // bitmask of readers
    uint64_t last_time_ms;
    struct stream_settings settings; // 0 in them: as the broker is set
    struct slice content_type;       // empty: none is set; the log's memory, valid during the call
    // By all that was appended, which is ahead of `state`: somebody made it or published to it.
    // Else it was deleted, or subscribers wait for it (is_awaited).
    bool is_there;
    bool is_awaited;
};
// False where there is no such stream. Slices are valid until the log goes on.
bool log_find_stream(const struct log *log, struct slice name, struct log_stream_info *info);

enum { LOG_VISIT_LOOKS = 4096 }; // streams looked at in one call
// Calls visit for up to `most` streams whose name starts with prefix, in no particular order, from
// the place `after` on (0: the beginning). Returns the place to go on from, 0 at the end; also a
// call that visits none may have to be gone on from, since each looks at no more than
// LOG_VISIT_LOOKS.
uint64_t log_visit_streams(const struct log *log, struct slice prefix, uint64_t after,
                           uint32_t most,
                           void (*visit)(void *context, const struct log_stream_info *info),
                           void *context);
