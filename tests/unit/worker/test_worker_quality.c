// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// link: tests/unit/worker/fake_status.c
// Connections with rates and batches of their own: what is held back, and that nothing is lost.
#include "fake_log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
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
    cr_assert_eq(fake_stat("throttled"), 1);
    fake_expect(held, &slow, "id: 40\n");
    cr_assert_geq(fake_stat("rate_waits"), 2, "three at once, then one by one");
    cr_assert_eq(fake_stat("throttled"), 0);
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
    cr_assert_geq(fake_stat("rate_waits"), 1);
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
        uint64_t waits = fake_stat("rate_waits");
        struct fake_text text = {0};
        int client = fake_get(targets[i], "");
        fake_expect(client, &text, "id: 30\n");
        expect_ids(&text, 30);
        cr_assert_gt(fake_stat("rate_waits"), waits);
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
    uint64_t sends = fake_stat("sends");
    fake_publish_one("a", "full");
    fake_expect(client, &text, "id: 3\n");
    expect_ids(&text, 3);
    cr_assert_eq(fake_stat("sends"), sends + 1, "one write");

    fake_publish_one("a", "gathers again");
    cr_assert_not(fake_read(client, &text, "again", 50));
    fake_set_priority(PRIORITY_HIGH);
    fake_publish_one("a", "at once");
    fake_expect(client, &text, "id: 5\n");
    cr_assert_eq(fake_stat("sends"), sends + 2);

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

// What gathers is lag: a batch that could never be full within the limit would hold producers back.
Test(worker_quality, a_batch_is_full_at_half_of_what_may_lag)
{
    static const struct {
        struct overflow_terms terms;
        const char *target;
    } cases[] = {
        {{.policy = OVERFLOW_BLOCK, .limits = {.events = 6}},
         "/streams/a?batch_size=500&batch_timeout=10s"},
        {{.policy = OVERFLOW_BLOCK, .limits = {.bytes = 6 * 1024}},
         "/streams/a?batch_size=500&batch_timeout=10s"},
        {{.policy = OVERFLOW_BLOCK, .limits = {.events = 6}},
         "/events?stream=a&stream=b&batch=event&batch_size=500&batch_timeout=10s"},
        {{.policy = OVERFLOW_DROP_OLDEST, .limits = {.events = 1000}},
         "/streams/a?batch_size=500&batch_timeout=10s&lag_events=6"},
    };
    static char data[1024];
    memset(data, 'x', sizeof(data) - 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fake_options options = {.terms = {.overflow = cases[i].terms}};
        fake_start(&options);
        struct fake_text text = {0};
        int client = fake_get(cases[i].target, "");
        fake_expect(client, &text, "retry");
        for (int n = 0; n < 2; n++) {
            fake_publish_one("a", data);
            cr_assert_not(fake_read(client, &text, "xxx", 50));
        }
        fake_publish_one("a", data);
        fake_expect(client, &text, "id: 3\n");
        close(client);
        fake_stop();
        fake_text_free(&text);
    }
}

// What came is counted once, as it comes: neither again with each event, nor only as far back as
// the stream's window goes, which for one reader is eight blocks.
Test(worker_quality, a_batch_is_as_large_as_was_asked_for)
{
    enum { SIZE = 40 };
    static const char *const targets[] = {
        "/streams/a?batch_size=40&batch_timeout=10s",
        "/events?stream=a&stream=b&batch_size=40&batch_timeout=10s"};
    for (int i = 0; i < 2; i++) {
        fake_start(&defaults);
        struct fake_text text = {0};
        int client = fake_get(targets[i], "");
        fake_expect(client, &text, "retry");
        for (int n = 1; n < SIZE; n++) {
            fake_publish_one(i == 1 && n % 3 == 0 ? "b" : "a", "gathers");
            fake_run(2);
        }
        cr_assert_not(fake_read(client, &text, "gathers", 50));
        fake_publish_one("a", "full");
        fake_expect(client, &text, "id: 40\n");
        expect_ids(&text, SIZE);
        close(client);
        fake_stop();
        fake_text_free(&text);
    }
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
    cr_assert_gt(fake_stat("short_sends"), 0);
    fake_stop();
}

