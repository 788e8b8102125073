// Group commit: one fdatasync at a time covers all that was written when it was submitted.
#include "base/assert.h"
#include "base/clock.h"
#include "log/core.h"

// The segment that holds the first unsynced block, or NULL where all is synced.
static const struct segment *first_unsynced(const struct log *log)
{
    const struct chain *chain = &log->chain;
    const struct segment *found = NULL;
    for (uint32_t i = chain->count; i-- > 0;) {
        const struct segment *segment = chain->list[i];
        if (segment->facts.last_id > log->writer.synced.id) {
            found = segment;
        } else if (segment->facts.last_id != 0) {
            break;
        }
    }
    return found;
}

static bool is_due(const struct log *log)
{
    const struct writer *writer = &log->writer;
    uint64_t unsynced = writer->handed.bytes - writer->synced.bytes;
    if (unsynced == 0) {
        return false;
    }
    return acks_wait_id(&log->synced_acks) > writer->synced.id ||
           writer->sync_wish_id > writer->synced.id || log->draining || writer->wants_room ||
           unsynced >= WRITER_UNSYNCED_BYTES || unsynced >= log->unsynced_bytes_max / 2 ||
           log->now_ms - writer->unsynced_since_ms >= WRITER_UNSYNCED_MS;
}

void writer_sync_due(struct log *log)
{
    struct writer *writer = &log->writer;
    if (writer->sync_inflight || fault_is_on(log) || !is_due(log)) {
        return;
    }
    const struct segment *segment = first_unsynced(log);
    ASSERT(segment != NULL);
    // Where the log has rolled on, the former segment first, so that what is synced stays a prefix.
    writer->sync_target = writer->handed;
    if (segment->facts.last_id < writer->handed.id) {
        writer->sync_target.position = segment->facts.end_position;
        writer->sync_target.id = segment->facts.last_id;
        writer->sync_target.last_position = segment->facts.last_position;
        writer->sync_target.bytes = segment->end_bytes;
    }
    writer->sync_inflight = true;
    writer->sync_began_ns = clock_monotonic_ns();
    writer->sync_from_ns = writer->unsynced_from_ns;
    writer->unsynced_from_ns = writer->sync_began_ns; // of what is left, or comes: at the earliest
    disk_submit_sync(log->disk, segment->file, tag_make(TAG_SYNC, 0));
}

void writer_sync_done(struct log *log, int64_t result)
{
    struct writer *writer = &log->writer;
    ASSERT(writer->sync_inflight);
    writer->sync_inflight = false;
    log->counts.syncs++;
    if (result < 0) {
        log->counts.sync_failures++;
        fault_begin(log, "fdatasync", (int)result);
        return;
    }
    uint64_t now_ns = clock_monotonic_ns();
    distribution_add(&log->counts.sync_ns, now_ns - writer->sync_began_ns, 1);
    distribution_add(&log->counts.unsynced_ns, now_ns - writer->sync_from_ns, 1);
    writer->synced = writer->sync_target;
    writer->unsynced_since_ms = log->now_ms;
}

uint64_t writer_next_ms(const struct log *log)
{
    const struct writer *writer = &log->writer;
    if (writer->sync_inflight || writer->handed.bytes == writer->synced.bytes) {
        return UINT64_MAX;
    }
    uint64_t due = writer->unsynced_since_ms + WRITER_UNSYNCED_MS;
    return due > log->now_ms ? due - log->now_ms : 0;
}
