// layer: ring
// Eight producers and one consumer on one ring, for ThreadSanitizer (Criterion does not run under
// it). Exits with 0 when nothing was lost, repeated, torn or reordered.
#include "ring/mpsc.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PRODUCERS = 8,
    NOTES_EACH = 25000,
};

struct note {
    uint64_t producer;
    uint64_t number;
    uint64_t copies[5]; // of a value that depends on both
};

struct producing {
    struct mpsc *ring;
    uint64_t producer;
    uint32_t free_min;
};

static void check(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "mpsc_stress: %s\n", what);
        exit(1);
    }
}

static uint64_t note_value(uint64_t producer, uint64_t number)
{
    return (producer << 56) ^ (number * UINT64_C(0x9E3779B97F4A7C15));
}

static void *produce(void *argument)
{
    const struct producing *producing = argument;
    for (uint64_t number = 0; number < NOTES_EACH; number++) {
        struct note note = {.producer = producing->producer, .number = number};
        for (int i = 0; i < 5; i++) {
            note.copies[i] = note_value(note.producer, number);
        }
        while (!mpsc_push_leaving(producing->ring, &note, producing->free_min)) {
            sched_yield();
        }
    }
    return NULL;
}

static void consume(struct mpsc *ring)
{
    uint64_t next[PRODUCERS] = {0};
    for (uint64_t taken = 0; taken < (uint64_t)PRODUCERS * NOTES_EACH;) {
        struct note note;
        if (mpsc_is_empty(ring) || !mpsc_pop(ring, &note)) {
            sched_yield();
            continue;
        }
        taken++;
        check(note.producer < PRODUCERS, "no such producer");
        check(note.number == next[note.producer], "lost, repeated or reordered");
        next[note.producer]++;
        for (int i = 0; i < 5; i++) {
            check(note.copies[i] == note_value(note.producer, note.number), "torn");
        }
        check(mpsc_count(ring) <= ring->capacity, "more than fits");
    }
    check(mpsc_is_empty(ring), "something left over");
}

static void stress(size_t capacity, uint32_t free_min)
{
    struct mpsc ring;
    check(mpsc_init(&ring, capacity, sizeof(struct note)) == 0, "no memory");
    pthread_t threads[PRODUCERS];
    struct producing producing[PRODUCERS];
    for (uint64_t i = 0; i < PRODUCERS; i++) {
        producing[i] = (struct producing){&ring, i, i % 2 == 0 ? free_min : 0};
        check(pthread_create(&threads[i], NULL, produce, &producing[i]) == 0, "no thread");
    }
    consume(&ring);
    for (int i = 0; i < PRODUCERS; i++) {
        check(pthread_join(threads[i], NULL) == 0, "a thread did not end");
    }
    mpsc_free(&ring);
}

int main(void)
{
    stress(4096, 1000);
    stress(64, 16);
    stress(2, 0);
    printf("mpsc_stress: %d producers, %d messages each, three sizes\n", PRODUCERS, NOTES_EACH);
    return 0;
}
