#include "ingest.h"

#include "figures.h"
#include "histogram.h"
#include "payload.h"
#include "status.h"
#include "target.h"
#include "usage.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/random.h"

#include <ringcast/client.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    NAME_SIZE = 256,
    POLL_MS = 100,
    FLUSH_MS_MAX = 10 * 1000,
    JSON_BYTES_MAX = 4096,
};

static const uint64_t NS_PER_MS = 1000 * 1000;

static const char unix_prefix[] = "unix:";

struct producer;

// A request that is not answered.
struct request {
    struct producer *producer;
    uint64_t sent_ns;
    uint32_t count;
};

struct producer {
    const struct options *options;
    pthread_t thread;
    uint32_t stream; // the first of the producer's
    uint32_t run;
    struct rc_client *client;
    char (*names)[NAME_SIZE];
    uint64_t *numbers; // of the last event, by stream
    struct rc_event *events;
    uint8_t *bytes; // of a batch
    struct request *requests;
    uint32_t *free_requests; // by number
    uint32_t free_count;
    uint64_t record_from_ns;
    uint64_t end_ns;
    uint64_t unanswered;               // events
    atomic_uint_fast64_t acknowledged; // events
    uint64_t refused;
    int code; // the first that was not RC_OK
    char error[200];
    struct histogram latency; // of requests, from publish to answer
};

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

static void on_answer(void *context, const struct rc_result *result)
{
    struct request *request = context;
    struct producer *producer = request->producer;
    if (result->code == RC_OK) {
        if (request->sent_ns >= producer->record_from_ns) {
            histogram_record(&producer->latency, clock_monotonic_ns() - request->sent_ns);
        }
        atomic_fetch_add_explicit(&producer->acknowledged, request->count, memory_order_relaxed);
    } else {
        producer->refused += request->count;
        if (producer->code == RC_OK) {
            producer->code = result->code;
            (void)snprintf(producer->error, sizeof producer->error, "%s", result->message);
        }
    }
    producer->unanswered -= request->count;
    producer->free_requests[producer->free_count++] = (uint32_t)(request - producer->requests);
}

// --- the producer's thread ---

static int batch_publish(struct producer *producer, uint32_t count)
{
    const struct options *options = producer->options;
    uint32_t number = producer->free_requests[--producer->free_count];
    struct request *request = &producer->requests[number];
    request->sent_ns = clock_monotonic_ns();
    request->count = count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t stream = producer->stream;
        producer->stream = stream + 1 == options->streams ? 0 : stream + 1;
        struct payload payload = {
            .run = producer->run,
            .stream = stream,
            .number = ++producer->numbers[stream],
            .intended_ns = request->sent_ns,
        };
        uint8_t *data = producer->bytes + (size_t)i * options->size_bytes;
        payload_write(data, options->size_bytes, &payload);
        producer->events[i] = (struct rc_event){.stream = producer->names[stream],
                                                .data = data,
                                                .data_length = options->size_bytes,
                                                .ack = options->ack};
    }
    producer->unanswered += count;
    int code = count == 1 ? rc_publish(producer->client, producer->events, on_answer, request)
                          : rc_batch(producer->client, producer->events, count, on_answer, request);
    if (code != RC_OK) {
        producer->unanswered -= count;
        producer->free_requests[producer->free_count++] = number;
    }
    return code;
}

static void *producer_run(void *context)
{
    struct producer *producer = context;
    const struct options *options = producer->options;
    int code = RC_OK;
    while (code >= RC_OK && producer->code == RC_OK && clock_monotonic_ns() < producer->end_ns) {
        uint64_t room = options->window - producer->unanswered;
        if (room == 0 || producer->free_count == 0 ||
            (room < options->batch && producer->unanswered > 0)) {
            code = rc_poll(producer->client, POLL_MS);
        } else {
            code =
                batch_publish(producer, (uint32_t)(room < options->batch ? room : options->batch));
        }
    }
    if (code >= RC_OK) {
        code = rc_flush(producer->client, FLUSH_MS_MAX);
    }
    if (code != RC_OK && producer->code == RC_OK) {
        producer->code = code;
        (void)snprintf(producer->error, sizeof producer->error, "%s", rc_message(producer->client));
    }
    return NULL;
}

