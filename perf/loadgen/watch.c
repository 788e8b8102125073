#include "watch.h"

#include "figures.h"
#include "usage.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

// The next tick would come later than that.
static const uint64_t SECOND_NS = UINT64_C(950) * 1000 * 1000;

static const uint64_t FIRST_NS_MIN = WATCH_INTERVAL_MS / 2 * UINT64_C(1000) * 1000;

static const char *const PHASES[] = {
    [WATCH_CONNECTING] = "connecting", [WATCH_RECONNECTING] = "reconnecting",
    [WATCH_PUBLISHING] = "publishing", [WATCH_WARMING] = "warming up",
    [WATCH_MEASURING] = "measuring",   [WATCH_REPLAYING] = "replaying",
    [WATCH_DRAINING] = "last events",
};

void watch_init(struct watch *watch, const struct options *options, struct meter *meter,
                struct reader *const *readers, struct series *series)
{
    memset(watch, 0, sizeof *watch);
    watch->options = options;
    watch->meter = meter;
    watch->readers = readers;
    watch->series = series;
    watch->shows = isatty(STDERR_FILENO) == 1;
    atomic_init(&watch->phase, WATCH_CONNECTING);
    watch->phase_start_ns = clock_monotonic_ns();
    watch->second.taken_ns = watch->phase_start_ns;
    watch->tick.taken_ns = watch->phase_start_ns;
}

void watch_phase(struct watch *watch, enum watch_phase phase)
{
    atomic_store(&watch->phase, phase);
}

static void mark_take(const struct watch *watch, struct watch_mark *mark)
{
    memset(mark, 0, sizeof *mark);
    mark->deliveries = meter_read(watch->meter);
    for (uint32_t i = 0; i < watch->options->threads; i++) {
        const struct reader *reader = watch->readers[i];
        mark->bytes += atomic_load_explicit(&reader->bytes_told, memory_order_relaxed);
        histogram_observe(&mark->latency, &reader->ledgers[GROUP_HEALTHY].latency);
    }
    mark->server_cpu_ns = usage_read_cpu_ns(&watch->server);
    mark->taken_ns = clock_monotonic_ns();
}

// What happened from `before` until now.
static struct series_point point_since(struct watch *watch, const struct watch_mark *before)
{
    const struct watch_mark *now = &watch->now;
    histogram_difference(&watch->between, &before->latency, &now->latency);
    uint64_t start_ns = before->taken_ns;
    if (start_ns < watch->series_start_ns) { // began in between; nothing came before
        start_ns = watch->series_start_ns;
    }
    struct series_point point = {
        .start_ns = start_ns - watch->series_start_ns,
        .duration_ns = now->taken_ns - start_ns,
        .deliveries = now->deliveries - before->deliveries,
        .bytes = now->bytes - before->bytes,
        .p50_ns = histogram_quantile(&watch->between, 50 * 1000),
        .p99_ns = histogram_quantile(&watch->between, 99 * 1000),
        .resident_bytes = now->resident_bytes,
    };
    if (now->server_cpu_ns > before->server_cpu_ns) {
        point.server_cpu_ns = now->server_cpu_ns - before->server_cpu_ns;
    }
    return point;
}

// --- the line ---

static size_t terminal_columns(void)
{
    struct winsize size = {0};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1U : 79;
}

static uint64_t phase_total_ms(const struct watch *watch)
{
    return watch->phase_seen == WATCH_WARMING     ? watch->options->warmup_ms
           : watch->phase_seen == WATCH_MEASURING ? watch->options->duration_ms
                                                  : 0;
}

static void line_make(const struct watch *watch, FILE *out)
{
    double elapsed = (double)(watch->now.taken_ns - watch->phase_start_ns) / 1e9;
    (void)fprintf(out, "%s %.1f", PHASES[watch->phase_seen], elapsed);
    if (phase_total_ms(watch) > 0) {
        (void)fprintf(out, "/%g", (double)phase_total_ms(watch) / 1e3);
    }
    uint64_t ready = 0;
    for (uint32_t i = 0; i < watch->options->threads; i++) {
        ready += atomic_load_explicit(&watch->readers[i]->ready, memory_order_relaxed);
    }
    (void)fprintf(out, " s | %" PRIu64, ready);
    if (ready < watch->options->connections) {
        (void)fprintf(out, " of %u", watch->options->connections);
    }
    (void)fprintf(out, " conns");
    const struct series_point *last = &watch->last;
    if (watch->phase_seen < WATCH_WARMING || last->duration_ns == 0) {
        return;
    }
    (void)fprintf(out, " | %s deliveries/s",
                  figure_count(figures_per_second(last->deliveries, last->duration_ns)).text);
    if (watch->phase_seen >= WATCH_MEASURING && last->p99_ns > 0) {
        (void)fprintf(out, " | p50 %s p99 %s", figure_time((double)last->p50_ns).text,
                      figure_time((double)last->p99_ns).text);
    }
    (void)fprintf(out, " | %s/s",
                  figure_bytes(figures_per_second(last->bytes, last->duration_ns)).text);
    if (watch->server.count > 0) {
        (void)fprintf(out, " | server CPU %.0f %%",
                      100 * figures_per_second(last->server_cpu_ns, last->duration_ns) / 1e9);
    }
}

static void line_show(const struct watch *watch)
{
    char line[WATCH_LINE_SIZE];
    FILE *out = fmemopen(line, sizeof line, "w");
    if (out == NULL) {
        return;
    }
    line_make(watch, out);
    (void)fclose(out);
    line[sizeof line - 1] = 0;
    figures_cut(line, terminal_columns());
    (void)fprintf(stderr, "\r%s\033[K", line);
}

void watch_clear(const struct watch *watch)
{
    if (watch->shows) {
        (void)fprintf(stderr, "\r\033[K");
    }
}

// --- each tick ---

static void phase_begin(struct watch *watch, enum watch_phase phase)
{
    // A tick late, at most; the series knows better.
    watch->phase_seen = phase;
    watch->phase_start_ns = watch->now.taken_ns;
    if (phase >= WATCH_MEASURING && watch->series_start_ns == 0) {
        watch->series_start_ns =
            atomic_load_explicit(&watch->meter->record_from_ns, memory_order_relaxed);
        watch->second = watch->tick;
        watch->last.duration_ns = 0; // what was before tells nothing of this
    }
}

void watch_tick(struct watch *watch, uint64_t resident_bytes)
{
    enum watch_phase phase = atomic_load(&watch->phase);
    mark_take(watch, &watch->now);
    watch->now.resident_bytes = resident_bytes;
    if (phase != watch->phase_seen) {
        phase_begin(watch, phase);
    }
    bool measures = phase >= WATCH_MEASURING;
    if (measures && watch->series->count == 0 &&
        watch->now.taken_ns - watch->series_start_ns < FIRST_NS_MIN) {
        return; // too little for a point: it goes to the next one
    }
    if (measures) {
        struct series_point point = point_since(watch, &watch->tick);
        series_add(watch->series, &point);
    }
    if (watch->now.taken_ns - watch->second.taken_ns >= SECOND_NS) {
        watch->last = point_since(watch, &watch->second);
        watch->second = watch->now;
    }
    watch->tick = watch->now;
    if (watch->shows) {
        line_show(watch);
    }
}
