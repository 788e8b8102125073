// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// What the broker says itself: answers, pages, notices, also to those who do not take them at once.
#include "fake_log.h"

#include "worker/worker_internal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct fake_options defaults;

TestSuite(worker_answers, .timeout = 60);

static uint32_t count_of(const struct fake_text *text, const char *part)
{
    uint32_t count = 0;
    for (const char *at = text->bytes; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

Test(worker_answers, pages_and_what_there_is_not)
{
    fake_start(&defaults);
    struct fake_text text = {0};
    int client = fake_connect("GET / HTTP/1.1\r\nHost: x\r\n\r\n"
                              "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
                              "GET /main.mjs HTTP/1.1\r\nHost: x\r\n\r\n"
                              "GET /no-such-page HTTP/1.1\r\nHost: x\r\n\r\n"
                              "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"
                              "DELETE /no-such-page HTTP/1.1\r\nHost: x\r\n\r\n"
                              "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                              0);
    cr_assert(fake_read(client, &text, NULL, FAKE_WAIT_MS));
    cr_assert_eq(count_of(&text, "HTTP/1.1 200 OK\r\n"), 5);
    cr_assert_eq(count_of(&text, "HTTP/1.1 404 "), 2);
    cr_assert_eq(count_of(&text, "<!doctype html>") + count_of(&text, "<!DOCTYPE html>"), 1);
    cr_assert_not_null(strstr(text.bytes, "ok\n"));
    close(client);
    fake_stop();
    fake_text_free(&text);
}

// Requests are pooled: nothing of an earlier one may show in the answer to one that cannot be
// parsed.
Test(worker_answers, a_refused_get_after_a_head_has_its_body)
{
    fake_start(&defaults);
    struct fake_text text = {0};
    int client = fake_connect("HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n", 0);
    cr_assert(fake_read(client, &text, NULL, FAKE_WAIT_MS));
    cr_expect_not_null(strstr(text.bytes, "\"code\":\"invalid_request\""));
    close(client);
    fake_text_free(&text);
    text = (struct fake_text){0};
    client = fake_connect("HEAD /healthz HTTP/1.1\r\n\r\n", 0);
    cr_assert(fake_read(client, &text, NULL, FAKE_WAIT_MS));
    cr_expect_not_null(strstr(text.bytes, "HTTP/1.1 400 "));
    cr_expect_null(strstr(text.bytes, "\"code\""));
    close(client);
    fake_stop();
    fake_text_free(&text);
}

// The answers are more than the socket takes; none is lost, and the connection goes on.
Test(worker_answers, one_who_reads_late_gets_every_answer)
{
    enum { REQUESTS = 300 };
    fake_start(&defaults);
    static char requests[REQUESTS * 40 + 100];
    size_t length = 0;
    for (int i = 0; i < REQUESTS; i++) {
        length += (size_t)snprintf(requests + length, sizeof(requests) - length,
                                   "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    snprintf(requests + length, sizeof(requests) - length,
             "GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n");
    struct fake_text text = {0};
    int client = fake_connect(requests, 4096);
    fake_run(300);
    fake_expect(client, &text, "retry: 5000\n\n");
    cr_assert_eq(count_of(&text, "HTTP/1.1 200 OK\r\n"), REQUESTS + 1);
    fake_publish_one("a", "and on");
    fake_expect(client, &text, "retry: 5000\n\nid: 1\ndata: and on\n\n");
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker_answers, one_who_never_reads_is_closed_in_time)
{
    enum { REQUESTS = 300 };
    struct fake_options options = {.terms = {.request_timeout_ms = 300}};
    fake_start(&options);
    static char requests[REQUESTS * 40];
    size_t length = 0;
    for (int i = 0; i < REQUESTS; i++) {
        length += (size_t)snprintf(requests + length, sizeof(requests) - length,
                                   "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    int client = fake_connect(requests, 4096);
    for (int i = 0; i < 500 && (i < 10 || fake_connections() > 0); i++) {
        fake_run(10);
    }
    cr_assert_eq(fake_connections(), 0);
    close(client);
    fake_stop();
}

static void wait_until_asleep(void)
{
    do {
        fake_run(20);
    } while (!atomic_load(&fake_worker()->loop.asleep));
}

// When the only connection, which the worker has not in hand, is looked at.
static uint32_t deadline(void)
{
    const struct conn_ring *ring = &fake_worker()->shard.rings[0];
    for (uint32_t slot = 0; slot < ring->capacity; slot++) {
        if (ring->conns[slot].state == CONN_REQUEST) {
            return ring->conns[slot].timer.deadline_tick;
        }
    }
    cr_assert_fail("there is no connection");
    return 0;
}

// Not what the one before, or being idle, left of its time.
Test(worker_answers, each_request_has_its_own_time)
{
    fake_start(&defaults);
    struct fake_text text = {0};
    int client = fake_connect("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 0);
    fake_expect(client, &text, "ok\n");
    wait_until_asleep();
    uint32_t idle = deadline();
    fake_run(100);
    cr_assert_eq(send(client, "GET /he", 7, MSG_NOSIGNAL), 7);
    for (int i = 0; i < 500 && pool_used(&fake_worker()->shard.contexts) == 0; i++) {
        wait_until_asleep();
    }
    uint32_t begun = deadline();
    cr_expect_gt(begun, idle);
    fake_run(100);
    cr_assert_eq(send(client, "al", 2, MSG_NOSIGNAL), 2);
    fake_run(100);
    wait_until_asleep();
    cr_expect_eq(deadline(), begun, "its bytes do not prolong it");
    close(client);
    fake_stop();
    fake_text_free(&text);
}

static struct log_transient *transient_make(char *frame, size_t length)
{
    struct log_transient *transient = calloc(1, sizeof(*transient));
    cr_assert_not_null(transient);
    memset(frame, 't', length);
    memcpy(frame, "data: ", 6);
    memcpy(frame + length - 2, "\n\n", 3);
    transient->references = 1000;
    transient->name = slice_of("a");
    transient->data = slice_of("t");
    transient->frame = slice_from(frame, length);
    return transient;
}

static uint32_t references_of(struct log_transient *transient)
{
    return __atomic_load_n(&transient->references, __ATOMIC_ACQUIRE);
}

Test(worker_answers, what_the_socket_took_in_part_is_sent_whole)
{
    enum { LENGTH = 50000, TRANSIENTS = 20 };
    struct fake_options options = {.terms = {.heartbeat_ms = 100}};
    fake_start(&options);
    static char frame[LENGTH + 1];
    struct log_transient *transient = transient_make(frame, LENGTH);
    struct fake_text text = {0};
    int client = fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n", 4096);
    fake_expect(client, &text, "retry: 5000\n\n");
    for (int i = 0; i < TRANSIENTS; i++) {
        fake_transient(transient);
    }
    for (int i = 0; i < 1000 && references_of(transient) > 1000 - TRANSIENTS; i++) {
        fake_run(5);
    }
    fake_publish_one("a", "behind them");
    fake_run(300); // heartbeats wait, too
    fake_expect(client, &text, "id: 1\ndata: behind them\n\n");
    char *at = strstr(text.bytes, "retry: 5000\n\n") + strlen("retry: 5000\n\n");
    uint32_t count = 0;
    while (strncmp(at, "id: 1\n", 6) != 0) {
        if (strncmp(at, ":\n\n", 3) == 0) {
            at += 3;
            continue;
        }
        cr_assert_eq(memcmp(at, frame, LENGTH), 0, "%.60s", at);
        at += LENGTH;
        count++;
    }
    cr_assert_geq(count, 1);
    cr_assert_lt(count, TRANSIENTS);
    close(client);
    fake_stop();
    fake_text_free(&text);
    free(transient);
}

Test(worker_answers, one_who_leaves_too_much_of_it_is_closed)
{
    enum { LENGTH = 1000 * 1000 };
    fake_start(&defaults);
    static char frame[LENGTH + 1];
    struct log_transient *transient = transient_make(frame, LENGTH);
    struct fake_text text = {0};
    int client = fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n", 4096);
    fake_expect(client, &text, "retry: 5000\n\n");
    for (int i = 0; i < 20 && fake_connections() > 0; i++) {
        fake_transient(transient);
        fake_run(50);
    }
    cr_assert(fake_read(client, &text, NULL, FAKE_WAIT_MS));
    for (int i = 0; i < 500 && fake_connections() > 0; i++) {
        fake_run(10);
    }
    cr_assert_eq(fake_connections(), 0);
    close(client);
    fake_stop();
    fake_text_free(&text);
    free(transient);
}

Test(worker_answers, the_end_does_not_wait_for_one_who_takes_nothing)
{
    enum { LENGTH = 50000 };
    fake_start(&defaults);
    static char frame[LENGTH + 1];
    struct log_transient *transient = transient_make(frame, LENGTH);
    struct fake_text text = {0};
    int client = fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n", 4096);
    int begun = fake_connect("GET /streams/a HT", 0);
    fake_expect(client, &text, "retry: 5000\n\n");
    for (int i = 0; i < 20; i++) {
        fake_transient(transient);
    }
    fake_run(50);
    fake_stop();
    close(client);
    close(begun);
    fake_text_free(&text);
    free(transient);
}

// It is told so, and that nothing of it was taken.
Test(worker_answers, a_request_that_the_end_finds_half_read_is_answered)
{
    fake_start(&defaults);
    struct fake_text text = {0};
    int body =
        fake_connect("POST /streams/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel", 0);
    int header = fake_connect("POST /streams/a HT", 0);
    int idle = fake_connect("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 0);
    fake_expect(idle, &text, "ok\n");
    fake_run(50);
    fake_stop();
    char bytes[1024];
    for (int i = 0; i < 2; i++) {
        int client = i == 0 ? body : header;
        ssize_t length = recv(client, bytes, sizeof(bytes) - 1, 0);
        cr_assert_gt(length, 0);
        bytes[length] = 0;
        cr_expect_not_null(strstr(bytes, "\"code\":\"shutting_down\""), "%s", bytes);
        close(client);
    }
    cr_expect_eq(recv(idle, bytes, sizeof(bytes), 0), 0);
    close(idle);
    fake_text_free(&text);
}
