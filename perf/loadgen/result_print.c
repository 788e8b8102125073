#include "result.h"

#include "figures.h"

#include "base/bytes.h"
#include "base/json_writer.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    JSON_BYTES_MAX = 64 << 10,
};

// The CPU time of all other processes, to within some ticks of 10 ms.
static uint64_t others_ns(const struct result *result)
{
    uint64_t ours = result->server.cpu_ns + result->generator.cpu_ns;
    return result->machine.busy_ns > ours ? result->machine.busy_ns - ours : 0;
}

// --- for people ---

static void print_times(FILE *out, const char *label, const struct histogram *histogram)
{
    (void)fprintf(out, "%-11s ", label);
    histogram_print(histogram, out);
    (void)fprintf(out, "\n");
}

static void print_opening(const struct result *result, FILE *out)
{
    const struct options *options = result->options;
    (void)fprintf(out, "connected   %u subscribers on %u streams in %.2f s (%.0f/s)\n",
                  options->connections, options->streams, figures_seconds(result->opening_ns),
                  figures_per_second(options->connections, result->opening_ns));
    result_memory_print(&result->memory, options->connections, out);
}

static void print_storm(const struct result *result, FILE *out)
{
    const struct options *options = result->options;
    (void)fprintf(out,
                  "at once     %u connections being opened by each of %u threads (--opening)\n",
                  options->opening, options->threads);
    if (result->findings.failed == 0) {
        print_opening(result, out);
    }
    print_times(out, "connecting", &result->opening);
    if (result->opening_cpu_ns > 0) {
        (void)fprintf(out, "            %.2f s of the server's CPU\n",
                      figures_seconds(result->opening_cpu_ns));
    }
    if (!result->has_run || options->missed == 0) {
        return;
    }
    (void)fprintf(out,
                  "came back   after %u events of each stream: the last header after %.2f s, the "
                  "last event after %.2f s (%.0f events/s)\n",
                  options->missed, figures_seconds(result->reopening_ns),
                  figures_seconds(result->elapsed_ns),
                  figures_per_second(result->deliveries, result->elapsed_ns));
    print_times(out, "reconnecting", &result->reopening);
    print_times(out, "catching up", &result->catching_up);
}

static void print_replay(const struct result *result, FILE *out)
{
    const struct options *options = result->options;
    if (!options->reuse) {
        (void)fprintf(out, "published   %u events to %u streams in %.2f s (%.0f/s)\n",
                      options->events, options->streams, figures_seconds(result->publishing_ns),
                      figures_per_second(options->events, result->publishing_ns));
    }
    (void)fprintf(out, "            run %u: --reuse --run %u replays it again\n", options->run,
                  options->run);
    if (result->has_run) {
        (void)fprintf(
            out, "read        %" PRIu64 " of %" PRIu64 " events in %.3f s: %.0f/s, %.1f MB/s\n",
            result->deliveries, result->events, figures_seconds(result->elapsed_ns),
            figures_per_second(result->deliveries, result->elapsed_ns),
            figures_per_second(result->bytes, result->elapsed_ns) / 1e6);
    }
}

static void print_fanout(const struct result *result, FILE *out)
{
    if (!result->has_run) {
        return;
    }
    print_opening(result, out);
    (void)fprintf(out,
                  "delivered   %" PRIu64 " of %" PRIu64 " events in %.2f s: %.0f/s, %.1f MB/s "
                  "(published %.0f/s; %.2f events a send)\n",
                  result->deliveries, result->events, figures_seconds(result->elapsed_ns),
                  figures_per_second(result->deliveries, result->elapsed_ns),
                  figures_per_second(result->bytes, result->elapsed_ns) / 1e6,
                  figures_per_second(result->events, result->publishing_ns),
                  result_events_per_send(result));
    print_times(out, "latency", &result->latency);
    if (result->pace == PACE_RATE) {
        print_times(out, "lateness", &result->lateness);
    }
    result_memory_print_growth(&result->series, out);
}

