// seam: src/log/disk.c
// seam: src/log/disk_quick.c
// link: tests/unit/log/sim_disk.c
// link: tests/unit/log/sim_files.c
// link: tests/unit/log/harness.c
// link: tests/unit/log/simulation.c
// link: tests/unit/log/simulation_life.c
// timeout: 900
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
// - how streams were made and ended is known as far as it was acknowledged (simulation_life.c);
// - every failure that the disk reported is counted by the log.
//
// LOG_SIM_RUNS changes the number of runs, LOG_SIM_FIRST the first one's seed; LOG_SIM_SEED runs
// one alone, with the log's own words.
#include "log/log.h"

#include "simulation.h"
#include "simulation_life.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

// Sanitizers take several times as long.
#if defined(__SANITIZE_ADDRESS__)
enum { RUNS_DEFAULT = 1000 };
#else
enum { RUNS_DEFAULT = 10000 };
#endif

// --- a life ---

static void take_acks(void)
{
    for (; sim.acks_taken < harness.ack_count; sim.acks_taken++) {
        const struct log_acknowledgement *ack = &harness.acks[sim.acks_taken];
        if (ack->reference >= LIFE_REFERENCE) {
            simulation_life_acknowledge(ack);
            continue;
        }
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
                                  .stream_index = (uint16_t)i};
            (void)harness_read_run(&run, entry->number, NULL, simulation_check_event, &stream);
            sim.read_to[stream] = sim.last_id;
        }
    }
}

static void read_messages(void)
{
    sim.live = true;
    struct log_message message;
    while (harness_take(1, &message)) {
        simulation_life_message(&message);
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
    simulation_life_read_all();
    if (log_tail_is_lapped(harness.log->tail, 1)) {
        log_handle_message(harness.log, &(struct log_message){.kind = LOG_RESUME, .reader = 1});
    }
}

static struct event event_of(const struct sim_event *event)
{
    return (struct event){.stream = slice_of(simulation_stream(event->stream)),
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
        if (!event->kept || event->is_lost) { // it gets other numbers
            event->id = 0;
            event->sequence = 0;
            event->handed = false;
            event->kept = false;
            event->is_lost = false;
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
    event->binary = simulation_make_payload(event, number);
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
        sim.numbers[stream] = harness_subscribe(1, simulation_stream(stream), &state);
        sim.read_to[stream] = state.last_id;
    }
    simulation_life_subscribe();
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
    harness.writes_quickly = prng_chance(&sim.prng, 1, 2);
    harness.quick_write_ms = prng_below(&sim.prng, 2);
    subscribe_all();
    send_again();
    sim.faults = choose_faults();
    sim_set_faults(&sim.faults);
    if (prng_chance(&sim.prng, 1, 10)) {
        sim_set_space((128 << 10) + prng_below(&sim.prng, 256 << 10));
    }
    uint64_t steps = prng_between(&sim.prng, 10, 300);
    for (uint64_t i = 0; i < steps; i++) {
        switch (prng_below(&sim.prng, 9)) {
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
        case 8: simulation_life_step(); break;
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
        for (int tries = 0; tries < 20 && !simulation_life_is_told(); tries++) {
            read_messages();
            harness_wait(1100);
        }
        CHECK(simulation_life_is_told(), "the reader is not told of an end");
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
static char seed_line[64];

static void on_abort(int signal_number)
{
    ssize_t put = write(STDERR_FILENO, seed_line, sizeof(seed_line));
    (void)put;
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
    (void)snprintf(seed_line, sizeof(seed_line), "seed %llu: aborted\n", (unsigned long long)seed);
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
    simulation_life_begin();
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
        simulation_check_start(ending);
        simulation_life_check_start(ending);
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
