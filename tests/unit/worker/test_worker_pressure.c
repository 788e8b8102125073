// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// What a worker leaves out while memory is short.
#include "fake_log.h"
#include "worker/worker_internal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct pressure_board board;

TestSuite(worker_pressure, .timeout = 60);

static const struct shard *shard(void)
{
    return &fake_worker()->shard;
}

static void set_stage(enum pressure_stage stage)
{
    atomic_store(&board.stage, stage);
    loop_wake(worker_loop(fake_worker()), NULL);
    for (int i = 0; i < FAKE_WAIT_MS && shard()->pressure != stage; i++) {
        fake_run(1);
    }
    cr_assert_eq(shard()->pressure, stage);
}

static void start(enum pressure_stage stage)
{
    struct fake_options options = {.shard = {.pressure = &board}};
    fake_start(&options);
    set_stage(stage);
}

static void publish_some(const char *name, int count)
{
    for (int i = 0; i < count; i++) {
        fake_publish_one(name, "some text that takes a little room");
    }
}

static void expect_answer(const char *target, const char *expected)
{
    struct fake_text text = {0};
    int client = fake_get(target, "");
    fake_expect(client, &text, expected);
    close(client);
    fake_text_free(&text);
}

// The whole answer, until the broker closes.
static void expect_refusal(const char *target, const char *detail)
{
    struct fake_text text = {0};
    int client = fake_get(target, "");
    fake_read(client, &text, "no such thing", FAKE_WAIT_MS);
    cr_assert(text.is_over, "%s: closed after the answer", target);
    cr_assert_not_null(strstr(text.bytes, "HTTP/1.1 503"), "%s: %s", target, text.bytes);
    cr_assert_not_null(strstr(text.bytes, "\r\nRetry-After: "), "%s", text.bytes);
    cr_assert_not_null(strstr(text.bytes, "\r\nConnection: close\r\n"), "%s", text.bytes);
    cr_assert_not_null(strstr(text.bytes, "\"code\":\"overloaded\""), "%s", text.bytes);
    cr_assert_not_null(strstr(text.bytes, detail), "%s", text.bytes);
    close(client);
    fake_text_free(&text);
}

static const struct shard_stats *stats(void)
{
    return &shard()->stats;
}

Test(worker_pressure, replays_from_disk_are_refused)
{
    start(PRESSURE_NO_REPLAYS);
    publish_some("old", 20);
    fake_make_cold();
    publish_some("new", 20);
    static const char *const cold[] = {
        "/streams/old?from=earliest", "/streams/old?from=3",
        "/streams/old?from=last:5",   "/events?stream=new&stream=old&from=earliest",
        "/streams/old?from=time:1",
    };
    for (size_t i = 0; i < sizeof(cold) / sizeof(cold[0]); i++) {
        expect_refusal(cold[i], "read from disk");
        cr_assert_eq(stats()->replays_refused, i + 1);
    }
    static const char *const others[] = {
        "/streams/old",
        "/streams/old?from=20",
        "/streams/new?from=earliest",
        "/streams/new?from=last:5",
        "/streams/fresh?from=earliest",
        "/events?stream=new&stream=fresh&from=earliest",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        expect_answer(others[i], "retry: 5000\n\n");
    }
    expect_answer("/streams/new?from=earliest", "id: 40\n");
    cr_assert_eq(stats()->replays_refused, 5);
    set_stage(PRESSURE_NONE);
    expect_answer("/streams/old?from=earliest", "id: 20\n");
    fake_stop();
}

// A stream that this worker has read for a while: its window tells without the log.
Test(worker_pressure, a_window_may_begin_on_disk)
{
    start(PRESSURE_NO_REPLAYS);
    struct fake_text text = {0};
    int client = fake_get("/streams/a", "");
    fake_expect(client, &text, "retry: 5000\n\n");
    publish_some("a", 3);
    fake_expect(client, &text, "id: 3\n");
    uint32_t lookups = fake_lookups();
    expect_answer("/streams/a?from=0", "id: 3\n");
    fake_make_cold();
    expect_refusal("/streams/a?from=0", "read from disk");
    publish_some("a", 1);
    expect_answer("/streams/a?from=3", "id: 4\n");
    cr_assert_eq(fake_lookups(), lookups);
    close(client);
    fake_text_free(&text);
    fake_stop();
}

