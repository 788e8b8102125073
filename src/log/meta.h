// The file `meta`: how far ids are reserved, and whether the log was ended in good order. Replaced
// atomically.
//
//     offset  size
//          0     8  magic "RCMETA01"
//          8     4  CRC-32C of bytes [12, META_BYTES)
//         12     4  format version
//         16     8  segment_bytes of this log
//         24     8  id_limit: ids below it may have been given out
//         32     8  next_id: exact where clean, otherwise as it was at the start
//         40    16  boot id of the machine when this was written
//         56     4  1 where the log was ended in good order
//         60     4  zero
//         64     8  sequence_base
//         72        zeros
#ifndef RINGCAST_LOG_META_H
#define RINGCAST_LOG_META_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define META_NAME "meta"
// Ids are reserved by this many, and jump by as much after an unclean start on a new boot
// (sequences too).
#define META_RESERVE (UINT64_C(1) << 20)

enum { META_BYTES = 128 };

struct log_meta {
    uint64_t segment_bytes;
    uint64_t id_limit;
    uint64_t next_id;
    uint8_t boot_id[16];
    bool clean;
    // Raised by META_RESERVE at every unclean start on a new boot: a stream that such a start finds
    // no trace of may have given out sequences, so streams made later begin above it. 0 in a log
    // that never had one.
    uint64_t sequence_base;
};

enum meta_verdict { META_VALID, META_CORRUPT, META_UNKNOWN_VERSION };

void meta_encode(const struct log_meta *meta, uint8_t into[META_BYTES]);
enum meta_verdict meta_decode(struct slice bytes, struct log_meta *meta); // safe on hostile bytes

// How ids go on at a start.
struct meta_start {
    uint64_t next_id;       // the first id to give out
    uint64_t sequence_jump; // to be added to the last sequence of every stream: 0 or META_RESERVE
    uint64_t sequence_base; // for the next meta
};
// meta: NULL where it is missing or corrupt. last_id: of the last valid block or checkpoint; 0
// where there is none. is_new: nothing at all stands in the directory. is_torn: the log's end was
// torn or spoilt (recovery.is_torn, or it reported lost blocks): numbers may have been given out
// that left no trace, so that they jump also on the same boot.
struct meta_start meta_start_of(const struct log_meta *meta, const uint8_t boot_id[16],
                                uint64_t last_id, bool is_new, bool is_torn);

#endif
