#include "unit/ingest/fake_log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

struct fake_log fake_log;

void fake_log_begin(void)
{
    fake_log = (struct fake_log){.room = UINT32_MAX};
    fake_log.records = calloc(FAKE_LOG_EVENTS_MAX, sizeof *fake_log.records);
    cr_assert_not_null(fake_log.records);
}

void fake_log_end(void)
{
    free(fake_log.records);
    fake_log.records = NULL;
}

static void answer(struct fake_log_record *record)
{
    record->is_acknowledged = true;
    struct log_acknowledgement acknowledgement = {
        .producer = record->producer,
        .reference = record->reference,
        .error = fake_log.failure,
    };
    if (fake_log.failure == ERR_NONE) {
        acknowledgement.id = record->id;
        acknowledgement.sequence = record->sequence;
        acknowledgement.duplicate = record->is_duplicate;
    }
    ingest_acknowledge(fake_log.ingest, &acknowledgement);
}

void fake_log_acknowledge_all(void)
{
    for (; fake_log.acknowledged < fake_log.count; fake_log.acknowledged++) {
        struct fake_log_record *record = &fake_log.records[fake_log.acknowledged];
        if (record->level != ACK_RECEIVED && !record->is_acknowledged) {
            answer(record);
        }
    }
}

void fake_log_round(void)
{
    if (!fake_log.holds) {
        fake_log_acknowledge_all();
    }
}

void fake_log_make_room(uint32_t appends)
{
    fake_log.room = appends;
    ingest_room(fake_log.ingest);
}

void fake_log_press(const char *stream, enum log_pressure_stage stage)
{
    static const uint32_t permilles[] = {
        [LOG_PRESSURE_NONE] = 100, [LOG_PRESSURE_SLOW] = 800, [LOG_PRESSURE_FULL] = 1000};
    fake_log.pressure = (struct log_pressure){.name = slice_of(stream),
                                              .stage = stage,
                                              .full_permille = permilles[stage],
                                              .wait_ms = fake_log.wait_ms,
                                              .lag_events = permilles[stage],
                                              .lag_bytes = 10 * permilles[stage]};
    ingest_pressure(fake_log.ingest, &fake_log.pressure);
}

bool log_stream_pressure(const struct log *log, struct slice name, struct log_pressure *pressure)
{
    (void)log;
    *pressure = fake_log.pressure;
    return slice_equal(name, fake_log.pressure.name);
}

static void copy_text(char *into, size_t size, struct slice text)
{
    size_t length = text.length < size - 1 ? text.length : size - 1;
    if (length > 0) {
        memcpy(into, text.at, length);
    }
    into[length] = 0;
}

static const struct fake_log_record *find_original(const struct fake_log_record *record)
{
    for (uint32_t i = 0; i < fake_log.count && record->producer_id != 0; i++) {
        const struct fake_log_record *other = &fake_log.records[i];
        if (other->producer_id == record->producer_id && other->epoch == record->epoch &&
            other->producer_sequence == record->producer_sequence &&
            strcmp(other->stream, record->stream) == 0) {
            return other;
        }
    }
    return NULL;
}

static enum log_append_result take(struct fake_log_record *record, uint64_t producer,
                                   uint64_t reference, enum rc_error *error)
{
    if (fake_log.refusal != ERR_NONE) {
        *error = fake_log.refusal;
        return LOG_APPEND_REFUSED;
    }
    if (fake_log.refuse_at != 0 && fake_log.count == fake_log.refuse_at) {
        *error = ERR_STALE_EPOCH;
        return LOG_APPEND_REFUSED;
    }
    if (fake_log.room == 0) {
        fake_log.full_count++;
        return LOG_APPEND_FULL;
    }
    fake_log.room--;
    cr_assert_lt(fake_log.count, FAKE_LOG_EVENTS_MAX);
    record->producer = producer;
    record->reference = reference;
    const struct fake_log_record *original = find_original(record);
    if (original != NULL) {
        record->is_duplicate = true;
        record->id = original->id;
        record->sequence = original->sequence;
    } else if (!record->ephemeral) {
        record->id = 1000 + fake_log.count;
        record->sequence = 1;
        for (uint32_t i = fake_log.count; i > 0 && i + 100 > fake_log.count; i--) {
            if (strcmp(fake_log.records[i - 1].stream, record->stream) == 0 &&
                !fake_log.records[i - 1].is_duplicate) {
                record->sequence = fake_log.records[i - 1].sequence + 1;
                break;
            }
        }
    }
    fake_log.records[fake_log.count++] = *record;
    if (fake_log.count == fake_log.press_at) {
        fake_log_press(fake_log.records[fake_log.count - 1].stream, LOG_PRESSURE_FULL);
    }
    if (fake_log.answers_at_once && record->level != ACK_RECEIVED) {
        answer(&fake_log.records[fake_log.count - 1]);
    }
    return LOG_APPEND_TAKEN;
}

bool log_knows(const struct log *log, const struct event *event)
{
    (void)log;
    static struct fake_log_record record;
    record = (struct fake_log_record){.producer_id = event->producer_id,
                                      .epoch = event->producer_epoch,
                                      .producer_sequence = event->producer_sequence};
    copy_text(record.stream, sizeof record.stream, event->stream);
    return find_original(&record) != NULL;
}

