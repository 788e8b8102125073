// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// Other terms while the worker runs: for those who come, and for those who are there.
#include "fake_log.h"

#include "base/clock.h"
#include "conn/connection_id.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MANY = 150 };

TestSuite(worker_terms, .timeout = 60);

static void start(void)
{
    struct fake_options options = {.terms = {.heartbeat_ms = FAKE_NO_HEARTBEAT},
                                   .shard = {.descriptors_per_ring_max = 128}}; // several rings
    fake_start(&options);
}

// As those of start(), to be changed and then offered.
static struct terms *make(void)
{
    struct terms *terms = terms_create();
    cr_assert_not_null(terms);
    terms->heartbeat_ms = FAKE_NO_HEARTBEAT;
    fake_fill_terms(terms);
    return terms;
}

static void offer(struct terms *terms)
{
    worker_offer_terms(fake_worker(), terms);
}

// --- who comes ---

static void expect_answer(const char *request, const char *answer)
{
    struct fake_text text = {0};
    int client = fake_connect(request, 0);
    fake_expect(client, &text, answer);
    close(client);
    fake_text_free(&text);
}

#define HOST_AND_END "Host: x\r\nConnection: close\r\n\r\n"

static void allow_one_stream(struct terms *terms)
{
    terms->connection_streams_max = 1;
}

static void allow_short_headers(struct terms *terms)
{
    terms->header_bytes_max = 64;
}

static void allow_small_bodies(struct terms *terms)
{
    terms->request_bytes_max = 2;
}

static void allow_no_connections(struct terms *terms)
{
    terms->connections_max = 0;
}

static void allow_nobody(struct terms *terms)
{
    terms->access.anonymous = ACCESS_ANONYMOUS_NONE;
}

static void ask_for_origins(struct terms *terms)
{
    terms->access.requires_origin = true;
}

static void know_streams(struct terms *terms)
{
    terms->unknown_stream_is_404 = true;
}

static void change_retry(struct terms *terms)
{
    terms->retry_ms = 7777;
}

Test(worker_terms, hold_for_who_comes)
{
    static const struct {
        void (*change)(struct terms *terms);
        const char *request;
        const char *before;
        const char *after;
    } cases[] = {
        {change_retry, "GET /streams/a HTTP/1.1\r\n" HOST_AND_END, "retry: 5000\n",
         "retry: 7777\n"},
        {allow_one_stream, "GET /events?stream=a&stream=b HTTP/1.1\r\n" HOST_AND_END, " 200 ",
         " 400 "},
        {allow_short_headers,
         "GET /streams/a HTTP/1.1\r\nX: 0123456789012345678901234567890123456789\r\n" HOST_AND_END,
         " 200 ", " 431 "},
        {allow_small_bodies, "POST /streams/a HTTP/1.1\r\nContent-Length: 3\r\n" HOST_AND_END "abc",
         NULL, " 413 "}, // before, it would be the log's to answer
        {allow_no_connections, "GET /healthz HTTP/1.1\r\n" HOST_AND_END, " 200 ", " 503 "},
        {allow_nobody, "GET /streams/a HTTP/1.1\r\n" HOST_AND_END, " 200 ", " 401 "},
        {ask_for_origins, "GET /streams/a HTTP/1.1\r\n" HOST_AND_END, " 200 ", " 403 "},
        {know_streams, "GET /streams/new HTTP/1.1\r\n" HOST_AND_END, " 200 ", " 404 "},
    };
    start();
    fake_publish_one("a", "x");
    fake_publish_one("b", "x");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cases[i].before != NULL) {
            expect_answer(cases[i].request, cases[i].before);
        }
        struct terms *terms = make();
        cases[i].change(terms);
        offer(terms);
        fake_run(20);
        expect_answer(cases[i].request, cases[i].after);
        offer(make());
        fake_run(20);
    }
    fake_stop();
}

// Each of several is taken over or passed over, and let go either way.
Test(worker_terms, the_newest_of_several_hold)
{
    start();
    struct terms *offered[20];
    for (size_t i = 0; i < sizeof(offered) / sizeof(offered[0]); i++) {
        offered[i] = make();
        offered[i]->retry_ms = 7000 + (uint32_t)i;
        offer(terms_hold(offered[i]));
    }
    fake_run(20);
    expect_answer("GET /streams/a HTTP/1.1\r\n" HOST_AND_END, "retry: 7019\n");
    for (size_t i = 0; i + 1 < sizeof(offered) / sizeof(offered[0]); i++) {
        cr_expect_eq(offered[i]->references.count, 1, "%zu", i);
        terms_release(offered[i]);
    }
    cr_expect_eq(offered[19]->references.count, 2);
    offer(make()); // which nobody takes any more, perhaps
    fake_stop();
    cr_expect_eq(offered[19]->references.count, 1);
    terms_release(offered[19]);
}

// --- who is there ---

static int clients[MANY];
static struct fake_text texts[MANY];

static void connect_many(void)
{
    for (int i = 0; i < MANY; i++) {
        clients[i] = fake_get("/streams/a", "");
        fake_expect(clients[i], &texts[i], "retry: 5000\n\n");
    }
}

