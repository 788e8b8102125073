// seam: src/log/disk.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c
// link: tests/unit/log/harness.c
//
// The log against a disk that fails and a machine that dies: many seeded runs, each of several
// lives with random work, random faults and a random end (kill, power cut, clean stop). After each
// start everything that the log holds is read back and held against what was submitted:
//
// - nothing is invented or changed, nothing is there twice, order is kept;
// - what was acknowledged as synced is there, and what an earlier start had found;
// - after a kill, what was acknowledged as written or handed out is there;
// - after a power cut, what is left of a life is a prefix of it;
// - no id and no (stream, sequence) is ever given to two events, and both rise;
// - every failure that the disk reported is counted by the log.
//
// LOG_SIM_RUNS changes the number of runs, LOG_SIM_FIRST the first one's seed; LOG_SIM_SEED runs
// one alone, with the log's own words.
#include "log/log.h"

#include "harness.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RUNS_DEFAULT = 10000,
    STREAMS = 6,
    EVENTS_MAX = 2048,
    PAYLOAD_BYTES_MAX = 6000,
    REFERENCE_BYTES = 8, // every payload begins with its event's number in hexadecimal
    LIVES_MAX = 5,
};

struct sim_event {
    uint8_t *payload;
    uint32_t length;
    uint32_t stream;
    uint32_t life;
    enum ack_level level;
    bool binary;
    bool acknowledged;
    bool handed;  // a reader had it
    bool is_lost; // through a flipped bit, and that was told
    bool kept;    // found at a start, and so synced by it
    bool seen;    // in the reading that is going on
    uint64_t id;  // 0: not known
    uint64_t sequence;
    uint64_t producer_sequence; // 0: not idempotent
};

static struct {
    uint64_t seed;
    struct prng prng;
    struct sim_event events[EVENTS_MAX];
    uint32_t event_count;
    uint32_t life;
    uint64_t id_max; // of all ever known, before this life
    uint64_t sequence_max[STREAMS];
    uint64_t numbers[STREAMS]; // in this life
    uint64_t read_to[STREAMS]; // ids that the reader has had in this life
    uint64_t acks_taken;
    // Reading back:
    uint64_t last_id;
    uint64_t last_sequence;
    uint32_t reading;
    bool live; // the reader reads, not the check after a start
    // What this run has besides:
    bool has_retention;
    bool has_flips;      // bits of files are flipped between lives
    bool has_unreadable; // ... and something could not be read for it
    uint64_t discarded[STREAMS];
    uint64_t producer_sequences[STREAMS];
    struct sim_faults faults;
} sim;

#define CHECK(condition, ...)                                                                   \
    do {                                                                                        \
        if (!(condition)) {                                                                     \
            fprintf(stderr, "seed %llu, life %u: %s: ", (unsigned long long)sim.seed, sim.life, \
                    #condition);                                                                \
            fprintf(stderr, __VA_ARGS__);                                                       \
            fprintf(stderr, "\n");                                                              \
            abort();                                                                            \
        }                                                                                       \
    } while (0)

static const char *stream_name(uint32_t stream)
{
    static const char *names[STREAMS] = {"a", "b/c", "chat/42",
                                         "d", "e",   "a rather long name of a stream"};
    return names[stream];
}

// --- payloads ---

static void fill_text(uint8_t *at, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        uint64_t dice = prng_below(&sim.prng, 40);
        at[i] = dice == 0 ? '\n' : (uint8_t)('a' + dice % 26);
    }
}

// Bytes of a real block of this life, with the right salt and checksum.
static uint32_t fill_with_block(uint8_t *at, uint32_t most)
{
    const struct writer *writer = &harness.log->writer;
    if (writer->handed.last_position < harness.log->handout.floor ||
        writer->handed.last_position == 0) {
        return 0;
    }
    const uint8_t *block = log_tail_at(harness.log->tail, writer->handed.last_position);
    uint32_t length = block_header_of(block)->length;
    if (length > most) {
        return 0;
    }
    memcpy(at, block, length);
    if (prng_chance(&sim.prng, 1, 2)) {
        // As it might stand right here: later ids, chained to the last block.
        struct block_header *header = (struct block_header *)(void *)at;
        uint64_t count = header->last_id - header->first_id;
        struct block_record *records = (struct block_record *)(uintptr_t)block_records(at);
        struct block_stream *streams = (struct block_stream *)(uintptr_t)block_streams(at);
        uint64_t more = harness.log->next_id + 10 + count - header->first_id;
        header->previous_position = writer->closed.last_position;
        header->first_id += more;
        header->last_id += more;
        for (uint32_t i = 0; i < header->record_count; i++) {
            records[i].id += more;
        }
        for (uint32_t i = 0; i < header->stream_count; i++) {
            streams[i].first_id += more;
            streams[i].last_id += more;
        }
        block_seal(at);
    }
    return length;
}

