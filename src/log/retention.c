#include "log/retention.h"

#include "base/assert.h"
#include "base/logger.h"
#include "log/core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int retention_init(struct log *log)
{
    log->retention.page_buffer = aligned_alloc(SEAL_PAGE_BYTES, SEAL_PAGE_BYTES);
    return log->retention.page_buffer == NULL ? -ENOMEM : 0;
}

void retention_free(struct log *log)
{
    struct retention *retention = &log->retention;
    for (uint32_t i = 0; i < retention->retired_count; i++) {
        log_close_file(log, retention->retired[i].segment->file);
        segment_destroy(retention->retired[i].segment);
    }
    free(retention->page_buffer);
    retention->page_buffer = NULL;
}

void retention_discard(struct log *log, struct log_stream *stream, uint64_t id, uint64_t sequence)
{
    if (id <= stream->discarded_id) {
        return;
    }
    stream->discarded_id = id;
    if (sequence > stream->discarded_sequence) {
        stream->discarded_sequence = STREAM_48(sequence);
    }
    index_drop_through(&log->index, stream, id);
    handout_discarded(log, stream);
}

void retention_take_settings(struct log *log, struct log_stream *stream,
                             const struct stream_settings *change, struct slice content_type)
{
    struct stream_extra *extra = streams_need_extra(&log->streams, stream);
    struct stream_flow before = extra->settings.flow;
    settings_apply(&extra->settings, change);
    extra->checked_id = 0;
    extra->check_at_ms = 0;
    extra->counted = false;
    if (content_type.length > 0 && !streams_set_content_type(extra, content_type)) {
        LOGGER_EVERY(1000, LOGGER_WARN, "log", "no memory for a stream's content type");
    }
    handout_changed(log, stream); // that it was made, too
    if (memcmp(&before, &extra->settings.flow, sizeof(before)) != 0) {
        holdback_choose(log, stream);
    }
    streams_trim_extra(&log->streams, stream);
}

// The readers are told of it with the life.
static void forget_settings(struct log *log, struct log_stream *stream)
{
    struct stream_extra *extra = streams_extra(&log->streams, stream);
    if (extra == NULL) {
        return;
    }
    owners_remove(&log->owners, extra->settings.owner);
    extra->settings = (struct stream_settings){0};
    (void)streams_set_content_type(extra, slice_empty());
    holdback_choose(log, stream);
    streams_trim_extra(&log->streams, stream);
}

static void discard_by(struct log *log, struct log_stream *stream,
                       const struct block_record *record)
{
    log->retention.discarded_by = record->id;
    retention_discard(log, stream, record->id, record->sequence);
}

// The readers know the life that was handed out. Where the log is being opened, all of it was.
static void enter_life(struct log *log, struct log_stream *stream, enum stream_life life)
{
    if (stream->handed_life == life) {
        return;
    }
    stream->handed_life = life & 3;
    if (life == STREAM_DELETED) {
        stream->deletions++;
    }
    if (streams_extra(&log->streams, stream) != NULL) {
        handout_changed(log, stream);
    }
}

void retention_take_record(struct log *log, struct log_stream *stream,
                           const struct block_record *record, struct slice extra)
{
    // A checkpoint may be newer than the record: then it reflects the discard, and all before it.
    bool is_before_discard = record->id <= stream->discarded_id;
    struct stream_settings change;
    struct slice content_type;
    enum stream_life life = STREAM_OPEN;
    switch (record->kind) {
    case RECORD_DISCARD: discard_by(log, stream, record); return;
    case RECORD_SETTINGS:
        if (!settings_decode(extra, &change, &content_type)) {
            return;
        }
        retention_take_settings(log, stream, &change, content_type);
        break;
    case RECORD_END:
        if (!life_decode(extra, &life)) {
            return;
        }
        if (life == STREAM_DELETED) {
            discard_by(log, stream, record);
            forget_settings(log, stream);
        }
        if (!is_before_discard) {
            enter_life(log, stream, life);
        }
        return;
    default: break;
    }
    if (stream->handed_life == STREAM_DELETED && !is_before_discard) {
        enter_life(log, stream, STREAM_OPEN);
    }
}

