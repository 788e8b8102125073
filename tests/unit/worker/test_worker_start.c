// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// From the request to the first event, where answers of the log come late, fail, or are another
// request's.
#include "fake_log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct fake_options defaults;

TestSuite(worker_start, .timeout = 60);

// A subscriber whose stream the worker knows from then on.
static int subscribe(const char *target, struct fake_text *text)
{
    int client = fake_get(target, "");
    fake_expect(client, text, "retry: 5000\n\n");
    return client;
}

Test(worker_start, a_request_that_timed_out_leaves_nothing_to_the_next)
{
    struct fake_options options = {.terms = {.request_timeout_ms = 500}};
    fake_start(&options);
    fake_hold();
    struct fake_text text = {0};
    int client = fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n"
                              "GET /streams/b HTTP/1.1\r\nHost: x\r\n\r\n",
                              0);
    fake_expect(client, &text, "HTTP/1.1 503");
    fake_wait_held(2);
    fake_release(FAKE_RELEASE_ALL);
    fake_expect(client, &text, "retry: 5000\n\n");
    fake_publish_one("a", "of the request that timed out");
    fake_publish_one("b", "of the next");
    fake_expect(client, &text, "of the next\n\n");
    cr_assert_null(strstr(text.bytes, "that timed out"));
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker_start, answers_for_an_earlier_request_do_not_count_for_the_next)
{
    struct fake_options options = {.terms = {.unknown_stream_is_404 = true}};
    fake_start(&options);
    fake_publish_one("c", "one");
    fake_hold();
    struct fake_text text = {0};
    int client = fake_connect("GET /events?stream=a&stream=b HTTP/1.1\r\nHost: x\r\n\r\n"
                              "GET /streams/c?from=last:1 HTTP/1.1\r\nHost: x\r\n\r\n",
                              0);
    fake_wait_held(2);
    fake_release(1);
    fake_expect(client, &text, "HTTP/1.1 404");
    fake_wait_held(2); // b of the first request, c of the second
    fake_release(1);
    fake_run(50);
    fake_release(FAKE_RELEASE_ALL);
    fake_expect(client, &text, "data: one\n\n");
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker_start, an_earlier_look_up_does_not_answer_the_next_request)
{
    struct fake_options options = {.terms = {.request_timeout_ms = 500}};
    fake_start(&options);
    for (int i = 0; i < 5; i++) {
        fake_publish_one("a", "x");
    }
    struct fake_text first = {0};
    struct fake_text text = {0};
    int other = subscribe("/streams/a", &first);
    fake_hold();
    int client = fake_connect("GET /streams/a?from=last:3 HTTP/1.1\r\nHost: x\r\n\r\n"
                              "GET /streams/a?from=last:1 HTTP/1.1\r\nHost: x\r\n\r\n",
                              0);
    fake_expect(client, &text, "HTTP/1.1 503");
    fake_wait_held(2);
    fake_release(1);
    fake_run(50);
    fake_release(FAKE_RELEASE_ALL);
    fake_expect(client, &text, "retry: 5000\n\nid: 5\n");
    close(client);
    close(other);
    fake_stop();
    fake_text_free(&first);
    fake_text_free(&text);
}

// The look-up of another one, which begins earlier and ends before the resume point, says nothing
// of whether that is ahead of the log.
Test(worker_start, a_shared_look_up_does_not_make_a_resume_point_ahead)
{
    fake_start(&defaults);
    for (int i = 0; i < 40; i++) {
        fake_publish_one("a", "old");
    }
    struct fake_text texts[3] = {{0}};
    int first = subscribe("/streams/a", &texts[0]);
    for (int i = 0; i < 60; i++) {
        fake_publish_one("b", "of another stream");
    }
    fake_hold();
    int second = subscribe("/streams/a?from=earliest", &texts[1]);
    fake_wait_held(1);
    int third = fake_get("/streams/a", "Last-Event-ID: 70\r\n");
    fake_run(100);
    fake_release(FAKE_RELEASE_ALL);
    fake_expect(third, &texts[2], "retry: 5000\n\n");
    fake_publish_one("a", "new");
    fake_expect(third, &texts[2], "data: new\n\n");
    cr_assert_null(strstr(texts[2].bytes, "Ringcast-Gap"), "%s", texts[2].bytes);
    cr_assert_null(strstr(texts[2].bytes, "data: old"), "%s", texts[2].bytes);
    fake_expect(second, &texts[1], "data: new\n\n");
    close(first);
    close(second);
    close(third);
    fake_stop();
    for (int i = 0; i < 3; i++) {
        fake_text_free(&texts[i]);
    }
}