// The threads that did anything, and how long they could not run for want of a core.
static void print_threads(FILE *out, const struct usage *usage, uint64_t elapsed_ns)
{
    (void)fprintf(out, "%.1f %% of a core", figures_percent(usage->cpu_ns, elapsed_ns));
    uint64_t waited_ns = 0;
    const char *before = ": ";
    for (uint32_t i = 0; i < usage->thread_count; i++) {
        const struct usage_thread *thread = &usage->threads[i];
        waited_ns += thread->wait_ns;
        if (thread->cpu_ns * 1000 >= elapsed_ns) {
            (void)fprintf(out, "%s%s %.1f", before, thread->name,
                          figures_percent(thread->cpu_ns, elapsed_ns));
            before = ", ";
        }
    }
    (void)fprintf(out, "; waited for a core %.1f %%\n", figures_percent(waited_ns, elapsed_ns));
}

static void print_server(const struct result *result, FILE *out)
{
    if (!result->has_server) {
        (void)fprintf(out, "server      unknown: no --pid\n");
        return;
    }
    (void)fprintf(out, "server      %.3f us of CPU a delivery; ",
                  (double)result_cpu_per_delivery_ns(result) / 1e3);
    print_threads(out, &result->server, result->elapsed_ns);
}

static void print_generator(const struct result *result, FILE *out)
{
    uint64_t deliveries = result->deliveries > 0 ? result->deliveries : 1;
    (void)fprintf(out, "generator   %.3f us of CPU a delivery; ",
                  (double)result->generator.cpu_ns / 1e3 / (double)deliveries);
    print_threads(out, &result->generator, result->elapsed_ns);
    (void)fprintf(
        out, "machine     idle %.1f %%, others' CPU %.1f %% of a core, stolen %.1f %%\n",
        figures_percent(result->machine.idle_ns, result->machine.busy_ns + result->machine.idle_ns),
        figures_percent(others_ns(result), result->elapsed_ns),
        figures_percent(result->machine.stolen_ns, result->elapsed_ns));
    (void)fprintf(out, "bottleneck  %s\n", bottleneck_text(result_bottleneck(result, NULL)));
}

static void print_secure(const struct secure_tally *secure, FILE *out)
{
    if (secure->handshakes > 0) {
        (void)fprintf(out,
                      "TLS         %s, %s%s%s; %" PRIu64 " handshakes, of which %" PRIu64
                      " resumed a session\n",
                      secure->version, secure->cipher, secure->group[0] == 0 ? "" : ", ",
                      secure->group, secure->handshakes, secure->resumed);
    }
}

static void print_findings(const struct result *result, FILE *out)
{
    const struct findings *findings = &result->findings;
    if (result_is_good(result)) {
        (void)fprintf(out, "check       good: every %ssubscriber got every event, in order, once\n",
                      result_has_unhealthy(result) ? "other " : "");
        return;
    }
    (void)fprintf(out,
                  "check       FAILED: %" PRIu64 " lost, %" PRIu64 " repeated or out of order, "
                  "%" PRIu64 " gaps told, %" PRIu64 " subscribers failed\n",
                  findings->lost, findings->repeated, findings->gaps, findings->failed);
    if (findings->first[0] != 0) {
        (void)fprintf(out, "            first: %s\n", findings->first);
    }
    const struct group_tally *throttled = &result->groups[GROUP_THROTTLED];
    if (!group_tally_is_good(throttled)) {
        (void)fprintf(out, "            throttled: not all was told of, or too much: %s\n",
                      throttled->findings.first);
    }
    if (result->error[0] != 0) {
        (void)fprintf(out, "            %s\n", result->error);
    }
}

void result_print(const struct result *result, FILE *out)
{
    const struct options *options = result->options;
    (void)fprintf(out, "%s against %s, events of %u bytes\n", result->mode,
                  options->bare ? "a bare server" : options->url, options->size_bytes);
    if (options->bare && result->bare_threads != options->workers) {
        (void)fprintf(out,
                      "            the bare server has %u threads instead of %u: one's table of "
                      "descriptors (RLIMIT_NOFILE) holds too few\n",
                      result->bare_threads, options->workers);
    }
    switch (result->kind) {
    case RESULT_FANOUT: print_fanout(result, out); break;
    case RESULT_STORM: print_storm(result, out); break;
    case RESULT_REPLAY: print_replay(result, out); break;
    }
    print_secure(&result->secure, out);
    if (result->has_run) {
        print_server(result, out);
        print_generator(result, out);
    }
    for (unsigned group = GROUP_HEALTHY + 1; group < GROUPS; group++) {
        group_tally_print(&result->groups[group], options, out);
    }
    drops_print(&result->drops, out);
    print_findings(result, out);
}

