// Brings a damaged log into order: marks what is lost, cuts what is torn, builds indexes and
// checkpoint anew. Each thing is said before it is done. No valid block is changed.
#include "base/clock.h"
#include "cli/log_rebuild.h"
#include "cli/log_tool.h"
#include "log/seal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#define BUFFER_BYTES_MAX (UINT64_C(16) << 30)

struct repair {
    struct disk *disk;
    struct log_survey survey;
    FILE *out;
    bool is_dry_run;
    bool is_index_bad; // of the segment being read
    bool needs_checkpoint;
    bool is_torn;           // something stands at the end that is no block
    uint64_t lost_position; // where the last blocks are missing that recovery told of
    uint64_t steps;
    int failure; // the first one
};

// Says what is done next. True where it is to be done.
__attribute__((format(printf, 2, 3))) static bool step(struct repair *repair, const char *format,
                                                       ...)
{
    if (repair->failure < 0) {
        return false;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)fputs(repair->is_dry_run ? "would " : "", repair->out);
    (void)vfprintf(repair->out, format, arguments);
    (void)fputc('\n', repair->out);
    va_end(arguments);
    repair->steps++;
    return !repair->is_dry_run;
}

static void done(struct repair *repair, int64_t result, const char *name)
{
    if (result < 0 && repair->failure == 0) {
        repair->failure = (int)result;
        (void)fprintf(stderr, "ringcast: %s: %s\n", name, strerror((int)-result));
    }
}

// Writes into an existing file and syncs it.
static void write_at(struct repair *repair, const char *name, const void *bytes, size_t length,
                     uint64_t offset)
{
    int file = disk_open_file(repair->disk, name, false, true);
    if (file < 0) {
        done(repair, file, name);
        return;
    }
    int64_t result = disk_write_now(repair->disk, file, bytes, length, offset);
    done(repair, result, name);
    done(repair, disk_sync_now(repair->disk, file), name);
    disk_close_file(repair->disk, file);
}

static void zero_at(struct repair *repair, const char *name, uint64_t offset, uint64_t length)
{
    enum { PIECE = 1 << 20 };
    uint8_t *zeros = calloc(1, PIECE);
    if (zeros == NULL) {
        done(repair, -ENOMEM, name);
        return;
    }
    while (length > 0 && repair->failure == 0) {
        size_t piece = length < PIECE ? (size_t)length : PIECE;
        write_at(repair, name, zeros, piece, offset);
        offset += piece;
        length -= piece;
    }
    free(zeros);
}

// --- while the survey reads ---

static void on_fault(void *context, const struct recovery_fault *fault)
{
    struct repair *repair = context;
    repair->is_index_bad |= fault->kind == RECOVERY_FAULT_INDEX;
    repair->needs_checkpoint |= fault->kind != RECOVERY_FAULT_META && fault->kind != RECOVERY_TORN;
    repair->is_torn |= fault->kind == RECOVERY_TORN;
    uint64_t number;
    if (fault->kind == RECOVERY_FAULT_BLOCKS && segment_name_parse(fault->file, &number)) {
        repair->lost_position =
            segment_position(number, repair->survey.recovery.segment_bytes, fault->offset);
    }
    (void)fprintf(repair->out, "found %s+%llu: %s\n", fault->file,
                  (unsigned long long)fault->offset, fault->text);
}

static void on_segment(void *context, struct log_survey *survey,
                       const struct recovery_segment *segment)
{
    struct repair *repair = context;
    bool is_same = segment->index_offset == 0 || log_survey_compare_index(survey, segment);
    bool is_bad =
        !is_same || repair->is_index_bad || (segment->expects_index && segment->index_offset == 0);
    repair->is_index_bad = false;
    if (!is_bad || segment->last_position == 0) {
        return;
    }
    char name[SEGMENT_NAME_BYTES];
    segment_name(segment->number, name);
    repair->needs_checkpoint = true;
    uint64_t offset = segment->end_position -
                      segment_position(segment->number, survey->recovery.segment_bytes, 0);
    if (!step(repair, "write the index of %s anew, %zu runs, at %llu", name, survey->runs.count,
              (unsigned long long)offset)) {
        return;
    }
    struct buffer index;
    buffer_init(&index, UINT32_MAX);
    int failed = log_rebuild_index(survey, segment, &index);
    done(repair, failed, name);
    if (failed == 0) {
        write_at(repair, name, index.storage, buffer_length(&index), offset);
        for (size_t i = 0; i < survey->recovery.segment_count; i++) {
            struct recovery_segment *entry = &survey->recovery.segments[i];
            if (entry->number == segment->number) {
                entry->index_offset = offset;
                entry->index_length = (uint32_t)buffer_length(&index);
            }
        }
    }
    buffer_free(&index);
}

