#include "rig.h"

#include "machine.h"

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
    CUTTING_MS_MAX = 60 * 1000,
};

static const uint64_t NS_PER_MS = 1000 * 1000;
static const long NS_PER_SECOND = 1000L * 1000 * 1000;

static uint64_t resident(const struct rig *rig)
{
    return usage_read_resident(&rig->server);
}

void rig_look(struct rig *rig)
{
    uint64_t resident_bytes = resident(rig);
    watch_tick(&rig->watch, resident_bytes);
    memory_look(&rig->result->memory.peak, resident_bytes);
}

struct beside {
    struct rig *rig;
    int (*work)(struct rig *rig);
    int code;
};

static void *beside_run(void *context)
{
    struct beside *beside = context;
    beside->code = beside->work(beside->rig);
    return NULL;
}

int rig_run_beside(struct rig *rig, int (*work)(struct rig *rig))
{
    struct beside beside = {.rig = rig, .work = work};
    pthread_t thread;
    if (pthread_create(&thread, NULL, beside_run, &beside) != 0) {
        return rig_fail(rig, -EAGAIN, "no more threads");
    }
    (void)pthread_setname_np(thread, "publisher");
    for (;;) {
        struct timespec deadline;
        (void)clock_gettime(CLOCK_REALTIME, &deadline);
        deadline.tv_nsec += WATCH_INTERVAL_MS * (long)NS_PER_MS;
        deadline.tv_sec += deadline.tv_nsec / NS_PER_SECOND;
        deadline.tv_nsec %= NS_PER_SECOND;
        int joined = pthread_timedjoin_np(thread, NULL, &deadline);
        rig_look(rig);
        if (joined == 0) {
            return beside.code;
        }
    }
}

void rig_pause_ms(uint64_t milliseconds)
{
    struct timespec time = {.tv_sec = (time_t)(milliseconds / 1000),
                            .tv_nsec = (long)(milliseconds % 1000 * NS_PER_MS)};
    while (nanosleep(&time, &time) < 0 && errno == EINTR) {
    }
}

int rig_fail(struct rig *rig, int code, const char *text)
{
    (void)snprintf(rig->result->error, sizeof rig->result->error, "%s", text);
    return code;
}

// --- opening ---

static void memory_take(struct rig *rig, enum memory_moment moment)
{
    rig->result->memory.resident[moment] = resident(rig);
    memory_read_kernel(&rig->result->memory.kernel[moment]);
}

// Which of the kernel's caches grew by connecting.
static void memory_take_grown(struct rig *rig)
{
    struct result_memory *memory = &rig->result->memory;
    static struct memory_caches caches; // big; the main thread's
    memory_read_caches(&caches);
    memory->grown_count = memory_grown(&rig->caches, &caches, memory->grown);
}

