// What stands in the directory: meta, checkpoint, the headers of segments. recovery_walk.c reads
// the blocks.
#include "log/recovery.h"

#include "base/assert.h"
#include "log/recovery_report.h"
#include "log/recovery_window.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

// No checkpoint is larger: a start would have to hold it in memory whole.
#define CHECKPOINT_BYTES_MAX (UINT64_C(16) << 30)

// --- reporting ---

void recovery_report(struct recovery *recovery, const struct recovery_visitor *visitor,
                     struct recovery_fault *fault, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->text, sizeof fault->text, format, arguments);
    va_end(arguments);
    if (fault->kind == RECOVERY_TORN) {
        recovery->is_torn = true;
    } else {
        recovery->fault_count++;
    }
    if (visitor->fault != NULL) {
        visitor->fault(visitor->context, fault);
    }
}

static struct recovery_fault fault_in(enum recovery_fault_kind kind, const char *file)
{
    struct recovery_fault fault = {.kind = kind};
    snprintf(fault.file, sizeof fault.file, "%s", file);
    return fault;
}

struct recovery_fault recovery_segment_fault(enum recovery_fault_kind kind, uint64_t number,
                                             uint64_t offset)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(number, name);
    struct recovery_fault fault = fault_in(kind, name);
    fault.offset = offset;
    return fault;
}

static void on_unreadable(void *context, uint64_t number, uint64_t offset, uint64_t length,
                          int error)
{
    struct recovery *recovery = context;
    uint64_t end = segment_position(number, recovery->segment_bytes, offset + length);
    if (end <= recovery->unreadable_end) {
        return; // told before
    }
    recovery->unreadable_end = end;
    struct recovery_fault fault = recovery_segment_fault(RECOVERY_FAULT_READ, number, offset);
    fault.length = length;
    recovery_report(recovery, &recovery->visitor, &fault, "cannot be read: %s", strerror(-error));
}

static int fail(char *message, size_t message_size, int error, const char *text)
{
    snprintf(message, message_size, "%s", text);
    return error;
}

static int fail_version(char *message, size_t message_size, const char *file)
{
    snprintf(message, message_size,
             "%s was written in another format than this ringcast knows (version %d): nothing was "
             "changed",
             file, LOG_FORMAT_VERSION);
    return -EPROTONOSUPPORT;
}

// --- listing ---

struct listing {
    struct recovery_segment *segments;
    size_t count;
    size_t capacity;
    bool has_meta;
    bool has_checkpoint;
    uint64_t checkpoint_bytes;
    int failure;
};

static void on_file(void *context, const char *name, uint64_t size)
{
    struct listing *listing = context;
    uint64_t number;
    if (strcmp(name, META_NAME) == 0) {
        listing->has_meta = true;
    } else if (strcmp(name, CHECKPOINT_NAME) == 0) {
        listing->has_checkpoint = true;
        listing->checkpoint_bytes = size;
    } else if (segment_name_parse(name, &number)) {
        if (listing->count == listing->capacity) {
            size_t capacity = listing->capacity == 0 ? 64 : 2 * listing->capacity;
            struct recovery_segment *segments =
                realloc(listing->segments, capacity * sizeof *segments);
            if (segments == NULL) {
                listing->failure = -ENOMEM;
                return;
            }
            listing->segments = segments;
            listing->capacity = capacity;
        }
        listing->segments[listing->count++] =
            (struct recovery_segment){.number = number, .file_bytes = size};
    }
}

static int compare_segments(const void *one, const void *other)
{
    uint64_t a = ((const struct recovery_segment *)one)->number;
    uint64_t b = ((const struct recovery_segment *)other)->number;
    return a < b ? -1 : a > b;
}

// --- the small files ---

// Bytes of a file from its start into `into`, at most size: their count or -errno.
static int64_t read_file(struct disk *disk, const char *name, void *into, size_t size)
{
    int file = disk_open_file(disk, name, false, false);
    if (file < 0) {
        return file;
    }
    int64_t got = -EIO;
    for (int tries = 0; tries < RECOVERY_READ_TRIES && got == -EIO; tries++) {
        got = disk_read_now(disk, file, into, size, 0);
    }
    disk_close_file(disk, file);
    return got;
}

// A file that is there cannot be read: that is the end, or a fault like others.
static int fail_read(struct recovery *recovery, struct recovery_fault *fault, int64_t error,
                     char *message, size_t message_size)
{
    if ((recovery->flags & RECOVERY_SKIP_UNREADABLE) == 0) {
        snprintf(message, message_size, "%s cannot be read: %s", fault->file,
                 strerror((int)-error));
        return (int)error;
    }
    recovery_report(recovery, &recovery->visitor, fault, "cannot be read: %s",
                    strerror((int)-error));
    return 0;
}

