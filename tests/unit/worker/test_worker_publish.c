// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// What HTTP clients ask of the log thread, which is played here: it keeps the tasks that come, and
// answers when told.
#include "fake_log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TASKS_MAX = 64 };

static struct task *tasks[TASKS_MAX];
static uint32_t task_count;
static uint32_t chains;
static struct fake_text text;

static void take(struct task *chain)
{
    chains++;
    for (struct task *task = chain; task != NULL; task = task->next) {
        cr_assert_lt(task_count, TASKS_MAX);
        tasks[task_count++] = task;
    }
}

static void start_with(const struct fake_options *options)
{
    fake_start(options);
    fake_on_tasks(take);
}

static void start(void)
{
    static const struct fake_options defaults;
    start_with(&defaults);
}

static void finish(int client)
{
    close(client);
    fake_stop();
    fake_text_free(&text);
}

// Waits until so many have come in all.
static struct task *wait_tasks(uint32_t count)
{
    for (int i = 0; i < 1000 && task_count < count; i++) {
        fake_run(5);
    }
    cr_assert_eq(task_count, count);
    return tasks[count - 1];
}

static void answer(struct task *task)
{
    task->next = NULL;
    fake_answer_tasks(task);
}

static void answer_published(struct task *task, uint64_t id)
{
    task->id = id;
    task->sequence = id;
    task->accepted = task->event_count;
    answer(task);
}

static void forget(void)
{
    text.length = 0;
    if (text.bytes != NULL) {
        text.bytes[0] = 0;
    }
}