static void producer_close(struct producer *producer)
{
    rc_close(producer->client); // answers what is left: before what that needs is freed
    free(producer->names);
    free(producer->numbers);
    free(producer->events);
    free(producer->bytes);
    free(producer->requests);
    free(producer->free_requests);
}

static int producer_open(struct producer *producer, const struct options *options, uint32_t index)
{
    memset(producer, 0, sizeof *producer);
    producer->options = options;
    producer->run = (uint32_t)random_u64();
    producer->stream = index % options->streams;
    producer->names = calloc(options->streams, sizeof *producer->names);
    producer->numbers = calloc(options->streams, sizeof *producer->numbers);
    producer->events = calloc(options->batch, sizeof *producer->events);
    producer->bytes = malloc((size_t)options->batch * options->size_bytes);
    producer->requests = calloc(options->window, sizeof *producer->requests);
    producer->free_requests = calloc(options->window, sizeof *producer->free_requests);
    if (producer->names == NULL || producer->numbers == NULL || producer->events == NULL ||
        producer->bytes == NULL || producer->requests == NULL || producer->free_requests == NULL) {
        return RC_NO_MEMORY;
    }
    for (uint32_t i = 0; i < options->window; i++) {
        producer->requests[i].producer = producer;
        producer->free_requests[producer->free_count++] = i;
    }
    for (uint32_t i = 0; i < options->streams; i++) {
        struct buffer name;
        buffer_wrap(&name, producer->names[i], NAME_SIZE - 1);
        target_stream_name(&name, options, i);
    }
    return rc_client_open(options->publish + sizeof unix_prefix - 1, NULL, &producer->client);
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
    tally->has_server = options->pid != 0 && usage_read_family(&before[0], options->pid) == 0;
    (void)usage_read(&before[1], getpid());
    uint64_t acknowledged = acknowledged_by_all(producers, started);
    for (uint32_t i = 0; i < started; i++) {
        pthread_join(producers[i].thread, NULL);
    }
    tally->elapsed_ns = clock_monotonic_ns() - record_from_ns;
    (void)usage_read(&after[1], getpid());
    usage_difference(&tally->generator, &before[1], &after[1]);
    if (tally->has_server && usage_read_family(&after[0], options->pid) == 0) {
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

static void print(const struct tally *tally, const struct options *options, FILE *out)
{
    (void)fprintf(out,
                  "ingest to %s, events of %u bytes, batches of %u, %u unanswered by each of %u "
                  "producers, level %s\n",
                  options->publish, options->size_bytes, options->batch, options->window,
                  options->producers, options_ack_text(options->ack));
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
        tally->refused += producers[i].refused + producers[i].unanswered;
        if (producers[i].code != RC_OK && tally->error == NULL) {
            tally->error =
                producers[i].error[0] != 0 ? producers[i].error : rc_code_text(producers[i].code);
        }
    }
}

enum status ingest_run(const struct options *options)
{
    if (options->publish == NULL ||
        strncmp(options->publish, unix_prefix, sizeof unix_prefix - 1) != 0 || options->rate > 0 ||
        options->window < options->batch) {
        (void)fprintf(stderr,
                      "ringcast-bench: ingest needs --publish unix:PATH, goes as fast as it "
                      "can, and its --window holds at least one --batch\n");
        return STATUS_WRONG;
    }
    struct producer *producers = calloc(options->producers, sizeof *producers);
    struct tally *tally = calloc(1, sizeof *tally);
    enum status status = STATUS_WRONG;
    uint32_t opened = 0;
    int code = producers == NULL || tally == NULL ? RC_NO_MEMORY : RC_OK;
    while (code == RC_OK && opened < options->producers) {
        code = producer_open(&producers[opened], options, opened);
        opened++;
    }
    if (code == RC_OK) {
        measure(tally, options, producers);
        tally_producers(tally, options, producers);
        print(tally, options, options->text_to);
        if (options->json_to != NULL) {
            print_json(tally, options, options->json_to);
        }
        status = tally->error == NULL ? STATUS_GOOD : STATUS_BAD;
    } else {
        (void)fprintf(stderr, "ringcast-bench: %s: %s\n", options->publish, rc_code_text(code));
    }
    for (uint32_t i = 0; i < opened; i++) {
        producer_close(&producers[i]);
    }
    free(producers);
    free(tally);
    return status;
}
