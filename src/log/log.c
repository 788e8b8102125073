#include "log/log.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/logger.h"
#include "log/core.h"
#include "log/open.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RUNS_MAX_SEGMENTS =
        8, // unsealed segments whose runs fit into memory, at the smallest size of a run
    RUN_BYTES_MIN = sizeof(struct block_stream) + sizeof(struct block_record) + 24,
    RUNS_MIN = 1 << 14,
    RUNS_MAX = 1 << 24,
};

// --- life ---

int log_set_segment_bytes(struct log *log, uint64_t segment_bytes)
{
    struct log_options *options = &log->options;
    options->segment_bytes = segment_bytes;
    log->chain.segment_bytes = segment_bytes;
    uint64_t room = segment_bytes - SEGMENT_HEADER_BYTES;
    uint64_t quarter = options->tail_bytes / 4;
    log->block_bytes_max = room < quarter ? room : quarter;
    if (log->block_bytes_max > BLOCK_BYTES_MAX) {
        log->block_bytes_max = BLOCK_BYTES_MAX;
    }
    log->unsynced_bytes_max = room < options->tail_bytes / 2 ? room : options->tail_bytes / 2;
    uint64_t runs = RUNS_MAX_SEGMENTS * (segment_bytes / RUN_BYTES_MIN);
    runs = runs < RUNS_MIN ? RUNS_MIN : runs;
    if (index_init(&log->index, (uint32_t)(runs < RUNS_MAX ? runs : RUNS_MAX)) != 0) {
        return -ENOMEM;
    }
    log->tail = log_tail_create(options->tail_bytes, segment_bytes, options->readers);
    return log->tail == NULL ? -ENOMEM : 0;
}

static int init(struct log *log)
{
    holdbacks_init(log);
    int error = streams_init(&log->streams, log->options.streams_max);
    owners_init(&log->owners, log->options.streams_per_owner);
    error = error != 0 ? error : producers_init(&log->producers, log->options.producers_max);
    error = error != 0 ? error : acks_init(&log->written_acks);
    error = error != 0 ? error : acks_init(&log->synced_acks);
    error = error != 0 ? error : writer_init(log);
    error = error != 0 ? error : roll_init(log);
    error = error != 0 ? error : handout_init(log);
    error = error != 0 ? error : lookups_init(log);
    error = error != 0 ? error : retention_init(log);
    return error;
}

static void release(struct log *log)
{
    holdbacks_free(log);
    fault_free(log);
    sealing_free(log);
    keeper_free(log);
    retention_free(log);
    roll_free(log);
    lookups_free(log);
    handout_free(log);
    writer_free(log);
    for (uint32_t i = 0; i < log->chain.count; i++) {
        log_close_file(log, log->chain.list[i]->file);
        segment_destroy(log->chain.list[i]);
    }
    acks_free(&log->synced_acks);
    acks_free(&log->written_acks);
    index_free(&log->index);
    owners_free(&log->owners);
    producers_free(&log->producers);
    streams_free(&log->streams);
    log_tail_destroy(log->tail);
    free(log);
}

struct log *log_open(const struct log_options *options, struct disk *disk, char *message,
                     size_t message_size)
{
    ASSERT(options->readers <= HANDOUT_READERS_MAX);
    ASSERT(is_power_of_two(options->tail_bytes) && options->tail_bytes >= SEGMENT_BYTES_MIN);
    struct log *log = calloc(1, sizeof(*log));
    if (log == NULL) {
        (void)snprintf(message, message_size, "out of memory");
        return NULL;
    }
    log->options = *options;
    log->options.directory = NULL; // the caller's, and needed no more: the disk is open
    log->disk = disk;
    if (init(log) != 0) {
        (void)snprintf(message, message_size, "out of memory");
        release(log);
        return NULL;
    }
    if (open_recover(log, message, message_size) != 0) {
        release(log);
        return NULL;
    }
    owners_count(&log->owners, &log->streams);
    return log;
}

void log_set_callbacks(struct log *log, const struct log_callbacks *callbacks)
{
    log->callbacks = *callbacks;
}

void log_start(struct log *log, struct loop *loop)
{
    disk_attach(log->disk, loop, log_disk_done, log);
    log->started = true;
}

struct log_tail *log_shared_tail(struct log *log)
{
    return log->tail;
}

