#include "log/fault.h"

#include "base/assert.h"
#include "base/logger.h"
#include "log/core.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool fault_is_on(const struct log *log)
{
    return fault_state_is_on(&log->fault);
}

void fault_begin(struct log *log, const char *what, int error)
{
    struct fault *fault = &log->fault;
    if (fault->state != FAULT_NONE) {
        return; // the failures that follow from the first
    }
    (void)snprintf(fault->text, sizeof(fault->text), "%s failed: %s", what, strerror(-error));
    LOG_ERROR("log", "%s; events are refused until what is not synced is written to a new segment",
              fault->text);
    fault->state = FAULT_QUIESCE;
}

void fault_free(struct log *log)
{
    struct fault *fault = &log->fault;
    free(fault->copy);
    free(fault->header);
    if (fault->fresh != NULL) {
        log_close_file(log, fault->fresh->file);
        segment_destroy(fault->fresh);
    }
    memset(fault, 0, sizeof(*fault));
}

uint64_t fault_next_ms(const struct log *log)
{
    const struct fault *fault = &log->fault;
    switch (fault->state) {
    case FAULT_WAIT: return fault->retry_at_ms > log->now_ms ? fault->retry_at_ms - log->now_ms : 0;
    case FAULT_ROOM: return 1; // readers do not tell that they moved on
    default: return UINT64_MAX;
    }
}

// Copies what is unsynced aside, as it stands in the tail: the fresh positions may share its
// memory.
static bool copy_unsynced(struct log *log)
{
    struct fault *fault = &log->fault;
    const struct writer *writer = &log->writer;
    fault->cut = writer->synced.position; // a sync that was under way may have raised it
    fault->copy_bytes = writer->closed.bytes - writer->synced.bytes;
    fault->copy = malloc(fault->copy_bytes + 1);
    fault->header = aligned_alloc(SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES);
    if (fault->copy == NULL || fault->header == NULL) {
        free(fault->copy);
        free(fault->header);
        fault->copy = NULL;
        fault->header = NULL;
        return false;
    }
    uint64_t copied = 0;
    for (uint32_t i =
             chain_from(&log->chain, segment_number_of(fault->cut, log->options.segment_bytes));
         i < log->chain.count; i++) {
        const struct segment *segment = log->chain.list[i];
        uint64_t from = segment_first_position(segment->facts.number, log->options.segment_bytes);
        from = from > fault->cut ? from : fault->cut;
        if (segment->facts.end_position > from) {
            uint64_t bytes = segment->facts.end_position - from;
            ASSERT(copied + bytes <= fault->copy_bytes);
            memcpy(fault->copy + copied, log_tail_at(log->tail, from), bytes);
            copied += bytes;
        }
    }
    ASSERT(copied == fault->copy_bytes);
    return true;
}

static void retry_later(struct log *log, int error)
{
    struct fault *fault = &log->fault;
    if (fault->fresh != NULL) {
        log_close_file(log, fault->fresh->file);
        roll_retire_file(log, fault->fresh->facts.number);
        segment_destroy(fault->fresh);
        fault->fresh = NULL;
    }
    (void)snprintf(fault->text, sizeof(fault->text), "no new segment: %s", strerror(-error));
    LOGGER_EVERY(60000, LOGGER_ERROR, "log", "%s; trying again each second", fault->text);
    fault->state = FAULT_WAIT;
    fault->retry_at_ms = log->now_ms + FAULT_RETRY_MS;
}

static void attempt(struct log *log)
{
    struct fault *fault = &log->fault;
    if (fault->copy == NULL && !copy_unsynced(log)) {
        retry_later(log, -ENOMEM);
        return;
    }
    struct roll *roll = &log->roll;
    if (roll->spare != NULL) {
        // Its header does not say where the log was cut; its file is taken over.
        log_close_file(log, roll->spare->file);
        roll_retire_file(log, roll->spare->facts.number);
        segment_destroy(roll->spare);
        roll->spare = NULL;
    }
    if (chain_is_full(&log->chain)) {
        retry_later(log, -EMFILE);
        return;
    }
    fault->state = FAULT_PREPARE;
    fault->written = 0;
    roll_submit_prepare(log, fault->cut, SEGMENT_PENDING);
}

