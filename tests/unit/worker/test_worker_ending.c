// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_grant.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// link: tests/unit/worker/fake_status.c
// Streams that end: what their subscribers get, and who comes when they have.
#include "fake_grant.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

TestSuite(worker_ending, .timeout = 60);

static const struct fake_options defaults;

struct client {
    int socket;
    struct fake_text text;
};

static void come(struct client *client, const char *target)
{
    *client = (struct client){.socket = fake_get(target, "")};
    fake_expect(client->socket, &client->text, "retry: 5000\n\n");
}

// All up to its end is this, behind the header and the first frame.
static void expect_all(struct client *client, const char *body)
{
    cr_assert(fake_read(client->socket, &client->text, NULL, FAKE_WAIT_MS), "it ends");
    const char *begin = strstr(client->text.bytes, "retry: 5000\n\n");
    cr_assert_not_null(begin);
    cr_expect_str_eq(begin + strlen("retry: 5000\n\n"), body);
}

static void go(struct client *client)
{
    close(client->socket);
    fake_text_free(&client->text);
}

static void expect_status(const char *target, const char *fields, const char *status)
{
    struct client client = {.socket = fake_get(target, fields)};
    fake_expect(client.socket, &client.text, "\r\n\r\n");
    cr_expect_eq(strncmp(client.text.bytes, status, strlen(status)), 0, "%s: %s", target,
                 client.text.bytes);
    go(&client);
}

#define CLOSED(id, name) \
    "id: " id "\nevent: end\ndata: {\"stream\":\"" name "\",\"reason\":\"closed\"}\n\n"

Test(worker_ending, all_of_it_then_its_end)
{
    fake_start(&defaults);
    struct client native;
    struct client envelope;
    struct client batch;
    struct client gathering;
    come(&native, "/streams/a");
    come(&envelope, "/events?stream=a");
    come(&batch, "/streams/a?batch=event");
    come(&gathering, "/streams/a?batch_size=100&batch_timeout=10s&batching=on");
    fake_publish_one("a", "one");
    fake_publish_one("a", "two");
    fake_set_life("a", STREAM_CLOSED);
    expect_all(&native, "id: 1\ndata: one\n\nid: 2\ndata: two\n\n" CLOSED("2", "a"));
    expect_all(&gathering, "id: 1\ndata: one\n\nid: 2\ndata: two\n\n" CLOSED("2", "a"));
    cr_assert(fake_read(envelope.socket, &envelope.text, NULL, FAKE_WAIT_MS));
    cr_expect_not_null(strstr(envelope.text.bytes, "\"data\":\"two\"}\n\n" CLOSED("2", "a")));
    cr_assert(fake_read(batch.socket, &batch.text, NULL, FAKE_WAIT_MS));
    cr_expect_not_null(strstr(batch.text.bytes, "\"data\":\"two\"}]\n\n" CLOSED("2", "a")));
    cr_expect_eq(fake_stat("ends_told"), 4);
    go(&native);
    go(&envelope);
    go(&batch);
    go(&gathering);
    fake_stop();
}

Test(worker_ending, quiet_subscribers_are_told_as_well)
{
    fake_start(&defaults);
    struct client clients[3];
    fake_publish_one("other", "x");
    come(&clients[0], "/streams/a");
    come(&clients[1], "/streams/a?client=mobile");
    come(&clients[2], "/streams/a?batching=on&batch_timeout=10s");
    fake_set_life("a", STREAM_CANCELLED);
    for (int i = 0; i < 3; i++) {
        expect_all(&clients[i],
                   "id: 1\nevent: end\ndata: {\"stream\":\"a\",\"reason\":\"cancelled\"}\n\n");
        go(&clients[i]);
    }
    fake_stop();
}

