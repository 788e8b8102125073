// A thread of the load generator that holds a share of the subscribers: opens them, receives, and
// checks. One loop of src/io with as many rings as RLIMIT_NOFILE, which bounds a ring's table of
// descriptors, makes necessary; the sockets are in those tables alone.
//
// reader_open and reader_close on the main thread; reader_start to reader_stop the loop runs on its
// own thread. What a reader found is read after reader_stop.
#ifndef RINGCAST_LOADGEN_READER_H
#define RINGCAST_LOADGEN_READER_H

#include "dealing.h"
#include "meter.h"
#include "stalled.h"
#include "subscriber.h"
#include "target.h"

#include "io/buffers.h"
#include "io/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

enum {
    READER_SAMPLES_MAX = 16,
    READER_BUFFER_BYTES = 8192, // most that one receive takes
    READER_TIMER_STALLED = 0,
};

struct reader_config {
    const struct target *target;
    struct meter *meter;
    uint32_t run;
    uint32_t first; // number of its first subscriber among all
    uint32_t count;
    uint32_t streams;
    struct dealing dealing;
    uint32_t stalled_rate;  // bytes a second that those read that stall
    uint32_t opening_max;   // connections that are being opened at once
    uint64_t goal;          // the event of a stream that subscribers are to catch up to; 0: none
    bool resumes;           // keep what is needed to connect again behind what was seen
    bool goes_on;           // when a connection fails, open the others all the same
    uint32_t address_ports; // connections from each of many addresses of 127.0.0.0/8; 0: from any
};

struct reader_attempt;
struct secure;
struct secure_session;

struct reader {
    struct loop loop;
    struct reader_config config;
    struct subscriber *subscribers; // by number - first
    uint32_t ring_slots;            // subscribers of each ring
    struct buffers buffers[LOOP_RINGS_MAX];
    uint32_t buffers_count;
    struct reader_attempt *attempts;
    uint16_t *attempts_free;
    uint32_t attempts_free_count;
    uint32_t opened; // subscribers whose opening has begun
    bool is_stuck;   // no more can be opened
    bool is_cutting;
    uint32_t cut;      // subscribers whose cutting has begun
    uint32_t reopened; // times that all were opened again
    uint64_t goal;     // number of the event with which a subscriber has all it missed; 0: none
    // Ordinary descriptors of a few subscribers, for what direct ones cannot do. All are there once
    // all connections are.
    int samples[READER_SAMPLES_MAX];
    uint32_t sample_count;
    uint64_t deliveries_told;
    struct secure *secure;            // NULL: not over TLS
    struct secure_session **sessions; // over TLS: by number - first; NULL: not connected
    atomic_uint_fast32_t ready;       // whose header has come
    atomic_uint_fast32_t failed;      // that are of no more use
    atomic_uint_fast32_t uncut;       // still connected, while all are being cut
    atomic_uint_fast32_t resumable;   // that know an id to resume behind
    atomic_uint_fast64_t bytes_told;  // received by the healthy until the last round
    atomic_bool stopping;
    struct subscriber_ledger ledgers[GROUPS];
    struct subscriber_mark marks[GROUPS]; // when reader_mark was called
    atomic_bool is_marking;
    bool has_marked;
    struct stalled stalled;
    struct histogram opening;     // from connect to the header
    struct histogram reopening;   // the same when they connected again
    struct histogram catching_up; // from then to the last event missed
    uint64_t buffers_lacked;      // receives that found no free buffer
    pthread_t thread;
    bool is_started;
};

// Returns a reader, or NULL with a line in `error` (LOOP_ERROR_SIZE).
struct reader *reader_open(const struct reader_config *config, char *error, size_t error_size);

// Starts to open the subscribers. Returns 0 or -errno.
int reader_start(struct reader *reader);

// On the reader's thread: receives once, at most `bytes` (not more than READER_BUFFER_BYTES); 0:
// again and again, whatever comes.
void reader_receive(struct reader *reader, uint32_t index, uint32_t bytes);

// Any thread, at the end of the measured phase: takes the marks, then those that stall read on, as
// fast as they can. Once.
void reader_mark(struct reader *reader);

// Needs config.resumes. Cuts all connections by reset; done when `uncut` is 0. Main thread.
void reader_cut(struct reader *reader);

// After that: connects all again, each to resume behind what it saw last. Has missed all events up
// to number `goal`.
void reader_reopen(struct reader *reader, uint64_t goal);

// TCP segments with data that the sampled subscribers have received. Any thread, after the last
// header has come.
uint64_t reader_sample_segments(const struct reader *reader);

// Ends the thread; the subscribers stay as they are, for the last check.
void reader_stop(struct reader *reader);

// Closes the connections, by reset: nothing stays in TIME_WAIT. NULL is allowed.
void reader_close(struct reader *reader);

#endif
