// What the simulation knows of the events it submitted, and how it checks them. See
// test_simulation.c.
#ifndef RINGCAST_TESTS_SIMULATION_H
#define RINGCAST_TESTS_SIMULATION_H

#include "harness.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
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

struct simulation {
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
};
extern struct simulation sim;

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

const char *simulation_stream(uint32_t stream);
// Makes the payload of event `number`. Returns whether it is binary.
bool simulation_make_payload(struct sim_event *event, uint32_t number);
// Holds an event as it was read against what was submitted. context: the stream's number here.
void simulation_check_event(void *context, const struct block_record *record, struct slice payload);

enum ending { END_KILL, END_POWER_CUT, END_CLEAN };
// After a start: reads everything back and checks the promises.
void simulation_check_start(enum ending ending);

#endif
