#include "cli/log_survey.h"

#include "event/event.h"
#include "log/seal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NAMES_BYTES_MAX = 1 << 30,
    MARK_SPACING_BYTES = 64 << 10,
    PRODUCER_VALUE_BYTES = 20,
};

// --- arrays ---

// Room for one more item, zeroed; NULL when out of memory.
static void *array_add(struct survey_array *array)
{
    if (array->count == array->capacity) {
        size_t capacity = array->capacity == 0 ? 256 : 2 * array->capacity;
        uint8_t *items = realloc(array->items, capacity * array->item_bytes);
        if (items == NULL) {
            return NULL;
        }
        array->items = items;
        array->capacity = capacity;
    }
    void *item = array->items + array->count++ * array->item_bytes;
    memset(item, 0, array->item_bytes);
    return item;
}

// --- telling ---

static void tell(struct log_survey *survey, const struct recovery_fault *fault)
{
    survey->faults += fault->kind != RECOVERY_TORN;
    survey->fault(survey->context, fault);
}

__attribute__((format(printf, 5, 6))) static void complain(struct log_survey *survey,
                                                           enum recovery_fault_kind kind,
                                                           const char *file, uint64_t offset,
                                                           const char *format, ...)
{
    struct recovery_fault fault = {.kind = kind, .offset = offset};
    (void)snprintf(fault.file, sizeof(fault.file), "%s", file);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(fault.text, sizeof(fault.text), format, arguments);
    va_end(arguments);
    tell(survey, &fault);
}

static void on_fault(void *context, const struct recovery_fault *fault)
{
    tell(context, fault);
}

// --- blocks ---

static struct survey_stream *need_stream(struct log_survey *survey, const uint8_t *block,
                                         const struct block_stream *entry)
{
    uint32_t index;
    if (u64_map_get(&survey->by_number, entry->number, &index)) {
        return log_survey_stream(survey, index);
    }
    struct slice name = block_stream_name(block, entry);
    uint64_t name_offset = buffer_length(&survey->names);
    index = (uint32_t)survey->streams.count;
    struct survey_stream *stream = array_add(&survey->streams);
    if (stream == NULL || buffer_append_slice(&survey->names, name) != 0 ||
        u64_map_put(&survey->by_number, entry->number, index) != 0) {
        survey->is_out_of_memory = true;
        return NULL;
    }
    stream->state.number = entry->number;
    stream->state.name.length = name.length;
    stream->name_offset = name_offset;
    return stream;
}

static void add_run(struct log_survey *survey, uint64_t position, const uint8_t *block, uint32_t i)
{
    const struct block_stream *entry = &block_streams(block)[i];
    if (entry->count == 0) {
        return;
    }
    struct survey_run *run = array_add(&survey->runs);
    if (run == NULL) {
        survey->is_out_of_memory = true;
        return;
    }
    *run = (struct survey_run){.number = entry->number, .run = log_run_of(position, block, i)};
}

static void take_producer(struct log_survey *survey, const struct survey_stream *stream,
                          const struct block_record *record, struct slice value)
{
    if (value.length != PRODUCER_VALUE_BYTES) {
        return;
    }
    struct checkpoint_producer seen = {.stream_number = stream->state.number,
                                       .producer_id = load_le64(value.at),
                                       .epoch = load_le32(value.at + 8),
                                       .producer_sequence = load_le64(value.at + 12),
                                       .id = record->id,
                                       .sequence = record->sequence,
                                       .last_used_ms = record->time_ms};
    struct checkpoint_producer *producer = array_add(&survey->producers);
    if (producer == NULL) {
        survey->is_out_of_memory = true;
        return;
    }
    *producer = seen;
}

// False: out of memory.
static bool take_settings(struct log_survey *survey, struct survey_stream *stream,
                          struct slice extra)
{
    struct stream_settings change;
    struct slice content_type;
    if (!settings_decode(extra, &change, &content_type)) {
        return true;
    }
    settings_apply(&stream->state.settings, &change);
    stream->state.is_made = true;
    stream->state.life = STREAM_OPEN;
    if (content_type.length == 0) {
        return true;
    }
    stream->content_type_offset = buffer_length(&survey->names);
    stream->state.content_type.length = content_type.length;
    return buffer_append_slice(&survey->names, content_type) == 0;
}

static void take_end(struct survey_stream *stream, const struct block_record *record,
                     struct slice extra)
{
    struct checkpoint_stream *state = &stream->state;
    if (!life_decode(extra, &state->life)) {
        return;
    }
    stream->has_ended = true;
    if (state->life != STREAM_DELETED) {
        return;
    }
    state->discarded_id = record->id;
    state->discarded_sequence = state->last_sequence;
    // What was set before is known to be gone: nothing of it is taken from an older checkpoint.
    state->settings = (struct stream_settings){.parts = SETTINGS_PARTS};
    state->content_type = slice_empty();
    state->is_made = false;
}