static bool make_payload(struct sim_event *event, uint32_t number)
{
    static _Alignas(8) uint8_t bytes[PAYLOAD_BYTES_MAX];
    char reference[REFERENCE_BYTES + 1];
    (void)snprintf(reference, sizeof(reference), "%08x", number);
    memcpy(bytes, reference, REFERENCE_BYTES);
    uint64_t dice = prng_below(&sim.prng, 100);
    uint32_t length = 0;
    bool binary = false;
    if (dice < 10) {
        length = fill_with_block(bytes + REFERENCE_BYTES, PAYLOAD_BYTES_MAX / 2);
        binary = length > 0;
    } else if (dice < 15) {
        length = (uint32_t)prng_below(&sim.prng, 1000);
        prng_bytes(&sim.prng, bytes + REFERENCE_BYTES, length);
        binary = true;
    }
    if (!binary) {
        uint64_t most = dice < 20 ? PAYLOAD_BYTES_MAX / 2 : 200;
        length = (uint32_t)prng_below(&sim.prng, most);
        fill_text(bytes + REFERENCE_BYTES, length);
    }
    event->length = length + REFERENCE_BYTES;
    event->payload = malloc(event->length);
    CHECK(event->payload != NULL, "out of memory");
    memcpy(event->payload, bytes, event->length);
    return binary;
}

// --- reading back ---

static void check_event(void *context, const struct block_record *record, struct slice payload)
{
    uint32_t stream = *(const uint32_t *)context;
    CHECK(payload.length >= REFERENCE_BYTES, "a payload that nobody submitted, id %llu",
          (unsigned long long)record->id);
    char reference[REFERENCE_BYTES + 1] = {0};
    memcpy(reference, payload.at, REFERENCE_BYTES);
    uint32_t number = (uint32_t)strtoul(reference, NULL, 16);
    CHECK(number < sim.event_count, "event %u was never submitted", number);
    struct sim_event *event = &sim.events[number];
    CHECK(event->stream == stream, "event %u is in the wrong stream", number);
    CHECK(slice_equal(payload, slice_from(event->payload, event->length)), "event %u is changed",
          number);
    CHECK(event->id == 0 || event->id == record->id, "event %u had id %llu, and now %llu", number,
          (unsigned long long)event->id, (unsigned long long)record->id);
    CHECK(event->sequence == 0 || event->sequence == record->sequence,
          "event %u had sequence %llu, and now %llu", number, (unsigned long long)event->sequence,
          (unsigned long long)record->sequence);
    if (record->id <= sim.last_id && sim.live) {
        return; // had before: a block that is sent again after a lap
    }
    CHECK(record->id > sim.last_id, "ids out of order");
    CHECK(record->sequence > sim.last_sequence, "sequences out of order");
    CHECK(!event->seen || sim.live, "event %u is there twice", number);
    if (event->id == 0) {
        CHECK(event->life < sim.life || record->id > sim.id_max, "id %llu was given out before",
              (unsigned long long)record->id);
        CHECK(event->life < sim.life || record->sequence > sim.sequence_max[stream],
              "sequence %llu was given out before", (unsigned long long)record->sequence);
    }
    event->id = record->id;
    event->sequence = record->sequence;
    sim.last_id = record->id;
    sim.last_sequence = record->sequence;
    if (sim.live) {
        CHECK(!event->handed, "event %u was handed out twice", number);
        event->handed = true;
    } else {
        event->seen = true;
    }
}

