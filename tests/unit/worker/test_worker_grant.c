// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_grant.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// link: tests/unit/worker/fake_status.c
// What a connection's grant makes of its stream: the types that it sees, its end, a fresh token.
#include "fake_grant.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

TestSuite(worker_grant, .timeout = 60);

static const struct fake_options defaults;

struct client {
    int socket;
    struct fake_text text;
    uint64_t id;
};

static void come(struct client *client, const char *target, struct grant *grant)
{
    *client = (struct client){.socket = fake_get(target, "")};
    fake_expect(client->socket, &client->text, "retry: 5000\n\n");
    client->id = fake_connection_id(&client->text);
    fake_give_grant(client->id, grant);
}

static void expect(struct client *client, const char *text)
{
    fake_expect(client->socket, &client->text, text);
}

static void go(struct client *client)
{
    close(client->socket);
    fake_text_free(&client->text);
}

// A block of these types; their data are their names.
static void publish(const char *stream, const char *const *types)
{
    struct fake_event events[16];
    const char *given[16];
    uint32_t count = 0;
    for (; types[count] != NULL; count++) {
        events[count] = (struct fake_event){.stream = stream, .data = types[count]};
        given[count] = types[count][0] == 0 ? NULL : types[count];
    }
    fake_publish_typed(events, NULL, given, count);
}
#define PUBLISH(stream, ...) publish(stream, (const char *const[]){__VA_ARGS__, NULL})

Test(worker_grant, events_of_other_types_are_not_there)
{
    fake_start(&defaults);
    struct grant *grant = fake_grant("ann", "**", "text*", GRANT_NEVER_EXPIRES);
    struct client native;
    struct client envelope;
    struct client batch;
    struct client all;
    come(&native, "/streams/a", grant);
    come(&envelope, "/events?stream=a&stream=b", grant);
    come(&batch, "/streams/a?batch=event&batch_size=3&batch_timeout=5s", grant);
    come(&all, "/streams/a", NULL);
    PUBLISH("a", "text", "secret", "text/b", "text2", "");
    PUBLISH("b", "secret", "text");
    PUBLISH("a", "secret", "secret", "text3");
    PUBLISH("a", "secret");
    PUBLISH("a", "text4", "text5");
    expect(&native, "retry: 5000\n\nid: 1\nevent: text\ndata: text\n\n"
                    "id: 4\nevent: text2\ndata: text2\n\nid: 10\nevent: text3\n");
    expect(&native, "data: text3\n\nid: 12\nevent: text4\n");
    expect(&envelope, "retry: 5000\n\nid: 1\nevent: text\ndata: {\"id\":1,");
    expect(&envelope, "\"data\":\"text\"}\n\nid: 4\nevent: text2\n");
    expect(&envelope,
           "\"data\":\"text2\"}\n\nid: 7\nevent: text\ndata: {\"id\":7,\"stream\":\"b\"");
    expect(&envelope, "\n\nid: 10\n");
    // When a batch is full goes by all that came, so also by what came together.
    expect(&batch, "\nevent: batch\ndata: [{\"id\":1,");
    expect(&batch, "{\"id\":4,");
    expect(&batch, "{\"id\":10,");
    expect(&all, "id: 2\nevent: secret\n");
    expect(&all, "id: 5\ndata: \n\nid: 8\n");
    expect(&all, "id: 13\n");
    cr_expect_null(strstr(native.text.bytes, "secret"));
    cr_expect_null(strstr(envelope.text.bytes, "secret"));
    cr_expect_null(strstr(batch.text.bytes, "secret"));
    go(&native);
    go(&envelope);
    go(&batch);
    go(&all);
    fake_stop();
    grant_release(grant);
}

Test(worker_grant, events_without_a_type_are_messages)
{
    fake_start(&defaults);
    struct grant *grant = fake_grant("ann", "**", "message", GRANT_NEVER_EXPIRES);
    struct client client;
    come(&client, "/streams/a", grant);
    PUBLISH("a", "text", "");
    expect(&client, "retry: 5000\n\nid: 2\ndata: \n\n");
    go(&client);
    fake_stop();
    grant_release(grant);
}