// --- JSON ---

// Members such as "latency_p50_us".
static void write_times(struct json_writer *writer, const char *name,
                        const struct histogram *histogram)
{
    char key[48];
    for (size_t i = 0; i < HISTOGRAM_TOLD; i++) {
        const struct histogram_told *told = &histogram_told[i];
        (void)snprintf(key, sizeof key, "%s_%s_us", name, told->key);
        json_write_member_decimal(writer, key,
                                  (double)histogram_quantile(histogram, told->parts) / 1e3, 3);
    }
}

static void write_settings(struct json_writer *writer, const struct result *result)
{
    const struct options *options = result->options;
    json_write_key(writer, "mode");
    json_write_text(writer, result->mode);
    json_write_key(writer, "target");
    json_write_text(writer, options->bare ? "bare" : options->url);
    json_write_member_u64(writer, "connections", options->connections);
    json_write_member_u64(writer, "streams", options->streams);
    json_write_member_decimal(writer, "rate", options->rate, 3);
    json_write_member_u64(writer, "size_bytes", options->size_bytes);
    json_write_member_u64(writer, "window", options->window);
    json_write_member_u64(writer, "threads", options->threads);
    if (options->bare) {
        json_write_member_u64(writer, "workers", result->bare_threads);
        json_write_member_u64(writer, "coalesce", options->coalesce);
    }
}

static void write_threads(struct json_writer *writer, const char *key, const struct usage *usage,
                          uint64_t elapsed_ns)
{
    json_write_key(writer, key);
    json_write_array_open(writer);
    for (uint32_t i = 0; i < usage->thread_count; i++) {
        const struct usage_thread *thread = &usage->threads[i];
        json_write_object_open(writer);
        json_write_key(writer, "name");
        json_write_text(writer, thread->name);
        json_write_member_decimal(writer, "cpu_cores",
                                  figures_percent(thread->cpu_ns, elapsed_ns) / 100, 3);
        json_write_member_decimal(writer, "waiting_cores",
                                  figures_percent(thread->wait_ns, elapsed_ns) / 100, 3);
        json_write_object_close(writer);
    }
    json_write_array_close(writer);
}

static void write_server(struct json_writer *writer, const struct result *result)
{
    const struct usage *server = &result->server;
    json_write_member_u64(writer, "server_cpu_per_delivery_ns", result_cpu_per_delivery_ns(result));
    json_write_member_decimal(
        writer, "server_cpu_per_send_ns",
        (double)result_cpu_per_delivery_ns(result) * result_events_per_send(result), 3);
    json_write_member_decimal(writer, "server_cpu_cores",
                              figures_percent(server->cpu_ns, result->elapsed_ns) / 100.0, 3);
    write_threads(writer, "server_threads", server, result->elapsed_ns);
}

// What only these modes have.
static void write_kind(struct json_writer *writer, const struct result *result)
{
    const struct options *options = result->options;
    switch (result->kind) {
    case RESULT_FANOUT: return;
    case RESULT_STORM:
        json_write_member_u64(writer, "opening_at_once", options->opening);
        json_write_member_u64(writer, "missed", options->missed);
        json_write_member_decimal(writer, "opening_server_cpu_s",
                                  figures_seconds(result->opening_cpu_ns), 3);
        json_write_member_decimal(writer, "reconnecting_s", figures_seconds(result->reopening_ns),
                                  3);
        json_write_member_decimal(writer, "reconnecting_server_cpu_s",
                                  figures_seconds(result->server.cpu_ns), 3);
        write_times(writer, "reconnecting", &result->reopening);
        write_times(writer, "catching_up", &result->catching_up);
        return;
    case RESULT_REPLAY:
        json_write_member_u64(writer, "run", options->run);
        json_write_key(writer, "reuse");
        json_write_boolean(writer, options->reuse);
        return;
    }
}

// What gaps told of, and beside it what the server counted.
static void write_told(struct json_writer *writer, const struct result *result)
{
    uint64_t told = 0;
    uint64_t missing_told = 0;
    uint64_t untold = 0;
    for (unsigned group = GROUP_HEALTHY + 1; group < GROUPS; group++) {
        const struct findings *findings = &result->groups[group].findings;
        told += findings->told;
        missing_told += findings->lost_told;
        untold += findings->lost - findings->lost_told;
    }
    json_write_member_u64(writer, "events_told_missing", told);
    json_write_member_u64(writer, "events_missing_told", missing_told);
    json_write_member_u64(writer, "events_missing_untold", untold);
    drops_write(&result->drops, writer);
}

