// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// Connections' paths looked at now and then, and what rules make of them.
#include "fake_log.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

TestSuite(worker_link, .timeout = 60);

static struct rules rules;

static void start(const char *text, bool hold_all, uint32_t features_masked)
{
    struct rules_fault fault;
    rules.count = 0;
    cr_assert(rules_add(&rules, slice_of(text), &fault), "%s", fault.message);
    struct fake_options options = {
        .terms = {.link_interval_ms = 100, .rules = rules, .rules_hold_all = hold_all},
        .shard = {.descriptors_per_ring_max = 128}, // several rings
        .features_masked = features_masked};
    fake_start(&options);
}

// What is said of the connections, all in one text; the caller frees it.
static char *connections(void)
{
    struct admin_request *request = calloc(1, sizeof(*request));
    cr_assert_not_null(request);
    request->operation = ADMIN_CONNECTIONS;
    request->limit = 100;
    fake_admin(request);
    struct slice json = buffer_slice(&request->parts[0].json);
    char *text = strndup(json.length > 0 ? (const char *)json.at : "", json.length);
    cr_assert_not_null(text);
    buffer_free(&request->parts[0].json);
    free(request);
    return text;
}

// Until `part` is said of some connection (or no longer).
static void expect_said(const char *part, bool is_said)
{
    uint64_t end_ms = clock_monotonic_ms() + FAKE_WAIT_MS;
    for (;;) {
        char *text = connections();
        bool is_there = strstr(text, part) != NULL;
        cr_assert(is_there == is_said || clock_monotonic_ms() < end_ms, "%s in %s", part, text);
        free(text);
        if (is_there == is_said) {
            return;
        }
        fake_run(10);
    }
}

static int count_said(const char *part)
{
    char *text = connections();
    int count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    free(text);
    return count;
}

static int open_stream(struct fake_text *text, const char *target)
{
    *text = (struct fake_text){0};
    int client = fake_get(target, "");
    fake_expect(client, text, "retry: 5000\n\n");
    return client;
}

// Each id from 1 to `last` once, in order, behind the first frame.
static void expect_in_order(const struct fake_text *text, uint64_t last)
{
    uint64_t expected = 1;
    const char *at = strstr(text->bytes, "retry: 5000\n");
    while ((at = strstr(at + 1, "\nid: ")) != NULL) {
        cr_assert_eq(strtoull(at + strlen("\nid: "), NULL, 10), expected++);
    }
    cr_assert_eq(expected, last + 1);
}

static bool kernel_tells_paths(void)
{
    char *text = connections();
    bool tells = strstr(text, "\"round_trip_us\":null") == NULL;
    free(text);
    return tells;
}

Test(worker_link, a_path_is_looked_at)
{
    start("client = api: caching on", false, 0);
    struct fake_text text;
    int client = open_stream(&text, "/streams/a");
    expect_said("\"link\":{\"looked_ms_ago\":", true);
    fake_publish_one("a", "x");
    fake_expect(client, &text, "id: 1\n");
    if (!kernel_tells_paths()) {
        cr_skip_test("needs Linux 6.8");
    }
    expect_said("\"segments_sent\":2,", true);
    expect_said("\"loss\":0.0000", true);
    expect_said("\"rules\":[]", true);
    expect_said("\"caching\"", false);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker_link, stays_unknown_on_older_kernels_and_rules_hold_all_the_same)
{
    start("client = none and event_rate > 0: caching off; latency >= 0ms: caching on, priority 1",
          false, LOOP_FEATURES_NEWER_THAN_6_1);
    struct fake_text text;
    int client = open_stream(&text, "/streams/a");
    for (int i = 0; i < 20; i++) {
        fake_publish_one("a", "x");
        fake_run(15);
    }
    expect_said("\"rules\":[\"client = none and event_rate > 0: caching off\"],\"caching\":false",
                true);
    expect_said("\"round_trip_us\":null,\"jitter_us\":null,\"loss\":null,\"score\":null,", true);
    expect_said("\"bytes_per_second\":null,", true);
    expect_said("\"rules\":[]", true); // nothing is published any more
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker_link, a_rule_changes_a_quality_and_lets_it_go_again)
{
    start("event_rate > 0: events_per_second 2, batching off", false, 0);
    struct fake_text mobile;
    struct fake_text plain;
    int chosen = open_stream(&mobile, "/streams/a?client=mobile");
    int other = open_stream(&plain, "/streams/a");
    expect_said("\"capabilities\":[\"batching\",", true);
    for (int i = 0; i < 15; i++) {
        fake_publish_one("a", "x");
        fake_run(15);
    }
    expect_said("\"capabilities\":[\"compression\"]", true);
    expect_said("\"rules\":[]", true);
    expect_said("\"capabilities\":[\"batching\",\"compression\"]", true);
    expect_said("\"capabilities\":[]", true); // of the other: whoever chose nothing is not held
    fake_expect(other, &plain, "id: 15\n");
    fake_expect(chosen, &mobile, "id: 15\n"); // not parked for the time that the rule named
    close(chosen);
    close(other);
    fake_stop();
    fake_text_free(&mobile);
    fake_text_free(&plain);
}

Test(worker_link, rules_may_be_for_all)
{
    start("client = none: batch_size 5, batch_timeout 20ms", true, 0);
    struct fake_text text;
    int client = open_stream(&text, "/streams/a");
    expect_said("\"capabilities\":[\"batching\"]", true);
    for (int i = 0; i < 12; i++) {
        fake_publish_one("a", "x");
    }
    fake_expect(client, &text, "id: 12\n");
    expect_in_order(&text, 12);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker_link, many_connections_come_and_go_while_they_are_looked_at)
{
    start("latency >= 0ms: compression on", false, 0);
    enum { CLIENTS = 90, TURNS = 20 };
    int clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = fake_get("/streams/a", "");
    }
    for (int i = 0; i < 500 && count_said("\"link\":{") < CLIENTS; i++) {
        fake_run(10);
    }
    cr_assert_eq(count_said("\"link\":{"), CLIENTS, "each is looked at, whatever its ring");
    for (int turn = 0; turn < TURNS; turn++) {
        for (int i = turn % 3; i < CLIENTS; i += 3) {
            close(clients[i]);
            clients[i] = fake_get("/streams/a?client=web", "");
        }
        fake_publish_one("a", "x");
        fake_run(10);
    }
    for (int i = 0; i < CLIENTS; i++) {
        close(clients[i]);
    }
    for (int i = 0; i < 500 && fake_connections() > 0; i++) {
        fake_run(10);
    }
    cr_assert_eq(fake_connections(), 0, "none is kept by a look under way");
    fake_stop();
}

Test(worker_link, flow_control_ends_with_the_rule_that_brought_it)
{
    start("event_rate > 0: batch_size 5, batch_timeout 20ms", true, 0);
    struct fake_text text;
    int client = open_stream(&text, "/streams/a");
    for (int i = 0; i < 15; i++) {
        fake_publish_one("a", "x");
        fake_run(15);
    }
    expect_said("\"capabilities\":[\"batching\"]", true);
    expect_said("\"capabilities\":[]", true);
    fake_publish_one("a", "last");
    fake_expect(client, &text, "data: last\n\n");
    expect_in_order(&text, 16);
    close(client);
    fake_stop();
    fake_text_free(&text);
}