Test(worker_grant, what_is_read_from_disk_is_the_same)
{
    fake_start(&defaults);
    for (int i = 0; i < 40; i++) {
        PUBLISH("a", "secret", i % 10 == 0 ? "text" : "secret", "secret");
    }
    fake_make_cold();
    struct grant *grant = fake_grant("ann", "**", "text", GRANT_NEVER_EXPIRES);
    struct client client;
    // It waits for its first event at a moment when it has its grant already.
    come(&client, "/events?stream=a&stream=c&envelope=0&from=121", grant);
    go(&client);
    come(&client, "/streams/c", grant);
    go(&client);
    fake_hold();
    client = (struct client){.socket = fake_get("/streams/a?from=earliest", "")};
    fake_wait_held(1);
    fake_release(1); // the subscription's answer; the look-up's is held
    fake_expect(client.socket, &client.text, "retry: 5000\n\n");
    fake_wait_held(1);
    fake_give_grant(fake_connection_id(&client.text), grant);
    fake_release(FAKE_RELEASE_ALL);
    expect(&client, "retry: 5000\n\nid: 2\nevent: text\n");
    expect(&client, "data: text\n\nid: 32\nevent: text\ndata: text\n\nid: 62\nevent: text\ndata: "
                    "text\n\nid: 92\n");
    cr_expect_null(strstr(client.text.bytes, "secret"));
    go(&client);
    fake_stop();
    grant_release(grant);
}

// Else retention would pass by it, and it would be told of a gap in what it never saw.
Test(worker_grant, its_resume_point_moves_on_with_what_it_does_not_see)
{
    struct fake_options options = {.terms = {.heartbeat_ms = 50}};
    fake_start(&options);
    struct grant *grant = fake_grant("ann", "**", "text", GRANT_NEVER_EXPIRES);
    struct client comments;
    struct client events;
    struct client none;
    come(&comments, "/streams/a", grant);
    come(&events, "/streams/a?heartbeat=event", grant);
    come(&none, "/streams/a?heartbeat=off", grant);
    expect(&comments, "\n\n:\n\n");
    PUBLISH("a", "secret", "secret");
    expect(&comments, ":\n\nid: 2\n\n:\n\n");
    expect(&events, "}\n\nid: 2\n\nevent: heartbeat\ndata: {\"timestamp\":");
    expect(&events, "}\n\nevent: heartbeat\n");
    expect(&none, "retry: 5000\n\nid: 2\n\n");
    PUBLISH("a", "secret");
    expect(&none, "id: 2\n\nid: 3\n\n");
    PUBLISH("a", "text");
    expect(&none, "id: 3\n\nid: 4\nevent: text\ndata: text\n\n");
    go(&comments);
    go(&events);
    go(&none);
    fake_stop();
    grant_release(grant);
}

Test(worker_grant, marks_come_without_heartbeats_too)
{
    struct fake_options options = {
        .terms = {.heartbeat_ms = FAKE_NO_HEARTBEAT, .stall_ms_max = 60}};
    fake_start(&options);
    struct grant *grant = fake_grant("ann", "**", "text", GRANT_NEVER_EXPIRES);
    struct client client;
    come(&client, "/streams/a", grant);
    PUBLISH("a", "secret");
    expect(&client, "retry: 5000\n\nid: 1\n\n");
    go(&client);
    fake_stop();
    grant_release(grant);
}

Test(worker_grant, who_sees_nothing_holds_no_producers)
{
    struct fake_options options = {.terms = {.overflow = {.policy = OVERFLOW_BLOCK}}};
    fake_start(&options);
    struct grant *grant = fake_grant("ann", "**", "nothing", GRANT_NEVER_EXPIRES);
    struct client client;
    come(&client, "/streams/a", grant);
    for (uint64_t id = 1; id <= 5; id++) {
        PUBLISH("a", "secret");
        cr_assert(fake_wait_read("a", id));
    }
    struct client both;
    come(&both, "/events?stream=a&stream=b&batch_size=5&batch_timeout=20ms", grant);
    PUBLISH("a", "secret", "secret");
    cr_assert(fake_wait_read("a", 7));
    go(&client);
    go(&both);
    fake_stop();
    grant_release(grant);
}

static uint64_t send_direct(enum admin_operation operation, uint64_t id, const char *frame)
{
    static struct admin_request request;
    request = (struct admin_request){
        .operation = operation, .connection_id = id, .frame = slice_of(frame)};
    fake_admin(&request);
    return request.parts[0].reached;
}

