// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// Requests that end in every way and at any moment give back all that they took.
#include "fake_log.h"

#include "base/prng.h"
#include "worker/worker_internal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CLIENTS = 48,
    STEPS = 8000,
    TASKS_MAX = 4096,
    LARGE_BYTES = 40 << 10,
    LINES = 3000,
    REQUEST_BYTES_MAX = 512 << 10,
};

struct client {
    int socket; // -1: none
    const char *bytes;
    size_t left;
};

static struct client clients[CLIENTS];
static struct task *tasks[TASKS_MAX];
static uint32_t task_count;
static struct prng prng;
static char large[REQUEST_BYTES_MAX];
static char lines[REQUEST_BYTES_MAX];

#define HOST " HTTP/1.1\r\nHost: x\r\n"
#define HELLO                                                                      \
    "POST /streams/a" HOST "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\n" \
    "hello"

static const char *const requests[] = {
    HELLO,
    large,
    lines,
    "POST /streams/a" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworldzz\r\n",
    "POST /streams/a" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" HELLO,
    "POST /streams/a?actoin=close" HOST "Content-Length: 5\r\n\r\nhello" HELLO,
    "POST /streams/a" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
    "POST /streams/a" HOST
    "Content-Type: application/x-ndjson\r\nContent-Length: 12\r\n\r\n{\"data\":1}\nx",
    "GET /streams?limit=1000" HOST "\r\n" HELLO,
    "GET /streams/a?view=info" HOST "Connection: close\r\n\r\n",
    "HEAD /streams/a" HOST "\r\nDELETE /streams/a" HOST "\r\n",
    "PUT /streams/a" HOST "Content-Length: 22\r\n\r\n{\"retention_age\":\"1h\"}",
    "POST /streams" HOST "\r\nPOST /broadcast" HOST "Content-Length: 1\r\n\r\nx",
    "GET /streams/a?from=earliest" HOST "\r\n",
    "GET /events?stream=a&stream=b" HOST "Last-Event-ID: 1\r\n\r\n",
    "GET /streams/c" HOST "\r\n",
    "GET /streams/a?form=x" HOST "\r\n" HELLO,
    "GARBAGE\r\n\r\n",
};

TestSuite(worker_cycles, .timeout = 120);

static void take(struct task *chain)
{
    for (struct task *task = chain; task != NULL; task = task->next) {
        cr_assert_lt(task_count, TASKS_MAX);
        tasks[task_count++] = task;
    }
}

static void answer_one(void)
{
    uint32_t index = (uint32_t)prng_below(&prng, task_count);
    struct task *task = tasks[index];
    tasks[index] = tasks[--task_count];
    task->next = NULL;
    if (prng_below(&prng, 4) == 0) {
        task->error = ERR_BACKPRESSURE_EXCEEDED;
    } else if (task->kind == TASK_LIST) {
        static char list[64 << 10];
        memset(list, 'l', sizeof(list));
        cr_assert_eq(buffer_append(&task->json, list, sizeof(list)), 0);
    }
    fake_answer_tasks(task);
}

static void come(struct client *client)
{
    client->socket = fake_connect("", prng_below(&prng, 4) == 0 ? 4096 : 0);
    client->bytes = requests[prng_below(&prng, sizeof(requests) / sizeof(requests[0]))];
    client->left = strlen(client->bytes);
}

static void say(struct client *client)
{
    size_t length = prng_below(&prng, 2) == 0 ? client->left : prng_below(&prng, client->left + 1);
    ssize_t sent = send(client->socket, client->bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
        client->bytes += sent;
        client->left -= (size_t)sent;
    }
}

static void go(struct client *client)
{
    struct linger now = {.l_onoff = 1};
    if (prng_below(&prng, 2) == 0) { // at once, by a reset
        setsockopt(client->socket, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    close(client->socket);
    client->socket = -1;
}

static void step(struct client *client)
{
    static char bytes[16 << 10];
    if (client->socket < 0) {
        come(client);
        return;
    }
    switch (prng_below(&prng, 12)) {
    case 0: go(client); break;
    case 1: shutdown(client->socket, SHUT_WR); break;
    case 2:
    case 3: (void)!recv(client->socket, bytes, sizeof(bytes), MSG_DONTWAIT); break;
    default: say(client); break;
    }
}

static void make_requests(void)
{
    int length = snprintf(large, sizeof(large), "POST /streams/a" HOST "Content-Length: %d\r\n\r\n",
                          LARGE_BYTES);
    memset(large + length, 'x', LARGE_BYTES);
    length = snprintf(lines, sizeof(lines),
                      "POST /streams/a" HOST
                      "Content-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n",
                      LINES * 100);
    for (int i = 0; i < LINES; i++) {
        length += sprintf(lines + length, "{\"data\":\"%088d\"}\n", i);
    }
}

static bool holds_nothing(const struct shard *shard)
{
    return pool_used(&shard->contexts) == 0 && shard->conn_count == 0 &&
           pool_used(&shard->streams.pool) == 0;
}

Test(worker_cycles, all_that_requests_took_comes_back)
{
    struct fake_options options = {
        .terms = {.request_timeout_ms = 300, .body_timeout_ms = 300, .connections_max = CLIENTS}};
    fake_start(&options);
    fake_on_tasks(take);
    prng_seed(&prng, 20261121);
    make_requests();
    for (uint32_t i = 0; i < CLIENTS; i++) {
        clients[i].socket = -1;
    }
    for (uint32_t i = 0; i < STEPS; i++) {
        step(&clients[prng_below(&prng, CLIENTS)]);
        if (task_count > 0 && prng_below(&prng, 3) == 0) {
            answer_one();
        }
        if (i % 500 == 0) {
            fake_hold();
        } else if (i % 500 == 100) {
            fake_release(FAKE_RELEASE_ALL);
        } else if (i % 100 == 0) {
            fake_publish_one("a", "news");
        }
        fake_round(100 * 1000);
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        if (clients[i].socket >= 0) {
            go(&clients[i]);
        }
    }
    const struct shard *shard = &fake_worker()->shard;
    for (int i = 0; i < 500 && !holds_nothing(shard); i++) {
        while (task_count > 0) {
            answer_one();
        }
        fake_run(10);
    }
    do {
        fake_run(20);
    } while (!atomic_load(&fake_worker()->loop.asleep));
    cr_expect_eq(pool_used(&shard->contexts), 0);
    cr_expect_eq(pool_used(&shard->streams.pool), 0);
    cr_expect_eq(shard->conn_count, 0);
    cr_expect_eq(fake_connections(), 0);
    cr_expect_eq(shard->bodies.used_bytes, 0);
    cr_expect_eq(shard->answers.used_bytes, 0);
    cr_expect_eq(shard->waits[WAIT_HEADER].count, 0);
    cr_expect_eq(shard->waits[WAIT_BODY].count, 0);
    cr_expect_eq(shard->requests_inflight, 0);
    fake_stop();
}
