#include "ring/mpsc.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct note {
    uint32_t producer;
    uint32_t checksum;
    uint64_t number;
    uint8_t rest[MPSC_LINE_MESSAGE_SIZE - 16];
};

Test(mpsc, is_empty_at_first_and_keeps_order)
{
    struct mpsc ring;
    cr_assert_eq(mpsc_init(&ring, 8, sizeof(uint32_t)), 0);
    uint32_t value = 0;
    cr_assert(mpsc_is_empty(&ring));
    cr_assert_not(mpsc_pop(&ring, &value));
    for (uint32_t i = 0; i < 8; i++) {
        cr_assert_eq(mpsc_count(&ring), i);
        cr_assert(mpsc_push(&ring, &i));
        cr_assert_not(mpsc_is_empty(&ring));
    }
    uint32_t ninth = 9;
    cr_assert_not(mpsc_push(&ring, &ninth), "full");
    cr_assert_eq(mpsc_count(&ring), 8);
    for (uint32_t i = 0; i < 8; i++) {
        cr_assert(mpsc_pop(&ring, &value));
        cr_assert_eq(value, i);
    }
    cr_assert(mpsc_is_empty(&ring));
    cr_assert_not(mpsc_pop(&ring, &value));
    mpsc_free(&ring);
}

Test(mpsc, takes_messages_of_any_size)
{
    for (size_t size = 1; size <= 200; size++) {
        struct mpsc ring;
        uint8_t in[200];
        uint8_t out[200];
        cr_assert_eq(mpsc_init(&ring, 4, size), 0);
        for (int turn = 0; turn < 9; turn++) {
            memset(in, (int)size + turn, sizeof in);
            memset(out, 0, sizeof out);
            cr_assert(mpsc_push(&ring, in));
            cr_assert(mpsc_pop(&ring, out));
            cr_assert_arr_eq(in, out, size);
            cr_assert(size == sizeof out || out[size] == 0, "nothing beyond the message");
        }
        mpsc_free(&ring);
    }
}

Test(mpsc, a_slot_of_the_loops_messages_is_one_cache_line)
{
    struct mpsc ring;
    cr_assert_eq(mpsc_init(&ring, 16, MPSC_LINE_MESSAGE_SIZE), 0);
    cr_assert_eq(ring.stride, MPSC_CACHE_LINE);
    cr_assert_eq((uintptr_t)ring.slots % MPSC_CACHE_LINE, 0);
    // Producers, consumer and the constants are on lines of their own.
    cr_assert_eq(offsetof(struct mpsc, tail) % MPSC_CACHE_LINE, 0);
    cr_assert_geq(offsetof(struct mpsc, head), offsetof(struct mpsc, tail) + MPSC_CACHE_LINE);
    cr_assert_geq(offsetof(struct mpsc, tail), MPSC_CACHE_LINE);
    mpsc_free(&ring);
}

Test(mpsc, a_capacity_that_is_no_power_of_two_is_caught, .signal = SIGABRT)
{
    struct mpsc ring;
    mpsc_init(&ring, 12, 8);
}

Test(mpsc, leaves_the_reserve_free)
{
    struct mpsc ring;
    uint32_t value = 1;
    cr_assert_eq(mpsc_init(&ring, 8, sizeof value), 0);
    cr_assert_not(mpsc_push_leaving(&ring, &value, 8), "more than there is");
    cr_assert_not(mpsc_push_leaving(&ring, &value, UINT32_MAX));
    cr_assert(mpsc_push_leaving(&ring, &value, 7));
    cr_assert_not(mpsc_push_leaving(&ring, &value, 7));
    for (int i = 0; i < 4; i++) {
        cr_assert(mpsc_push_leaving(&ring, &value, 3));
    }
    cr_assert_not(mpsc_push_leaving(&ring, &value, 3));
    cr_assert_eq(mpsc_count(&ring), 5);
    // The reserve is there for those that may use it.
    for (int i = 0; i < 3; i++) {
        cr_assert(mpsc_push(&ring, &value));
    }
    cr_assert_not(mpsc_push(&ring, &value));
    cr_assert(mpsc_pop(&ring, &value));
    cr_assert_not(mpsc_push_leaving(&ring, &value, 1));
    cr_assert(mpsc_push_leaving(&ring, &value, 0));
    mpsc_free(&ring);
}

