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

// Whether it takes no more events. One that was deleted is made anew by the next.
static bool has_ended(const struct log_stream *stream)
{
    return stream->life == STREAM_CLOSED || stream->life == STREAM_CANCELLED;
}

// Nothing stands behind a deletion in its block: readers are told of it before anything that is
// published to the stream anew. LOG_APPEND_TAKEN: so it is.
static enum log_append_result leave_former(struct log *log, const struct log_stream *stream,
                                           enum rc_error *error)
{
    if (stream->open_index != STREAM_NOT_OPEN) {
        writer_close_block(log);
    }
    if (fault_is_on(log)) { // since that write
        *error = ERR_LOG_ERROR;
        return LOG_APPEND_REFUSED;
    }
    return LOG_APPEND_TAKEN;
}

static enum log_append_result take_transient(struct log *log, const struct event *event,
                                             struct acks *acks, uint64_t producer,
                                             uint64_t reference, enum rc_error *error)
{
    struct log_stream *stream = streams_find(&log->streams, event->stream);
    if (stream != NULL && has_ended(stream)) {
        *error = ERR_STREAM_CLOSED;
        return LOG_APPEND_REFUSED;
    }
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
    stream->life = STREAM_OPEN;
    stream->last_time_ms = STREAM_48(log->time_ms);
    const struct builder *builder = &log->writer.builder;
    uint32_t frames_before = builder->frames_end;
    builder_add_event(&log->writer.builder, &log->streams, stream, event, form, id,
                      stream->last_sequence, log->time_ms);
    if (stream->is_held_back) {
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
    distribution_add(&log->counts.event_bytes, event->data.length, 1);
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
    if (stream != NULL && has_ended(stream)) {
        *error = ERR_STREAM_CLOSED;
        return LOG_APPEND_REFUSED;
    }
    if (stream != NULL && stream->life == STREAM_DELETED) {
        result = leave_former(log, stream, error);
    }
    enum frame_form form = frame_form_of(event);
    struct builder_size size = builder_size_of(event, form);
    if (result == LOG_APPEND_TAKEN) {
        result = writer_reserve(log, &size, error);
    }
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

// --- control records ---

// A control record on its way in: what it is, and how it is acknowledged.
struct control {
    enum record_kind kind;
    struct slice extra;
    struct acks *acks; // NULL: it is not
    uint64_t producer;
    uint64_t reference;
};

// stream: NULL where it is new.
static enum log_append_result reserve_control(struct log *log, struct slice name,
                                              const struct log_stream *stream,
                                              const struct control *control, enum rc_error *error)
{
    if (stream != NULL && stream->controls == UINT16_MAX) {
        log->writer.wants_room = true;
        return LOG_APPEND_FULL;
    }
    struct builder_size size = {.extra_bytes = (uint32_t)control->extra.length,
                                .name_bytes = (uint32_t)name.length};
    return writer_reserve(log, &size, error);
}

// There is room.
static void take_control(struct log *log, struct log_stream *stream, const struct control *control)
{
    uint64_t id = take_id(log);
    stream->controls++;
    if (control->kind != RECORD_DISCARD) {
        stream->last_time_ms = STREAM_48(log->time_ms);
    }
    builder_add_control(&log->writer.builder, &log->streams, stream, control->kind, control->extra,
                        id, log->time_ms);
    if (control->acks != NULL) {
        acks_push(control->acks, &(struct ack){.producer = control->producer,
                                               .reference = control->reference,
                                               .id = id,
                                               .wait_id = id});
    }
}

static enum log_append_result append_control(struct log *log, struct log_stream *stream,
                                             const struct control *control, enum rc_error *error)
{
    struct slice name = streams_name(&log->streams, stream);
    enum log_append_result result = reserve_control(log, name, stream, control, error);
    if (result == LOG_APPEND_TAKEN) {
        take_control(log, stream, control);
    }
    return result;
}

enum log_append_result log_set_stream(struct log *log, struct slice name,
                                      const struct stream_settings *settings,
                                      struct slice content_type, enum ack_level level,
                                      uint64_t producer, uint64_t reference, enum rc_error *error)
{
    struct acks *acks = acks_of(log, level);
    enum log_append_result result = admit(log, acks, error);
    if (result != LOG_APPEND_TAKEN) {
        return result;
    }
    struct log_stream *stream = streams_find(&log->streams, name);
    if (stream != NULL && has_ended(stream)) {
        *error = ERR_STREAM_CLOSED;
        return LOG_APPEND_REFUSED;
    }
    struct stream_settings change = *settings;
    if (stream != NULL && streams_is_there(stream)) {
        change.parts &= ~(uint64_t)SETTINGS_OWNER; // whoever made it stays its owner
    }
    uint64_t owner = (change.parts & SETTINGS_OWNER) != 0 ? change.owner : 0;
    if (!owners_may_make(&log->owners, owner)) {
        *error = ERR_RATE_LIMITED;
        return LOG_APPEND_REFUSED;
    }
    uint8_t record[SETTINGS_RECORD_BYTES_MAX];
    const struct control control = {
        .kind = RECORD_SETTINGS,
        .extra = slice_from(record, settings_encode(&change, content_type, record)),
        .acks = acks,
        .producer = producer,
        .reference = reference,
    };
    if (stream != NULL && stream->life == STREAM_DELETED) {
        result = leave_former(log, stream, error);
    }
    if (result == LOG_APPEND_TAKEN) {
        result = reserve_control(log, name, stream, &control, error);
    }
    if (result != LOG_APPEND_TAKEN) {
        return result;
    }
    if (stream == NULL && (stream = log_make_stream(log, name)) == NULL) {
        *error = ERR_TOO_MANY_STREAMS;
        return LOG_APPEND_REFUSED;
    }
    take_control(log, stream, &control);
    owners_add(&log->owners, owner);
    stream->life = STREAM_OPEN;
    stream->is_made = 1;
    return LOG_APPEND_TAKEN;
}

enum log_append_result log_discard_stream(struct log *log, struct slice name, enum ack_level level,
                                          uint64_t producer, uint64_t reference,
                                          enum rc_error *error)
{
    struct acks *acks = acks_of(log, level);
    enum log_append_result result = admit(log, acks, error);
    if (result != LOG_APPEND_TAKEN) {
        return result;
    }
    struct log_stream *stream = streams_find(&log->streams, name);
    if (stream == NULL || stream->life == STREAM_DELETED) {
        *error = ERR_STREAM_NOT_FOUND;
        return LOG_APPEND_REFUSED;
    }
    const struct control control = {
        .kind = RECORD_DISCARD, .acks = acks, .producer = producer, .reference = reference};
    return append_control(log, stream, &control, error);
}

// Whether a stream whose life is `from` may be ended so. LOG_APPEND_TAKEN: yes.
static enum log_append_result may_end(enum stream_life from, enum stream_life to,
                                      enum rc_error *error)
{
    if (from == to || from == STREAM_OPEN || (from != STREAM_DELETED && to == STREAM_DELETED)) {
        return LOG_APPEND_TAKEN;
    }
    *error = from == STREAM_DELETED ? ERR_STREAM_NOT_FOUND : ERR_STREAM_CLOSED;
    return LOG_APPEND_REFUSED;
}

enum log_append_result log_end_stream(struct log *log, struct slice name, enum stream_life life,
                                      enum ack_level level, uint64_t producer, uint64_t reference,
                                      enum rc_error *error)
{
    struct acks *acks = acks_of(log, level);
    enum log_append_result result = admit(log, acks, error);
    if (result != LOG_APPEND_TAKEN) {
        return result;
    }
    struct log_stream *stream = streams_find(&log->streams, name);
    if (stream == NULL || (stream->life == STREAM_OPEN && !streams_is_there(stream))) {
        *error = ERR_STREAM_NOT_FOUND;
        return LOG_APPEND_REFUSED;
    }
    result = may_end(stream->life, life, error);
    if (result != LOG_APPEND_TAKEN) {
        return result;
    }
    if (stream->life == life) {
        // It stands in the log already, at the latest at its present end.
        if (acks != NULL) {
            acks_push(acks, &(struct ack){.producer = producer,
                                          .reference = reference,
                                          .wait_id = writer_last_id(log),
                                          .duplicate = true});
        }
        return LOG_APPEND_TAKEN;
    }
    uint8_t record[LIFE_RECORD_BYTES];
    life_encode(life, record);
    const struct control control = {.kind = RECORD_END,
                                    .extra = slice_from(record, sizeof(record)),
                                    .acks = acks,
                                    .producer = producer,
                                    .reference = reference};
    result = append_control(log, stream, &control, error);
    if (result == LOG_APPEND_TAKEN) {
        stream->life = life & 3;
        stream->is_made = stream->is_made && life != STREAM_DELETED;
    }
    return result;
}

bool log_append_discard(struct log *log, struct log_stream *stream)
{
    enum rc_error error;
    const struct control control = {.kind = RECORD_DISCARD};
    return admit(log, NULL, &error) == LOG_APPEND_TAKEN &&
           append_control(log, stream, &control, &error) == LOG_APPEND_TAKEN;
}
