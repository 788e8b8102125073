// ringcast-bench: a load generator for servers of event streams (SSE). perf/README.md says what its
// numbers mean. Each mode is a line of the table here and a file.
#include "fanout.h"
#include "ingest.h"
#include "machine.h"
#include "options.h"
#include "replay.h"
#include "report.h"
#include "result.h"
#include "status.h"
#include "storm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct mode {
    const char *name;
    const char *summary;
    // What differs from the defaults. May be NULL.
    void (*prepare)(struct options *options);
    enum status (*run)(const struct mode *mode, const struct options *options);
};

static bool counts_fit(const struct options *options)
{
    if (options->streams > options->connections) {
        (void)fprintf(stderr, "ringcast-bench: more --streams than --connections\n");
        return false;
    }
    if (options->threads > options->connections) {
        (void)fprintf(stderr, "ringcast-bench: more --threads than --connections\n");
        return false;
    }
    return true;
}

// Whether some of the subscribers may be what they are to be.
static bool groups_fit(const struct options *options)
{
    if (!options->is_slow && (options->stalled > 0 || options->throttled > 0)) {
        (void)fprintf(stderr, "ringcast-bench: --stalled and --throttled are for the mode slow\n");
        return false;
    }
    if (options->throttled > 0 && options->bare) {
        (void)fprintf(stderr, "ringcast-bench: the bare server throttles nobody\n");
        return false;
    }
    return true;
}

// Prints what came out of a run that ended with `code`. Frees the result.
static enum status conclude(const struct mode *mode, const struct options *options,
                            struct result *result, int code)
{
    result->mode = mode->name;
    if (code < 0 && findings_are_good(&result->findings)) {
        (void)fprintf(stderr, "ringcast-bench: %s\n", result->error);
        free(result);
        return STATUS_WRONG;
    }
    result_print(result, options->text_to);
    if (options->json_to != NULL) {
        result_print_json(result, options->json_to);
    }
    if (options->html_to != NULL) {
        report_write(options->html_to, result);
    }
    bool is_good = result_is_good(result);
    free(result);
    return is_good ? STATUS_GOOD : STATUS_BAD;
}

static enum status run_with_subscribers(const struct mode *mode, const struct options *options,
                                        enum publisher_pace pace)
{
    struct result *result = counts_fit(options) ? malloc(sizeof *result) : NULL;
    if (result == NULL) {
        return STATUS_WRONG;
    }
    int code = fanout_run(result, options, pace);
    return conclude(mode, options, result, code);
}

static enum status run_fanout(const struct mode *mode, const struct options *options)
{
    return run_with_subscribers(mode, options, options->rate > 0 ? PACE_RATE : PACE_WINDOW);
}

static void prepare_floor(struct options *options)
{
    options->bare = true;
}

static void prepare_slow(struct options *options)
{
    options->stalled = 0.1;
    options->rate = 200;
    options->is_slow = true;
}

static void prepare_latency(struct options *options)
{
    options->connections = 1;
    options->rate = 1000;
    options->workers = 1;
}

static enum status run_latency(const struct mode *mode, const struct options *options)
{
    return run_with_subscribers(mode, options, PACE_SINGLE);
}

static void prepare_ingest(struct options *options)
{
    options->window = 4096;
}

static enum status run_ingest(const struct mode *mode, const struct options *options)
{
    (void)mode;
    return ingest_run(options);
}

static void prepare_storm(struct options *options)
{
    options->opening = 1024;
    options->batch = 256;
}

static enum status run_storm(const struct mode *mode, const struct options *options)
{
    struct result *result = counts_fit(options) ? malloc(sizeof *result) : NULL;
    if (result == NULL) {
        return STATUS_WRONG;
    }
    int code = storm_run(result, options);
    return conclude(mode, options, result, code);
}

static void prepare_replay(struct options *options)
{
    options->connections = 1;
    options->size_bytes = 100;
    options->batch = 256;
    options->workers = 1;
    options->settle_ms = 0;
    options->stream = NULL;
}

static enum status run_replay(const struct mode *mode, const struct options *options)
{
    struct options whole = *options;
    char error[OPTIONS_ERROR_SIZE];
    if (!replay_prepare(&whole, error, sizeof error)) {
        (void)fprintf(stderr, "ringcast-bench: %s\n", error);
        return STATUS_WRONG;
    }
    struct result *result = malloc(sizeof *result);
    if (result == NULL) {
        return STATUS_WRONG;
    }
    int code = replay_run(result, &whole);
    return conclude(mode, &whole, result, code);
}