// Against a plain model, over many turns of a small ring.
Test(mpsc, behaves_like_a_bounded_queue)
{
    enum {
        CAPACITY = 16,
    };
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct prng prng;
        prng_seed(&prng, seed);
        struct mpsc ring;
        cr_assert_eq(mpsc_init(&ring, CAPACITY, sizeof(uint64_t)), 0);
        uint64_t pushed = 0;
        uint64_t popped = 0;
        for (int step = 0; step < 2000; step++) {
            if (prng_chance(&prng, 1, 2)) {
                uint32_t free_min = (uint32_t)prng_below(&prng, CAPACITY + 2);
                bool fits = pushed - popped + 1 + free_min <= CAPACITY;
                cr_assert_eq(mpsc_push_leaving(&ring, &pushed, free_min), fits);
                pushed += fits;
            } else {
                uint64_t value = 0;
                bool there = popped < pushed;
                cr_assert_eq(mpsc_is_empty(&ring), !there);
                cr_assert_eq(mpsc_pop(&ring, &value), there);
                cr_assert(!there || value == popped);
                popped += there;
            }
            cr_assert_eq(mpsc_count(&ring), pushed - popped);
        }
        mpsc_free(&ring);
    }
}

// --- many producers ---

enum {
    PRODUCERS = 8,
    NOTES_EACH = 20000,
};

struct producing {
    struct mpsc *ring;
    uint32_t producer;
    uint32_t free_min;
};

static uint32_t note_checksum(const struct note *note)
{
    uint32_t sum = note->producer * 2654435761U + (uint32_t)note->number;
    for (size_t i = 0; i < sizeof note->rest; i++) {
        sum = sum * 31 + note->rest[i];
    }
    return sum;
}

static void *produce(void *argument)
{
    const struct producing *producing = argument;
    struct prng prng;
    prng_seed(&prng, producing->producer + 1);
    for (uint64_t number = 0; number < NOTES_EACH; number++) {
        struct note note = {.producer = producing->producer, .number = number};
        prng_bytes(&prng, note.rest, sizeof note.rest);
        note.checksum = note_checksum(&note);
        while (!mpsc_push_leaving(producing->ring, &note, producing->free_min)) {
            sched_yield();
        }
    }
    return NULL;
}

// Nothing is lost, repeated, torn, or out of its producer's order.
static void many_producers(size_t capacity, uint32_t free_min)
{
    struct mpsc ring;
    cr_assert_eq(mpsc_init(&ring, capacity, sizeof(struct note)), 0);
    pthread_t threads[PRODUCERS];
    struct producing producing[PRODUCERS];
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        producing[i] = (struct producing){.ring = &ring, .producer = i, .free_min = free_min};
        cr_assert_eq(pthread_create(&threads[i], NULL, produce, &producing[i]), 0);
    }
    uint64_t next[PRODUCERS] = {0};
    uint64_t taken = 0;
    while (taken < (uint64_t)PRODUCERS * NOTES_EACH) {
        // Seen by the consumer, who alone makes room: the reserve was never touched.
        cr_assert_leq(mpsc_count(&ring), capacity - free_min);
        struct note note;
        if (!mpsc_pop(&ring, &note)) {
            sched_yield();
            continue;
        }
        cr_assert_lt(note.producer, PRODUCERS);
        cr_assert_eq(note.number, next[note.producer]);
        cr_assert_eq(note.checksum, note_checksum(&note));
        next[note.producer]++;
        taken++;
    }
    cr_assert(mpsc_is_empty(&ring));
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_assert_eq(next[i], NOTES_EACH);
    }
    mpsc_free(&ring);
}

Test(mpsc, loses_and_repeats_nothing_with_eight_producers, .timeout = 60)
{
    many_producers(1024, 0);
}

Test(mpsc, loses_and_repeats_nothing_in_a_tiny_ring, .timeout = 60)
{
    many_producers(2, 0);
}

Test(mpsc, keeps_the_reserve_with_eight_producers, .timeout = 60)
{
    many_producers(64, 40);
}

// A producer that stalls between claim and publication holds up the consumer at its slot only.
Test(mpsc, a_stalled_producer_does_not_hold_up_the_others)
{
    struct mpsc ring;
    uint64_t value = 1;
    cr_assert_eq(mpsc_init(&ring, 8, sizeof value), 0);
    atomic_fetch_add(&ring.tail, 1); // claimed, not published: what a stalled producer looks like
    for (int i = 0; i < 7; i++) {
        cr_assert(mpsc_push(&ring, &value));
    }
    cr_assert_not(mpsc_push(&ring, &value), "full, and told at once");
    cr_assert(mpsc_is_empty(&ring));
    cr_assert_not(mpsc_pop(&ring, &value));
    mpsc_free(&ring);
}
