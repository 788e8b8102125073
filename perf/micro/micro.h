// What the micro-benchmarks share: each case is a function that does its work `count` times. It is
// run for some milliseconds a round; the line printed has the median of the rounds, the lowest and
// the highest, and how many a second that makes.
//
// MICRO_COUNT=N in the environment runs each case once, N times its work, and prints nothing of
// time: for counting instructions (valgrind --tool=callgrind).
#ifndef RINGCAST_MICRO_H
#define RINGCAST_MICRO_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    MICRO_ROUNDS = 7,
    MICRO_ROUND_MS = 40,
};

typedef void micro_work(void *context, uint64_t count);

// Makes the compiler believe that somebody reads the memory at `at`.
static inline void micro_keep(const void *at)
{
    __asm__ volatile("" : : "r"(at) : "memory");
}

// Nanoseconds of the clock: CLOCK_THREAD_CPUTIME_ID for work of one thread, which is then measured
// without the time in which others had the core; CLOCK_MONOTONIC for work of several.
static inline uint64_t micro_clock_ns(clockid_t clock)
{
    struct timespec time;
    (void)clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static inline int micro_compare(const void *a, const void *b)
{
    double first = *(const double *)a;
    double second = *(const double *)b;
    return (first > second) - (first < second);
}

// One line of the table. `each_ns` is sorted on the way.
static inline void micro_print(const char *name, double *each_ns, int rounds)
{
    qsort(each_ns, (size_t)rounds, sizeof each_ns[0], micro_compare);
    double median = each_ns[rounds / 2];
    printf("  %-46s %9.1f  %9.1f to %-9.1f %10.3f\n", name, median, each_ns[0], each_ns[rounds - 1],
           1e3 / median);
    (void)fflush(stdout);
}

static inline uint64_t micro_time(clockid_t clock, micro_work *work, void *context, uint64_t count)
{
    uint64_t start_ns = micro_clock_ns(clock);
    work(context, count);
    return micro_clock_ns(clock) - start_ns;
}

static inline void micro_run(const char *name, clockid_t clock, micro_work *work, void *context)
{
    const char *fixed = getenv("MICRO_COUNT"); // NOLINT(concurrency-mt-unsafe): nobody sets it
    if (fixed != NULL) {
        work(context, strtoull(fixed, NULL, 10));
        printf("  %s: %s times\n", name, fixed);
        return;
    }
    // As many as fill a round; what they take is warm-up.
    uint64_t count = 64;
    while (micro_time(clock, work, context, count) < MICRO_ROUND_MS * UINT64_C(1000000) / 2) {
        count *= 2;
    }
    double each_ns[MICRO_ROUNDS];
    for (int i = 0; i < MICRO_ROUNDS; i++) {
        each_ns[i] = (double)micro_time(clock, work, context, count) / (double)count;
    }
    micro_print(name, each_ns, MICRO_ROUNDS);
}

#endif