static const struct mode MODES[] = {
    {"fanout", "subscribers on streams, events at a rate or as fast as they are received", NULL,
     run_fanout},
    {"floor", "the same against a bare server: the least that it can cost", prepare_floor,
     run_fanout},
    {"slow",
     "fanout while a share of the subscribers does not read, or is throttled: the others are "
     "measured",
     prepare_slow, run_fanout},
    {"storm", "all connect at once; are cut off, and come back at once for what they missed",
     prepare_storm, run_storm},
    {"replay", "one subscriber reads a long stream from its beginning", prepare_replay, run_replay},
    {"latency", "one event at a time, from publish to receipt, to one subscriber", prepare_latency,
     run_latency},
    {"ingest", "producers alone, as fast as they are acknowledged", prepare_ingest, run_ingest},
};

enum {
    MODE_COUNT = sizeof MODES / sizeof MODES[0],
};

static const char EXAMPLES[] =
    "  ringcast-bench fanout --url 'http://HOST/sub?id={stream}' --publish "
    "'http://HOST/pub?id={stream}' \\\n"
    "      --stream 'bench-{number}' --streams 4 --publish-connections 4 --rate 500\n"
    "  ringcast-bench fanout --url 'http://HOST/.well-known/mercure?topic={stream_url}' \\\n"
    "      --header \"Authorization: Bearer $TOKEN\" --publish http://HOST/.well-known/mercure \\\n"
    "      --publish-header \"Authorization: Bearer $TOKEN\" \\\n"
    "      --publish-header 'Content-Type: application/x-www-form-urlencoded' \\\n"
    "      --body 'topic={stream_url}&data={data_url}'\n"
    "  ringcast-bench fanout --url http://HOST --publish 'exec:socat - UNIX:SOCKET >/dev/null' \\\n"
    "      --body '{\"stream\":\"{stream_json}\",\"data\":\"{data_json}\"}'\n";

static void print_help(FILE *out)
{
    (void)fprintf(out, "usage: ringcast-bench MODE [OPTIONS]\n\nmodes\n");
    for (size_t i = 0; i < MODE_COUNT; i++) {
        (void)fprintf(out, "  %-20s %s\n", MODES[i].name, MODES[i].summary);
    }
    (void)fprintf(out, "\noptions\n");
    options_print(out);
    (void)fprintf(
        out, "\nexamples: nginx with Nchan; a form with a token, as Mercure takes it; lines\n%s",
        EXAMPLES);
    (void)fprintf(out, "\nexit status: 0 every event arrived, in order and once; 1 not so; "
                       "2 could not run\n");
}

int main(int argc, char **argv)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct options options = {
        .stream = "bench/{number}",
        .connections = 1000,
        .streams = 1,
        .threads = 1,
        .workers = cores > 0 && cores < OPTIONS_THREADS_MAX ? (uint32_t)cores : 1,
        .coalesce = 1,
        .missed = 10,
        .events = 1000 * 1000,
        .producers = 1,
        .publish_connections = 1,
        .publish_pipeline = 1,
        .window = 256,
        .batch = 64,
        .throttled_query = "events_per_second=5",
        .opening = 256,
        .size_bytes = 64,
        .duration_ms = 5000,
        .warmup_ms = 1000,
        .settle_ms = 200,
        .ack = RC_ACK_WRITTEN,
        .arguments = argv,
        .argument_count = argc,
    };
    const struct mode *mode = NULL;
    for (size_t i = 0; i < MODE_COUNT && argc > 1; i++) {
        if (strcmp(argv[1], MODES[i].name) == 0) {
            mode = &MODES[i];
        }
    }
    if (mode == NULL) {
        bool asked = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
        print_help(asked ? stdout : stderr);
        return asked ? STATUS_GOOD : STATUS_WRONG;
    }
    if (mode->prepare != NULL) {
        mode->prepare(&options);
    }
    enum options_outcome outcome = options_read(&options, argc - 2, argv + 2);
    if (outcome == OPTIONS_HELP) {
        print_help(stdout);
        return STATUS_GOOD;
    }
    if (outcome == OPTIONS_WRONG) {
        return STATUS_WRONG;
    }
    if (!groups_fit(&options)) {
        return STATUS_WRONG;
    }
    if (options.html != NULL && mode->run == run_ingest) {
        (void)fprintf(stderr, "ringcast-bench: ingest has no report for --html\n");
        return STATUS_WRONG;
    }
    if (!options_open_outputs(&options)) {
        return STATUS_WRONG;
    }
    machine_raise_files(0);
    (void)signal(SIGPIPE, SIG_IGN);
    // Timers to the nanosecond: the publisher sleeps until an event is due.
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    return (int)mode->run(mode, &options);
}
