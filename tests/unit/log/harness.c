#include "harness.h"

#include "base/clock.h"
#include "base/logger.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct harness harness;

static struct prng seam_prng;

// The seams of time and randomness.
uint64_t clock_monotonic_ns(void)
{
    return harness.now_ms * 1000 * 1000;
}

uint64_t clock_realtime_ms(void)
{
    return harness.now_ms;
}

void random_bytes(void *into, size_t length)
{
    prng_bytes(&seam_prng, into, length);
}

int disk_trim_now(struct disk *disk, int file, uint64_t size)
{
    (void)disk;
    (void)file;
    (void)size;
    harness.trims++;
    return 0;
}

int64_t disk_write_quickly(struct disk *disk, int file, const void *from, uint32_t length,
                           uint64_t offset)
{
    (void)disk;
    if (!harness.writes_quickly) {
        return -EAGAIN;
    }
    harness.quick_writes++;
    harness.now_ms += harness.quick_write_ms;
    return sim_write(file, from, length, offset);
}

static bool deliver(void *context, unsigned reader, const struct log_message *message,
                    uint32_t leaving)
{
    (void)context;
    struct harness_reader *to = &harness.readers[reader];
    if (to->count + leaving >= to->capacity) {
        return false;
    }
    to->inbox[(to->head + to->count++) % HARNESS_INBOX_MAX] = *message;
    return true;
}

static void wake(void *context, unsigned reader)
{
    (void)context;
    harness.readers[reader].wakes++;
}

static void acknowledge(void *context, const struct log_acknowledgement *acknowledgement)
{
    (void)context;
    cr_assert_lt(harness.ack_count, HARNESS_ACKS_MAX);
    harness.acks[harness.ack_count++] = *acknowledgement;
}

static void room(void *context)
{
    (void)context;
    harness.rooms++;
}

void harness_prepare(uint64_t seed)
{
    free(harness.acks);
    memset(&harness, 0, sizeof(harness));
    harness.acks = calloc(HARNESS_ACKS_MAX, sizeof(*harness.acks));
    harness.now_ms = 1700000000000;
    harness.options = (struct log_options){
        .directory = "simulated",
        .segment_bytes = 64 << 10,
        .tail_bytes = 256 << 10,
        .retention_bytes = 1 << 30,
        .retention_age_ms = UINT64_C(24) * 3600 * 1000,
        .stream_idle_ms = UINT64_C(24) * 3600 * 1000,
        .streams_max = 1000,
        .producers_max = 1000,
        .readers = HARNESS_READERS,
        .reader_reserve = 4,
    };
    for (unsigned i = 0; i < HARNESS_READERS; i++) {
        harness.readers[i].capacity = HARNESS_INBOX_MAX;
    }
    prng_seed(&seam_prng, seed ^ UINT64_C(0x5eed));
    sim_reset(seed);
    logger_set_level(getenv("LOG_SIM_SEED") != NULL ? LOGGER_INFO : LOGGER_OFF);
}

void harness_begin(uint64_t seed)
{
    harness_prepare(seed);
    bool opened = harness_open();
    cr_assert(opened, "%s", harness.message);
}

static void pressure(void *context, const struct log_pressure *now)
{
    (void)context;
    harness.pressures++;
    harness.pressure = *now;
}

bool harness_open(void)
{
    struct disk *disk = disk_open("simulated", harness.message, sizeof(harness.message));
    if (disk == NULL) {
        return false;
    }
    harness.log = log_open(&harness.options, disk, harness.message, sizeof(harness.message));
    if (harness.log == NULL) {
        disk_close(disk);
        return false;
    }
    log_set_callbacks(harness.log, &(struct log_callbacks){.deliver = deliver,
                                                           .wake = wake,
                                                           .acknowledge = acknowledge,
                                                           .room = room,
                                                           .pressure = pressure});
    log_start(harness.log, NULL);
    return true;
}

// The log is gone, and with it what it had said.
static void forget_process(void)
{
    harness.log = NULL;
    harness.ack_count = 0;
    for (unsigned i = 0; i < HARNESS_READERS; i++) {
        harness.readers[i].head = 0;
        harness.readers[i].count = 0;
    }
}

void harness_kill(void)
{
    sim_kill();
    log_abandon(harness.log);
    forget_process();
}

void harness_power_cut(void)
{
    sim_power_cut();
    log_abandon(harness.log);
    forget_process();
}

void harness_close(void)
{
    log_drain(harness.log);
    for (int i = 0; i < 100000 && !log_is_drained(harness.log); i++) {
        harness_round();
        harness.now_ms++;
    }
    cr_assert(log_is_drained(harness.log));
    struct disk *disk = harness.log->disk;
    log_close(harness.log);
    disk_close(disk);
    forget_process();
}

void harness_end(void)
{
    if (harness.log != NULL) {
        sim_kill();
        log_abandon(harness.log);
        harness.log = NULL;
    }
    sim_free();
    free(harness.acks);
    harness.acks = NULL;
}

void harness_round(void)
{
    for (unsigned i = 0; i < HARNESS_READERS; i++) {
        if (!harness.readers[i].is_away) {
            (void)log_tail_enter(harness.log->tail, i);
        }
    }
    (void)log_round(harness.log, harness.now_ms);
    (void)sim_step();
}

void harness_settle(void)
{
    int quiet = 0;
    for (int i = 0; i < 1000000 && quiet < 3; i++) {
        harness_round();
        bool busy = sim_in_flight() > 0 || harness.log->writer.count > 0 ||
                    builder_is_open(&harness.log->writer.builder) ||
                    !lookups_are_idle(harness.log) || harness.log->handout.catching_up != 0 ||
                    (harness.log->sealing.state != SEALING_IDLE);
        quiet = busy ? 0 : quiet + 1;
    }
    cr_assert_eq(quiet, 3, "it never settles");
}

