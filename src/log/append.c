// Events and control records on their way in.
#include "base/assert.h"
#include "log/core.h"

#include <string.h>

struct log_stream *log_make_stream(struct log *log, struct slice name)
{
    struct log_stream *stream = streams_add(&log->streams, name, 0);
    if (stream != NULL) {
        stream->last_sequence = STREAM_48(log->sequence_base);
        stream->last_time_ms = STREAM_48(log->time_ms);
    }
    return stream;
}

static struct acks *acks_of(struct log *log, enum ack_level level)
{
    return level == ACK_SYNCED    ? &log->synced_acks
           : level == ACK_WRITTEN ? &log->written_acks
                                  : NULL;
}

// Whether anything can be taken at all now. LOG_APPEND_TAKEN: yes.
static enum log_append_result admit(struct log *log, const struct acks *acks, enum rc_error *error)
{
    if (log->draining) {
        *error = ERR_SHUTTING_DOWN;
        return LOG_APPEND_REFUSED;
    }
    bool is_stuck = log->roll.failure != 0 && log->roll.spare == NULL && log->writer.active == NULL;
    if (fault_is_on(log) || is_stuck) {
        *error = ERR_LOG_ERROR;
        return LOG_APPEND_REFUSED;
    }
    if (acks != NULL && acks_are_full(acks)) {
        log->writer.wants_room = true;
        return LOG_APPEND_FULL;
    }
    return LOG_APPEND_TAKEN;
}

static enum log_append_result take_transient(struct log *log, const struct event *event,
                                             struct acks *acks, uint64_t producer,
                                             uint64_t reference, enum rc_error *error)
{
    struct log_stream *stream = streams_find(&log->streams, event->stream);
    if (handout_transient(log, stream, event) != 0) {
        *error = ERR_BUFFER_OVERFLOW;
        return LOG_APPEND_REFUSED;
    }
    if (acks != NULL) {
        acks_push(acks, &(struct ack){.producer = producer, .reference = reference});
    }
    return LOG_APPEND_TAKEN;
}

// A repeat: acknowledged when the producer's last event has reached the level, which is not before
// this one's original has.
static void take_duplicate(struct log *log, const struct event *event, const struct producer *known,
                           struct acks *acks, uint64_t producer, uint64_t reference)
{
    log->counts.duplicates++;
    if (acks == NULL) {
        return;
    }
    bool is_last = event->producer_sequence == known->producer_sequence;
    acks_push(acks, &(struct ack){.producer = producer,
                                  .reference = reference,
                                  .id = is_last ? known->id : 0,
                                  .sequence = is_last ? known->sequence : 0,
                                  .wait_id = known->id,
                                  .duplicate = true});
}

static uint64_t take_id(struct log *log)
{
    ASSERT(log->next_id < log->keeper.id_limit);
    return log->next_id++;
}

static void remember_producer(struct log *log, const struct log_stream *stream,
                              const struct event *event, uint64_t id)
{
    producers_put(&log->producers, &(struct producer){
                                       .stream_number = stream->number,
                                       .producer_id = event->producer_id,
                                       .producer_sequence = event->producer_sequence,
                                       .id = id,
                                       .sequence = stream->last_sequence,
                                       .last_used_ms = log->time_ms,
                                       .epoch = event->producer_epoch,
                                   });
}

static void take_event(struct log *log, struct log_stream *stream, const struct event *event,
                       enum frame_form form, struct acks *acks, uint64_t producer,
                       uint64_t reference)
{
    uint64_t id = take_id(log);
    stream->last_sequence++;
    stream->pending++;
    stream->last_time_ms = STREAM_48(log->time_ms);
    const struct builder *builder = &log->writer.builder;
    uint32_t frames_before = builder->frames_end;
    builder_add_event(&log->writer.builder, &log->streams, stream, event, form, id,
                      stream->last_sequence, log->time_ms);
    if ((stream->flags & LOG_STREAM_HELD_BACK) != 0) {
        holdback_appended(log, stream, id, builder->frames_end - frames_before);
    }
    if (event->producer_id != 0) {
        remember_producer(log, stream, event, id);
    }
    if (acks != NULL) {
        acks_push(acks, &(struct ack){.producer = producer,
                                      .reference = reference,
                                      .id = id,
                                      .sequence = stream->last_sequence,
                                      .wait_id = id});
    }
    log->counts.events_appended++;
    log->counts.bytes_appended += event->data.length;
}

