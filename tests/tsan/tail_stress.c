// layer: log
//
// Readers enter, read and leave while the log overwrites what they confirmed. Each word of the tail
// holds the turn in which it was written: a reader that sees a later turn than the position it
// asked for was overwritten under its hands. Also watches that a segment's descriptor and salt fit
// each other.
#include "base/assert.h"
#include "log/tail.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

enum {
    READERS = 3,
    TAIL_BYTES = 1 << 16,
    SEGMENT_BYTES = 1 << 14,
    STEP_BYTES = 1 << 10,
    STEPS = 4000,
};

static struct log_tail *tail;
static _Atomic uint64_t written = SEGMENT_BYTES; // positions below it may be read
static atomic_bool over;

static void check_span(uint64_t position)
{
    const uint64_t *words = (const uint64_t *)(const void *)log_tail_at(tail, position);
    for (uint64_t i = 0; i < STEP_BYTES / sizeof(uint64_t); i++) {
        ASSERT(words[i] == position);
    }
}

static void *read_tail(void *argument)
{
    unsigned reader = *(const unsigned *)argument;
    uint64_t spans = 0;
    while (!atomic_load(&over)) {
        uint64_t end = atomic_load(&written);
        uint64_t floor = log_tail_enter(tail, reader);
        end = end > floor ? end : atomic_load(&written);
        for (uint64_t at = floor < SEGMENT_BYTES ? SEGMENT_BYTES : floor; at < end;
             at += STEP_BYTES) {
            check_span(at);
            spans++;
        }
        int fd;
        uint64_t salt;
        if (log_tail_segment(tail, end, &fd, &salt)) {
            ASSERT(salt == (uint64_t)fd * 7);
        }
        if (spans % 3 == 0) {
            log_tail_leave(tail, reader);
            sched_yield();
        }
    }
    log_tail_leave(tail, reader);
    return NULL;
}

static void write_tail(void)
{
    uint64_t floor = SEGMENT_BYTES;
    for (uint64_t step = 0; step < STEPS; step++) {
        uint64_t position = SEGMENT_BYTES + step * STEP_BYTES;
        while (log_tail_confirmed(tail) + TAIL_BYTES < position + STEP_BYTES) {
            if (floor + TAIL_BYTES / 2 < position) {
                floor = position - TAIL_BYTES / 2;
                log_tail_announce(tail, floor);
            }
            sched_yield();
        }
        uint64_t *words = (uint64_t *)(void *)log_tail_at(tail, position);
        for (uint64_t i = 0; i < STEP_BYTES / sizeof(uint64_t); i++) {
            words[i] = position;
        }
        uint64_t number = position / SEGMENT_BYTES;
        if (position % SEGMENT_BYTES == 0) {
            if (number > 2) {
                log_tail_segment_clear(tail, number - 1);
            }
            log_tail_segment_set(tail, number, (int)number, number * 7);
        }
        atomic_store(&written, position + STEP_BYTES);
    }
}

int main(void)
{
    tail = log_tail_create(TAIL_BYTES, SEGMENT_BYTES, READERS);
    ASSERT(tail != NULL);
    log_tail_announce(tail, SEGMENT_BYTES);
    pthread_t threads[READERS];
    unsigned numbers[READERS];
    for (unsigned i = 0; i < READERS; i++) {
        numbers[i] = i;
        ASSERT(pthread_create(&threads[i], NULL, read_tail, &numbers[i]) == 0);
    }
    write_tail();
    uint64_t epoch = log_tail_epoch_start(tail);
    while (!log_tail_epoch_passed(tail, epoch)) {
        sched_yield();
    }
    atomic_store(&over, true);
    for (unsigned i = 0; i < READERS; i++) {
        ASSERT(pthread_join(threads[i], NULL) == 0);
    }
    log_tail_destroy(tail);
    printf("%d steps, no reader saw what was overwritten\n", STEPS);
    return 0;
}