// Everything of the stream behind `after`.
static void read_stream(uint32_t stream, uint64_t number, uint64_t after)
{
    sim.last_id = after;
    sim.last_sequence = 0;
    for (unsigned attempts = 0;;) {
        struct log_lookup lookup = harness_lookup(0, number, LOG_FROM_ID, sim.last_id);
        if (lookup.error == ERR_LOG_ERROR && sim.has_flips) {
            sim.has_unreadable = true;
            return;
        }
        CHECK(lookup.error == ERR_NONE, "a look-up failed: %u", lookup.error);
        for (uint32_t i = 0; i < lookup.run_count; i++) {
            int count = harness_read_run(&lookup.runs[i], number, NULL, check_event, &stream);
            if (count < 0 && sim.has_flips) {
                sim.has_unreadable = true;
                continue;
            }
            if (count < 0 && sim.has_retention && attempts++ < 100) {
                lookup.more = true; // it went right after the answer: ask again
                lookup.end_id = sim.last_id;
                break;
            }
            CHECK(count >= 0, "a run cannot be read");
            CHECK((uint32_t)count == lookup.runs[i].count, "a run lacks events");
            CHECK(sim.last_id == lookup.runs[i].last_id, "a run's last id is wrong");
        }
        if (!lookup.more) {
            return;
        }
        sim.last_id = lookup.end_id;
    }
}

enum ending { END_KILL, END_POWER_CUT, END_CLEAN };

static bool must_be_there(const struct sim_event *event, enum ending ending)
{
    if (event->id != 0 && event->id <= sim.discarded[event->stream]) {
        CHECK(sim.has_retention, "nothing discards here");
        return false;
    }
    if (sim.has_flips) {
        // What the checkpoint of an earlier start vouches for. A flipped bit at the end of the log,
        // where no later block tells that it was synced, cannot be told from a torn end.
        return event->kept;
    }
    if (event->kept || (event->acknowledged && event->level == ACK_SYNCED)) {
        return true;
    }
    return ending != END_POWER_CUT && event->life + 1 == sim.life &&
           (event->handed || (event->acknowledged && event->level == ACK_WRITTEN));
}

static void check_after_start(enum ending ending)
{
    sim.live = false;
    for (uint32_t stream = 0; stream < STREAMS; stream++) {
        struct log_subscription subscription = {.name = slice_of(stream_name(stream))};
        log_handle_message(harness.log,
                           &(struct log_message){.kind = LOG_SUBSCRIBE, .pointer = &subscription});
        struct log_message answer;
        do {
            CHECK(harness_take(0, &answer), "no answer");
        } while (answer.kind != LOG_SUBSCRIBED); // but what retention discarded meanwhile
        if (subscription.state.number != 0) {
            read_stream(stream, subscription.state.number, 0);
            CHECK(sim.last_id == subscription.state.last_id || sim.has_flips ||
                      subscription.state.last_id <= subscription.state.discarded_id,
                  "the stream's last id is wrong");
        }
    }
    for (uint32_t stream = 0; stream < STREAMS; stream++) {
        const struct log_stream *entry =
            streams_find(&harness.log->streams, slice_of(stream_name(stream)));
        sim.discarded[stream] = entry == NULL ? 0 : entry->discarded_id; // also what went meanwhile
    }
    uint64_t first_lost = UINT64_MAX; // of the life that ended, among those with an id
    for (uint32_t i = 0; i < sim.event_count; i++) {
        struct sim_event *event = &sim.events[i];
        if (!event->seen) {
            bool is_told =
                sim.has_flips && (sim.has_unreadable || harness.log->counts.faults_at_start > 0);
            CHECK(is_told || event->is_lost || !must_be_there(event, ending),
                  "event %u (id %llu, level %u, life %u) is lost", i, (unsigned long long)event->id,
                  event->level, event->life);
            event->is_lost = event->is_lost || is_told;
            if (event->life + 1 == sim.life && event->id > sim.discarded[event->stream] &&
                event->id < first_lost && !sim.has_flips) {
                first_lost = event->id;
            }
        }
    }
    for (uint32_t i = 0; i < sim.event_count; i++) {
        struct sim_event *event = &sim.events[i];
        if (event->seen) {
            CHECK(event->life + 1 != sim.life || event->id < first_lost,
                  "event %u survived, one before it did not", i);
            event->kept = true;
            event->seen = false;
        }
        if (event->id > sim.id_max) {
            sim.id_max = event->id;
        }
        if (event->sequence > sim.sequence_max[event->stream]) {
            sim.sequence_max[event->stream] = event->sequence;
        }
    }
    CHECK(harness.log->next_id > sim.id_max, "ids would be given out again: next %llu, max %llu",
          (unsigned long long)harness.log->next_id, (unsigned long long)sim.id_max);
}

