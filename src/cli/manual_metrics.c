// The page of all metrics, out of the table that they are written from.
#include "cli/manual.h"
#include "cli/roff.h"
#include "ingest/metrics_table.h"

#include <stdbool.h>
#include <string.h>

enum { LABELS_MAX = 6, VALUES_SIZE = 2048 };

// What a family is told apart by.
struct label {
    const char *name;
    char values[VALUES_SIZE]; // "a, b"; empty: numbers
};

struct labels {
    uint32_t count;
    struct label each[LABELS_MAX];
};

static struct label *find_label(struct labels *labels, const char *name)
{
    for (uint32_t i = 0; i < labels->count; i++) {
        if (strcmp(labels->each[i].name, name) == 0) {
            return &labels->each[i];
        }
    }
    if (labels->count == LABELS_MAX) {
        return NULL;
    }
    struct label *label = &labels->each[labels->count++];
    *label = (struct label){.name = name};
    return label;
}

static void add_value(struct labels *labels, const char *name, const char *value)
{
    struct label *label = find_label(labels, name);
    if (label == NULL || value == NULL) {
        return;
    }
    size_t length = strlen(label->values);
    (void)snprintf(label->values + length, sizeof(label->values) - length, "%s%s",
                   length == 0 ? "" : ", ", value);
}

static void add_row(struct labels *labels, const struct metric *metric)
{
    if (metric->source == METRIC_OF_EACH_WORKER) {
        (void)find_label(labels, "worker");
    } else if (metric->source == METRIC_OF_THREADS) {
        (void)find_label(labels, "thread");
    }
    for (size_t i = 0; i < 2; i++) {
        const struct metric_label *fixed = &metric->labels[i];
        const struct metric_by *by = &metric->by[i];
        bool is_told = fixed->name != NULL && find_label(labels, fixed->name) != NULL &&
                       strstr(find_label(labels, fixed->name)->values, fixed->value) != NULL;
        if (fixed->name != NULL && !is_told) {
            add_value(labels, fixed->name, fixed->value);
        }
        if (by->label != NULL && find_label(labels, by->label) != NULL &&
            find_label(labels, by->label)->values[0] == 0) {
            for (unsigned k = by->first; k < by->end; k++) {
                add_value(labels, by->label, by->value(k));
            }
        }
    }
}

static void write_family(FILE *out, const struct metric *rows, size_t count)
{
    struct labels labels = {0};
    char text[VALUES_SIZE + 256];
    for (size_t i = 0; i < count; i++) {
        add_row(&labels, &rows[i]);
    }
    (void)snprintf(text, sizeof(text), "(%s)", metric_type_name(rows->type));
    roff_term(out, rows->name, text);
    (void)snprintf(text, sizeof(text), "%s.", rows->help);
    roff_text(out, text);
    for (uint32_t i = 0; i < labels.count; i++) {
        const struct label *label = &labels.each[i];
        (void)snprintf(text, sizeof(text), "Label %s%s%s.", label->name,
                       label->values[0] != 0 ? ": " : "", label->values);
        (void)fputs(".br\n", out);
        roff_text(out, text);
    }
}

void manual_write_metrics(FILE *out)
{
    roff_title(out, "RINGCAST\\-METRICS", 7, "ringcast");
    roff_heading(out, "NAME");
    (void)fputs("ringcast\\-metrics \\- what the ringcast broker tells Prometheus\n", out);
    roff_heading(out, "DESCRIPTION");
    roff_text(out, "GET /metrics, on a listener for administrators (--admin-listen), answers in "
                   "the text format of Prometheus. Counters count from the start of the broker. "
                   "Times are in seconds, sizes in bytes.");
    roff_heading(out, "METRICS");
    for (size_t i = 0; i < metrics_count;) {
        size_t end = i + 1;
        while (end < metrics_count && metrics_table[end].name == NULL) {
            end++;
        }
        write_family(out, &metrics_table[i], end - i);
        i = end;
    }
    roff_heading(out, "SEE ALSO");
    (void)fputs(".BR ringcast (1),\n.BR ringcast.toml (5)\n", out);
}
