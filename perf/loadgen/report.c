#include "report.h"

#include "figures.h"
#include "markup.h"
#include "proc_file.h"
#include "report_charts.h"
#include "report_style.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum {
    TEXT_SIZE = 512,
    WIDE = 520,   // of a chart, in pixels, on a screen or paper
    NARROW = 340, // and on a telephone
};

// --- pieces of the page ---

static void tile(FILE *out, const char *name, const char *text)
{
    (void)fprintf(out, "<div><dt>%s</dt><dd>", name);
    markup_text(out, text);
    (void)fprintf(out, "</dd></div>\n");
}

__attribute__((format(printf, 3, 4))) static void row(FILE *out, const char *name,
                                                      const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)fprintf(out, "<tr><td>%s</td><td>", name);
    markup_text(out, text);
    (void)fprintf(out, "</td></tr>\n");
}

static void section_begin(FILE *out, const char *title, const char *note)
{
    (void)fprintf(out, "<section>\n<h2>%s</h2>\n", title);
    if (note != NULL) {
        (void)fprintf(out, "<p class=\"note\">%s</p>\n", note);
    }
}

static void section_end(FILE *out)
{
    (void)fprintf(out, "</section>\n");
}

// --- what is said first ---

static void header_write(FILE *out, const struct result *result)
{
    const struct options *options = result->options;
    char date[64];
    time_t now = time(NULL);
    struct tm parts;
    (void)strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", gmtime_r(&now, &parts));
    (void)fprintf(out, "<header>\n<h1>ringcast-bench %s</h1>\n<p>", result->mode);
    markup_text(out, options->bare ? "a bare server" : options->url);
    (void)fprintf(out, ", %u connections on %u streams, events of %u bytes &middot; %s</p>\n",
                  options->connections, options->streams, options->size_bytes, date);
    (void)fprintf(out, "</header>\n");
}

static void check_write(FILE *out, const struct result *result)
{
    const struct findings *findings = &result->findings;
    if (result_is_good(result)) {
        (void)fprintf(out,
                      "<p class=\"check\"><b>Good.</b> Every %ssubscriber got every event, in "
                      "order and once.</p>\n",
                      result_has_unhealthy(result) ? "healthy " : "");
        return;
    }
    (void)fprintf(out,
                  "<p class=\"check failed\"><b>Failed.</b> %" PRIu64 " events lost, %" PRIu64
                  " repeated or out of order, %" PRIu64 " gaps told, %" PRIu64
                  " subscribers failed. ",
                  findings->lost, findings->repeated, findings->gaps, findings->failed);
    markup_text(out, findings->first);
    if (!group_tally_is_good(&result->groups[GROUP_THROTTLED])) {
        (void)fprintf(out, " Throttled subscribers were not told of all that they missed.");
    }
    (void)fprintf(out, " ");
    markup_text(out, result->error);
    (void)fprintf(out, "</p>\n");
}

// Of the server, what connecting made it grow by, for each connection. Negative: less than before.
static double kibibytes_each(const struct result *result)
{
    const uint64_t *resident = result->memory.resident;
    return ((double)resident[MEMORY_CONNECTED] - (double)resident[MEMORY_BEFORE]) / 1024 /
           result->options->connections;
}

static void time_tiles_write(FILE *out, const char *what, const struct histogram *histogram)
{
    for (size_t i = 0; i < HISTOGRAM_TOLD; i++) {
        char name[64];
        uint64_t value = histogram_quantile(histogram, histogram_told[i].parts);
        (void)snprintf(name, sizeof name, "%s %s", what, histogram_told[i].name);
        tile(out, name, figure_time((double)value).text);
    }
}

