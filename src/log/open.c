#include "log/open.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/logger.h"
#include "base/random.h"
#include "log/core.h"
#include "log/open_repair.h"
#include "log/recovery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct opening {
    struct log *log;
    struct recovery recovery;
    uint64_t checkpoint_position; // blocks from here on change streams; those before only have runs
    uint64_t checkpoint_next_number;
    int failure;
};

// --- the checkpoint ---

static int take_stream(struct log *log, const struct checkpoint_stream *from)
{
    struct log_stream *stream = streams_by_number(&log->streams, from->number) == NULL &&
                                        streams_find(&log->streams, from->name) == NULL
                                    ? streams_add(&log->streams, from->name, from->number)
                                    : NULL;
    if (stream == NULL) {
        return -ENOSPC;
    }
    stream->last_id = from->last_id;
    stream->last_sequence = STREAM_48(from->last_sequence);
    stream->discarded_id = from->discarded_id;
    stream->discarded_sequence = STREAM_48(from->discarded_sequence);
    stream->last_time_ms = STREAM_48(from->last_time_ms);
    retention_take_settings(log, stream, &from->settings, from->content_type);
    stream->is_made = from->is_made;
    stream->handed_life = from->life & 3;
    stream->life = stream->handed_life;
    return 0;
}

static int compare_use(const void *one, const void *other)
{
    uint64_t a = ((const struct checkpoint_producer *)one)->last_used_ms;
    uint64_t b = ((const struct checkpoint_producer *)other)->last_used_ms;
    return a < b ? -1 : a > b;
}

static void put_producer(struct log *log, const struct checkpoint_producer *from)
{
    producers_put(&log->producers, &(struct producer){
                                       .stream_number = from->stream_number,
                                       .producer_id = from->producer_id,
                                       .producer_sequence = from->producer_sequence,
                                       .id = from->id,
                                       .sequence = from->sequence,
                                       .last_used_ms = from->last_used_ms,
                                       .epoch = from->epoch,
                                   });
}

static int take_producers(struct log *log, struct checkpoint_reader *reader)
{
    size_t count = (size_t)reader->producer_count;
    struct checkpoint_producer *all = calloc(count + 1, sizeof(*all));
    if (all == NULL) {
        return -ENOMEM;
    }
    size_t read = 0;
    while (read < count && checkpoint_next_producer(reader, &all[read])) {
        read++;
    }
    // Least recently used first, so that the table forgets in the right order.
    qsort(all, read, sizeof(*all), compare_use);
    for (size_t i = 0; i < read; i++) {
        put_producer(log, &all[i]);
    }
    free(all);
    return 0;
}

static int take_checkpoint(struct opening *opening)
{
    struct log *log = opening->log;
    struct recovery *recovery = &opening->recovery;
    if (!recovery->has_checkpoint) {
        return 0;
    }
    opening->checkpoint_position = recovery->checkpoint.head.position;
    opening->checkpoint_next_number = recovery->checkpoint.head.next_stream_number;
    struct checkpoint_stream stream;
    while (checkpoint_next_stream(&recovery->checkpoint, &stream)) {
        int error = take_stream(log, &stream);
        if (error != 0) {
            return error;
        }
    }
    if (log->streams.next_number < opening->checkpoint_next_number) {
        log->streams.next_number = opening->checkpoint_next_number;
    }
    return take_producers(log, &recovery->checkpoint);
}

// --- blocks ---

static struct segment *need_segment(struct opening *opening, const struct recovery_segment *from)
{
    struct log *log = opening->log;
    struct segment *segment =
        chain_at(&log->chain, segment_position(from->number, log->options.segment_bytes, 0));
    if (segment != NULL) {
        return segment;
    }
    char name[SEGMENT_NAME_BYTES];
    segment_name(from->number, name);
    int file = disk_open_file(log->disk, name, false, true);
    if (file < 0 || chain_is_full(&log->chain)) {
        opening->failure = file < 0 ? file : -EMFILE;
        return NULL;
    }
    segment = segment_make(&log->chain, from->number, from->header.salt, file);
    if (segment == NULL) {
        log_close_file(log, file);
        opening->failure = -ENOMEM;
        return NULL;
    }
    segment->state = SEGMENT_ROLLED;
    chain_add(&log->chain, segment);
    return segment;
}

