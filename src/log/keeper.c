#include "log/keeper.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/logger.h"
#include "log/core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Bounds the checkpoint at what streams, producers and segments can need at most.
static size_t checkpoint_bytes_max(const struct log *log)
{
    return CHECKPOINT_HEADER_BYTES +
           (size_t)log->options.streams_max * CHECKPOINT_STREAM_BYTES_MAX +
           (size_t)log->options.producers_max * sizeof(struct checkpoint_producer) +
           (size_t)SEGMENTS_MAX * sizeof(struct checkpoint_segment);
}

void keeper_free(struct log *log)
{
    struct keeper *keeper = &log->keeper;
    buffer_free(&keeper->out);
    free(keeper->segments);
    keeper->segments = NULL;
}

void keeper_want(struct log *log)
{
    log->keeper.wants_checkpoint = true;
}

// A segment as far as it is synced. False where nothing of it is.
static bool synced_facts(const struct log *log, const struct segment *segment,
                         struct checkpoint_segment *facts)
{
    const struct log_point *synced = &log->writer.synced;
    *facts = segment->facts;
    if (segment->state == SEGMENT_SEALED && !segment->index_is_bad) {
        return true;
    }
    // Without an index here, the next start builds it again from the blocks.
    facts->index_offset = 0;
    facts->index_length = 0;
    if (facts->first_id == 0 || facts->first_id > synced->id) {
        return false;
    }
    if (facts->last_id > synced->id) {
        facts->last_id = synced->id;
        facts->end_position = synced->position;
        facts->last_position = synced->last_position;
    }
    return true;
}

static int begin(struct log *log)
{
    struct keeper *keeper = &log->keeper;
    const struct log_point *synced = &log->writer.synced;
    keeper->segments = calloc(log->chain.count + 1, sizeof(*keeper->segments));
    if (keeper->segments == NULL) {
        return -ENOMEM;
    }
    keeper->segment_count = 0;
    for (uint32_t i = 0; i < log->chain.count; i++) {
        keeper->segment_count +=
            synced_facts(log, log->chain.list[i], &keeper->segments[keeper->segment_count]);
    }
    buffer_init(&keeper->out, checkpoint_bytes_max(log));
    checkpoint_begin(&keeper->writer, &keeper->out,
                     &(struct checkpoint_head){
                         .position = synced->position,
                         .last_id = synced->id,
                         .last_position = synced->last_position,
                         .next_stream_number = log->streams.next_number,
                         .segment_bytes = log->options.segment_bytes,
                         .created_ms = clock_realtime_ms(),
                     });
    keeper->wants_checkpoint = false;
    keeper->begun++;
    keeper->next_place = 0;
    keeper->stage = KEEPER_STREAMS;
    return 0;
}

static void add_stream(struct log *log, const struct log_stream *stream)
{
    const struct stream_extra *extra = streams_extra(&log->streams, stream);
    checkpoint_add_stream(
        &log->keeper.writer,
        &(struct checkpoint_stream){
            .number = stream->number,
            .last_id = stream->last_id,
            .last_sequence = streams_handed_sequence(stream),
            .discarded_id = stream->discarded_id,
            .discarded_sequence = stream->discarded_sequence,
            .last_time_ms = stream->last_time_ms,
            .settings = extra != NULL ? extra->settings : (struct stream_settings){0},
            .content_type = streams_content_type(&log->streams, stream),
            .life = (enum stream_life)stream->handed_life,
            .is_made = stream->is_made,
            .name = streams_name(&log->streams, stream),
        });
}

static void add_streams(struct log *log, uint32_t most)
{
    struct keeper *keeper = &log->keeper;
    for (; most > 0 && keeper->next_place < log->streams.touched; keeper->next_place++, most--) {
        const struct log_stream *stream = streams_at(&log->streams, keeper->next_place);
        // One that only has subscribers is made again when they come back.
        if (stream->number != 0 &&
            ((stream->last_id | stream->discarded_id) != 0 || stream->is_made)) {
            add_stream(log, stream);
        }
    }
    if (keeper->next_place == log->streams.touched) {
        keeper->next_place = 0;
        keeper->stage = KEEPER_PRODUCERS;
    }
}

static int finish(struct log *log)
{
    struct keeper *keeper = &log->keeper;
    for (uint32_t i = 0; i < keeper->segment_count; i++) {
        checkpoint_add_segment(&keeper->writer, &keeper->segments[i]);
    }
    free(keeper->segments);
    keeper->segments = NULL;
    // Streams and producers may reflect events that are not synced yet. Were the checkpoint to
    // outlive them, a producer's repeat would be taken for known and be lost.
    keeper->wait_id = writer_last_id(log);
    keeper->stage = KEEPER_UNSYNCED;
    return checkpoint_finish(&keeper->writer);
}

static int add_producers(struct log *log, uint32_t most)
{
    struct keeper *keeper = &log->keeper;
    const struct producer *entry;
    while (producers_next(&log->producers, &keeper->next_place, &entry)) {
        checkpoint_add_producer(&keeper->writer, &(struct checkpoint_producer){
                                                     .stream_number = entry->stream_number,
                                                     .producer_id = entry->producer_id,
                                                     .producer_sequence = entry->producer_sequence,
                                                     .id = entry->id,
                                                     .sequence = entry->sequence,
                                                     .last_used_ms = entry->last_used_ms,
                                                     .epoch = entry->epoch,
                                                 });
        if (--most == 0) {
            return 0;
        }
    }
    return finish(log);
}