static void close_many(void)
{
    for (int i = 0; i < MANY; i++) {
        close(clients[i]);
        fake_text_free(&texts[i]);
    }
}

Test(worker_terms, heartbeats_begin_and_end)
{
    start();
    connect_many();
    struct terms *terms = make();
    terms->heartbeat_ms = 100;
    offer(terms);
    for (int i = 0; i < MANY; i++) {
        fake_expect(clients[i], &texts[i], "\n\n:\n\n:\n\n");
    }
    offer(make());
    fake_run(300); // what was under way
    size_t length[MANY];
    for (int i = 0; i < MANY; i++) {
        (void)fake_read(clients[i], &texts[i], "nothing", 1);
        length[i] = texts[i].length;
    }
    for (int i = 0; i < MANY; i++) {
        (void)fake_read(clients[i], &texts[i], "nothing", 1);
        cr_expect_eq(texts[i].length, length[i]);
    }
    fake_publish_one("a", "still there");
    for (int i = 0; i < MANY; i++) {
        fake_expect(clients[i], &texts[i], "data: still there\n\n");
    }
    close_many();
    fake_stop();
}

static bool is_said_of(int index, const char *part)
{
    static const char field[] = "Ringcast-Connection-Id: ";
    const char *id = strstr(texts[index].bytes, field);
    cr_assert_not_null(id);
    struct admin_request request = {.operation = ADMIN_CONNECTION};
    cr_assert(connection_id_parse(slice_from(id + strlen(field), CONNECTION_ID_TEXT_BYTES),
                                  &request.connection_id));
    fake_admin(&request);
    cr_assert_eq(request.parts[0].reached, 1);
    struct slice json = buffer_slice(&request.parts[0].json);
    bool is_said = memmem(json.at, json.length, part, strlen(part)) != NULL;
    buffer_free(&request.parts[0].json);
    return is_said;
}

// Of each of them, or of none.
static void expect_said(const char *part, bool is_wanted)
{
    uint64_t end_ms = clock_monotonic_ms() + FAKE_WAIT_MS;
    for (int i = 0; i < MANY; i++) {
        while (is_said_of(i, part) != is_wanted) {
            cr_assert(clock_monotonic_ms() < end_ms, "%d: %s", i, part);
            fake_run(5);
        }
    }
}

static void bound_rates(uint32_t events_per_second)
{
    struct terms *terms = make();
    terms->quality.events_per_second_max = events_per_second;
    offer(terms);
}

Test(worker_terms, bounds_of_rates_come_change_and_go)
{
    start();
    connect_many();
    bound_rates(77);
    expect_said("\"value\":77", true);
    bound_rates(78); // while the others may not all have been seen
    bound_rates(79);
    expect_said("\"value\":79", true);
    offer(make());
    expect_said("\"value\":79", false);
    fake_publish_one("a", "x");
    for (int i = 0; i < MANY; i++) {
        fake_expect(clients[i], &texts[i], "data: x\n\n");
    }
    close_many();
    fake_stop();
}

static struct terms *make_with_rule(const char *rule)
{
    struct rules_fault fault;
    struct terms *terms = make();
    terms->link_interval_ms = 100;
    terms->rules_hold_all = true;
    cr_assert(rules_add(&terms->rules, slice_of(rule), &fault), "%s", fault.message);
    return terms;
}

Test(worker_terms, rules_and_looks_at_paths_begin_and_end)
{
    start();
    connect_many();
    offer(make_with_rule("client = none: events_per_second 66"));
    expect_said("\"value\":66", true);
    offer(make_with_rule("client = none: events_per_second 67"));
    expect_said("\"value\":67", true);
    offer(make_with_rule("client = mobile: events_per_second 68"));
    expect_said("\"value\":67", false);
    offer(make_with_rule("client = none: events_per_second 69"));
    expect_said("\"value\":69", true);
    offer(make()); // nobody looks any more
    expect_said("\"value\":69", false);
    close_many();
    fake_stop();
}

static void let_block(bool blocks)
{
    struct terms *terms = make();
    terms->overflow.policy = blocks ? OVERFLOW_BLOCK : OVERFLOW_DROP_OLDEST;
    offer(terms);
    fake_run(20);
}

Test(worker_terms, streams_begin_and_end_to_block)
{
    start();
    struct fake_text text = {0};
    int client = fake_get("/events?stream=a&stream=b", "");
    fake_expect(client, &text, "retry");
    fake_publish_one("a", "x");
    fake_expect(client, &text, "id: 1\n");
    cr_expect_neq(fake_read_of("a"), 1, "nothing is told");
    let_block(true);
    cr_expect(fake_wait_read("a", 1));
    fake_publish_one("b", "x");
    cr_expect(fake_wait_read("b", 2));
    let_block(false);
    fake_publish_one("a", "x");
    fake_expect(client, &text, "id: 3\n");
    fake_run(20);
    cr_expect_eq(fake_read_of("a"), 1, "no more is told");
    let_block(true);
    cr_expect(fake_wait_read("a", 3));
    close(client);
    fake_stop();
    fake_text_free(&text);
}
