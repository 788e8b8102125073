#include "conn/walk.h"

#include "base/assert.h"
#include "conn/flow.h"
#include "conn/grant.h"
#include "conn/overflow.h"
#include "conn/walk_find.h"
#include "event/frame.h"
#include "wire/envelope.h"

void walk_begin(struct walk *walk, struct shard *shard, struct conn *conn, bool by_frame)
{
    walk->shard = shard;
    walk->conn = conn;
    walk->cursor = conn->cursor;
    walk->by_frame = by_frame;
    walk->form = (conn->flags & CONN_BATCH_EVENT) != 0 ? RENDITION_BATCH : RENDITION_ENVELOPE;
    walk->event_bytes_max =
        (conn->flags & CONN_FLOW) != 0 ? conn_flow_of(shard, conn)->event_bytes_max : 0;
    walk->types = conn_types_of(shard, conn);
    walk->by_record = walk->types != NULL;
    walk->whole_events_max = UINT32_MAX;
    walk->whole_bytes_max = UINT32_MAX;
    walk->is_mid_frame = conn->frame_offset > 0;
    walk->unix_ms = shard->unix_ms;
    walk->is_native = (conn->flags & CONN_ENVELOPE) == 0;
    walk->end_id = UINT64_MAX;
    walk->cut = OVERFLOW_CUT_NONE;
    walk->records_seen = 0;
    walk->has_ended = false;
    walk->passed = 0;
    walk->passed_max = UINT64_MAX;
    walk->block = NULL;
    walk->frames = slice_empty();
    if ((conn->flags & CONN_LAGGING) != 0) {
        conn_overflow_bind(conn_flow_of(shard, conn)->overflow, walk);
    }
}

void walk_begin_send(struct walk *walk, struct shard *shard, struct conn *conn, bool by_frame)
{
    walk_begin(walk, shard, conn, by_frame);
    walk->passed_max = shard->scan_records_left;
}

void walk_begin_scan(struct walk *walk, struct shard *shard, struct conn *conn, uint64_t from,
                     uint64_t end_id)
{
    walk_begin_send(walk, shard, conn, true);
    walk->cursor = from;
    walk->is_mid_frame = false;
    walk->is_native = true;
    walk->event_bytes_max = 0;
    walk->end_id = end_id;
}

// Whether what is left of its frames after `from` is sent as it stands.
static bool is_in_one_piece(const struct walk *walk, const struct log_run *run)
{
    return !walk->by_frame && walk->is_native && run->last_id <= walk->end_id && !walk->by_record &&
           walk_is_within_limit(walk, run) && block_stream_is_sendable(run->flags);
}

// That piece as one span, unless it is more than may be sent. frames: the whole run's.
static bool take_piece(struct walk *walk, const struct walk_found *found, struct slice frames,
                       struct span *span)
{
    const struct log_run *run = found->run;
    uint32_t count = run->count;
    if (found->from >= run->first_id) {
        frame_skip_through(&frames, found->from);
        count =
            log_run_is_dense(run) ? (uint32_t)(run->last_id - found->from) : frame_count(frames);
    }
    if (frames.length == 0 || count > walk->whole_events_max ||
        frames.length > walk->whole_bytes_max) {
        return false;
    }
    *span = (struct span){.at = frames.at,
                          .length = (uint32_t)frames.length,
                          .count = count,
                          .last_id = run->last_id};
    walk->cursor = run->last_id;
    walk->is_mid_frame = false;
    return true;
}

static void scan_begin(struct walk *walk, const uint8_t *block, uint64_t scan_to)
{
    const struct block_record *records = block_records(block);
    uint32_t low = 0;
    uint32_t high = block_header_of(block)->record_count;
    walk->record_end = records + high;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (records[middle].id > walk->cursor) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    walk->block = block;
    walk->record = records + low;
    walk->scan_to = scan_to;
}

static bool is_wanted(const struct walk *walk, const struct block_record *record)
{
    if (record->kind != RECORD_EVENT) {
        return false;
    }
    for (uint32_t i = 0; i < walk->part_count; i++) {
        if (walk->parts[i].stream_index == record->stream) {
            return record->id > walk->parts[i].from;
        }
    }
    return false;
}

