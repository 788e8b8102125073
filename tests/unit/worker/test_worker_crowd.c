// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// Many clients that send slowly, take no answers, or wait for a log that gives none: they keep
// nobody out.
#include "fake_log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLOW = SHARD_WAITS_HEADER_MAX + 1, ASKING = SHARD_ASKING_MAX };
#define HALF   "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "
#define HEALTH "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

static int slow[ASKING];
static struct fake_text text;

static void begin(void)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    static const struct fake_options options = {
        .terms = {.connections_max = 4096, .request_timeout_ms = 60000}};
    fake_start(&options);
}

static void end(void)
{
    fake_stop();
    fake_text_free(&text);
}

TestSuite(worker_crowd, .init = begin, .fini = end, .timeout = 60);

static void send_text(int client, const char *bytes)
{
    size_t length = strlen(bytes);
    cr_assert_eq(send(client, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
}

static void expect_health(int client)
{
    fake_text_free(&text);
    fake_expect(client, &text, "\r\n\r\nok\n");
}

static void connect_slow(int count, const char *request)
{
    for (int i = 0; i < count; i++) {
        slow[i] = fake_connect(request, 4096);
        fake_run(i % 32 == 0);
    }
}

static void close_slow(int count)
{
    for (int i = 0; i < count; i++) {
        close(slow[i]);
    }
}

Test(worker_crowd, of_too_many_slow_ones_the_oldest_is_given_up)
{
    connect_slow(SLOW - 1, HALF);
    fake_run(50);
    send_text(slow[0], "a byte keeps no place");
    fake_run(50);
    slow[SLOW - 1] = fake_connect(HALF, 0);
    fake_expect(slow[0], &text, "HTTP/1.1 408 ");
    cr_expect(fake_read(slow[0], &text, NULL, FAKE_WAIT_MS) && text.is_over);
    for (int i = 1; i < SLOW; i += SLOW / 4) {
        send_text(slow[i], "over\r\n\r\n"); // the others are answered as ever
        expect_health(slow[i]);
    }
    close_slow(SLOW);
}

Test(worker_crowd, who_asks_on_without_taking_its_answers_is_slow_as_well)
{
    enum { ASKS = 140 }; // a buffer full: more than the socket takes
    char request[ASKS * sizeof("GET / HTTP/1.1\r\nHost: x\r\n\r\n")] = "";
    for (int i = 0; i < ASKS; i++) {
        strcat(request, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    connect_slow(SLOW, request);
    for (int i = 0; i < 1000 && fake_connections() == SLOW; i++) {
        fake_run(5);
    }
    cr_expect_lt(fake_connections(), SLOW);
    int client = fake_connect(HEALTH, 0);
    expect_health(client);
    close(client);
    close_slow(SLOW);
}

static uint32_t task_count;

static void keep(struct task *chain)
{
    for (struct task *task = chain; task != NULL; task = task->next) {
        task_count++;
    }
}

Test(worker_crowd, who_waits_for_the_log_keeps_nobody_out)
{
    fake_on_tasks(keep);
    connect_slow(ASKING, "DELETE /streams/a HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < 1000 && task_count < ASKING; i++) {
        fake_run(5);
    }
    cr_assert_eq(task_count, ASKING);
    int refused = fake_connect("DELETE /streams/a HTTP/1.1\r\nHost: x\r\n\r\n", 0);
    fake_expect(refused, &text, "HTTP/1.1 503 ");
    close(refused);
    int client = fake_connect(HEALTH, 0);
    expect_health(client);
    int subscriber = fake_get("/streams/a", "");
    fake_text_free(&text);
    fake_expect(subscriber, &text, "retry: 5000\n\n");
    close(subscriber);
    close(client);
    close_slow(ASKING);
}