Test(worker_ending, who_comes_back_gets_what_is_left_or_204)
{
    fake_start(&defaults);
    fake_publish_one("a", "one");
    fake_publish_one("a", "two");
    fake_publish_one("b", "x");
    fake_set_life("a", STREAM_CLOSED);
    static const char done[] = "HTTP/1.1 204 ";
    expect_status("/streams/a", "Last-Event-ID: 2\r\n", done);
    expect_status("/streams/a", "Last-Event-ID: 3\r\n", done);
    expect_status("/streams/a", "", done);
    expect_status("/streams/a?from=last:0", "", done);
    expect_status("/stream?stream_id=a", "Last-Event-ID: 2\r\n", done);
    expect_status("/api/sse?sessionId=a&last_event_id=2", "", done);
    expect_status("/events?stream=a&batch=event", "Last-Event-ID: 2\r\n", done);
    expect_status("/events?stream=a&stream=b", "Last-Event-ID: 3\r\n", "HTTP/1.1 200 ");
    struct client client;
    come(&client, "/streams/a?from=1");
    expect_all(&client, "id: 2\ndata: two\n\n" CLOSED("4", "a"));
    go(&client);
    come(&client, "/stream?stream_id=a");
    expect_all(&client, "id: 1\ndata: one\n\nid: 2\ndata: two\n\n" CLOSED("4", "a"));
    go(&client);
    fake_make_cold();
    come(&client, "/streams/a?from=last:1");
    expect_all(&client, "id: 2\ndata: two\n\n" CLOSED("4", "a"));
    go(&client);
    // Its connection goes on.
    client = (struct client){.socket = fake_get("/streams/a", "")};
    fake_expect(client.socket, &client.text, "\r\n\r\n");
    static const char next[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    cr_assert_eq(send(client.socket, next, sizeof(next) - 1, MSG_NOSIGNAL), sizeof(next) - 1);
    fake_expect(client.socket, &client.text, "HTTP/1.1 200 ");
    go(&client);
    fake_stop();
}

// What is gone is told of before anything else, and an end behind it.
Test(worker_ending, what_is_gone_is_told)
{
    fake_start(&defaults);
    fake_publish_one("a", "one");
    fake_publish_one("a", "two");
    fake_discard("a");
    fake_set_life("a", STREAM_CLOSED);
    struct client client;
    come(&client, "/streams/a?from=1");
    cr_expect_not_null(strstr(client.text.bytes, "Ringcast-Gap: 2-2/expired\r\n"));
    expect_all(&client, "id: 2\nevent: gap\ndata: {\"from\":2,\"to\":2,\"reason\":\"expired\","
                        "\"resume\":2}\n\n" CLOSED("3", "a"));
    go(&client);
    expect_status("/streams/a", "Last-Event-ID: 3\r\n", "HTTP/1.1 204 ");
    expect_status("/streams/a", "Last-Event-ID: 2\r\n", "HTTP/1.1 204 ");
    fake_stop();
}

Test(worker_ending, a_deleted_one_is_not_there)
{
    fake_start(&defaults);
    struct client there;
    struct client both;
    come(&there, "/streams/a");
    come(&both, "/events?stream=a&stream=b&envelope=0");
    fake_publish_one("a", "one");
    fake_expect(there.socket, &there.text, "data: one\n\n");
    fake_expect(both.socket, &both.text, "data: one\n\n");
    fake_set_life("a", STREAM_DELETED);
    static const char end[] =
        "id: 1\nevent: end\ndata: {\"stream\":\"a\",\"reason\":\"deleted\"}\n\n";
    char body[256];
    snprintf(body, sizeof(body), "id: 1\ndata: one\n\n%s", end);
    expect_all(&there, body); // and no gap: it had it all
    fake_expect(both.socket, &both.text, end);
    expect_status("/streams/a", "", "HTTP/1.1 404 ");
    expect_status("/streams/a?from=earliest", "Last-Event-ID: 0\r\n", "HTTP/1.1 404 ");
    struct client client = {.socket = fake_get("/stream?stream_id=a", "")};
    fake_expect(client.socket, &client.text, "\"code\":\"stream_not_found\"");
    go(&client);
    // Made anew, it is another's.
    fake_set_life("a", STREAM_OPEN);
    come(&client, "/streams/a");
    fake_publish_one("a", "new");
    fake_publish_one("b", "other");
    fake_expect(client.socket, &client.text, "id: 4\ndata: new\n\n");
    fake_expect(both.socket, &both.text, "\"deleted\"}\n\nid: 5\ndata: other\n\n");
    go(&client);
    go(&there);
    go(&both);
    fake_stop();
}

// Whoever read it before does not follow, however soon that is.
Test(worker_ending, made_anew_at_once)
{
    fake_start(&defaults);
    struct client there;
    struct client both;
    come(&there, "/streams/a");
    come(&both, "/events?stream=a&stream=b&envelope=0");
    fake_publish_one("a", "one");
    fake_expect(there.socket, &there.text, "data: one\n\n");
    fake_expect(both.socket, &both.text, "data: one\n\n");
    fake_hold();
    fake_set_life("a", STREAM_DELETED);
    fake_set_life("a", STREAM_OPEN);
    fake_release(FAKE_RELEASE_ALL);
    fake_publish_one("a", "new");
    static const char end[] =
        "id: 1\nevent: end\ndata: {\"stream\":\"a\",\"reason\":\"deleted\"}\n\n";
    char body[256];
    snprintf(body, sizeof(body), "id: 1\ndata: one\n\n%s", end);
    expect_all(&there, body);
    fake_expect(both.socket, &both.text, body);
    fake_publish_one("b", "other");
    fake_expect(both.socket, &both.text, "\"deleted\"}\n\nid: 5\ndata: other\n\n");
    // Who comes now, and who comes back, reads the new one.
    struct client now;
    come(&now, "/streams/a?from=earliest");
    fake_expect(now.socket, &now.text, "retry: 5000\n\nid: 4\ndata: new\n\n");
    fake_publish_one("a", "newer");
    fake_expect(now.socket, &now.text, "id: 6\ndata: newer\n\n");
    go(&there);
    go(&both);
    go(&now);
    fake_stop();
}

// It gets what it can of the former one, is told of the rest, and gets nothing of the new one.
Test(worker_ending, made_anew_while_a_replay_is_under_way)
{
    fake_start(&defaults);
    struct client keeps;
    come(&keeps, "/events?stream=a&stream=b&envelope=0");
    for (int i = 0; i < 20; i++) {
        fake_publish_one("a", "old");
    }
    fake_expect(keeps.socket, &keeps.text, "id: 20\n");
    fake_make_cold();
    struct client replay;
    fake_hold();
    come(&replay, "/streams/a?from=1");
    fake_wait_held(1); // its look-up
    fake_set_life("a", STREAM_DELETED);
    fake_set_life("a", STREAM_OPEN);
    fake_release(FAKE_RELEASE_ALL);
    fake_publish_one("a", "new");
    cr_assert(fake_read(replay.socket, &replay.text, NULL, FAKE_WAIT_MS));
    cr_expect_null(strstr(replay.text.bytes, "new"));
    bool has_gap = strstr(replay.text.bytes, ",\"to\":20,\"reason\":\"expired\"") != NULL;
    cr_expect_neq(has_gap, strstr(replay.text.bytes, "id: 20\ndata: old\n") != NULL);
    cr_expect_not_null(
        strstr(replay.text.bytes,
               "\n\nid: 20\nevent: end\ndata: {\"stream\":\"a\",\"reason\":\"deleted\"}\n\n"));
    struct client now;
    come(&now, "/streams/a?from=earliest");
    fake_expect(now.socket, &now.text, "retry: 5000\n\nid: 23\ndata: new\n\n");
    go(&keeps);
    go(&replay);
    go(&now);
    fake_stop();
}

Test(worker_ending, made_anew_while_one_is_parked_and_the_worker_is_lapped)
{
    fake_start(&defaults);
    struct client parked;
    come(&parked, "/streams/a?events_per_second=2&burst=1");
    fake_publish_one("a", "one");
    fake_publish_one("a", "two");
    fake_expect(parked.socket, &parked.text, "data: one\n\n");
    fake_set_life("a", STREAM_DELETED);
    fake_set_life("a", STREAM_OPEN);
    fake_run(20);
    fake_lap(true, false);
    fake_publish_one("a", "new");
    fake_lap(false, false);
    expect_all(&parked, "id: 1\ndata: one\n\n"
                        "id: 2\nevent: gap\ndata: "
                        "{\"from\":2,\"to\":2,\"reason\":\"expired\",\"resume\":2}\n\n"
                        "id: 2\nevent: end\ndata: {\"stream\":\"a\",\"reason\":\"deleted\"}\n\n");
    go(&parked);
    fake_stop();
}

Test(worker_ending, of_several_streams_the_others_go_on)
{
    fake_start(&defaults);
    struct client client;
    come(&client, "/events?stream=a&stream=b&stream=c&envelope=0");
    fake_publish_one("b", "one");
    fake_set_life("b", STREAM_CLOSED);
    fake_expect(client.socket, &client.text, "id: 1\ndata: one\n\nid: 1\nevent: end\n");
    fake_publish_one("a", "two");
    fake_publish_one("c", "three");
    fake_set_life("a", STREAM_CLOSED);
    fake_expect(client.socket, &client.text, CLOSED("4", "a"));
    fake_publish_one("c", "four");
    fake_set_life("c", STREAM_CANCELLED);
    expect_all(&client,
               "id: 1\ndata: one\n\n" CLOSED(
                   "1", "b") "id: 3\ndata: two\n\n"
                             "id: 4\ndata: three\n\n" CLOSED(
                                 "4", "a") "id: 6\ndata: four\n\n"
                                           "id: 6\nevent: end\ndata: "
                                           "{\"stream\":\"c\",\"reason\":\"cancelled\"}\n\n");
    go(&client);
    fake_run(20);
    cr_expect_eq(fake_unsubscribes(), 3, "nobody reads them");
    expect_status("/events?stream=a&stream=b&stream=c", "Last-Event-ID: 6\r\n", "HTTP/1.1 204 ");
    fake_stop();
}

Test(worker_ending, all_of_64_at_once)
{
    fake_start(&defaults);
    char target[2048] = "/events?stream=s0";
    for (int i = 1; i < CONNECTION_STREAMS_MAX; i++) {
        char name[32];
        snprintf(name, sizeof(name), "&stream=s%d", i);
        strcat(target, name);
    }
    struct client client;
    come(&client, target);
    for (int i = 0; i < CONNECTION_STREAMS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "s%d", i);
        fake_publish_one(name, "x");
        fake_set_life(name, STREAM_CLOSED);
    }
    cr_assert(fake_read(client.socket, &client.text, NULL, FAKE_WAIT_MS));
    cr_expect_eq(fake_stat("ends_told"), CONNECTION_STREAMS_MAX);
    cr_expect_not_null(strstr(client.text.bytes, "{\"stream\":\"s63\",\"reason\":\"closed\"}\n\n"));
    go(&client);
    fake_stop();
}

