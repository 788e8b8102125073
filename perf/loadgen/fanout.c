#include "fanout.h"

#include "bare.h"
#include "machine.h"
#include "meter.h"
#include "outlet.h"
#include "reader.h"
#include "target.h"
#include "watch.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/random.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    OPENING_QUIET_MS_MAX = 10 * 1000, // without one more connection: the rest will not come
    BETWEEN_PHASES_MS = 50,
};

static const uint64_t NS_PER_MS = 1000 * 1000;
static const long NS_PER_SECOND = 1000L * 1000 * 1000;

// All that a run holds.
struct fanout {
    struct result *result;
    const struct options *options;
    struct target target;
    struct bare bare;
    struct outlet outlet;
    struct publisher publisher;
    struct meter meter;
    bool has_meter;
    pid_t server;
    uint32_t run;
    struct reader *readers[OPTIONS_THREADS_MAX];
    // At the beginning and the end of the measured phase.
    struct usage server_usage[2];
    struct usage generator[2];
    struct watch watch;
};

static void pause_ms(uint64_t milliseconds)
{
    struct timespec time = {.tv_sec = (time_t)(milliseconds / 1000),
                            .tv_nsec = (long)(milliseconds % 1000 * NS_PER_MS)};
    while (nanosleep(&time, &time) < 0 && errno == EINTR) {
    }
}

static int fail(struct fanout *fanout, int result, const char *text)
{
    (void)snprintf(fanout->result->error, sizeof fanout->result->error, "%s", text);
    return result;
}

// --- opening ---

static uint64_t resident(const struct fanout *fanout)
{
    static struct usage usage; // big; the main thread's
    return fanout->server != 0 && usage_read(&usage, fanout->server) == 0 ? usage.resident_bytes
                                                                          : 0;
}