// --- whole segments ---

void retention_retire(struct log *log, struct segment *segment)
{
    struct retention *retention = &log->retention;
    ASSERT(retention->retired_count < RETENTION_RETIRED_MAX);
    log_tail_segment_clear(log->tail, segment->facts.number);
    retention->retired[retention->retired_count++] = (struct retired){
        .segment = segment,
        .epoch = log_tail_epoch_start(log->tail),
        .checkpoint = log->keeper.begun,
    };
    keeper_want(log);
}

static void release_retired(struct log *log)
{
    struct retention *retention = &log->retention;
    for (uint32_t i = 0; i < retention->retired_count;) {
        struct retired *retired = &retention->retired[i];
        if (log->keeper.done <= retired->checkpoint ||
            !log_tail_epoch_passed(log->tail, retired->epoch)) {
            i++;
            continue;
        }
        log_close_file(log, retired->segment->file);
        roll_retire_file(log, retired->segment->facts.number);
        segment_destroy(retired->segment);
        *retired = retention->retired[--retention->retired_count];
    }
}

static bool is_too_old(const struct log *log, const struct segment *segment)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < log->chain.count; i++) {
        bytes += segment_used_bytes(log->chain.list[i], log->options.segment_bytes);
    }
    uint64_t age = log->options.retention_age_ms;
    return (log->options.retention_bytes != 0 && bytes > log->options.retention_bytes) ||
           (age != 0 && segment->facts.last_time_ms + age < log->time_ms) ||
           log->chain.count >= SEGMENTS_MAX - RETENTION_RETIRED_MAX;
}

static void read_page(struct log *log)
{
    struct retention *retention = &log->retention;
    const struct segment *segment = retention->leaving;
    uint64_t offset =
        segment->facts.index_offset + seal_page_offset(&segment->head, retention->page);
    retention->reading = true;
    disk_submit_read(log->disk, segment->file, retention->page_buffer + retention->page_bytes,
                     SEAL_PAGE_BYTES - retention->page_bytes, offset + retention->page_bytes,
                     tag_make(TAG_RETIRE, 0));
}

static void take_page(struct log *log)
{
    struct retention *retention = &log->retention;
    const struct segment *segment = retention->leaving;
    if (!seal_page_check(retention->page_buffer, segment->facts.salt, retention->page)) {
        LOG_ERROR("log", "the index of segment %llu, which retention removes, is corrupt",
                  (unsigned long long)segment->facts.number);
        retention->lacks_pages = true;
        return;
    }
    const struct seal_entry *entries = seal_page_entries(retention->page_buffer);
    for (uint32_t i = 0; i < seal_page_count(retention->page_buffer); i++) {
        struct log_stream *stream = streams_by_number(&log->streams, entries[i].number);
        if (stream != NULL) {
            // Sequences are dense within a segment: they jump at starts, which begin new ones.
            retention_discard(log, stream, entries[i].last_id,
                              entries[i].first_sequence + entries[i].event_count - 1);
        }
    }
}

// Which streams lose something is not to be had: all are told that they do. Better a gap too many
// than one that nobody hears of.
static void discard_for_all(struct log *log, const struct segment *segment)
{
    for (uint32_t slot = 0; slot < log->streams.touched; slot++) {
        struct log_stream *stream = streams_at(&log->streams, slot);
        if (stream->number == 0 || stream->last_id == 0) {
            continue;
        }
        if (stream->last_id <= segment->facts.last_id) {
            retention_discard(log, stream, stream->last_id, streams_handed_sequence(stream));
        } else {
            retention_discard(log, stream, segment->facts.last_id, 0);
        }
    }
}

// All of its streams know: it leaves.
static void leave(struct log *log)
{
    struct segment *segment = log->retention.leaving;
    log->retention.leaving = NULL;
    if (log->retention.lacks_pages) {
        discard_for_all(log, segment);
    }
    LOG_INFO("log", "retention removes segment %llu, ids %llu to %llu",
             (unsigned long long)segment->facts.number, (unsigned long long)segment->facts.first_id,
             (unsigned long long)segment->facts.last_id);
    chain_remove(&log->chain, segment);
    retention_retire(log, segment);
}