void log_set_terms(struct log *log, const struct log_terms *terms)
{
    struct log_options *options = &log->options;
    bool is_other_flow = memcmp(&options->flow, &terms->flow, sizeof(terms->flow)) != 0;
    options->retention_bytes = terms->retention_bytes;
    options->retention_age_ms = terms->retention_age_ms;
    options->stream_idle_ms = terms->stream_idle_ms;
    options->flow = terms->flow;
    log->owners.most = terms->streams_per_owner;
    if (is_other_flow) {
        holdbacks_choose(log);
    }
}

void log_drain(struct log *log)
{
    log->draining = true;
}

static bool disk_is_quiet(const struct log *log)
{
    const struct keeper *keeper = &log->keeper;
    const struct sealing *sealing = &log->sealing;
    return log->writer.outstanding == 0 && !log->writer.sync_inflight && !log->roll.preparing &&
           log->roll.removing == 0 && !keeper->replacing_meta &&
           keeper->stage != KEEPER_REPLACING && sealing->state != SEALING_WRITE &&
           sealing->state != SEALING_SYNC && !log->retention.reading && lookups_are_idle(log);
}

bool log_is_drained(const struct log *log)
{
    const struct writer *writer = &log->writer;
    return log->draining && !fault_is_on(log) && writer_last_id(log) == writer->synced.id &&
           writer->count == 0 && acks_are_empty(&log->written_acks) &&
           acks_are_empty(&log->synced_acks) && disk_is_quiet(log);
}

void log_close(struct log *log)
{
    bool is_clean = log_is_drained(log);
    if (is_clean &&
        (keeper_write_checkpoint_now(log) != 0 || keeper_write_meta_now(log, true) != 0)) {
        LOG_WARN("log",
                 "the clean mark could not be written: the next start takes this for a crash");
    }
    release(log);
}

void log_abandon(struct log *log)
{
    log->disk = NULL;
    release(log);
}

uint32_t log_full_permille(const struct log *log)
{
    const struct writer *writer = &log->writer;
    uint64_t bytes = writer->closed.bytes - writer->synced.bytes;
    if (builder_is_open(&writer->builder)) {
        bytes += builder_bytes_with(&writer->builder, &(struct builder_size){0});
    }
    uint64_t written = log->written_acks.tail - log->written_acks.head;
    uint64_t synced = log->synced_acks.tail - log->synced_acks.head;
    uint64_t acks_permille = (written > synced ? written : synced) * 1000 / ACKS_MAX;
    uint64_t permille = bytes * 1000 / log->unsynced_bytes_max;
    permille = permille > acks_permille ? permille : acks_permille;
    return permille < 1000 ? (uint32_t)permille : 1000;
}

bool log_is_writable(const struct log *log)
{
    const struct roll *roll = &log->roll;
    return !fault_is_on(log) && !log->draining && !roll->has_refused &&
           (roll->failure == 0 || roll->spare != NULL || log->writer.active != NULL);
}

// --- rounds ---

void log_refresh_time(struct log *log)
{
    uint64_t now_ms = clock_realtime_ms();
    if (now_ms > log->time_ms) {
        log->time_ms = now_ms;
    }
}

static void offer_room(struct log *log)
{
    // Where no segment can be made, those who wait are let in to be refused.
    bool is_offered = writer_has_room(log) || roll_has_failed(&log->roll);
    if (log->writer.wants_room && !fault_is_on(log) && is_offered) {
        log->writer.wants_room = false;
        if (log->callbacks.room != NULL) {
            log->callbacks.room(log->callbacks.context);
        }
    }
}

bool log_round(struct log *log, uint64_t now_ms)
{
    log->now_ms = now_ms;
    log_refresh_time(log);
    fault_round(log);
    if (!fault_is_on(log)) {
        writer_close_block(log);
    }
    bool more = writer_advance(log); // behind it: what was written at once is handed out at once
    if (!fault_is_on(log)) {
        writer_sync_due(log);
        roll_prepare_due(log);
        roll_by_age(log);
    }
    more |= keeper_round(log);
    more |= sealing_round(log);
    more |= lookups_round(log);
    more |= handout_round(log);
    more |= retention_round(log);
    holdback_round(log);
    handout_floor(log);
    offer_room(log);
    return more;
}