void fault_prepare_done(struct log *log, int64_t result)
{
    struct fault *fault = &log->fault;
    struct roll *roll = &log->roll;
    ASSERT(fault->state == FAULT_PREPARE);
    roll->preparing = false;
    if (result >= 0) {
        fault->fresh = segment_make(&log->chain, roll->number, roll->salt, (int)result);
    }
    if (fault->fresh == NULL) {
        if (result >= 0) {
            log_close_file(log, (int)result);
        }
        log->counts.write_failures += result < 0;
        roll_drop_prepared(log);
        retry_later(log, result < 0 ? (int)result : -ENOMEM);
        return;
    }
    memcpy(fault->header, roll->header, SEGMENT_HEADER_BYTES);
    fault->state = FAULT_ROOM;
}

// Lays the blocks at their new places in the tail, as blocks of the new segment's life.
static void lay_out(struct log *log)
{
    struct fault *fault = &log->fault;
    uint64_t first = fault->fresh->facts.end_position;
    uint64_t previous = log->writer.synced.last_position;
    for (uint64_t at = 0; at < fault->copy_bytes;) {
        struct block_header *header = (struct block_header *)(void *)(fault->copy + at);
        uint64_t position = first + at;
        header->salt = fault->fresh->facts.salt;
        header->previous_position = previous;
        header->synced_through = fault->cut;
        block_seal(fault->copy + at);
        memcpy(log_tail_at(log->tail, position), header, header->length);
        segment_note_block(fault->fresh, log->options.segment_bytes, position, header);
        previous = position;
        at += header->length;
    }
}

static void submit_rest(struct log *log)
{
    struct fault *fault = &log->fault;
    uint64_t first = segment_first_position(fault->fresh->facts.number, log->options.segment_bytes);
    uint64_t from = first + fault->written;
    disk_submit_write(log->disk, fault->fresh->file, log_tail_at(log->tail, from),
                      (uint32_t)(fault->copy_bytes - fault->written),
                      segment_offset_of(from, log->options.segment_bytes),
                      tag_make(TAG_FAULT_WRITE, 0));
}

static void submit_sync(struct log *log, enum fault_state state)
{
    log->fault.state = state;
    disk_submit_sync(log->disk, log->fault.fresh->file, tag_make(TAG_FAULT_SYNC, 0));
}

static void write_when_room(struct log *log)
{
    struct fault *fault = &log->fault;
    uint64_t end = fault->fresh->facts.end_position + fault->copy_bytes;
    uint64_t tail_bytes = log->options.tail_bytes;
    uint64_t floor = end > tail_bytes ? end - tail_bytes : 0;
    if (floor > log->handout.floor) {
        log->handout.floor = floor;
        log_tail_announce(log->tail, floor);
    }
    if (log_tail_confirmed(log->tail) < floor) {
        return;
    }
    lay_out(log);
    if (fault->copy_bytes == 0) {
        submit_sync(log, FAULT_SYNC);
        return;
    }
    fault->state = FAULT_WRITE;
    submit_rest(log);
}

void fault_round(struct log *log)
{
    struct fault *fault = &log->fault;
    switch (fault->state) {
    case FAULT_QUIESCE:
        if (log->writer.outstanding == 0 && !log->writer.sync_inflight && !log->roll.preparing) {
            (void)writer_close_unsubmitted(log);
            attempt(log);
        }
        break;
    case FAULT_WAIT:
        if (log->now_ms >= fault->retry_at_ms) {
            attempt(log);
        }
        break;
    case FAULT_ROOM: write_when_room(log); break;
    default: break;
    }
}

void fault_write_done(struct log *log, int64_t result)
{
    struct fault *fault = &log->fault;
    if (result <= 0) {
        log->counts.write_failures++;
        retry_later(log, result == 0 ? -ENOSPC : (int)result);
        return;
    }
    if (fault->state == FAULT_WRITE) {
        fault->written += (uint64_t)result;
        if (fault->written < fault->copy_bytes) {
            submit_rest(log);
        } else {
            submit_sync(log, FAULT_SYNC);
        }
        return;
    }
    ASSERT(fault->state == FAULT_CLEAR);
    if (result < SEGMENT_HEADER_BYTES) {
        // What the header says lies in its first sector; written whole again, since it costs
        // nothing.
        disk_submit_write(log->disk, fault->fresh->file, fault->header, SEGMENT_HEADER_BYTES, 0,
                          tag_make(TAG_FAULT_WRITE, 0));
        return;
    }
    submit_sync(log, FAULT_CLEAR_SYNC);
}