static int meta_read(struct recovery *recovery, const struct listing *listing, char *message,
                     size_t message_size)
{
    struct recovery_fault fault = fault_in(RECOVERY_FAULT_META, META_NAME);
    if (!listing->has_meta) {
        if (listing->count > 0 || listing->has_checkpoint) {
            recovery_report(recovery, &recovery->visitor, &fault,
                            "is missing: ids jump, so that none is given out twice");
        }
        return 0;
    }
    uint8_t bytes[META_BYTES + 1];
    int64_t got = read_file(recovery->disk, META_NAME, bytes, sizeof bytes);
    if (got < 0) {
        return fail_read(recovery, &fault, got, message, message_size);
    }
    switch (meta_decode(slice_from(bytes, (size_t)got), &recovery->meta)) {
    case META_VALID: recovery->has_meta = true; return 0;
    case META_UNKNOWN_VERSION: return fail_version(message, message_size, META_NAME);
    case META_CORRUPT:
        recovery_report(recovery, &recovery->visitor, &fault,
                        "is corrupt: ids jump, so that none is given out twice");
        return 0;
    }
    UNREACHABLE();
}

static void checkpoint_drop(struct recovery *recovery)
{
    free(recovery->checkpoint_bytes);
    recovery->checkpoint_bytes = NULL;
    recovery->checkpoint_length = 0;
    recovery->has_checkpoint = false;
}

static void checkpoint_missing(struct recovery *recovery, const struct listing *listing)
{
    // One is written at a clean stop, and before the first segment is removed.
    bool was_there = (recovery->has_meta && recovery->meta.clean) ||
                     (listing->count > 0 && listing->segments[0].number > 1);
    if (was_there) {
        struct recovery_fault fault = fault_in(RECOVERY_FAULT_CHECKPOINT, CHECKPOINT_NAME);
        recovery_report(recovery, &recovery->visitor, &fault,
                        "is missing: all blocks are read instead; settings, ends and numbers of "
                        "streams without events are lost");
    }
}

static int checkpoint_read(struct recovery *recovery, const struct listing *listing, char *message,
                           size_t message_size)
{
    struct recovery_fault fault = fault_in(RECOVERY_FAULT_CHECKPOINT, CHECKPOINT_NAME);
    if (!listing->has_checkpoint) {
        checkpoint_missing(recovery, listing);
        return 0;
    }
    if (listing->checkpoint_bytes > CHECKPOINT_BYTES_MAX) {
        recovery_report(recovery, &recovery->visitor, &fault, "is impossibly large");
        return 0;
    }
    size_t size = (size_t)listing->checkpoint_bytes;
    recovery->checkpoint_bytes = malloc(size + 1);
    if (recovery->checkpoint_bytes == NULL) {
        return fail(message, message_size, -ENOMEM, "out of memory for the checkpoint");
    }
    int64_t got = read_file(recovery->disk, CHECKPOINT_NAME, recovery->checkpoint_bytes, size);
    recovery->checkpoint_length = got < 0 ? 0 : (size_t)got;
    if (got < 0) {
        checkpoint_drop(recovery);
        return fail_read(recovery, &fault, got, message, message_size);
    }
    switch (checkpoint_open(&recovery->checkpoint,
                            slice_from(recovery->checkpoint_bytes, recovery->checkpoint_length))) {
    case CHECKPOINT_VALID: recovery->has_checkpoint = true; break;
    case CHECKPOINT_UNKNOWN_VERSION:
        checkpoint_drop(recovery);
        return fail_version(message, message_size, CHECKPOINT_NAME);
    case CHECKPOINT_CORRUPT:
        recovery_report(recovery, &recovery->visitor, &fault,
                        "is corrupt: all blocks are read instead; settings, ends and numbers of "
                        "streams without events are lost");
        checkpoint_drop(recovery);
        return 0;
    }
    if (recovery->has_meta &&
        recovery->meta.segment_bytes != recovery->checkpoint.head.segment_bytes) {
        recovery_report(recovery, &recovery->visitor, &fault,
                        "is of another log: its segments are of another size");
        checkpoint_drop(recovery);
    }
    return 0;
}

// --- segment headers ---

// The salt of a segment whose header is lost: the one its first block was written with, if that is
// whole.
static bool salt_of_first_block(struct recovery *recovery, struct recovery_segment *segment)
{
    int64_t available;
    const uint8_t *block =
        recovery_window_at(recovery->window, segment->number, segment->file_bytes,
                           SEGMENT_HEADER_BYTES, BLOCK_BYTES_MAX, &available);
    if (block == NULL || available < BLOCK_HEADER_BYTES ||
        block_header_of(block)->kind != BLOCK_EVENTS ||
        block_check(block, (size_t)available, block_header_of(block)->salt) != BLOCK_VALID) {
        return false;
    }
    segment->header.salt = block_header_of(block)->salt;
    return true;
}

