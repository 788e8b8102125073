// A log on the simulated disk, with readers whose inboxes are queues here. Tests that use it:
//
//     // seam: src/log/disk.c
//     // seam: src/log/disk_quick.c
//     // link: tests/unit/log/sim_disk.c
//     // link: tests/unit/log/sim_files.c
//     // link: tests/unit/log/harness.c
//
// Time (harness.now_ms, also the wall clock) stands still but for harness_wait.
#ifndef RINGCAST_TESTS_HARNESS_H
#define RINGCAST_TESTS_HARNESS_H

#include "log/core.h"
#include "sim_disk.h"

#include <stdbool.h>
#include <stdint.h>

enum { HARNESS_READERS = 4, HARNESS_INBOX_MAX = 4096, HARNESS_ACKS_MAX = 1 << 17 };

struct harness_reader {
    struct log_message inbox[HARNESS_INBOX_MAX];
    uint32_t head, count;
    uint32_t capacity; // of the inbox
    uint32_t wakes;
    bool is_away; // never enters
};

struct harness {
    struct log *log;
    struct log_options options;
    uint64_t now_ms;
    struct harness_reader readers[HARNESS_READERS];
    struct log_acknowledgement *acks;
    uint32_t ack_count;
    uint32_t rooms;     // times that room() was called
    uint32_t pressures; // times that pressure() was called, and what it said last
    struct log_pressure pressure;
    bool writes_quickly;     // disk_write_quickly does, taking quick_write_ms; else -EAGAIN
    uint64_t quick_write_ms; // and time goes on by so much
    uint32_t quick_writes;
    uint32_t trims; // times that the rest of a file was given back
    char message[256];
};

extern struct harness harness;

// A new machine and an open log of small segments (64 KiB, tail 256 KiB).
void harness_begin(uint64_t seed);
// As harness_begin, but options may be changed before harness_open.
void harness_prepare(uint64_t seed);
// Opens (again). False: see harness.message.
bool harness_open(void);
// The process dies; harness_open starts the next one.
void harness_kill(void);
void harness_power_cut(void);
// Drains and closes in good order.
void harness_close(void);
// After a test: closes what is open and frees everything.
void harness_end(void);

// One round of the log and some completions.
void harness_round(void);
// Rounds until nothing is under way.
void harness_settle(void);
// Lets time pass in steps, with rounds.
void harness_wait(uint64_t milliseconds);

// Appends an event of text. The reference comes back in the acknowledgement.
enum log_append_result harness_append(const char *stream, const char *data, enum ack_level level,
                                      uint64_t reference);
// The acknowledgement with this reference, or NULL.
const struct log_acknowledgement *harness_ack(uint64_t reference);

// A reader's requests; settle first, then the answer stands in the result.
uint64_t harness_subscribe(unsigned reader, const char *stream, struct log_stream_state *state);
struct log_lookup harness_lookup(unsigned reader, uint64_t number, enum log_lookup_from from,
                                 uint64_t value);
// The next message of the reader's inbox; false when it is empty.
bool harness_take(unsigned reader, struct log_message *message);
// Ids of all events of stream `number` in the block, from memory or, where that is gone, from the
// file. Returns how many; -1 where the block cannot be read. Payloads go to each, which may be
// NULL.
int harness_read_run(const struct log_run *run, uint64_t number, uint64_t *ids,
                     void (*each)(void *context, const struct block_record *record,
                                  struct slice payload),
                     void *context);
const uint8_t *harness_block_at(uint64_t position, uint32_t length);

#endif