bool log_knows(const struct log *log, const struct event *event)
{
    const struct log_stream *stream =
        event->producer_id == 0 ? NULL : streams_find(&log->streams, event->stream);
    const struct producer *known;
    return stream != NULL && !event->ephemeral &&
           producers_check(&log->producers, stream->number, event->producer_id,
                           event->producer_epoch, event->producer_sequence,
                           &known) != PRODUCERS_NEW;
}

enum log_append_result log_append(struct log *log, const struct event *event, enum ack_level level,
                                  uint64_t producer, uint64_t reference, enum rc_error *error)
{
    struct acks *acks = acks_of(log, level);
    enum log_append_result result = admit(log, acks, error);
    if (result != LOG_APPEND_TAKEN) {
        return result;
    }
    if (event->ephemeral) {
        return take_transient(log, event, acks, producer, reference, error);
    }
    struct log_stream *stream = streams_find(&log->streams, event->stream);
    const struct producer *known;
    if (stream != NULL && event->producer_id != 0) {
        switch (producers_check(&log->producers, stream->number, event->producer_id,
                                event->producer_epoch, event->producer_sequence, &known)) {
        case PRODUCERS_DUPLICATE:
            take_duplicate(log, event, known, acks, producer, reference);
            return LOG_APPEND_TAKEN;
        case PRODUCERS_STALE: *error = ERR_STALE_EPOCH; return LOG_APPEND_REFUSED;
        case PRODUCERS_NEW: break;
        }
    }
    enum frame_form form = frame_form_of(event);
    struct builder_size size = builder_size_of(event, form);
    result = writer_reserve(log, &size, error);
    if (result != LOG_APPEND_TAKEN) {
        return result;
    }
    if (stream == NULL && (stream = log_make_stream(log, event->stream)) == NULL) {
        *error = ERR_TOO_MANY_STREAMS;
        return LOG_APPEND_REFUSED;
    }
    take_event(log, stream, event, form, acks, producer, reference);
    return LOG_APPEND_TAKEN;
}

static void take_control(struct log *log, struct log_stream *stream, enum record_kind kind,
                         struct slice extra)
{
    stream->controls++;
    builder_add_control(&log->writer.builder, &log->streams, stream, kind, extra, take_id(log),
                        log->time_ms);
}

static enum log_append_result append_control(struct log *log, struct slice name,
                                             enum record_kind kind, struct slice extra,
                                             uint64_t producer, uint64_t reference,
                                             enum rc_error *error)
{
    enum log_append_result result = admit(log, &log->written_acks, error);
    if (result != LOG_APPEND_TAKEN) {
        return result;
    }
    struct log_stream *stream = streams_find(&log->streams, name);
    if (stream == NULL && kind == RECORD_DISCARD) {
        *error = ERR_STREAM_NOT_FOUND;
        return LOG_APPEND_REFUSED;
    }
    struct builder_size size = {.extra_bytes = (uint32_t)extra.length,
                                .name_bytes = (uint32_t)name.length};
    if (stream != NULL && stream->controls == UINT16_MAX) {
        log->writer.wants_room = true;
        return LOG_APPEND_FULL;
    }
    result = writer_reserve(log, &size, error);
    if (result != LOG_APPEND_TAKEN) {
        return result;
    }
    if (stream == NULL && (stream = log_make_stream(log, name)) == NULL) {
        *error = ERR_TOO_MANY_STREAMS;
        return LOG_APPEND_REFUSED;
    }
    take_control(log, stream, kind, extra);
    uint64_t id = log->next_id - 1;
    acks_push(&log->written_acks,
              &(struct ack){.producer = producer, .reference = reference, .id = id, .wait_id = id});
    return LOG_APPEND_TAKEN;
}

enum log_append_result log_set_stream(struct log *log, struct slice stream,
                                      const struct stream_settings *settings, uint64_t producer,
                                      uint64_t reference, enum rc_error *error)
{
    return append_control(log, stream, RECORD_SETTINGS, settings_record(settings), producer,
                          reference, error);
}

enum log_append_result log_discard_stream(struct log *log, struct slice stream, uint64_t producer,
                                          uint64_t reference, enum rc_error *error)
{
    return append_control(log, stream, RECORD_DISCARD, slice_empty(), producer, reference, error);
}

bool log_append_discard(struct log *log, struct log_stream *stream)
{
    enum rc_error error;
    struct builder_size size = {.name_bytes = (uint32_t)stream->name_length};
    if (admit(log, NULL, &error) != LOG_APPEND_TAKEN ||
        writer_reserve(log, &size, &error) != LOG_APPEND_TAKEN) {
        return false;
    }
    take_control(log, stream, RECORD_DISCARD, slice_empty());
    return true;
}