void retention_read_done(struct log *log, int64_t result)
{
    struct retention *retention = &log->retention;
    ASSERT(retention->reading);
    retention->reading = false;
    if (result > 0) {
        retention->page_bytes += (uint32_t)result;
        if (retention->page_bytes < SEAL_PAGE_BYTES) {
            read_page(log);
            return;
        }
        take_page(log);
    } else {
        LOG_ERROR("log", "cannot read the index of segment %llu, which retention removes: %s",
                  (unsigned long long)retention->leaving->facts.number,
                  result == 0 ? "it is too short" : strerror((int)-result));
        retention->lacks_pages = true;
    }
    retention->page_bytes = 0;
    retention->page++;
    if (retention->page < retention->leaving->head.page_count) {
        read_page(log);
    } else {
        leave(log);
    }
}

static void drop_oldest(struct log *log)
{
    struct retention *retention = &log->retention;
    if (retention->leaving != NULL || log->chain.count < 2 || fault_is_on(log) ||
        retention->retired_count >= RETENTION_RETIRED_MAX / 2) {
        return;
    }
    struct segment *oldest = log->chain.list[0];
    if (oldest->state != SEGMENT_SEALED || log->sealing.segment == oldest ||
        !is_too_old(log, oldest)) {
        return;
    }
    retention->leaving = oldest;
    retention->lacks_pages = false;
    retention->page = 0;
    retention->page_bytes = 0;
    if (oldest->head.page_count == 0) {
        leave(log);
    } else {
        read_page(log);
    }
}

// --- streams ---

static void looked_up(struct log *log, struct lookup *lookup)
{
    log->retention.is_looking = false;
    struct log_stream *stream = streams_by_number(&log->streams, lookup->request->number);
    if (stream != NULL && lookup->error == ERR_NONE) {
        retention_discard(log, stream, lookup->request->start_id, lookup->candidate_sequence);
    }
}

static bool look_up(struct log *log, uint64_t number, enum log_lookup_from from, uint64_t value)
{
    struct retention *retention = &log->retention;
    if (retention->is_looking) {
        return false;
    }
    retention->request = (struct log_lookup){.number = number, .from = from, .value = value};
    retention->is_looking = lookup_begin_own(log, &retention->request, looked_up);
    return retention->is_looking;
}

// By count, then by bytes, where both are set. Returns false where it could not be looked at now.
static bool check_amounts(struct log *log, const struct log_stream *stream,
                          struct stream_extra *extra)
{
    const struct stream_settings *settings = &extra->settings;
    bool by_count = settings->retention_count != 0 && !extra->counted;
    enum log_lookup_from from =
        by_count ? LOG_FROM_LAST : (enum log_lookup_from)LOOKUP_FROM_LAST_BYTES;
    if (!look_up(log, stream->number, from,
                 by_count ? settings->retention_count : settings->retention_bytes)) {
        return false;
    }
    extra->counted = by_count && settings->retention_bytes != 0;
    if (!extra->counted) {
        extra->checked_id = stream->last_id;
    }
    return true;
}

// Returns false where it could not be looked at now.
static bool check_settings(struct log *log, struct stream_extra *extra)
{
    struct log_stream *stream = streams_at(&log->streams, extra->slot);
    const struct stream_settings *settings = &extra->settings;
    if (stream->last_id <= stream->discarded_id) {
        return true; // it keeps nothing
    }
    if (settings->idle_ttl_ms != 0 && extra->idle_id != stream->last_id &&
        stream->last_time_ms + settings->idle_ttl_ms < log->time_ms && stream->pending == 0 &&
        stream->controls == 0) {
        // Told in the log, so that a restart does not bring it back.
        if (!log_append_discard(log, stream)) {
            return false;
        }
        extra->idle_id = stream->last_id;
        return true;
    }
    if (settings->retention_age_ms != 0 && log->time_ms >= extra->check_at_ms &&
        log->time_ms > settings->retention_age_ms) {
        uint64_t pause = settings->retention_age_ms / 16;
        extra->check_at_ms = log->time_ms + (pause > RETENTION_PASS_MS ? pause : RETENTION_PASS_MS);
        return look_up(log, stream->number, LOG_FROM_TIME,
                       log->time_ms - settings->retention_age_ms);
    }
    bool has_amounts = (settings->retention_count | settings->retention_bytes) != 0;
    return !has_amounts || extra->checked_id == stream->last_id ||
           check_amounts(log, stream, extra);
}

