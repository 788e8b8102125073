// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
#include "fake_log.h"

#include "base/clock.h"
#include "base/prng.h"
#include "log/block.h"
#include "worker/worker_internal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct fake_options defaults;

TestSuite(worker, .timeout = 60);

// Ids of all events, in order; checks that they rise and counts gap notices.
struct ids {
    uint64_t list[100000];
    uint32_t count;
    uint32_t gaps;
};

static void read_ids(const struct fake_text *text, struct ids *ids)
{
    memset(ids, 0, sizeof(*ids));
    static const char start[] = "retry: 5000\n\n"; // the end of the response's first frame
    const char *at = strstr(text->bytes, start) + strlen(start);
    uint64_t last = 0;
    for (; at != NULL; at = strstr(at, "\n\n")) {
        at += *at == '\n' ? 2 : 0;
        if (*at == 0) {
            break;
        }
        if (strncmp(at, "id: ", 4) != 0) {
            continue;
        }
        uint64_t id = strtoull(at + 4, NULL, 10);
        if (strncmp(strchr(at, '\n') + 1, "event: gap", 10) == 0) {
            ids->gaps++;
        } else {
            cr_assert_gt(id, last, "order");
            cr_assert_lt(ids->count, 100000);
            ids->list[ids->count++] = id;
        }
        last = id;
    }
}

Test(worker, streams_live_events_exactly_as_framed)
{
    fake_start(&defaults);
    struct fake_text text = {0};
    int client = fake_get("/streams/a", "");
    fake_expect(client, &text, "retry: 5000\n\n");
    cr_assert_not_null(strstr(text.bytes, "HTTP/1.1 200 OK\r\n"));
    cr_assert_not_null(strstr(text.bytes, "Content-Type: text/event-stream\r\n"));
    fake_publish_one("a", "one\ntwo");
    fake_expect(client, &text, "retry: 5000\n\nid: 1\ndata: one\ndata: two\n\n");
    fake_publish_one("b", "not for us");
    fake_publish_one("a", "three");
    fake_expect(client, &text, "data: two\n\nid: 3\ndata: three\n\n");
    close(client);
    for (int i = 0; i < 500 && fake_unsubscribes() == 0; i++) {
        fake_run(10);
    }
    cr_assert_eq(fake_unsubscribes(), 1, "the stream without readers is given up");
    fake_stop();
    fake_text_free(&text);
}

Test(worker, replays_then_goes_on_live)
{
    fake_start(&defaults);
    for (int i = 0; i < 40; i++) { // more runs than one answer holds
        fake_publish_one("a", "old");
    }
    struct fake_text text = {0};
    int client = fake_get("/streams/a?from=earliest", "");
    fake_expect(client, &text, "id: 40\n");
    fake_publish_one("a", "new");
    fake_expect(client, &text, "id: 41\ndata: new\n\n");
    static struct ids ids;
    read_ids(&text, &ids);
    cr_assert_eq(ids.count, 41);
    cr_assert_eq(ids.gaps, 0);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker, starts_where_it_is_asked_to)
{
    fake_start(&defaults);
    for (uint64_t i = 1; i <= 20; i++) {
        struct fake_event event = {
            .stream = i % 2 == 1 ? "a" : "b", .data = "x", .time_ms = 1000 * i};
        fake_publish(&event, 1);
    }
    const struct {
        const char *target, *fields, *first;
    } starts[] = {
        {"/streams/a", "Last-Event-ID: 7\r\n", "retry: 5000\n\nid: 9\n"},
        {"/streams/a", "Last-Event-ID: 8\r\n", "retry: 5000\n\nid: 9\n"},
        {"/streams/a?last_event_id=17", "", "retry: 5000\n\nid: 19\n"},
        {"/streams/a?from=last:3", "", "retry: 5000\n\nid: 15\n"},
        {"/streams/a?from=time:11000", "", "retry: 5000\n\nid: 11\n"},
        {"/streams/a?resume_token=YTo0", "", "retry: 5000\n\nid: 9\n"}, // a:4
        {"/stream?stream_id=b", "", "retry: 5000\n\nid: 2\n"},
        {"/events?stream=a&stream=b&from=last:2&envelope=0", "", "retry: 5000\n\nid: 17\n"},
    };
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        struct fake_text text = {0};
        int client = fake_get(starts[i].target, starts[i].fields);
        fake_expect(client, &text, starts[i].first);
        close(client);
        fake_text_free(&text);
    }
    fake_stop();
}

