#include "log/writer.h"

#include "base/assert.h"
#include "base/clock.h"
#include "log/core.h"

#include <errno.h>
#include <stdlib.h>

int writer_init(struct log *log)
{
    struct writer *writer = &log->writer;
    writer->ring = calloc(WRITER_INFLIGHT_MAX, sizeof(*writer->ring));
    if (writer->ring == NULL) {
        return -ENOMEM;
    }
    return builder_init(&writer->builder);
}

void writer_free(struct log *log)
{
    free(log->writer.ring);
    log->writer.ring = NULL;
    builder_free(&log->writer.builder);
}

void writer_begin_segment(struct log *log, struct segment *segment)
{
    struct writer *writer = &log->writer;
    ASSERT(!builder_is_open(&writer->builder));
    writer->active = segment;
    writer->next_position = segment->facts.end_position;
}

static struct inflight *inflight_at(struct writer *writer, uint32_t index)
{
    return &writer->ring[(writer->head + index) % WRITER_INFLIGHT_MAX];
}

static bool has_open_records(const struct writer *writer)
{
    return builder_is_open(&writer->builder) && writer->builder.record_count > 0;
}

uint64_t writer_last_id(const struct log *log)
{
    const struct writer *writer = &log->writer;
    return has_open_records(writer) ? writer->builder.records[writer->builder.record_count - 1].id
                                    : writer->closed.id;
}

uint64_t writer_needed_from(const struct log *log)
{
    const struct writer *writer = &log->writer;
    bool is_quiet = writer->synced.id == writer->closed.id && writer->active != NULL &&
                    !has_open_records(writer);
    return is_quiet ? writer->next_position : writer->synced.position;
}

// Memory up to room_end may be overwritten: what stood there is synced, and no reader may still use
// it.
static bool tail_has_room(struct log *log, uint64_t end)
{
    struct writer *writer = &log->writer;
    if (end <= writer->room_end) {
        return true;
    }
    uint64_t confirmed = log_tail_confirmed(log->tail);
    uint64_t needed = writer_needed_from(log);
    uint64_t room_end = (confirmed < needed ? confirmed : needed) + log->options.tail_bytes;
    if (room_end > writer->room_end) {
        writer->room_end = room_end;
    }
    return end <= writer->room_end;
}

// The fault path must be able to write all that is unsynced into one fresh segment.
static bool unsynced_has_room(const struct log *log, uint64_t open_bytes)
{
    const struct writer *writer = &log->writer;
    return writer->closed.bytes - writer->synced.bytes + open_bytes <= log->unsynced_bytes_max;
}

static bool index_has_room_for_all(const struct log *log)
{
    const struct writer *writer = &log->writer;
    uint64_t runs = builder_is_open(&writer->builder) ? writer->builder.stream_count + 1 : 1;
    for (uint32_t i = 0; i < writer->count; i++) {
        runs += writer->ring[(writer->head + i) % WRITER_INFLIGHT_MAX].stream_count;
    }
    return index_has_room(&log->index, runs);
}

// Opens a block, in the next segment if this record no longer fits into the active one.
static bool open_block(struct log *log, uint64_t alone_bytes)
{
    struct writer *writer = &log->writer;
    for (int attempt = 0; attempt < 2; attempt++) {
        if (writer->active != NULL) {
            uint64_t end =
                segment_position(writer->active->facts.number + 1, log->options.segment_bytes, 0);
            uint64_t left = end - writer->next_position;
            if (alone_bytes <= left) {
                uint64_t limit = left < log->block_bytes_max ? left : log->block_bytes_max;
                log_refresh_time(log);
                inflight_at(writer, writer->count)->taken_ns = clock_monotonic_ns();
                builder_open(&writer->builder, log_tail_at(log->tail, writer->next_position),
                             writer->next_position, (uint32_t)limit,
                             inflight_at(writer, writer->count)->slots);
                return true;
            }
        }
        if (!roll_to_next(log)) {
            return false;
        }
    }
    return false;
}

enum log_append_result writer_reserve(struct log *log, const struct builder_size *size,
                                      enum rc_error *error)
{
    struct writer *writer = &log->writer;
    uint64_t alone = builder_alone_bytes(size);
    if (alone > log->block_bytes_max || size->frame_bytes_max > FRAME_BYTES_MAX) {
        *error = ERR_TOO_LARGE;
        return LOG_APPEND_REFUSED;
    }
    if (builder_is_open(&writer->builder) && !builder_fits(&writer->builder, size)) {
        writer_close_block(log);
    }
    if (!builder_is_open(&writer->builder)) {
        bool has_room = unsynced_has_room(log, alone) && log->next_id < log->keeper.id_limit &&
                        writer->count < WRITER_INFLIGHT_MAX;
        if (has_room && !open_block(log, alone) && roll_has_failed(&log->roll)) {
            // To wait for room on a full disk may take for ever.
            log->roll.has_refused = true;
            *error = ERR_LOG_ERROR;
            return LOG_APPEND_REFUSED;
        }
        if (!builder_is_open(&writer->builder)) {
            writer->wants_room = true;
            return LOG_APPEND_FULL;
        }
    }
    uint64_t bytes = builder_bytes_with(&writer->builder, size);
    if (log->next_id >= log->keeper.id_limit || !unsynced_has_room(log, bytes) ||
        !index_has_room_for_all(log) || !tail_has_room(log, writer->builder.position + bytes)) {
        writer->wants_room = true;
        return LOG_APPEND_FULL;
    }
    return LOG_APPEND_TAKEN;
}

