// link: tests/unit/worker/fake_log.c
// What a worker leaves out while memory is short.
#include "fake_log.h"
#include "worker/worker_internal.h"

#include <criterion/criterion.h>
#include <stdio.h>
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
    uint64_t bytes_max = shard()->options.cold_bytes_max;
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
