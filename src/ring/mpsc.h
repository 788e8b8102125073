// A bounded queue of fixed-size messages with many producers and one consumer.
//
// Each slot carries a sequence (Vyukov's bounded queue): a producer claims a position with one
// compare-and-swap, copies its message and publishes the slot by its sequence. A producer that
// stalls between the two delays only the consumer, at that slot; the other producers go on without
// spinning. Messages of one producer keep their order.
//
// With messages of MPSC_LINE_MESSAGE_SIZE bytes a slot is exactly one cache line.
#ifndef RINGCAST_RING_MPSC_H
#define RINGCAST_RING_MPSC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MPSC_CACHE_LINE = 64,
    MPSC_LINE_MESSAGE_SIZE = 56,
    MPSC_CAPACITY_MAX = 1 << 24,
};

struct mpsc {
    // Constant after mpsc_init; read by all.
    uint8_t *slots;
    uint64_t capacity;
    uint64_t mask;
    size_t stride;
    size_t message_size;

    // The next position to claim. Written by producers only.
    _Alignas(MPSC_CACHE_LINE) _Atomic uint64_t tail;

    // The next position to take. Written by the consumer only; others read it for mpsc_count alone.
    _Alignas(MPSC_CACHE_LINE) _Atomic uint64_t head;
};

// Makes a ring of `capacity` messages (a power of two, 2 to MPSC_CAPACITY_MAX) of `message_size`
// bytes (at least 1). Before any other thread knows the ring. Returns 0 or -ENOMEM. The ring is
// released by mpsc_free.
int mpsc_init(struct mpsc *ring, size_t capacity, size_t message_size);

// Releases the memory; what was not taken is dropped. After the last producer is done.
void mpsc_free(struct mpsc *ring);

// Copies one message in. Any thread. False, and nothing done, when the ring is full.
bool mpsc_push(struct mpsc *ring, const void *message);

// As mpsc_push, but refuses also when fewer than `free_min` slots would stay free after it: room
// that is reserved for others (answers) is then never taken. Racing producers cannot break the
// reserve; while the consumer is taking messages the call may refuse although a slot has just
// become free. `free_min` of the capacity or more always refuses.
bool mpsc_push_leaving(struct mpsc *ring, const void *message, uint32_t free_min);

// Takes the oldest message. The consumer only. False when there is none, or when the oldest is
// still being written.
bool mpsc_pop(struct mpsc *ring, void *message);

// Whether mpsc_pop would find nothing now. The consumer only.
bool mpsc_is_empty(const struct mpsc *ring);

// How many positions are claimed and not yet taken: for metrics, inexact while others work. Any
// thread.
size_t mpsc_count(const struct mpsc *ring);

#endif