static void tiles_write(FILE *out, const struct result *result)
{
    (void)fprintf(out, "<dl class=\"tiles\">\n");
    char text[TEXT_SIZE];
    (void)snprintf(text, sizeof text, "%u", result->options->connections);
    tile(out, "Connections", text);
    tile(out, "Deliveries/s",
         figure_count(figures_per_second(result->deliveries, result->elapsed_ns)).text);
    tile(out, "Bytes/s", figure_bytes(figures_per_second(result->bytes, result->elapsed_ns)).text);
    bool has_server = result->has_server;
    tile(out, "CPU per delivery",
         has_server ? figure_time((double)result_cpu_per_delivery_ns(result)).text : "unknown");
    if (result->kind != RESULT_REPLAY) { // which publishes while it connects
        (void)snprintf(text, sizeof text, "%.2f", kibibytes_each(result));
        tile(out, "KiB per connection",
             result->memory.resident[MEMORY_BEFORE] > 0 ? text : "unknown");
    }
    switch (result->kind) {
    case RESULT_FANOUT: time_tiles_write(out, "Latency", &result->latency); break;
    case RESULT_STORM: time_tiles_write(out, "Catching up", &result->catching_up); break;
    case RESULT_REPLAY: break;
    }
    (void)fprintf(out, "</dl>\n");
}

// --- charts ---

static void draw_latency_distribution(FILE *out, double width, const struct result *result)
{
    report_draw_distribution(out, width, &result->latency, "Distribution of latency");
}

static void draw_opening(FILE *out, double width, const struct result *result)
{
    report_draw_distribution(out, width, &result->opening, "Distribution of opening times");
}

static void draw_reopening(FILE *out, double width, const struct result *result)
{
    report_draw_distribution(out, width, &result->reopening, "Distribution of reopening times");
}

static void draw_catching_up(FILE *out, double width, const struct result *result)
{
    report_draw_distribution(out, width, &result->catching_up,
                             "Distribution of the times to catch up");
}

static void draw_deliveries(FILE *out, double width, const struct result *result)
{
    report_draw_deliveries(out, width, &result->series, result->events);
}

static void draw_latency(FILE *out, double width, const struct result *result)
{
    report_draw_latency(out, width, &result->series, result->events);
}

static void draw_threads(FILE *out, double width, const struct result *result)
{
    report_draw_threads(out, width, result->has_server ? &result->server : NULL, &result->generator,
                        result->elapsed_ns);
}

static void draw_resident(FILE *out, double width, const struct result *result)
{
    report_draw_resident(out, width, &result->series, result->events);
}

enum {
    IN_FANOUT = 1 << RESULT_FANOUT,
    IN_STORM = 1 << RESULT_STORM,
    IN_REPLAY = 1 << RESULT_REPLAY,
};

static const struct drawing {
    unsigned kinds; // of results that have it
    const char *title;
    const char *note; // HTML
    void (*draw)(FILE *out, double width, const struct result *result);
} DRAWINGS[] = {
    {IN_FANOUT, "Latency",
     "Share of the deliveries by their time: from when the event was due (without a rate: "
     "published)",
     draw_latency_distribution},
    {IN_FANOUT | IN_REPLAY, "Deliveries a second", "Over the measured time", draw_deliveries},
    {IN_FANOUT, "Latency over time", "Of what arrived in each stretch; logarithmic", draw_latency},
    {IN_FANOUT, "Resident memory", "Of the server, over the measured time", draw_resident},
    {IN_FANOUT | IN_STORM, "Opening",
     "Share of the connections by the time from connect to the response's header", draw_opening},
    {IN_STORM, "Opening again", "The same when all came back at once", draw_reopening},
    {IN_STORM, "Catching up",
     "Share of the connections by the time from connect to the last event that they had missed",
     draw_catching_up},
    {IN_FANOUT | IN_STORM | IN_REPLAY, "CPU by thread",
     "Of a core; <span class=\"key\" style=\"background:var(--first)\"></span>server "
     "<span class=\"key\" style=\"background:var(--other)\"></span>generator "
     "<span class=\"key\" style=\"background:var(--waited)\"></span>waited for a core",
     draw_threads},
};

static void drawing_write(FILE *out, const struct drawing *drawing, const struct result *result)
{
    section_begin(out, drawing->title, drawing->note);
    (void)fprintf(out, "<div class=\"wide\">\n");
    drawing->draw(out, WIDE, result);
    (void)fprintf(out, "</div>\n<div class=\"narrow\">\n");
    drawing->draw(out, NARROW, result);
    (void)fprintf(out, "</div>\n");
    section_end(out);
}