static void checkpoint_failed(struct log *log, int error)
{
    struct keeper *keeper = &log->keeper;
    if (keeper->failure == 0) {
        LOG_ERROR("log", "cannot write the checkpoint: %s; trying again each second",
                  strerror(-error));
    }
    keeper->failure = error;
    log->counts.write_failures++;
    keeper_free(log);
    keeper->stage = KEEPER_IDLE;
    keeper->wants_checkpoint = true;
    keeper->checkpoint_retry_ms = log->now_ms + KEEPER_RETRY_MS;
}

static void submit_meta(struct log *log)
{
    struct keeper *keeper = &log->keeper;
    keeper->meta.id_limit = log->next_id + META_RESERVE;
    meta_encode(&keeper->meta, keeper->meta_bytes);
    keeper->replacing_meta = true;
    disk_submit_replace(log->disk, META_NAME, keeper->meta_bytes, META_BYTES,
                        tag_make(TAG_META, 0));
}

void keeper_meta_done(struct log *log, int64_t result)
{
    struct keeper *keeper = &log->keeper;
    ASSERT(keeper->replacing_meta);
    keeper->replacing_meta = false;
    if (result < 0) {
        log->counts.write_failures++;
        LOGGER_EVERY(60000, LOGGER_ERROR, "log", "cannot reserve ids: %s; trying again each second",
                     strerror((int)-result));
        keeper->meta_retry_ms = log->now_ms + KEEPER_RETRY_MS;
        return;
    }
    keeper->id_limit = keeper->meta.id_limit;
}

void keeper_checkpoint_done(struct log *log, int64_t result)
{
    struct keeper *keeper = &log->keeper;
    ASSERT(keeper->stage == KEEPER_REPLACING);
    if (result < 0) {
        checkpoint_failed(log, (int)result);
        return;
    }
    keeper->failure = 0;
    keeper->done = keeper->begun;
    keeper->stage = KEEPER_IDLE;
    buffer_free(&keeper->out);
}

static void build(struct log *log, uint32_t most)
{
    struct keeper *keeper = &log->keeper;
    int error = 0;
    switch (keeper->stage) {
    case KEEPER_IDLE: error = begin(log); break;
    case KEEPER_STREAMS: add_streams(log, most); break;
    case KEEPER_PRODUCERS: error = add_producers(log, most); break;
    default: break;
    }
    if (error != 0) {
        checkpoint_failed(log, error);
    }
}

static bool is_building(const struct keeper *keeper)
{
    return keeper->stage == KEEPER_STREAMS || keeper->stage == KEEPER_PRODUCERS;
}

bool keeper_round(struct log *log)
{
    struct keeper *keeper = &log->keeper;
    if (is_building(keeper) || (keeper->stage == KEEPER_IDLE && keeper->wants_checkpoint &&
                                !log->draining && log->now_ms >= keeper->checkpoint_retry_ms)) {
        build(log, KEEPER_SLICE);
    }
    if (keeper->stage == KEEPER_UNSYNCED) {
        writer_wish_sync(&log->writer, keeper->wait_id);
        if (log->writer.synced.id >= keeper->wait_id) {
            keeper->stage = KEEPER_READY;
        }
    }
    bool replacing = keeper->replacing_meta || keeper->stage == KEEPER_REPLACING;
    if (!replacing && log->next_id + META_RESERVE / 2 > keeper->id_limit &&
        log->now_ms >= keeper->meta_retry_ms) {
        submit_meta(log);
    } else if (!replacing && keeper->stage == KEEPER_READY) {
        keeper->stage = KEEPER_REPLACING;
        struct slice bytes = buffer_slice(&keeper->out);
        disk_submit_replace(log->disk, CHECKPOINT_NAME, bytes.at, bytes.length,
                            tag_make(TAG_CHECKPOINT, 0));
    }
    return is_building(keeper);
}

uint64_t keeper_next_ms(const struct log *log)
{
    const struct keeper *keeper = &log->keeper;
    uint64_t due = UINT64_MAX;
    if (keeper->stage == KEEPER_IDLE && keeper->wants_checkpoint && !log->draining) {
        due = keeper->checkpoint_retry_ms;
    }
    if (!keeper->replacing_meta && log->next_id + META_RESERVE / 2 > keeper->id_limit &&
        keeper->meta_retry_ms < due) {
        due = keeper->meta_retry_ms;
    }
    if (due == UINT64_MAX) {
        return due;
    }
    return due > log->now_ms ? due - log->now_ms : 0;
}

int keeper_write_checkpoint_now(struct log *log)
{
    struct keeper *keeper = &log->keeper;
    keeper_free(log); // one that was being built
    int error = begin(log);
    while (error == 0 && is_building(keeper)) {
        if (keeper->stage == KEEPER_STREAMS) {
            add_streams(log, UINT32_MAX);
        } else {
            error = add_producers(log, UINT32_MAX);
        }
    }
    if (error == 0) {
        ASSERT(keeper->wait_id <= log->writer.synced.id);
        struct slice bytes = buffer_slice(&keeper->out);
        error = disk_replace_now(log->disk, CHECKPOINT_NAME, bytes.at, bytes.length);
    }
    keeper_free(log);
    keeper->stage = KEEPER_IDLE;
    return error;
}

int keeper_write_meta_now(struct log *log, bool clean)
{
    struct keeper *keeper = &log->keeper;
    keeper->meta.id_limit = log->next_id + META_RESERVE;
    keeper->meta.next_id = log->next_id;
    keeper->meta.clean = clean;
    keeper->meta.sequence_base = log->sequence_base;
    keeper->meta.segment_bytes = log->options.segment_bytes;
    disk_boot_id(log->disk, keeper->meta.boot_id);
    meta_encode(&keeper->meta, keeper->meta_bytes);
    int error = disk_replace_now(log->disk, META_NAME, keeper->meta_bytes, META_BYTES);
    if (error == 0) {
        keeper->id_limit = keeper->meta.id_limit;
    }
    return error;
}