// --- a life ---

static void take_acks(void)
{
    for (; sim.acks_taken < harness.ack_count; sim.acks_taken++) {
        const struct log_acknowledgement *ack = &harness.acks[sim.acks_taken];
        struct sim_event *event = &sim.events[ack->reference];
        CHECK(ack->error == ERR_NONE, "an acknowledgement failed");
        CHECK(!event->acknowledged, "event %u is acknowledged twice", (unsigned)ack->reference);
        event->acknowledged = true;
        if (ack->duplicate) {
            CHECK(event->producer_sequence != 0, "no producer, and yet a repeat");
            CHECK(ack->id == 0 || event->id == 0 || ack->id == event->id, "a repeat of another");
            continue;
        }
        CHECK(ack->id > sim.id_max, "id %llu was given out before", (unsigned long long)ack->id);
        CHECK(ack->sequence > sim.sequence_max[event->stream], "sequence %llu was given out before",
              (unsigned long long)ack->sequence);
        CHECK(event->id == 0 || (event->id == ack->id && event->sequence == ack->sequence),
              "acknowledged as another");
        event->id = ack->id;
        event->sequence = ack->sequence;
    }
}

static void take_block(const struct log_message *message)
{
    const uint8_t *block = harness_block_at(message->position, message->length);
    if (block == NULL) {
        return; // moved by the fault path meanwhile: a reader would look it up; checked after the
                // start
    }
    static _Alignas(8) uint8_t copy[64 << 10];
    CHECK(message->length <= sizeof(copy), "a large block");
    memcpy(copy, block, message->length);
    for (uint32_t i = 0; i < block_header_of(copy)->stream_count; i++) {
        const struct block_stream *entry = &block_streams(copy)[i];
        for (uint32_t stream = 0; stream < STREAMS; stream++) {
            if (sim.numbers[stream] != entry->number || entry->count == 0) {
                continue;
            }
            sim.last_id = sim.read_to[stream];
            sim.last_sequence = 0;
            struct log_run run = {.block_position = message->position,
                                  .block_length = message->length,
                                  .stream_index = i};
            (void)harness_read_run(&run, entry->number, NULL, check_event, &stream);
            sim.read_to[stream] = sim.last_id;
        }
    }
}

static void read_messages(void)
{
    sim.live = true;
    struct log_message message;
    while (harness_take(1, &message)) {
        if (message.kind == LOG_BLOCK) {
            take_block(&message);
        } else if (message.kind == LOG_LAPPED) {
            for (uint32_t stream = 0; stream < STREAMS; stream++) {
                if (sim.read_to[stream] < message.id) {
                    sim.read_to[stream] = message.id;
                }
            }
        }
    }
    if (log_tail_is_lapped(harness.log->tail, 1)) {
        log_handle_message(harness.log, &(struct log_message){.kind = LOG_RESUME, .reader = 1});
    }
}

static struct event event_of(const struct sim_event *event)
{
    return (struct event){.stream = slice_of(stream_name(event->stream)),
                          .data = slice_from(event->payload, event->length),
                          .binary = event->binary,
                          .priority = PRIORITY_NORMAL,
                          .producer_id = event->producer_sequence != 0 ? 77 : 0,
                          .producer_epoch = 1,
                          .producer_sequence = event->producer_sequence};
}

// As the client library does after a lost connection: what was not acknowledged is sent again, in
// order.
static void send_again(void)
{
    for (uint32_t number = 0; number < sim.event_count; number++) {
        struct sim_event *event = &sim.events[number];
        if (event->producer_sequence == 0 || event->acknowledged || event->level == ACK_RECEIVED) {
            continue;
        }
        if (!event->kept) { // it was lost, and gets other numbers
            event->id = 0;
            event->sequence = 0;
            event->handed = false;
        }
        event->life = sim.life;
        struct event given = event_of(event);
        enum rc_error error = ERR_NONE;
        enum log_append_result result;
        while ((result = log_append(harness.log, &given, event->level, 1, number, &error)) ==
               LOG_APPEND_FULL) {
            harness_round();
            harness.now_ms++;
        }
        CHECK(result == LOG_APPEND_TAKEN, "refused with %u", error);
    }
}

