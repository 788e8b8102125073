#include "log/sealing.h"

#include "base/assert.h"
#include "base/logger.h"
#include "log/core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void forget(struct sealing *sealing)
{
    buffer_free(&sealing->out);
    free(sealing->streams);
    sealing->streams = NULL;
    sealing->stream_count = 0;
    sealing->stream_room = 0;
    sealing->segment = NULL;
    sealing->state = SEALING_IDLE;
}

void sealing_free(struct log *log)
{
    struct sealing *sealing = &log->sealing;
    if (sealing->state == SEALING_ADD) {
        seal_abandon(&sealing->writer);
    }
    forget(sealing);
}

static void failed(struct log *log, int error)
{
    struct sealing *sealing = &log->sealing;
    if (sealing->failure == 0) {
        LOG_ERROR("log", "cannot write the index of segment %llu: %s; trying again each second",
                  (unsigned long long)sealing->segment->facts.number, strerror(-error));
    }
    sealing->failure = error;
    sealing->retry_at_ms = log->now_ms + SEALING_RETRY_MS;
    sealing_free(log);
}

static uint64_t end_of_segment(const struct log *log)
{
    return segment_position(log->sealing.segment->facts.number + 1, log->options.segment_bytes, 0);
}

static uint64_t start_of_segment(const struct log *log)
{
    return segment_position(log->sealing.segment->facts.number, log->options.segment_bytes, 0);
}

// The oldest rolled segment of which nothing may be written anew any more.
static struct segment *find_segment(const struct log *log)
{
    for (uint32_t i = 0; i < log->chain.count; i++) {
        struct segment *segment = log->chain.list[i];
        if (segment->state == SEGMENT_ROLLED) {
            return segment->facts.last_id <= log->writer.synced.id ? segment : NULL;
        }
    }
    return NULL;
}

static void begin(struct log *log, struct segment *segment)
{
    struct sealing *sealing = &log->sealing;
    sealing->segment = segment;
    sealing->next = 0;
    sealing->state = SEALING_GATHER;
}

// The stream's first run at or above position.
static struct index_cursor first_run(const struct log *log, const struct log_stream *stream,
                                     uint64_t position)
{
    struct index_cursor cursor = index_oldest(&log->index, stream);
    const struct log_run *run;
    while ((run = index_run(&log->index, cursor)) != NULL && run->block_position < position) {
        index_step_newer(&log->index, stream, &cursor);
    }
    return cursor;
}

static bool has_run(const struct log *log, const struct log_stream *stream)
{
    const struct log_run *run =
        index_run(&log->index, first_run(log, stream, start_of_segment(log)));
    return run != NULL && run->block_position < end_of_segment(log);
}

static int note_stream(struct sealing *sealing, uint64_t number, uint32_t slot)
{
    if (sealing->stream_count == sealing->stream_room) {
        uint32_t room = sealing->stream_room == 0 ? 1024 : sealing->stream_room * 2;
        struct sealing_stream *grown = realloc(sealing->streams, room * sizeof(*sealing->streams));
        if (grown == NULL) {
            return -ENOMEM;
        }
        sealing->streams = grown;
        sealing->stream_room = room;
    }
    sealing->streams[sealing->stream_count++] =
        (struct sealing_stream){.number = number, .slot = slot};
    return 0;
}

static int compare_streams(const void *one, const void *other)
{
    uint64_t a = ((const struct sealing_stream *)one)->number;
    uint64_t b = ((const struct sealing_stream *)other)->number;
    return a < b ? -1 : a > b;
}

static void gather(struct log *log)
{
    struct sealing *sealing = &log->sealing;
    for (uint32_t most = SEALING_SLICE; most > 0 && sealing->next < log->streams.touched; most--) {
        uint32_t slot = sealing->next++;
        const struct log_stream *stream = streams_at(&log->streams, slot);
        if (stream->number != 0 && stream->newest_run != STREAM_NONE && has_run(log, stream) &&
            note_stream(sealing, stream->number, slot) != 0) {
            failed(log, -ENOMEM);
            return;
        }
    }
    if (sealing->next < log->streams.touched) {
        return;
    }
    // Slots are given out in the order of numbers until streams are forgotten: mostly sorted
    // already.
    bool sorted = true;
    for (uint32_t i = 1; i < sealing->stream_count && sorted; i++) {
        sorted = sealing->streams[i - 1].number < sealing->streams[i].number;
    }
    if (!sorted) {
        qsort(sealing->streams, sealing->stream_count, sizeof(*sealing->streams), compare_streams);
    }
    buffer_init(&sealing->out, UINT32_MAX / 2);
    seal_begin(&sealing->writer, &sealing->out, sealing->segment->facts.salt,
               sealing->segment->facts.number);
    sealing->next = 0;
    sealing->state = SEALING_ADD;
}

// NULL where the stream was forgotten meanwhile.
static struct log_stream *stream_still_there(const struct log *log,
                                             const struct sealing_stream *noted)
{
    struct log_stream *stream = streams_at(&log->streams, noted->slot);
    return stream->number == noted->number ? stream : NULL;
}

static void submit_write(struct log *log)
{
    struct sealing *sealing = &log->sealing;
    struct slice bytes = buffer_slice(&sealing->out);
    uint64_t left = bytes.length - sealing->written;
    uint64_t length = left < SEALING_WRITE_BYTES ? left : SEALING_WRITE_BYTES;
    uint64_t offset = sealing->segment->facts.end_position - start_of_segment(log);
    disk_submit_write(log->disk, sealing->segment->file, bytes.at + sealing->written,
                      (uint32_t)length, offset + sealing->written, tag_make(TAG_SEAL_WRITE, 0));
}

