// What a start mends before the log goes on: writes that may not have reached the disk, indexes
// that cannot be used. Blocking; part of struct log (core.h).
#ifndef RINGCAST_LOG_OPEN_REPAIR_H
#define RINGCAST_LOG_OPEN_REPAIR_H

#include "log/chain.h"
#include "log/log.h"
#include "log/recovery.h"

#include <stddef.h>
#include <stdint.h>

// Writes again, and syncs, what of the segment is above synced_through, its header and its index.
// What the process before left in the page cache may never have reached the disk, also where a sync
// of it was said to have failed: the kernel then takes it for clean. Writing the same bytes leaves
// no doubt. 0 or -errno.
int open_sync_segment(const struct log *log, const struct segment *segment,
                      uint64_t synced_through);

// Reads the head of a sealed segment's index. 0 or -errno: it cannot be used.
int open_load_head(const struct log *log, struct segment *segment);

// Builds the index of a segment from its blocks, writes it and loads its head: the segment is
// sealed then. index: the segment's among recovery's. 0 or -errno.
int open_rebuild_index(struct log *log, struct recovery *recovery, size_t index,
                       struct segment *segment);

// The segment's runs are on disk: they leave memory, with those of the segments before it.
void open_drop_runs(struct log *log, const struct segment *segment);

#endif
