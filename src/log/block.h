// The block: the unit of writing, of checking and of hand-out. A segment is a header and then
// blocks, back to back.
//
//     offset  size
//          0     4  magic "RCB1"
//          4     4  CRC-32C, seeded with the segment's salt folded to 32 bits, of bytes [8, length)
//          8     8  salt of the segment's present life
//         16     4  length of the whole block in bytes, a multiple of 8
//         20     2  kind (enum block_kind)
//         22     2  zero
//         24     8  first id
//         32     8  last id
//         40     8  synced_through: log position up to which all was synced when it was closed
//         48     8  time of the first record, Unix milliseconds
//         56     4  record count
//         60     4  stream count
//         64     4  frames_length
//         68     4  heap_offset: start of names and extras, from the block's start
//         72     8  position of the BLOCK_EVENTS before it, also across segments; 0: the first
//         80        frames, end to end, exactly as they are sent, each stream's side by side;
//                   padded with zeros to 8
//          …        records[record count], 56 bytes each (struct block_record)
//          …        streams[stream count], 64 bytes each (struct block_stream)
//          …        heap: stream names, attribute lists, raw payloads; padded with zeros to 8
//
// All numbers little-endian; the structs below are laid over the bytes (ringcast runs on
// little-endian Linux only, asserted at build). A block is valid when magic, salt, length, bounds
// and CRC hold and its first id is above the last id of the block before it. The first invalid
// block at or after synced_through is the end of the log; one before it is corruption: reported,
// skipped, told as a gap. previous_position chains the blocks, so that a segment that ended early
// is told from one that lost its last blocks, and bytes copied from elsewhere are not taken for a
// block.
//
// A BLOCK_INDEX has no records, streams, frames or heap; what it holds stands in seal.h. It is not
// bound by BLOCK_BYTES_MAX, its ids are the segment's first and last, its previous_position is that
// of the segment's last block.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
    BLOCK_HEADER_BYTES = 80,
    BLOCK_ALIGNMENT = 8,
    BLOCK_BYTES_MAX =
        4 << 20, // of a BLOCK_EVENTS: the largest frame (FRAME_BYTES_MAX) with its payload fits
    BLOCK_RECORDS_MAX = 4096,
};

#define BLOCK_MAGIC UINT32_C(0x31424352) // "RCB1"

enum block_kind {
    BLOCK_EVENTS = 1, // events and control records
    BLOCK_INDEX = 2,  // the sealed segment's index, after its last BLOCK_EVENTS
    // Left by `ringcast log repair` behind the last block before a gap (and behind the index that
    // may stand there): the ids first_id to last_id are lost, and that is known. Only a header.
    // previous_position: what the block behind the gap names as its own.
    BLOCK_GAP = 3,
};

enum record_kind {
    RECORD_EVENT = 0,
    RECORD_SETTINGS = 1, // stream settings (extra: see settings.h)
    RECORD_DISCARD = 2,  // the stream's history up to and with this record's id is gone
    // The stream's life is over (extra: see settings.h). Where it was deleted, that discards its
    // history and settings too, and the next event or settings make it anew.
    RECORD_END = 3,
};

struct block_header {
    uint32_t magic;
    uint32_t crc;
    uint64_t salt;
    uint32_t length;
    uint16_t kind;
    uint16_t zero;
    uint64_t first_id;
    uint64_t last_id;
    uint64_t synced_through;
    uint64_t time_ms;
    uint32_t record_count;
    uint32_t stream_count;
    uint32_t frames_length;
    uint32_t heap_offset;
    uint64_t previous_position;
};

struct block_record {
    uint64_t id;
    uint64_t sequence;
    uint64_t time_ms;
    uint32_t frame_offset;   // from the block's start
    uint32_t frame_length;   // 0 for control records
    uint32_t extra_offset;   // attribute list (ATTRIBUTE_TYPE first), then for RAW/BINARY forms the
                             // payload
    uint32_t extra_length;   // of the attribute list
    uint32_t payload_length; // of the raw payload that follows it; 0 for FRAME_FORM_TEXT
    uint32_t ttl_ms;
    uint16_t stream; // index into streams[]
    uint8_t kind;    // enum record_kind
    uint8_t priority;
    uint8_t form; // enum frame_form
    uint8_t zero[3];
};

