#include "report_charts.h"

#include "chart.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    BINS_MAX = 120,
    BIN_WIDTH = 7,       // units of the viewBox
    TICK_ROOM = 62,      // for a tick of the x axis
    CHARACTER_WIDTH = 7, // of small text, about
    HEIGHT = 290,
    MARK_HEIGHT = 15,
    // Fewer events in a point of a chart make it jump by whole events.
    POINT_EVENTS_MIN = 10,
    POINTS_MIN = 10,
    THREADS_MAX = 24,
    THREAD_HEIGHT = 22,
};

// --- distribution ---

struct bins {
    struct axis axis; // of the values; places are numbers of bins
    uint32_t count;
    double shares[BINS_MAX]; // percent
    double highest;
};

// Deals a cell's share to the bins that it overlaps.
static void cell_deal(struct bins *bins, double lowest, double highest, double share)
{
    double from = axis_place(&bins->axis, lowest);
    double to = axis_place(&bins->axis, highest);
    uint32_t last = bins->count - 1;
    for (uint32_t bin = (uint32_t)from; bin <= last && bin < to; bin++) {
        double overlap = fmin(to, bin + 1) - fmax(from, bin);
        bins->shares[bin] += share * overlap / (to - from);
    }
}

static void bins_fill(struct bins *bins, const struct histogram *histogram, uint32_t count)
{
    memset(bins, 0, sizeof *bins);
    uint32_t first = 0;
    while (histogram->cells[first] == 0) {
        first++;
    }
    double lowest = fmax(1, (double)histogram_cell_lowest(first)) / 1.1;
    double highest = fmax(lowest * 4, (double)histogram->maximum * 1.1);
    bins->count = count < BINS_MAX ? count : BINS_MAX;
    bins->axis = (struct axis){lowest, highest, 0, bins->count, true};
    for (uint32_t cell = first; cell < HISTOGRAM_CELLS; cell++) {
        if (histogram->cells[cell] > 0) {
            cell_deal(bins, (double)histogram_cell_lowest(cell),
                      (double)histogram_cell_highest(cell) + 1,
                      100.0 * (double)histogram->cells[cell] / (double)histogram->count);
        }
    }
    for (uint32_t bin = 0; bin < bins->count; bin++) {
        bins->highest = fmax(bins->highest, bins->shares[bin]);
    }
}

// A percentile, its label to the left of its line.
struct mark {
    char text[FIGURE_SIZE + 16];
    double place;
    double text_start;
    uint32_t row;
};

// Sets places and rows, so that no line runs through a label: where a label further right reaches
// over a mark, that one begins below it. Returns how many rows there are.
static uint32_t marks_place(struct mark marks[HISTOGRAM_TOLD], const struct histogram *histogram,
                            const struct axis *axis)
{
    uint32_t rows = 1;
    memset(marks, 0, HISTOGRAM_TOLD * sizeof marks[0]);
    for (uint32_t i = HISTOGRAM_TOLD; i-- > 0;) {
        struct mark *mark = &marks[i];
        double value = (double)histogram_quantile(histogram, histogram_told[i].parts);
        (void)snprintf(mark->text, sizeof mark->text, "%s %s", histogram_told[i].name,
                       figure_time(value).text);
        mark->place = axis_place(axis, value);
        double width = (double)strlen(mark->text) * CHARACTER_WIDTH;
        mark->text_start = fmax(mark->place - 4 - width, 0);
        for (uint32_t k = i + 1; k < HISTOGRAM_TOLD; k++) {
            if (marks[k].text_start <= mark->place + 2 && mark->row <= marks[k].row) {
                mark->row = marks[k].row + 1;
            }
        }
        rows = mark->row + 1 > rows ? mark->row + 1 : rows;
    }
    return rows;
}

static void mark_draw(const struct chart *chart, const struct mark *mark)
{
    double text_y = 12 + (double)MARK_HEIGHT * mark->row;
    if (mark->text_start > 0) {
        chart_rule(chart, mark->place, text_y - 9, mark->place, chart->y.from, "mark");
        chart_text(chart, mark->place - 4, text_y, "end", "label", mark->text);
    } else { // no room at its left: the line begins below it
        chart_rule(chart, mark->place, text_y + 4, mark->place, chart->y.from, "mark");
        chart_text(chart, 0, text_y, "start", "label", mark->text);
    }
}

static struct figure figure_percent(double value)
{
    struct figure figure = figure_count_short(value);
    strncat(figure.text, " %", sizeof figure.text - strlen(figure.text) - 1);
    return figure;
}

static void nothing_draw(FILE *out, const char *text)
{
    (void)fprintf(out, "<p class=\"nothing\">%s</p>\n", text);
}