enum log_append_result log_append(struct log *log, const struct event *event, enum ack_level level,
                                  uint64_t producer, uint64_t reference, enum rc_error *error)
{
    (void)log;
    static struct fake_log_record record;
    record = (struct fake_log_record){
        .kind = FAKE_EVENT,
        .level = level,
        .data_length = event->data.length,
        .attributes_length = event->attributes.length,
        .producer_id = event->producer_id,
        .epoch = event->producer_epoch,
        .producer_sequence = event->producer_sequence,
        .ttl_ms = event->ttl_ms,
        .retry_ms = event->retry_ms,
        .priority = event->priority,
        .ephemeral = event->ephemeral,
        .binary = event->binary,
    };
    copy_text(record.stream, sizeof record.stream, event->stream);
    copy_text(record.type, sizeof record.type, event->type);
    copy_text(record.data, sizeof record.data, event->data);
    return take(&record, producer, reference, error);
}

enum log_append_result log_set_stream(struct log *log, struct slice name,
                                      const struct stream_settings *settings,
                                      struct slice content_type, enum ack_level level,
                                      uint64_t producer, uint64_t reference, enum rc_error *error)
{
    (void)log;
    struct fake_log_record record = {.kind = FAKE_SET, .level = level, .settings = *settings};
    copy_text(record.stream, sizeof record.stream, name);
    copy_text(record.type, sizeof record.type, content_type);
    return take(&record, producer, reference, error);
}

enum log_append_result log_discard_stream(struct log *log, struct slice name, enum ack_level level,
                                          uint64_t producer, uint64_t reference,
                                          enum rc_error *error)
{
    (void)log;
    struct fake_log_record record = {.kind = FAKE_DISCARD, .level = level};
    copy_text(record.stream, sizeof record.stream, name);
    return take(&record, producer, reference, error);
}

enum log_append_result log_end_stream(struct log *log, struct slice name, enum stream_life life,
                                      enum ack_level level, uint64_t producer, uint64_t reference,
                                      enum rc_error *error)
{
    (void)log;
    struct fake_log_record record = {.kind = FAKE_END, .level = level, .life = life};
    copy_text(record.stream, sizeof record.stream, name);
    return take(&record, producer, reference, error);
}

void log_get_status(const struct log *log, struct log_status *status)
{
    (void)log;
    *status = (struct log_status){
        .last_id = 999 + fake_log.count,
        .events_appended = fake_log.count,
        // Another segment than what was synced last: positions say nothing of bytes.
        .next_position = 5000 + (64 << 20),
        .written_position = 5000 + (64 << 20),
        .synced_position = 5000,
        .writable = fake_log.refusal == ERR_NONE,
    };
    if (fake_log.refusal != ERR_NONE) {
        strcpy(status->fault, "the disk is \"full\"");
    }
}

uint32_t log_full_permille(const struct log *log)
{
    (void)log;
    return fake_log.full_permille;
}

bool log_is_writable(const struct log *log)
{
    (void)log;
    return fake_log.refusal == ERR_NONE;
}

// Three, and those that a test adds.
static struct log_stream_info describe(uint64_t place)
{
    static const char *const names[] = {"chat/1", "chat/2", "tools/\"x\""};
    static char name[32];
    snprintf(name, sizeof name, "more/%u", (unsigned)place);
    struct log_stream_info info = {
        .name = slice_of(place < 3 ? names[place] : name),
        .state = {.last_id = 10 + place, .last_sequence = 3},
        .interest = 5,
        .last_time_ms = 1700000000000,
    };
    if (place == 2) { // one has settings of its own
        info.settings.flow =
            (struct stream_flow){.overflow = OVERFLOW_BLOCK, .lag_events = 50, .threshold = 800};
        info.content_type = slice_of("text/plain");
    }
    info.state.life = place == fake_log.ended_place ? fake_log.ended : STREAM_OPEN;
    info.is_awaited = place > 0 && place == fake_log.awaited_place;
    info.is_there = !info.is_awaited && info.state.life != STREAM_DELETED &&
                    (place == 0 || place != fake_log.deleted_place);
    return info;
}

bool log_find_stream(const struct log *log, struct slice name, struct log_stream_info *info)
{
    (void)log;
    for (uint64_t place = 0; place < 3 + fake_log.more_streams; place++) {
        *info = describe(place);
        if (slice_equal(info->name, name)) {
            return true;
        }
    }
    return false;
}

bool log_bounds_owners(const struct log *log)
{
    (void)log;
    return fake_log.bounds_owners;
}

uint64_t log_visit_streams(const struct log *log, struct slice prefix, uint64_t after,
                           uint32_t most,
                           void (*visit)(void *context, const struct log_stream_info *info),
                           void *context)
{
    (void)log;
    uint64_t count = 3 + fake_log.more_streams;
    uint64_t place = after;
    for (; place < count && place < after + LOG_VISIT_LOOKS && most > 0; place++) {
        struct log_stream_info info = describe(place);
        if (slice_starts_with(info.name, prefix)) {
            visit(context, &info);
            most--;
        }
    }
    return place < count ? place : 0;
}
