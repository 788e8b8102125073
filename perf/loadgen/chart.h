// Charts as inline SVG: axes, ticks and shapes. Colours and type come from the page's style
// (report_style.c) by class; lengths are in the units of the viewBox, about a pixel each.
#ifndef RINGCAST_LOADGEN_CHART_H
#define RINGCAST_LOADGEN_CHART_H

#include "figures.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    TICKS_MAX = 32,
};

// Where values stand between two places, which may run backwards (upwards on the screen).
struct axis {
    double lowest;
    double highest;
    double from; // the place of `lowest`
    double to;   // the place of `highest`
    bool is_log; // lowest > 0
};

// Values outside stand at the end that they are nearer to.
double axis_place(const struct axis *axis, double value);

struct ticks {
    uint32_t count;
    double values[TICKS_MAX];
};

// Multiples of 1, 2 or 5 times a power of ten within the axis, about `wanted` of them.
struct ticks ticks_of(const struct axis *axis, uint32_t wanted);

// The smallest end of an axis from 0 on which `highest` has a tick at or above it.
double ticks_ceiling(double highest, uint32_t wanted);

struct chart {
    FILE *out;
    double width;
    double height;
    struct axis x; // from left to right
    struct axis y; // from bottom to top
};

// Begins an SVG element; `label` says what it shows to those who do not see it, and is escaped.
// The place for the axes is left free around the margins: left, right, top, bottom.
void chart_begin(struct chart *chart, FILE *out, double width, double height,
                 const double margins[4], const char *label);
void chart_end(struct chart *chart);

// Lines and figures of the axis. `figure` writes a value's text.
void chart_draw_x(const struct chart *chart, uint32_t wanted, struct figure (*figure)(double));
void chart_draw_y(const struct chart *chart, uint32_t wanted, struct figure (*figure)(double));

// A line through points in data coordinates, of class `class`; with an area down to the x axis,
// class "area", if is_filled. A single point becomes a dot.
void chart_line(const struct chart *chart, const double *xs, const double *ys, uint32_t count,
                const char *class, bool is_filled);

// A rectangle given by two corners in places.
void chart_bar(const struct chart *chart, double x1, double y1, double x2, double y2,
               const char *class);

// Text at a place; anchor: "start", "middle" or "end". Escaped.
void chart_text(const struct chart *chart, double x, double y, const char *anchor,
                const char *class, const char *text);

// A straight line between two places.
void chart_rule(const struct chart *chart, double x1, double y1, double x2, double y2,
                const char *class);

#endif