static bool is_cut(const struct walk *walk, const struct block_record *record)
{
    return overflow_is_cut(&walk->cut, record->id, (enum event_priority)record->priority);
}

static bool is_unseen(const struct walk *walk, const struct block_record *record)
{
    return walk->types != NULL &&
           !grant_may_see(walk->types, block_record_type(walk->block, record));
}

static bool is_expired(const struct walk *walk, const struct block_record *record)
{
    return record->ttl_ms > 0 && record->time_ms + record->ttl_ms <= walk->unix_ms;
}

// A frame within the limit is never too large, whatever its data: a run of such may be taken whole.
static bool is_too_large(const struct walk *walk, const struct block_record *record)
{
    return walk->event_bytes_max > 0 && record->frame_length > walk->event_bytes_max &&
           envelope_data_length(walk->block, record) > walk->event_bytes_max;
}

// The bytes of an event as this connection gets it.
static enum rendition_result shape(const struct walk *walk, const struct block_record *record,
                                   bool is_oversize, struct slice *frame)
{
    if (!is_oversize && walk->is_native) {
        *frame = slice_from(walk->block + record->frame_offset, record->frame_length);
        return RENDITION_READY;
    }
    return rendition_get(&walk->shard->renditions, walk->block, record,
                         is_oversize ? RENDITION_OVERSIZE : walk->form,
                         is_oversize ? walk->event_bytes_max : 0, frame);
}

// The next wanted record of the block. WALK_CAUGHT_UP: none is left in it.
static enum walk_result scan_next(struct walk *walk, struct span *span)
{
    for (; walk->record < walk->record_end && walk->record->id <= walk->scan_to; walk->record++) {
        const struct block_record *record = walk->record;
        walk->records_seen++;
        if (!is_wanted(walk, record)) {
            continue;
        }
        if (is_cut(walk, record) || is_unseen(walk, record) ||
            (is_expired(walk, record) && !walk->is_mid_frame)) {
            walk->passed++;
            continue;
        }
        struct slice frame;
        bool is_oversize = is_too_large(walk, record);
        enum rendition_result result = shape(walk, record, is_oversize, &frame);
        if (result != RENDITION_READY) {
            return result == RENDITION_PINNED ? WALK_FULL : WALK_FAILED;
        }
        *span = (struct span){.at = frame.at,
                              .length = (uint32_t)frame.length,
                              .count = 1,
                              .last_id = record->id,
                              .priority = (enum event_priority)record->priority,
                              .is_oversize = is_oversize};
        walk->cursor = record->id;
        walk->is_mid_frame = false;
        walk->record++;
        return WALK_SPAN;
    }
    if (walk->cursor < walk->scan_to) {
        walk->cursor = walk->scan_to;
    }
    walk->block = NULL;
    return WALK_CAUGHT_UP;
}

// The next wanted frame by the text of the frames. WALK_CAUGHT_UP: none is left.
static enum walk_result frames_next(struct walk *walk, struct span *span)
{
    struct slice frame;
    uint64_t id;
    if (!frame_next(&walk->frames, &frame, &id)) {
        return walk->frames.length == 0 ? WALK_CAUGHT_UP : WALK_FAILED;
    }
    walk->records_seen++;
    if (id > walk->end_id) {
        walk->cursor = walk->end_id;
        walk->frames = slice_empty();
        return WALK_CAUGHT_UP;
    }
    *span =
        (struct span){.at = frame.at, .length = (uint32_t)frame.length, .count = 1, .last_id = id};
    walk->cursor = id;
    walk->is_mid_frame = false;
    return WALK_SPAN;
}

static uint64_t next_id_bound(const struct walk_found *found)
{
    return found->run->first_id > found->from ? found->run->first_id : found->from + 1;
}