static int server_find(struct rig *rig)
{
    char error[TARGET_ERROR_SIZE];
    const struct options *options = rig->options;
    char url[64];
    if (options->bare) {
        struct bare_config config = {
            .threads = options->workers,
            .streams = options->streams,
            .connections = options->connections,
            .skips_full = options->is_slow,
            .file = rig->plan.file,
        };
        int result = bare_start(&rig->bare, &config, error, sizeof error);
        if (result < 0) {
            return rig_fail(rig, result, error);
        }
        rig->server = usage_process(rig->bare.pid);
        rig->result->bare_threads = rig->bare.threads;
        (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", rig->bare.port);
    } else if (options->url != NULL) {
        rig->server = options->server;
    } else {
        return rig_fail(rig, -EINVAL, "--url is missing");
    }
    int result =
        target_open(&rig->target, options->bare ? url : options->url, options, error, sizeof error);
    if (result < 0) {
        return rig_fail(rig, result, error);
    }
    if (options->throttled > 0 && rig->target.protocol != NULL) {
        return rig_fail(rig, -EINVAL, "--throttled is for http:// alone");
    }
    if (options->bare) {
        rig->target.path = "/{number}";
    } else if (rig->plan.path != NULL && strcmp(rig->target.path, TARGET_PATH) == 0) {
        rig->target.path = rig->plan.path;
    }
    uint8_t bytes[TARGET_REQUEST_BYTES_MAX];
    struct buffer request;
    buffer_wrap(&request, bytes, sizeof bytes);
    static const uint8_t id[RESPONSE_ID_BYTES_MAX] = {0};
    result = target_request(&request, &rig->target, options->streams - 1, slice_from(id, sizeof id),
                            options->throttled_query);
    if (result < 0) {
        return rig_fail(rig, result,
                        "the request would be too long, or the stream's name not fit it");
    }
    bool is_known = rig->server.count > 0;
    rig->result->has_server =
        is_known && usage_read_family(&rig->server_usage[0], &rig->server) == 0;
    if (is_known && !rig->result->has_server) {
        return rig_fail(rig, -ESRCH, "--pid: there is no such process");
    }
    return 0;
}

// Before anything is connected, tells what this machine does not allow. Sets address_ports, see
// struct reader_config.
static int machine_prepare(struct rig *rig, uint32_t *address_ports)
{
    const struct options *options = rig->options;
    struct machine_need need = {
        .connections = options->connections,
        .threads = options->threads,
        .opening = options->opening,
        .is_loopback = rig->target.is_loopback,
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
    return is_fatal ? rig_fail(rig, -EMFILE, "this machine does not allow so many connections") : 0;
}

static int readers_open(struct rig *rig)
{
    const struct options *options = rig->options;
    char error[LOOP_ERROR_SIZE];
    uint32_t address_ports = 0;
    int result = machine_prepare(rig, &address_ports);
    if (result < 0) {
        return result;
    }
    uint32_t first = 0;
    for (uint32_t i = 0; i < options->threads; i++) {
        uint32_t count = publisher_subscribers(options->connections, options->threads, i);
        struct reader_config config = {
            .target = &rig->target,
            .meter = &rig->meter,
            .run = rig->run,
            .first = first,
            .count = count,
            .streams = options->streams,
            .dealing = dealing_of(options),
            .stalled_rate = options->slow_rate,
            .opening_max = options->opening,
            .goal = rig->plan.goal,
            .resumes = rig->plan.resumes,
            .goes_on = rig->plan.resumes,
            .address_ports = address_ports,
        };
        rig->readers[i] = reader_open(&config, error, sizeof error);
        if (rig->readers[i] == NULL) {
            return rig_fail(rig, -ENOMEM, error);
        }
        first += count;
    }
    return 0;
}

static uint64_t ready_of(const struct reader *reader)
{
    return atomic_load(&reader->ready);
}

static uint64_t failed_of(const struct reader *reader)
{
    return atomic_load(&reader->failed);
}

static uint64_t uncut_of(const struct reader *reader)
{
    return atomic_load(&reader->uncut);
}

static uint64_t resumable_of(const struct reader *reader)
{
    return atomic_load(&reader->resumable);
}

static uint64_t sum(const struct rig *rig, uint64_t (*count_of)(const struct reader *reader))
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < rig->options->threads; i++) {
        all += count_of(rig->readers[i]);
    }
    return all;
}

// Waits until all have their header, or failed. Returns 0, or -errno with a line in result->error.
static int await_headers(struct rig *rig)
{
    uint32_t wanted = rig->options->connections;
    uint64_t ready = 0;
    uint64_t changed_ns = clock_monotonic_ns();
    uint64_t shown_ns = changed_ns;
    char text[96];
    while ((ready = sum(rig, ready_of)) < wanted) {
        rig_pause_ms(1);
        uint64_t now_ns = clock_monotonic_ns();
        if (sum(rig, ready_of) != ready) {
            changed_ns = now_ns;
        }
        uint64_t failed = sum(rig, failed_of);
        bool is_over = failed > 0 && ready + failed >= wanted;
        if (is_over || meter_has_failed(&rig->meter)) {
            (void)snprintf(text, sizeof text, "%" PRIu64 " of %u subscribers could not connect%s",
                           failed, wanted, rig->plan.resumes ? "" : ", the others did not try");
            return rig_fail(rig, -ECONNREFUSED, text);
        }
        if (now_ns - changed_ns > OPENING_QUIET_MS_MAX * NS_PER_MS) {
            (void)snprintf(text, sizeof text, "only %" PRIu64 " of %u subscribers got a header",
                           ready, wanted);
            return rig_fail(rig, -ETIMEDOUT, text);
        }
        if (now_ns - shown_ns > WATCH_INTERVAL_MS * NS_PER_MS) {
            rig_look(rig);
            shown_ns = now_ns;
        }
    }
    return 0;
}