// --- at other times ---

Test(worker_ending, while_a_request_waits_for_the_log)
{
    fake_start(&defaults);
    fake_publish_one("a", "one");
    fake_hold();
    struct client one = {.socket = fake_get("/streams/a", "")};
    fake_wait_held(1);
    fake_set_life("a", STREAM_CLOSED); // behind the answer that says that it is open
    fake_release(FAKE_RELEASE_ALL);
    expect_all(&one, CLOSED("1", "a"));
    go(&one);
    struct client keeps;
    come(&keeps, "/streams/b");
    fake_publish_one("b", "two");
    fake_hold();
    struct client two = {.socket = fake_get("/streams/b?from=last:5", "")};
    fake_wait_held(1); // its look-up
    fake_set_life("b", STREAM_CLOSED);
    fake_release(FAKE_RELEASE_ALL);
    expect_all(&two, "id: 3\ndata: two\n\n" CLOSED("3", "b"));
    go(&two);
    go(&keeps);
    fake_stop();
}

static void publish_some(const char *stream, int count)
{
    for (int i = 0; i < count; i++) {
        fake_publish_one(stream, "x");
    }
}

static void expect_ids(const struct client *client, uint64_t first, uint64_t last)
{
    const char *at = strstr(client->text.bytes, "retry: 5000\n\n");
    cr_assert_not_null(at);
    for (uint64_t id = first; id <= last; id++) {
        char frame[64];
        snprintf(frame, sizeof(frame), "\n\nid: %llu\ndata: x\n", (unsigned long long)id);
        at = strstr(at, frame);
        cr_assert_not_null(at, "%s", frame);
    }
    cr_expect_not_null(strstr(at, "event: end\n"));
    cr_expect_null(strstr(client->text.bytes, "event: gap\n"));
}