// The stream of a block's entry; NULL where the entry is of one that was forgotten.
static struct log_stream *stream_of(struct opening *opening, const uint8_t *block,
                                    const struct block_stream *entry, bool is_known_block)
{
    struct log *log = opening->log;
    struct log_stream *stream = streams_by_number(&log->streams, entry->number);
    if (stream != NULL || is_known_block) {
        return stream;
    }
    struct slice name = block_stream_name(block, entry);
    struct log_stream *namesake = streams_find(&log->streams, name);
    if (namesake != NULL && namesake->number > entry->number) {
        return NULL;
    }
    if (namesake != NULL) {
        // Forgotten and made again under a new number.
        index_drop_through(&log->index, namesake, UINT64_MAX);
        streams_remove(&log->streams, namesake);
    }
    stream = streams_add(&log->streams, name, entry->number);
    if (stream == NULL) {
        opening->failure = -ENOSPC;
    }
    return stream;
}

static void add_run(struct opening *opening, struct log_stream *stream, uint64_t position,
                    const uint8_t *block, uint32_t stream_index)
{
    struct log *log = opening->log;
    const struct block_stream *entry = &block_streams(block)[stream_index];
    if (entry->count == 0 || entry->last_id <= stream->discarded_id) {
        return;
    }
    if (!index_has_room(&log->index, 1)) {
        opening->failure = -ENOSPC;
        return;
    }
    const struct log_run *newest = index_run(&log->index, index_newest(&log->index, stream));
    if (newest != NULL && newest->last_id >= entry->first_id) {
        return; // a hostile block that lists a stream twice
    }
    const struct log_run run = log_run_of(position, block, stream_index);
    index_add(&log->index, stream, &run);
}

static void take_producer(struct log *log, const struct log_stream *stream,
                          const struct block_record *record, struct slice attributes)
{
    struct attribute attribute;
    bool malformed = false;
    while (event_attribute_next(&attributes, &attribute, &malformed)) {
        if (attribute.kind == ATTRIBUTE_PRODUCER && attribute.value.length == 20) {
            const uint8_t *at = attribute.value.at;
            const struct producer *known;
            struct producer last = {.stream_number = stream->number,
                                    .producer_id = load_le64(at),
                                    .epoch = load_le32(at + 8),
                                    .producer_sequence = load_le64(at + 12),
                                    .id = record->id,
                                    .sequence = record->sequence,
                                    .last_used_ms = record->time_ms};
            // The checkpoint may be newer than the block.
            if (producers_check(&log->producers, last.stream_number, last.producer_id, last.epoch,
                                last.producer_sequence, &known) == PRODUCERS_NEW) {
                producers_put(&log->producers, &last);
            }
        }
    }
}

static void take_record(struct opening *opening, const uint8_t *block,
                        const struct block_record *record)
{
    struct log *log = opening->log;
    struct log_stream *stream =
        streams_by_number(&log->streams, block_streams(block)[record->stream].number);
    if (stream == NULL) {
        return;
    }
    if (record->time_ms > stream->last_time_ms) {
        stream->last_time_ms = STREAM_48(record->time_ms);
    }
    struct slice extra = slice_from(block + record->extra_offset, record->extra_length);
    if (record->kind == RECORD_EVENT) {
        take_producer(log, stream, record, extra);
    }
    retention_take_record(log, stream, record, extra);
    stream->life = stream->handed_life;
    stream->is_made =
        (stream->is_made || record->kind == RECORD_SETTINGS) && stream->life != STREAM_DELETED;
}

static void tell_progress(const struct log *log)
{
    if (log->options.progress != NULL) {
        log->options.progress(log->options.progress_context);
    }
}

static void on_block(void *context, const struct recovery_segment *from, uint64_t position,
                     const uint8_t *block)
{
    struct opening *opening = context;
    struct log *log = opening->log;
    const struct block_header *header = block_header_of(block);
    struct segment *segment = need_segment(opening, from);
    tell_progress(log);
    if (segment == NULL || header->last_id <= segment->facts.last_id) {
        return;
    }
    segment_note_block(segment, log->options.segment_bytes, position, header);
    bool is_known = position < opening->checkpoint_position;
    const struct block_stream *entries = block_streams(block);
    for (uint32_t i = 0; i < header->stream_count && opening->failure == 0; i++) {
        struct log_stream *stream = stream_of(opening, block, &entries[i], is_known);
        if (stream == NULL) {
            continue;
        }
        add_run(opening, stream, position, block, i);
        if (!is_known && entries[i].count > 0 && entries[i].last_id > stream->last_id) {
            stream->last_id = entries[i].last_id;
            if (entries[i].last_sequence > stream->last_sequence) {
                stream->last_sequence = STREAM_48(entries[i].last_sequence);
            }
        }
    }
    for (uint32_t i = 0; i < header->record_count && !is_known; i++) {
        take_record(opening, block, &block_records(block)[i]);
    }
}

static void on_fault(void *context, const struct recovery_fault *fault)
{
    struct opening *opening = context;
    enum logger_level level = fault->kind == RECOVERY_TORN ? LOGGER_WARN : LOGGER_ERROR;
    LOGGER_AT(level, "log", "%s at %llu: %s", fault->file, (unsigned long long)fault->offset,
              fault->text);
    opening->log->counts.faults_at_start += fault->kind != RECOVERY_TORN;
}

