// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// Sends that are cut short, and what they wait for.
#include "fake_log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct fake_options defaults;

TestSuite(worker_sending, .timeout = 60);

static char *make_text(size_t length)
{
    char *text = malloc(length + 1);
    cr_assert_not_null(text);
    memset(text, 'z', length);
    text[length] = 0;
    return text;
}

// What stands before the frame that is sent in part had expired: it must not be taken for that
// frame.
Test(worker_sending, a_half_sent_frame_behind_expired_ones_goes_on)
{
    fake_start(&defaults);
    char *big = make_text(1000 * 1000);
    struct fake_event events[4] = {{"a", "expired", 10, 1000},
                                   {"a", big, 3600000, 0},
                                   {"a", "expired too", 10, 1000},
                                   {"a", big, 3600000, 0}};
    for (int i = 0; i < 8; i++) {
        fake_publish(events, 4);
    }
    fake_publish_one("a", "the end");
    static const char *const targets[] = {
        "GET /streams/a?from=earliest HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /events?stream=a&stream=b&from=earliest "
        "HTTP/1.1\r\nHost: x\r\n\r\n"};
    for (int t = 0; t < 2; t++) {
        struct fake_text text = {0};
        int client = fake_connect(targets[t], 4096);
        fake_run(100);
        fake_expect(client, &text, "the end");
        uint32_t count = 0;
        const char *at = strstr(text.bytes, "retry: 5000\n");
        for (; (at = strstr(at, "\nid: ")) != NULL; at += 5) {
            uint64_t id = strtoull(at + 5, NULL, 10);
            cr_assert_eq(id, count < 16 ? 2 * (count + 1) : 33);
            count++;
        }
        cr_assert_eq(count, 17);
        cr_assert_null(strstr(text.bytes, "expired"));
        close(client);
        fake_text_free(&text);
    }
    fake_stop();
    free(big);
}

// A cache of cold blocks that holds one of them: those who want another have their turn.
Test(worker_sending, readers_share_a_small_cache_of_cold_blocks)
{
    enum { CLIENTS = 4, BLOCKS = 20 };
    struct fake_options options = {.terms = {.cold_bytes_max = 4096}};
    fake_start(&options);
    char *data = make_text(3000);
    static const char *const names[CLIENTS] = {"a", "b", "c", "d"};
    for (int i = 0; i < BLOCKS * CLIENTS; i++) {
        fake_publish_one(names[i % CLIENTS], data);
    }
    fake_make_cold();
    int clients[CLIENTS];
    struct fake_text texts[CLIENTS] = {{0}};
    for (int i = 0; i < CLIENTS; i++) {
        char target[64];
        snprintf(target, sizeof(target), "/streams/%s?from=earliest", names[i]);
        clients[i] = fake_get(target, "");
    }
    for (int i = 0; i < CLIENTS; i++) {
        char last[32];
        snprintf(last, sizeof(last), "id: %d\n", (BLOCKS - 1) * CLIENTS + i + 1);
        fake_expect(clients[i], &texts[i], last);
        close(clients[i]);
        fake_text_free(&texts[i]);
    }
    fake_stop();
    free(data);
}

// More streams are replayed than there is room for answers: no answer goes before it was used.
Test(worker_sending, answers_stay_until_they_were_used)
{
    enum { CLIENTS = 400 };
    struct fake_options options = {.terms = {.connections_max = CLIENTS}};
    fake_start(&options);
    for (int i = 0; i < CLIENTS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "s%d", i);
        fake_publish_one(name, "x");
    }
    fake_hold();
    static int clients[CLIENTS];
    static struct fake_text texts[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        char target[64];
        snprintf(target, sizeof(target), "/streams/s%d?from=earliest", i);
        clients[i] = fake_get(target, "");
        fake_run(0);
    }
    fake_wait_held(SHARD_REQUESTS_MAX);
    fake_release(SHARD_REQUESTS_MAX);
    for (int i = 0; i < 200; i++) { // in batches, as a busy log would
        fake_run(5);
        fake_release(SHARD_REQUESTS_MAX);
    }
    fake_release(FAKE_RELEASE_ALL);
    for (int i = 0; i < CLIENTS; i++) {
        fake_expect(clients[i], &texts[i], "data: x\n\n");
        close(clients[i]);
        fake_text_free(&texts[i]);
    }
    cr_assert_leq(fake_lookups(), CLIENTS + 10, "each is asked once: %u", fake_lookups());
    fake_stop();
}