static void send_text(int client, const char *bytes)
{
    size_t length = strlen(bytes);
    cr_assert_eq(send(client, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
}

static uint32_t count_of(const char *part)
{
    uint32_t count = 0;
    for (const char *at = text.bytes; at != NULL && (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

#define POST(target, fields, body) "POST " target " HTTP/1.1\r\nHost: x\r\n" fields "\r\n" body

TestSuite(worker_publish, .timeout = 60);

Test(worker_publish, an_event_goes_to_the_log_thread_and_its_answer_to_the_client)
{
    start();
    int client = fake_connect(POST("/streams/a%2Fb?type=t&priority=high",
                                   "Content-Type: text/plain\r\nContent-Length: 5\r\n", "hello"),
                              0);
    struct task *task = wait_tasks(1);
    cr_expect_eq(task->kind, TASK_PUBLISH);
    cr_expect_eq(task->level, ACK_WRITTEN);
    cr_expect_eq(task->event_count, 1);
    cr_expect(slice_equal_text(task->stream, "a/b"));
    cr_expect(slice_equal_text(task->events[0].stream, "a/b"));
    cr_expect(slice_equal_text(task->events[0].type, "t"));
    cr_expect(slice_equal_text(task->events[0].data, "hello"));
    cr_expect_eq(task->events[0].priority, PRIORITY_HIGH);
    cr_expect(!fake_read(client, &text, "HTTP/1.1", 20), "it waits for the log");
    answer_published(task, 7);
    fake_expect(client, &text, "{\"id\":7,\"sequence\":7,\"accepted\":1,\"duplicates\":0}\n");
    cr_expect_eq(count_of("HTTP/1.1 200 OK\r\n"), 1);
    cr_expect_eq(count_of("Connection: keep-alive\r\n"), 1);
    finish(client);
}

Test(worker_publish, requests_of_a_connection_are_answered_one_after_the_other)
{
    start();
    int client = fake_connect(
        POST("/streams/a", "Content-Length: 1\r\n", "1")
            POST("/streams/a", "Content-Length: 1\r\n",
                 "2") "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" POST("/streams/a",
                                                                      "Content-Length: 1\r\n", "3"),
        0);
    for (uint32_t i = 1; i <= 3; i++) {
        struct task *task = wait_tasks(i);
        fake_run(20);
        cr_assert_eq(task_count, i, "the next one waits");
        cr_expect_eq(task->events[0].data.at[0], '0' + i);
        answer_published(task, i);
    }
    fake_expect(client, &text, "\"id\":3");
    const char *first = strstr(text.bytes, "\"id\":1");
    const char *second = strstr(text.bytes, "\"id\":2");
    const char *health = strstr(text.bytes, "ok\n");
    cr_expect(first < second && second < health);
    finish(client);
}

Test(worker_publish, what_comes_in_a_round_goes_as_one_chain)
{
    enum { CLIENTS = 20 };
    start();
    int clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = fake_connect(POST("/streams/a", "Content-Length: 3\r\n", "abc"), 0);
    }
    wait_tasks(CLIENTS);
    cr_expect_leq(chains, CLIENTS);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        tasks[i]->id = i + 1;
        tasks[i]->accepted = 1;
        tasks[i]->next = i + 1 < CLIENTS ? tasks[i + 1] : NULL;
    }
    fake_answer_tasks(tasks[0]);
    for (int i = 0; i < CLIENTS; i++) {
        forget();
        fake_expect(clients[i], &text, "\"accepted\":1");
        close(clients[i]);
    }
    fake_stop();
    fake_text_free(&text);
}

Test(worker_publish, one_who_is_gone_before_the_answer)
{
    start();
    int client = fake_connect(POST("/streams/a", "Content-Length: 1\r\n", "1"), 0);
    struct task *task = wait_tasks(1);
    struct admin_request request = {.operation = ADMIN_CLOSE, .connection_id = 1};
    fake_admin(&request);
    cr_assert_eq(request.parts[0].reached, 1);
    cr_assert(fake_read(client, &text, NULL, FAKE_WAIT_MS));
    cr_expect(slice_equal_text(task->events[0].data, "1"), "it is still lent");
    answer_published(task, 1);
    text.is_over = false;
    int other = fake_connect("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 0);
    fake_expect(other, &text, "ok\n");
    close(other);
    finish(client);
}

Test(worker_publish, a_large_body_comes_in_many_parts)
{
    enum { LENGTH = 300000 };
    start();
    static char body[LENGTH + 1];
    for (int i = 0; i < LENGTH; i++) {
        body[i] = (char)('a' + i % 26);
    }
    int client = fake_connect(POST("/streams/a", "Content-Length: 300000\r\n", ""), 0);
    send_text(client, body);
    struct task *task = wait_tasks(1);
    cr_assert_eq(task->events[0].data.length, LENGTH);
    cr_expect_eq(memcmp(task->events[0].data.at, body, LENGTH), 0);
    answer_published(task, 1);
    fake_expect(client, &text, "\"id\":1");
    finish(client);
}

Test(worker_publish, chunks_are_put_together)
{
    start();
    int client =
        fake_connect(POST("/streams/a", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n"), 0);
    fake_run(20);
    send_text(client, "2\r\nd");
    fake_run(20);
    send_text(client, "e\r\n0\r\n\r\n");
    struct task *task = wait_tasks(1);
    cr_expect(slice_equal_text(task->events[0].data, "abcde"));
    answer_published(task, 1);
    fake_expect(client, &text, "\"id\":1");
    finish(client);
}

Test(worker_publish, who_waits_for_100_gets_it_where_the_body_is_wanted)
{
    start();
    int client =
        fake_connect(POST("/streams/a", "Expect: 100-continue\r\nContent-Length: 2\r\n", ""), 0);
    fake_expect(client, &text, "HTTP/1.1 100 Continue\r\n\r\n");
    send_text(client, "hi");
    answer_published(wait_tasks(1), 1);
    fake_expect(client, &text, "HTTP/1.1 200 OK\r\n");
    send_text(client, POST("/streams/a?no=1", "Expect: 100-continue\r\nContent-Length: 2\r\n", ""));
    cr_assert(fake_read(client, &text, NULL, FAKE_WAIT_MS), "it is closed");
    cr_expect_eq(count_of("HTTP/1.1 400 "), 1);
    cr_expect_eq(count_of("HTTP/1.1 100 "), 1);
    finish(client);
}

Test(worker_publish, one_that_is_refused_before_its_body_keeps_the_connection)
{
    start();
    int client = fake_connect(POST("/streams/a?no=1", "Content-Length: 10\r\n", "01234"), 0);
    fake_expect(client, &text, "invalid_parameter");
    send_text(client, "56789" POST("/streams/a", "Content-Length: 1\r\n", "1"));
    answer_published(wait_tasks(1), 1);
    fake_expect(client, &text, "\"id\":1");
    // Too much is not read.
    send_text(client, POST("/streams/a?no=1", "Content-Length: 100000\r\n", "01234"));
    cr_assert(fake_read(client, &text, NULL, FAKE_WAIT_MS));
    cr_expect_eq(count_of("HTTP/1.1 400 "), 2);
    finish(client);
}

Test(worker_publish, bodies_have_a_bound)
{
    const struct fake_options options = {.terms = {.request_bytes_max = 10}};
    start_with(&options);
    int client = fake_connect(POST("/streams/a", "Content-Length: 11\r\n", ""), 0);
    fake_expect(client, &text, "HTTP/1.1 413 ");
    close(client);
    client = fake_connect(
        POST("/streams/a", "Transfer-Encoding: chunked\r\n", "6\r\n012345\r\n6\r\n012345\r\n"), 0);
    forget();
    fake_expect(client, &text, "HTTP/1.1 413 ");
    cr_expect_eq(task_count, 0);
    finish(client);
}

// Two have half of all that there is each, since memory doubles.
Test(worker_publish, bodies_of_all_requests_together_have_a_bound)
{
    enum { LENGTH = BODIES_BYTES_MAX / 4 + 1 };
    const struct fake_options options = {.terms = {.request_bytes_max = BODIES_BYTES_MAX / 2}};
    start_with(&options);
    char *body = malloc(LENGTH + 1);
    cr_assert_not_null(body);
    memset(body, 'b', LENGTH);
    body[LENGTH] = 0;
    char head[200];
    snprintf(head, sizeof(head), POST("/streams/a", "Content-Length: %d\r\n", ""), LENGTH + 1);
    int clients[2];
    for (int i = 0; i < 2; i++) {
        clients[i] = fake_connect(head, 0);
        send_text(clients[i], body);
    }
    fake_run(100);
    int client = fake_connect(head, 0);
    for (int i = 0; i < 100 && !fake_read(client, &text, "\r\n\r\n", 10); i++) {
        (void)send(client, body, 1, MSG_NOSIGNAL);
    }
    cr_expect_eq(count_of("HTTP/1.1 503 "), 1, "%s", text.bytes);
    cr_expect_eq(count_of("Retry-After: "), 1);
    close(client);
    forget();
    client = fake_connect(
        POST("/streams/a", "Transfer-Encoding: chunked\r\n", "1\r\na\r\n1\r\nb\r\n0\r\n\r\n"), 0);
    fake_expect(client, &text, "HTTP/1.1 503 "); // not what there was room for: all or nothing
    cr_expect_eq(task_count, 0);
    close(client);
    forget();
    client = fake_connect(POST("/streams/a", "Content-Length: 1\r\n", "s"), 0);
    answer_published(wait_tasks(1), 1); // one that is there whole needs none
    forget();
    fake_expect(client, &text, "\"id\":1");
    forget();
    send_text(clients[0], "e");
    fake_expect(clients[0], &text,
                "HTTP/1.1 413 "); // it was read whole, and is too much for an event
    close(clients[0]);
    close(clients[1]);
    free(body);
    finish(client);
}

Test(worker_publish, where_memory_is_short_only_small_bodies_are_taken)
{
    static struct pressure_board board;
    const struct fake_options options = {.shard = {.pressure = &board}};
    start_with(&options);
    atomic_store(&board.stage, PRESSURE_REFUSE);
    int client = fake_connect(POST("/streams/a", "Content-Length: 1\r\n", "s"), 0);
    answer_published(wait_tasks(1), 1);
    fake_expect(client, &text, "\"id\":1");
    send_text(client, POST("/streams/a", "Content-Length: 10000\r\n", "the first bytes"));
    fake_expect(client, &text, "HTTP/1.1 503 ");
    finish(client);
}

Test(worker_publish, a_body_that_does_not_come_is_cut_off)
{
    const struct fake_options options = {.terms = {.body_timeout_ms = 100}};
    start_with(&options);
    int client = fake_connect(POST("/streams/a", "Content-Length: 5\r\n", "01"), 0);
    cr_assert(fake_read(client, &text, NULL, FAKE_WAIT_MS));
    cr_expect_eq(count_of("HTTP/1.1 408 "), 1);
    cr_expect_eq(task_count, 0);
    finish(client);
}

Test(worker_publish, a_batch_with_a_fault_is_refused_whole)
{
    start();
    int client = fake_connect(POST("/streams/a",
                                   "Content-Type: application/x-ndjson\r\nContent-Length: 24\r\n",
                                   "{\"data\":1}\n{\"dat\":\"abc\"}"),
                              0);
    fake_expect(client, &text, "\"index\":1,\"position\":12,\"request_id\":\"");
    cr_expect_eq(count_of("HTTP/1.1 400 "), 1);
    cr_expect_eq(task_count, 0);
    finish(client);
}

Test(worker_publish, errors_of_the_log_are_told)
{
    start();
    int client = fake_connect(POST("/streams/a",
                                   "Content-Type: application/x-ndjson\r\nContent-Length: 21\r\n",
                                   "{\"data\":1}\n{\"data\":2}"),
                              0);
    struct task *task = wait_tasks(1);
    cr_assert_eq(task->event_count, 2);
    task->error = ERR_BACKPRESSURE_EXCEEDED;
    task->retry_after_s = 3;
    task->accepted = 1;
    task->taken = 1;
    snprintf(task->detail, sizeof(task->detail), "the log is full");
    answer(task);
    fake_expect(client, &text,
                "\"detail\":\"the log is full\",\"index\":1,\"accepted\":1,\"request_id\":\"");
    cr_expect_eq(count_of("HTTP/1.1 429 "), 1);
    cr_expect_eq(count_of("Retry-After: 3\r\n"), 1);
    send_text(client, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    fake_expect(client, &text, "ok\n");
    finish(client);
}

// Of one event that is to close its stream as well, the event may be written and the end not.
Test(worker_publish, what_was_taken_is_told_of_one_event_too)
{
    start();
    int client = fake_connect(POST("/streams/a?action=close", "Content-Length: 5\r\n", "hello"), 0);
    struct task *task = wait_tasks(1);
    cr_assert(task->event_count == 1 && task->life == STREAM_CLOSED);
    task->error = ERR_BACKPRESSURE_EXCEEDED;
    task->accepted = 1;
    task->taken = 1;
    answer(task);
    fake_expect(client, &text, "\"accepted\":1,\"request_id\":\"");
    cr_expect_eq(count_of("HTTP/1.1 429 "), 1);
    cr_expect_eq(count_of("\"index\""), 0);
    finish(client);
}

static struct task *ask(int client, const char *request)
{
    uint32_t before = task_count;
    forget();
    send_text(client, request);
    return wait_tasks(before + 1);
}

Test(worker_publish, each_kind_has_its_task)
{
    start();
    int client = fake_connect("", 0);
    struct task *task =
        ask(client, "PUT /streams/a HTTP/1.1\r\nHost: x\r\nContent-Length: 22\r\n\r\n"
                    "{\"retention_age\":\"1h\"}");
    cr_expect_eq(task->kind, TASK_CREATE);
    cr_expect_eq(task->settings.retention_age_ms, 3600 * 1000);
    task->is_created = true;
    answer(task);
    fake_expect(client, &text, "{\"name\":\"a\",\"created\":true}\n");
    cr_expect_eq(count_of("HTTP/1.1 201 "), 1);
    task = ask(client, "POST /streams HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_expect_eq(task->kind, TASK_CREATE);
    cr_expect_eq(task->stream.length, 36);
    answer(task);
    fake_expect(client, &text, "Location: /streams/");
    fake_expect(client, &text, "}\n");
    task = ask(client, POST("/streams/a?action=close", "", ""));
    cr_expect(task->kind == TASK_END && task->life == STREAM_CLOSED);
    answer(task);
    fake_expect(client, &text, "HTTP/1.1 204 ");
    task = ask(client, "DELETE /streams/a HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_expect(task->kind == TASK_END && task->life == STREAM_DELETED);
    answer(task);
    fake_expect(client, &text, "HTTP/1.1 204 ");
    task = ask(client, POST("/connections/00000000000000ff", "Content-Length: 2\r\n", "hi"));
    cr_expect(task->kind == TASK_SEND && task->connection_id == 0xff && task->event_count == 1);
    task->reached = 1;
    answer(task);
    fake_expect(client, &text, "\"accepted\":1,\"duplicates\":0,\"reached\":1}\n");
    task = ask(client, POST("/broadcast", "Content-Length: 2\r\n", "hi"));
    cr_expect(task->kind == TASK_BROADCAST && task->event_count == 1);
    task->reached = 9;
    answer(task);
    fake_expect(client, &text, "\"reached\":9}\n");
    finish(client);
}

Test(worker_publish, what_is_told_of_streams)
{
    start();
    int client = fake_connect("", 0);
    struct task *task = ask(client, "GET /streams/a?view=info&reach=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_expect(task->kind == TASK_INFO && task->wants_reach);
    buffer_append_text(&task->json, "{\"name\":\"a\"}");
    answer(task);
    fake_expect(client, &text, "\r\n\r\n{\"name\":\"a\"}\n");
    task = ask(client, "HEAD /streams/a HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_expect_eq(task->kind, TASK_INFO);
    task->life = STREAM_CANCELLED;
    task->id = 5;
    task->sequence = 4;
    task->content_type = slice_of("text/plain");
    answer(task);
    fake_expect(client, &text,
                "Ringcast-State: cancelled\r\nRingcast-Last-Id: 5\r\n"
                "Ringcast-Last-Sequence: 4\r\n"
                "Ringcast-Content-Type: text/plain\r\n");
    task = ask(client, "GET /streams?prefix=to&limit=7&after=3 HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_expect(task->kind == TASK_LIST && task->limit == 7 && task->after == 3);
    cr_expect(slice_equal_text(task->prefix, "to"));
    answer(task);
    fake_expect(client, &text, "Content-Length: 1\r\n");
    finish(client);
}

// More than the socket takes at once, from memory of its own.
Test(worker_publish, a_long_list_is_sent_whole)
{
    enum { LENGTH = TASK_JSON_BYTES_MAX };
    start();
    int client = fake_connect("", 4096);
    struct task *task = ask(client, "GET /streams?limit=2000 HTTP/1.1\r\nHost: x\r\n\r\n"
                                    "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    char *list = malloc(LENGTH + 1);
    cr_assert_not_null(list);
    memset(list, 'l', LENGTH);
    list[LENGTH] = 0;
    cr_assert_eq(buffer_append(&task->json, list, LENGTH), 0);
    answer(task);
    fake_expect(client, &text, "\r\n\r\n");
    fake_expect(client, &text, "ok\n");
    const char *at = strstr(text.bytes, "\r\n\r\n") + 4;
    cr_expect_eq(strncmp(at, list, LENGTH), 0);
    free(list);
    finish(client);
}

// Its time limit was over before the log answered: another one holds for what it does not take.
Test(worker_publish, one_who_takes_no_answer_is_closed_also_where_it_is_the_last)
{
    enum { LENGTH = TASK_JSON_BYTES_MAX };
    const struct fake_options options = {.terms = {.request_timeout_ms = 200}};
    start_with(&options);
    int client = fake_connect("", 4096);
    struct task *task = ask(client, "GET /streams?limit=2000 HTTP/1.1\r\nHost: x\r\n"
                                    "Connection: close\r\n\r\n");
    fake_run(400);
    char *list = calloc(1, LENGTH);
    cr_assert_not_null(list);
    cr_assert_eq(buffer_append(&task->json, list, LENGTH), 0);
    free(list);
    answer(task);
    for (int i = 0; i < 500 && fake_connections() > 0; i++) {
        fake_run(10);
    }
    cr_expect_eq(fake_connections(), 0);
    finish(client);
}

// It has said all that it will: no reason not to tell it the rest.
Test(worker_publish, one_who_half_closes_gets_its_answer_whole)
{
    enum { LENGTH = TASK_JSON_BYTES_MAX };
    start();
    int client = fake_connect("", 4096);
    struct task *task = ask(client, "GET /streams?limit=2000 HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(shutdown(client, SHUT_WR), 0);
    char *list = malloc(LENGTH);
    cr_assert_not_null(list);
    memset(list, 'l', LENGTH);
    cr_assert_eq(buffer_append(&task->json, list, LENGTH), 0);
    free(list);
    answer(task);
    fake_run(100);
    cr_assert(fake_read(client, &text, NULL, FAKE_WAIT_MS));
    const char *body = strstr(text.bytes, "\r\n\r\n") + 4;
    cr_expect_eq(strspn(body, "l"), LENGTH);
    finish(client);
}

Test(worker_publish, who_asks_for_lists_takes_nothing_from_who_publishes)
{
    enum { LISTS = ANSWERS_BYTES_MAX / TASK_JSON_BYTES_MAX };
    start();
    int clients[LISTS + 1];
    for (int i = 0; i <= LISTS; i++) {
        clients[i] = fake_connect("GET /streams?limit=10000 HTTP/1.1\r\nHost: x\r\n\r\n", 0);
    }
    (void)wait_tasks(LISTS);
    int refused = 0;
    for (int i = 0; i <= LISTS; i++) {
        forget();
        refused += fake_read(clients[i], &text, "HTTP/1.1 503 ", 20);
    }
    cr_expect_eq(refused, 1);
    int client = fake_connect(POST("/streams/a",
                                   "Content-Type: application/json\r\n"
                                   "Transfer-Encoding: chunked\r\n",
                                   ""
                                   "8\r\n{\"data\":\r\n3\r\n\"a\"\r\n1\r\n}\r\n0\r\n\r\n"),
                              0);
    answer_published(wait_tasks(LISTS + 1), 1);
    forget();
    fake_expect(client, &text, "\"id\":1");
    for (int i = 0; i < LISTS; i++) {
        answer(tasks[i]);
    }
    for (int i = 0; i <= LISTS; i++) {
        close(clients[i]);
    }
    finish(client);
}

Test(worker_publish, the_end_waits_for_what_is_under_way)
{
    start();
    int client = fake_connect(POST("/streams/a", "Content-Length: 1\r\n", "1"), 0);
    struct task *task = wait_tasks(1);
    const struct log_message message = {.kind = MESSAGE_STOP};
    cr_assert(loop_post(worker_loop(fake_worker()), NULL, &message, 0));
    fake_run(100);
    cr_expect_eq(fake_connections(), 1);
    answer_published(task, 1);
    cr_assert(fake_read(client, &text, NULL, FAKE_WAIT_MS));
    cr_expect_eq(count_of("\"id\":1"), 1);
    cr_expect_eq(count_of("Connection: close\r\n"), 1);
    finish(client);
}
