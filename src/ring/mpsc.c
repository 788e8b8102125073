#include "ring/mpsc.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// A position is a count of messages since the start; it lives in slot `position & mask`. A slot's
// sequence says whose turn it is:
//     sequence == position              free for the producer that claims this position
//     sequence == position + 1          holds the message of this position
//     sequence == position + capacity   taken: free for the position one turn later
struct mpsc_slot {
    _Atomic uint64_t sequence;
    uint8_t message[];
};

STATIC_ASSERT(sizeof(struct mpsc_slot) + MPSC_LINE_MESSAGE_SIZE == MPSC_CACHE_LINE,
              "a line a slot");

static struct mpsc_slot *slot_at(const struct mpsc *ring, uint64_t position)
{
    return (struct mpsc_slot *)(void *)(ring->slots + (position & ring->mask) * ring->stride);
}

int mpsc_init(struct mpsc *ring, size_t capacity, size_t message_size)
{
    ASSERT(capacity >= 2 && capacity <= MPSC_CAPACITY_MAX);
    ASSERT((capacity & (capacity - 1)) == 0);
    ASSERT(message_size >= 1 && message_size <= SIZE_MAX / MPSC_CAPACITY_MAX / 2);
    size_t align = _Alignof(struct mpsc_slot);
    ring->capacity = capacity;
    ring->mask = capacity - 1;
    ring->message_size = message_size;
    ring->stride = (sizeof(struct mpsc_slot) + message_size + align - 1) / align * align;

    size_t bytes = capacity * ring->stride;
    bytes = (bytes + MPSC_CACHE_LINE - 1) / MPSC_CACHE_LINE * MPSC_CACHE_LINE;
    ring->slots = aligned_alloc(MPSC_CACHE_LINE, bytes);
    if (ring->slots == NULL) {
        return -ENOMEM;
    }
    for (uint64_t i = 0; i < capacity; i++) {
        atomic_init(&slot_at(ring, i)->sequence, i);
    }
    atomic_init(&ring->tail, 0);
    atomic_init(&ring->head, 0);
    return 0;
}

void mpsc_free(struct mpsc *ring)
{
    free(ring->slots);
    ring->slots = NULL;
}

bool mpsc_push(struct mpsc *ring, const void *message)
{
    return mpsc_push_leaving(ring, message, 0);
}

bool mpsc_push_leaving(struct mpsc *ring, const void *message, uint32_t free_min)
{
    if (free_min >= ring->capacity) {
        return false;
    }
    // Relaxed: the position is only a proposal; the slot's sequence and the compare-and-swap
    // decide.
    uint64_t position = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    struct mpsc_slot *slot;
    for (;;) {
        // The consumer frees slots in order. So if the slot `free_min` places on is free for its
        // next turn, this one and all between are too, and if the compare-and-swap then finds the
        // tail unmoved, nobody has claimed any of them. Acquire, with the release in mpsc_pop: the
        // consumer has copied the old message out before we overwrite it (through the in-order
        // argument also for this slot, since the consumer released it before that one).
        uint64_t reserve = position + free_min;
        uint64_t sequence =
            atomic_load_explicit(&slot_at(ring, reserve)->sequence, memory_order_acquire);
        int64_t turn = (int64_t)(sequence - reserve);
        if (turn < 0) {
            return false;
        }
        // Relaxed: the claim publishes nothing; the slot's sequence does. A failure reloads
        // `position`.
        if (turn == 0 &&
            atomic_compare_exchange_weak_explicit(&ring->tail, &position, position + 1,
                                                  memory_order_relaxed, memory_order_relaxed)) {
            slot = slot_at(ring, position);
            break;
        }
        if (turn > 0) {
            // The tail that we know is old: others have filled that slot since.
            position = atomic_load_explicit(&ring->tail, memory_order_relaxed);
        }
    }
    memcpy(slot->message, message, ring->message_size);
    // Release, with the acquire in mpsc_pop: the message is whole before the consumer sees the
    // sequence.
    atomic_store_explicit(&slot->sequence, position + 1, memory_order_release);
    return true;
}

bool mpsc_pop(struct mpsc *ring, void *message)
{
    // Relaxed: only this thread writes the head.
    uint64_t position = atomic_load_explicit(&ring->head, memory_order_relaxed);
    struct mpsc_slot *slot = slot_at(ring, position);
    // Acquire, with the release in mpsc_push_leaving: the message is read after it was written.
    if (atomic_load_explicit(&slot->sequence, memory_order_acquire) != position + 1) {
        return false;
    }
    memcpy(message, slot->message, ring->message_size);
    // Release, with the acquire in mpsc_push_leaving: the message is read before a producer
    // overwrites it.
    atomic_store_explicit(&slot->sequence, position + ring->capacity, memory_order_release);
    atomic_store_explicit(&ring->head, position + 1, memory_order_relaxed);
    return true;
}

bool mpsc_is_empty(const struct mpsc *ring)
{
    uint64_t position = atomic_load_explicit(&ring->head, memory_order_relaxed);
    // Acquire: whoever finds the ring not empty may rely on what the producer did before its push.
    return atomic_load_explicit(&slot_at(ring, position)->sequence, memory_order_acquire) !=
           position + 1;
}

size_t mpsc_count(const struct mpsc *ring)
{
    // The head first: it only grows, so that the difference is never negative.
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint64_t count = tail - head;
    return count < ring->capacity ? (size_t)count : (size_t)ring->capacity;
}