void harness_wait(uint64_t milliseconds)
{
    for (uint64_t passed = 0; passed < milliseconds; passed += 50) {
        harness.now_ms += 50;
        harness_round();
    }
    harness_settle();
}

enum log_append_result harness_append(const char *stream, const char *data, enum ack_level level,
                                      uint64_t reference)
{
    struct event event = {
        .stream = slice_of(stream), .data = slice_of(data), .priority = PRIORITY_NORMAL};
    enum rc_error error;
    return log_append(harness.log, &event, level, 1, reference, &error);
}

const struct log_acknowledgement *harness_ack(uint64_t reference)
{
    for (uint32_t i = 0; i < harness.ack_count; i++) {
        if (harness.acks[i].reference == reference) {
            return &harness.acks[i];
        }
    }
    return NULL;
}

uint64_t harness_subscribe(unsigned reader, const char *stream, struct log_stream_state *state)
{
    struct log_subscription subscription = {.name = slice_of(stream), .create = true};
    log_handle_message(
        harness.log,
        &(struct log_message){.kind = LOG_SUBSCRIBE, .reader = reader, .pointer = &subscription});
    // The answer is there at once, behind what was under way.
    struct harness_reader *from = &harness.readers[reader];
    cr_assert_gt(from->count, 0);
    from->count--;
    const struct log_message *answer = &from->inbox[(from->head + from->count) % HARNESS_INBOX_MAX];
    cr_assert_eq(answer->kind, LOG_SUBSCRIBED);
    cr_assert_eq(answer->pointer, &subscription);
    if (state != NULL) {
        *state = subscription.state;
    }
    return subscription.state.number;
}

// Takes the answer to this request out of the reader's inbox, wherever it stands.
static bool take_answer(struct harness_reader *from, const void *request)
{
    for (uint32_t i = 0; i < from->count; i++) {
        const struct log_message *message = &from->inbox[(from->head + i) % HARNESS_INBOX_MAX];
        if (message->kind == LOG_LOOKED_UP && message->pointer == request) {
            for (uint32_t after = i + 1; after < from->count; after++) {
                from->inbox[(from->head + after - 1) % HARNESS_INBOX_MAX] =
                    from->inbox[(from->head + after) % HARNESS_INBOX_MAX];
            }
            from->count--;
            return true;
        }
    }
    return false;
}

struct log_lookup harness_lookup(unsigned reader, uint64_t number, enum log_lookup_from from,
                                 uint64_t value)
{
    struct log_lookup lookup = {.number = number, .from = from, .value = value};
    log_handle_message(harness.log, &(struct log_message){
                                        .kind = LOG_LOOKUP, .reader = reader, .pointer = &lookup});
    for (int i = 0; i < 100000; i++) {
        harness_round();
        if (take_answer(&harness.readers[reader], &lookup)) {
            return lookup;
        }
    }
    cr_assert_fail("no answer from %d value %llu", from, (unsigned long long)value);
    return lookup;
}

bool harness_take(unsigned reader, struct log_message *message)
{
    struct harness_reader *from = &harness.readers[reader];
    if (from->count == 0) {
        return false;
    }
    *message = from->inbox[from->head];
    from->head = (from->head + 1) % HARNESS_INBOX_MAX;
    from->count--;
    return true;
}

const uint8_t *harness_block_at(uint64_t position, uint32_t length)
{
    static _Alignas(4096) uint8_t cold[BLOCK_BYTES_MAX];
    if (position >= harness.log->handout.floor) {
        return log_tail_at(harness.log->tail, position);
    }
    int file;
    uint64_t salt;
    if (!log_tail_segment(harness.log->tail, position, &file, &salt)) {
        return NULL;
    }
    int64_t got = disk_read_now(harness.log->disk, file, cold, length,
                                log_tail_segment_offset(harness.log->tail, position));
    return got == (int64_t)length && block_check(cold, length, salt) == BLOCK_VALID ? cold : NULL;
}

int harness_read_run(const struct log_run *run, uint64_t number, uint64_t *ids,
                     void (*each)(void *context, const struct block_record *record,
                                  struct slice payload),
                     void *context)
{
    const uint8_t *block = harness_block_at(run->block_position, run->block_length);
    if (block == NULL) {
        return -1;
    }
    cr_assert_eq(block_header_of(block)->length, run->block_length);
    const struct block_stream *entry = &block_streams(block)[run->stream_index];
    cr_assert_eq(entry->number, number);
    int count = 0;
    struct buffer data;
    buffer_init(&data, BLOCK_BYTES_MAX);
    for (uint32_t i = 0; i < block_header_of(block)->record_count; i++) {
        const struct block_record *record = &block_records(block)[i];
        if (record->stream != run->stream_index || record->kind != RECORD_EVENT) {
            continue;
        }
        if (ids != NULL) {
            ids[count] = record->id;
        }
        count++;
        if (each != NULL) {
            struct slice payload = slice_from(block + record->extra_offset + record->extra_length,
                                              record->payload_length);
            if (record->form == FRAME_FORM_TEXT) {
                buffer_clear(&data);
                cr_assert(frame_data_append(
                    &data, slice_from(block + record->frame_offset, record->frame_length)));
                payload = buffer_slice(&data);
            }
            each(context, record, payload);
        }
    }
    buffer_free(&data);
    return count;
}