static void append(void)
{
    if (sim.event_count == EVENTS_MAX) {
        return;
    }
    uint32_t number = sim.event_count;
    struct sim_event *event = &sim.events[number];
    *event = (struct sim_event){.stream = (uint32_t)prng_below(&sim.prng, STREAMS),
                                .life = sim.life,
                                .level = (enum ack_level)prng_below(&sim.prng, 3)};
    event->binary = make_payload(event, number);
    if (event->level != ACK_RECEIVED && event->stream % 2 == 0) {
        event->producer_sequence = sim.producer_sequences[event->stream] + 1;
    }
    struct event given = event_of(event);
    enum rc_error error = ERR_NONE;
    switch (log_append(harness.log, &given, event->level, 1, number, &error)) {
    case LOG_APPEND_TAKEN:
        sim.event_count++;
        if (event->producer_sequence != 0) {
            sim.producer_sequences[event->stream] = event->producer_sequence;
        }
        return;
    case LOG_APPEND_REFUSED:
        CHECK(error == ERR_LOG_ERROR, "refused with %u", error);
        struct log_status status;
        log_get_status(harness.log, &status);
        CHECK(!status.writable && status.fault[0] != '\0', "refused without a word");
        break;
    case LOG_APPEND_FULL: break;
    }
    free(event->payload);
}

static void subscribe_all(void)
{
    for (uint32_t stream = 0; stream < STREAMS; stream++) {
        struct log_stream_state state;
        sim.numbers[stream] = harness_subscribe(1, stream_name(stream), &state);
        sim.read_to[stream] = state.last_id;
    }
}

static struct sim_faults choose_faults(void)
{
    struct sim_faults faults = {.short_write = (uint32_t)prng_below(&sim.prng, 1000)};
    if (prng_chance(&sim.prng, 1, 3)) {
        return faults;
    }
    faults.write_error = (uint32_t)prng_below(&sim.prng, 200);
    faults.sync_error = (uint32_t)prng_below(&sim.prng, 1000);
    faults.prepare_error = (uint32_t)prng_below(&sim.prng, 1500);
    faults.replace_error = (uint32_t)prng_below(&sim.prng, 1500);
    return faults;
}

static void live(void)
{
    sim.acks_taken = 0;
    harness.ack_count = 0;
    harness.readers[1].capacity = prng_chance(&sim.prng, 1, 2) ? HARNESS_INBOX_MAX : 6;
    subscribe_all();
    send_again();
    sim.faults = choose_faults();
    sim_set_faults(&sim.faults);
    if (prng_chance(&sim.prng, 1, 10)) {
        sim_set_space((128 << 10) + prng_below(&sim.prng, 256 << 10));
    }
    uint64_t steps = prng_between(&sim.prng, 10, 300);
    for (uint64_t i = 0; i < steps; i++) {
        switch (prng_below(&sim.prng, 8)) {
        case 0:
        case 1:
        case 2: append(); break;
        case 3: harness_round(); break;
        case 4: (void)sim_step(); break;
        case 5:
            harness_round();
            read_messages();
            break;
        case 6:
            harness.now_ms += prng_below(&sim.prng, 4) == 0 ? 1100 : 3;
            harness_round();
            break;
        case 7:
            for (int more = 0; more < 6; more++) {
                append();
            }
            break;
        }
        take_acks();
    }
}

// Every failure that the disk gave has been counted.
static void check_failures(void)
{
    uint64_t given = 0;
    static const enum disk_operation kinds[] = {DISK_WRITE, DISK_SYNC, DISK_PREPARE, DISK_REPLACE};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        given += sim_failures(kinds[i]);
    }
    static uint64_t given_before;
    static uint64_t seed_before;
    given_before = seed_before == sim.seed ? given_before : 0;
    seed_before = sim.seed;
    uint64_t counted = harness.log->counts.write_failures + harness.log->counts.sync_failures;
    CHECK(counted >= given - given_before, "%llu failures, of which %llu were counted",
          (unsigned long long)(given - given_before), (unsigned long long)counted);
    given_before = given;
}

