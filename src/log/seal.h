// What a BLOCK_INDEX holds: the runs of a sealed segment, by stream, such that a look-up costs two
// reads of at most 4096 bytes, each checkable by itself. Behind the block header:
//
//     80   seal header, 64 bytes: magic "RCIX", crc of the head, segment number, chunk count, page
//     count, mark count,
//          offsets of pages and of the head
//     …    chunks: at most SEAL_CHUNK_RUNS runs of one stream (struct log_run), ascending; CRC in
//     the directory …    pages of SEAL_PAGE_BYTES: crc, count, then entries (struct seal_entry),
//     ascending by (number, first_id) …    head: one struct seal_fence per page (its first entry's
//     keys), then marks of time (struct seal_mark)
//
// The head is kept in memory (struct seal_head). CRCs are seeded like the block's. Stream names are
// not repeated here: they stand in the blocks and in the checkpoint. All offsets count from the
// block's start.
#ifndef RINGCAST_LOG_SEAL_H
#define RINGCAST_LOG_SEAL_H

#include "base/bytes.h"
#include "log/block.h"
#include "log/run.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SEAL_CHUNK_RUNS = 64, // 4096 bytes, and as many as an answer holds (LOG_LOOKUP_RUNS)
    SEAL_CHUNK_BYTES_MAX = SEAL_CHUNK_RUNS * 64,
    SEAL_PAGE_BYTES = 4096,
    SEAL_HEADER_BYTES = 64,
};

#define SEAL_MAGIC UINT32_C(0x58494352) // "RCIX"

struct seal_header {
    uint32_t magic;
    uint32_t head_crc; // of the rest of this header, then the head
    uint64_t segment_number;
    uint32_t chunk_count;
    uint32_t page_count;
    uint32_t mark_count;
    uint32_t pages_offset;
    uint32_t head_offset;
    uint32_t zero[7];
};

// 48 bytes: one chunk of one stream.
struct seal_entry {
    uint64_t number;   // the stream's
    uint64_t first_id; // of the chunk
    uint64_t last_id;
    uint64_t first_sequence;
    uint32_t runs_offset; // from the block's start
    uint32_t runs_crc;
    uint32_t event_count;    // in the chunk's runs together
    uint16_t run_count;      // 1 to SEAL_CHUNK_RUNS
    uint16_t last_in_stream; // 1: no further chunk of this stream in this segment
};

// 24 bytes: the keys of a directory page's first entry.
struct seal_fence {
    uint64_t number;
    uint64_t first_id;
    uint64_t first_sequence;
};

// 24 bytes. Ascending in all three; so that a time leads to a block nearby.
struct seal_mark {
    uint64_t time_ms;
    uint64_t first_id;
    uint64_t position;
};

_Static_assert(sizeof(struct log_run) == 64, "on-disk format");
_Static_assert(sizeof(struct seal_header) == SEAL_HEADER_BYTES, "on-disk format");
_Static_assert(sizeof(struct seal_entry) == 48, "on-disk format");
_Static_assert(sizeof(struct seal_fence) == 24, "on-disk format");
_Static_assert(sizeof(struct seal_mark) == 24, "on-disk format");

static inline const struct seal_header *seal_header_of(const uint8_t *block)
{
    return (const struct seal_header *)(const void *)(block + BLOCK_HEADER_BYTES);
}

// --- writing: streams in ascending number, each one's runs ascending by id ---

struct seal_writer {
    struct buffer *out; // the block, whole; its storage is aligned to 8
    struct buffer entries;
    uint64_t salt;
    uint64_t segment_number;
    uint64_t number;     // stream of the chunk being filled; 0: none
    uint64_t last_id;    // of the last run added to that stream
    size_t chunk_offset; // where the open chunk begins in out
    uint32_t chunk_runs;
    uint32_t chunk_events;
};

// out: empty, large enough a limit; the caller's. Can be worked on in slices: nothing is lost
// between calls.
void seal_begin(struct seal_writer *writer, struct buffer *out, uint64_t salt,
                uint64_t segment_number);
void seal_add_run(struct seal_writer *writer, uint64_t number, const struct log_run *run);
// marks: ascending. first_id, last_id: of the segment's events (0 where there are none).
// previous_position: of its last block. Completes the block, sealed, in out (a multiple of 8 long).
// 0, or -ENOBUFS/-ENOMEM. The writer is over either way.
int seal_finish(struct seal_writer *writer, const struct seal_mark *marks, uint32_t mark_count,
                uint64_t first_id, uint64_t last_id, uint64_t synced_through, uint64_t time_ms,
                uint64_t previous_position);