static void end_while_lapped(bool keeps_memory)
{
    fake_start(&defaults);
    struct client one;
    struct client both;
    come(&one, "/streams/a");
    come(&both, "/events?stream=a&stream=b&envelope=0");
    publish_some("a", 3);
    fake_expect(both.socket, &both.text, "id: 3\ndata: x\n\n");
    fake_lap(true, keeps_memory);
    publish_some("a", 30);
    fake_set_life("a", STREAM_CLOSED);
    fake_run(20);
    fake_lap(false, keeps_memory);
    cr_assert(fake_read(one.socket, &one.text, NULL, FAKE_WAIT_MS));
    expect_ids(&one, 1, 33);
    fake_set_life("b", STREAM_CLOSED);
    cr_assert(fake_read(both.socket, &both.text, NULL, FAKE_WAIT_MS));
    expect_ids(&both, 1, 33);
    expect_status("/events?stream=a&stream=b", "Last-Event-ID: 35\r\n", "HTTP/1.1 204 ");
    go(&one);
    go(&both);
    fake_stop();
}

Test(worker_ending, behind_what_passed_the_worker_by)
{
    end_while_lapped(true);
    end_while_lapped(false);
}

Test(worker_ending, behind_all_that_a_slow_one_has_to_take)
{
    enum { EVENTS = 60, BYTES = 100000 };
    fake_start(&defaults);
    static char data[BYTES];
    memset(data, 'x', sizeof(data) - 1);
    static const char *const targets[] = {"/streams/a", "/events?stream=a&stream=b",
                                          "/streams/a?batch=event",
                                          "/streams/a?bytes_per_second=64MiB&burst=1000"};
    enum { CLIENTS = sizeof(targets) / sizeof(targets[0]) };
    struct client clients[CLIENTS] = {0};
    for (int i = 0; i < CLIENTS; i++) {
        char request[256];
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", targets[i]);
        clients[i].socket = fake_connect(request, 4096);
        fake_expect(clients[i].socket, &clients[i].text, "retry: 5000\n\n");
    }
    for (int i = 0; i < EVENTS; i++) {
        fake_publish_one("a", data);
    }
    fake_set_life("a", STREAM_CLOSED);
    fake_set_life("b", STREAM_CLOSED);
    fake_run(50);
    cr_expect_eq(fake_stat("streaming"), CLIENTS, "none of them has it all");
    for (int i = 0; i < CLIENTS; i++) {
        cr_assert(fake_read(clients[i].socket, &clients[i].text, NULL, FAKE_WAIT_MS));
        size_t events = 0;
        for (const char *at = clients[i].text.bytes; (at = strstr(at, "xxx")) != NULL; events++) {
            at += strspn(at, "x");
        }
        cr_expect_eq(events, EVENTS, "%s: %zu", targets[i], events);
        cr_expect_not_null(strstr(clients[i].text.bytes, "\"stream\":\"a\",\"reason\":\"closed\""));
        go(&clients[i]);
    }
    fake_stop();
}

