// What the readers have received, summed over their threads, and a way to wait for it: the flow
// control between the publisher and the subscribers.
#ifndef RINGCAST_LOADGEN_METER_H
#define RINGCAST_LOADGEN_METER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct meter {
    // Deliveries received or known to be lost. Only grows.
    _Alignas(64) atomic_uint_fast64_t deliveries;
    atomic_uint_fast64_t wanted;         // the count that somebody waits for
    atomic_bool failed;                  // a subscriber is gone: what is waited for may never come
    atomic_uint_fast64_t record_from_ns; // events meant for an earlier time are not measured
    int event_fd;
};

// Returns 0 or -errno.
int meter_open(struct meter *meter);
void meter_close(struct meter *meter);

// Readers, any thread: so many more have been received. Once a round, not for each.
void meter_add(struct meter *meter, uint64_t deliveries);

// Readers, any thread.
void meter_fail(struct meter *meter);

static inline bool meter_has_failed(struct meter *meter)
{
    return atomic_load_explicit(&meter->failed, memory_order_relaxed);
}

static inline uint64_t meter_read(struct meter *meter)
{
    return atomic_load_explicit(&meter->deliveries, memory_order_acquire);
}

// One thread: waits until meter_read is `wanted` or more, at most `timeout_ms`. False when it is
// not, because of the time or of meter_fail.
bool meter_wait(struct meter *meter, uint64_t wanted, uint32_t timeout_ms);

#endif
