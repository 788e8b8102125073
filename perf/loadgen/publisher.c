#include "publisher.h"

#include "payload.h"

#include "base/assert.h"
#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    QUIET_MS_MAX = 5000, // without any delivery: what is missing will not come
    LOOK_MS = 250,       // between looks at answers meanwhile
};

static const uint64_t NS_PER_MS = 1000 * 1000;
static const uint64_t NS_PER_SECOND = UINT64_C(1000) * 1000 * 1000;
// A pause in which answers are taken before it.
static const uint64_t PAUSE_NS_MIN = 200 * 1000;

uint32_t publisher_subscribers(uint32_t connections, uint32_t streams, uint32_t stream)
{
    return connections / streams + (stream < connections % streams ? 1 : 0);
}

int publisher_init(struct publisher *publisher, const struct publisher_config *config)
{
    memset(publisher, 0, sizeof *publisher);
    publisher->config = *config;
    const struct options *options = config->options;
    publisher->dealing = dealing_of(options);
    publisher->published = calloc(options->streams, sizeof *publisher->published);
    publisher->bytes = malloc((size_t)options->batch * options->size_bytes);
    publisher->batch = calloc(options->batch, sizeof *publisher->batch);
    if (publisher->published == NULL || publisher->bytes == NULL || publisher->batch == NULL) {
        publisher_free(publisher);
        return -ENOMEM;
    }
    return 0;
}

void publisher_free(struct publisher *publisher)
{
    free(publisher->published);
    free(publisher->bytes);
    free(publisher->batch);
    publisher->published = NULL;
    publisher->bytes = NULL;
    publisher->batch = NULL;
}

// The next event's stream. Counts it as published.
static uint32_t event_count(struct publisher *publisher)
{
    const struct options *options = publisher->config.options;
    uint32_t stream = publisher->stream_next;
    publisher->stream_next = stream + 1 == options->streams ? 0 : stream + 1;
    publisher->published[stream]++;
    publisher->expected += dealing_audience(&publisher->dealing, stream);
    publisher->events++;
    return stream;
}

// Puts the next event into the batch at `index`.
static void event_make(struct publisher *publisher, uint32_t index, uint64_t intended_ns)
{
    const struct options *options = publisher->config.options;
    ASSERT(index < options->batch);
    uint32_t stream = event_count(publisher);
    struct payload payload = {
        .run = publisher->config.run,
        .stream = stream,
        .number = publisher->published[stream],
        .intended_ns = intended_ns,
    };
    uint8_t *data = publisher->bytes + (size_t)index * options->size_bytes;
    payload_write(data, options->size_bytes, &payload);
    publisher->batch[index] = (struct outlet_event){stream, data, options->size_bytes};
}

static int batch_publish(struct publisher *publisher, uint32_t count)
{
    struct outlet *outlet = publisher->config.outlet;
    int result = outlet->kind->publish(outlet, publisher->batch, count);
    if (result < 0) {
        (void)snprintf(publisher->error, sizeof publisher->error, "%s", outlet->error);
    }
    return result;
}

static int idle(struct publisher *publisher)
{
    struct outlet *outlet = publisher->config.outlet;
    int result = outlet->kind == NULL ? 0 : outlet->kind->idle(outlet);
    if (result < 0) {
        (void)snprintf(publisher->error, sizeof publisher->error, "%s", outlet->error);
    }
    return result;
}

static int gone(struct publisher *publisher)
{
    (void)snprintf(publisher->error, sizeof publisher->error, "subscribers are gone");
    return -ECONNRESET;
}

// Waits until so many deliveries were received.
static int await(struct publisher *publisher, uint64_t wanted)
{
    struct meter *meter = publisher->config.meter;
    uint64_t before = meter_read(meter);
    uint32_t quiet_ms = 0;
    while (!meter_wait(meter, wanted, LOOK_MS)) {
        uint64_t now = meter_read(meter);
        if (meter_has_failed(meter)) {
            return gone(publisher);
        }
        if (idle(publisher) < 0) {
            return -EIO; // what is waited for was refused
        }
        quiet_ms = now == before ? quiet_ms + LOOK_MS : 0;
        if (quiet_ms >= QUIET_MS_MAX) {
            (void)snprintf(publisher->error, sizeof publisher->error,
                           "for %d s no event has arrived; %" PRIu64 " deliveries are missing",
                           QUIET_MS_MAX / 1000, publisher->expected - now);
            return -ETIMEDOUT;
        }
        before = now;
    }
    return 0;
}

