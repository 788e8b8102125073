#include "fake_log.h"

#include "base/clock.h"
#include "event/frame.h"
#include "io/listen.h"
#include "log/builder.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FAKE_SALT = 0x5a17, FAKE_FIRST_POSITION = FAKE_SEGMENT_BYTES + 4096 };

struct fake_stream {
    char name[64];
    uint64_t number, last_id, last_sequence, discarded_id, discarded_sequence;
    bool is_subscribed, is_made;
    uint64_t read; // LOG_READ
    struct stream_flow flow;
    enum stream_life life;
    uint16_t deletions;
    bool is_untold; // its life has changed while the worker was lapped
};

static struct {
    struct loop loop;
    struct log_tail *tail;
    struct terms terms;
    struct worker *worker;
    pthread_t thread;
    int listener;
    uint16_t port;
    int file;
    uint64_t next_id, next_position;
    struct fake_stream streams[FAKE_STREAMS_MAX];
    uint32_t stream_count;
    uint64_t blocks[FAKE_BLOCKS_MAX];
    uint32_t block_count;
    uint32_t lookups, unsubscribes, lapped_at, reads;
    bool is_lapping, keeps_memory, is_holding, writes_old_blocks;
    struct streams names; // numbered as streams[] is
    struct builder builder;
    uint32_t laps_again;
    enum event_priority priority;
    enum rc_error lookup_error;
    struct log_message held[FAKE_HELD_MAX];
    uint32_t held_count;
    uint32_t admin_answers;
    void (*take_tasks)(struct task *chain);
    _Atomic uint32_t connections;
} fake;

static struct fake_stream *find_stream(struct slice name, bool create)
{
    for (uint32_t i = 0; i < fake.stream_count; i++) {
        if (slice_equal_text(name, fake.streams[i].name)) {
            return &fake.streams[i];
        }
    }
    if (!create) {
        return NULL;
    }
    cr_assert_lt(fake.stream_count, FAKE_STREAMS_MAX);
    struct fake_stream *stream = &fake.streams[fake.stream_count++];
    memcpy(stream->name, name.at, name.length);
    stream->number = fake.stream_count;
    cr_assert_not_null(streams_add(&fake.names, name, stream->number));
    return stream;
}

static void deliver(const struct log_message *message)
{
    cr_assert(loop_post(worker_loop(fake.worker), &fake.loop, message, 0));
}

static void answer(const struct log_message *message)
{
    if (!fake.is_holding) {
        deliver(message);
        return;
    }
    cr_assert_lt(fake.held_count, FAKE_HELD_MAX);
    fake.held[fake.held_count++] = *message;
}

static void tell_change(const struct fake_stream *stream)
{
    struct log_message message = {.kind = LOG_CHANGED, .number = stream->number};
    log_message_set_change(&message, &stream->flow, stream->life, stream->is_made,
                           stream->deletions);
    answer(&message);
}

static void answer_subscription(struct log_subscription *subscription)
{
    struct fake_stream *stream = find_stream(subscription->name, subscription->create);
    memset(&subscription->state, 0, sizeof(subscription->state));
    if (stream != NULL) {
        stream->is_subscribed = true;
        stream->read = LOG_READ_NONE;
        subscription->state =
            (struct log_stream_state){.number = stream->number,
                                      .last_id = stream->last_id,
                                      .last_sequence = stream->last_sequence,
                                      .discarded_id = stream->discarded_id,
                                      .discarded_sequence = stream->discarded_sequence,
                                      .life = stream->life,
                                      .is_made = stream->is_made,
                                      .deletions = stream->deletions};
    }
    subscription->state.log_last_id = fake.next_id - 1;
    struct log_message message = {.kind = LOG_SUBSCRIBED, .pointer = subscription};
    answer(&message);
}

static const uint8_t *block_at(uint32_t index)
{
    return log_tail_at(fake.tail, fake.blocks[index]);
}

