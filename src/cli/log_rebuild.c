#include "cli/log_rebuild.h"

#include "log/seal.h"

#include <errno.h>
#include <stdlib.h>

int log_rebuild_index(const struct log_survey *survey, const struct recovery_segment *segment,
                      struct buffer *out)
{
    const struct survey_run *runs = (const struct survey_run *)(void *)survey->runs.items;
    struct seal_writer writer;
    seal_begin(&writer, out, segment->header.salt, segment->number);
    for (size_t i = 0; i < survey->runs.count; i++) {
        seal_add_run(&writer, runs[i].number, &runs[i].run);
    }
    return seal_finish(&writer, (const struct seal_mark *)(void *)survey->marks.items,
                       (uint32_t)survey->marks.count, segment->first_id, segment->last_id,
                       survey->recovery.synced_through, segment->last_time_ms,
                       segment->last_position);
}

static uint64_t larger(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

// --- streams ---

struct stream_list {
    struct checkpoint_stream *streams;
    size_t count;
};

// Where the checkpoint is newer than the blocks, or they no longer hold what it knows.
static void merge_life(struct checkpoint_stream *stream, const struct survey_stream *found,
                       const struct checkpoint_stream *former)
{
    bool was_deleted = former->life == STREAM_DELETED;
    if (was_deleted && former->discarded_id > found->last_record_id) {
        stream->settings = former->settings;
        stream->content_type = former->content_type;
        stream->is_made = former->is_made;
        stream->life = STREAM_DELETED;
        return;
    }
    if ((stream->settings.parts & SETTINGS_CONTENT_TYPE) == 0) {
        stream->content_type = former->content_type;
    }
    settings_complete(&stream->settings, &former->settings);
    if (!found->has_ended) {
        stream->is_made = stream->is_made || former->is_made;
        stream->life = was_deleted ? STREAM_OPEN : former->life;
    }
}

// Numbers that were given out stay so: of both the higher.
static void merge(struct checkpoint_stream *stream, const struct survey_stream *found,
                  const struct checkpoint_stream *former)
{
    merge_life(stream, found, former);
    stream->last_id = larger(stream->last_id, former->last_id);
    stream->last_sequence = larger(stream->last_sequence, former->last_sequence);
    stream->discarded_id = larger(stream->discarded_id, former->discarded_id);
    stream->discarded_sequence = larger(stream->discarded_sequence, former->discarded_sequence);
    stream->last_time_ms = larger(stream->last_time_ms, former->last_time_ms);
    stream->cumulative_bytes = larger(stream->cumulative_bytes, former->cumulative_bytes);
    stream->cumulative_count = larger(stream->cumulative_count, former->cumulative_count);
    stream->discarded_bytes = former->discarded_bytes;
    stream->discarded_count = former->discarded_count;
}

static int by_name(const void *one, const void *other)
{
    const struct checkpoint_stream *a = one;
    const struct checkpoint_stream *b = other;
    int order = slice_compare(a->name, b->name);
    return order != 0 ? order : a->number < b->number ? -1 : a->number > b->number;
}

// A name that was given to several numbers is the last one's.
static void drop_namesakes(struct stream_list *list)
{
    size_t kept = 0;
    if (list->count > 0) {
        qsort(list->streams, list->count, sizeof(*list->streams), by_name);
    }
    for (size_t i = 0; i < list->count; i++) {
        bool is_last =
            i + 1 == list->count || !slice_equal(list->streams[i].name, list->streams[i + 1].name);
        if (is_last) {
            list->streams[kept++] = list->streams[i];
        }
    }
    list->count = kept;
}

static int collect_streams(const struct log_survey *survey, struct stream_list *list)
{
    const struct recovery *recovery = &survey->recovery;
    uint64_t former_count = recovery->has_checkpoint ? recovery->checkpoint.stream_count : 0;
    list->streams = calloc(survey->streams.count + former_count + 1, sizeof(*list->streams));
    bool *is_known = calloc(survey->streams.count + 1, sizeof(*is_known));
    if (list->streams == NULL || is_known == NULL) {
        free(is_known);
        return -ENOMEM;
    }
    struct checkpoint_reader reader = recovery->checkpoint;
    struct checkpoint_stream former;
    while (recovery->has_checkpoint && checkpoint_next_stream(&reader, &former)) {
        struct checkpoint_stream *stream = &list->streams[list->count++];
        uint32_t index;
        *stream = former;
        if (u64_map_get(&survey->by_number, former.number, &index)) {
            *stream = log_survey_stream(survey, index)->state;
            merge(stream, log_survey_stream(survey, index), &former);
            is_known[index] = true;
        }
    }
    for (size_t i = 0; i < survey->streams.count; i++) {
        const struct survey_stream *found = log_survey_stream(survey, i);
        // One that the checkpoint should know and does not was forgotten.
        bool was_forgotten =
            recovery->has_checkpoint && found->last_record_id <= recovery->checkpoint.head.last_id;
        if (!is_known[i] && !was_forgotten) {
            list->streams[list->count++] = found->state;
        }
    }
    free(is_known);
    drop_namesakes(list);
    return 0;
}

// --- producers ---

static int by_producer(const void *one, const void *other)
{
    const struct checkpoint_producer *a = one;
    const struct checkpoint_producer *b = other;
    if (a->stream_number != b->stream_number) {
        return a->stream_number < b->stream_number ? -1 : 1;
    }
    if (a->producer_id != b->producer_id) {
        return a->producer_id < b->producer_id ? -1 : 1;
    }
    return a->id < b->id ? -1 : a->id > b->id;
}

// The last of each stream and producer. Sorts `producers` in place.
static void add_producers(struct checkpoint_writer *writer, struct checkpoint_producer *producers,
                          size_t count)
{
    if (count > 0) {
        qsort(producers, count, sizeof(*producers), by_producer);
    }
    for (size_t i = 0; i < count; i++) {
        bool is_last = i + 1 == count ||
                       producers[i].stream_number != producers[i + 1].stream_number ||
                       producers[i].producer_id != producers[i + 1].producer_id;
        if (is_last) {
            checkpoint_add_producer(writer, &producers[i]);
        }
    }
}

static int collect_producers(const struct log_survey *survey, struct checkpoint_writer *writer)
{
    const struct recovery *recovery = &survey->recovery;
    uint64_t former_count = recovery->has_checkpoint ? recovery->checkpoint.producer_count : 0;
    struct checkpoint_producer *all =
        calloc(survey->producers.count + former_count + 1, sizeof(*all));
    if (all == NULL) {
        return -ENOMEM;
    }
    size_t count = survey->producers.count;
    if (count > 0) {
        memcpy(all, survey->producers.items, count * sizeof(*all));
    }
    struct checkpoint_reader reader = recovery->checkpoint;
    while (recovery->has_checkpoint && checkpoint_next_producer(&reader, &all[count])) {
        count++;
    }
    add_producers(writer, all, count);
    free(all);
    return 0;
}

// --- the whole ---

static void add_segments(const struct log_survey *survey, struct checkpoint_writer *writer)
{
    const struct recovery *recovery = &survey->recovery;
    for (size_t i = 0; i < recovery->segment_count; i++) {
        const struct recovery_segment *from = &recovery->segments[i];
        if (!from->is_valid || from->is_pending || from->is_surplus || from->last_position == 0) {
            continue;
        }
        const struct checkpoint_segment segment = {.number = from->number,
                                                   .salt = from->header.salt,
                                                   .first_id = from->first_id,
                                                   .last_id = from->last_id,
                                                   .first_time_ms = from->first_time_ms,
                                                   .last_time_ms = from->last_time_ms,
                                                   .end_position = from->end_position,
                                                   .last_position = from->last_position,
                                                   .index_offset = from->index_offset,
                                                   .index_length = from->index_length};
        checkpoint_add_segment(writer, &segment);
    }
}

static uint64_t next_stream_number(const struct log_survey *survey)
{
    const struct recovery *recovery = &survey->recovery;
    uint64_t next = recovery->has_checkpoint ? recovery->checkpoint.head.next_stream_number : 1;
    for (size_t i = 0; i < survey->streams.count; i++) {
        next = larger(next, log_survey_stream(survey, i)->state.number + 1);
    }
    return next;
}

int log_rebuild_checkpoint(const struct log_survey *survey, uint64_t now_ms, struct buffer *out)
{
    const struct recovery *recovery = &survey->recovery;
    const struct checkpoint_head head = {.position = recovery->end_position,
                                         .last_id = recovery->last_id,
                                         .last_position = recovery->last_position,
                                         .next_stream_number = next_stream_number(survey),
                                         .segment_bytes = recovery->segment_bytes,
                                         .created_ms = now_ms};
    struct stream_list list = {0};
    struct checkpoint_writer writer;
    int failed = collect_streams(survey, &list);
    if (failed == 0) {
        checkpoint_begin(&writer, out, &head);
        for (size_t i = 0; i < list.count; i++) {
            checkpoint_add_stream(&writer, &list.streams[i]);
        }
        failed = collect_producers(survey, &writer);
        add_segments(survey, &writer);
    }
    free(list.streams);
    return failed < 0 ? failed : checkpoint_finish(&writer);
}