// More requests that wait for the log, each with something behind it, than there are receive
// buffers.
Test(worker_start, requests_that_wait_leave_others_their_buffers)
{
    enum { CLIENTS = RECEIVE_BUFFERS + 8 };
    struct fake_options options = {.terms = {.request_timeout_ms = 30000}};
    fake_start(&options);
    fake_hold();
    int clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\nGET /more", 0);
        fake_run(0);
    }
    fake_wait_held(1);
    fake_run(50);
    struct fake_text text = {0};
    int client = fake_get("/healthz", "");
    fake_expect(client, &text, "ok\n");
    fake_release(FAKE_RELEASE_ALL);
    for (int i = 0; i < CLIENTS; i++) {
        close(clients[i]);
    }
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker_start, those_that_were_refused_do_not_count)
{
    struct fake_options options = {.terms = {.connections_max = 2}};
    fake_start(&options);
    struct fake_text texts[3] = {{0}};
    int clients[3];
    for (int i = 0; i < 2; i++) {
        clients[i] = subscribe("/streams/a", &texts[i]);
    }
    clients[2] = fake_get("/streams/a", "");
    fake_expect(clients[2], &texts[2], "HTTP/1.1 503");
    cr_assert_eq(fake_connections(), 2); // also while the third lingers
    for (int i = 0; i < 3; i++) {
        close(clients[i]);
    }
    for (int i = 0; i < 500 && fake_connections() > 0; i++) {
        fake_run(10);
    }
    cr_assert_eq(fake_connections(), 0);
    fake_stop();
    for (int i = 0; i < 3; i++) {
        fake_text_free(&texts[i]);
    }
}

Test(worker_start, a_log_that_cannot_look_up_is_told)
{
    fake_start(&defaults);
    fake_publish_one("a", "x");
    fake_fail_lookups(ERR_LOG_ERROR);
    struct fake_text text = {0};
    int client = fake_connect("GET /streams/a?from=last:1 HTTP/1.1\r\nHost: x\r\n\r\n"
                              "GET /streams/a?from=earliest HTTP/1.1\r\nHost: x\r\n\r\n",
                              0);
    fake_expect(client, &text, "\"code\":\"log_error\"");
    cr_assert(fake_read(client, &text, NULL, FAKE_WAIT_MS), "begun, then ended");
    cr_assert_not_null(strstr(text.bytes, "HTTP/1.1 200"));
    close(client);
    fake_text_free(&text);
    fake_fail_lookups(ERR_NONE);
    client = fake_get("/streams/a?from=earliest", "");
    fake_expect(client, &text, "data: x\n\n");
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker_start, one_waits_for_a_stream_that_another_wants_only_if_it_is_known)
{
    fake_start(&defaults);
    fake_hold();
    struct fake_text texts[2] = {{0}};
    int asker = fake_get("/stream?stream_id=a", "");
    fake_wait_held(1); // asked without making it
    int waiter = fake_get("/streams/a", "");
    fake_run(50);
    fake_release(FAKE_RELEASE_ALL);
    fake_expect(asker, &texts[0], "HTTP/1.1 404");
    fake_expect(waiter, &texts[1], "retry: 5000\n\n");
    fake_publish_one("a", "first");
    fake_expect(waiter, &texts[1], "data: first\n\n");
    close(asker);
    close(waiter);
    fake_stop();
    fake_text_free(&texts[0]);
    fake_text_free(&texts[1]);
}