Test(worker_grant, what_is_sent_once_goes_by_its_type_as_well)
{
    fake_start(&defaults);
    struct grant *grant = fake_grant("ann", "**", "text", GRANT_NEVER_EXPIRES);
    struct client some;
    struct client all;
    come(&some, "/streams/a", grant);
    come(&all, "/streams/a", NULL);
    cr_expect_eq(send_direct(ADMIN_BROADCAST, 0, "event: secret\ndata: 1\n\n"), 1);
    cr_expect_eq(send_direct(ADMIN_BROADCAST, 0, "data: 2\n\n"), 1);
    cr_expect_eq(send_direct(ADMIN_BROADCAST, 0, "event: text\ndata: 3\n\n"), 2);
    cr_expect_eq(send_direct(ADMIN_SEND, some.id, "event: secret\ndata: 4\n\n"), 0);
    cr_expect_eq(send_direct(ADMIN_SEND, some.id, "event: text\ndata: 5\n\n"), 1);
    static struct log_transient transient = {.references = 3};
    transient.name = slice_of("a");
    transient.type = slice_of("secret");
    transient.frame = slice_of("event: secret\ndata: 6\n\n");
    fake_transient(&transient);
    expect(&all, "data: 6\n\n");
    transient.type = slice_of("text");
    transient.frame = slice_of("event: text\ndata: 7\n\n");
    fake_transient(&transient);
    expect(&all, "data: 7\n\n");
    expect(
        &some,
        "retry: 5000\n\nevent: text\ndata: 3\n\nevent: text\ndata: 5\n\nevent: text\ndata: 7\n\n");
    go(&some);
    go(&all);
    fake_stop();
    grant_release(grant);
}

// --- its end ---

static struct grant *grant_for(const char *subject, uint64_t ms)
{
    return fake_grant(subject, "**", NULL, clock_realtime_ms() + ms);
}

Test(worker_grant, it_ends_with_its_reason)
{
    struct fake_options options = {.terms = {.heartbeat_ms = FAKE_NO_HEARTBEAT}};
    fake_start(&options);
    struct grant *grant = grant_for("ann", 1000000);
    struct grant *other = grant_for("bob", 1000000);
    struct client client;
    struct client later;
    come(&client, "/streams/a", grant);
    come(&later, "/streams/a", other);
    PUBLISH("a", "text");
    expect(&client, "id: 1\nevent: text\ndata: text\n\n");
    struct grant *brief = grant_for("ann", 100);
    cr_expect_eq(fake_renew(client.id, brief), ERR_NONE);
    expect(&client, "data: text\n\n"
                    "retry: 5000\nevent: disconnect\ndata: {\"reason\":\"token_expired\"}\n\n");
    cr_expect(fake_read(client.socket, &client.text, NULL, FAKE_WAIT_MS), "and is closed");
    cr_expect_eq(fake_stat("expiry_closes"), 1);
    PUBLISH("a", "text");
    expect(&later, "id: 2\n");
    go(&client);
    go(&later);
    fake_stop();
    grant_release(grant);
    grant_release(other);
    grant_release(brief);
}