// One stream: its next run, or what is left of it, as one piece where that can be.
static enum walk_result choose_single(struct walk *walk, struct span *span, bool *is_scanning)
{
    struct walk_found found;
    enum walk_result result = walk_find_run(walk, 0, &found);
    if ((result == WALK_SPAN || result == WALK_CAUGHT_UP) && found.from > walk->cursor) {
        walk->cursor = found.from; // nothing of its stream stands in between
    }
    if (result != WALK_SPAN) {
        return result;
    }
    if (next_id_bound(&found) > walk->end_id) {
        return WALK_CAUGHT_UP;
    }
    bool is_alone = walk_is_frames_alone(walk, found.run);
    const uint8_t *at = NULL;
    switch (is_alone ? walk_open_frames(walk, &found, &at)
                     : walk_open_block(walk, found.run, &at)) {
    case COLD_READY: break;
    case COLD_WAIT: return WALK_WAIT;
    case COLD_FAILED: return WALK_FAILED;
    case COLD_STALE:
        walk_forget_positions(walk, 0);
        *is_scanning = true; // look again
        return WALK_SPAN;
    case COLD_BROKEN: return walk_tell_lost(walk, 0, &found);
    }
    struct slice frames =
        slice_from(is_alone ? at : at + found.run->frame_offset, found.run->frame_bytes);
    *is_scanning = !is_in_one_piece(walk, found.run) || !take_piece(walk, &found, frames, span);
    if (!*is_scanning) {
        return WALK_SPAN;
    }
    if (is_alone) {
        walk->frames = frames;
        frame_skip_through(&walk->frames, found.from);
        return walk->frames.length > 0 ? WALK_SPAN : WALK_FAILED;
    }
    walk->parts[0] =
        (struct walk_part){.from = found.from, .stream_index = found.run->stream_index};
    walk->part_count = 1;
    scan_begin(walk, at, found.run->last_id < walk->end_id ? found.run->last_id : walk->end_id);
    return WALK_SPAN;
}

// Several streams, merged in id order: the earliest block, and how far into it no other block has
// something earlier.
static enum walk_result choose_merged(struct walk *walk)
{
    struct walk_found founds[CONNECTION_STREAMS_MAX];
    uint32_t first = UINT32_MAX;
    for (uint32_t i = 0; i < walk->conn->stream_count; i++) {
        enum walk_result result = walk_find_run(walk, i, &founds[i]);
        if (result == WALK_CAUGHT_UP) {
            founds[i].run = NULL;
            continue;
        }
        if (result != WALK_SPAN) {
            return result;
        }
        if (first == UINT32_MAX || next_id_bound(&founds[i]) < next_id_bound(&founds[first])) {
            first = i;
        }
    }
    if (first == UINT32_MAX || next_id_bound(&founds[first]) > walk->end_id) {
        return WALK_CAUGHT_UP;
    }
    const uint8_t *block = NULL;
    switch (walk_open_block(walk, founds[first].run, &block)) {
    case COLD_READY: break;
    case COLD_WAIT: return WALK_WAIT;
    case COLD_FAILED: return WALK_FAILED;
    case COLD_STALE: walk_forget_positions(walk, first); return WALK_SPAN;
    case COLD_BROKEN: return walk_tell_lost(walk, first, &founds[first]);
    }
    uint64_t scan_to = 0;
    uint64_t limit = walk->end_id;
    walk->part_count = 0;
    for (uint32_t i = 0; i < walk->conn->stream_count; i++) {
        const struct log_run *run = founds[i].run;
        if (run == NULL) {
            continue;
        }
        if (run->block_position != founds[first].run->block_position) {
            uint64_t bound = next_id_bound(&founds[i]) - 1;
            if (bound < next_id_bound(&founds[first])) {
                // One block known at two positions: the log rewrote it after a fault of the disk.
                walk_forget_positions(walk, i);
                walk_forget_positions(walk, first);
                return WALK_SPAN;
            }
            limit = bound < limit ? bound : limit;
            continue;
        }
        walk->parts[walk->part_count++] =
            (struct walk_part){.from = founds[i].from, .stream_index = run->stream_index};
        scan_to = run->last_id > scan_to ? run->last_id : scan_to;
    }
    scan_begin(walk, block, scan_to < limit ? scan_to : limit);
    return WALK_SPAN;
}