static enum ending end_life(void)
{
    enum ending ending = (enum ending)prng_below(&sim.prng, 5);
    ending = ending > END_CLEAN ? (enum ending)(ending % 2) : ending;
    if (prng_chance(&sim.prng, 1, 3) || ending == END_CLEAN) {
        sim_set_faults(NULL);
        sim_set_space(0);
        harness_wait(3000);
        take_acks();
        CHECK(!fault_is_on(harness.log), "the fault never ends");
        for (uint32_t i = 0; i < sim.event_count; i++) {
            CHECK(sim.events[i].life != sim.life || sim.events[i].level == ACK_RECEIVED ||
                      sim.events[i].acknowledged,
                  "event %u was never acknowledged", i);
        }
    }
    check_failures();
    switch (ending) {
    case END_KILL: harness_kill(); break;
    case END_POWER_CUT: harness_power_cut(); break;
    case END_CLEAN: harness_close(); break;
    }
    sim_set_faults(NULL);
    sim_set_space(0);
    return ending;
}

// An assertion in the log tells no seed.
static void on_abort(int signal_number)
{
    fprintf(stderr, "seed %llu, life %u: aborted\n", (unsigned long long)sim.seed, sim.life);
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

static void flip_bits(void)
{
    const char *names[64];
    unsigned count = sim_names(names, 64);
    for (uint64_t flips = prng_below(&sim.prng, 4); flips > 0 && count > 0; flips--) {
        const char *name = names[prng_below(&sim.prng, count)];
        size_t length = sim_file(name).length;
        if (length > 0 && strcmp(name, META_NAME) != 0) {
            uint64_t offset = prng_below(&sim.prng, length);
            sim_flip_bit(name, offset, (unsigned)prng_below(&sim.prng, 8));
        }
    }
}

static void run(uint64_t seed)
{
    prng_seed(&sim.prng, seed);
    sim.seed = seed;
    sim.event_count = 0;
    sim.life = 0;
    sim.id_max = 0;
    memset(sim.sequence_max, 0, sizeof(sim.sequence_max));
    memset(sim.discarded, 0, sizeof(sim.discarded));
    memset(sim.producer_sequences, 0, sizeof(sim.producer_sequences));
    sim.has_retention = prng_chance(&sim.prng, 1, 4);
    sim.has_flips = prng_chance(&sim.prng, 1, 8);
    harness_prepare(seed);
    harness.options.segment_bytes = UINT64_C(16) << (10 + prng_below(&sim.prng, 3));
    harness.options.tail_bytes = UINT64_C(64) << (10 + prng_below(&sim.prng, 2));
    if (sim.has_retention) {
        harness.options.retention_bytes = 3 * harness.options.segment_bytes;
    }
    harness.options.streams_max = 100;
    harness.options.producers_max = 16;
    bool opened = harness_open();
    CHECK(opened, "%s", harness.message);
    uint64_t lives = prng_between(&sim.prng, 1, LIVES_MAX);
    for (uint64_t i = 0; i < lives; i++) {
        live();
        enum ending ending = end_life();
        sim.life++;
        sim.has_unreadable = false;
        if (sim.has_flips) {
            flip_bits();
        }
        opened = harness_open();
        CHECK(opened, "%s", harness.message);
        harness.readers[1].capacity = HARNESS_INBOX_MAX;
        check_after_start(ending);
        harness.now_ms += 10;
    }
    harness_end();
    for (uint32_t i = 0; i < sim.event_count; i++) {
        free(sim.events[i].payload);
    }
}

Test(simulation, no_fault_or_crash_breaks_a_promise, .timeout = 900)
{
    (void)signal(SIGABRT, on_abort);
    const char *one = getenv("LOG_SIM_SEED");
    if (one != NULL) {
        run(strtoull(one, NULL, 10));
        return;
    }
    const char *text = getenv("LOG_SIM_RUNS");
    uint64_t runs = text != NULL ? strtoull(text, NULL, 10) : RUNS_DEFAULT;
    const char *first = getenv("LOG_SIM_FIRST");
    uint64_t begin = first != NULL ? strtoull(first, NULL, 10) : 1;
    for (uint64_t seed = begin; seed < begin + runs; seed++) {
        run(seed);
    }
}