static void sleep_until(uint64_t time_ns)
{
    struct timespec time = {.tv_sec = (time_t)(time_ns / NS_PER_SECOND),
                            .tv_nsec = (long)(time_ns % NS_PER_SECOND)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {
    }
}

// When event `index` of a phase is due.
static uint64_t due_ns(const struct publisher *publisher, uint64_t start_ns, uint64_t index)
{
    double seconds = (double)index / publisher->config.options->rate;
    return start_ns + (uint64_t)(seconds * (double)NS_PER_SECOND);
}

static int run_at_rate(struct publisher *publisher, uint64_t start_ns, uint64_t end_ns)
{
    uint64_t index = 0;
    uint64_t due = start_ns;
    while (due < end_ns) {
        uint64_t now_ns = clock_monotonic_ns();
        if (now_ns < due) {
            if (due - now_ns > PAUSE_NS_MIN && idle(publisher) < 0) {
                return -EIO;
            }
            sleep_until(due);
            continue;
        }
        if (meter_has_failed(publisher->config.meter)) {
            return gone(publisher);
        }
        // All that are due by now: one, unless we are late.
        uint32_t count = 0;
        while (count < publisher->config.options->batch && due <= now_ns && due < end_ns) {
            histogram_record(&publisher->lateness, now_ns - due);
            event_make(publisher, count++, due);
            due = due_ns(publisher, start_ns, ++index);
        }
        int result = batch_publish(publisher, count);
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

static int run_in_window(struct publisher *publisher, uint64_t end_ns)
{
    const struct options *options = publisher->config.options;
    struct meter *meter = publisher->config.meter;
    // Deliveries that an event comes to, rounded up.
    uint64_t measured = publisher->dealing.counts[GROUP_HEALTHY];
    uint64_t of_event = (measured + options->streams - 1) / options->streams;
    uint64_t outstanding_max = options->window * of_event;
    // Events are let go in groups, so that the publisher is not woken for each.
    uint64_t group = options->window / 4 > 0 ? options->window / 4 : 1;
    uint64_t now_ns = 0;
    while ((now_ns = clock_monotonic_ns()) < end_ns) {
        uint64_t outstanding = publisher->expected - meter_read(meter);
        uint64_t room = outstanding < outstanding_max ? outstanding_max - outstanding : 0;
        uint64_t count = room / of_event;
        if (meter_has_failed(meter)) {
            return gone(publisher);
        }
        if (count < group) {
            uint64_t left = outstanding_max - group * of_event;
            int result = await(publisher, publisher->expected - left);
            if (result < 0) {
                return result;
            }
            continue;
        }
        count = count < options->batch ? count : options->batch;
        for (uint32_t i = 0; i < count; i++) {
            event_make(publisher, i, now_ns);
        }
        int result = batch_publish(publisher, (uint32_t)count);
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

static int run_singly(struct publisher *publisher, uint64_t start_ns, uint64_t end_ns)
{
    uint64_t interval_ns = publisher->config.options->rate > 0 ? due_ns(publisher, 0, 1) : 0;
    uint64_t due = start_ns;
    uint64_t now_ns = 0;
    while ((now_ns = clock_monotonic_ns()) < end_ns) {
        if (now_ns < due) {
            sleep_until(due);
            now_ns = clock_monotonic_ns();
        }
        event_make(publisher, 0, now_ns);
        int result = batch_publish(publisher, 1);
        if (result == 0) {
            result = await(publisher, publisher->expected);
        }
        if (result == 0) {
            result = idle(publisher);
        }
        if (result < 0) {
            return result;
        }
        due = now_ns + interval_ns;
    }
    return 0;
}

int publisher_run(struct publisher *publisher, uint64_t duration_ms)
{
    histogram_clear(&publisher->lateness);
    uint64_t start_ns = clock_monotonic_ns();
    uint64_t end_ns = start_ns + duration_ms * NS_PER_MS;
    switch (publisher->config.pace) {
    case PACE_RATE: return run_at_rate(publisher, start_ns, end_ns);
    case PACE_WINDOW: return run_in_window(publisher, end_ns);
    case PACE_SINGLE: return run_singly(publisher, start_ns, end_ns);
    }
    UNREACHABLE();
}

static int flush(struct publisher *publisher)
{
    struct outlet *outlet = publisher->config.outlet;
    int result = outlet->kind == NULL ? 0 : outlet->kind->flush(outlet);
    if (result < 0) {
        (void)snprintf(publisher->error, sizeof publisher->error, "%s", outlet->error);
    }
    return result;
}

int publisher_publish(struct publisher *publisher, uint64_t count)
{
    int result = 0;
    while (count > 0 && result == 0) {
        uint32_t batch = publisher->config.options->batch;
        batch = count < batch ? (uint32_t)count : batch;
        uint64_t now_ns = clock_monotonic_ns();
        for (uint32_t i = 0; i < batch; i++) {
            event_make(publisher, i, now_ns);
        }
        result = batch_publish(publisher, batch);
        count -= batch;
    }
    return result < 0 ? result : flush(publisher);
}

void publisher_assume(struct publisher *publisher, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        (void)event_count(publisher);
    }
}

int publisher_drain(struct publisher *publisher)
{
    // Answers first: what was refused need not be waited for.
    int result = flush(publisher);
    return result < 0 ? result : await(publisher, publisher->expected);
}