void report_draw_distribution(FILE *out, double width, const struct histogram *histogram,
                              const char *label)
{
    if (histogram->count == 0) {
        nothing_draw(out, "Nothing was measured.");
        return;
    }
    if (histogram->count == 1) {
        (void)fprintf(out, "<p class=\"nothing\">Only one: %s.</p>\n",
                      figure_time((double)histogram->maximum).text);
        return;
    }
    double margins[4] = {52, 12, 0, 40};
    struct bins bins;
    bins_fill(&bins, histogram, (uint32_t)((width - margins[0] - margins[1]) / BIN_WIDTH));
    struct axis x = {bins.axis.lowest, bins.axis.highest, margins[0], width - margins[1], true};
    struct mark marks[HISTOGRAM_TOLD];
    margins[2] = MARK_HEIGHT * (1.0 + marks_place(marks, histogram, &x));
    struct chart chart;
    chart_begin(&chart, out, width, HEIGHT, margins, label);
    chart.x = x;
    chart.y.highest = ticks_ceiling(bins.highest, 4);
    chart_draw_y(&chart, 4, figure_percent);
    struct axis place = {0, bins.count, chart.x.from, chart.x.to, false};
    for (uint32_t bin = 0; bin < bins.count; bin++) {
        if (bins.shares[bin] > 0) {
            chart_bar(&chart, axis_place(&place, bin) + 0.5, chart.y.from,
                      axis_place(&place, bin + 1) - 0.5,
                      fmin(axis_place(&chart.y, bins.shares[bin]), chart.y.from - 1), "bar");
        }
    }
    for (uint32_t i = 0; i < HISTOGRAM_TOLD; i++) {
        mark_draw(&chart, &marks[i]);
    }
    chart_draw_x(&chart, (uint32_t)(width / TICK_ROOM), figure_time_short);
    chart_text(&chart, chart.x.to, chart.height - 4, "end", "unit", "time, logarithmic");
    chart_end(&chart);
}

// --- over time ---

// The points of a series, so many joined that each holds some events.
struct curve {
    uint32_t count;
    double seconds[SERIES_POINTS_MAX]; // the middle of each
    double deliveries[SERIES_POINTS_MAX];
    double p50[SERIES_POINTS_MAX];
    double p99[SERIES_POINTS_MAX];
    double resident[SERIES_POINTS_MAX];
    double end_seconds;
};

static uint32_t points_each(const struct series *series, uint64_t events)
{
    uint32_t each = 1;
    while (each * POINTS_MIN < series->count &&
           events * each < (uint64_t)series->count * POINT_EVENTS_MIN) {
        each++;
    }
    return each;
}

static void curve_fill(struct curve *curve, const struct series *series, uint64_t events)
{
    memset(curve, 0, sizeof *curve);
    uint32_t each = points_each(series, events);
    for (uint32_t i = 0; i < series->count; i += each) {
        struct series_point point = series->points[i];
        for (uint32_t k = i + 1; k < i + each && k < series->count; k++) {
            series_point_join(&point, &series->points[k]);
        }
        uint32_t at = curve->count++;
        curve->seconds[at] = ((double)point.start_ns + (double)point.duration_ns / 2) / 1e9;
        curve->deliveries[at] = figures_per_second(point.deliveries, point.duration_ns);
        curve->p50[at] = (double)point.p50_ns;
        curve->p99[at] = (double)point.p99_ns;
        curve->resident[at] = (double)point.resident_bytes;
        curve->end_seconds = (double)(point.start_ns + point.duration_ns) / 1e9;
    }
}

static struct figure figure_seconds(double seconds)
{
    struct figure figure;
    (void)snprintf(figure.text, sizeof figure.text, "%g s", seconds);
    return figure;
}

// Begins a chart whose x axis is the run's time.
static void over_time_begin(struct chart *chart, FILE *out, double width, const struct curve *curve,
                            const char *label)
{
    static const double margins[4] = {60, 16, 26, 28};
    chart_begin(chart, out, width, HEIGHT, margins, label);
    chart->x.highest = curve->end_seconds;
}

// A curve from 0 up, as an area.
static void area_draw(FILE *out, double width, const struct curve *curve, const double *ys,
                      const char *label, struct figure (*tick)(double value))
{
    double highest = 0;
    for (uint32_t i = 0; i < curve->count; i++) {
        highest = fmax(highest, ys[i]);
    }
    if (highest <= 0) {
        nothing_draw(out, "Nothing was measured.");
        return;
    }
    struct chart chart;
    over_time_begin(&chart, out, width, curve, label);
    chart.y.highest = ticks_ceiling(highest, 4);
    chart_draw_y(&chart, 4, tick);
    chart_line(&chart, curve->seconds, ys, curve->count, "line first", true);
    chart_draw_x(&chart, (uint32_t)(width / TICK_ROOM), figure_seconds);
    chart_end(&chart);
}

void report_draw_deliveries(FILE *out, double width, const struct series *series, uint64_t events)
{
    static struct curve curve; // big; the main thread's
    curve_fill(&curve, series, events);
    area_draw(out, width, &curve, curve.deliveries, "Deliveries a second over time",
              figure_count_short);
}

void report_draw_resident(FILE *out, double width, const struct series *series, uint64_t events)
{
    static struct curve curve; // big; the main thread's
    curve_fill(&curve, series, events);
    area_draw(out, width, &curve, curve.resident, "The server's resident memory over time",
              figure_bytes);
}