// Else it would come back with the id of the last one that it saw, again and again.
Test(worker_ending, who_saw_nothing_of_it_does_not_come_back)
{
    fake_start(&defaults);
    struct grant *grant = fake_grant("ann", "**", "nothing", GRANT_NEVER_EXPIRES);
    struct client one;
    struct client both;
    come(&one, "/streams/a");
    come(&both, "/events?stream=a&stream=b");
    fake_give_grant(fake_connection_id(&one.text), grant);
    fake_give_grant(fake_connection_id(&both.text), grant);
    publish_some("a", 5);
    fake_set_life("a", STREAM_CLOSED);
    expect_all(&one, CLOSED("5", "a"));
    fake_expect(both.socket, &both.text, CLOSED("5", "a"));
    expect_status("/streams/a", "Last-Event-ID: 5\r\n", "HTTP/1.1 204 ");
    go(&one);
    go(&both);
    fake_stop();
    grant_release(grant);
}

// A subscriber that lags beyond its limit is told of what it lost, and of the end.
Test(worker_ending, behind_the_gap_of_one_that_lags)
{
    enum { BYTES = 200000 };
    struct fake_options options = {
        .terms = {.overflow = {.policy = OVERFLOW_DROP_OLDEST, .limits = {.events = 3}}}};
    fake_start(&options);
    static char data[BYTES];
    memset(data, 'x', sizeof(data) - 1);
    struct client client = {.socket =
                                fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n", 4096)};
    fake_expect(client.socket, &client.text, "retry: 5000\n\n");
    for (int i = 0; i < 40; i++) {
        fake_publish_one("a", data);
        fake_run(1);
    }
    fake_set_life("a", STREAM_CLOSED);
    cr_assert(fake_read(client.socket, &client.text, NULL, FAKE_WAIT_MS));
    const char *gap = strstr(client.text.bytes, "event: gap\n");
    cr_assert_not_null(gap);
    cr_expect_not_null(strstr(gap, "\nid: 40\ndata: "));
    cr_expect_not_null(strstr(gap, "\n\n" CLOSED("40", "a")));
    go(&client);
    fake_stop();
}

// What was told is where it stands: a gap does not send back who resumes.
static void gap_behind(const char *told, bool has_end)
{
    fake_start(&defaults);
    fake_publish_one("c", "one");
    fake_publish_one("a", "two");
    fake_publish_one("b", "three");
    fake_publish_one("other", "four");
    struct client client;
    come(&client, "/events?stream=a&stream=b&stream=c&envelope=0");
    if (has_end) {
        fake_set_life("a", STREAM_CLOSED);
        fake_expect(client.socket, &client.text, CLOSED("4", "a"));
    }
    fake_lap(true, false);
    fake_publish_one("b", "lost");
    fake_discard("b");
    fake_lap(false, false);
    fake_expect(client.socket, &client.text, "\"reason\":\"expired\",\"resume\":4}\n\n");
    cr_expect_not_null(strstr(client.text.bytes, told), "%s", client.text.bytes);
    fake_publish_one("c", "five");
    fake_expect(client.socket, &client.text, "data: five\n\n");
    go(&client);
    fake_stop();
}

Test(worker_ending, a_gap_does_not_go_back_behind_what_was_told)
{
    gap_behind(CLOSED("4", "a") "id: 4\nevent: gap\n", true);
    gap_behind("id: 4\nretry: 5000\n\nid: 4\nevent: gap\n", false);
}