static bool salt_of_checkpoint(const struct recovery *recovery, struct recovery_segment *segment)
{
    if (!recovery->has_checkpoint) {
        return false;
    }
    struct checkpoint_reader reader = recovery->checkpoint;
    struct checkpoint_segment known;
    while (checkpoint_next_segment(&reader, &known)) {
        if (known.number == segment->number) {
            segment->header.salt = known.salt;
            return true;
        }
    }
    return false;
}

// Where the header cannot be used, the blocks may be readable all the same.
static void segment_salvage(struct recovery *recovery, struct recovery_segment *segment,
                            const char *what)
{
    segment->header = (struct segment_header){.number = segment->number,
                                              .segment_bytes = recovery->segment_bytes};
    segment->is_salvaged =
        salt_of_checkpoint(recovery, segment) || salt_of_first_block(recovery, segment);
    segment->is_valid = segment->is_salvaged;
    struct recovery_fault fault = recovery_segment_fault(RECOVERY_FAULT_HEADER, segment->number, 0);
    recovery_report(recovery, &recovery->visitor, &fault, "%s: %s", what,
                    segment->is_valid ? "its blocks are read all the same" : "its events are lost");
}

// The verdict on a segment's header as it stands in the file.
static int header_read(struct recovery *recovery, struct recovery_segment *segment,
                       enum segment_verdict *verdict, char *message, size_t message_size)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(segment->number, name);
    uint8_t bytes[SEGMENT_HEADER_BYTES];
    int64_t got = read_file(recovery->disk, name, bytes, sizeof bytes);
    if (got < 0) {
        *verdict = SEGMENT_CORRUPT;
        struct recovery_fault fault =
            recovery_segment_fault(RECOVERY_FAULT_READ, segment->number, 0);
        return fail_read(recovery, &fault, got, message, message_size);
    }
    *verdict = segment_header_decode(slice_from(bytes, (size_t)got), &segment->header);
    if (*verdict == SEGMENT_UNKNOWN_VERSION) {
        return fail_version(message, message_size, name);
    }
    return 0;
}

// Decided by meta, else by the checkpoint, else by the newest segment with a header.
static void decide_segment_bytes(struct recovery *recovery, const enum segment_verdict *verdicts)
{
    if (recovery->has_meta) {
        recovery->segment_bytes = recovery->meta.segment_bytes;
        return;
    }
    if (recovery->has_checkpoint) {
        recovery->segment_bytes = recovery->checkpoint.head.segment_bytes;
        return;
    }
    for (size_t i = recovery->segment_count; i > 0; i--) {
        if (verdicts[i - 1] == SEGMENT_VALID) {
            recovery->segment_bytes = recovery->segments[i - 1].header.segment_bytes;
            return;
        }
    }
}

static void segment_judge(struct recovery *recovery, struct recovery_segment *segment,
                          enum segment_verdict verdict)
{
    const struct segment_header *header = &segment->header;
    if (verdict != SEGMENT_VALID) {
        segment_salvage(recovery, segment, "the header is corrupt");
    } else if (header->number != segment->number) {
        segment_salvage(recovery, segment, "the header is of another segment");
    } else if (header->segment_bytes != recovery->segment_bytes) {
        segment_salvage(recovery, segment, "the header tells of segments of another size");
    } else {
        segment->is_valid = true;
        segment->is_pending = (header->flags & SEGMENT_PENDING) != 0;
    }
    segment->end_position = segment_first_position(segment->number, recovery->segment_bytes);
}

static int segments_read(struct recovery *recovery, char *message, size_t message_size)
{
    enum segment_verdict *verdicts = calloc(recovery->segment_count + 1, sizeof *verdicts);
    if (verdicts == NULL) {
        return fail(message, message_size, -ENOMEM, "out of memory");
    }
    int failed = 0;
    for (size_t i = 0; i < recovery->segment_count && failed == 0; i++) {
        failed = header_read(recovery, &recovery->segments[i], &verdicts[i], message, message_size);
    }
    if (failed == 0) {
        decide_segment_bytes(recovery, verdicts);
        for (size_t i = 0; i < recovery->segment_count; i++) {
            segment_judge(recovery, &recovery->segments[i], verdicts[i]);
        }
    }
    free(verdicts);
    return failed;
}

// --- what the checkpoint knows of segments ---

static struct recovery_segment *segment_find(struct recovery *recovery, uint64_t number)
{
    if (recovery->segment_count == 0) {
        return NULL;
    }
    const struct recovery_segment key = {.number = number};
    return bsearch(&key, recovery->segments, recovery->segment_count, sizeof key, compare_segments);
}