// --- segments ---

static int take_sealed(struct opening *opening, size_t index)
{
    struct log *log = opening->log;
    const struct recovery_segment *from = &opening->recovery.segments[index];
    struct segment *segment = need_segment(opening, from);
    tell_progress(log);
    if (segment == NULL) {
        return opening->failure;
    }
    if (segment->state == SEGMENT_SEALED) {
        return 0; // its index was built anew a moment ago
    }
    segment->facts.first_id = from->first_id;
    segment->facts.last_id = from->last_id;
    segment->facts.first_time_ms = from->first_time_ms;
    segment->facts.last_time_ms = from->last_time_ms;
    segment->facts.end_position = from->end_position;
    segment->facts.last_position = from->last_position;
    segment->facts.index_offset = from->index_offset;
    segment->facts.index_length = from->index_length;
    if (open_load_head(log, segment) == 0) {
        return 0;
    }
    log->counts.faults_at_start++;
    segment->facts.last_id = 0;
    segment->facts.first_id = 0;
    return open_rebuild_index(log, &opening->recovery, index, segment);
}

static bool holds_events(const struct recovery_segment *from)
{
    return from->is_valid && !from->is_pending && !from->is_surplus && from->last_position != 0;
}

// What the checkpoint knows as sealed stands before what is read block by block, and so comes
// first: segments and runs are added in log order.
static int take_known(struct opening *opening)
{
    const struct recovery *recovery = &opening->recovery;
    int error = 0;
    for (size_t i = 0; i < recovery->segment_count && error == 0; i++) {
        if (recovery->segments[i].is_known && holds_events(&recovery->segments[i])) {
            error = take_sealed(opening, i);
        }
    }
    return error;
}

// Look-ups rely on it that the segments whose runs are in memory are the newest ones. One before a
// sealed one, which lost its index, gets it back now.
static int seal_gaps(struct opening *opening)
{
    struct log *log = opening->log;
    struct recovery *recovery = &opening->recovery;
    const struct segment *newest_sealed = NULL;
    for (size_t i = recovery->segment_count; i-- > 0;) {
        struct segment *segment =
            chain_at(&log->chain,
                     segment_position(recovery->segments[i].number, log->options.segment_bytes, 0));
        if (segment == NULL || (segment->state != SEGMENT_SEALED && newest_sealed == NULL)) {
            continue;
        }
        if (segment->state != SEGMENT_SEALED) {
            int error = open_rebuild_index(log, recovery, i, segment);
            if (error != 0) {
                return error;
            }
        }
        newest_sealed = newest_sealed == NULL ? segment : newest_sealed;
    }
    if (newest_sealed != NULL) {
        open_drop_runs(log, newest_sealed);
    }
    return 0;
}

static int take_segments(struct opening *opening)
{
    struct log *log = opening->log;
    const struct recovery *recovery = &opening->recovery;
    for (size_t i = 0; i < recovery->segment_count; i++) {
        const struct recovery_segment *from = &recovery->segments[i];
        if (!holds_events(from)) {
            continue;
        }
        if (from->index_offset != 0 && !from->is_known) {
            int error = take_sealed(opening, i);
            if (error != 0) {
                return error;
            }
        }
        const struct segment *segment = need_segment(opening, from);
        if (segment == NULL) {
            return opening->failure;
        }
        log_tail_segment_set(log->tail, from->number, segment->file, segment->facts.salt);
    }
    return seal_gaps(opening);
}

// --- making it durable ---