static void add(struct log *log)
{
    struct sealing *sealing = &log->sealing;
    uint64_t end = end_of_segment(log);
    for (uint32_t most = SEALING_SLICE; most > 0 && sealing->next < sealing->stream_count;) {
        const struct sealing_stream *noted = &sealing->streams[sealing->next++];
        const struct log_stream *stream = stream_still_there(log, noted);
        if (stream == NULL) {
            continue;
        }
        struct index_cursor cursor = first_run(log, stream, start_of_segment(log));
        const struct log_run *run;
        while ((run = index_run(&log->index, cursor)) != NULL && run->block_position < end) {
            seal_add_run(&sealing->writer, stream->number, run);
            index_step_newer(&log->index, stream, &cursor);
            most -= most > 0;
        }
    }
    if (sealing->next < sealing->stream_count) {
        return;
    }
    const struct segment *segment = sealing->segment;
    int error =
        seal_finish(&sealing->writer, segment->marks, segment->mark_count, segment->facts.first_id,
                    segment->facts.last_id, log->writer.synced.position,
                    segment->facts.last_time_ms, segment->facts.last_position);
    sealing->state = SEALING_UNSYNCED;
    if (error != 0) {
        failed(log, error);
    }
}

static void write_when_synced(struct log *log)
{
    uint64_t discarded_by = log->retention.discarded_by;
    if (discarded_by > log->writer.synced.id) {
        writer_wish_sync(&log->writer, discarded_by);
        return;
    }
    log->sealing.state = SEALING_WRITE;
    log->sealing.written = 0;
    submit_write(log);
}

void sealing_write_done(struct log *log, int64_t result)
{
    struct sealing *sealing = &log->sealing;
    ASSERT(sealing->state == SEALING_WRITE);
    if (result <= 0) {
        log->counts.write_failures++;
        failed(log, result == 0 ? -ENOSPC : (int)result);
        return;
    }
    sealing->written += (uint64_t)result;
    if (sealing->written < buffer_length(&sealing->out)) {
        submit_write(log);
        return;
    }
    sealing->state = SEALING_SYNC;
    disk_submit_sync(log->disk, sealing->segment->file, tag_make(TAG_SEAL_SYNC, 0));
}

static int load_head(struct sealing *sealing)
{
    struct segment *segment = sealing->segment;
    struct slice bytes = buffer_slice(&sealing->out);
    struct slice start = slice_first(bytes, BLOCK_HEADER_BYTES + SEAL_HEADER_BYTES);
    uint32_t offset;
    uint32_t length;
    bool found =
        seal_head_find(start, segment->facts.salt, segment->facts.number, &offset, &length);
    ASSERT(found);
    return seal_head_load(&segment->head, start, slice_first(slice_after(bytes, offset), length),
                          segment->facts.salt, segment->facts.number);
}

// A segment that ended early, as at every start, gives the rest of its file back; so that many
// restarts do not fill the disk.
static void trim(const struct log *log, const struct segment *segment)
{
    uint64_t used = segment->facts.index_offset + segment->facts.index_length;
    if (used < log->options.segment_bytes / SEALING_TRIM_SHARE) {
        int error = disk_trim_now(log->disk, segment->file, used);
        if (error != 0) {
            LOG_WARN("log", "segment %llu keeps its unused space: %s",
                     (unsigned long long)segment->facts.number, strerror(-error));
        }
    }
}

void sealing_sync_done(struct log *log, int64_t result)
{
    struct sealing *sealing = &log->sealing;
    struct segment *segment = sealing->segment;
    ASSERT(sealing->state == SEALING_SYNC);
    log->counts.syncs++;
    log->counts.sync_failures += result < 0;
    int error = result < 0 ? (int)result : load_head(sealing);
    if (error != 0) {
        failed(log, error); // the index alone is in doubt, and is written again whole
        return;
    }
    sealing->failure = 0;
    segment->facts.index_offset = segment->facts.end_position - start_of_segment(log);
    segment->facts.index_length = (uint32_t)buffer_length(&sealing->out);
    segment_set_sealed(segment);
    trim(log, segment);
    buffer_free(&sealing->out);
    sealing->next = 0;
    sealing->state = SEALING_DROP;
}

static void drop(struct log *log)
{
    struct sealing *sealing = &log->sealing;
    uint64_t end = end_of_segment(log);
    for (uint32_t most = SEALING_SLICE; most > 0 && sealing->next < sealing->stream_count; most--) {
        struct log_stream *stream = stream_still_there(log, &sealing->streams[sealing->next++]);
        if (stream != NULL) {
            index_drop_before(&log->index, stream, end);
        }
    }
    if (sealing->next == sealing->stream_count) {
        forget(sealing);
        keeper_want(log);
    }
}

bool sealing_round(struct log *log)
{
    struct sealing *sealing = &log->sealing;
    switch (sealing->state) {
    case SEALING_IDLE: {
        struct segment *segment =
            log->draining || log->now_ms < sealing->retry_at_ms ? NULL : find_segment(log);
        if (segment == NULL) {
            return false;
        }
        begin(log, segment);
        return true;
    }
    case SEALING_GATHER: gather(log); return true;
    case SEALING_ADD: add(log); return sealing->state == SEALING_ADD;
    case SEALING_UNSYNCED: write_when_synced(log); return false;
    case SEALING_DROP: drop(log); return true;
    default: return false;
    }
}

uint64_t sealing_next_ms(const struct log *log)
{
    const struct sealing *sealing = &log->sealing;
    if (sealing->state != SEALING_IDLE || log->draining || find_segment(log) == NULL) {
        return UINT64_MAX;
    }
    return sealing->retry_at_ms > log->now_ms ? sealing->retry_at_ms - log->now_ms : 0;
}
