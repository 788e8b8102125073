#include "ingest.h"

#include "bare.h"
#include "figures.h"
#include "histogram.h"
#include "producer.h"
#include "status.h"
#include "target.h"
#include "usage.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/random.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { JSON_BYTES_MAX = 4096 };

static const uint64_t NS_PER_MS = 1000 * 1000;

// What all producers did together.
struct tally {
    uint64_t acknowledged; // in the measured phase
    uint64_t refused;
    uint64_t elapsed_ns;
    struct histogram latency;
    bool has_server;
    struct usage server;
    struct usage generator;
    const char *error; // NULL: none
};

uint32_t producer_next_event(struct producer *producer, uint8_t *data, uint64_t now_ns)
{
    const struct options *options = producer->options;
    uint32_t stream = producer->stream;
    producer->stream = stream + 1 == options->streams ? 0 : stream + 1;
    struct payload payload = {
        .run = producer->run,
        .stream = stream,
        .number = ++producer->numbers[stream],
        .intended_ns = now_ns,
    };
    payload_write(data, options->size_bytes, &payload);
    return stream;
}

static void *producer_run(void *context)
{
    struct producer *producer = context;
    producer->kind->run(producer);
    return NULL;
}

static void producer_close(struct producer *producer)
{
    producer->kind->close(producer);
    free(producer->numbers);
}

static bool producer_open(struct producer *producer, const struct producer_kind *kind,
                          const struct options *options, uint32_t index)
{
    memset(producer, 0, sizeof *producer);
    producer->kind = kind;
    producer->options = options;
    producer->run = (uint32_t)random_u64();
    producer->stream = index % options->streams;
    producer->numbers = calloc(options->streams, sizeof *producer->numbers);
    if (producer->numbers == NULL) {
        (void)snprintf(producer->error, sizeof producer->error, "no memory");
        return false;
    }
    return kind->open(producer, index);
}

// --- the run ---

static uint64_t acknowledged_by_all(struct producer *producers, uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += atomic_load_explicit(&producers[i].acknowledged, memory_order_relaxed);
    }
    return sum;
}

static void sleep_until(uint64_t time_ns)
{
    struct timespec time = {.tv_sec = (time_t)(time_ns / (1000 * NS_PER_MS)),
                            .tv_nsec = (long)(time_ns % (1000 * NS_PER_MS))};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {
    }
}

// Runs the threads and measures from the end of the warm-up until the last answer.
static void measure(struct tally *tally, const struct options *options, struct producer *producers)
{
    static struct usage before[2]; // big; the main thread's
    static struct usage after[2];
    uint64_t record_from_ns = clock_monotonic_ns() + options->warmup_ms * NS_PER_MS;
    uint32_t started = 0;
    for (; started < options->producers; started++) {
        struct producer *producer = &producers[started];
        producer->record_from_ns = record_from_ns;
        producer->end_ns = record_from_ns + options->duration_ms * NS_PER_MS;
        if (pthread_create(&producer->thread, NULL, producer_run, producer) != 0) {
            tally->error = "no more threads";
            break;
        }
        (void)pthread_setname_np(producer->thread, "producer");
    }
    sleep_until(record_from_ns);
    tally->has_server =
        options->server.count > 0 && usage_read_family(&before[0], &options->server) == 0;
    (void)usage_read(&before[1], getpid());
    uint64_t acknowledged = acknowledged_by_all(producers, started);
    for (uint32_t i = 0; i < started; i++) {
        pthread_join(producers[i].thread, NULL);
    }
    tally->elapsed_ns = clock_monotonic_ns() - record_from_ns;
    (void)usage_read(&after[1], getpid());
    usage_difference(&tally->generator, &before[1], &after[1]);
    if (tally->has_server && usage_read_family(&after[0], &options->server) == 0) {
        usage_difference(&tally->server, &before[0], &after[0]);
    }
    tally->acknowledged = acknowledged_by_all(producers, started) - acknowledged;
}

