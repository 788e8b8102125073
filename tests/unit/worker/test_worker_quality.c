// link: tests/unit/worker/fake_log.c
// Connections with rates and batches of their own: what is held back, and that nothing is lost.
#include "fake_log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct fake_options defaults;

TestSuite(worker_quality, .timeout = 60);

static void publish_many(const char *stream, const char *data, uint32_t count)
{
    struct fake_event events[64];
    cr_assert_leq(count, 64);
    for (uint32_t i = 0; i < count; i++) {
        events[i] = (struct fake_event){.stream = stream, .data = data};
    }
    fake_publish(events, count);
}

// Each id from 1 to `last` once, in order, behind the first frame.
static void expect_ids(const struct fake_text *text, uint64_t last)
{
    uint64_t expected = 1;
    const char *at = strstr(text->bytes, "retry: 5000\n");
    cr_assert_not_null(at);
    for (; (at = strstr(at, "\nid: ")) != NULL; at += 5) {
        cr_assert_eq(strtoull(at + 5, NULL, 10), expected++);
    }
    cr_assert_eq(expected, last + 1, "%llu", (unsigned long long)expected);
}

static uint64_t stat_of(const char *key)
{
    struct admin_request *request = calloc(1, sizeof(*request));
    request->operation = ADMIN_STATUS;
    fake_admin(request);
    struct slice json = buffer_slice(&request->parts[0].json);
    char text[4096];
    cr_assert_lt(json.length, sizeof(text));
    memcpy(text, json.at, json.length);
    text[json.length] = 0;
    char name[64];
    snprintf(name, sizeof(name), "\"%s\":", key);
    const char *at = strstr(text, name);
    cr_assert_not_null(at, "no %s in %s", key, text);
    buffer_free(&request->parts[0].json);
    free(request);
    return strtoull(at + strlen(name), NULL, 10);
}

Test(worker_quality, over_its_rate_it_is_held_and_then_gets_the_rest)
{
    fake_start(&defaults);
    struct fake_text slow = {0};
    struct fake_text quick = {0};
    int held = fake_get("/streams/a?events_per_second=20&burst=3", "");
    int free_one = fake_get("/streams/a", "");
    fake_expect(held, &slow, "retry");
    fake_expect(free_one, &quick, "retry");
    publish_many("a", "x", 40);
    fake_expect(free_one, &quick, "id: 40\n");
    fake_expect(held, &slow, "id: 3\n");
    cr_assert_eq(stat_of("throttled"), 1);
    fake_expect(held, &slow, "id: 40\n");
    cr_assert_geq(stat_of("rate_waits"), 2, "three at once, then one by one");
    cr_assert_eq(stat_of("throttled"), 0);
    expect_ids(&slow, 40);
    close(held);
    close(free_one);
    fake_stop();
    fake_text_free(&slow);
    fake_text_free(&quick);
}

Test(worker_quality, what_is_larger_than_the_burst_of_bytes_comes_by_itself)
{
    fake_start(&defaults);
    static char data[3000];
    memset(data, 'y', sizeof(data) - 1);
    struct fake_text text = {0};
    int client = fake_get("/streams/a?bytes_per_second=2000", "");
    fake_expect(client, &text, "retry");
    publish_many("a", data, 2);
    fake_expect(client, &text, "id: 2\n");
    cr_assert_geq(stat_of("rate_waits"), 1);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker_quality, replays_keep_to_the_rate_too)
{
    fake_start(&defaults);
    publish_many("a", "x", 30);
    fake_make_cold();
    static const char *const targets[] = {
        "/streams/a?from=earliest&events_per_second=50&burst=10",
        "/events?stream=a&stream=b&from=earliest&events_per_second=50&burst=10"};
    for (int i = 0; i < 2; i++) {
        uint64_t waits = stat_of("rate_waits");
        struct fake_text text = {0};
        int client = fake_get(targets[i], "");
        fake_expect(client, &text, "id: 30\n");
        expect_ids(&text, 30);
        cr_assert_gt(stat_of("rate_waits"), waits);
        close(client);
        fake_text_free(&text);
    }
    fake_stop();
}