enum {
    BLOCK_STREAM_CONTIGUOUS = 1, // its frames stand side by side: [frame_offset, frame_offset +
                                 // frame_bytes) is sendable as it is
    BLOCK_STREAM_HAS_TTL =
        2, // some event of it has a time to live: look at the records before sending
    BLOCK_STREAM_HAS_CONTROL = 4,
    BLOCK_STREAM_HAS_CRC = 8, // frames_crc is there: its frames may be read and sent by themselves
    BLOCK_STREAM_HAS_URGENT = 16, // some event of it is of priority critical or high
};

// Whether frames of a stream with these flags are sent as they stand, without a look at the
// records.
static inline bool block_stream_is_sendable(uint16_t flags)
{
    return (flags & (BLOCK_STREAM_CONTIGUOUS | BLOCK_STREAM_HAS_TTL)) == BLOCK_STREAM_CONTIGUOUS;
}

// One per distinct stream of the block: all that index, window and recovery need, without looking
// at records.
struct block_stream {
    uint64_t number;   // the stream's number: never reused
    uint64_t first_id; // of its events in this block
    uint64_t last_id;
    uint64_t first_sequence;
    uint64_t last_sequence;
    uint32_t frame_offset; // of its first frame, from the block's start
    uint32_t frame_bytes;  // sum of its frames
    uint32_t count;        // events (control records not counted)
    uint32_t name_offset;  // from the block's start
    uint16_t name_length;
    uint16_t flags;
    // CRC-32C of its frames (seed 0: they name their ids, so that no other bytes are taken for
    // them).
    uint32_t frames_crc;
};

_Static_assert(sizeof(struct block_header) == BLOCK_HEADER_BYTES, "on-disk format");
_Static_assert(sizeof(struct block_record) == 56, "on-disk format");
_Static_assert(sizeof(struct block_stream) == 64, "on-disk format");

static inline const struct block_header *block_header_of(const uint8_t *block)
{
    return (const struct block_header *)(const void *)block;
}
// Where the tables start; valid only for a block that block_check accepted (or that this process
// made).
const struct block_record *block_records(const uint8_t *block);
const struct block_stream *block_streams(const uint8_t *block);
// The type of an event's record; empty: it has none.
struct slice block_record_type(const uint8_t *block, const struct block_record *record);
static inline struct slice block_stream_name(const uint8_t *block,
                                             const struct block_stream *stream)
{
    return (struct slice){block + stream->name_offset, stream->name_length};
}

// Fills crc (last: everything else must be in place).
void block_seal(uint8_t *block);
// What block_seal stores, for a block whose header lies apart or that is produced in pieces: start
// with block_crc_begin(salt), go on with crc32c over the bytes from offset 8 on.
uint32_t block_crc_begin(uint64_t salt);

enum block_verdict {
    BLOCK_VALID,
    BLOCK_ABSENT,  // no magic or another life's salt: nothing was written here in this life
    BLOCK_CUT,     // length reaches beyond the available bytes
    BLOCK_CORRUPT, // this life's salt, but bounds or CRC are wrong
};
// Checks everything that a reader relies on, also every offset and length of every table entry, so
// that a valid block can be walked without further checks. available: bytes at block. Never reads
// beyond them. Safe on hostile bytes. block is aligned to BLOCK_ALIGNMENT (asserted), as all blocks
// in files are.
enum block_verdict block_check(const uint8_t *block, size_t available, uint64_t salt);
// As block_check, only of the first BLOCK_HEADER_BYTES (available at least): whether the header by
// itself is plausible. Without the CRC nothing is certain; used to learn the length before the rest
// is read.
enum block_verdict block_check_header(const uint8_t *block, uint64_t salt);