enum walk_result walk_next(struct walk *walk, struct span *span)
{
    for (;;) {
        enum walk_result rest = WALK_CAUGHT_UP;
        if (walk->block != NULL) {
            rest = scan_next(walk, span);
        } else if (walk->frames.length > 0) {
            rest = frames_next(walk, span);
        }
        if (rest != WALK_CAUGHT_UP) {
            return rest;
        }
        if (walk->passed > walk->passed_max) {
            return WALK_FULL;
        }
        bool is_scanning = true;
        enum walk_result result = walk->conn->stream_count == 1
                                      ? choose_single(walk, span, &is_scanning)
                                      : choose_merged(walk);
        if (result == WALK_CAUGHT_UP && walk->end_id != UINT64_MAX) {
            walk->cursor = walk->end_id > walk->cursor ? walk->end_id : walk->cursor;
            return WALK_END;
        }
        if (result != WALK_SPAN || !is_scanning) {
            return result;
        }
    }
}

// The sequence of the last event up to `from`, which stands within the run, by the block's records.
static enum walk_result rank_in_block(struct walk *walk, uint32_t index,
                                      const struct walk_found *found, uint64_t *sequence)
{
    const uint8_t *block = NULL;
    switch (walk_open_block(walk, found->run, &block)) {
    case COLD_READY: break;
    case COLD_WAIT: return WALK_WAIT;
    case COLD_FAILED: return WALK_FAILED;
    case COLD_STALE: walk_forget_positions(walk, index); return WALK_FULL; // look again
    case COLD_BROKEN: return walk_tell_lost(walk, index, found);
    }
    walk->cursor = found->from;
    walk->parts[0] =
        (struct walk_part){.from = found->from, .stream_index = found->run->stream_index};
    walk->part_count = 1;
    scan_begin(walk, block, found->run->last_id);
    while (walk->record < walk->record_end && !is_wanted(walk, walk->record)) {
        walk->record++;
    }
    ASSERT(walk->record < walk->record_end); // the run's last event stands behind `from`
    *sequence = walk->record->sequence - 1;
    walk->block = NULL;
    return WALK_SPAN;
}

// What the log's answers tell of a stream beyond its window, where that shows no event after
// found->from. WALK_CAUGHT_UP: there is none up to known_id, nor any between that and found->from.
static enum walk_result find_ahead(struct walk *walk, uint32_t index, struct walk_found *found)
{
    struct shard *shard = walk->shard;
    struct stream *stream = stream_table_at(&shard->streams, walk->conn->streams[index].stream);
    bool is_handed = !stream_is_behind(stream) && found->from <= shard->handled_id;
    if (found->from > stream->known_id && !is_handed) { // the log knows how far it has come
        return history_ask(&shard->histories, stream, LOG_FROM_LAST, 1, false,
                           conn_handle(shard, walk->conn))
                   ? WALK_WAIT
                   : WALK_FAILED;
    }
    enum walk_result result = WALK_CAUGHT_UP;
    while (result == WALK_CAUGHT_UP && found->from < stream->known_id &&
           stream->last_id < stream->known_id) {
        result = walk_find_in_history(walk, index, found);
    }
    return result;
}

enum walk_result walk_rank(struct walk *walk, uint32_t index, uint64_t id, struct walk_rank *rank)
{
    struct shard *shard = walk->shard;
    struct stream *stream = stream_table_at(&shard->streams, walk->conn->streams[index].stream);
    struct walk_found found;
    walk->cursor = id;
    rank->next = NULL;
    enum walk_result result = walk_find_run(walk, index, &found);
    if (result == WALK_CAUGHT_UP) {
        result = find_ahead(walk, index, &found);
    }
    if (result == WALK_CAUGHT_UP) {
        rank->sequence = stream->last_sequence;
        return WALK_SPAN;
    }
    if (result != WALK_SPAN) {
        return result;
    }
    const struct log_run *run = found.run;
    rank->next = run;
    if (found.from < run->first_id) {
        rank->sequence = run->first_sequence - 1;
        return WALK_SPAN;
    }
    if (log_run_is_dense(run)) {
        rank->sequence = run->first_sequence + (found.from - run->first_id);
        return WALK_SPAN;
    }
    return rank_in_block(walk, index, &found, &rank->sequence);
}