// The id just before the first event wanted, by looking at every record.
static uint64_t find_start(const struct log_lookup *lookup, const struct fake_stream *stream)
{
    if (lookup->from == LOG_FROM_ID) {
        return lookup->value > stream->discarded_id ? lookup->value : stream->discarded_id;
    }
    uint64_t before = stream->discarded_id;
    for (uint32_t b = 0; b < fake.block_count; b++) {
        const struct block_record *records = block_records(block_at(b));
        for (uint32_t r = 0; r < block_header_of(block_at(b))->record_count; r++) {
            uint64_t number = block_streams(block_at(b))[records[r].stream].number;
            if (number != stream->number || records[r].id <= stream->discarded_id) {
                continue;
            }
            bool is_wanted =
                (lookup->from == LOG_FROM_LAST &&
                 records[r].sequence + lookup->value > stream->last_sequence) ||
                (lookup->from == LOG_FROM_TIME && records[r].time_ms >= lookup->value) ||
                (lookup->from == LOG_FROM_SEQUENCE && records[r].sequence > lookup->value);
            if (is_wanted) {
                return before;
            }
            before = records[r].id;
        }
    }
    return before;
}

static void answer_lookup(struct log_lookup *lookup)
{
    fake.lookups++;
    struct fake_stream *stream = &fake.streams[lookup->number - 1];
    lookup->error = 0;
    lookup->more = false;
    lookup->run_count = 0;
    lookup->start_id = find_start(lookup, stream);
    lookup->discarded_id =
        stream->discarded_id > lookup->start_id ||
                (lookup->from == LOG_FROM_ID && stream->discarded_id > lookup->value)
            ? stream->discarded_id
            : 0;
    lookup->end_id = fake.next_id - 1;
    for (uint32_t b = 0; b < fake.block_count && !lookup->more; b++) {
        const struct block_header *header = block_header_of(block_at(b));
        const struct block_stream *entries = block_streams(block_at(b));
        for (uint32_t i = 0; i < header->stream_count; i++) {
            if (entries[i].number != stream->number || entries[i].last_id <= lookup->start_id) {
                continue;
            }
            if (lookup->run_count ==
                5) { // fewer than there is room for, so that continuations are tested
                lookup->more = true;
                lookup->end_id = lookup->runs[4].last_id;
                break;
            }
            lookup->runs[lookup->run_count++] = log_run_of(fake.blocks[b], block_at(b), i);
        }
    }
    if (fake.lookup_error != ERR_NONE) {
        lookup->error = fake.lookup_error;
        lookup->run_count = 0;
    }
    struct log_message message = {.kind = LOG_LOOKED_UP, .pointer = lookup};
    answer(&message);
}

static void deliver_block(uint32_t index)
{
    struct log_message message = {.kind = LOG_BLOCK,
                                  .position = fake.blocks[index],
                                  .length = block_header_of(block_at(index))->length,
                                  .id = block_header_of(block_at(index))->first_id,
                                  .number = block_header_of(block_at(index))->last_id};
    deliver(&message);
}

static void resume(uint64_t position)
{
    log_tail_set_lapped(fake.tail, 0, false);
    if (fake.laps_again > 0) { // the inbox is full again before the worker looked
        fake.laps_again--;
        log_tail_set_lapped(fake.tail, 0, true);
        loop_wake(worker_loop(fake.worker), &fake.loop);
        return;
    }
    if (!fake.keeps_memory) {
        struct log_message message = {
            .kind = LOG_LAPPED, .position = fake.next_position, .id = fake.next_id - 1};
        deliver(&message);
    }
    for (uint32_t b = 0; b < fake.block_count && fake.keeps_memory; b++) {
        if (fake.blocks[b] >= position) {
            deliver_block(b);
        }
    }
    for (uint32_t i = 0; i < fake.stream_count; i++) {
        if (fake.streams[i].is_untold) {
            fake.streams[i].is_untold = false;
            tell_change(&fake.streams[i]);
        }
    }
}

