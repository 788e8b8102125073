// Numbers as people read them: three digits and a unit. And what they are computed with.
#ifndef RINGCAST_LOADGEN_FIGURES_H
#define RINGCAST_LOADGEN_FIGURES_H

#include <stddef.h>
#include <stdint.h>

enum {
    FIGURE_SIZE = 24, // bytes of UTF-8, with the NUL
};

struct figure {
    char text[FIGURE_SIZE];
};

// 950, 12.3 k, 4.56 M, 0.25
struct figure figure_count(double count);

// 85 B, 12.3 kB, 4.56 MB: powers of 1000
struct figure figure_bytes(double bytes);

// 85 ns, 12.3 µs, 4.56 ms, 102 s
struct figure figure_time(double ns);

// As figure_time, without zeros behind the point: 10 µs
struct figure figure_time_short(double ns);

// As figure_count, without zeros behind the point: 2.5 M
struct figure figure_count_short(double count);

double figures_seconds(uint64_t ns);
double figures_mebibytes(uint64_t bytes);

// 0 when it took no time.
double figures_per_second(uint64_t count, uint64_t ns);

// 0 of nothing.
double figures_percent(uint64_t part, uint64_t whole);

// Cuts UTF-8 text to so many characters.
void figures_cut(char *text, size_t columns);

#endif
