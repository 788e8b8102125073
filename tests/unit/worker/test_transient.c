// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
#include "event/event.h"
#include "fake_log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct fake_options defaults;

TestSuite(transient, .timeout = 60);

// One with two references: the worker's and the test's.
static struct log_transient *make(const char *stream, const char *frame, const char *data)
{
    struct log_transient *transient = calloc(1, sizeof(*transient));
    cr_assert_not_null(transient);
    transient->references = 2;
    transient->priority = PRIORITY_LOW;
    transient->time_ms = 1700000000000;
    transient->name = slice_of(stream);
    transient->type = slice_of("typing");
    transient->data = slice_of(data);
    transient->frame = slice_of(frame);
    return transient;
}

static void wait_released(struct log_transient *transient)
{
    for (int i = 0; i < 1000 && __atomic_load_n(&transient->references, __ATOMIC_ACQUIRE) > 1;
         i++) {
        fake_run(5);
    }
    cr_assert_eq(transient->references, 1);
    free(transient);
}

Test(transient, reaches_those_who_are_there_in_their_form)
{
    fake_start(&defaults);
    struct fake_text texts[3] = {{0}};
    int clients[3];
    static const char *const targets[] = {"/streams/a", "/events?stream=a&stream=b", "/streams/b"};
    for (int i = 0; i < 3; i++) {
        clients[i] = fake_get(targets[i], "");
        fake_expect(clients[i], &texts[i], "retry: 5000\n\n");
    }
    struct log_transient *transient = make("a", "event: typing\ndata: now\n\n", "now");
    fake_transient(transient);
    wait_released(transient);
    transient = make("unknown to the worker", "data: never\n\n", "never");
    fake_transient(transient);
    wait_released(transient);
    fake_publish_one("a", "after");
    fake_publish_one("b", "after");
    fake_expect(clients[0], &texts[0], "\n\nevent: typing\ndata: now\n\nid: 1\ndata: after\n\n");
    fake_expect(clients[1], &texts[1],
                "event: typing\ndata: {\"stream\":\"a\",\"type\":\"typing\",\"time\":1700000000000,"
                "\"priority\":\"low\",\"data\":\"now\"}\n\nid: 1\n");
    fake_expect(clients[2], &texts[2], "retry: 5000\n\nid: 2\n");
    for (int i = 0; i < 3; i++) {
        close(clients[i]);
        fake_text_free(&texts[i]);
    }
    fake_stop();
}

// Many at once: each is whole, between whole events. A reader that takes nothing gets none.
Test(transient, never_cuts_a_frame)
{
    enum { ROUNDS = 40 };
    fake_start(&defaults);
    static char data[300001];
    memset(data, 'x', sizeof(data) - 1);
    struct fake_text texts[2] = {{0}};
    int clients[2];
    for (int i = 0; i < 2; i++) {
        clients[i] = fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n", 4096);
        fake_expect(clients[i], &texts[i], "retry: 5000\n\n");
    }
    for (int round = 0; round < ROUNDS; round++) {
        fake_publish_one("a", data);
        for (int i = 0; i < 3; i++) {
            struct log_transient *transient = make("a", "data: passing\n\n", "passing");
            fake_transient(transient);
            wait_released(transient);
        }
        fake_read(clients[0], &texts[0], "no such thing", 2);
    }
    fake_publish_one("a", "last");
    for (int i = 0; i < 2; i++) {
        fake_expect(clients[i], &texts[i], "data: last\n\n");
        uint32_t events = 0;
        char *at = strstr(texts[i].bytes, "retry: 5000\n\n") + strlen("retry: 5000\n\n");
        for (char *end; (end = strstr(at, "\n\n")) != NULL; at = end + 2) {
            *end = 0;
            if (strcmp(at, "data: passing") == 0) {
                continue;
            }
            char head[32];
            events++;
            int length = snprintf(head, sizeof(head), "id: %u\ndata: ", events);
            cr_assert_eq(strncmp(at, head, (size_t)length), 0, "%.40s", at);
            cr_assert_eq(strlen(at + length), events <= ROUNDS ? sizeof(data) - 1 : 4);
        }
        cr_assert_eq(events, ROUNDS + 1);
        close(clients[i]);
        fake_text_free(&texts[i]);
    }
    fake_stop();
}

// They wait for no rate and no batch: over the rate, or too large, they are left out.
Test(transient, keeps_to_what_its_reader_asked_for)
{
    fake_start(&defaults);
    struct fake_text slow = {0};
    struct fake_text batched = {0};
    int one = fake_get("/streams/a?events_per_second=1&burst=2", "");
    int two = fake_get("/streams/a?max_event_size=20&batch_size=100&batch_timeout=10s", "");
    fake_expect(one, &slow, "retry: 5000\n\n");
    fake_expect(two, &batched, "retry: 5000\n\n");
    static const char *const frames[] = {"data: 1\n\n", "data: 2\n\n", "data: 3\n\n",
                                         "data: longer than twenty\n\n", "data: 5\n\n"};
    for (int i = 0; i < 5; i++) {
        struct log_transient *transient = make("a", frames[i], "x");
        fake_transient(transient);
        wait_released(transient);
    }
    fake_expect(two, &batched, "data: 5\n\n");
    cr_assert_str_eq(strstr(batched.bytes, "data: 1"), "data: 1\n\ndata: 2\n\ndata: 3\n\n"
                                                       "data: 5\n\n");
    fake_publish_one("a", "an event"); // what came without id took the tokens: it waits for one
    fake_expect(one, &slow, "id: 1\ndata: an event\n\n");
    cr_assert_not_null(strstr(slow.bytes, "data: 1\n\ndata: 2\n\n"));
    cr_assert_null(strstr(slow.bytes, "data: longer"));
    close(one);
    close(two);
    fake_stop();
    fake_text_free(&slow);
    fake_text_free(&batched);
}