Test(worker_quality, the_broker_bounds_those_who_ask_for_nothing)
{
    struct fake_options options = {.terms = {.quality = {.events_per_second_max = 1}}};
    fake_start(&options);
    struct fake_text text = {0};
    int client = fake_get("/streams/a", "");
    fake_expect(client, &text, "retry");
    publish_many("a", "x", 2);
    fake_expect(client, &text, "id: 2\n");
    cr_assert_geq(fake_stat("rate_waits"), 1);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker_quality, what_gathers_is_sent_before_the_end)
{
    fake_start(&defaults);
    struct fake_text text = {0};
    int client = fake_get("/streams/a?batch_size=10&batch_timeout=10s", "");
    fake_expect(client, &text, "retry");
    publish_many("a", "last words", 3);
    cr_assert_not(fake_read(client, &text, "last words", 50));
    fake_stop();
    char rest[1024];
    ssize_t got;
    size_t length = 0;
    while ((got = recv(client, rest + length, sizeof(rest) - 1 - length, 0)) > 0) {
        length += (size_t)got;
    }
    rest[length] = 0;
    cr_assert_eq(got, 0, "closed in order");
    const char *last = strstr(rest, "id: 3\n");
    cr_assert_not_null(last, "%s", rest);
    cr_assert_not_null(strstr(last, "retry: "), "goodbye comes after it");
    close(client);
    fake_text_free(&text);
}

