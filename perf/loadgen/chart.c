#include "chart.h"

#include "markup.h"

#include "base/assert.h"

#include <math.h>

double axis_place(const struct axis *axis, double value)
{
    ASSERT(axis->highest > axis->lowest && (!axis->is_log || axis->lowest > 0));
    value = fmin(fmax(value, axis->lowest), axis->highest);
    double share = axis->is_log ? log(value / axis->lowest) / log(axis->highest / axis->lowest)
                                : (value - axis->lowest) / (axis->highest - axis->lowest);
    return axis->from + share * (axis->to - axis->from);
}

// --- ticks ---

// The step that has about `wanted` of them in `range`.
static double step_of(double range, uint32_t wanted)
{
    double raw = range / wanted;
    double power = pow(10, floor(log10(raw)));
    double times = raw / power;
    return power * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10);
}

static void tick_add(struct ticks *ticks, const struct axis *axis, double value)
{
    double slack = 1e-9 * (axis->highest - axis->lowest);
    if (ticks->count < TICKS_MAX && value >= axis->lowest - slack &&
        value <= axis->highest + slack) {
        ticks->values[ticks->count++] = value;
    }
}

// Powers of ten, every so many; between them 2 and 5 where there is room for that.
static struct ticks ticks_of_log(const struct axis *axis, uint32_t wanted)
{
    static const double parts[] = {1, 2, 5};
    struct ticks ticks = {0};
    double decades = log10(axis->highest / axis->lowest);
    int step = decades > wanted ? (int)ceil(decades / wanted) : 1;
    uint32_t part_count = decades * 3 <= wanted ? 3 : 1;
    int last = (int)ceil(log10(axis->highest));
    for (int power = (int)floor(log10(axis->lowest)); power <= last; power += step) {
        for (uint32_t part = 0; part < part_count; part++) {
            tick_add(&ticks, axis, parts[part] * pow(10, power));
        }
    }
    return ticks;
}

struct ticks ticks_of(const struct axis *axis, uint32_t wanted)
{
    ASSERT(wanted > 0 && axis->highest > axis->lowest);
    if (axis->is_log) {
        struct ticks ticks = ticks_of_log(axis, wanted);
        if (ticks.count >= 2) {
            return ticks;
        }
    }
    struct ticks ticks = {0};
    double step = step_of(axis->highest - axis->lowest, wanted);
    double first = ceil(axis->lowest / step - 1e-9);
    for (uint32_t i = 0; i < TICKS_MAX; i++) {
        double value = (first + i) * step;
        if (value > axis->highest + step * 1e-9) {
            break;
        }
        tick_add(&ticks, axis, value);
    }
    return ticks;
}

double ticks_ceiling(double highest, uint32_t wanted)
{
    if (highest <= 0) {
        return 1;
    }
    double step = step_of(highest, wanted);
    return ceil(highest / step - 1e-9) * step;
}

// --- SVG ---

void chart_begin(struct chart *chart, FILE *out, double width, double height,
                 const double margins[4], const char *label)
{
    *chart = (struct chart){.out = out, .width = width, .height = height};
    chart->x.from = margins[0];
    chart->x.to = width - margins[1];
    chart->y.from = height - margins[3];
    chart->y.to = margins[2];
    (void)fprintf(out, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", width, height);
    markup_text(out, label);
    (void)fprintf(out, "\">\n");
}

void chart_end(struct chart *chart)
{
    (void)fprintf(chart->out, "</svg>\n");
}

void chart_rule(const struct chart *chart, double x1, double y1, double x2, double y2,
                const char *class)
{
    (void)fprintf(chart->out,
                  "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class,
                  x1, y1, x2, y2);
}

void chart_text(const struct chart *chart, double x, double y, const char *anchor,
                const char *class, const char *text)
{
    (void)fprintf(chart->out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", class,
                  x, y, anchor);
    markup_text(chart->out, text);
    (void)fprintf(chart->out, "</text>\n");
}

void chart_bar(const struct chart *chart, double x1, double y1, double x2, double y2,
               const char *class)
{
    (void)fprintf(chart->out,
                  "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
                  class, fmin(x1, x2), fmin(y1, y2), fabs(x2 - x1), fabs(y2 - y1));
}

void chart_draw_x(const struct chart *chart, uint32_t wanted, struct figure (*figure)(double))
{
    double bottom = chart->y.from;
    struct ticks ticks = ticks_of(&chart->x, wanted);
    for (uint32_t i = 0; i < ticks.count; i++) {
        double place = axis_place(&chart->x, ticks.values[i]);
        chart_rule(chart, place, bottom, place, bottom + 4, "axis");
        chart_text(chart, place, bottom + 17, "middle", "tick", figure(ticks.values[i]).text);
    }
    chart_rule(chart, chart->x.from, bottom, chart->x.to, bottom, "axis");
}

void chart_draw_y(const struct chart *chart, uint32_t wanted, struct figure (*figure)(double))
{
    struct ticks ticks = ticks_of(&chart->y, wanted);
    for (uint32_t i = 0; i < ticks.count; i++) {
        double place = axis_place(&chart->y, ticks.values[i]);
        chart_rule(chart, chart->x.from, place, chart->x.to, place, "grid");
        chart_text(chart, chart->x.from - 6, place + 4, "end", "tick",
                   figure(ticks.values[i]).text);
    }
}

static void path_points(const struct chart *chart, const double *xs, const double *ys,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        (void)fprintf(chart->out, "%s%.1f %.1f", i == 0 ? "M" : "L", axis_place(&chart->x, xs[i]),
                      axis_place(&chart->y, ys[i]));
    }
}

void chart_line(const struct chart *chart, const double *xs, const double *ys, uint32_t count,
                const char *class, bool is_filled)
{
    if (count == 0) {
        return;
    }
    if (count == 1) {
        (void)fprintf(chart->out, "<circle class=\"%s dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n",
                      class, axis_place(&chart->x, xs[0]), axis_place(&chart->y, ys[0]));
        return;
    }
    if (is_filled) {
        (void)fprintf(chart->out, "<path class=\"area\" d=\"");
        path_points(chart, xs, ys, count);
        (void)fprintf(chart->out, "L%.1f %.1fL%.1f %.1fZ\"/>\n",
                      axis_place(&chart->x, xs[count - 1]), chart->y.from,
                      axis_place(&chart->x, xs[0]), chart->y.from);
    }
    (void)fprintf(chart->out, "<path class=\"%s\" d=\"", class);
    path_points(chart, xs, ys, count);
    (void)fprintf(chart->out, "\"/>\n");
}