uint64_t log_next_ms(const struct log *log, uint64_t now_ms)
{
    (void)now_ms; // log_round's is as good
    if (log->writer.wants_room) {
        return 1; // readers do not tell that they moved on
    }
    uint64_t due[] = {writer_next_ms(log),  roll_next_ms(log),    fault_next_ms(log),
                      keeper_next_ms(log),  sealing_next_ms(log), retention_next_ms(log),
                      holdback_next_ms(log)};
    uint64_t least = due[0];
    for (size_t i = 1; i < sizeof(due) / sizeof(due[0]); i++) {
        least = due[i] < least ? due[i] : least;
    }
    return least;
}

void log_disk_done(void *context, enum disk_operation operation, uint64_t tag, int64_t result)
{
    struct log *log = context;
    (void)operation; // the tag says it
    uint32_t index = (uint32_t)tag;
    switch ((enum tag_kind)(tag >> 32)) {
    case TAG_BLOCK: writer_block_done(log, index, result); break;
    case TAG_SYNC: writer_sync_done(log, result); break;
    case TAG_PREPARE:
        if (log->fault.state == FAULT_PREPARE) {
            fault_prepare_done(log, result);
        } else {
            roll_prepare_done(log, result);
        }
        break;
    case TAG_META: keeper_meta_done(log, result); break;
    case TAG_CHECKPOINT: keeper_checkpoint_done(log, result); break;
    case TAG_REMOVE: log->roll.removing--; break;
    case TAG_SEAL_WRITE: sealing_write_done(log, result); break;
    case TAG_SEAL_SYNC: sealing_sync_done(log, result); break;
    case TAG_FAULT_WRITE: fault_write_done(log, result); break;
    case TAG_FAULT_SYNC: fault_sync_done(log, result); break;
    case TAG_LOOKUP: lookup_read_done(log, index, result); break;
    case TAG_RETIRE: retention_read_done(log, result); break;
    }
}

// --- readers ---

// Whoever subscribes may wait for any names: some places stay for those who publish.
static bool may_await(const struct log *log)
{
    const struct streams *streams = &log->streams;
    return streams->count < streams->capacity - streams->capacity / LOG_STREAMS_KEPT_SHARE;
}

static void subscribe(struct log *log, unsigned reader, struct log_subscription *subscription)
{
    struct log_stream *stream = streams_find(&log->streams, subscription->name);
    if (stream == NULL && subscription->create && may_await(log)) {
        stream = log_make_stream(log, subscription->name);
    }
    if (stream != NULL) {
        struct stream_extra *extra = streams_need_extra(&log->streams, stream);
        extra->interest |= UINT64_C(1) << reader;
        extra->untold &= ~(UINT64_C(1) << reader); // the answer tells
        holdback_choose(log, stream);
    }
    log_state_of(log, stream, &subscription->state);
    struct log_message answer = {.kind = LOG_SUBSCRIBED,
                                 .reader = reader,
                                 .number = subscription->state.number,
                                 .pointer = subscription};
    handout_answer(log, reader, &answer);
}

static void unsubscribe(struct log *log, unsigned reader, uint64_t number)
{
    struct log_stream *stream = streams_by_number(&log->streams, number);
    struct stream_extra *extra = stream == NULL ? NULL : streams_extra(&log->streams, stream);
    if (extra != NULL) {
        extra->interest &= ~(UINT64_C(1) << reader);
        extra->untold &= extra->interest;
        holdback_choose(log, stream);
        streams_trim_extra(&log->streams, stream);
    }
}

void log_handle_message(struct log *log, const struct log_message *message)
{
    ASSERT(message->kind >= LOG_MESSAGE_OTHER || message->reader < log->options.readers);
    switch (message->kind) {
    case LOG_SUBSCRIBE: subscribe(log, message->reader, message->pointer); break;
    case LOG_UNSUBSCRIBE: unsubscribe(log, message->reader, message->number); break;
    case LOG_LOOKUP: lookup_begin(log, message->reader, message->pointer); break;
    case LOG_RESUME: handout_resume(log, message->reader); break;
    case LOG_READ: holdback_read(log, message); break;
    default: break; // others' messages
    }
}