// --- tables ---

static void run_write(FILE *out, const struct result *result)
{
    section_begin(out, "The run", NULL);
    (void)fprintf(out, "<table>\n");
    if (result->kind == RESULT_FANOUT) {
        row(out, "Events published", "%" PRIu64 " in %.2f s, %s/s", result->events,
            figures_seconds(result->publishing_ns),
            figure_count(figures_per_second(result->events, result->publishing_ns)).text);
    }
    row(out, "Deliveries", "%" PRIu64 " in %.2f s", result->deliveries,
        figures_seconds(result->elapsed_ns));
    for (unsigned group = GROUP_HEALTHY + 1; group < GROUPS; group++) {
        const struct group_tally *tally = &result->groups[group];
        if (tally->subscribers > 0) {
            row(out,
                group == GROUP_STALLED ? "Missed by those that stalled" : "Missed by the throttled",
                "%" PRIu64 " events, of which %" PRIu64 " were told of", tally->findings.lost,
                tally->findings.lost_told);
        }
    }
    if (result_events_per_send(result) > 0) {
        row(out, "Events a send", "%.2f", result_events_per_send(result));
    }
    if (result->kind == RESULT_FANOUT && result->pace == PACE_RATE) {
        row(out, "Published late, p99", "%s",
            figure_time((double)histogram_quantile(&result->lateness, 99000)).text);
    }
    row(out, "All connections open after", "%s", figure_time((double)result->opening_ns).text);
    if (result->kind == RESULT_STORM) {
        row(out, "All open again after", "%s", figure_time((double)result->reopening_ns).text);
    }
    row(out, "Bottleneck", "%s", bottleneck_text(result_bottleneck(result, NULL)));
    const uint64_t *resident = result->memory.resident;
    if (resident[MEMORY_BEFORE] > 0) {
        row(out, "Server's resident memory", "%.1f MiB before, %.1f connected, %.1f at the end",
            figures_mebibytes(resident[MEMORY_BEFORE]),
            figures_mebibytes(resident[MEMORY_CONNECTED]),
            figures_mebibytes(resident[MEMORY_AFTER]));
    }
    if (result->has_server) {
        row(out, "Server's CPU", "%.1f %% of a core, %u threads",
            figures_percent(result->server.cpu_ns, result->elapsed_ns),
            result->server.thread_count);
    }
    row(out, "Generator's CPU", "%.1f %% of a core",
        figures_percent(result->generator.cpu_ns, result->elapsed_ns));
    row(out, "Machine idle", "%.1f %%, stolen %.1f %%",
        figures_percent(result->machine.idle_ns, result->machine.busy_ns + result->machine.idle_ns),
        figures_percent(result->machine.stolen_ns,
                        result->machine.busy_ns + result->machine.idle_ns));
    (void)fprintf(out, "</table>\n");
    section_end(out);
}

static void pace_write(FILE *out, const struct result *result)
{
    const struct options *options = result->options;
    if (options->rate > 0) {
        row(out, "Rate", "%g events/s%s", options->rate,
            result->pace == PACE_SINGLE ? " at most, one at a time" : "");
    } else {
        row(out, "Rate", "as fast as received, %u on their way", options->window);
    }
    row(out, "Duration, warm-up", "%g s, %g s", (double)options->duration_ms / 1e3,
        (double)options->warmup_ms / 1e3);
}

