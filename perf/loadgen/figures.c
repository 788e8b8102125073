#include "figures.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum {
    UNITS_MAX = 5,
};

// Three digits of a value below 1000, or all before the point.
static void three_digits(char *text, size_t size, double value)
{
    int decimals = value >= 99.95 || value == 0 ? 0 : value >= 9.995 ? 1 : 2;
    (void)snprintf(text, size, "%.*f", decimals, value);
}

static void zeros_cut(char *digits)
{
    if (strchr(digits, '.') == NULL) {
        return;
    }
    size_t length = strlen(digits);
    while (digits[length - 1] == '0') {
        length--;
    }
    digits[length - (digits[length - 1] == '.')] = 0;
}

// Of units that are a thousand apart, the one that leaves one to three digits before the point.
static struct figure figure_of(double value, const char *const *units, bool is_short)
{
    size_t unit = 0;
    while (unit + 1 < UNITS_MAX && units[unit + 1] != NULL && fabs(value) >= 999.5) {
        value /= 1000;
        unit++;
    }
    char digits[16];
    bool is_whole = unit == 0 && value == floor(value);
    if (is_whole) {
        (void)snprintf(digits, sizeof digits, "%.0f", value);
    } else {
        three_digits(digits, sizeof digits, value);
    }
    if (is_short) {
        zeros_cut(digits);
    }
    struct figure figure;
    const char *space = units[unit][0] == 0 ? "" : " ";
    (void)snprintf(figure.text, sizeof figure.text, "%s%s%s", digits, space, units[unit]);
    return figure;
}

static const char *const count_units[UNITS_MAX] = {"", "k", "M", "G", NULL};
static const char *const byte_units[UNITS_MAX] = {"B", "kB", "MB", "GB", "TB"};
static const char *const time_units[UNITS_MAX] = {"ns", "µs", "ms", "s", NULL};

struct figure figure_count(double count)
{
    return figure_of(count, count_units, false);
}

struct figure figure_bytes(double bytes)
{
    return figure_of(bytes, byte_units, false);
}

struct figure figure_time(double ns)
{
    return figure_of(ns, time_units, false);
}

struct figure figure_time_short(double ns)
{
    return figure_of(ns, time_units, true);
}

struct figure figure_count_short(double count)
{
    return figure_of(count, count_units, true);
}

double figures_seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

double figures_mebibytes(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

double figures_per_second(uint64_t count, uint64_t ns)
{
    return ns == 0 ? 0 : (double)count / figures_seconds(ns);
}

double figures_percent(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

void figures_cut(char *text, size_t columns)
{
    size_t column = 0;
    for (char *at = text; *at != 0; at++) {
        bool begins = ((unsigned char)*at & 0xc0) != 0x80;
        if (begins && column++ == columns) {
            *at = 0;
            return;
        }
    }
}