Test(worker, tells_of_what_cannot_be_resumed)
{
    fake_start(&defaults);
    for (int i = 0; i < 10; i++) {
        fake_publish_one("a", "x");
    }
    fake_discard("a");
    fake_publish_one("a", "kept");
    const struct {
        const char *fields, *header, *frame;
    } cases[] = {
        {"Last-Event-ID: 4\r\n", "Ringcast-Gap: 5-10/expired\r\n",
         "\"from\":5,\"to\":10,\"reason\":\"expired\""},
        {"Last-Event-ID: 999\r\n", "/ahead\r\n", "\"reason\":\"ahead\""},
        {"Last-Event-ID: foreign\r\n", "/unknown\r\n", "\"reason\":\"unknown\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fake_text text = {0};
        int client = fake_get("/streams/a", cases[i].fields);
        fake_expect(client, &text, "id: 11\ndata: kept\n\n"); // then served from what there is
        cr_assert_not_null(strstr(text.bytes, cases[i].header), "%s", text.bytes);
        cr_assert_not_null(strstr(text.bytes, cases[i].frame), "%s", text.bytes);
        close(client);
        fake_text_free(&text);
    }
    fake_stop();
}

Test(worker, answers_errors_and_keeps_the_connection)
{
    fake_start(&defaults);
    struct fake_text text = {0};
    int client = fake_connect("GET /streams/ HTTP/1.1\r\nHost: x\r\n\r\n"
                              "GET /stream?stream_id=nobody HTTP/1.1\r\nHost: x\r\n\r\n"
                              "PATCH /streams/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
                              "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                              "GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n",
                              0);
    fake_expect(client, &text, "text/event-stream");
    cr_assert_not_null(strstr(text.bytes, "HTTP/1.1 400"));
    cr_assert_not_null(strstr(text.bytes, "\"stream_not_found\""));
    cr_assert_not_null(strstr(text.bytes, "HTTP/1.1 405"));
    cr_assert_not_null(strstr(text.bytes, "ok\n"));
    fake_publish_one("a", "after all that");
    fake_expect(client, &text, "data: after all that\n\n");
    close(client);
    fake_text_free(&text);
    client = fake_connect("nonsense\r\n\r\n", 0);
    cr_assert(fake_read(client, &text, NULL, FAKE_WAIT_MS));
    cr_assert_not_null(strstr(text.bytes, "HTTP/1.1 400"));
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker, cuts_off_slow_requests)
{
    struct fake_options options = {.terms = {.request_timeout_ms = 100}};
    fake_start(&options);
    struct fake_text text = {0};
    int client = fake_connect("GET /streams/a HT", 0);
    cr_assert(fake_read(client, &text, NULL, FAKE_WAIT_MS));
    cr_assert_not_null(strstr(text.bytes, "HTTP/1.1 408"));
    close(client);
    fake_text_free(&text);
    client = fake_connect("", 0); // says nothing: is told nothing
    cr_assert(fake_read(client, &text, NULL, FAKE_WAIT_MS));
    cr_assert_eq(text.length, 0);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker, refuses_beyond_the_limit)
{
    struct fake_options options = {.terms = {.connections_max = 2}};
    fake_start(&options);
    struct fake_text text = {0};
    int clients[2];
    for (int i = 0; i < 2; i++) {
        clients[i] = fake_get("/streams/a", "");
        fake_expect(clients[i], &text, "retry");
        fake_text_free(&text);
    }
    int third = fake_get("/streams/a", "");
    cr_assert(fake_read(third, &text, NULL, FAKE_WAIT_MS));
    cr_assert_not_null(strstr(text.bytes, "HTTP/1.1 503"), "%s", text.bytes);
    cr_assert_not_null(strstr(text.bytes, "Retry-After: "));
    fake_text_free(&text);
    close(third);
    close(clients[0]);
    for (int i = 0; i < 100; i++) { // room again
        fake_run(10);
        third = fake_get("/streams/a", "");
        fake_read(third, &text, "\r\n\r\n", FAKE_WAIT_MS);
        close(third);
        if (strstr(text.bytes, " 200 ") != NULL) {
            break;
        }
        fake_text_free(&text);
    }
    cr_assert_not_null(strstr(text.bytes, " 200 "));
    close(clients[1]);
    fake_stop();
    fake_text_free(&text);
}

Test(worker, merges_streams_in_id_order_with_envelopes)
{
    fake_start(&defaults);
    for (int i = 0; i < 30; i++) {
        struct fake_event events[] = {
            {"a", "1", 0, 0}, {"b", "2", 0, 0}, {"a", "3", 0, 0}, {"c", "4", 0, 0}};
        fake_publish(events, 1 + (uint32_t)i % 4);
    }
    struct fake_text text = {0};
    int client = fake_get("/events?stream=a&stream=b&stream=c&from=earliest", "");
    struct fake_event events[] = {{"c", "x", 0, 0}, {"b", "last", 0, 0}};
    fake_expect(client, &text, "\"data\":");
    fake_publish(events, 2);
    fake_expect(client, &text, "\"data\":\"last\"}\n\n");
    static struct ids ids;
    read_ids(&text, &ids);
    cr_assert_eq(ids.count, 73 + 2);
    for (uint32_t i = 0; i < ids.count; i++) {
        cr_assert_eq(ids.list[i], i + 1);
    }
    cr_assert_not_null(strstr(text.bytes, "\"stream\":\"b\""));
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker, passes_over_what_expired)
{
    fake_start(&defaults);
    struct fake_event events[] = {{"a", "kept", 0, 0},
                                  {"a", "expired", 10, 1000},
                                  {"a", "lives", 3600000, 0},
                                  {"a", "gone too", 10, 1000}};
    fake_publish(events, 4);
    struct fake_text text = {0};
    int client = fake_get("/streams/a?from=earliest", "");
    fake_expect(client, &text, "id: 3\n");
    fake_publish_one("a", "next");
    fake_expect(client, &text, "id: 5\n");
    static struct ids ids;
    read_ids(&text, &ids);
    cr_assert_eq(ids.count, 3);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker, reads_cold_blocks_from_disk)
{
    fake_start(&defaults);
    for (int i = 0; i < 200; i++) {
        struct fake_event events[] = {{"a", "some text that takes a little room", 0, 0},
                                      {"b", "y", 0, 0}};
        fake_publish(events, 2);
    }
    fake_make_cold();
    struct fake_text text = {0};
    int client = fake_get("/streams/a?from=earliest", "");
    fake_expect(client, &text, "id: 399\n");
    fake_publish_one("a", "warm");
    fake_expect(client, &text, "id: 401\n");
    static struct ids ids;
    read_ids(&text, &ids);
    cr_assert_eq(ids.count, 201);
    cr_assert_eq(ids.gaps, 0);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

// Of blocks in which many streams take turns, only the frames that are wanted are read.
Test(worker, reads_only_its_frames_of_cold_blocks)
{
    fake_start(&defaults);
    enum { BLOCKS = 100, PER_BLOCK = 5 };
    for (int i = 0; i < BLOCKS; i++) {
        struct fake_event events[2 * PER_BLOCK];
        for (int j = 0; j < PER_BLOCK; j++) {
            events[2 * j] = (struct fake_event){"a", "wanted", 0, 0};
            events[2 * j + 1] = (struct fake_event){
                "b", "a long text that nobody wants to read, and that is in the way", 0, 0};
        }
        fake_publish(events, 2 * PER_BLOCK);
    }
    fake_make_cold();
    struct fake_text text = {0};
    int client = fake_get("/streams/a?last_event_id=5", ""); // in the midst of a block
    fake_expect(client, &text, "id: 999\ndata: wanted\n\n");
    static struct ids ids;
    read_ids(&text, &ids);
    cr_assert_eq(ids.count, BLOCKS * PER_BLOCK - 3);
    cr_assert_eq(ids.gaps, 0);
    cr_assert_leq(fake_worker()->shard.cold.bytes_used, text.length);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker, tells_of_what_the_disk_lost)
{
    fake_start(&defaults);
    fake_publish_one("a", "lost");
    fake_publish_one("a", "lost too");
    fake_corrupt();
    fake_make_cold();
    fake_publish_one("a", "there");
    struct fake_text text = {0};
    int client = fake_get("/streams/a?from=earliest", "");
    fake_expect(client, &text, "id: 3\ndata: there\n\n");
    cr_assert_not_null(strstr(text.bytes, "\"reason\":\"corrupt\""));
    cr_assert_null(strstr(text.bytes, "lost"));
    close(client);
    fake_stop();
    fake_text_free(&text);
}

static void lap_and_come_back(bool keeps_memory)
{
    fake_start(&defaults);
    struct fake_text text = {0};
    int client = fake_get("/streams/a", "");
    fake_expect(client, &text, "retry");
    fake_publish_one("a", "before");
    fake_expect(client, &text, "id: 1\n");
    fake_lap(true, keeps_memory);
    for (int i = 0; i < 20; i++) {
        fake_publish_one("a", "missed");
    }
    fake_lap(false, keeps_memory);
    fake_expect(client, &text, "id: 21\n");
    fake_publish_one("a", "after");
    fake_expect(client, &text, "id: 22\n");
    static struct ids ids;
    read_ids(&text, &ids);
    cr_assert_eq(ids.count, 22);
    cr_assert_eq(ids.gaps, 0);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker, catches_up_when_lapped)
{
    lap_and_come_back(true);
}

Test(worker, catches_up_when_what_it_missed_left_memory)
{
    lap_and_come_back(false);
}

Test(worker, drops_the_oldest_of_a_reader_that_lags_and_tells_it)
{
    struct fake_options options = {
        .terms = {.overflow = {.policy = OVERFLOW_DROP_OLDEST, .limits = {.events = 100}}}};
    fake_start(&options);
    static char data[4000];
    memset(data, 'x', sizeof(data) - 1);
    struct fake_text text = {0};
    int client = fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n", 4096);
    fake_expect(client, &text, "retry");
    enum { EVENTS = 4000 };
    for (int i = 0; i < EVENTS; i++) {
        fake_publish_one("a", data);
        fake_run(0);
    }
    char last[32];
    snprintf(last, sizeof(last), "id: %d\ndata", EVENTS);
    fake_expect(client, &text, last);
    static struct ids ids;
    read_ids(&text, &ids);
    cr_assert_geq(ids.gaps, 1);
    cr_assert_lt(ids.count, EVENTS);
    // What was sent and what the gaps tell of add up.
    uint64_t told = 0;
    for (const char *at = text.bytes; (at = strstr(at, "event: gap\ndata: {\"from\":")) != NULL;) {
        at += strlen("event: gap\ndata: {\"from\":");
        uint64_t from = strtoull(at, NULL, 10);
        uint64_t to = strtoull(strstr(at, "\"to\":") + 5, NULL, 10);
        told += to - from + 1;
        cr_assert_eq(strncmp(strstr(at, "\"reason\":\""), "\"reason\":\"lagged\"", 17), 0);
    }
    cr_assert_eq(told + ids.count, EVENTS);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker, closes_a_reader_that_lags_where_that_is_the_policy)
{
    struct fake_options options = {
        .terms = {.overflow = {.policy = OVERFLOW_DISCONNECT, .limits = {.events = 10}}}};
    fake_start(&options);
    static char data[100000];
    memset(data, 'x', sizeof(data) - 1);
    struct fake_text text = {0};
    int client = fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n", 4096);
    fake_expect(client, &text, "retry");
    for (int i = 0; i < 200; i++) {
        fake_publish_one("a", data);
        fake_run(0);
    }
    cr_assert(fake_read(client, &text, NULL, 4 * FAKE_WAIT_MS));
    cr_assert_null(strstr(text.bytes, "id: 200\n"));
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker, beats_when_silent)
{
    struct fake_options options = {.terms = {.heartbeat_ms = 100}};
    fake_start(&options);
    struct fake_text comment = {0};
    struct fake_text event = {0};
    struct fake_text off = {0};
    int one = fake_get("/streams/a", "");
    int two = fake_get("/streams/a?heartbeat=event", "");
    int three = fake_get("/streams/a?heartbeat=off", "");
    fake_expect(three, &off, "retry: 5000\n\n");
    fake_expect(one, &comment, "retry: 5000\n\n:\n\n:\n\n");
    fake_expect(two, &event, "event: heartbeat\ndata: {\"timestamp\":");
    fake_read(three, &off, "never", 300);
    cr_assert_str_eq(strstr(off.bytes, "retry:"), "retry: 5000\n\n");
    close(one);
    close(two);
    close(three);
    fake_stop();
    fake_text_free(&comment);
    fake_text_free(&event);
    fake_text_free(&off);
}

Test(worker, says_goodbye_when_it_stops)
{
    fake_start(&defaults);
    struct fake_text text = {0};
    int client = fake_get("/streams/a", "");
    fake_expect(client, &text, "retry: 5000\n\n");
    fake_publish_one("a", "last words");
    fake_stop();
    char rest[4096];
    ssize_t got;
    size_t length = 0;
    while ((got = recv(client, rest + length, sizeof(rest) - 1 - length, 0)) > 0) {
        length += (size_t)got;
    }
    rest[length] = 0;
    cr_assert_eq(got, 0, "closed in order");
    const char *words = strstr(rest, "data: last words\n\n");
    cr_assert_not_null(words, "%s", rest);
    cr_assert_not_null(strstr(words, "retry: "));
    close(client);
    fake_text_free(&text);
}

// Readers of all paces on interleaved streams, in both forms, part of the log cold: everybody gets
// each of its events once.
Test(worker, serves_readers_of_every_pace)
{
    enum { CLIENTS = 24, BLOCKS = 300, SEED = 20260 };
    struct fake_options options = {.terms = {.cold_bytes_max = 200000}};
    fake_start(&options);
    struct prng prng;
    prng_seed(&prng, SEED);
    static char data[3000];
    memset(data, 'y', sizeof(data) - 1);
    static const char *const targets[] = {"/streams/a", "/streams/b?from=earliest",
                                          "/events?stream=a&stream=b",
                                          "/events?stream=b&stream=c&envelope=0&from=earliest"};
    static const char *const sets[] = {"a", "b", "ab", "bc"};
    int clients[CLIENTS];
    struct fake_text texts[CLIENTS] = {{0}};
    for (int i = 0; i < CLIENTS; i++) {
        char request[256];
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", targets[i % 4]);
        clients[i] = fake_connect(request, i % 3 == 0 ? 4096 : 0);
        fake_expect(clients[i], &texts[i], "retry: 5000\n\n");
    }
    static char owner[BLOCKS * 8 + 2];
    uint64_t id = 0;
    for (int b = 0; b < BLOCKS; b++) {
        struct fake_event events[8];
        uint32_t count = 1 + (uint32_t)prng_below(&prng, 8);
        for (uint32_t i = 0; i < count; i++) {
            static const char *const names[] = {"a", "b", "c"};
            uint64_t which = prng_below(&prng, 3);
            events[i] =
                (struct fake_event){names[which], data + prng_below(&prng, sizeof(data)), 0, 0};
            owner[++id] = names[which][0];
        }
        fake_write_old_blocks(prng_chance(&prng, 1, 4));
        fake_publish(events, count);
        if (prng_chance(&prng, 1, 3)) {
            int i = (int)prng_below(&prng, CLIENTS);
            fake_read(clients[i], &texts[i], "no such thing", 2);
        }
        if (prng_chance(&prng, 1, 60)) {
            fake_make_cold();
        }
    }
    static struct ids ids;
    for (int i = 0; i < CLIENTS; i++) {
        uint64_t last = id;
        while (strchr(sets[i % 4], owner[last]) == NULL) {
            last--;
        }
        char end[32];
        snprintf(end, sizeof(end), "id: %llu\n", (unsigned long long)last);
        fake_expect(clients[i], &texts[i], end);
        fake_read(clients[i], &texts[i], "no such thing", 5);
        read_ids(&texts[i], &ids);
        cr_assert_eq(ids.gaps, 0);
        uint32_t next = 0;
        for (uint64_t e = 1; e <= id; e++) {
            if (strchr(sets[i % 4], owner[e]) != NULL) {
                cr_assert_lt(next, ids.count);
                cr_assert_eq(ids.list[next], e, "client %d: expected %llu, got %llu", i,
                             (unsigned long long)e, (unsigned long long)ids.list[next]);
                next++;
            }
        }
        cr_assert_eq(next, ids.count);
        close(clients[i]);
        fake_text_free(&texts[i]);
    }
    fake_stop();
}