// Cut off before its first event, a subscriber has an id to come back with: nothing is missed
// behind it, and what a busy stream held before does not come because another was quiet.
Test(worker_start, a_response_begins_with_the_id_to_resume_behind)
{
    static const struct {
        const char *target, *first;
    } starts[] = {
        {"/streams/quiet", "\r\n\r\nid: 3\nretry: 5000\n\n"},
        {"/events?stream=quiet&stream=busy", "\r\n\r\nid: 3\nretry: 5000\n\n"},
        {"/streams/new", "\r\n\r\nid: 3\nretry: 5000\n\n"},
        {"/streams/busy?from=last:1", "\r\n\r\nid: 2\nretry: 5000\n\n"},
        {"/streams/busy?from=earliest", "\r\n\r\nid: 0\nretry: 5000\n\n"},
        {"/streams/busy?last_event_id=1", "\r\n\r\nid: 1\nretry: 5000\n\n"},
    };
    fake_start(&defaults);
    fake_publish_one("quiet", "x");
    fake_publish_one("busy", "x");
    fake_publish_one("busy", "x");
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        struct fake_text text = {0};
        int client = fake_get(starts[i].target, "");
        fake_expect(client, &text, starts[i].first);
        close(client);
        fake_text_free(&text);
    }
    fake_stop();
}

// Given up and asked for again, over and over, while events come.
Test(worker_start, streams_come_and_go)
{
    fake_start(&defaults);
    uint64_t id = 0;
    for (int i = 0; i < 100; i++) {
        struct fake_text text = {0};
        int client = fake_get("/streams/a?from=earliest", id > 0 ? "Last-Event-ID: 0\r\n" : "");
        id = fake_publish_one("a", "x");
        char last[32];
        snprintf(last, sizeof(last), "id: %llu\n", (unsigned long long)id);
        fake_expect(client, &text, last);
        uint64_t next = 1;
        const char *at = strstr(text.bytes, "retry: 5000\n");
        for (; (at = strstr(at, "\nid: ")) != NULL; at += 5) {
            cr_assert_eq(strtoull(at + 5, NULL, 10), next);
            next++;
        }
        cr_assert_eq(next, id + 1);
        close(client);
        fake_text_free(&text);
    }
    fake_stop();
}

// Blocks passed the worker by. It cannot tell by itself how far the stream has come.
Test(worker_start, a_resume_token_from_what_was_missed_is_not_ahead)
{
    fake_start(&defaults);
    fake_publish_one("a", "x");
    struct fake_text texts[2] = {{0}};
    int first = subscribe("/streams/a", &texts[0]);
    fake_lap(true, false);
    for (int i = 0; i < 9; i++) {
        fake_publish_one("a", "x");
    }
    fake_hold(); // nobody else has learnt it from the log when it is asked for
    fake_lap(false, false);
    fake_run(50);
    int second = fake_get("/streams/a?resume_token=YTo5", ""); // a:9
    fake_run(100);
    fake_release(FAKE_RELEASE_ALL);
    fake_expect(second, &texts[1], "retry: 5000\n\nid: 10\n");
    fake_expect(first, &texts[0], "id: 10\n");
    cr_assert_null(strstr(texts[1].bytes, "Ringcast-Gap"));
    close(first);
    close(second);
    fake_stop();
    fake_text_free(&texts[0]);
    fake_text_free(&texts[1]);
}

// Its first reader may come before its first event.
Test(worker_start, a_stream_that_was_made_is_there_without_events)
{
    const struct fake_options options = {0};
    fake_start(&options);
    struct fake_text texts[4] = {{0}};
    int clients[4];
    clients[0] = fake_get("/stream?stream_id=a", "");
    fake_expect(clients[0], &texts[0], "HTTP/1.1 404");
    fake_set_life("a", STREAM_OPEN);
    clients[1] = fake_get("/stream?stream_id=a", "");
    fake_expect(clients[1], &texts[1], "retry: 5000\n\n");
    // Also where somebody waits for it already.
    clients[2] = fake_get("/streams/b", "");
    fake_expect(clients[2], &texts[2], "retry: 5000\n\n");
    fake_set_life("b", STREAM_OPEN);
    fake_run(20);
    clients[3] = fake_get("/stream?stream_id=b", "");
    fake_expect(clients[3], &texts[3], "retry: 5000\n\n");
    for (int i = 0; i < 4; i++) {
        close(clients[i]);
        fake_text_free(&texts[i]);
    }
    fake_stop();
}
