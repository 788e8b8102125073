#include "ingest/metrics.h"

#include "conn/task.h"
#include "ingest/metrics_table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct broker_figures broker;
static struct worker_figures workers[WORKERS_MAX];

static char *write_all(unsigned count)
{
    struct buffer out;
    buffer_init(&out, 1 << 20);
    metrics_write(&out, &broker, workers, count);
    buffer_append_byte(&out, 0);
    cr_assert_eq(buffer_failure(&out), 0);
    return (char *)(uintptr_t)buffer_slice(&out).at;
}

static void expect_line(const char *text, const char *line)
{
    char wanted[256];
    (void)snprintf(wanted, sizeof(wanted), "\n%s\n", line);
    cr_expect_not_null(strstr(text, wanted), "no %s in\n%s", line, text);
}

Test(metrics, figures_of_workers_are_summed)
{
    workers[0].stats.events_sent = 5;
    workers[1].stats.events_sent = 7;
    workers[0].connections = 3;
    workers[1].connections = 4;
    workers[1].thread.cpu_ns = 250 * 1000 * 1000;
    broker.thread.cpu_ns = 1000 * 1000 * 1000;
    workers[1].stats.answered[HTTP_ROUTE_PUBLISH][SHARD_STATUS_4XX] = 2;
    broker.log.last_id = 42;
    char *text = write_all(2);
    expect_line(text, "ringcast_events_sent_total 12");
    expect_line(text, "ringcast_worker_connections{worker=\"0\"} 3");
    expect_line(text, "ringcast_worker_connections{worker=\"1\"} 4");
    expect_line(text, "ringcast_thread_cpu_seconds_total{thread=\"w1\"} 0.25");
    expect_line(text, "ringcast_thread_cpu_seconds_total{thread=\"log\"} 1");
    expect_line(text, "ringcast_requests_total{route=\"publish\",status=\"4xx\"} 2");
    expect_line(text, "ringcast_log_last_id 42");
    free(text);
}

// With all figures as long as they can be.
Test(metrics, the_text_fits_its_room)
{
    memset(&broker, 0xff, sizeof(broker));
    memset(workers, 0x0f, sizeof(workers));
    for (unsigned count = 1; count <= WORKERS_MAX; count *= 4) {
        char *text = write_all(count);
        cr_expect_leq(strlen(text), TASK_FIGURES_BYTES + count * TASK_FIGURES_WORKER_BYTES);
        free(text);
    }
    cr_expect_leq(TASK_FIGURES_BYTES + WORKERS_MAX * TASK_FIGURES_WORKER_BYTES,
                  TASK_JSON_BYTES_MAX);
}

Test(metrics, names_say_what_they_are)
{
    for (size_t i = 0; i < metrics_count; i++) {
        const struct metric *metric = &metrics_table[i];
        if (metric->name == NULL) {
            continue;
        }
        size_t length = strlen(metric->name);
        bool is_total = length > 6 && strcmp(metric->name + length - 6, "_total") == 0;
        cr_expect_eq(is_total, metric->type == METRIC_COUNTER, "%s", metric->name);
        cr_expect(strncmp(metric->name, "ringcast_", 9) == 0 ||
                  strncmp(metric->name, "process_", 8) == 0);
        cr_expect_gt(strlen(metric->help), 3, "%s", metric->name);
        for (size_t j = 0; j < i; j++) {
            cr_expect(metrics_table[j].name == NULL ||
                          strcmp(metric->name, metrics_table[j].name) != 0,
                      "%s stands twice", metric->name);
        }
    }
}