static double events_per_second(const struct tally *tally)
{
    return figures_per_second(tally->acknowledged, tally->elapsed_ns);
}

static double cpu_per_event_us(const struct tally *tally, const struct usage *usage)
{
    return tally->acknowledged == 0 ? 0 : (double)usage->cpu_ns / 1e3 / (double)tally->acknowledged;
}

static bool producers_post(const struct options *options)
{
    const char *http = producer_kind_http.prefix;
    return strncmp(options->publish, http, strlen(http)) == 0;
}

static void print(const struct tally *tally, const struct options *options, FILE *out)
{
    if (producers_post(options)) {
        (void)fprintf(out,
                      "ingest to %s, events of %u bytes, each a POST, %u unanswered on each of %u "
                      "connections, %u threads\n",
                      options->publish, options->size_bytes, options->publish_pipeline,
                      options->publish_connections, options->producers);
    } else {
        (void)fprintf(out,
                      "ingest to %s, events of %u bytes, batches of %u, %u unanswered by each of "
                      "%u producers, level %s\n",
                      options->publish, options->size_bytes, options->batch, options->window,
                      options->producers, options_ack_text(options->ack));
    }
    (void)fprintf(out, "acknowledged %" PRIu64 " events in %.2f s: %.0f/s, %.1f MB/s of data\n",
                  tally->acknowledged, figures_seconds(tally->elapsed_ns), events_per_second(tally),
                  events_per_second(tally) * options->size_bytes / 1e6);
    (void)fprintf(out, "a request    ");
    histogram_print(&tally->latency, out);
    (void)fprintf(out, "\n");
    if (tally->has_server) {
        (void)fprintf(out, "server       %.3f us of CPU an event, %.1f MiB resident at the end\n",
                      cpu_per_event_us(tally, &tally->server),
                      figures_mebibytes(tally->server.resident_bytes));
    }
    (void)fprintf(out, "generator    %.3f us of CPU an event\n",
                  cpu_per_event_us(tally, &tally->generator));
    if (tally->error == NULL) {
        (void)fprintf(out, "check        good: every event was acknowledged\n");
    } else {
        (void)fprintf(out, "check        FAILED: %" PRIu64 " events not acknowledged; %s\n",
                      tally->refused, tally->error);
    }
}

static void print_json(const struct tally *tally, const struct options *options, FILE *out)
{
    struct buffer buffer;
    buffer_init(&buffer, JSON_BYTES_MAX);
    struct json_writer writer = json_writer_on(&buffer);
    json_write_object_open(&writer);
    json_write_key(&writer, "good");
    json_write_boolean(&writer, tally->error == NULL);
    json_write_key(&writer, "mode");
    json_write_text(&writer, "ingest");
    json_write_key(&writer, "ack");
    json_write_text(&writer, options_ack_text(options->ack));
    json_write_member_decimal(&writer, "producers", options->producers, 3);
    json_write_member_decimal(&writer, "size_bytes", options->size_bytes, 3);
    json_write_member_decimal(&writer, "batch", options->batch, 3);
    json_write_member_decimal(&writer, "window", options->window, 3);
    json_write_member_decimal(&writer, "acknowledged", (double)tally->acknowledged, 3);
    json_write_member_decimal(&writer, "elapsed_s", figures_seconds(tally->elapsed_ns), 3);
    json_write_member_decimal(&writer, "events_per_s", events_per_second(tally), 3);
    json_write_member_decimal(&writer, "request_p50_us",
                              (double)histogram_quantile(&tally->latency, 50000) / 1e3, 3);
    json_write_member_decimal(&writer, "request_p99_us",
                              (double)histogram_quantile(&tally->latency, 99000) / 1e3, 3);
    json_write_member_decimal(&writer, "request_max_us", (double)tally->latency.maximum / 1e3, 3);
    if (tally->has_server) {
        json_write_member_decimal(&writer, "server_cpu_per_event_us",
                                  cpu_per_event_us(tally, &tally->server), 3);
        json_write_member_decimal(&writer, "resident_after_bytes",
                                  (double)tally->server.resident_bytes, 3);
    }
    json_write_member_decimal(&writer, "generator_cpu_per_event_us",
                              cpu_per_event_us(tally, &tally->generator), 3);
    json_write_object_close(&writer);
    (void)fprintf(out, SLICE_FORMAT "\n", SLICE_ARGUMENTS(buffer_slice(&buffer)));
    buffer_free(&buffer);
}