static void take_control(struct log_survey *survey, struct survey_stream *stream,
                         const struct block_record *record, struct slice extra)
{
    struct checkpoint_stream *state = &stream->state;
    switch (record->kind) {
    case RECORD_SETTINGS:
        survey->is_out_of_memory =
            !take_settings(survey, stream, extra) || survey->is_out_of_memory;
        break;
    case RECORD_DISCARD:
        state->discarded_id = record->id;
        state->discarded_sequence = state->last_sequence;
        break;
    case RECORD_END: take_end(stream, record, extra); break;
    default: break;
    }
}

static void take_record(struct log_survey *survey, uint64_t position, const uint8_t *block,
                        const struct block_record *record)
{
    struct survey_stream *stream =
        need_stream(survey, block, &block_streams(block)[record->stream]);
    if (stream == NULL) {
        return;
    }
    struct checkpoint_stream *state = &stream->state;
    struct slice extra = slice_from(block + record->extra_offset, record->extra_length);
    state->last_time_ms = record->time_ms;
    stream->last_record_id = record->id;
    if (record->kind != RECORD_EVENT) {
        survey->counts.controls++;
        take_control(survey, stream, record, extra);
        return;
    }
    survey->counts.events++;
    if (state->life == STREAM_DELETED) {
        state->life = STREAM_OPEN;
    }
    survey->counts.frame_bytes += record->frame_length;
    state->last_id = record->id;
    state->last_sequence = record->sequence;
    if (survey->recovery.has_checkpoint && position < survey->recovery.checkpoint.head.position) {
        stream->checkpointed_id = record->id;
    }
    state->cumulative_bytes += record->frame_length;
    state->cumulative_count++;
    struct attribute attribute;
    bool malformed;
    while (event_attribute_next(&extra, &attribute, &malformed)) {
        if (attribute.kind == ATTRIBUTE_PRODUCER) {
            take_producer(survey, stream, record, attribute.value);
        }
    }
}

static void add_mark(struct log_survey *survey, uint64_t position,
                     const struct block_header *header)
{
    const struct seal_mark *last = (const struct seal_mark *)(void *)survey->marks.items;
    if (survey->marks.count > 0 &&
        (position - last[survey->marks.count - 1].position < MARK_SPACING_BYTES ||
         header->time_ms < last[survey->marks.count - 1].time_ms)) {
        return;
    }
    struct seal_mark *mark = array_add(&survey->marks);
    if (mark == NULL) {
        survey->is_out_of_memory = true;
        return;
    }
    *mark = (struct seal_mark){header->time_ms, header->first_id, position};
}

static void on_block(void *context, const struct recovery_segment *segment, uint64_t position,
                     const uint8_t *block)
{
    (void)segment;
    struct log_survey *survey = context;
    const struct block_header *header = block_header_of(block);
    if (survey->counts.first_id == 0) {
        survey->counts.first_id = header->first_id;
    }
    struct survey_block *seen = array_add(&survey->blocks);
    if (seen == NULL) {
        survey->is_out_of_memory = true;
        return;
    }
    *seen = (struct survey_block){position, header->previous_position, header->length,
                                  header->first_id, header->last_id};
    add_mark(survey, position, header);
    for (uint32_t i = 0; i < header->stream_count; i++) {
        add_run(survey, position, block, i);
    }
    for (uint32_t i = 0; i < header->record_count; i++) {
        take_record(survey, position, block, &block_records(block)[i]);
    }
}

// --- segments ---

static int compare_runs(const void *one, const void *other)
{
    const struct survey_run *a = one;
    const struct survey_run *b = other;
    if (a->number != b->number) {
        return a->number < b->number ? -1 : 1;
    }
    return a->run.first_id < b->run.first_id ? -1 : a->run.first_id > b->run.first_id;
}

static void on_segment_begin(void *context, const struct recovery_segment *segment)
{
    (void)segment;
    struct log_survey *survey = context;
    survey->runs.count = 0;
    survey->marks.count = 0;
}

static void on_segment_end(void *context, const struct recovery_segment *segment)
{
    struct log_survey *survey = context;
    survey->counts.indexes += segment->index_offset != 0;
    if (survey->runs.count > 0) {
        qsort(survey->runs.items, survey->runs.count, survey->runs.item_bytes, compare_runs);
    }
    if (survey->segment != NULL) {
        survey->segment(survey->context, survey, segment);
    }
}

static int out_of_memory(char *message, size_t message_size)
{
    (void)snprintf(message, message_size, "out of memory");
    return -ENOMEM;
}