void seal_abandon(struct seal_writer *writer);

// --- reading ---

// What stays in memory of a sealed segment's index.
struct seal_head {
    uint64_t segment_number;
    uint64_t salt;
    uint32_t block_length;
    uint32_t pages_offset;
    uint32_t page_count;
    uint32_t chunk_count;
    uint32_t mark_count;
    struct seal_fence *fences; // one allocation holds fences and marks
    struct seal_mark *marks;
};

// The first step of loading a head: from the first BLOCK_HEADER_BYTES + SEAL_HEADER_BYTES of the
// index block, where the head stands. False where that is not a plausible index of this segment and
// life.
// start need not be aligned.
bool seal_head_find(struct slice start, uint64_t salt, uint64_t segment_number,
                    uint32_t *head_offset, uint32_t *head_length);
// The second: start as above, head the bytes it named. Allocates. 0, -EBADMSG where it is corrupt,
// or -ENOMEM.
int seal_head_load(struct seal_head *head, struct slice start, struct slice bytes, uint64_t salt,
                   uint64_t segment_number);
void seal_head_free(struct seal_head *head);

#define SEAL_PAGE_NONE UINT32_MAX
// The page to look at for the chunk with the stream's first event with id > id. Where
// seal_page_find_id finds none on it, the chunk can only be the first one of seal_page_after.
// SEAL_PAGE_NONE: the segment surely has none.
uint32_t seal_page_of_id(const struct seal_head *head, uint64_t number, uint64_t id);
// The same for the first event with sequence > sequence.
uint32_t seal_page_of_sequence(const struct seal_head *head, uint64_t number, uint64_t sequence);
// The page with the stream's last chunk of this segment, if there is one.
uint32_t seal_page_of_last(const struct seal_head *head, uint64_t number);
// The page after it where that begins with this stream, otherwise SEAL_PAGE_NONE.
uint32_t seal_page_after(const struct seal_head *head, uint32_t page, uint64_t number);
static inline uint64_t seal_page_offset(const struct seal_head *head, uint32_t page)
{
    return head->pages_offset + (uint64_t)page * SEAL_PAGE_BYTES;
}

// A directory page as read (SEAL_PAGE_BYTES, aligned to 8). False where it is corrupt. Must hold
// before the functions below.
bool seal_page_check(const uint8_t *page, uint64_t salt, uint32_t page_index);
uint32_t seal_page_count(const uint8_t *page);
const struct seal_entry *seal_page_entries(const uint8_t *page);
// Index of the stream's first entry with last_id > id. -1: this page has none. The chunk after an
// entry is the next entry or, at the page's end and where it is not last_in_stream, entry 0 of
// seal_page_after.
int seal_page_find_id(const uint8_t *page, uint64_t number, uint64_t id);
// Index of the stream's last entry with first_sequence <= sequence + 1, or of its first entry here.
// Its chunk may end at or before sequence: then go on with the chunk after it. -1: none here.
int seal_page_find_sequence(const uint8_t *page, uint64_t number, uint64_t sequence);
// Index of the stream's last entry here; -1: none.
int seal_page_find_last(const uint8_t *page, uint64_t number);

// A chunk as read from entry->runs_offset (aligned to 8): entry->run_count runs. False where it is
// corrupt.
bool seal_chunk_check(const uint8_t *chunk, const struct seal_entry *entry, uint64_t salt);
static inline size_t seal_chunk_bytes(const struct seal_entry *entry)
{
    return (size_t)entry->run_count * sizeof(struct log_run);
}

// The last mark before time_ms: every event with id < mark->first_id is older. NULL: the segment
// begins at or after it.
const struct seal_mark *seal_mark_before(const struct seal_head *head, uint64_t time_ms);

// --- checking whole (recovery, tools) ---

// A whole index block that block_check accepted: every page, entry, chunk and order. False, with
// words in fault, at the first thing that is wrong.
bool seal_check(const uint8_t *block, uint64_t segment_number, char *fault, size_t fault_size);
// Walks all runs of a block that seal_check accepted, in order. Start with zeroed position.
struct seal_walk {
    uint32_t page, entry, run;
};
bool seal_walk_next(const uint8_t *block, struct seal_walk *walk, uint64_t *number,
                    struct log_run *run);

#endif