// Batches of three that wait for 10 s: what comes earlier was not waited for.
static void expect_batches(const char *target)
{
    fake_start(&defaults);
    struct fake_text text = {0};
    int client = fake_get(target, "");
    fake_expect(client, &text, "retry");
    for (int i = 0; i < 2; i++) {
        fake_publish_one("a", "gathers");
        cr_assert_not(fake_read(client, &text, "gathers", 50));
    }
    uint64_t sends = stat_of("sends");
    fake_publish_one("a", "full");
    fake_expect(client, &text, "id: 3\n");
    expect_ids(&text, 3);
    cr_assert_eq(stat_of("sends"), sends + 1, "one write");

    fake_publish_one("a", "gathers again");
    cr_assert_not(fake_read(client, &text, "again", 50));
    fake_set_priority(PRIORITY_HIGH);
    fake_publish_one("a", "at once");
    fake_expect(client, &text, "id: 5\n");
    cr_assert_eq(stat_of("sends"), sends + 2);

    fake_set_priority(PRIORITY_LOW);
    publish_many("a", "as they came", 4);
    fake_expect(client, &text, "id: 9\n");
    expect_ids(&text, 9);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker_quality, a_batch_is_sent_when_it_is_full_or_urgent)
{
    expect_batches("/streams/a?batch_size=3&batch_timeout=10s");
}

Test(worker_quality, a_batch_of_several_streams)
{
    expect_batches("/events?stream=a&stream=b&batch_size=3&batch_timeout=10s");
}

Test(worker_quality, a_batch_is_sent_when_it_has_waited_long_enough)
{
    fake_start(&defaults);
    struct fake_text text = {0};
    int client = fake_get("/streams/a?batch_size=1000&batch_timeout=30ms", "");
    fake_expect(client, &text, "retry");
    for (uint64_t id = 1; id <= 3; id++) {
        char wanted[32];
        snprintf(wanted, sizeof(wanted), "id: %llu\n", (unsigned long long)id);
        fake_publish_one("a", "x");
        fake_expect(client, &text, wanted);
    }
    close(client);
    fake_stop();
    fake_text_free(&text);
}

// A client that reads slowly: what a short send left is sent once, and charged once.
Test(worker_quality, short_sends_lose_nothing)
{
    enum { EVENTS = 40, BYTES = 100 * 1000 };
    fake_start(&defaults);
    static char data[BYTES + 1];
    memset(data, 'z', BYTES);
    static const char *const targets[] = {
        "GET /streams/a?from=earliest&events_per_second=100&bytes_per_second=10MiB&burst=5 "
        "HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /events?stream=a&stream=b&from=earliest&events_per_second=100&bytes_per_second=10MiB"
        "&batching=on HTTP/1.1\r\nHost: x\r\n\r\n"};
    for (int i = 0; i < EVENTS; i++) {
        fake_publish_one("a", data);
    }
    for (int i = 0; i < 2; i++) {
        struct fake_text text = {0};
        int client = fake_connect(targets[i], 4096);
        fake_run(100);
        fake_expect(client, &text, "id: 40\n");
        while (fake_read(client, &text, "\n\n\n", 100)) {
        }
        expect_ids(&text, EVENTS);
        cr_assert_gt(text.length, (size_t)EVENTS * BYTES);
        cr_assert_lt(text.length, (size_t)EVENTS * (BYTES + 300));
        close(client);
        fake_text_free(&text);
    }
    cr_assert_gt(stat_of("short_sends"), 0);
    fake_stop();
}

Test(worker_quality, the_broker_bounds_those_who_ask_for_nothing)
{
    struct fake_options options = {.shard = {.quality = {.events_per_second_max = 1}}};
    fake_start(&options);
    struct fake_text text = {0};
    int client = fake_get("/streams/a", "");
    fake_expect(client, &text, "retry");
    publish_many("a", "x", 2);
    fake_expect(client, &text, "id: 2\n");
    cr_assert_geq(stat_of("rate_waits"), 1);
    close(client);
    fake_stop();
    fake_text_free(&text);
}