static void check_streams(struct log *log)
{
    struct retention *retention = &log->retention;
    const struct pool *extras = &log->streams.extras;
    if (retention->next_extra == 0) {
        if (log->now_ms < retention->pass_at_ms) {
            return;
        }
        retention->pass_at_ms = log->now_ms + RETENTION_PASS_MS;
    }
    for (uint32_t most = RETENTION_SLICE; most > 0; most--) {
        uint32_t index = retention->next_extra < extras->touched
                             ? pool_next_live(extras, retention->next_extra)
                             : POOL_INDEX_NONE;
        if (index == POOL_INDEX_NONE) {
            retention->next_extra = 0;
            return;
        }
        const struct stream_extra *extra = pool_at(extras, index);
        if (extra->untold != 0) {
            handout_changed_again(log, streams_at(&log->streams, extra->slot));
        }
        if (!check_settings(log, pool_at(extras, index))) {
            retention->next_extra = index;
            return;
        }
        retention->next_extra = index + 1;
    }
}

static bool may_be_forgotten(const struct log *log, const struct log_stream *stream)
{
    uint64_t kept_from = log->chain.count > 0 ? log->chain.list[0]->facts.first_id : 0;
    bool keeps_nothing = stream->last_id <= stream->discarded_id || stream->last_id < kept_from;
    // One that a subscriber waited for in vain is let go at once: else names made up by anybody
    // would keep producers from making theirs.
    bool is_blank = stream->life == STREAM_OPEN && !streams_is_there(stream) &&
                    streams_extra(&log->streams, stream) == NULL;
    return keeps_nothing && stream->number != 0 && stream->newest_run == STREAM_NONE &&
           stream->pending == 0 && stream->controls == 0 &&
           streams_interest(&log->streams, stream) == 0 &&
           (is_blank || stream->last_time_ms + log->options.stream_idle_ms < log->time_ms);
}

static void forget_streams(struct log *log)
{
    struct retention *retention = &log->retention;
    for (uint32_t most = RETENTION_SLICE; most > 0; most--) {
        if (retention->next_slot >= log->streams.touched) {
            retention->next_slot = 0;
            return;
        }
        struct log_stream *stream = streams_at(&log->streams, retention->next_slot++);
        if (may_be_forgotten(log, stream)) {
            const struct stream_extra *extra = streams_extra(&log->streams, stream);
            owners_remove(&log->owners, extra == NULL ? 0 : extra->settings.owner);
            streams_remove(&log->streams, stream);
        }
    }
}

bool retention_round(struct log *log)
{
    struct retention *retention = &log->retention;
    if (log->now_ms < retention->next_ms || log->draining) {
        return false;
    }
    retention->next_ms = log->now_ms + RETENTION_EVERY_MS;
    release_retired(log);
    drop_oldest(log);
    check_streams(log);
    if (log->options.stream_idle_ms != 0) {
        forget_streams(log);
        if (log->time_ms > log->options.stream_idle_ms) {
            producers_prune(&log->producers, log->time_ms - log->options.stream_idle_ms,
                            RETENTION_PRODUCERS);
        }
    }
    return false;
}

uint64_t retention_next_ms(const struct log *log)
{
    const struct retention *retention = &log->retention;
    // Nothing is urgent where nothing happens: then a look each second.
    bool is_busy =
        retention->retired_count > 0 || retention->next_extra != 0 || retention->next_slot != 0;
    uint64_t due = retention->next_ms + (is_busy ? 0 : RETENTION_PASS_MS);
    return due > log->now_ms ? due - log->now_ms : 0;
}