static void parameters_write(FILE *out, const struct result *result)
{
    const struct options *options = result->options;
    section_begin(out, "Parameters", NULL);
    (void)fprintf(out, "<table>\n");
    row(out, "Connections, streams", "%u, %u", options->connections, options->streams);
    if (result->secure.handshakes > 0) {
        row(out, "TLS", "%s, %s, %" PRIu64 " of %" PRIu64 " handshakes resumed a session",
            result->secure.version, result->secure.cipher, result->secure.resumed,
            result->secure.handshakes);
    }
    row(out, "Event", "%u bytes", options->size_bytes);
    switch (result->kind) {
    case RESULT_FANOUT: pace_write(out, result); break;
    case RESULT_STORM:
        row(out, "Missed", "%u events of each stream", options->missed);
        row(out, "Opening at once", "%u in each receiving thread", options->opening);
        break;
    case RESULT_REPLAY: row(out, "Events", "%u", options->events); break;
    }
    if (options->stalled > 0) {
        row(out, "Subscribers that stall", "%g %%", 100 * options->stalled);
    }
    if (options->throttled > 0) {
        row(out, "Subscribers that are throttled", "%g %%: %s", 100 * options->throttled,
            options->throttled_query);
    }
    row(out, "Acknowledgement", "%s", options_ack_text(options->ack));
    row(out, "Receiving threads", "%u", options->threads);
    if (options->bare) {
        row(out, "Bare server", "%u threads, at most %u frames a send", result->bare_threads,
            options->coalesce);
    }
    (void)fprintf(out, "</table>\n");
    section_end(out);
}

// The model of the first core, "" where /proc does not say.
static void processor_read(char *model, size_t size)
{
    char text[4096];
    model[0] = 0;
    if (!proc_file_read("/proc/cpuinfo", text, sizeof text)) {
        return;
    }
    const char *line = strstr(text, "model name");
    const char *colon = line == NULL ? NULL : strchr(line, ':');
    if (colon != NULL) {
        (void)snprintf(model, size, "%.*s", (int)strcspn(colon + 1, "\n"), colon + 1);
    }
}

static void machine_write(FILE *out, const struct result *result)
{
    struct utsname system;
    char model[TEXT_SIZE];
    section_begin(out, "Machine", "Server and generator, if the server has a process here");
    (void)fprintf(out, "<table>\n");
    processor_read(model, sizeof model);
    row(out, "Processor", "%s", model[0] == 0 ? "unknown" : model);
    row(out, "Cores", "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    row(out, "Memory", "%.1f GiB", memory / (1 << 30));
    if (uname(&system) == 0) {
        row(out, "Kernel", "%s %s, %s", system.sysname, system.release, system.machine);
    }
    for (uint32_t i = 0; i < result->options->server.count; i++) {
        char path[64];
        char name[64] = "";
        pid_t id = result->options->server.ids[i];
        (void)snprintf(path, sizeof path, "/proc/%d/comm", id);
        (void)proc_file_read(path, name, sizeof name);
        name[strcspn(name, "\n")] = 0;
        row(out, "Server's process", "%s (%d)", name, id);
    }
    (void)fprintf(out, "</table>\n");
    section_end(out);
}

static void command_write(FILE *out, const struct options *options)
{
    section_begin(out, "Command", NULL);
    (void)fprintf(out, "<pre>");
    markup_command(out, options->argument_count, options->arguments);
    (void)fprintf(out, "</pre>\n");
    section_end(out);
}

void report_write(FILE *out, const struct result *result)
{
    (void)fprintf(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>ringcast-bench %s</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n",
        result->mode, report_style);
    header_write(out, result);
    check_write(out, result);
    if (result->has_run) {
        tiles_write(out, result);
        (void)fprintf(out, "<div class=\"charts\">\n");
        for (size_t i = 0; i < sizeof DRAWINGS / sizeof DRAWINGS[0]; i++) {
            if ((DRAWINGS[i].kinds & 1U << result->kind) != 0) {
                drawing_write(out, &DRAWINGS[i], result);
            }
        }
        run_write(out, result);
    } else {
        (void)fprintf(out, "<div class=\"charts\">\n");
    }
    parameters_write(out, result);
    machine_write(out, result);
    (void)fprintf(out, "</div>\n");
    command_write(out, result->options);
    (void)fprintf(out, "<footer>What the numbers mean: perf/README.md of ringcast.</footer>\n"
                       "</main>\n</body>\n</html>\n");
    (void)fflush(out);
}
