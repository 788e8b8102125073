// Reads a log's directory at start: what stands in meta and checkpoint, which segments there are,
// and every valid block that the checkpoint does not make needless, in log order. Decides where the
// log ends. Changes nothing on disk: log_open and the tools act on what they learn here. Blocking;
// one thread.
//
// The rules, for a place p where a valid block should begin and none does (block.h says when a
// block is valid):
// - The next valid block names the one before it (previous_position). If that is the last one seen,
// nothing is missing:
//   a segment ended early.
// - Otherwise blocks are missing at p. If any later block, header or the checkpoint says that the
// log was synced beyond p,
//   that is corruption: reported, skipped, and the walk goes on with the next valid block.
// - Otherwise p is the end of the log. What follows was never acknowledged and does not count.
// The next valid block is searched for at every 8th byte, then in the segments that follow. Only
// blocks with the segment's salt, an intact CRC, a first id above the last one and a
// previous_position behind the last valid block are considered.
#ifndef RINGCAST_LOG_RECOVERY_H
#define RINGCAST_LOG_RECOVERY_H

#include "log/block.h"
#include "log/checkpoint.h"
#include "log/disk.h"
#include "log/meta.h"
#include "log/segment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum recovery_fault_kind {
    RECOVERY_FAULT_META,       // missing though there are segments, or corrupt
    RECOVERY_FAULT_CHECKPOINT, // missing though more than one segment stands, corrupt, or of
                               // another log
    RECOVERY_FAULT_HEADER,  // a segment's header is corrupt or contradicts its name: its events are
                            // lost
    RECOVERY_FAULT_MISSING, // the checkpoint names a segment that is not there or is another one
    RECOVERY_FAULT_BLOCKS,  // corrupt blocks: [offset, offset + length) of the file
    RECOVERY_FAULT_INDEX,   // a sealed segment's index is corrupt: rebuild it from the blocks
    RECOVERY_FAULT_READ,    // the disk could not be read there
    RECOVERY_TORN,          // no fault: the torn end of an unclean stop, cut off
};

struct recovery_fault {
    enum recovery_fault_kind kind;
    char file[32];
    uint64_t offset;
    uint64_t length;
    // Ids that may have been lost here: first_id to last_id, both included; both 0 where none.
    uint64_t first_id;
    uint64_t last_id;
    char text[160]; // one line for a person, without file and offset
};

struct recovery_segment {
    uint64_t number;
    uint64_t file_bytes;
    struct segment_header header;
    // Its salt is known: from the header or, where that is corrupt, from the checkpoint or its
    // first block.
    bool is_valid;
    bool is_salvaged; // valid, yet the header itself is not
    bool is_pending;  // SEGMENT_PENDING: holds nothing that counts, to be removed
    // Removed according to the checkpoint, yet its file is still there: to be removed.
    bool is_surplus;
    bool is_known; // sealed, and taken from the checkpoint: not read (until recovery_read_segment)
    bool expects_index; // the checkpoint says that it is sealed
    // Of its valid blocks. end_position is behind the last BLOCK_EVENTS; where the first block
    // would be, if there is none.
    uint64_t end_position;
    uint64_t last_position; // of the last BLOCK_EVENTS; 0: none
    uint64_t first_id;      // 0: none
    uint64_t last_id;
    uint64_t first_time_ms;
    uint64_t last_time_ms;
    uint64_t block_count;  // 0 where is_known
    uint64_t index_offset; // in the file; 0: none, or not valid
    uint32_t index_length;
};

// All called in log order; any may be NULL.
struct recovery_visitor {
    void *context;
    // For each segment but pending and surplus ones, and up to the end of the log.
    void (*segment_begin)(void *context, const struct recovery_segment *segment);
    // A valid BLOCK_EVENTS; the bytes live during the call. Blocks before the checkpoint's position
    // come too, where their segment has no valid index (its runs are to be built again).
    void (*block)(void *context, const struct recovery_segment *segment, uint64_t position,
                  const uint8_t *block);
    void (*segment_end)(void *context, const struct recovery_segment *segment);
    // Nothing is logged here: log_open logs it, the tools print it.
    void (*fault)(void *context, const struct recovery_fault *fault);
};

struct recovery {
    struct disk *disk;
    uint64_t segment_bytes; // as the disk has it; the caller's where the log is new
    bool is_new;            // an empty directory
    bool has_meta;
    struct log_meta meta;
    bool has_checkpoint;
    struct checkpoint_reader checkpoint; // for the caller to read; points into checkpoint_bytes
    uint8_t *checkpoint_bytes;
    size_t checkpoint_length;
    struct recovery_segment *segments; // ascending by number
    size_t segment_count;
    // After recovery_scan:
    uint64_t end_position;  // where the log ends: previous_end for the segment that is begun next
    uint64_t last_position; // of the last valid block, or the checkpoint's; 0: none
    uint64_t last_id;       // of the last valid block, or the checkpoint's
    uint64_t last_time_ms;
    uint64_t synced_through; // the highest that was found
    uint64_t next_segment;   // a number above every one ever seen
    uint64_t block_count;
    uint64_t fault_count; // RECOVERY_TORN not counted
    bool is_torn;         // there was a RECOVERY_TORN, or blocks were lost: see meta_start_of
    bool stop; // a visitor may set it: the walk then ends at once, and nothing above holds
    // within
    struct recovery_visitor visitor;
    struct recovery_window *window;
    unsigned flags;
    uint64_t unreadable_end; // behind the last stretch that could not be read
};

enum {
    // Read every block, as if there were no checkpoint (verify, repair).
    RECOVERY_WITHOUT_CHECKPOINT = 1,
    // What cannot be read is taken for corrupt. Otherwise a start fails with -EIO where it might
    // cut off what can be read the next time.
    RECOVERY_SKIP_UNREADABLE = 2,
};

// Lists the directory and reads meta, checkpoint and headers. segment_bytes: for a new log; an
// existing one keeps its own. 0, or -errno with one clear line in message: -EPROTONOSUPPORT for a
// format of another version, -EIO, -ENOMEM … Faults go to the visitor (copied), from here on. On
// failure nothing is left to free.
int recovery_begin(struct recovery *recovery, struct disk *disk, uint64_t segment_bytes,
                   unsigned flags, const struct recovery_visitor *visitor, char *message,
                   size_t message_size);
// Walks the blocks. 0 or -errno with a message.
int recovery_scan(struct recovery *recovery, char *message, size_t message_size);
// Visits the blocks of one segment (again): for one whose index turned out to be bad. Faults are
// reported. 0 or -errno.
int recovery_read_segment(struct recovery *recovery, size_t index,
                          const struct recovery_visitor *visitor);
void recovery_end(struct recovery *recovery); // frees; the checkpoint's slices are gone then

#endif