// One that takes nothing is closed without a word: nothing is sent to it that it may not have.
Test(worker_grant, it_ends_where_the_socket_is_full)
{
    struct fake_options options = {.terms = {.heartbeat_ms = 100}};
    fake_start(&options);
    struct grant *grant = grant_for("ann", 300);
    struct client client = {.socket =
                                fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n", 4096)};
    expect(&client, "retry: 5000\n\n");
    fake_give_grant(fake_connection_id(&client.text), grant);
    static char data[1 << 20];
    memset(data, 'x', sizeof(data) - 1);
    for (int i = 0; i < 8; i++) {
        fake_publish_one("a", data);
    }
    for (int i = 0; i < 1000 && fake_stat("expiry_closes") == 0; i++) {
        fake_run(5);
    }
    cr_expect_eq(fake_stat("expiry_closes"), 1);
    cr_expect_eq(fake_stat("streaming"), 0);
    go(&client);
    fake_stop();
    grant_release(grant);
}

// --- a fresh token ---

Test(worker_grant, a_fresh_token_goes_on)
{
    enum { LIFE_MS = 1500 };
    fake_start(&defaults);
    uint64_t expires_ms = clock_realtime_ms() + LIFE_MS;
    struct grant *grant = fake_grant("ann", "**", "text", expires_ms);
    struct grant *fresh = fake_grant("ann", "a", "text2", expires_ms + 1000000);
    struct grant *past = fake_grant("ann", "a", "text2", expires_ms);
    struct client client;
    come(&client, "/streams/a", grant);
    PUBLISH("a", "text", "text2");
    expect(&client, "id: 1\n");
    cr_expect_eq(fake_renew(client.id, fresh), ERR_NONE);
    fake_run(LIFE_MS + 100);
    PUBLISH("a", "text", "text2");
    expect(&client, "data: text\n\nid: 4\nevent: text2\ndata: text2\n\n");
    cr_expect_eq(fake_renew(client.id, past), ERR_NONE);
    expect(&client, "event: disconnect\ndata: {\"reason\":\"token_expired\"}\n\n");
    go(&client);
    fake_stop();
    grant_release(grant);
    grant_release(fresh);
    grant_release(past);
}

Test(worker_grant, a_fresh_token_is_the_same_subject_s_and_reads_all_streams)
{
    fake_start(&defaults);
    struct grant *ann = grant_for("ann", 100000);
    struct grant *bob = grant_for("bob", 100000);
    struct grant *less = fake_grant("ann", "a", NULL, clock_realtime_ms() + 100000);
    struct grant *nobody = grant_for("", 100000);
    struct client client;
    struct client anonymous;
    struct client nameless;
    come(&client, "/events?stream=a&stream=b", ann);
    come(&anonymous, "/streams/a", NULL);
    come(&nameless, "/streams/a", nobody);
    cr_expect_eq(fake_renew(client.id, bob), ERR_FORBIDDEN);
    cr_expect_eq(fake_renew(client.id, less), ERR_FORBIDDEN);
    cr_expect_eq(fake_renew(client.id, nobody), ERR_FORBIDDEN);
    cr_expect_eq(fake_renew(client.id, NULL), ERR_FORBIDDEN);
    cr_expect_eq(fake_renew(client.id, ann), ERR_NONE);
    cr_expect_eq(fake_renew(anonymous.id, ann), ERR_FORBIDDEN);
    cr_expect_eq(fake_renew(nameless.id, nobody), ERR_FORBIDDEN, "whoever they are");
    go(&client);
    go(&anonymous);
    go(&nameless);
    fake_stop();
    grant_release(ann);
    grant_release(bob);
    grant_release(less);
    grant_release(nobody);
}

// The rest of a batch that is half sent is made of the same events.
Test(worker_grant, what_is_half_sent_is_finished_as_it_was_begun)
{
    enum { EVENTS = 200, BYTES = 30000 };
    fake_start(&defaults);
    struct grant *grant = fake_grant("ann", "**", "text", GRANT_NEVER_EXPIRES);
    struct grant *fresh = fake_grant("ann", "**", "other", GRANT_NEVER_EXPIRES);
    struct client client = {
        .socket = fake_connect("GET /streams/a?batch=event HTTP/1.1\r\nHost: x\r\n\r\n", 4096)};
    expect(&client, "retry: 5000\n\n");
    uint64_t id = fake_connection_id(&client.text);
    fake_give_grant(id, grant);
    static char data[BYTES];
    memset(data, 'x', sizeof(data) - 1);
    for (int i = 0; i < EVENTS; i++) {
        const struct fake_event event = {.stream = "a", .data = data};
        const char *const type = i % 2 == 0 ? "text" : "other";
        fake_publish_typed(&event, NULL, &type, 1);
    }
    fake_run(50);
    cr_expect_gt(fake_stat("short_sends"), 0);
    cr_expect_eq(fake_renew(id, fresh), ERR_NONE);
    char last[32];
    snprintf(last, sizeof(last), "{\"id\":%d,", EVENTS);
    expect(&client, last);
    expect(&client, "\"}]\n\n");
    // All of the one kind up to some id, all of the other from there on.
    uint64_t next = 1;
    for (char *at = client.text.bytes; (at = strstr(at, "{\"id\":")) != NULL; at++) {
        uint64_t got = strtoull(at + strlen("{\"id\":"), NULL, 10);
        bool is_turn = got + 1 == next && got % 2 == 0;
        cr_assert(got == next || is_turn, "%llu after %llu", (unsigned long long)got,
                  (unsigned long long)next);
        next = got + 2;
    }
    cr_expect_eq(next, EVENTS + 2);
    go(&client);
    fake_stop();
    grant_release(grant);
    grant_release(fresh);
}
