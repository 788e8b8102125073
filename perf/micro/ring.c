// layer: ring
// Messages through the ring from one and from four producers, each a thread, to one consumer; and
// without other threads, as the floor. On fewer cores than threads it is the scheduler's time too.
#include "micro.h"

#include "base/assert.h"
#include "ring/mpsc.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

enum {
    CAPACITY = 1024,
    BURST = 256,
    PRODUCERS_MAX = 4,
};

struct message {
    uint64_t words[MPSC_LINE_MESSAGE_SIZE / 8];
};

struct producing {
    struct mpsc *ring;
    uint64_t count;
};

static void *produce(void *context)
{
    const struct producing *producing = context;
    struct message message = {{0}};
    for (uint64_t i = 0; i < producing->count; i++) {
        message.words[0] = i;
        while (!mpsc_push(producing->ring, &message)) {
            (void)sched_yield();
        }
    }
    return NULL;
}

static void pass(struct mpsc *ring, uint32_t producers, uint64_t count)
{
    pthread_t threads[PRODUCERS_MAX];
    struct producing producing[PRODUCERS_MAX];
    uint64_t each = (count + producers - 1) / producers;
    for (uint32_t i = 0; i < producers; i++) {
        producing[i] = (struct producing){ring, each};
        int result = pthread_create(&threads[i], NULL, produce, &producing[i]);
        ASSERT(result == 0);
    }
    for (uint64_t taken = 0; taken < each * producers;) {
        struct message message;
        if (mpsc_pop(ring, &message)) {
            micro_keep(&message);
            taken++;
        } else {
            (void)sched_yield();
        }
    }
    for (uint32_t i = 0; i < producers; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

static void pass_from_one(void *context, uint64_t count)
{
    pass(context, 1, count);
}

static void pass_from_four(void *context, uint64_t count)
{
    pass(context, 4, count);
}

// In and out on one thread, a burst at a time.
static void pass_alone(void *context, uint64_t count)
{
    struct mpsc *ring = context;
    struct message message = {{0}};
    for (uint64_t done = 0; done < count;) {
        uint64_t burst = count - done < BURST ? count - done : BURST;
        for (uint64_t i = 0; i < burst; i++) {
            bool pushed = mpsc_push(ring, &message);
            ASSERT(pushed);
        }
        while (mpsc_pop(ring, &message)) {
            micro_keep(&message);
            done++;
        }
    }
}

static void copy_bytes(void *context, uint64_t count)
{
    struct message *messages = context;
    struct message message = {{0}};
    for (uint64_t i = 0; i < count; i++) {
        memcpy(&messages[i % BURST], &message, sizeof message);
        micro_keep(messages);
        memcpy(&message, &messages[i % BURST], sizeof message);
        micro_keep(&message);
    }
}

int main(void)
{
    static struct message messages[BURST];
    struct mpsc ring;
    int result = mpsc_init(&ring, CAPACITY, sizeof(struct message));
    ASSERT(result == 0);
    micro_run("ring, one producer", CLOCK_MONOTONIC, pass_from_one, &ring);
    micro_run("ring, four producers", CLOCK_MONOTONIC, pass_from_four, &ring);
    micro_run("ring, one thread", CLOCK_THREAD_CPUTIME_ID, pass_alone, &ring);
    micro_run("  floor: memcpy in and out", CLOCK_THREAD_CPUTIME_ID, copy_bytes, messages);
    mpsc_free(&ring);
    return 0;
}
