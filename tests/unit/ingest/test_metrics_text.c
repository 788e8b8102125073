#include "ingest/metrics_text.h"

#include <criterion/criterion.h>

static const char *text_of(struct buffer *out)
{
    buffer_append_byte(out, 0);
    cr_assert_eq(buffer_failure(out), 0);
    return (const char *)buffer_slice(out).at;
}

Test(metrics_text, a_head_has_help_and_type)
{
    struct buffer out;
    buffer_init(&out, 4096);
    metrics_text_head(&out, "a_total", "A \\ and\na \"line\"", METRIC_COUNTER);
    cr_expect_str_eq(text_of(&out), "# HELP a_total A \\\\ and\\na \"line\"\n"
                                    "# TYPE a_total counter\n");
    buffer_free(&out);
}

Test(metrics_text, samples_have_their_labels_escaped)
{
    struct buffer out;
    buffer_init(&out, 4096);
    const struct metric_labels none = {0};
    const struct metric_labels two = {.count = 2, .labels = {{"x", "1"}, {"y", "a\"b\\c\nd"}}};
    metrics_text_sample(&out, "a", &none, 7, METRIC_PLAIN);
    metrics_text_sample(&out, "a", &two, UINT64_MAX, METRIC_PLAIN);
    cr_expect_str_eq(text_of(&out), "a 7\n"
                                    "a{x=\"1\",y=\"a\\\"b\\\\c\\nd\"} 18446744073709551615\n");
    buffer_free(&out);
}

Test(metrics_text, units_become_base_units_exactly)
{
    struct buffer out;
    buffer_init(&out, 4096);
    const struct metric_labels none = {0};
    metrics_text_sample(&out, "a", &none, 1500000000, METRIC_NS);
    metrics_text_sample(&out, "a", &none, 1, METRIC_NS);
    metrics_text_sample(&out, "a", &none, 0, METRIC_NS);
    metrics_text_sample(&out, "a", &none, 1700000000123, METRIC_MS);
    metrics_text_sample(&out, "a", &none, 50, METRIC_PERMILLE);
    metrics_text_sample(&out, "a", &none, 1000, METRIC_PERMILLE);
    cr_expect_str_eq(text_of(&out), "a 1.5\na 0.000000001\na 0\na 1700000000.123\na 0.05\na 1\n");
    buffer_free(&out);
}

Test(metrics_text, a_distribution_has_cumulative_buckets)
{
    struct buffer out;
    buffer_init(&out, 4096);
    struct distribution distribution = {0};
    distribution_add(&distribution, 1, 2);    // below the first bound told
    distribution_add(&distribution, 15, 3);   // up to 20
    distribution_add(&distribution, 5000, 1); // above the last one
    const struct metric_labels labels = {.count = 1, .labels = {{"thread", "w0"}}};
    metrics_text_distribution(&out, "h", &labels, &distribution, METRIC_PLAIN, 3, 5);
    cr_expect_str_eq(text_of(&out), "h_bucket{thread=\"w0\",le=\"10\"} 2\n"
                                    "h_bucket{thread=\"w0\",le=\"20\"} 5\n"
                                    "h_bucket{thread=\"w0\",le=\"50\"} 5\n"
                                    "h_bucket{thread=\"w0\",le=\"+Inf\"} 6\n"
                                    "h_sum{thread=\"w0\"} 5047\n"
                                    "h_count{thread=\"w0\"} 6\n");
    buffer_free(&out);
}

Test(metrics_text, a_distribution_without_labels_has_its_bounds_in_seconds)
{
    struct buffer out;
    buffer_init(&out, 4096);
    struct distribution distribution = {0};
    distribution_add(&distribution, 12000, 1);
    const struct metric_labels none = {0};
    metrics_text_distribution(&out, "h_seconds", &none, &distribution, METRIC_NS, 12, 13);
    cr_expect_str_eq(text_of(&out), "h_seconds_bucket{le=\"0.00001\"} 0\n"
                                    "h_seconds_bucket{le=\"0.00002\"} 1\n"
                                    "h_seconds_bucket{le=\"+Inf\"} 1\n"
                                    "h_seconds_sum 0.000012\n"
                                    "h_seconds_count 1\n");
    buffer_free(&out);
}