Test(worker_pressure, a_replay_that_runs_goes_on)
{
    start(PRESSURE_NONE);
    publish_some("a", 200);
    fake_make_cold();
    struct fake_text text = {0};
    int client = fake_get("/streams/a?from=earliest", "");
    fake_expect(client, &text, "retry: 5000\n\n");
    set_stage(PRESSURE_REFUSE);
    fake_expect(client, &text, "id: 200\n");
    publish_some("a", 1);
    fake_expect(client, &text, "id: 201\n");
    close(client);
    fake_text_free(&text);
    fake_stop();
}

Test(worker_pressure, new_subscriptions_are_refused)
{
    start(PRESSURE_REFUSE);
    expect_refusal("/streams/a", "takes no new subscriptions");
    expect_refusal("/events?stream=a&stream=b", "takes no new subscriptions");
    cr_assert_eq(stats()->subscriptions_refused, 2);
    expect_answer("/healthz", "HTTP/1.1 200"); // it lives
    set_stage(PRESSURE_SHED);
    expect_answer("/streams/a", "retry: 5000\n\n");
    fake_stop();
}

Test(worker_pressure, caches_shrink)
{
    enum { DATA_BYTES = 40 << 10, EVENTS = 20 };
    static char data[DATA_BYTES];
    memset(data, 'x', DATA_BYTES - 1);
    start(PRESSURE_NONE);
    for (int i = 0; i < EVENTS; i++) {
        fake_publish_one("a", data);
    }
    fake_make_cold();
    expect_answer("/events?stream=a&from=earliest", "id: 20\n");
    uint64_t bytes_max = shard()->terms->cold_bytes_max;
    cr_assert_gt(shard()->cold.bytes_used, bytes_max / 2);
    cr_assert_not_null(shard()->renditions.bytes);
    set_stage(PRESSURE_NO_REPLAYS);
    for (int i = 0; i < FAKE_WAIT_MS && shard()->cold.bytes_used > bytes_max / 8; i++) {
        fake_run(1);
    }
    cr_assert_leq(shard()->cold.bytes_used, bytes_max / 8);
    cr_assert_null(shard()->renditions.bytes);
    set_stage(PRESSURE_NONE);
    expect_answer("/events?stream=a&from=earliest", "id: 20\n");
    cr_assert_gt(shard()->cold.bytes_used, bytes_max / 2);
    fake_stop();
}

// --- background events ---

enum { BIG_BYTES = 1000 * 1000, BIGS = 8, PAIRS = 10 };

static char big[BIG_BYTES + 1];

// A subscriber whose socket is full.
static int hold_up(struct fake_text *text)
{
    memset(big, 'x', BIG_BYTES);
    int client = fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n", 4096);
    fake_expect(client, text, "retry: 5000\n\n");
    for (int i = 0; i < BIGS; i++) {
        fake_publish_one("a", big);
    }
    for (int i = 0; i < FAKE_WAIT_MS && stats()->short_sends == 0; i++) {
        fake_run(1);
    }
    cr_assert_gt(stats()->short_sends, 0);
    return client;
}

static void publish_pairs(uint32_t pairs)
{
    for (uint32_t i = 0; i < pairs; i++) {
        fake_set_priority(PRIORITY_BACKGROUND);
        fake_publish_one("a", "dispensable");
        fake_set_priority(PRIORITY_NORMAL);
        fake_publish_one("a", "indispensable");
    }
}

static uint32_t count_of(const struct fake_text *text, const char *wanted)
{
    uint32_t count = 0;
    for (const char *at = text->bytes; (at = strstr(at, wanted)) != NULL; at++) {
        count++;
    }
    return count;
}

// Of all gaps with this reason, as told.
static uint64_t told_missing(const struct fake_text *text, const char *reason)
{
    uint64_t sum = 0;
    for (const char *at = text->bytes; (at = strstr(at, "event: gap\n")) != NULL; at++) {
        const char *count = strstr(at, "\"count\":");
        const char *why = strstr(at, "\"reason\":\"");
        cr_assert(count != NULL && why != NULL);
        if (strncmp(why + strlen("\"reason\":\""), reason, strlen(reason)) == 0) {
            sum += strtoull(count + strlen("\"count\":"), NULL, 10);
        }
    }
    return sum;
}

