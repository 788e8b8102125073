// layer: base
// link: perf/loadgen/report_charts.c
// link: perf/loadgen/chart.c
// link: perf/loadgen/figures.c
// link: perf/loadgen/histogram.c
// link: perf/loadgen/markup.c
// link: perf/loadgen/series.c
#include "../perf/loadgen/report_charts.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static struct histogram histogram;
static struct series series;
static struct usage server;
static struct usage generator;

static char *written;
static size_t written_length;
static FILE *out;

static void reset(void)
{
    histogram_clear(&histogram);
    memset(&series, 0, sizeof series);
    memset(&server, 0, sizeof server);
    memset(&generator, 0, sizeof generator);
    out = open_memstream(&written, &written_length);
}

static void end(void)
{
    free(written);
}

TestSuite(report_charts, .init = reset, .fini = end);

// Whether each element that begins ends, in order, and attributes and text hold nothing that would
// begin one.
static bool is_well_formed(const char *text)
{
    char open[16][16];
    int depth = 0;
    for (const char *at = text; (at = strchr(at, '<')) != NULL;) {
        const char *tag_end = strchr(at, '>');
        bool closes = at[1] == '/';
        const char *name = at + 1 + closes;
        int length = 0;
        while (isalnum((unsigned char)name[length]) != 0) {
            length++;
        }
        if (tag_end == NULL || length == 0 || length > 15 || depth == 16 ||
            memchr(at + 1, '<', (size_t)(tag_end - at - 1)) != NULL) {
            return false;
        }
        if (closes) {
            depth--;
            if (depth < 0 || strncmp(open[depth], name, (size_t)length) != 0 ||
                open[depth][length] != 0) {
                return false;
            }
        } else if (tag_end[-1] != '/') {
            (void)snprintf(open[depth++], sizeof open[0], "%.*s", length, name);
        }
        at = tag_end;
    }
    return depth == 0;
}

static uint32_t count_of(const char *text, const char *part)
{
    uint32_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

static const char *drawn(void)
{
    (void)fflush(out);
    cr_assert(is_well_formed(written), "%s", written);
    cr_assert_eq(count_of(written, "nan"), 0);
    cr_assert_eq(count_of(written, "inf"), 0);
    return written;
}

static void finish(void)
{
    (void)fclose(out);
}

Test(report_charts, nothing_measured)
{
    report_draw_distribution(out, 520, &histogram, "a");
    report_draw_deliveries(out, 520, &series, 0);
    report_draw_latency(out, 520, &series, 0);
    report_draw_resident(out, 520, &series, 0);
    report_draw_threads(out, 520, NULL, &generator, 1000);
    cr_assert_eq(count_of(drawn(), "<svg"), 0);
    finish();
}

Test(report_charts, a_distribution_of_any_kind)
{
    static const uint64_t values[][2] = {
        {0, 1}, {5, 5}, {100, 101}, {1000, 1000 * 1000 * 1000}, {0, UINT64_C(1) << 45}};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        histogram_clear(&histogram);
        for (uint32_t k = 0; k < 1000; k++) {
            histogram_record(&histogram, values[i][k % 10 == 0]);
        }
        report_draw_distribution(out, 340, &histogram, "<a> & \"b\"");
        report_draw_distribution(out, 520, &histogram, "<a> & \"b\"");
    }
    const char *svg = drawn();
    cr_assert_eq(count_of(svg, "<svg"), 10);
    cr_assert_eq(count_of(svg, "class=\"mark\""), 50);
    cr_assert_eq(count_of(svg, ">p99.9 "), 10);
    finish();
}

Test(report_charts, over_time)
{
    for (uint64_t i = 0; i < 100; i++) {
        struct series_point point = {.start_ns = i * 100000000,
                                     .duration_ns = 100000000,
                                     .deliveries = i == 50 ? 0 : 1000,
                                     .p50_ns = i == 50 ? 0 : 5000 + i,
                                     .p99_ns = i == 50 ? 0 : 90000,
                                     .resident_bytes = 25 << 20};
        series_add(&series, &point);
    }
    report_draw_deliveries(out, 520, &series, 100000);
    report_draw_latency(out, 340, &series, 100000);
    report_draw_resident(out, 340, &series, 100000);
    const char *svg = drawn();
    cr_assert_eq(count_of(svg, "<svg"), 3);
    cr_assert_eq(count_of(svg, "class=\"area\""), 2);
    cr_assert_eq(count_of(svg, "<path class=\"line second\""), 2, "none where nothing arrived");
    finish();
}

Test(report_charts, few_events_make_longer_stretches)
{
    for (uint64_t i = 0; i < 100; i++) {
        struct series_point point = {
            .start_ns = i * 100000000, .duration_ns = 100000000, .deliveries = i % 2 * 1000};
        series_add(&series, &point);
    }
    report_draw_deliveries(out, 520, &series, 50);
    const char *svg = drawn();
    const char *line = strstr(svg, "line first");
    cr_assert_not_null(line);
    *strchr(line, '>') = 0;
    cr_assert_leq(count_of(line, "L"), 10);
    finish();
}

Test(report_charts, threads_with_any_name)
{
    server.thread_count = 30;
    for (uint32_t i = 0; i < server.thread_count; i++) {
        server.threads[i].cpu_ns = 100 + i;
        server.threads[i].wait_ns = 5000; // more than there is
        memcpy(server.threads[i].name, "<w>&\"'", 7);
    }
    report_draw_threads(out, 340, &server, &generator, 1000);
    const char *svg = drawn();
    cr_assert_eq(count_of(svg, "&lt;w&gt;&amp;&quot;&#39;"), 24);
    cr_assert_eq(count_of(svg, "6 more threads"), 1);
    finish();
}