Test(worker_sending, is_lapped_again_while_it_catches_up)
{
    fake_start(&defaults);
    struct fake_text text = {0};
    int client = fake_get("/streams/a", "");
    fake_expect(client, &text, "retry");
    fake_lap(true, true);
    for (int i = 0; i < 20; i++) {
        fake_publish_one("a", "missed");
    }
    fake_lap_again(3);
    fake_lap(false, true);
    fake_expect(client, &text, "id: 20\n");
    close(client);
    fake_stop();
    fake_text_free(&text);
}

// None of its streams is behind by more than the bound, all together are.
Test(worker_sending, lag_is_counted_over_all_streams)
{
    enum { EVENTS = 1300, STREAMS = 4, EVENTS_MAX = 400 };
    struct fake_options options = {
        .terms = {.overflow = {.policy = OVERFLOW_DROP_OLDEST, .limits = {.events = EVENTS_MAX}}}};
    fake_start(&options);
    char *data = make_text(40000);
    struct fake_text text = {0};
    int client = fake_connect("GET /events?stream=a&stream=b&stream=c&stream=d&envelope=0 "
                              "HTTP/1.1\r\nHost: x\r\n\r\n",
                              4096);
    fake_expect(client, &text, "retry");
    static const char *const names[STREAMS] = {"a", "b", "c", "d"};
    for (int i = 0; i < EVENTS; i++) {
        fake_publish_one(names[i % STREAMS], data);
        fake_run(0);
    }
    char last[32];
    snprintf(last, sizeof(last), "id: %d\ndata", EVENTS);
    fake_expect(client, &text, last);
    cr_assert_not_null(strstr(text.bytes, "\"reason\":\"lagged\""), "got %zu bytes", text.length);
    uint32_t after_gap = 0;
    const char *at = strstr(text.bytes, "\"reason\":\"lagged\"");
    while ((at = strstr(at, "\ndata: z")) != NULL) {
        after_gap++;
        at++;
    }
    cr_assert_leq(after_gap, EVENTS_MAX + 50);
    cr_assert_geq(after_gap, EVENTS_MAX / 2);
    close(client);
    fake_stop();
    fake_text_free(&text);
    free(data);
}

static void expect_closed_when_it_takes_nothing(uint32_t heartbeat_ms)
{
    struct fake_options options = {.terms = {.stall_ms_max = 200, .heartbeat_ms = heartbeat_ms}};
    fake_start(&options);
    char *data = make_text(1000 * 1000);
    struct fake_text text = {0};
    int client = fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n", 4096);
    fake_expect(client, &text, "retry");
    for (int i = 0; i < 20; i++) {
        fake_publish_one("a", data);
    }
    for (int i = 0; i < 500 && fake_connections() > 0; i++) {
        fake_run(10);
    }
    cr_assert_eq(fake_connections(), 0);
    close(client);
    fake_stop();
    fake_text_free(&text);
    free(data);
}

Test(worker_sending, a_reader_that_takes_nothing_is_closed_also_without_heartbeats)
{
    expect_closed_when_it_takes_nothing(FAKE_NO_HEARTBEAT);
}

Test(worker_sending, a_reader_that_takes_nothing_is_closed_long_before_its_heartbeat)
{
    expect_closed_when_it_takes_nothing(3600 * 1000);
}

// Blocks that come while the worker says goodbye are not sent behind it.
Test(worker_sending, nothing_follows_a_goodbye)
{
    enum { CLIENTS = 50, EVENTS = 400 };
    fake_start(&defaults);
    int clients[CLIENTS];
    static struct fake_text texts[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = fake_get("/streams/a", "");
        fake_expect(clients[i], &texts[i], "retry: 5000\n\n");
    }
    struct log_message stop = {.kind = MESSAGE_STOP};
    for (int i = 0; i < EVENTS; i++) {
        cr_assert(i != EVENTS / 2 || loop_post(worker_loop(fake_worker()), NULL, &stop, 0));
        fake_publish_one("a", "x");
        usleep(20);
    }
    for (int i = 0; i < CLIENTS; i++) {
        fake_expect(clients[i], &texts[i], ": going away\n");
        fake_read(clients[i], &texts[i], NULL, 10);
        cr_assert_null(strstr(strstr(texts[i].bytes, ": going away\n"), "data: x"));
        close(clients[i]);
        fake_text_free(&texts[i]);
    }
    fake_stop();
}