Test(worker_pressure, one_that_lags_gets_no_background_events)
{
    start(PRESSURE_SHED);
    struct fake_text text = {0};
    int client = hold_up(&text);
    struct fake_text healthy_text = {0};
    int healthy = fake_get("/streams/a", "");
    fake_expect(healthy, &healthy_text, "retry: 5000\n\n");
    publish_pairs(PAIRS);
    fake_publish_one("a", "the end");
    fake_expect(healthy, &healthy_text, "the end");
    cr_assert_eq(count_of(&healthy_text, "data: dispensable"), PAIRS);
    fake_expect(client, &text, "the end");
    cr_assert_eq(count_of(&text, "data: dispensable"), 0);
    cr_assert_eq(count_of(&text, "data: indispensable"), PAIRS);
    cr_assert_eq(told_missing(&text, "shed"), PAIRS);
    cr_assert_eq(stats()->events_shed, PAIRS);
    // Once it keeps up it gets them again.
    fake_set_priority(PRIORITY_BACKGROUND);
    fake_publish_one("a", "welcome");
    fake_expect(client, &text, "data: welcome");
    close(client);
    close(healthy);
    fake_text_free(&text);
    fake_text_free(&healthy_text);
    fake_stop();
}

Test(worker_pressure, before_that_stage_it_gets_them)
{
    start(PRESSURE_NO_REPLAYS);
    struct fake_text text = {0};
    int client = hold_up(&text);
    publish_pairs(PAIRS);
    fake_publish_one("a", "the end");
    fake_expect(client, &text, "the end");
    cr_assert_eq(count_of(&text, "data: dispensable"), PAIRS);
    cr_assert_null(strstr(text.bytes, "event: gap"));
    close(client);
    fake_text_free(&text);
    fake_stop();
}

// Nothing to shed: nothing is told.
Test(worker_pressure, one_without_background_events_gets_all)
{
    start(PRESSURE_SHED);
    struct fake_text text = {0};
    int client = hold_up(&text);
    fake_publish_one("a", "the end");
    fake_expect(client, &text, "the end");
    cr_assert_null(strstr(text.bytes, "event: gap"));
    cr_assert_eq(stats()->events_shed, 0);
    close(client);
    fake_text_free(&text);
    fake_stop();
}

// A backlog without background events is gone through once, not again for each socketful.
Test(worker_pressure, a_backlog_is_looked_through_once)
{
    enum { DATA_BYTES = 20000, EVENTS = 200 };
    static char data[DATA_BYTES + 1];
    memset(data, 'x', DATA_BYTES);
    start(PRESSURE_SHED);
    struct fake_text text = {0};
    int client = fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n", 4096);
    fake_expect(client, &text, "retry: 5000\n\n");
    for (int i = 0; i < EVENTS; i++) {
        fake_publish_one("a", data);
    }
    fake_make_cold();
    uint64_t reads = shard()->cold.reads;
    fake_expect(client, &text, "id: 200\n");
    // Once for the look, once for the sends, and a little that had gone again.
    cr_assert_leq(shard()->cold.reads - reads, 3 * EVENTS);
    cr_assert_null(strstr(text.bytes, "event: gap"));
    close(client);
    fake_text_free(&text);
    fake_stop();
}

// What the policy leaves of the backlog is shed as well, and both are told.
Test(worker_pressure, beyond_the_limit_the_policy_comes_first)
{
    static const enum overflow_policy policies[] = {OVERFLOW_DROP_OLDEST, OVERFLOW_DROP_NEWEST,
                                                    OVERFLOW_DROP_LOWEST};
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        struct fake_options options = {
            .shard = {.pressure = &board},
            .terms = {.overflow = {.policy = policies[i], .limits = {.events = PAIRS}}}};
        fake_start(&options);
        set_stage(PRESSURE_SHED);
        struct fake_text text = {0};
        int client = hold_up(&text);
        publish_pairs(3 * PAIRS);
        uint64_t last = fake_publish_one("a", "the end");
        char end[64];
        snprintf(end, sizeof(end), "\"to\":%llu", (unsigned long long)last);
        fake_expect(client, &text, policies[i] == OVERFLOW_DROP_NEWEST ? end : "the end");
        uint64_t missing = told_missing(&text, "lagged") + told_missing(&text, "shed");
        cr_assert_eq(count_of(&text, "\ndata: ") - count_of(&text, "event: gap") + missing,
                     BIGS + 6 * PAIRS + 1);
        cr_assert_eq(told_missing(&text, "shed"), stats()->events_shed);
        close(client);
        fake_text_free(&text);
        fake_stop();
    }
}