// Whether something is to be cut off behind the log's end.
static bool is_cut(const struct repair *repair)
{
    return repair->is_torn || (repair->lost_position != 0 &&
                               repair->lost_position == repair->survey.recovery.end_position);
}

// --- files ---

// What cannot be understood is kept under another name, for people to look at.
static void set_aside(struct repair *repair, const struct recovery_segment *segment,
                      const char *name)
{
    char aside[SEGMENT_NAME_BYTES + 4];
    (void)snprintf(aside, sizeof(aside), "%s.bad", name);
    if (!step(repair, "rename %s, which cannot be read, to %s", name, aside)) {
        return;
    }
    size_t length = (size_t)segment->file_bytes;
    uint8_t *bytes = malloc(length + 1);
    int file = bytes == NULL ? -ENOMEM : disk_open_file(repair->disk, name, false, false);
    int64_t got = file;
    if (file >= 0) {
        got = disk_read_now(repair->disk, file, bytes, length, 0);
        disk_close_file(repair->disk, file);
    }
    if (got >= 0) {
        got = disk_replace_now(repair->disk, aside, bytes, (size_t)got);
    }
    done(repair, got, name);
    if (got >= 0) {
        done(repair, disk_remove_now(repair->disk, name), name);
    }
    free(bytes);
}

static void write_header(struct repair *repair, size_t index, const char *name)
{
    const struct recovery *recovery = &repair->survey.recovery;
    const struct recovery_segment *segment = &recovery->segments[index];
    if (!step(repair, "write the header of %s anew", name)) {
        return;
    }
    struct segment_header header = {.salt = segment->header.salt,
                                    .number = segment->number,
                                    .segment_bytes = recovery->segment_bytes,
                                    .first_id = segment->first_id,
                                    .created_ms = clock_realtime_ms()};
    for (size_t i = 0; i < index; i++) {
        if (recovery->segments[i].last_position != 0) {
            header.previous_end = recovery->segments[i].end_position;
        }
    }
    uint8_t bytes[SEGMENT_HEADER_BYTES];
    segment_header_encode(&header, bytes);
    write_at(repair, name, bytes, sizeof(bytes), 0);
}

static void repair_files(struct repair *repair)
{
    struct recovery *recovery = &repair->survey.recovery;
    for (size_t i = 0; i < recovery->segment_count; i++) {
        const struct recovery_segment *segment = &recovery->segments[i];
        char name[SEGMENT_NAME_BYTES];
        segment_name(segment->number, name);
        bool is_beyond = segment->last_position == 0 &&
                         segment_position(segment->number, recovery->segment_bytes, 0) >
                             recovery->end_position &&
                         is_cut(repair);
        if (!segment->is_valid) {
            set_aside(repair, segment, name);
        } else if (segment->is_pending || segment->is_surplus || is_beyond) {
            if (step(repair, "remove %s, which holds nothing that counts", name)) {
                done(repair, disk_remove_now(repair->disk, name), name);
            }
        } else if (segment->is_salvaged) {
            write_header(repair, i, name);
        }
    }
}

// --- blocks ---

// Leaves a mark behind `before` that what is missing between it and `after` is known to be lost.
static void mark_gap(struct repair *repair, const struct survey_block *before,
                     const struct survey_block *after)
{
    const struct recovery *recovery = &repair->survey.recovery;
    uint64_t end = before->position + before->length;
    uint64_t number = segment_number_of(end - 1, recovery->segment_bytes);
    uint64_t offset = end - segment_position(number, recovery->segment_bytes, 0);
    char name[SEGMENT_NAME_BYTES];
    segment_name(number, name);
    struct block_header mark = {.magic = BLOCK_MAGIC,
                                .length = BLOCK_HEADER_BYTES,
                                .kind = BLOCK_GAP,
                                .first_id = before->last_id + 1,
                                .last_id = after->first_id - 1,
                                .heap_offset = BLOCK_HEADER_BYTES,
                                .previous_position = after->previous};
    for (size_t i = 0; i < recovery->segment_count; i++) {
        const struct recovery_segment *segment = &recovery->segments[i];
        if (segment->number == number) {
            mark.salt = segment->header.salt;
            offset += segment->index_offset == offset ? segment->index_length : 0;
        }
    }
    block_seal((uint8_t *)&mark);
    if (step(repair, "mark at %s+%llu that events %llu to %llu are lost", name,
             (unsigned long long)offset, (unsigned long long)mark.first_id,
             (unsigned long long)mark.last_id)) {
        write_at(repair, name, &mark, sizeof(mark), offset);
    }
}

// Where the first segment that counts begins, as a block of no length.
static struct survey_block first_place(const struct recovery *recovery)
{
    for (size_t i = 0; i < recovery->segment_count; i++) {
        const struct recovery_segment *segment = &recovery->segments[i];
        if (segment->is_valid && !segment->is_pending && !segment->is_surplus) {
            uint64_t first = segment_first_position(segment->number, recovery->segment_bytes);
            return (struct survey_block){.position = first};
        }
    }
    return (struct survey_block){0};
}