static void tally_producers(struct tally *tally, const struct options *options,
                            struct producer *producers)
{
    for (uint32_t i = 0; i < options->producers; i++) {
        histogram_merge(&tally->latency, &producers[i].latency);
        tally->refused += producers[i].refused;
        if (producers[i].error[0] != 0 && tally->error == NULL) {
            tally->error = producers[i].error;
        }
    }
}

static enum status run(const struct options *options, const struct producer_kind *kind)
{
    struct producer *producers = calloc(options->producers, sizeof *producers);
    struct tally *tally = calloc(1, sizeof *tally);
    enum status status = STATUS_WRONG;
    uint32_t opened = 0;
    bool is_open = producers != NULL && tally != NULL;
    while (is_open && opened < options->producers) {
        is_open = producer_open(&producers[opened], kind, options, opened);
        opened++;
    }
    if (is_open) {
        measure(tally, options, producers);
        tally_producers(tally, options, producers);
        print(tally, options, options->text_to);
        if (options->json_to != NULL) {
            print_json(tally, options, options->json_to);
        }
        status = tally->error == NULL ? STATUS_GOOD : STATUS_BAD;
    } else {
        (void)fprintf(stderr, "ringcast-bench: %s: %s\n", options->publish,
                      opened > 0 ? producers[opened - 1].error : "no memory");
    }
    for (uint32_t i = 0; i < opened; i++) {
        producer_close(&producers[i]);
    }
    free(producers);
    free(tally);
    return status;
}

static enum status run_bare(const struct options *options)
{
    char error[TARGET_ERROR_SIZE];
    char url[64];
    struct bare bare;
    const struct bare_config config = {.threads = options->workers,
                                       .streams = 1,
                                       .connections = options->publish_connections,
                                       .answers = true};
    if (bare_start(&bare, &config, error, sizeof error) < 0) {
        (void)fprintf(stderr, "ringcast-bench: %s\n", error);
        return STATUS_WRONG;
    }
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", bare.port);
    struct options to_bare = *options;
    to_bare.publish = url;
    to_bare.server = usage_process(bare.pid);
    enum status status = run(&to_bare, &producer_kind_http);
    bare_stop(&bare);
    return status;
}

static const struct producer_kind *kind_of(const struct options *options)
{
    static const struct producer_kind *const kinds[] = {&producer_kind_unix, &producer_kind_http};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && options->publish != NULL; i++) {
        if (strncmp(options->publish, kinds[i]->prefix, strlen(kinds[i]->prefix)) == 0) {
            return kinds[i];
        }
    }
    return NULL;
}

enum status ingest_run(const struct options *options)
{
    const struct producer_kind *kind = kind_of(options);
    if ((kind == NULL && !options->bare) || options->rate > 0 || options->window < options->batch) {
        (void)fprintf(stderr, "ringcast-bench: ingest needs --publish unix:PATH or http://..., or "
                              "--bare, goes as fast "
                              "as it can, and its --window holds at least one --batch\n");
        return STATUS_WRONG;
    }
    if (kind != &producer_kind_unix && options->publish_connections < options->producers) {
        (void)fprintf(stderr, "ringcast-bench: more --producers than --publish-connections\n");
        return STATUS_WRONG;
    }
    return options->bare ? run_bare(options) : run(options, kind);
}