static void segment_compare(struct recovery *recovery, const struct checkpoint_segment *known)
{
    struct recovery_segment *segment = segment_find(recovery, known->number);
    struct recovery_fault fault = recovery_segment_fault(RECOVERY_FAULT_MISSING, known->number, 0);
    fault.first_id = known->first_id;
    fault.last_id = known->last_id;
    if (segment == NULL || !segment->is_valid || segment->header.salt != known->salt) {
        recovery_report(recovery, &recovery->visitor, &fault,
                        segment == NULL ? "is missing"
                                        : "is not the one that the checkpoint names");
        return;
    }
    segment->is_surplus = false;
    segment->expects_index = known->index_offset != 0;
    uint64_t end = segment_offset_of(known->end_position - 1, recovery->segment_bytes) + 1;
    if (segment->file_bytes < end ||
        segment->file_bytes < known->index_offset + known->index_length) {
        recovery_report(recovery, &recovery->visitor, &fault,
                        "is cut short: the checkpoint knows more of it");
        return;
    }
    if ((recovery->flags & RECOVERY_WITHOUT_CHECKPOINT) != 0 || known->index_offset == 0) {
        return;
    }
    segment->is_known = true;
    segment->end_position = known->end_position;
    segment->last_position = known->last_position;
    segment->first_id = known->first_id;
    segment->last_id = known->last_id;
    segment->first_time_ms = known->first_time_ms;
    segment->last_time_ms = known->last_time_ms;
    segment->index_offset = known->index_offset;
    segment->index_length = known->index_length;
}

static void checkpoint_apply(struct recovery *recovery)
{
    if (!recovery->has_checkpoint) {
        return;
    }
    const struct checkpoint_head *head = &recovery->checkpoint.head;
    uint64_t position_number = segment_number_of(head->position, recovery->segment_bytes);
    for (size_t i = 0; i < recovery->segment_count; i++) {
        recovery->segments[i].is_surplus = recovery->segments[i].number < position_number;
    }
    struct checkpoint_reader reader = recovery->checkpoint;
    struct checkpoint_segment known;
    recovery->next_segment = position_number + 1;
    while (checkpoint_next_segment(&reader, &known)) {
        segment_compare(recovery, &known);
        if (known.number >= recovery->next_segment) {
            recovery->next_segment = known.number + 1;
        }
    }
    recovery->synced_through = head->position;
}

// --- the whole ---

static int begin(struct recovery *recovery, struct listing *listing, char *message,
                 size_t message_size)
{
    int failed = disk_list(recovery->disk, on_file, listing);
    recovery->segments = listing->segments;
    recovery->segment_count = listing->count;
    failed = failed < 0 ? failed : listing->failure;
    if (failed < 0) {
        snprintf(message, message_size, "the data directory cannot be listed: %s",
                 strerror(-failed));
        return failed;
    }
    if (listing->count > 0) {
        qsort(listing->segments, listing->count, sizeof *listing->segments, compare_segments);
    }
    recovery->is_new = listing->count == 0 && !listing->has_meta && !listing->has_checkpoint;
    recovery->window =
        recovery_window_make(recovery->disk, BLOCK_BYTES_MAX, on_unreadable, recovery);
    if (recovery->window == NULL) {
        return fail(message, message_size, -ENOMEM, "out of memory");
    }
    failed = meta_read(recovery, listing, message, message_size);
    failed = failed < 0 ? failed : checkpoint_read(recovery, listing, message, message_size);
    failed = failed < 0 ? failed : segments_read(recovery, message, message_size);
    if (failed < 0) {
        return failed;
    }
    recovery->next_segment = 1;
    checkpoint_apply(recovery);
    if (listing->count > 0 &&
        recovery->segments[listing->count - 1].number >= recovery->next_segment) {
        recovery->next_segment = recovery->segments[listing->count - 1].number + 1;
    }
    return 0;
}

int recovery_begin(struct recovery *recovery, struct disk *disk, uint64_t segment_bytes,
                   unsigned flags, const struct recovery_visitor *visitor, char *message,
                   size_t message_size)
{
    ASSERT(segment_bytes_are_valid(segment_bytes));
    *recovery = (struct recovery){
        .disk = disk, .segment_bytes = segment_bytes, .visitor = *visitor, .flags = flags};
    struct listing listing = {0};
    int failed = begin(recovery, &listing, message, message_size);
    if (failed < 0) {
        recovery_end(recovery);
    }
    return failed;
}

void recovery_end(struct recovery *recovery)
{
    recovery_window_free(recovery->window);
    free(recovery->checkpoint_bytes);
    free(recovery->segments);
    *recovery = (struct recovery){0};
}
