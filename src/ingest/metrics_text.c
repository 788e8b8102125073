#include "ingest/metrics_text.h"

#include "base/assert.h"

const char *metric_type_name(enum metric_type type)
{
    static const char *const names[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    ASSERT((unsigned)type < sizeof(names) / sizeof(names[0]));
    return names[type];
}

// In label values the quote is escaped, too.
static void write_escaped(struct buffer *out, const char *text, bool is_label)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            buffer_append_text(out, "\\n");
            continue;
        }
        if (*text == '\\' || (is_label && *text == '"')) {
            buffer_append_byte(out, '\\');
        }
        buffer_append_byte(out, (uint8_t)*text);
    }
}

void metrics_text_head(struct buffer *out, const char *name, const char *help,
                       enum metric_type type)
{
    buffer_append_text(out, "# HELP ");
    buffer_append_text(out, name);
    buffer_append_byte(out, ' ');
    write_escaped(out, help, false);
    buffer_append_text(out, "\n# TYPE ");
    buffer_append_text(out, name);
    buffer_append_byte(out, ' ');
    buffer_append_text(out, metric_type_name(type));
    buffer_append_byte(out, '\n');
}

// value / 10^digits, exactly, without zeros at the end.
static void write_decimal(struct buffer *out, uint64_t value, int digits)
{
    uint64_t power = 1;
    for (int i = 0; i < digits; i++) {
        power *= 10;
    }
    buffer_append_u64(out, value / power);
    uint64_t rest = value % power;
    if (rest > 0) {
        buffer_append_byte(out, '.');
    }
    while (rest > 0) {
        power /= 10;
        buffer_append_byte(out, (uint8_t)('0' + rest / power));
        rest %= power;
    }
}

static void write_value(struct buffer *out, uint64_t value, enum metric_unit unit)
{
    static const int digits[] = {
        [METRIC_PLAIN] = 0, [METRIC_NS] = 9, [METRIC_MS] = 3, [METRIC_PERMILLE] = 3};
    write_decimal(out, value, digits[unit]);
}

static void begin_sample(struct buffer *out, const char *name, const char *suffix,
                         const struct metric_labels *labels)
{
    buffer_append_text(out, name);
    buffer_append_text(out, suffix);
    for (uint32_t i = 0; i < labels->count; i++) {
        buffer_append_byte(out, i == 0 ? '{' : ',');
        buffer_append_text(out, labels->labels[i].name);
        buffer_append_text(out, "=\"");
        write_escaped(out, labels->labels[i].value, true);
        buffer_append_byte(out, '"');
    }
}

static void end_sample(struct buffer *out, bool has_labels, uint64_t value, enum metric_unit unit)
{
    buffer_append_text(out, has_labels ? "} " : " ");
    write_value(out, value, unit);
    buffer_append_byte(out, '\n');
}

void metrics_text_sample(struct buffer *out, const char *name, const struct metric_labels *labels,
                         uint64_t value, enum metric_unit unit)
{
    begin_sample(out, name, "", labels);
    end_sample(out, labels->count > 0, value, unit);
}

static void begin_bucket(struct buffer *out, const char *name, const struct metric_labels *labels)
{
    begin_sample(out, name, "_bucket", labels);
    buffer_append_text(out, labels->count == 0 ? "{le=\"" : ",le=\"");
}

void metrics_text_distribution(struct buffer *out, const char *name,
                               const struct metric_labels *labels,
                               const struct distribution *distribution, enum metric_unit unit,
                               uint32_t first, uint32_t last)
{
    ASSERT(first <= last && last < DISTRIBUTION_BOUNDS);
    uint64_t below = 0;
    for (uint32_t cell = 0; cell <= last; cell++) {
        below += distribution->cells[cell];
        if (cell >= first) {
            begin_bucket(out, name, labels);
            write_value(out, distribution_bounds[cell], unit);
            buffer_append_byte(out, '"');
            end_sample(out, true, below, METRIC_PLAIN);
        }
    }
    uint64_t count = distribution_count(distribution);
    begin_bucket(out, name, labels);
    buffer_append_text(out, "+Inf\"");
    end_sample(out, true, count, METRIC_PLAIN);
    begin_sample(out, name, "_sum", labels);
    end_sample(out, labels->count > 0, distribution->sum, unit);
    begin_sample(out, name, "_count", labels);
    end_sample(out, labels->count > 0, count, METRIC_PLAIN);
}
