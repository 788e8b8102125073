#include "conn/walk_find.h"

enum { READ_AHEAD_BYTES = 512 << 10 }; // of one connection's frames on disk

static enum walk_result tell_gap(struct walk *walk, uint32_t index, uint64_t from, uint64_t to,
                                 enum notice_reason reason)
{
    walk->gap_stream = index;
    walk->gap_from = from;
    walk->gap_to = to;
    walk->gap_count = 0;
    walk->gap_reason = reason;
    return WALK_GAP;
}

enum walk_result walk_tell_lost(struct walk *walk, uint32_t index, const struct walk_found *found)
{
    const struct log_run *run = found->run;
    (void)tell_gap(walk, index, found->from, run->last_id, NOTICE_CORRUPT);
    // What a cut leaves out was told before; what is not seen is not missed.
    if (found->from < run->first_id && !walk->by_record) {
        walk->gap_count = run->count;
    }
    return WALK_GAP;
}

enum walk_result walk_find_in_history(struct walk *walk, uint32_t index, struct walk_found *found)
{
    struct shard *shard = walk->shard;
    struct stream *stream = stream_table_at(&shard->streams, walk->conn->streams[index].stream);
    struct history *history = history_find(&shard->histories, stream, found->from);
    if (history == NULL) {
        return history_ask(&shard->histories, stream, LOG_FROM_ID, found->from, false,
                           conn_handle(shard, walk->conn))
                   ? WALK_WAIT
                   : WALK_FAILED;
    }
    if (history->gap_to > found->from) {
        return tell_gap(walk, index, found->from, history->gap_to, NOTICE_EXPIRED);
    }
    found->run = history_run(history, found->from);
    found->history = history;
    if (found->run != NULL) {
        return WALK_SPAN;
    }
    found->from = history->lookup.end_id;
    return WALK_CAUGHT_UP;
}

enum walk_result walk_find_run(struct walk *walk, uint32_t index, struct walk_found *found)
{
    const struct conn_stream *entry = &walk->conn->streams[index];
    const struct stream *stream = stream_table_at(&walk->shard->streams, entry->stream);
    found->from = entry->start_id > walk->cursor ? entry->start_id : walk->cursor;
    walk->has_ended |= stream_has_ended(stream);
    for (;;) {
        if (found->from < stream->discarded_id) {
            return tell_gap(walk, index, found->from, stream->discarded_id, NOTICE_EXPIRED);
        }
        if (found->from >= stream->window.covers_from) {
            found->run = window_find(&stream->window, found->from);
            found->history = NULL;
            return found->run != NULL ? WALK_SPAN : WALK_CAUGHT_UP;
        }
        enum walk_result result = walk_find_in_history(walk, index, found);
        if (result != WALK_CAUGHT_UP) {
            return result;
        }
    }
}

enum cold_result walk_open_block(struct walk *walk, const struct log_run *run,
                                 const uint8_t **block)
{
    struct shard *shard = walk->shard;
    if (run->block_position >= shard->floor) {
        *block = log_tail_at(shard->tail, run->block_position);
        shard->stats.replays_in_memory += (walk->conn->flags & CONN_CAUGHT_UP) == 0;
        return COLD_READY;
    }
    struct cold_range range = cold_range_of_block(run);
    enum cold_result result = cold_get(&shard->cold, &range, conn_handle(shard, walk->conn), block);
    shard->stats.replays_on_disk += result == COLD_READY;
    return result;
}

bool walk_is_within_limit(const struct walk *walk, const struct log_run *run)
{
    return walk->event_bytes_max == 0 || run->frame_bytes <= walk->event_bytes_max;
}

bool walk_is_frames_alone(const struct walk *walk, const struct log_run *run)
{
    return run->block_position < walk->shard->floor && walk->is_native && !walk->by_record &&
           (run->flags & BLOCK_STREAM_HAS_CRC) != 0 && block_stream_is_sendable(run->flags) &&
           walk_is_within_limit(walk, run);
}

// Reads on in an answer of the log, at most READ_AHEAD_BYTES.
static void read_on(const struct walk *walk, struct history *history, uint32_t from)
{
    const struct log_lookup *lookup = &history->lookup;
    uint32_t bytes = 0;
    history->ahead_end = from > history->ahead_end ? from : history->ahead_end;
    for (; history->ahead_end < lookup->run_count && bytes < READ_AHEAD_BYTES;
         history->ahead_end++) {
        const struct log_run *run = &lookup->runs[history->ahead_end];
        struct cold_range range = cold_range_of_frames(run);
        if (!walk_is_frames_alone(walk, run) || !cold_read_ahead(&walk->shard->cold, &range)) {
            break;
        }
        bytes += run->frame_bytes;
    }
    history->ahead_at = from + (history->ahead_end - from) / 2;
}

// Asks for what comes after `found`, in this answer of the log and the next, so that neither disk
// nor log are waited for run by run.
static void read_ahead(const struct walk *walk, const struct walk_found *found, bool is_missing)
{
    struct history *history = found->history;
    if (history == NULL) {
        return;
    }
    const struct log_lookup *lookup = &history->lookup;
    uint32_t at = (uint32_t)(found->run - lookup->runs);
    if (is_missing) { // what was read ahead is gone again
        history->ahead_at = at;
        history->ahead_end = at;
    }
    if (at < history->ahead_at) {
        return;
    }
    read_on(walk, history, at + 1);
    if (history->ahead_end == lookup->run_count && lookup->more) {
        struct history_table *table = &walk->shard->histories;
        struct history *next = history_find(table, history->stream, lookup->end_id);
        if (next == NULL) {
            history_ask_ahead(table, history->stream, lookup->end_id);
        } else if (next->ahead_end == 0) {
            read_on(walk, next, 0);
            history->ahead_at = lookup->run_count;
        }
    }
}

enum cold_result walk_open_frames(const struct walk *walk, const struct walk_found *found,
                                  const uint8_t **frames)
{
    struct cold_range range = cold_range_of_frames(found->run);
    enum cold_result result =
        cold_get(&walk->shard->cold, &range, conn_handle(walk->shard, walk->conn), frames);
    walk->shard->stats.replays_on_disk += result == COLD_READY;
    if (result == COLD_READY || result == COLD_WAIT) {
        read_ahead(walk, found, result == COLD_WAIT);
    }
    return result;
}

void walk_forget_positions(struct walk *walk, uint32_t index)
{
    struct stream *stream =
        stream_table_at(&walk->shard->streams, walk->conn->streams[index].stream);
    history_drop_answers(&walk->shard->histories, stream);
    window_restart(&stream->window, stream->last_id);
}