static void on_message(void *context, const void *bytes)
{
    (void)context;
    const struct log_message *message = bytes;
    switch (message->kind) {
    case LOG_SUBSCRIBE: answer_subscription(message->pointer); break;
    case LOG_UNSUBSCRIBE:
        fake.unsubscribes++;
        fake.streams[message->number - 1].is_subscribed = false;
        break;
    case LOG_LOOKUP: answer_lookup(message->pointer); break;
    case LOG_RESUME: resume(message->position); break;
    case LOG_READ:
        fake.reads++;
        if (message->number != 0) {
            fake.streams[message->number - 1].read = message->id;
        }
        break;
    case MESSAGE_ADMIN_DONE: fake.admin_answers++; break;
    case MESSAGE_TASKS: fake.take_tasks(message->pointer); break;
    default: break;
    }
}

static void *run_worker(void *context)
{
    (void)context;
    char message[LOOP_ERROR_SIZE];
    cr_assert_eq(worker_run(fake.worker, message, sizeof(message)), 0, "%s", message);
    return NULL;
}

static void fill_options(struct shard_options *shard, struct terms *terms)
{
    fake_fill_terms(terms);
    shard->terms = terms;
    shard->workers = 1;
    shard->connections = &fake.connections;
    shard->connections_max = terms->connections_max;
    shard->descriptors_per_ring_max =
        shard->descriptors_per_ring_max != 0 ? shard->descriptors_per_ring_max : 1024;
    shard->streams_max = shard->streams_max != 0 ? shard->streams_max : 1024;
}

void fake_start(const struct fake_options *options)
{
    memset(&fake, 0, sizeof(fake));
    fake.priority = PRIORITY_NORMAL;
    fake.next_id = 1;
    fake.next_position = FAKE_FIRST_POSITION;
    cr_assert_eq(streams_init(&fake.names, FAKE_STREAMS_MAX), 0);
    cr_assert_eq(builder_init(&fake.builder), 0);
    fake.tail = log_tail_create(FAKE_TAIL_BYTES, FAKE_SEGMENT_BYTES, 1);
    cr_assert_not_null(fake.tail);
    fake.file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    cr_assert_geq(fake.file, 0);
    log_tail_segment_set(fake.tail, 1, fake.file, FAKE_SALT);
    char error[LOOP_ERROR_SIZE];
    struct loop_config config = {.name = "log", .callbacks = {.on_message = on_message}};
    config.inbox_capacity = options->log_inbox_capacity;
    cr_assert_eq(loop_init(&fake.loop, &config, error, sizeof(error)), 0, "%s", error);
    cr_assert_eq(loop_start(&fake.loop, error, sizeof(error)), 0, "%s", error);
    struct listen_address address;
    cr_assert_eq(listen_address_parse(&address, "127.0.0.1:0", error, sizeof(error)), 0);
    fake.listener = listen_tcp(&address, false, &fake.port, error, sizeof(error));
    cr_assert_geq(fake.listener, 0, "%s", error);
    struct worker_options worker = {.shard = options->shard,
                                    .inbox_capacity =
                                        options->inbox_capacity ? options->inbox_capacity : 1 << 15,
                                    .features_masked = options->features_masked,
                                    .stop_ms_max = 2000};
    worker.shard.listeners = &(struct shard_listener){.fd = fake.listener};
    worker.shard.listener_count = 1;
    fake.terms = options->terms;
    fill_options(&worker.shard, &fake.terms);
    fake.worker = worker_create(&worker, &fake.loop, fake.tail, error, sizeof(error));
    cr_assert_not_null(fake.worker, "%s", error);
    cr_assert_eq(pthread_create(&fake.thread, NULL, run_worker, NULL), 0);
}

void fake_stop(void)
{
    struct log_message message = {.kind = MESSAGE_STOP};
    deliver(&message);
    loop_submit(&fake.loop);
    pthread_join(fake.thread, NULL);
    worker_destroy(fake.worker);
    loop_stop(&fake.loop);
    loop_free(&fake.loop);
    close(fake.listener);
    close(fake.file);
    log_tail_destroy(fake.tail);
    builder_free(&fake.builder);
    streams_free(&fake.names);
}

// --- publishing ---