void log_state_of(const struct log *log, const struct log_stream *stream,
                  struct log_stream_state *state)
{
    *state = (struct log_stream_state){.log_last_id = log->writer.handed.id};
    if (stream == NULL) {
        return;
    }
    const struct stream_extra *extra = streams_extra(&log->streams, stream);
    state->number = stream->number;
    state->last_id = stream->last_id;
    state->last_sequence = streams_handed_sequence(stream);
    state->discarded_id = stream->discarded_id;
    state->discarded_sequence = stream->discarded_sequence;
    state->cumulative_bytes = extra == NULL ? 0 : extra->cumulative_bytes;
    uint64_t idle_ttl_ms = extra == NULL ? 0 : extra->settings.idle_ttl_ms;
    if (extra != NULL) {
        state->flow = extra->settings.flow;
    }
    state->life = stream->handed_life;
    state->is_made = stream->is_made;
    state->deletions = stream->deletions;
    state->idle_ttl_ms = (uint32_t)(idle_ttl_ms < UINT32_MAX ? idle_ttl_ms : UINT32_MAX);
}

bool log_bounds_owners(const struct log *log)
{
    return log->owners.most != 0;
}

static void describe(const struct log *log, const struct log_stream *stream,
                     struct log_stream_info *info)
{
    const struct stream_extra *extra = streams_extra(&log->streams, stream);
    *info = (struct log_stream_info){
        .name = streams_name(&log->streams, stream),
        .interest = streams_interest(&log->streams, stream),
        .last_time_ms = stream->last_time_ms,
        .content_type = streams_content_type(&log->streams, stream),
        .is_there = streams_is_there(stream),
        .is_awaited = stream->life == STREAM_OPEN && !streams_is_there(stream),
    };
    if (extra != NULL) {
        info->settings = extra->settings;
    }
    log_state_of(log, stream, &info->state);
}

bool log_find_stream(const struct log *log, struct slice name, struct log_stream_info *info)
{
    const struct log_stream *stream = streams_find(&log->streams, name);
    if (stream != NULL) {
        describe(log, stream, info);
    }
    return stream != NULL;
}

uint64_t log_visit_streams(const struct log *log, struct slice prefix, uint64_t after,
                           uint32_t most,
                           void (*visit)(void *context, const struct log_stream_info *info),
                           void *context)
{
    uint64_t touched = log->streams.touched;
    uint64_t end =
        after < touched && touched - after > LOG_VISIT_LOOKS ? after + LOG_VISIT_LOOKS : touched;
    uint64_t slot = after;
    for (; slot < end && most > 0; slot++) {
        const struct log_stream *stream = streams_at(&log->streams, (uint32_t)slot);
        if (stream->number == 0 ||
            !slice_starts_with(streams_name(&log->streams, stream), prefix)) {
            continue;
        }
        struct log_stream_info info;
        describe(log, stream, &info);
        visit(context, &info);
        most--;
    }
    return slot < touched ? slot : 0;
}

void log_get_status(const struct log *log, struct log_status *status)
{
    const struct chain *chain = &log->chain;
    *status = log->counts;
    status->streams = log->streams.count;
    status->producers = log->producers.count;
    status->segments = chain->count;
    status->last_id = log->writer.handed.id;
    status->next_position = log->writer.next_position;
    status->written_position = log->writer.handed.position;
    status->synced_position = log->writer.synced.position;
    status->floor = log->handout.floor;
    // By the bytes of blocks: positions jump from segment to segment.
    status->unwritten_bytes = log->writer.closed.bytes - log->writer.handed.bytes;
    status->unsynced_bytes = log->writer.closed.bytes - log->writer.synced.bytes;
    for (uint32_t i = 0; i < chain->count; i++) {
        status->bytes_kept += segment_used_bytes(chain->list[i], log->options.segment_bytes);
        if (status->first_id == 0) {
            status->first_id = chain->list[i]->facts.first_id;
        }
    }
    status->writable = log_is_writable(log);
    if (fault_is_on(log)) {
        (void)snprintf(status->fault, sizeof(status->fault), "%s", log->fault.text);
    } else if (log->roll.failure != 0) {
        (void)snprintf(status->fault, sizeof(status->fault), "no new segment: %s",
                       strerror(-log->roll.failure));
    } else if (log->keeper.failure != 0) {
        (void)snprintf(status->fault, sizeof(status->fault), "no checkpoint: %s",
                       strerror(-log->keeper.failure));
    }
}