// Its lag is looked at now and then: what it loses by that is found in memory.
Test(worker_quality, over_its_limit_it_is_told_of_a_gap_without_the_log)
{
    enum { EVENTS = 120 };
    struct fake_options options = {.terms = {.overflow = {.policy = OVERFLOW_DROP_OLDEST}}};
    fake_start(&options);
    struct fake_text text = {0};
    int client = fake_get("/streams/a?events_per_second=5&burst=1&lag_events=20", "");
    fake_expect(client, &text, "retry");
    uint32_t lookups = fake_lookups();
    struct fake_event events[EVENTS];
    for (int i = 0; i < EVENTS; i++) {
        events[i] = (struct fake_event){.stream = i % 2 == 0 ? "a" : "b", .data = "x"};
    }
    fake_publish(events, EVENTS);
    // One was sent; the newest 20 stay: the odd ids from 81 on.
    fake_expect(client, &text,
                "event: gap\ndata: {\"from\":2,\"to\":79,\"count\":39,\"reason\":\"lagged\"");
    fake_expect(client, &text, "id: 83\n");
    cr_assert_not_null(strstr(text.bytes, "id: 81\n"));
    cr_assert_eq(fake_lookups(), lookups);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

// When it may be sent the next event, which is gone by then, it is told so; and waits again, for
// what the notice took.
Test(worker_quality, a_gap_counts_against_the_rate_of_bytes)
{
    fake_start(&defaults);
    static char data[160];
    memset(data, 'd', sizeof(data) - 1);
    struct fake_text text = {0};
    int client = fake_get("/streams/a?bytes_per_second=200", "");
    fake_expect(client, &text, "retry");
    publish_many("a", data, 5);
    fake_expect(client, &text, "id: 1\n");
    cr_assert_eq(fake_stat("rate_waits"), 1);
    fake_discard("a");
    fake_publish_one("a", data);
    fake_expect(client, &text, "event: gap\ndata: {\"from\":2,\"to\":5,");
    fake_expect(client, &text, "id: 6\n");
    cr_assert_eq(fake_stat("rate_waits"), 2);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

// --- events that are too large ---

Test(worker_quality, a_notice_stands_in_the_place_of_what_is_too_large)
{
    static const char *const targets[] = {
        "/streams/a?from=earliest&max_event_size=100",
        "/streams/a?from=earliest&max_event_size=100&envelope=1",
        "/events?stream=a&stream=b&from=earliest&max_event_size=100",
        "/streams/a?from=earliest&max_event_size=100&batch=event"};
    fake_start(&defaults);
    static char large[101 + 1], fits[100 + 1];
    memset(large, 'L', sizeof(large) - 1);
    memset(fits, 'F', sizeof(fits) - 1);
    struct fake_event events[] = {{.stream = "a", .data = "before"},
                                  {.stream = "a", .data = large},
                                  {.stream = "a", .data = fits}};
    fake_publish(events, 3);
    for (size_t i = 0; i < 2 * sizeof(targets) / sizeof(targets[0]); i++) {
        if (i == sizeof(targets) / sizeof(targets[0])) {
            fake_make_cold();
        }
        const char *target = targets[i % (sizeof(targets) / sizeof(targets[0]))];
        struct fake_text text = {0};
        int client = fake_get(target, "");
        fake_expect(client, &text, fits);
        fake_expect(client, &text,
                    "id: 2\nevent: oversize\ndata: {\"stream\":\"a\",\"id\":2,\"size\":101,"
                    "\"limit\":100}\n\n");
        cr_assert_null(strstr(text.bytes, "LLL"), "%s", target);
        expect_ids(&text, 3);
        close(client);
        fake_text_free(&text);
    }
    cr_assert_geq(fake_stat("oversize_told"), 8);
    fake_stop();
}

// Each once, also where a slow reader did not take them at once.
Test(worker_quality, what_is_too_large_is_counted_once)
{
    enum { PAIRS = 30, BYTES = 60 * 1000 };
    fake_start(&defaults);
    static char large[BYTES + 1 + 1], fits[BYTES + 1];
    memset(large, 'L', BYTES + 1);
    memset(fits, 'F', BYTES);
    for (int i = 0; i < PAIRS; i++) {
        fake_publish_one("a", fits);
        fake_publish_one("a", large);
    }
    struct fake_text text = {0};
    int client = fake_connect(
        "GET /streams/a?from=earliest&max_event_size=60000 HTTP/1.1\r\nHost: x\r\n\r\n", 4096);
    fake_run(100);
    fake_expect(client, &text, "\"id\":60,");
    expect_ids(&text, 2 * PAIRS);
    cr_assert_gt(fake_stat("short_sends"), 0);
    cr_assert_eq(fake_stat("oversize_told"), PAIRS);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

// --- batch=event ---

Test(worker_quality, a_batch_as_one_event)
{
    fake_start(&defaults);
    struct fake_text text = {0};
    int client = fake_get("/streams/a?batch=event&batch_size=3&batch_timeout=10s", "");
    fake_expect(client, &text, "retry");
    publish_many("a", "x", 7);
    fake_expect(client, &text, "id: 7\n");
    fake_expect(client, &text, "]\n\n");
    static const char *const heads[] = {"id: 3\nevent: batch\ndata: [{\"id\":1,",
                                        "id: 6\nevent: batch\ndata: [{\"id\":4,",
                                        "id: 7\nevent: batch\ndata: [{\"id\":7,"};
    for (int i = 0; i < 3; i++) {
        cr_assert_not_null(strstr(text.bytes, heads[i]), "%s", text.bytes);
    }
    cr_assert_not_null(strstr(text.bytes, "{\"id\":1,\"stream\":\"a\",\"sequence\":1,"));
    cr_assert_eq(fake_stat("batches_sent"), 3);
    close(client);

    // Cut off, it comes back with the id of the first batch.
    struct fake_text again = {0};
    client = fake_get("/streams/a?batch=event", "Last-Event-ID: 3\r\n");
    fake_expect(client, &again, "id: 7\nevent: batch\ndata: [{\"id\":4,");
    close(client);
    fake_stop();
    fake_text_free(&text);
    fake_text_free(&again);
}

// Every event of the batches once and in order; returns how many.
static uint64_t count_batched(const struct fake_text *text)
{
    uint64_t expected = 1;
    const char *at = text->bytes;
    while ((at = strstr(at, "{\"id\":")) != NULL) {
        cr_assert_eq(strtoull(at + 6, NULL, 10), expected++);
        at++;
    }
    return expected - 1;
}

Test(worker_quality, batches_as_events_keep_to_the_rate)
{
    fake_start(&defaults);
    publish_many("a", "x", 40);
    struct fake_text text = {0};
    int client = fake_get("/streams/a?from=earliest&batch=event&events_per_second=50&burst=10", "");
    fake_expect(client, &text, "id: 40\n");
    fake_expect(client, &text, "{\"id\":40,");
    cr_assert_eq(count_batched(&text), 40);
    cr_assert_not_null(strstr(text.bytes, "id: 10\nevent: batch\n"), "the burst is one batch");
    cr_assert_geq(fake_stat("rate_waits"), 1);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

// A batch that ends where events are lost is not the end: the first reader finds out what the disk
// lost, so that the second one comes to it with a batch in its hands.
Test(worker_quality, batches_as_events_go_on_behind_a_loss)
{
    fake_start(&defaults);
    for (int i = 0; i < 3; i++) {
        fake_publish_one("a", "x");
    }
    fake_make_cold();
    cr_assert(fake_corrupt_block(1));
    for (int i = 0; i < 2; i++) {
        struct fake_text text = {0};
        int client = fake_get("/streams/a?from=earliest&batch=event", "");
        fake_expect(client, &text, "{\"id\":3,");
        const char *batch = strstr(text.bytes, "{\"id\":1,");
        const char *gap = strstr(text.bytes, "event: gap\ndata: {\"from\":2,\"to\":2,");
        cr_assert(batch != NULL && gap != NULL && batch < gap, "%s", text.bytes);
        close(client);
        fake_text_free(&text);
    }
    fake_stop();
}

// What does not fit a batch goes alone, whatever its size; slow readers get each byte once.
Test(worker_quality, batches_as_events_bear_slow_readers)
{
    enum { EVENTS = 120, BYTES_MAX = 150 * 1000 };
    fake_start(&defaults);
    static char data[BYTES_MAX + 1];
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < EVENTS; i++) {
        uint32_t length = i % 3 == 0 ? BYTES_MAX - i : 20000 + i;
        memset(data, 'a' + (int)(i % 26), length);
        data[length] = 0;
        fake_publish_one("a", data);
        bytes += length;
    }
    struct fake_text text = {0};
    int client =
        fake_connect("GET /streams/a?from=earliest&batch=event HTTP/1.1\r\nHost: x\r\n\r\n", 4096);
    fake_run(100);
    fake_expect(client, &text, "{\"id\":120,");
    fake_expect(client, &text, "]\n\n");
    while (fake_read(client, &text, "\n\n\n", 100)) {
    }
    cr_assert_eq(count_batched(&text), EVENTS);
    cr_assert_gt(text.length, bytes);
    cr_assert_lt(text.length, bytes + EVENTS * 200);
    for (uint32_t i = 0; i < EVENTS; i++) {
        char head[32];
        snprintf(head, sizeof(head), "{\"id\":%u,", i + 1);
        const char *at = strstr(text.bytes, head);
        cr_assert_not_null(at);
        at = strstr(at, "\"data\":\"") + strlen("\"data\":\"");
        uint32_t length = i % 3 == 0 ? BYTES_MAX - i : 20000 + i;
        char wanted[2] = {(char)('a' + (int)(i % 26)), 0};
        cr_assert_eq(strspn(at, wanted), length);
    }
    cr_assert_gt(fake_stat("short_sends"), 0);
    close(client);
    fake_stop();
    fake_text_free(&text);
}