// As a ringcast of before frames stood side by side and had a CRC: readers go by the records.
static void make_old(uint8_t *block)
{
    struct block_header *header = (struct block_header *)(void *)block;
    for (uint32_t i = 0; i < header->stream_count; i++) {
        struct block_stream *entry = (struct block_stream *)(uintptr_t)&block_streams(block)[i];
        entry->flags &= (uint16_t) ~(BLOCK_STREAM_CONTIGUOUS | BLOCK_STREAM_HAS_CRC);
        entry->frames_crc = 0;
    }
    block_seal(block);
}

void fake_write_old_blocks(bool old)
{
    fake.writes_old_blocks = old;
}

uint64_t fake_publish(const struct fake_event *events, uint32_t count)
{
    return fake_publish_with(events, NULL, count);
}

uint64_t fake_publish_with(const struct fake_event *events, const enum event_priority *priorities,
                           uint32_t count)
{
    return fake_publish_typed(events, priorities, NULL, count);
}

uint64_t fake_publish_typed(const struct fake_event *events, const enum event_priority *priorities,
                            const char *const *types, uint32_t count)
{
    uint8_t *block = log_tail_at(fake.tail, fake.next_position);
    static uint32_t slots[BLOCK_RECORDS_MAX];
    builder_open(&fake.builder, block, fake.next_position, BLOCK_BYTES_MAX, slots);
    for (uint32_t i = 0; i < count; i++) {
        struct fake_stream *stream = find_stream(slice_of(events[i].stream), true);
        struct event event = {.stream = slice_of(events[i].stream),
                              .data = slice_of(events[i].data),
                              .type = types != NULL && types[i] != NULL ? slice_of(types[i])
                                                                        : slice_empty(),
                              .priority = priorities != NULL ? priorities[i] : fake.priority,
                              .ttl_ms = events[i].ttl_ms};
        stream->last_id = fake.next_id++;
        builder_add_event(&fake.builder, &fake.names,
                          streams_by_number(&fake.names, stream->number), &event, FRAME_FORM_TEXT,
                          stream->last_id, ++stream->last_sequence,
                          events[i].time_ms != 0 ? events[i].time_ms : clock_realtime_ms());
    }
    uint32_t length = builder_close(&fake.builder, &fake.names, FAKE_SALT, 0, 0);
    if (fake.writes_old_blocks) {
        make_old(block);
    }
    cr_assert_eq(block_check(block, length, FAKE_SALT), BLOCK_VALID);
    cr_assert_eq(pwrite(fake.file, block, length, (off_t)(fake.next_position - FAKE_SEGMENT_BYTES)),
                 length);
    cr_assert_lt(fake.next_position + length, 2 * (uint64_t)FAKE_SEGMENT_BYTES);
    fake.blocks[fake.block_count++] = fake.next_position;
    fake.next_position += length;
    const struct block_stream *entries = block_streams(block);
    bool is_wanted = false;
    for (uint32_t i = 0; i < block_header_of(block)->stream_count; i++) {
        is_wanted |= fake.streams[entries[i].number - 1].is_subscribed;
    }
    if (is_wanted && !fake.is_lapping) {
        deliver_block(fake.block_count - 1);
    }
    loop_submit(&fake.loop);
    return fake.next_id - 1;
}

void fake_set_priority(enum event_priority priority)
{
    fake.priority = priority;
}

uint64_t fake_publish_one(const char *stream, const char *data)
{
    struct fake_event event = {.stream = stream, .data = data};
    return fake_publish(&event, 1);
}

void fake_make_cold(void)
{
    log_tail_announce(fake.tail, fake.next_position);
    loop_wake(worker_loop(fake.worker), &fake.loop);
    fake_run(20);
}

bool fake_corrupt_block(uint32_t number)
{
    off_t at = (off_t)(fake.blocks[number] - FAKE_SEGMENT_BYTES + BLOCK_HEADER_BYTES + 8);
    return number < fake.block_count && pwrite(fake.file, "XXXX", 4, at) == 4;
}

static void discard(struct fake_stream *stream, uint64_t id)
{
    stream->discarded_id = id;
    stream->discarded_sequence = stream->last_sequence;
    struct log_message message = {.kind = LOG_DISCARDED, .number = stream->number, .id = id};
    answer(&message);
}