static void submit_write(struct log *log, uint32_t place)
{
    struct inflight *block = &log->writer.ring[place];
    uint64_t from = block->position + block->written;
    log->writer.outstanding++;
    disk_submit_write(log->disk, block->segment->file, log_tail_at(log->tail, from),
                      block->length - block->written,
                      segment_offset_of(from, log->options.segment_bytes),
                      tag_make(TAG_BLOCK, place));
}

bool writer_close_unsubmitted(struct log *log)
{
    struct writer *writer = &log->writer;
    struct builder *builder = &writer->builder;
    if (!builder_is_open(builder)) {
        return false;
    }
    if (builder->record_count == 0) {
        builder->block = NULL; // opened for a record that found no room after all
        return false;
    }
    ASSERT(writer->count < WRITER_INFLIGHT_MAX);
    struct inflight *block = inflight_at(writer, writer->count);
    uint32_t stream_count = builder->stream_count;
    uint32_t length = builder_close(builder, &log->streams, writer->active->facts.salt,
                                    writer->synced.position, writer->closed.last_position);
    block->segment = writer->active;
    block->position = writer->next_position;
    block->length = length;
    block->written = 0;
    block->done = false;
    block->stream_count = stream_count;
    writer->count++;
    const struct block_header *header =
        block_header_of(log_tail_at(log->tail, writer->next_position));
    segment_note_block(writer->active, log->options.segment_bytes, writer->next_position, header);
    writer->closed.last_position = writer->next_position;
    writer->next_position += length;
    writer->closed.position = writer->next_position;
    writer->closed.id = header->last_id;
    writer->closed.bytes += length;
    writer->active->end_bytes = writer->closed.bytes;
    return true;
}

// False where it is to be submitted.
static bool write_quickly(struct log *log, uint32_t place)
{
    struct writer *writer = &log->writer;
    struct inflight *block = &writer->ring[place];
    if (block->length > WRITER_QUICK_BYTES || writer->outstanding > 0 || writer->sync_inflight) {
        return false;
    }
    uint64_t began_ns = clock_monotonic_ns();
    if (began_ns < writer->quick_from_ns) {
        return false;
    }
    int64_t result = disk_write_quickly(
        log->disk, block->segment->file, log_tail_at(log->tail, block->position), block->length,
        segment_offset_of(block->position, log->options.segment_bytes));
    uint64_t ended_ns = clock_monotonic_ns();
    writer->quick_from_ns = ended_ns + WRITER_QUICK_SHARE * (ended_ns - began_ns);
    if (result == -EAGAIN) {
        return false;
    }
    writer->outstanding++;
    writer_block_done(log, place, result);
    return true;
}

void writer_close_block(struct log *log)
{
    struct writer *writer = &log->writer;
    if (!writer_close_unsubmitted(log)) {
        return;
    }
    uint32_t place = (writer->head + writer->count - 1) % WRITER_INFLIGHT_MAX;
    if (!write_quickly(log, place)) {
        submit_write(log, place);
    }
}

void writer_block_done(struct log *log, uint32_t index, int64_t result)
{
    struct writer *writer = &log->writer;
    struct inflight *block = &writer->ring[index];
    ASSERT(writer->outstanding > 0);
    writer->outstanding--;
    if (result <= 0) {
        log->counts.write_failures++;
        // A write of 0 bytes says nothing, and is what a full device may give.
        fault_begin(log, "write", result == 0 ? -ENOSPC : (int)result);
        return;
    }
    ASSERT((uint64_t)result <= block->length - block->written);
    block->written += (uint32_t)result;
    if (block->written == block->length) {
        block->done = true;
    } else if (!fault_is_on(log)) {
        submit_write(log, index);
    }
}

bool writer_advance(struct log *log)
{
    struct writer *writer = &log->writer;
    while (writer->count > 0 && !fault_is_on(log)) {
        struct inflight *block = &writer->ring[writer->head];
        if (!block->done) {
            break;
        }
        if (writer->handed.bytes == writer->synced.bytes) {
            writer->unsynced_since_ms = log->now_ms;
            writer->unsynced_from_ns = clock_monotonic_ns();
        }
        handout_block(log, block, block->position);
        writer->handed = (struct log_point){
            .position = block->position + block->length,
            .id = block_header_of(log_tail_at(log->tail, block->position))->last_id,
            .last_position = block->position,
            .bytes = writer->handed.bytes + block->length,
        };
        log->counts.blocks_written++;
        writer->head = (writer->head + 1) % WRITER_INFLIGHT_MAX;
        writer->count--;
    }
    bool more = acks_release(&log->written_acks, writer->handed.id, ACKS_A_ROUND, &log->callbacks);
    return acks_release(&log->synced_acks, writer->synced.id, ACKS_A_ROUND, &log->callbacks) ||
           more;
}

bool writer_has_room(struct log *log)
{
    struct writer *writer = &log->writer;
    // Room for a block of some size: a whole one where the tail allows, so that appends do not
    // stumble from byte to byte.
    uint64_t bytes = log->block_bytes_max / 4;
    if (acks_are_full(&log->written_acks) || acks_are_full(&log->synced_acks) ||
        log->next_id >= log->keeper.id_limit || !index_has_room_for_all(log)) {
        return false;
    }
    if (builder_is_open(&writer->builder)) {
        bytes += builder_bytes_with(&writer->builder, &(struct builder_size){0});
    } else if (writer->count == WRITER_INFLIGHT_MAX) {
        return false;
    }
    if (writer->active == NULL && !roll_is_ready(log)) {
        return false;
    }
    uint64_t position = builder_is_open(&writer->builder) ? writer->builder.position
                        : writer->active != NULL          ? writer->next_position
                                                          : roll_first_position(log);
    return unsynced_has_room(log, bytes) && tail_has_room(log, position + bytes);
}