int rig_connect(struct rig *rig)
{
    uint64_t start_ns = clock_monotonic_ns();
    for (uint32_t i = 0; i < rig->options->threads; i++) {
        int result = reader_start(rig->readers[i]);
        if (result < 0) {
            return rig_fail(rig, result, "no more threads");
        }
    }
    int result = await_headers(rig);
    rig->result->opening_ns = clock_monotonic_ns() - start_ns;
    rig_look(rig);
    if (result == 0) {
        rig_pause_ms(rig->options->settle_ms);
        memory_take(rig, MEMORY_CONNECTED);
        memory_take_grown(rig);
    }
    return result;
}

int rig_cut(struct rig *rig)
{
    for (uint32_t i = 0; i < rig->options->threads; i++) {
        reader_cut(rig->readers[i]);
    }
    uint64_t deadline_ms = clock_monotonic_ms() + CUTTING_MS_MAX;
    while (sum(rig, uncut_of) > 0) {
        rig_pause_ms(1);
        if (clock_monotonic_ms() > deadline_ms) {
            return rig_fail(rig, -ETIMEDOUT, "the connections could not be cut");
        }
    }
    return 0;
}

int rig_reconnect(struct rig *rig, uint64_t goal)
{
    for (uint32_t i = 0; i < rig->options->threads; i++) {
        reader_reopen(rig->readers[i], goal);
    }
    return await_headers(rig);
}

uint64_t rig_resumable(const struct rig *rig)
{
    return sum(rig, resumable_of);
}

// --- the measured phase ---

void rig_count(struct rig *rig, uint32_t moment)
{
    struct result *result = rig->result;
    struct usage_machine machine;
    usage_read_machine(&machine);
    (void)usage_read(&rig->generator[moment], getpid());
    if (result->has_server && usage_read_family(&rig->server_usage[moment], &rig->server) < 0) {
        result->has_server = false;
    }
    result->events = rig->publisher.events - result->events;
    result->deliveries = meter_read(&rig->meter) - result->deliveries;
    uint64_t bytes = 0;
    uint64_t segments = 0;
    result->samples = 0;
    for (uint32_t i = 0; i < rig->options->threads; i++) {
        bytes += atomic_load(&rig->readers[i]->bytes_told);
        segments += reader_sample_segments(rig->readers[i]);
        result->samples += rig->readers[i]->sample_count;
    }
    result->bytes = bytes - result->bytes;
    result->sample_segments = segments - result->sample_segments;
    result->machine.busy_ns = machine.busy_ns - result->machine.busy_ns;
    result->machine.idle_ns = machine.idle_ns - result->machine.idle_ns;
    result->machine.stolen_ns = machine.stolen_ns - result->machine.stolen_ns;
    if (moment == 0) {
        return;
    }
    memory_read_kernel(&result->memory.kernel[MEMORY_AFTER]);
    usage_difference(&result->generator, &rig->generator[0], &rig->generator[1]);
    if (result->has_server) {
        usage_difference(&result->server, &rig->server_usage[0], &rig->server_usage[1]);
        result->memory.resident[MEMORY_AFTER] = result->server.resident_bytes;
    }
}

// --- the whole ---