static int sync_all(struct opening *opening)
{
    struct log *log = opening->log;
    const struct recovery *recovery = &opening->recovery;
    for (size_t i = 0; i < recovery->segment_count; i++) {
        const struct recovery_segment *from = &recovery->segments[i];
        const struct segment *segment =
            chain_at(&log->chain, segment_position(from->number, log->options.segment_bytes, 0));
        // What the checkpoint knows as sealed was synced, index and all, before it was written.
        if (segment == NULL || (from->is_known && segment->state == SEGMENT_SEALED)) {
            continue;
        }
        int error = open_sync_segment(log, segment, recovery->synced_through);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static void jump(struct opening *opening)
{
    struct log *log = opening->log;
    const struct recovery *recovery = &opening->recovery;
    uint8_t boot_id[16];
    disk_boot_id(log->disk, boot_id);
    struct meta_start start = meta_start_of(recovery->has_meta ? &recovery->meta : NULL, boot_id,
                                            recovery->last_id, recovery->is_new, recovery->is_torn);
    log->next_id = start.next_id;
    log->sequence_base = start.sequence_base;
    for (uint32_t slot = 0; slot < log->streams.touched && start.sequence_jump != 0; slot++) {
        struct log_stream *stream = streams_at(&log->streams, slot);
        if (stream->number != 0) {
            // Of a stream whose last events are lost, those of a life before may be all that is
            // known.
            uint64_t risen = stream->last_sequence + start.sequence_jump;
            stream->last_sequence =
                STREAM_48(risen > start.sequence_base ? risen : start.sequence_base);
        }
    }
}

// Files that hold nothing any more: two are kept for reuse, the others go.
static void sort_out_files(struct opening *opening)
{
    struct log *log = opening->log;
    for (size_t i = 0; i < opening->recovery.segment_count; i++) {
        const struct recovery_segment *from = &opening->recovery.segments[i];
        bool is_empty =
            from->is_pending || from->is_surplus || (from->is_valid && from->last_position == 0);
        if (!is_empty) {
            continue; // one that is kept, or one whose header is bad: left for a person to look at
        }
        if (log->roll.recycle_count < ROLL_RECYCLE_MAX) {
            log->roll.recycle[log->roll.recycle_count++] = from->number;
        } else {
            char name[SEGMENT_NAME_BYTES];
            segment_name(from->number, name);
            (void)disk_remove_now(log->disk, name);
        }
    }
}

static int settle(struct opening *opening, char *message, size_t message_size)
{
    struct log *log = opening->log;
    const struct recovery *recovery = &opening->recovery;
    int error = sync_all(opening);
    if (error != 0) {
        (void)snprintf(message, message_size, "the end of the log cannot be synced: %s",
                       strerror(-error));
        return error;
    }
    jump(opening);
    log->roll.next_number = recovery->next_segment;
    log->roll.previous_end = recovery->is_new ? 0 : recovery->end_position;
    uint64_t end = recovery->end_position;
    if (end == 0) {
        end = segment_first_position(recovery->next_segment, log->options.segment_bytes);
    }
    log->writer.closed = (struct log_point){
        .position = end, .id = recovery->last_id, .last_position = recovery->last_position};
    log->writer.handed = log->writer.closed;
    log->writer.synced = log->writer.closed;
    log->time_ms = recovery->last_time_ms;
    log_refresh_time(log);
    // The checkpoint holds the sequences after their jump; only then may meta say that this boot is
    // known.
    error = recovery->is_new ? 0 : keeper_write_checkpoint_now(log);
    error = error != 0 ? error : keeper_write_meta_now(log, false);
    if (error != 0) {
        (void)snprintf(message, message_size, "the data directory cannot be written: %s",
                       strerror(-error));
        return error;
    }
    sort_out_files(opening);
    log_tail_announce(log->tail, end);
    log->handout.floor = end;
    error = roll_prepare_now(log);
    if (error != 0) {
        (void)snprintf(message, message_size,
                       "no segment of %llu KiB can be made in the data directory: %s",
                       (unsigned long long)log->options.segment_bytes >> 10, strerror(-error));
    }
    return error;
}

static int load(struct opening *opening, char *message, size_t message_size)
{
    int error = take_checkpoint(opening);
    error = error != 0 ? error : take_known(opening);
    error = error != 0 ? error : recovery_scan(&opening->recovery, message, message_size);
    error = error != 0 ? error : opening->failure;
    error = error != 0 ? error : take_segments(opening);
    if (error == -ENOSPC) {
        (void)snprintf(message, message_size,
                       "the log holds more streams than --streams-max allows (%u)",
                       opening->log->options.streams_max);
    } else if (error != 0 && message[0] == '\0') {
        (void)snprintf(message, message_size, "the log cannot be loaded: %s", strerror(-error));
    }
    return error != 0 ? error : settle(opening, message, message_size);
}

int open_recover(struct log *log, char *message, size_t message_size)
{
    struct opening opening = {.log = log};
    struct recovery_visitor visitor = {.context = &opening, .block = on_block, .fault = on_fault};
    message[0] = '\0';
    int error = recovery_begin(&opening.recovery, log->disk, log->options.segment_bytes, 0,
                               &visitor, message, message_size);
    if (error != 0) {
        return error;
    }
    if (opening.recovery.segment_bytes != log->options.segment_bytes) {
        LOG_WARN("log", "the log was made with segments of %llu bytes, and keeps them",
                 (unsigned long long)opening.recovery.segment_bytes);
    }
    error = log_set_segment_bytes(log, opening.recovery.segment_bytes);
    if (error == 0) {
        error = load(&opening, message, message_size);
    } else {
        (void)snprintf(message, message_size, "out of memory");
    }
    recovery_end(&opening.recovery);
    return error;
}
