// The subscribers of a reader that stall once their header has come: they read slowly, or no more,
// until they are told to read on. Where nothing reads, no receive is armed and the socket's buffer
// is small, so that TCP's window closes.
//
// The reader's thread, but for what says otherwise. What they got is in the reader's ledger of
// their group.
#ifndef RINGCAST_LOADGEN_STALLED_H
#define RINGCAST_LOADGEN_STALLED_H

#include "subscriber.h"

#include "io/wheel.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    STALLED_GROUPS = 8, // that read in turn, one at each tick of the wheel
    STALLED_RECEIVE_BUFFER_BYTES = 4096,
    // A read is one buffer at the most, and a group's turn comes each 128 ms.
    STALLED_RATE_MAX = 60 * 1000,
};

struct reader;

struct stalled {
    struct reader *reader;
    uint32_t rate;     // bytes a second that each reads; 0: none
    uint32_t *indices; // of those whose header has come
    uint32_t count;
    struct wheel_timer timer;
    uint32_t group_next;
    uint64_t group_read_ms[STALLED_GROUPS];
    uint64_t group_left[STALLED_GROUPS]; // thousandths of a byte that were due and not read
    atomic_uint_fast64_t bytes_told;
};

// `count_max` is how many there can be. Any thread. Returns 0 or -ENOMEM.
int stalled_init(struct stalled *stalled, struct reader *reader, uint32_t count_max, uint32_t rate);
void stalled_free(struct stalled *stalled);

// The loop has been started.
void stalled_start(struct stalled *stalled);

// The header of subscriber `index`, one that stalls, has come.
void stalled_add(struct stalled *stalled, uint32_t index);

// Once a round.
void stalled_round(struct stalled *stalled);

// All of them read on now, as fast as they can. Once.
void stalled_resume(struct stalled *stalled);

// How many bytes are due of `elapsed_ms` at `rate` bytes a second; *left carries what is less than
// a byte, in thousandths.
uint32_t stalled_bytes_due(uint64_t elapsed_ms, uint32_t rate, uint64_t *left);

#endif