// A line for each stretch in which something arrived.
static void stretches_draw(const struct chart *chart, const struct curve *curve, const double *ys,
                           const char *class)
{
    uint32_t start = 0;
    for (uint32_t i = 0; i <= curve->count; i++) {
        if (i == curve->count || ys[i] <= 0) {
            chart_line(chart, curve->seconds + start, ys + start, i - start, class, false);
            start = i + 1;
        }
    }
}

void report_draw_latency(FILE *out, double width, const struct series *series, uint64_t events)
{
    static struct curve curve; // big; the main thread's
    curve_fill(&curve, series, events);
    double lowest = INFINITY;
    double highest = 0;
    for (uint32_t i = 0; i < curve.count; i++) {
        if (curve.p50[i] > 0) {
            lowest = fmin(lowest, curve.p50[i]);
            highest = fmax(highest, curve.p99[i]);
        }
    }
    if (highest <= 0) {
        nothing_draw(out, "Nothing was measured.");
        return;
    }
    struct chart chart;
    over_time_begin(&chart, out, width, &curve, "Latency over time, p50 and p99");
    // Whole powers of ten, so that ticks stand at both ends.
    chart.y.lowest = pow(10, floor(log10(lowest)));
    chart.y.highest = fmax(pow(10, ceil(log10(highest))), chart.y.lowest * 10);
    chart.y.is_log = true;
    chart_draw_y(&chart, 7, figure_time_short);
    stretches_draw(&chart, &curve, curve.p99, "line second");
    stretches_draw(&chart, &curve, curve.p50, "line first");
    double end = chart.x.to;
    chart_rule(&chart, end - 110, 10, end - 92, 10, "line second");
    chart_text(&chart, end - 88, 14, "start", "label", "p99");
    chart_rule(&chart, end - 48, 10, end - 30, 10, "line first");
    chart_text(&chart, end - 26, 14, "start", "label", "p50");
    chart_draw_x(&chart, (uint32_t)(width / TICK_ROOM), figure_seconds);
    chart_end(&chart);
}

// --- threads ---

struct row {
    const struct usage_thread *thread;
    bool is_server;
};

static int by_use(const void *a, const void *b)
{
    const struct row *first = a;
    const struct row *second = b;
    if (first->is_server != second->is_server) {
        return first->is_server ? -1 : 1;
    }
    return first->thread->cpu_ns < second->thread->cpu_ns   ? 1
           : first->thread->cpu_ns > second->thread->cpu_ns ? -1
                                                            : 0;
}

// Those that did anything: a thousandth of a core.
static uint32_t rows_add(struct row *rows, uint32_t count, const struct usage *usage,
                         uint64_t elapsed_ns, bool is_server)
{
    for (uint32_t i = 0; i < usage->thread_count; i++) {
        if (usage->threads[i].cpu_ns * 1000 >= elapsed_ns) {
            rows[count++] = (struct row){&usage->threads[i], is_server};
        }
    }
    return count;
}

static void row_draw(const struct chart *chart, const struct row *row, double y,
                     uint64_t elapsed_ns)
{
    double used = 100.0 * (double)row->thread->cpu_ns / (double)elapsed_ns;
    double waited = 100.0 * (double)row->thread->wait_ns / (double)elapsed_ns;
    double end = axis_place(&chart->x, used);
    char text[32];
    chart_text(chart, chart->x.from - 6, y + 14, "end", "label", row->thread->name);
    chart_bar(chart, end, y + 3, axis_place(&chart->x, used + waited), y + THREAD_HEIGHT - 3,
              "waited");
    chart_bar(chart, chart->x.from, y + 3, end, y + THREAD_HEIGHT - 3,
              row->is_server ? "bar" : "bar other");
    (void)snprintf(text, sizeof text, "%.1f %%", used);
    chart_text(chart, chart->width - 2, y + 14, "end", "label", text);
}

void report_draw_threads(FILE *out, double width, const struct usage *server,
                         const struct usage *generator, uint64_t elapsed_ns)
{
    struct row rows[2 * USAGE_THREADS_MAX];
    uint32_t count = server == NULL ? 0 : rows_add(rows, 0, server, elapsed_ns, true);
    count = rows_add(rows, count, generator, elapsed_ns, false);
    if (count == 0) {
        nothing_draw(out, "No thread used a thousandth of a core.");
        return;
    }
    qsort(rows, count, sizeof rows[0], by_use);
    uint32_t shown = count < THREADS_MAX ? count : THREADS_MAX;
    const double margins[4] = {118, 56, 4, 28};
    struct chart chart;
    chart_begin(&chart, out, width, shown * THREAD_HEIGHT + margins[2] + margins[3], margins,
                "CPU time of each thread, percent of a core");
    chart.x.highest = 100;
    for (uint32_t i = 0; i < shown; i++) {
        row_draw(&chart, &rows[i], margins[2] + i * THREAD_HEIGHT, elapsed_ns);
    }
    chart_draw_x(&chart, (uint32_t)(width / 160), figure_percent);
    chart_end(&chart);
    if (shown < count) {
        (void)fprintf(out, "<p class=\"nothing\">%u more threads used less.</p>\n", count - shown);
    }
}