static void write_run(struct json_writer *writer, const struct result *result)
{
    write_kind(writer, result);
    uint64_t elapsed_ns = result->elapsed_ns;
    json_write_member_decimal(writer, "opening_s", figures_seconds(result->opening_ns), 3);
    write_times(writer, "opening", &result->opening);
    json_write_member_decimal(writer, "elapsed_s", figures_seconds(elapsed_ns), 3);
    json_write_member_u64(writer, "events", result->events);
    json_write_member_u64(writer, "deliveries", result->deliveries);
    json_write_member_decimal(writer, "deliveries_per_s",
                              figures_per_second(result->deliveries, elapsed_ns), 3);
    json_write_member_decimal(writer, "bytes_per_s", figures_per_second(result->bytes, elapsed_ns),
                              3);
    json_write_member_decimal(writer, "published_per_s",
                              figures_per_second(result->events, result->publishing_ns), 3);
    json_write_member_decimal(writer, "events_per_send", result_events_per_send(result), 3);
    write_times(writer, "latency", &result->latency);
    write_times(writer, "lateness", &result->lateness);
    if (result->has_server) {
        write_server(writer, result);
    }
    if (result->options->is_slow) {
        for (unsigned group = GROUP_HEALTHY + 1; group < GROUPS; group++) {
            group_tally_write(&result->groups[group], result->options, writer);
        }
        write_times(writer, "throttled_latency", &result->groups[GROUP_THROTTLED].latency);
        write_told(writer, result);
    }
    result_memory_write(&result->memory, result->options->connections, writer);
    result_memory_write_growth(&result->series, writer);
    json_write_member_decimal(writer, "generator_cpu_cores",
                              figures_percent(result->generator.cpu_ns, elapsed_ns) / 100, 3);
    write_threads(writer, "generator_threads", &result->generator, elapsed_ns);
    json_write_member_decimal(writer, "others_cpu_cores",
                              figures_percent(others_ns(result), elapsed_ns) / 100, 3);
    json_write_member_decimal(
        writer, "machine_idle_percent",
        figures_percent(result->machine.idle_ns, result->machine.busy_ns + result->machine.idle_ns),
        3);
    json_write_key(writer, "bottleneck");
    json_write_text(writer, bottleneck_text(result_bottleneck(result, NULL)));
}

static void write_secure(struct json_writer *writer, const struct secure_tally *secure)
{
    json_write_key(writer, "tls_version");
    json_write_text(writer, secure->version);
    json_write_key(writer, "tls_cipher");
    json_write_text(writer, secure->cipher);
    json_write_key(writer, "tls_group");
    json_write_text(writer, secure->group);
    json_write_member_u64(writer, "tls_handshakes", secure->handshakes);
    json_write_member_u64(writer, "tls_resumed", secure->resumed);
}

void result_print_json(const struct result *result, FILE *out)
{
    struct buffer buffer;
    buffer_init(&buffer, JSON_BYTES_MAX);
    struct json_writer writer = json_writer_on(&buffer);
    const struct findings *findings = &result->findings;
    json_write_object_open(&writer);
    json_write_key(&writer, "good");
    json_write_boolean(&writer, result_is_good(result));
    write_settings(&writer, result);
    if (result->secure.handshakes > 0) {
        write_secure(&writer, &result->secure);
    }
    if (result->has_run) {
        write_run(&writer, result);
    }
    json_write_member_u64(&writer, "lost", findings->lost);
    json_write_member_u64(&writer, "repeated", findings->repeated);
    json_write_member_u64(&writer, "gaps", findings->gaps);
    json_write_member_u64(&writer, "failed", findings->failed);
    json_write_key(&writer, "first_finding");
    json_write_text(&writer, findings->first);
    json_write_key(&writer, "error");
    json_write_text(&writer, result->error);
    json_write_object_close(&writer);
    (void)fprintf(out, SLICE_FORMAT "\n", SLICE_ARGUMENTS(buffer_slice(&buffer)));
    (void)fflush(out);
    buffer_free(&buffer);
}