// A mark that is there already is not told again: recovery did not count that gap as a fault.
static void repair_blocks(struct repair *repair)
{
    const struct survey_array *array = &repair->survey.blocks;
    const struct survey_block *blocks = (const struct survey_block *)(void *)array->items;
    if (array->count == 0 || repair->lost_position == 0) {
        return;
    }
    const struct survey_block start = first_place(&repair->survey.recovery);
    if (blocks[0].previous >= start.position) {
        mark_gap(repair, &start, &blocks[0]);
    }
    for (size_t i = 1; i < array->count; i++) {
        if (blocks[i].previous != blocks[i - 1].position) {
            mark_gap(repair, &blocks[i - 1], &blocks[i]);
        }
    }
}

// Wipes what stands behind the log's end in its segment, where the walk found something there.
static void repair_end(struct repair *repair)
{
    const struct recovery *recovery = &repair->survey.recovery;
    for (size_t i = 0; is_cut(repair) && i < recovery->segment_count; i++) {
        const struct recovery_segment *segment = &recovery->segments[i];
        uint64_t offset =
            recovery->end_position - segment_position(segment->number, recovery->segment_bytes, 0);
        bool is_last =
            segment->last_position != 0 && segment->last_position == recovery->last_position;
        if (!is_last || segment->index_offset != 0 || offset >= segment->file_bytes) {
            continue;
        }
        char name[SEGMENT_NAME_BYTES];
        segment_name(segment->number, name);
        if (step(repair, "cut %s at %llu, behind event %llu", name, (unsigned long long)offset,
                 (unsigned long long)segment->last_id)) {
            zero_at(repair, name, offset, segment->file_bytes - offset);
        }
    }
}

// --- meta and checkpoint ---

static void repair_meta(struct repair *repair)
{
    const struct recovery *recovery = &repair->survey.recovery;
    if (recovery->has_meta) {
        return;
    }
    const uint8_t no_boot[16] = {0};
    struct meta_start start = meta_start_of(NULL, no_boot, recovery->last_id, false, true);
    // Not clean and of no boot: the next start takes the limit.
    const struct log_meta meta = {.segment_bytes = recovery->segment_bytes,
                                  .id_limit = start.next_id,
                                  .sequence_base = start.sequence_base};
    if (step(repair, "write %s anew: ids go on at %llu", META_NAME,
             (unsigned long long)start.next_id)) {
        uint8_t bytes[META_BYTES];
        meta_encode(&meta, bytes);
        done(repair, disk_replace_now(repair->disk, META_NAME, bytes, sizeof(bytes)), META_NAME);
    }
}

static void repair_checkpoint(struct repair *repair)
{
    if (!repair->needs_checkpoint || repair->survey.recovery.segment_count == 0) {
        return;
    }
    if (!step(repair, "write the %s anew", CHECKPOINT_NAME)) {
        return;
    }
    struct buffer bytes;
    buffer_init(&bytes, BUFFER_BYTES_MAX);
    int failed = log_rebuild_checkpoint(&repair->survey, clock_realtime_ms(), &bytes);
    if (failed == 0) {
        struct slice all = buffer_slice(&bytes);
        failed = disk_replace_now(repair->disk, CHECKPOINT_NAME, all.at, all.length);
    }
    done(repair, failed, CHECKPOINT_NAME);
    buffer_free(&bytes);
}

static void report_end(const struct repair *repair)
{
    if (repair->failure < 0) {
        (void)fprintf(repair->out, "not finished\n");
    } else if (repair->steps == 0) {
        (void)fprintf(repair->out, "nothing to repair\n");
    } else if (!repair->is_dry_run) {
        (void)fprintf(repair->out, "done: the log ends at event %llu\n",
                      (unsigned long long)repair->survey.recovery.last_id);
    }
}

int log_repair(struct disk *disk, bool is_dry_run, FILE *out)
{
    struct repair repair = {.disk = disk, .out = out, .is_dry_run = is_dry_run};
    char message[LOG_TOOL_MESSAGE_SIZE];
    if (log_survey_make(&repair.survey, disk, &repair, on_fault, on_segment, message,
                        sizeof(message)) != 0) {
        (void)fprintf(stderr, "ringcast: %s\n", message);
        return 1;
    }
    repair.needs_checkpoint |= !log_survey_compare_checkpoint(&repair.survey);
    repair_blocks(&repair);
    repair_end(&repair);
    repair_files(&repair);
    repair_meta(&repair);
    repair_checkpoint(&repair);
    report_end(&repair);
    log_survey_free(&repair.survey);
    return repair.failure < 0 || ferror(out) != 0 ? 1 : 0;
}