// What the checkpoint knows to be gone.
static void note_discards(struct log_survey *survey)
{
    struct checkpoint_reader reader = survey->recovery.checkpoint;
    struct checkpoint_stream stream;
    while (survey->recovery.has_checkpoint && checkpoint_next_stream(&reader, &stream)) {
        uint32_t index = (uint32_t)survey->discards.count;
        uint64_t *discarded_id = stream.discarded_id == 0 ? NULL : array_add(&survey->discards);
        if (discarded_id != NULL) {
            *discarded_id = stream.discarded_id;
        }
        survey->is_out_of_memory =
            survey->is_out_of_memory ||
            (stream.discarded_id != 0 &&
             (discarded_id == NULL ||
              u64_map_put(&survey->discards_by_number, stream.number, index) != 0));
    }
}

int log_survey_make(struct log_survey *survey, struct disk *disk, void *context,
                    void (*fault)(void *context, const struct recovery_fault *fault),
                    void (*segment)(void *context, struct log_survey *survey,
                                    const struct recovery_segment *segment),
                    char *message, size_t message_size)
{
    *survey = (struct log_survey){.streams.item_bytes = sizeof(struct survey_stream),
                                  .producers.item_bytes = sizeof(struct checkpoint_producer),
                                  .blocks.item_bytes = sizeof(struct survey_block),
                                  .runs.item_bytes = sizeof(struct survey_run),
                                  .marks.item_bytes = sizeof(struct seal_mark),
                                  .missing.item_bytes = sizeof(struct survey_missing),
                                  .discards.item_bytes = sizeof(uint64_t),
                                  .context = context,
                                  .fault = fault,
                                  .segment = segment};
    u64_map_init(&survey->by_number);
    u64_map_init(&survey->discards_by_number);
    buffer_init(&survey->names, NAMES_BYTES_MAX);
    const struct recovery_visitor visitor = {.context = survey,
                                             .segment_begin = on_segment_begin,
                                             .block = on_block,
                                             .segment_end = on_segment_end,
                                             .fault = on_fault};
    int failed = recovery_begin(&survey->recovery, disk, SEGMENT_BYTES_MIN,
                                RECOVERY_WITHOUT_CHECKPOINT | RECOVERY_SKIP_UNREADABLE, &visitor,
                                message, message_size);
    note_discards(survey);
    failed = failed < 0 ? failed : recovery_scan(&survey->recovery, message, message_size);
    if (failed == 0 && survey->is_out_of_memory) {
        failed = out_of_memory(message, message_size);
    }
    if (failed < 0) {
        log_survey_free(survey);
        return failed;
    }
    for (size_t i = 0; i < survey->streams.count; i++) {
        struct survey_stream *stream = log_survey_stream(survey, i);
        stream->state.name.at = buffer_slice(&survey->names).at + stream->name_offset;
        stream->state.content_type.at =
            buffer_slice(&survey->names).at + stream->content_type_offset;
    }
    return 0;
}

void log_survey_free(struct log_survey *survey)
{
    recovery_end(&survey->recovery);
    free(survey->streams.items);
    free(survey->producers.items);
    free(survey->blocks.items);
    free(survey->runs.items);
    free(survey->marks.items);
    free(survey->missing.items);
    free(survey->discards.items);
    u64_map_free(&survey->discards_by_number);
    u64_map_free(&survey->by_number);
    buffer_free(&survey->names);
    *survey = (struct log_survey){0};
}

// --- comparing ---

// An index lacks what was discarded before it was written.
static bool is_discarded(const struct log_survey *survey, uint64_t number, uint64_t last_id)
{
    const uint64_t *known = (const uint64_t *)(void *)survey->discards.items;
    uint32_t index;
    return (u64_map_get(&survey->by_number, number, &index) &&
            log_survey_stream(survey, index)->state.discarded_id >= last_id) ||
           (u64_map_get(&survey->discards_by_number, number, &index) && known[index] >= last_id);
}

// Whether the runs are those of the index, and others that were discarded.
static bool compare_runs_of(struct log_survey *survey, const struct recovery_segment *segment,
                            const uint8_t *block, bool *may_be_explained)
{
    const struct survey_run *runs = (const struct survey_run *)(void *)survey->runs.items;
    struct seal_walk walk = {0};
    uint64_t number = 0;
    struct log_run run;
    bool is_same = true;
    bool has_run = seal_walk_next(block, &walk, &number, &run);
    for (size_t i = 0; i < survey->runs.count; i++) {
        if (has_run && runs[i].number == number && memcmp(&runs[i].run, &run, sizeof(run)) == 0) {
            has_run = seal_walk_next(block, &walk, &number, &run);
        } else if (!is_discarded(survey, runs[i].number, runs[i].run.last_id)) {
            is_same = false;
            struct survey_missing *missing = array_add(&survey->missing);
            if (missing == NULL) {
                survey->is_out_of_memory = true;
                return false;
            }
            *missing = (struct survey_missing){runs[i].number, runs[i].run.last_id, segment->number,
                                               segment->index_offset};
        }
    }
    *may_be_explained = !has_run;
    return is_same && !has_run;
}

