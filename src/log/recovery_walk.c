// The walk over the blocks (rules in recovery.h).
#include "log/recovery.h"

#include "base/assert.h"
#include "log/recovery_report.h"
#include "log/recovery_window.h"
#include "log/seal.h"

#include <errno.h>
#include <stdio.h>

// What has been accepted so far, and so what may come next.
struct walk {
    struct recovery *recovery;
    const struct recovery_visitor *visitor;
    uint64_t last_id;
    uint64_t expected; // previous_position that the next block must have; 0: any will do
    uint64_t end;      // behind the last accepted block; nothing is missing before it. 0: none yet
    bool ended;        // the end of the log was found
    bool is_unsure;    // it cannot be told, for want of being able to read
};

// A valid block that does not follow directly.
struct found {
    bool is_found;
    size_t index; // of its segment
    uint64_t position;
    uint64_t previous;
    uint64_t first_id;
    uint64_t last_id;
};

static uint64_t larger(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

static bool is_passed_over(const struct recovery_segment *segment)
{
    return !segment->is_valid || segment->is_pending || segment->is_surplus;
}

// Blocks of the segment end at or below this position.
static uint64_t limit_of(const struct recovery *recovery, size_t index)
{
    uint64_t limit =
        segment_position(recovery->segments[index].number + 1, recovery->segment_bytes, 0);
    for (size_t i = index + 1; i < recovery->segment_count; i++) {
        const struct recovery_segment *later = &recovery->segments[i];
        uint64_t end = is_passed_over(later) ? 0 : later->header.previous_end;
        if (end != 0 && end < limit) {
            limit = end;
        }
    }
    return limit;
}

static uint64_t first_of(const struct recovery *recovery, size_t index)
{
    return segment_first_position(recovery->segments[index].number, recovery->segment_bytes);
}

// At least `need` bytes of the segment from position on, or what the file has; 0 where there is
// nothing to be had.
static const uint8_t *bytes_at(struct recovery *recovery, size_t index, uint64_t position,
                               size_t need, size_t *available)
{
    const struct recovery_segment *segment = &recovery->segments[index];
    uint64_t offset = position - segment_position(segment->number, recovery->segment_bytes, 0);
    *available = 0;
    if (offset >= segment->file_bytes) {
        return NULL;
    }
    int64_t got;
    const uint8_t *bytes = recovery_window_at(recovery->window, segment->number,
                                              segment->file_bytes, offset, need, &got);
    if (bytes == NULL || got <= 0) {
        return NULL;
    }
    *available = (size_t)got;
    return bytes;
}

// What stands at position: the block itself where *verdict is BLOCK_VALID.
static const uint8_t *block_at(struct recovery *recovery, size_t index, uint64_t position,
                               enum block_verdict *verdict)
{
    uint64_t salt = recovery->segments[index].header.salt;
    size_t available;
    const uint8_t *block = bytes_at(recovery, index, position, BLOCK_HEADER_BYTES, &available);
    *verdict = block == NULL ? BLOCK_ABSENT : block_check(block, available, salt);
    if (*verdict != BLOCK_CUT || available < BLOCK_HEADER_BYTES) {
        return block;
    }
    // Cut by the window, perhaps, and not by the file's end.
    uint32_t length = block_header_of(block)->length;
    if (length > recovery->segments[index].file_bytes) {
        return block;
    }
    block = bytes_at(recovery, index, position, length, &available);
    *verdict = block == NULL ? BLOCK_ABSENT : block_check(block, available, salt);
    return block;
}

// A valid BLOCK_EVENTS at position that ends within limit and continues behind last_id, or NULL.
static const uint8_t *events_at(struct recovery *recovery, size_t index, uint64_t position,
                                uint64_t limit, uint64_t last_id)
{
    enum block_verdict verdict;
    const uint8_t *block = block_at(recovery, index, position, &verdict);
    if (block == NULL || verdict != BLOCK_VALID) {
        return NULL;
    }
    const struct block_header *header = block_header_of(block);
    bool continues = header->kind == BLOCK_EVENTS && header->first_id > last_id &&
                     header->synced_through <= position && limit - position >= header->length;
    return continues ? block : NULL;
}

static bool may_follow(const struct walk *walk, const struct block_header *header)
{
    return walk->expected == 0 || header->previous_position == walk->expected;
}

// --- looking for what comes after a gap ---

static struct found found_at(size_t index, uint64_t position, const uint8_t *block)
{
    const struct block_header *header = block_header_of(block);
    return (struct found){.is_found = true,
                          .index = index,
                          .position = position,
                          .previous = header->previous_position,
                          .first_id = header->first_id,
                          .last_id = header->last_id};
}

// Offset in bytes of the next place that begins like a block of this salt, or length.
static size_t find_header(const uint8_t *bytes, size_t length, uint64_t salt)
{
    for (size_t i = 0; i + BLOCK_HEADER_BYTES <= length; i += BLOCK_ALIGNMENT) {
        if (load_le32(bytes + i) == BLOCK_MAGIC && load_le64(bytes + i + 8) == salt) {
            return i;
        }
    }
    return length;
}

// The first block from `from` on, in this segment, that stands behind something that is missing.
static struct found find_in_segment(struct walk *walk, size_t index, uint64_t from)
{
    struct recovery *recovery = walk->recovery;
    uint64_t limit = limit_of(recovery, index);
    uint64_t salt = recovery->segments[index].header.salt;
    uint64_t position = from;
    while (position < limit) {
        size_t available;
        const uint8_t *bytes = bytes_at(recovery, index, position, BLOCK_HEADER_BYTES, &available);
        if (bytes == NULL || available < BLOCK_HEADER_BYTES) {
            break;
        }
        size_t skipped = find_header(bytes, available, salt);
        if (skipped == available) {
            // The last header's worth of bytes may begin one.
            position += (available - BLOCK_HEADER_BYTES) / BLOCK_ALIGNMENT * BLOCK_ALIGNMENT +
                        BLOCK_ALIGNMENT;
            continue;
        }
        position += skipped;
        const uint8_t *block =
            position >= limit ? NULL : events_at(recovery, index, position, limit, walk->last_id);
        if (block != NULL && block_header_of(block)->previous_position >= walk->end &&
            block_header_of(block)->previous_position < position) {
            return found_at(index, position, block);
        }
        position += BLOCK_ALIGNMENT;
    }
    return (struct found){.is_found = false};
}

// The next block that counts behind the gap at `position` of segment `index`.
static struct found find_next(struct walk *walk, size_t index, uint64_t position)
{
    struct recovery *recovery = walk->recovery;
    struct found found = find_in_segment(walk, index, position);
    for (size_t i = index + 1; i < recovery->segment_count && !found.is_found; i++) {
        uint64_t limit = limit_of(recovery, i);
        uint64_t first = first_of(recovery, i);
        if (is_passed_over(&recovery->segments[i]) || limit <= first) {
            continue;
        }
        const uint8_t *block = events_at(recovery, i, first, limit, walk->last_id);
        if (block != NULL && may_follow(walk, block_header_of(block))) {
            return found_at(i, first, block);
        }
        found = find_in_segment(walk, i, first);
    }
    return found;
}

// Whether the log is known to have been synced beyond walk->end.
static bool was_synced_beyond(const struct walk *walk)
{
    const struct recovery *recovery = walk->recovery;
    uint64_t synced = recovery->synced_through;
    if (synced <= walk->end) {
        return false;
    }
    // Ends of blocks are what is synced: the start of a later segment proves nothing.
    uint64_t number = segment_number_of(synced, recovery->segment_bytes);
    return number == segment_number_of(walk->end, recovery->segment_bytes) ||
           synced > segment_first_position(number, recovery->segment_bytes);
}

// Reads on from what was found, over further gaps, until something proves that the log was synced
// beyond the first.
static bool is_proven_synced(const struct walk *walk, struct found found)
{
    struct walk ahead = *walk;
    struct recovery *recovery = walk->recovery;
    while (found.is_found && !was_synced_beyond(walk)) {
        size_t index = found.index;
        uint64_t position = found.position;
        uint64_t limit = limit_of(recovery, index);
        ahead.expected = found.previous;
        const uint8_t *block;
        while (position < limit &&
               (block = events_at(recovery, index, position, limit, ahead.last_id)) != NULL &&
               may_follow(&ahead, block_header_of(block))) {
            const struct block_header *header = block_header_of(block);
            recovery->synced_through = larger(recovery->synced_through, header->synced_through);
            ahead.last_id = header->last_id;
            ahead.expected = position;
            position += header->length;
            ahead.end = position;
        }
        found = find_next(&ahead, index, position);
    }
    return was_synced_beyond(walk);
}

// --- the walk ---

static void report_lost(struct walk *walk, struct found found)
{
    struct recovery *recovery = walk->recovery;
    uint64_t number = segment_number_of(walk->end, recovery->segment_bytes);
    struct recovery_fault fault = recovery_segment_fault(
        RECOVERY_FAULT_BLOCKS, number, segment_offset_of(walk->end, recovery->segment_bytes));
    // A full segment's last block ends where the next segment begins, in numbers.
    uint64_t segment_end = segment_position(number + 1, recovery->segment_bytes, 0);
    uint64_t until = found.is_found ? found.position : recovery->synced_through;
    fault.length = (until < segment_end ? until : segment_end) - walk->end;
    uint64_t last = found.is_found             ? found.first_id - 1
                    : recovery->has_checkpoint ? recovery->checkpoint.head.last_id
                                               : 0;
    if (last > walk->last_id) {
        fault.first_id = walk->last_id + 1;
        fault.last_id = last;
    }
    recovery->is_torn = true;
    recovery_report(recovery, walk->visitor, &fault,
                    fault.last_id != 0
                        ? "blocks are corrupt: events between id %llu and %llu are lost"
                        : "blocks are corrupt: events after id %llu are lost",
                    (unsigned long long)(fault.last_id != 0 ? fault.first_id : walk->last_id),
                    (unsigned long long)fault.last_id);
}

static void report_torn(struct walk *walk, size_t index, uint64_t position)
{
    struct recovery *recovery = walk->recovery;
    struct recovery_fault fault =
        recovery_segment_fault(RECOVERY_TORN, recovery->segments[index].number,
                               segment_offset_of(position, recovery->segment_bytes));
    recovery_report(recovery, walk->visitor, &fault,
                    "the log was being written here when it stopped: it ends after id %llu",
                    (unsigned long long)walk->last_id);
}

static void take(struct walk *walk, size_t index, uint64_t position, const uint8_t *block)
{
    struct recovery *recovery = walk->recovery;
    struct recovery_segment *segment = &recovery->segments[index];
    const struct block_header *header = block_header_of(block);
    const struct block_record *records = block_records(block);
    if (segment->first_id == 0) {
        segment->first_id = header->first_id;
        segment->first_time_ms = header->time_ms;
    }
    segment->last_id = header->last_id;
    segment->last_time_ms =
        larger(segment->last_time_ms, records[header->record_count - 1].time_ms);
    segment->last_position = position;
    segment->end_position = position + header->length;
    segment->block_count++;
    recovery->synced_through = larger(recovery->synced_through, header->synced_through);
    recovery->block_count++;
    walk->last_id = header->last_id;
    walk->expected = position;
    walk->end = position + header->length;
    if (walk->visitor->block != NULL) {
        walk->visitor->block(walk->visitor->context, segment, position, block);
    }
}

// Whether the segment's valid index stands here; notes it. One that is there but not valid is told,
// once.
static bool take_index(struct walk *walk, size_t index, uint64_t position)
{
    struct recovery *recovery = walk->recovery;
    struct recovery_segment *segment = &recovery->segments[index];
    enum block_verdict verdict;
    const uint8_t *block = block_at(recovery, index, position, &verdict);
    if (block == NULL || verdict == BLOCK_ABSENT) {
        return false;
    }
    char text[96] = "its checksum does not match";
    if (verdict == BLOCK_VALID) {
        const struct block_header *header = block_header_of(block);
        if (header->kind != BLOCK_INDEX) {
            return false;
        }
        if (header->previous_position != segment->last_position ||
            header->first_id != segment->first_id || header->last_id != segment->last_id) {
            snprintf(text, sizeof text, "it does not belong to the blocks before it");
        } else if (seal_check(block, segment->number, text, sizeof text)) {
            segment->index_offset =
                position - segment_position(segment->number, recovery->segment_bytes, 0);
            segment->index_length = header->length;
            return true;
        }
    }
    if (segment->expects_index) {
        struct recovery_fault fault = recovery_segment_fault(
            RECOVERY_FAULT_INDEX, segment->number,
            position - segment_position(segment->number, recovery->segment_bytes, 0));
        recovery_report(recovery, walk->visitor, &fault, "the index is corrupt: %s", text);
        segment->expects_index = false;
    }
    return false;
}

// After a clean stop the checkpoint tells the end, so that the rest need not be searched.
static bool was_stopped_at(const struct recovery *recovery, uint64_t end)
{
    return recovery->has_meta && recovery->meta.clean && recovery->has_checkpoint &&
           (recovery->flags & RECOVERY_WITHOUT_CHECKPOINT) == 0 &&
           recovery->checkpoint.head.position == end;
}

// Whether what was found names as its predecessor what the walk has come to. Where it has come to
// nothing yet: whether the predecessor lies before all that is kept.
static bool is_chained(const struct walk *walk, struct found found)
{
    if (!found.is_found) {
        return false;
    }
    // Within a segment, blocks stand back to back: one that follows the last accepted one at a
    // distance is a copy in a payload. Behind a gap that was told it may stand anywhere.
    bool is_told = walk->expected >= walk->end;
    if (!is_told && found.position != first_of(walk->recovery, found.index)) {
        return false;
    }
    return walk->expected == 0 ? found.previous < walk->end : found.previous == walk->expected;
}

// Whether a repair left its mark that this gap is known.
static bool is_marked(const struct walk *walk, struct found found)
{
    struct recovery *recovery = walk->recovery;
    uint64_t number = segment_number_of(walk->end - 1, recovery->segment_bytes);
    size_t index = 0;
    while (index < recovery->segment_count && recovery->segments[index].number != number) {
        index++;
    }
    if (!found.is_found || index == recovery->segment_count) {
        return false;
    }
    uint64_t position = walk->end;
    enum block_verdict verdict;
    const uint8_t *block = block_at(recovery, index, position, &verdict);
    if (block != NULL && verdict == BLOCK_VALID && block_header_of(block)->kind == BLOCK_INDEX) {
        position += block_header_of(block)->length;
        block = block_at(recovery, index, position, &verdict);
    }
    if (block == NULL || verdict != BLOCK_VALID) {
        return false;
    }
    const struct block_header *header = block_header_of(block);
    return header->kind == BLOCK_GAP && header->first_id == walk->last_id + 1 &&
           header->last_id == found.first_id - 1 && header->previous_position == found.previous;
}

// Whether a block was begun at position, or at the beginning of a later segment.
static bool was_begun(const struct walk *walk, size_t index, uint64_t position)
{
    struct recovery *recovery = walk->recovery;
    enum block_verdict verdict = BLOCK_ABSENT;
    for (size_t i = index; i < recovery->segment_count && verdict == BLOCK_ABSENT; i++) {
        if (!is_passed_over(&recovery->segments[i])) {
            (void)block_at(recovery, i, i == index ? position : first_of(recovery, i), &verdict);
        }
    }
    return verdict != BLOCK_ABSENT;
}

// No block follows at *position. Returns true where the walk goes on in this segment, at *position
// then.
static bool pass_gap(struct walk *walk, size_t index, uint64_t *position)
{
    struct recovery *recovery = walk->recovery;
    if (was_stopped_at(recovery, walk->end)) {
        walk->ended = true;
        return false;
    }
    struct found found = find_next(walk, index, *position);
    if (is_chained(walk, found)) {
        // The segment ended here and nothing is missing, or what is missing was told.
        *position = found.position;
        return found.index == index;
    }
    bool is_known = is_marked(walk, found);
    bool is_lost = is_known || is_proven_synced(walk, found);
    if ((!is_lost || !found.is_found) && recovery->unreadable_end > walk->end &&
        (recovery->flags & RECOVERY_SKIP_UNREADABLE) == 0) {
        walk->is_unsure = true;
        walk->ended = true;
        return false;
    }
    if (is_lost) {
        if (!is_known) {
            report_lost(walk, found);
        }
        walk->ended = !found.is_found;
        walk->expected = found.previous;
        *position = found.position;
        return found.is_found && found.index == index;
    }
    if (found.is_found || was_begun(walk, index, *position)) {
        report_torn(walk, index, *position);
    }
    walk->ended = true;
    return false;
}

static void walk_segment(struct walk *walk, size_t index, uint64_t limit)
{
    struct recovery *recovery = walk->recovery;
    uint64_t position = first_of(recovery, index);
    if (walk->end == 0) {
        walk->end = position;
    }
    while (!recovery->stop) {
        const uint8_t *block =
            position >= limit ? NULL : events_at(recovery, index, position, limit, walk->last_id);
        if (block != NULL && may_follow(walk, block_header_of(block))) {
            uint32_t length = block_header_of(block)->length;
            take(walk, index, position, block);
            position += length;
            continue;
        }
        if (recovery->segments[index].last_position != 0 && take_index(walk, index, position)) {
            return;
        }
        if (position >= limit || !pass_gap(walk, index, &position)) {
            return;
        }
    }
}

static void visit(void (*call)(void *context, const struct recovery_segment *segment),
                  const struct walk *walk, const struct recovery_segment *segment)
{
    if (call != NULL) {
        call(walk->visitor->context, segment);
    }
}

// A sealed segment that the checkpoint describes.
static void pass_known(struct walk *walk, const struct recovery_segment *segment)
{
    walk->last_id = larger(walk->last_id, segment->last_id);
    walk->expected = segment->last_position != 0 ? segment->last_position : walk->expected;
    walk->end = segment->end_position;
}

static void finish(struct walk *walk)
{
    struct recovery *recovery = walk->recovery;
    if (!walk->ended && walk->end != 0 && was_synced_beyond(walk)) {
        report_lost(walk, (struct found){.is_found = false});
    }
    recovery->end_position = 0;
    for (size_t i = 0; i < recovery->segment_count; i++) {
        const struct recovery_segment *segment = &recovery->segments[i];
        if (recovery->end_position == 0) {
            recovery->end_position = first_of(recovery, i);
        }
        if (segment->last_position != 0 && !is_passed_over(segment)) {
            recovery->end_position = segment->end_position;
            recovery->last_position = segment->last_position;
            recovery->last_time_ms = larger(recovery->last_time_ms, segment->last_time_ms);
        }
    }
    recovery->last_id = walk->last_id;
    if (recovery->has_checkpoint) {
        const struct checkpoint_head *head = &recovery->checkpoint.head;
        recovery->last_id = larger(recovery->last_id, head->last_id);
        if (recovery->last_position == 0) {
            recovery->last_position = head->last_position;
        }
    }
}

int recovery_scan(struct recovery *recovery, char *message, size_t message_size)
{
    ASSERT(recovery->window != NULL);
    struct walk walk = {.recovery = recovery, .visitor = &recovery->visitor};
    for (size_t i = 0; i < recovery->segment_count; i++) {
        const struct recovery_segment *segment = &recovery->segments[i];
        if (!is_passed_over(segment) && !segment->is_pending) {
            recovery->synced_through =
                larger(recovery->synced_through, segment->header.previous_end);
        }
    }
    for (size_t i = 0; i < recovery->segment_count && !walk.ended && !recovery->stop; i++) {
        const struct recovery_segment *segment = &recovery->segments[i];
        if (is_passed_over(segment)) {
            continue;
        }
        visit(walk.visitor->segment_begin, &walk, segment);
        if (segment->is_known) {
            pass_known(&walk, segment);
        } else {
            walk_segment(&walk, i, limit_of(recovery, i));
        }
        visit(walk.visitor->segment_end, &walk, segment);
    }
    if (recovery->stop) {
        return 0;
    }
    if (walk.is_unsure) {
        snprintf(message, message_size,
                 "the log cannot be read, and so it cannot be told where it ends: see "
                 "\"ringcast log repair\"");
        return -EIO;
    }
    finish(&walk);
    return 0;
}

int recovery_read_segment(struct recovery *recovery, size_t index,
                          const struct recovery_visitor *visitor)
{
    ASSERT(index < recovery->segment_count);
    struct recovery_segment *segment = &recovery->segments[index];
    struct recovery_segment known = *segment;
    struct walk walk = {.recovery = recovery, .visitor = visitor};
    for (size_t i = 0; i < index; i++) {
        walk.last_id = larger(walk.last_id, recovery->segments[i].last_id);
    }
    segment->first_id = 0;
    segment->last_id = 0;
    segment->last_position = 0;
    segment->block_count = 0;
    segment->index_offset = 0;
    segment->is_known = false;
    visit(visitor->segment_begin, &walk, segment);
    walk_segment(&walk, index, known.end_position);
    visit(visitor->segment_end, &walk, segment);
    segment->first_time_ms = known.first_time_ms;
    segment->last_time_ms = known.last_time_ms;
    return 0;
}