// Segments that end at the cut, and those that begin behind it and are no longer part of the log.
static void cut_chain(struct log *log)
{
    struct chain *chain = &log->chain;
    const struct writer *writer = &log->writer;
    uint64_t segment_bytes = log->options.segment_bytes;
    while (chain->count > 0) {
        struct segment *segment = chain_newest(chain);
        uint64_t first = segment_first_position(segment->facts.number, segment_bytes);
        if (segment->facts.last_id <= writer->synced.id && segment->facts.last_id != 0) {
            break; // all of it is synced
        }
        if (segment->facts.first_id != 0 && segment->facts.first_id <= writer->synced.id) {
            ASSERT(writer->synced.position > first);
            segment_cut(segment, writer->synced.position, writer->synced.id,
                        writer->synced.last_position);
            segment->end_bytes = writer->synced.bytes;
            break;
        }
        chain_remove(chain, segment);
        retention_retire(log, segment);
    }
    if (chain->count > 0 && chain_newest(chain)->state == SEGMENT_ACTIVE) {
        chain_newest(chain)->state = SEGMENT_ROLLED;
    }
}

// What was handed out already: runs and recent blocks learn the new place. What was not: handed out
// now.
static void take_over(struct log *log)
{
    struct fault *fault = &log->fault;
    struct writer *writer = &log->writer;
    uint64_t first = segment_first_position(fault->fresh->facts.number, log->options.segment_bytes);
    for (uint64_t at = 0; at < fault->copy_bytes;) {
        const struct block_header *header = block_header_of(fault->copy + at);
        if (header->first_id <= writer->handed.id) {
            const struct block_stream *entries = block_streams(fault->copy + at);
            for (uint32_t i = 0; i < header->stream_count; i++) {
                struct log_stream *stream = streams_by_number(&log->streams, entries[i].number);
                if (stream != NULL && entries[i].count > 0) {
                    struct log_run *run = index_run(
                        &log->index, index_find_id(&log->index, stream, entries[i].first_id - 1));
                    if (run != NULL && run->first_id == entries[i].first_id) {
                        run->block_position = first + at;
                    }
                }
            }
            handout_moved(log, header->first_id, first + at);
        } else {
            struct inflight *block = &writer->ring[writer->head];
            ASSERT(writer->count > 0 && block->length == header->length);
            handout_block(log, block, first + at);
            writer->head = (writer->head + 1) % WRITER_INFLIGHT_MAX;
            writer->count--;
            log->counts.blocks_written++;
        }
        at += header->length;
    }
    ASSERT(writer->count == 0);
}

static void finish(struct log *log)
{
    struct fault *fault = &log->fault;
    struct writer *writer = &log->writer;
    struct segment *fresh = fault->fresh;
    LOG_WARN("log", "%s; recovered: %llu bytes were written to segment %llu", fault->text,
             (unsigned long long)fault->copy_bytes, (unsigned long long)fresh->facts.number);
    cut_chain(log);
    chain_add(&log->chain, fresh);
    log_tail_segment_set(log->tail, fresh->facts.number, fresh->file, fresh->facts.salt);
    take_over(log);
    log->roll.previous_end = 0;
    fresh->end_bytes = writer->closed.bytes;
    writer_begin_segment(log, fresh);
    writer->closed.position = fresh->facts.end_position;
    writer->closed.last_position =
        fresh->facts.last_position != 0 ? fresh->facts.last_position : writer->synced.last_position;
    writer->handed = writer->closed;
    writer->synced = writer->closed;
    writer->room_end = 0;
    fault->fresh = NULL;
    fault_free(log);
}

void fault_sync_done(struct log *log, int64_t result)
{
    struct fault *fault = &log->fault;
    log->counts.syncs++;
    if (result < 0) {
        log->counts.sync_failures++;
        retry_later(log, (int)result);
        return;
    }
    if (fault->state == FAULT_CLEAR_SYNC) {
        finish(log);
        return;
    }
    struct segment_header header;
    enum segment_verdict verdict =
        segment_header_decode(slice_from(fault->header, SEGMENT_HEADER_BYTES), &header);
    ASSERT(verdict == SEGMENT_VALID);
    header.flags &= ~(uint32_t)SEGMENT_PENDING;
    segment_header_encode(&header, fault->header);
    fault->state = FAULT_CLEAR;
    disk_submit_write(log->disk, fault->fresh->file, fault->header, SEGMENT_HEADER_BYTES, 0,
                      tag_make(TAG_FAULT_WRITE, 0));
}
