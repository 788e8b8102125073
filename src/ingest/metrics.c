#include "ingest/metrics.h"

#include "base/assert.h"
#include "base/logger.h"
#include "ingest/metrics_table.h"
#include "ingest/module.h"
#include "ingest/reload_board.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t load(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

void broker_figures_take(struct broker_figures *figures, const struct ingest *ingest)
{
    const struct pressure_board *board = ingest->options.pressure;
    *figures = (struct broker_figures){.one = 1};
    log_get_status(ingest->log, &figures->log);
    figures->is_writable = figures->log.writable;
    ingest_get_status(ingest, &figures->ingest);
    thread_figures_take(&figures->thread, ingest->loop);
    process_figures_take(&figures->process);
    const struct reload_board *reloads = ingest->options.reloads;
    if (reloads != NULL) {
        figures->reloads = load(&reloads->taken);
        figures->reload_refusals = load(&reloads->refused);
        figures->reload_ms = load(&reloads->taken_ms);
    }
    figures->log_lines_lost = logger_dropped();
    figures->memory_stage = pressure_board_stage(board);
    if (board != NULL) {
        figures->memory_changes = load(&board->changes);
        figures->memory_used_bytes = load(&board->memory_used_bytes);
        figures->memory_limit_bytes = load(&board->memory_limit_bytes);
        figures->tcp_used_bytes = load(&board->tcp_used_bytes);
        figures->tcp_limit_bytes = load(&board->tcp_limit_bytes);
    }
}

// What a family's samples are written with.
struct family {
    struct buffer *out;
    const char *name;
    enum metric_type type;
};

static void add_label(struct metric_labels *labels, const char *name, const char *value)
{
    ASSERT(labels->count < sizeof(labels->labels) / sizeof(labels->labels[0]));
    labels->labels[labels->count++] = (struct metric_label){name, value};
}

static void write_one(const struct family *family, const struct metric *metric,
                      const struct metric_labels *labels, const uint64_t *figure)
{
    if (family->type == METRIC_HISTOGRAM) {
        metrics_text_distribution(family->out, family->name, labels,
                                  (const struct distribution *)(const void *)figure, metric->unit,
                                  metric->first, metric->last);
    } else {
        metrics_text_sample(family->out, family->name, labels, *figure, metric->unit);
    }
}

// All samples of a row from one thread's figures.
static void write_row(const struct family *family, const struct metric *metric,
                      const struct metric_labels *given, const void *figures)
{
    const uint64_t *at = (const uint64_t *)(const void *)((const char *)figures + metric->offset);
    const struct metric_by *rows = &metric->by[0];
    const struct metric_by *columns = &metric->by[1];
    unsigned row_count = rows->label == NULL ? 1 : rows->end;
    unsigned column_count = columns->label == NULL ? 1 : columns->end;
    for (unsigned row = rows->first; row < row_count; row++) {
        for (unsigned column = columns->first; column < column_count; column++) {
            struct metric_labels labels = *given;
            if (rows->label != NULL) {
                add_label(&labels, rows->label, rows->value(row));
            }
            if (columns->label != NULL) {
                add_label(&labels, columns->label, columns->value(column));
            }
            write_one(family, metric, &labels, &at[row * column_count + column]);
        }
    }
}

static void write_threads(const struct family *family, const struct metric *metric,
                          const struct metric_labels *given, const struct broker_figures *broker,
                          const struct worker_figures *figures, unsigned workers)
{
    for (unsigned worker = 0; worker <= workers; worker++) {
        struct metric_labels labels = *given;
        char name[16] = "log"; // as the threads are called
        if (worker < workers) {
            (void)snprintf(name, sizeof(name), "w%u", worker);
        }
        add_label(&labels, "thread", name);
        write_row(family, metric, &labels,
                  worker < workers ? &figures[worker].thread : &broker->thread);
    }
}

static void write_each_worker(const struct family *family, const struct metric *metric,
                              const struct metric_labels *given,
                              const struct worker_figures *figures, unsigned workers)
{
    for (unsigned worker = 0; worker < workers; worker++) {
        struct metric_labels labels = *given;
        char name[16];
        (void)snprintf(name, sizeof(name), "%u", worker);
        add_label(&labels, "worker", name);
        write_row(family, metric, &labels, &figures[worker]);
    }
}

void metrics_write(struct buffer *out, const struct broker_figures *broker,
                   const struct worker_figures *figures, unsigned workers)
{
    struct worker_figures sum = {0};
    struct family family = {.out = out};
    for (unsigned worker = 0; worker < workers; worker++) {
        worker_figures_add(&sum, &figures[worker]);
    }
    for (size_t i = 0; i < metrics_count; i++) {
        const struct metric *metric = &metrics_table[i];
        struct metric_labels labels = {0};
        if (metric->name != NULL) {
            family.name = metric->name;
            family.type = metric->type;
            metrics_text_head(out, metric->name, metric->help, metric->type);
        }
        for (int label = 0; label < 2 && metric->labels[label].name != NULL; label++) {
            add_label(&labels, metric->labels[label].name, metric->labels[label].value);
        }
        switch (metric->source) {
        case METRIC_OF_WORKERS: write_row(&family, metric, &labels, &sum); break;
        case METRIC_OF_BROKER: write_row(&family, metric, &labels, broker); break;
        case METRIC_OF_EACH_WORKER:
            write_each_worker(&family, metric, &labels, figures, workers);
            break;
        case METRIC_OF_THREADS:
            write_threads(&family, metric, &labels, broker, figures, workers);
            break;
        }
    }
}