void fake_discard(const char *name)
{
    struct fake_stream *stream = find_stream(slice_of(name), true);
    discard(stream, stream->last_id);
    loop_submit(&fake.loop);
}

void fake_set_flow(const char *name, const struct stream_flow *flow)
{
    struct fake_stream *stream = find_stream(slice_of(name), true);
    stream->flow = *flow;
    tell_change(stream);
    loop_submit(&fake.loop);
}

void fake_set_life(const char *name, enum stream_life life)
{
    struct fake_stream *stream = find_stream(slice_of(name), true);
    stream->life = life;
    stream->is_made = life != STREAM_DELETED;
    uint64_t id = fake.next_id++; // the record's
    if (life == STREAM_DELETED) {
        stream->deletions++;
        discard(stream, id);
    }
    if (stream->is_subscribed && fake.is_lapping) {
        stream->is_untold = true;
    } else if (stream->is_subscribed) {
        tell_change(stream);
    }
    loop_submit(&fake.loop);
}

bool fake_wait_read(const char *name, uint64_t id)
{
    const struct fake_stream *stream = find_stream(slice_of(name), false);
    for (uint64_t waited_ms = 0; stream->read != id && waited_ms < FAKE_WAIT_MS; waited_ms += 5) {
        fake_run(5);
    }
    return stream->read == id;
}

uint64_t fake_read_of(const char *name)
{
    return find_stream(slice_of(name), false)->read;
}

uint32_t fake_reads(void)
{
    return fake.reads;
}

void fake_lap(bool lap, bool keep_memory)
{
    fake.is_lapping = lap;
    fake.keeps_memory = keep_memory;
    if (!lap) {
        log_tail_set_lapped(fake.tail, 0, true);
        loop_wake(worker_loop(fake.worker), &fake.loop);
        fake_run(20);
    }
}

void fake_lap_again(uint32_t times)
{
    fake.laps_again = times;
}

void fake_hold(void)
{
    fake.is_holding = true;
}

void fake_release(uint32_t count)
{
    fake.is_holding = count != FAKE_RELEASE_ALL;
    count = count < fake.held_count ? count : fake.held_count;
    for (uint32_t i = 0; i < count; i++) {
        deliver(&fake.held[i]);
    }
    fake.held_count -= count;
    memmove(fake.held, fake.held + count, fake.held_count * sizeof(fake.held[0]));
    loop_submit(&fake.loop);
}

void fake_wait_held(uint32_t count)
{
    for (int i = 0; i < 1000 && fake.held_count < count; i++) {
        fake_run(5);
    }
    cr_assert_eq(fake.held_count, count);
}

void fake_fail_lookups(enum rc_error error)
{
    fake.lookup_error = error;
}

void fake_transient(struct log_transient *transient)
{
    struct fake_stream *stream = find_stream(transient->name, true);
    transient->number = stream->number;
    struct log_message message = {
        .kind = LOG_TRANSIENT, .number = stream->number, .pointer = transient};
    deliver(&message);
    loop_submit(&fake.loop);
}

void fake_admin(struct admin_request *request)
{
    uint32_t before = fake.admin_answers;
    struct log_message message = {.kind = MESSAGE_ADMIN, .pointer = request};
    deliver(&message);
    for (int i = 0; i < 1000 && fake.admin_answers == before; i++) {
        fake_run(5);
    }
    cr_assert_eq(fake.admin_answers, before + 1);
}

uint32_t fake_connections(void)
{
    return fake.connections;
}

uint32_t fake_lookups(void)
{
    return fake.lookups;
}

uint32_t fake_unsubscribes(void)
{
    return fake.unsubscribes;
}

struct worker *fake_worker(void)
{
    return fake.worker;
}

void fake_on_tasks(void (*take)(struct task *chain))
{
    fake.take_tasks = take;
}

void fake_answer_tasks(struct task *chain)
{
    struct log_message message = {.kind = MESSAGE_TASKS_DONE, .pointer = chain};
    deliver(&message);
}

uint16_t fake_port(void)
{
    return fake.port;
}

void fake_round(uint64_t max_wait_ns)
{
    loop_round(&fake.loop, max_wait_ns);
}