static int set_up(struct rig *rig)
{
    struct result *result = rig->result;
    const struct options *options = rig->options;
    int code = server_find(rig);
    if (code < 0) {
        return code;
    }
    rig->watch.server = rig->server;
    code = meter_open(&rig->meter);
    if (code < 0) {
        return rig_fail(rig, code, "no eventfd");
    }
    rig->has_meter = true;
    code = readers_open(rig);
    if (code < 0) {
        return code;
    }
    code = rig->plan.is_silent
               ? 0
               : outlet_open(&rig->outlet, options, options->bare ? &rig->bare : NULL);
    if (code < 0) {
        return rig_fail(rig, code, rig->outlet.error);
    }
    struct publisher_config config = {options, result->pace, &rig->outlet, &rig->meter, rig->run};
    if (publisher_init(&rig->publisher, &config) < 0) {
        return rig_fail(rig, -ENOMEM, "no memory");
    }
    memory_take(rig, MEMORY_BEFORE);
    memory_read_caches(&rig->caches);
    return 0;
}

static void collect_subscribers(struct rig *rig, struct reader *reader)
{
    struct result *result = rig->result;
    for (uint32_t i = 0; i < reader->config.count; i++) {
        const struct subscriber *subscriber = &reader->subscribers[i];
        uint64_t published = rig->publisher.published[subscriber->stream];
        if (subscriber->group == GROUP_HEALTHY) {
            subscriber_check_end(subscriber, &reader->ledgers[GROUP_HEALTHY].findings, published);
        } else {
            group_tally_add_subscriber(&result->groups[subscriber->group], subscriber, published);
        }
    }
}

static void collect(struct rig *rig)
{
    struct result *result = rig->result;
    for (uint32_t i = 0; i < rig->options->threads; i++) {
        struct reader *reader = rig->readers[i];
        if (reader == NULL) {
            continue;
        }
        reader_stop(reader);
        struct subscriber_ledger *healthy = &reader->ledgers[GROUP_HEALTHY];
        // The meter, which holds the publisher back, took those passed over for received.
        uint64_t lost = healthy->findings.lost;
        result->deliveries -= lost < result->deliveries ? lost : result->deliveries;
        collect_subscribers(rig, reader);
        findings_merge(&result->findings, &healthy->findings);
        histogram_merge(&result->latency, &healthy->latency);
        for (unsigned group = GROUP_HEALTHY + 1; group < GROUPS; group++) {
            group_tally_add(&result->groups[group], &reader->ledgers[group], &reader->marks[group]);
        }
        if (reader->secure != NULL) {
            secure_tally_merge(&result->secure, secure_tally(reader->secure));
        }
        histogram_merge(&result->opening, &reader->opening);
        histogram_merge(&result->reopening, &reader->reopening);
        histogram_merge(&result->catching_up, &reader->catching_up);
    }
}

static void close_all(struct rig *rig)
{
    watch_clear(&rig->watch);
    outlet_close(&rig->outlet);
    for (uint32_t i = 0; i < rig->options->threads; i++) {
        reader_close(rig->readers[i]);
    }
    publisher_free(&rig->publisher);
    if (rig->has_meter) {
        meter_close(&rig->meter);
    }
    bare_stop(&rig->bare);
}

int rig_run(struct result *result, const struct options *options, const struct rig_plan *plan,
            int (*run)(struct rig *rig))
{
    memset(result, 0, sizeof *result);
    result->kind = plan->kind;
    result->options = options;
    result->pace = plan->pace;
    for (unsigned group = 0; group < GROUPS; group++) {
        result->groups[group].group = group;
    }
    struct rig *rig = calloc(1, sizeof *rig);
    if (rig == NULL) {
        (void)snprintf(result->error, sizeof result->error, "no memory");
        return -ENOMEM;
    }
    rig->result = result;
    rig->options = options;
    rig->plan = *plan;
    rig->run = options->run != 0 ? options->run : (uint32_t)random_u64();
    watch_init(&rig->watch, options, &rig->meter, rig->readers, &result->series);
    int code = set_up(rig);
    if (code == 0) {
        code = run(rig);
        collect(rig);
    }
    close_all(rig);
    free(rig);
    return code;
}