static void complain_of_index(struct log_survey *survey, uint64_t segment, uint64_t index_offset)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(segment, name);
    complain(survey, RECOVERY_FAULT_INDEX, name, index_offset,
             "the index does not agree with the blocks");
}

bool log_survey_compare_index(struct log_survey *survey, const struct recovery_segment *segment)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(segment->number, name);
    struct disk *disk = survey->recovery.disk;
    uint8_t *block = malloc(segment->index_length);
    int file = disk_open_file(disk, name, false, false);
    size_t missing_before = survey->missing.count;
    bool is_same = false;
    bool may_be_explained = false;
    if (block != NULL && file >= 0 &&
        disk_read_now(disk, file, block, segment->index_length, segment->index_offset) ==
            (int64_t)segment->index_length) {
        is_same = compare_runs_of(survey, segment, block, &may_be_explained);
    }
    if (file >= 0) {
        disk_close_file(disk, file);
    }
    free(block);
    if (!is_same && !may_be_explained) {
        survey->missing.count = missing_before;
        complain_of_index(survey, segment->number, segment->index_offset);
    }
    return is_same;
}

bool log_survey_judge_missing(struct log_survey *survey)
{
    const struct survey_missing *missing =
        (const struct survey_missing *)(void *)survey->missing.items;
    uint64_t told = 0; // segment, of which once is enough
    for (size_t i = 0; i < survey->missing.count; i++) {
        if (missing[i].segment != told &&
            !is_discarded(survey, missing[i].number, missing[i].last_id)) {
            told = missing[i].segment;
            complain_of_index(survey, told, missing[i].index_offset);
        }
    }
    return told == 0;
}

static void compare_stream(struct log_survey *survey, const struct checkpoint_stream *known)
{
    uint32_t index;
    if (!u64_map_get(&survey->by_number, known->number, &index)) {
        return; // all of its events are gone
    }
    const struct checkpoint_stream *found = &log_survey_stream(survey, index)->state;
    if (!slice_equal(found->name, known->name)) {
        complain(survey, RECOVERY_FAULT_CHECKPOINT, CHECKPOINT_NAME, 0,
                 "stream %llu has another name than in the blocks",
                 (unsigned long long)known->number);
    }
    // It may know more, of events that are lost or came while it was written, but not less.
    if (known->last_id < log_survey_stream(survey, index)->checkpointed_id) {
        complain(survey, RECOVERY_FAULT_CHECKPOINT, CHECKPOINT_NAME, 0,
                 "stream %llu ends at event %llu, not %llu as the checkpoint says",
                 (unsigned long long)known->number,
                 (unsigned long long)log_survey_stream(survey, index)->checkpointed_id,
                 (unsigned long long)known->last_id);
    }
}

static void compare_segment(struct log_survey *survey, const struct checkpoint_segment *known)
{
    const struct recovery *recovery = &survey->recovery;
    for (size_t i = 0; i < recovery->segment_count; i++) {
        const struct recovery_segment *segment = &recovery->segments[i];
        if (segment->number != known->number || !segment->is_valid || known->index_offset == 0) {
            continue;
        }
        if (segment->first_id != known->first_id || segment->last_id != known->last_id ||
            segment->end_position != known->end_position) {
            char name[SEGMENT_NAME_BYTES];
            segment_name(known->number, name);
            complain(survey, RECOVERY_FAULT_CHECKPOINT, CHECKPOINT_NAME, 0,
                     "%s holds ids %llu to %llu, not %llu to %llu as the checkpoint says", name,
                     (unsigned long long)segment->first_id, (unsigned long long)segment->last_id,
                     (unsigned long long)known->first_id, (unsigned long long)known->last_id);
        }
    }
}

bool log_survey_compare_checkpoint(struct log_survey *survey)
{
    if (!survey->recovery.has_checkpoint) {
        return true;
    }
    uint64_t before = survey->faults;
    struct checkpoint_reader reader = survey->recovery.checkpoint;
    struct checkpoint_stream stream;
    struct checkpoint_segment segment;
    while (checkpoint_next_stream(&reader, &stream)) {
        compare_stream(survey, &stream);
    }
    while (checkpoint_next_segment(&reader, &segment)) {
        compare_segment(survey, &segment);
    }
    return survey->faults == before;
}