static int server_find(struct fanout *fanout)
{
    char error[TARGET_ERROR_SIZE];
    const struct options *options = fanout->options;
    char url[64];
    if (options->bare) {
        struct bare_config config = {options->workers, options->streams, options->connections};
        int result = bare_start(&fanout->bare, &config, error, sizeof error);
        if (result < 0) {
            return fail(fanout, result, error);
        }
        fanout->server = fanout->bare.pid;
        fanout->result->bare_threads = fanout->bare.threads;
        (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", fanout->bare.port);
    } else if (options->url != NULL) {
        fanout->server = options->pid;
    } else {
        return fail(fanout, -EINVAL, "--url is missing");
    }
    int result = target_open(&fanout->target, options->bare ? url : options->url, options, error,
                             sizeof error);
    if (result < 0) {
        return fail(fanout, result, error);
    }
    if (options->bare) {
        fanout->target.path = "/{number}";
    }
    uint8_t bytes[TARGET_REQUEST_BYTES_MAX];
    struct buffer request;
    buffer_wrap(&request, bytes, sizeof bytes);
    result = target_request(&request, &fanout->target, options->streams - 1);
    if (result < 0) {
        return fail(fanout, result, "the request would be too long");
    }
    fanout->result->has_server = fanout->server != 0 && resident(fanout) > 0;
    if (fanout->server != 0 && !fanout->result->has_server) {
        return fail(fanout, -ESRCH, "--pid: there is no such process");
    }
    return 0;
}

// Before anything is connected, tells what this machine does not allow. Sets address_ports, see
// struct reader_config.
static int machine_prepare(struct fanout *fanout, uint32_t *address_ports)
{
    const struct options *options = fanout->options;
    struct machine_need need = {
        .connections = options->connections,
        .threads = options->threads,
        .opening = options->opening,
        .is_loopback = fanout->target.is_loopback,
    };
    struct machine machine;
    struct machine_shortage shortages[MACHINE_LIMITS_MAX];
    machine_raise_files(machine_files_needed(&need));
    machine_read(&machine);
    uint32_t ports = machine_address_ports(&machine);
    *address_ports = need.is_loopback && need.connections > ports ? ports : 0;
    uint32_t count = machine_check(&machine, &need, shortages);
    bool is_fatal = false;
    for (uint32_t i = 0; i < count; i++) {
        (void)fprintf(stderr, "ringcast-bench: %s is %" PRIu64 ", needed are %" PRIu64 ": %s\n",
                      shortages[i].name, shortages[i].present, shortages[i].needed,
                      shortages[i].remedy);
        is_fatal = is_fatal || shortages[i].is_fatal;
    }
    return is_fatal ? fail(fanout, -EMFILE, "this machine does not allow so many connections") : 0;
}

static int readers_open(struct fanout *fanout)
{
    const struct options *options = fanout->options;
    char error[LOOP_ERROR_SIZE];
    uint32_t address_ports = 0;
    int result = machine_prepare(fanout, &address_ports);
    if (result < 0) {
        return result;
    }
    uint32_t first = 0;
    for (uint32_t i = 0; i < options->threads; i++) {
        uint32_t count = publisher_subscribers(options->connections, options->threads, i);
        struct reader_config config = {
            .target = &fanout->target,
            .meter = &fanout->meter,
            .run = fanout->run,
            .first = first,
            .count = count,
            .streams = options->streams,
            .opening_max = options->opening,
            .address_ports = address_ports,
        };
        fanout->readers[i] = reader_open(&config, error, sizeof error);
        if (fanout->readers[i] == NULL) {
            return fail(fanout, -ENOMEM, error);
        }
        first += count;
    }
    return 0;
}

static uint64_t ready_count(const struct fanout *fanout)
{
    uint64_t ready = 0;
    for (uint32_t i = 0; i < fanout->options->threads; i++) {
        ready += atomic_load(&fanout->readers[i]->ready);
    }
    return ready;
}

// Opens all connections and waits for the last header. Returns 0 or -errno.
static int connect_all(struct fanout *fanout)
{
    const struct options *options = fanout->options;
    uint64_t start_ns = clock_monotonic_ns();
    for (uint32_t i = 0; i < options->threads; i++) {
        int result = reader_start(fanout->readers[i]);
        if (result < 0) {
            return fail(fanout, result, "no more threads");
        }
    }
    uint64_t ready = 0;
    uint64_t changed_ns = start_ns;
    uint64_t shown_ns = start_ns;
    while ((ready = ready_count(fanout)) < options->connections) {
        pause_ms(1);
        uint64_t now_ns = clock_monotonic_ns();
        if (ready_count(fanout) != ready) {
            changed_ns = now_ns;
        }
        if (meter_has_failed(&fanout->meter)) {
            return fail(fanout, -ECONNREFUSED, "not all subscribers could connect");
        }
        if (now_ns - changed_ns > OPENING_QUIET_MS_MAX * NS_PER_MS) {
            char text[96];
            (void)snprintf(text, sizeof text, "only %" PRIu64 " of %u subscribers got a header",
                           ready, options->connections);
            return fail(fanout, -ETIMEDOUT, text);
        }
        if (now_ns - shown_ns > WATCH_INTERVAL_MS * NS_PER_MS) {
            watch_tick(&fanout->watch);
            shown_ns = now_ns;
        }
    }
    fanout->result->opening_ns = clock_monotonic_ns() - start_ns;
    return 0;
}

// --- the measured phase, on the publisher's thread ---

// What grows, taken twice: the result holds the second less the first.
static void counters_take(struct fanout *fanout, uint32_t moment)
{
    struct result *result = fanout->result;
    struct usage_machine machine;
    usage_read_machine(&machine);
    (void)usage_read(&fanout->generator[moment], getpid());
    if (result->has_server && usage_read(&fanout->server_usage[moment], fanout->server) < 0) {
        result->has_server = false;
    }
    result->events = fanout->publisher.events - result->events;
    result->deliveries = meter_read(&fanout->meter) - result->deliveries;
    uint64_t bytes = 0;
    uint64_t segments = 0;
    result->samples = 0;
    for (uint32_t i = 0; i < fanout->options->threads; i++) {
        bytes += atomic_load(&fanout->readers[i]->bytes_told);
        segments += reader_sample_segments(fanout->readers[i]);
        result->samples += fanout->readers[i]->sample_count;
    }
    result->bytes = bytes - result->bytes;
    result->sample_segments = segments - result->sample_segments;
    result->machine.busy_ns = machine.busy_ns - result->machine.busy_ns;
    result->machine.idle_ns = machine.idle_ns - result->machine.idle_ns;
    result->machine.stolen_ns = machine.stolen_ns - result->machine.stolen_ns;
}

static int measure(struct fanout *fanout)
{
    struct result *result = fanout->result;
    struct publisher *publisher = &fanout->publisher;
    int code = 0;
    if (fanout->options->warmup_ms > 0) {
        watch_phase(&fanout->watch, WATCH_WARMING);
        code = publisher_run(publisher, fanout->options->warmup_ms);
        code = code < 0 ? code : publisher_drain(publisher);
        if (code < 0) {
            return code;
        }
        pause_ms(BETWEEN_PHASES_MS);
    }
    counters_take(fanout, 0);
    uint64_t start_ns = clock_monotonic_ns();
    atomic_store(&fanout->meter.record_from_ns, start_ns);
    watch_phase(&fanout->watch, WATCH_MEASURING);
    code = publisher_run(publisher, fanout->options->duration_ms);
    result->publishing_ns = clock_monotonic_ns() - start_ns;
    watch_phase(&fanout->watch, WATCH_DRAINING);
    code = code < 0 ? code : publisher_drain(publisher);
    result->elapsed_ns = clock_monotonic_ns() - start_ns;
    counters_take(fanout, 1);
    result->lateness = publisher->lateness;
    result->has_run = true;
    usage_difference(&result->generator, &fanout->generator[0], &fanout->generator[1]);
    if (result->has_server) {
        usage_difference(&result->server, &fanout->server_usage[0], &fanout->server_usage[1]);
        result->resident_after = result->server.resident_bytes;
    }
    return code;
}

static void *publisher_thread(void *context)
{
    struct fanout *fanout = context;
    if (measure(fanout) < 0) {
        (void)fail(fanout, 0, fanout->publisher.error);
    }
    return NULL;
}

static int publish_all(struct fanout *fanout)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, publisher_thread, fanout) != 0) {
        return fail(fanout, -EAGAIN, "no more threads");
    }
    (void)pthread_setname_np(thread, "publisher");
    for (;;) {
        struct timespec deadline;
        (void)clock_gettime(CLOCK_REALTIME, &deadline);
        deadline.tv_nsec += WATCH_INTERVAL_MS * (long)NS_PER_MS;
        deadline.tv_sec += deadline.tv_nsec / NS_PER_SECOND;
        deadline.tv_nsec %= NS_PER_SECOND;
        int joined = pthread_timedjoin_np(thread, NULL, &deadline);
        watch_tick(&fanout->watch);
        if (joined == 0) {
            return 0;
        }
    }
}

