// A segment: one file of the log. SEGMENT_HEADER_BYTES of header, then blocks (block.h), back to
// back.
//
//     offset  size
//          0     8  magic "RCSEGMT1"
//          8     4  CRC-32C of bytes [12, 80)
//         12     4  format version
//         16     8  salt of this life of the file
//         24     8  segment number, from 1
//         32     8  segment_bytes: a power of two, the same in all segments of a log
//         40     8  first id that may stand here
//         48     8  previous_end
//         56     8  time of creation, Unix milliseconds
//         64     4  flags (SEGMENT_*)
//         68    12  zero
//         80        zeros up to SEGMENT_HEADER_BYTES
//
// previous_end. 0 in a segment that was rolled to: what stands before it counts as far as it is
// valid. Otherwise the log position where the log validly ended when this segment was begun after a
// recovery or a failed write or sync: everything at or above it in segments of lower numbers is
// abandoned and never comes to life again, whatever it looks like.
//
// SEGMENT_PENDING. A segment made ready to rewrite the unsynced blocks of the former one. Recovery
// passes over it, since until all of them are rewritten and synced the old copies are the log. The
// flag is cleared by writing the header again, in place (it lies within one sector), and syncing
// it.
//
// All numbers little-endian. Position arithmetic: position = number * segment_bytes + offset. 0 is
// no position.
#ifndef RINGCAST_LOG_SEGMENT_H
#define RINGCAST_LOG_SEGMENT_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    // Of segment headers, meta and checkpoint alike. 2: ends of streams, owners, content types. All
    // of version 1 is read as it stands; a ringcast that knows no more than that leaves the
    // directory alone from the first start on that wrote version 2.
    LOG_FORMAT_VERSION = 2,
    SEGMENT_HEADER_BYTES = 4096,
    SEGMENT_NAME_BYTES = sizeof "segment-0123456789abcdef.log", // with its NUL
};

#define SEGMENT_BYTES_MIN (UINT64_C(1) << 14)
#define SEGMENT_BYTES_MAX (UINT64_C(1) << 32)
// Keeps number * segment_bytes within 64 bits. At 1 GB/s and 16 KiB a segment this lasts for 500
// years.
#define SEGMENT_NUMBER_MAX (UINT64_C(1) << 31)

static inline bool log_format_is_known(uint32_t version)
{
    return version >= 1 && version <= LOG_FORMAT_VERSION;
}

enum {
    SEGMENT_PENDING = 1,
};

struct segment_header {
    uint64_t salt;
    uint64_t number;
    uint64_t segment_bytes;
    uint64_t first_id;
    uint64_t previous_end;
    uint64_t created_ms;
    uint32_t flags;
};

enum segment_verdict {
    SEGMENT_VALID,
    SEGMENT_CORRUPT,         // no magic, CRC, or values out of their bounds
    SEGMENT_UNKNOWN_VERSION, // a ringcast of another format: not to be touched
};

// Writes all SEGMENT_HEADER_BYTES. The values are within bounds (asserted).
void segment_header_encode(const struct segment_header *header, uint8_t into[SEGMENT_HEADER_BYTES]);
// Safe on hostile bytes; fewer than SEGMENT_HEADER_BYTES are corrupt.
enum segment_verdict segment_header_decode(struct slice bytes, struct segment_header *header);

// "segment-%016llx.log".
void segment_name(uint64_t number, char into[SEGMENT_NAME_BYTES]);
// The number of a name exactly as segment_name writes it, 1 to SEGMENT_NUMBER_MAX; otherwise false.
bool segment_name_parse(const char *name, uint64_t *number);
// Whether segment_bytes is a power of two within SEGMENT_BYTES_MIN and SEGMENT_BYTES_MAX.
bool segment_bytes_are_valid(uint64_t segment_bytes);

static inline uint64_t segment_position(uint64_t number, uint64_t segment_bytes, uint64_t offset)
{
    return number * segment_bytes + offset;
}
static inline uint64_t segment_number_of(uint64_t position, uint64_t segment_bytes)
{
    return position / segment_bytes;
}
static inline uint64_t segment_offset_of(uint64_t position, uint64_t segment_bytes)
{
    return position & (segment_bytes - 1);
}
// Where a segment's first block stands.
static inline uint64_t segment_first_position(uint64_t number, uint64_t segment_bytes)
{
    return segment_position(number, segment_bytes, SEGMENT_HEADER_BYTES);
}

#endif