// --- the whole ---

static int run(struct fanout *fanout, enum publisher_pace pace)
{
    struct result *result = fanout->result;
    const struct options *options = fanout->options;
    int code = server_find(fanout);
    if (code < 0) {
        return code;
    }
    fanout->watch.server = fanout->server;
    code = meter_open(&fanout->meter);
    if (code < 0) {
        return fail(fanout, code, "no eventfd");
    }
    fanout->has_meter = true;
    code = readers_open(fanout);
    if (code < 0) {
        return code;
    }
    code = outlet_open(&fanout->outlet, options, options->bare ? &fanout->bare : NULL);
    if (code < 0) {
        return fail(fanout, code, fanout->outlet.error);
    }
    struct publisher_config config = {options, pace, &fanout->outlet, &fanout->meter, fanout->run};
    if (publisher_init(&fanout->publisher, &config) < 0) {
        return fail(fanout, -ENOMEM, "no memory");
    }
    result->resident_before = resident(fanout);
    code = connect_all(fanout);
    if (code < 0) {
        return code;
    }
    pause_ms(options->settle_ms);
    result->resident_connected = resident(fanout);
    return publish_all(fanout);
}

// Stops the readers and collects what they found.
static void collect(struct fanout *fanout)
{
    struct result *result = fanout->result;
    for (uint32_t i = 0; i < fanout->options->threads; i++) {
        struct reader *reader = fanout->readers[i];
        if (reader == NULL) {
            continue;
        }
        reader_stop(reader);
        struct findings *findings = &reader->ledger.findings;
        // The meter, which holds the publisher back, took those passed over for received.
        uint64_t lost = findings->lost;
        result->deliveries -= lost < result->deliveries ? lost : result->deliveries;
        for (uint32_t k = 0; result->has_run && k < reader->config.count; k++) {
            const struct subscriber *subscriber = &reader->subscribers[k];
            subscriber_check_end(subscriber, findings,
                                 fanout->publisher.published[subscriber->stream]);
        }
        findings_merge(&result->findings, findings);
        histogram_merge(&result->latency, &reader->ledger.latency);
        histogram_merge(&result->opening, &reader->opening);
    }
}

int fanout_run(struct result *result, const struct options *options, enum publisher_pace pace)
{
    memset(result, 0, sizeof *result);
    result->options = options;
    result->pace = pace;
    struct fanout *fanout = calloc(1, sizeof *fanout);
    if (fanout == NULL) {
        return -ENOMEM;
    }
    fanout->result = result;
    fanout->options = options;
    fanout->run = (uint32_t)random_u64();
    watch_init(&fanout->watch, options, &fanout->meter, fanout->readers, &result->series);
    int code = run(fanout, pace);
    watch_clear(&fanout->watch);
    collect(fanout);
    outlet_close(&fanout->outlet);
    for (uint32_t i = 0; i < options->threads; i++) {
        reader_close(fanout->readers[i]);
    }
    publisher_free(&fanout->publisher);
    if (fanout->has_meter) {
        meter_close(&fanout->meter);
    }
    bare_stop(&fanout->bare);
    free(fanout);
    return code;
}
