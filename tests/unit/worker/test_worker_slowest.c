// link: tests/unit/worker/fake_client.c
// link: tests/unit/worker/fake_log.c
// link: tests/unit/worker/fake_terms.c
// link: tests/unit/worker/fake_status.c
// Streams that block: what the log is told of their slowest subscribers.
#include "fake_log.h"

#include "worker/worker_internal.h"

#include <criterion/criterion.h>
#include <unistd.h>

enum { STALLED_BUFFER = 4096, EVENT_BYTES = 32 << 10 };

TestSuite(worker_slowest, .timeout = 60);

static void start(bool blocks)
{
    struct fake_options options = {
        .terms = {.overflow = {.policy = blocks ? OVERFLOW_BLOCK : OVERFLOW_DROP_OLDEST}}};
    fake_start(&options);
}

static void publish(const char *stream, unsigned count)
{
    static char text[EVENT_BYTES];
    memset(text, 'x', sizeof(text) - 1);
    for (unsigned i = 0; i < count; i++) {
        fake_publish_one(stream, text);
    }
}

Test(worker_slowest, the_end_where_all_keep_up)
{
    start(true);
    struct fake_text text = {0};
    int one = fake_get("/streams/a", "");
    fake_expect(one, &text, "retry");
    cr_expect(fake_wait_read("a", 0), "it reads from the empty stream's end on");
    for (uint64_t id = 1; id <= 20; id++) {
        fake_publish_one("a", "x");
        cr_assert(fake_wait_read("a", id));
    }
    // A stream's place does not move with what comes in others.
    struct fake_text both = {0};
    int two = fake_get("/events?stream=a&stream=b", "");
    fake_expect(two, &both, "retry");
    publish("b", 3);
    cr_expect(fake_wait_read("b", 23));
    cr_expect_eq(fake_read_of("a"), 20);
    close(one);
    close(two);
    fake_stop();
    fake_text_free(&text);
    fake_text_free(&both);
}

Test(worker_slowest, the_place_of_the_slowest_until_it_goes)
{
    start(true);
    struct fake_text text = {0};
    int healthy = fake_get("/streams/a", "");
    fake_expect(healthy, &text, "retry");
    int stalled = fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n", STALLED_BUFFER);
    struct fake_text head = {0};
    fake_expect(stalled, &head, "retry");
    publish("a", 400);
    fake_expect(healthy, &text, "id: 400\n");
    fake_run(100);
    uint64_t place = fake_read_of("a");
    cr_assert_lt(place, 400);
    publish("a", 20);
    fake_expect(healthy, &text, "id: 420\n");
    cr_expect_eq(fake_read_of("a"), place, "it has not moved");
    close(stalled);
    cr_expect(fake_wait_read("a", 420));
    close(healthy);
    fake_stop();
    fake_text_free(&text);
    fake_text_free(&head);
}

Test(worker_slowest, moves_on_as_the_slowest_reads)
{
    start(true);
    struct fake_text text = {0};
    int client = fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n", STALLED_BUFFER);
    fake_expect(client, &text, "retry");
    publish("a", 400);
    fake_run(100);
    cr_assert_lt(fake_read_of("a"), 400);
    fake_publish_one("a", "end");
    fake_expect(client, &text, "data: end\n");
    cr_expect(fake_wait_read("a", 401));
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker_slowest, nobody_where_the_policy_is_another)
{
    start(false);
    struct fake_text text = {0};
    int client = fake_get("/streams/a", "");
    fake_expect(client, &text, "retry");
    publish("a", 5);
    fake_expect(client, &text, "id: 5\n");
    fake_run(20);
    cr_expect_eq(fake_reads(), 0);
    fake_set_flow("a", &(struct stream_flow){.overflow = OVERFLOW_BLOCK});
    cr_expect(fake_wait_read("a", 5));
    uint32_t reads = fake_reads();
    fake_run(2500);
    cr_expect_geq(fake_reads(), reads + 2, "and that it lives");
    fake_set_flow("a", &(struct stream_flow){.overflow = OVERFLOW_DISCONNECT});
    publish("a", 5);
    fake_expect(client, &text, "id: 10\n");
    fake_run(20);
    cr_expect_eq(fake_read_of("a"), 5);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

Test(worker_slowest, who_is_slow_by_choice_holds_nobody_unless_it_asks_to)
{
    start(true);
    struct fake_text text = {0};
    struct fake_text slow_text = {0};
    struct fake_text asking_text = {0};
    int healthy = fake_get("/streams/a", "");
    fake_expect(healthy, &text, "retry");
    int slow = fake_get("/streams/a?events_per_second=1", "");
    fake_expect(slow, &slow_text, "retry");
    for (uint64_t id = 1; id <= 20; id++) {
        fake_publish_one("a", "x");
        cr_assert(fake_wait_read("a", id));
    }
    int asking = fake_get("/streams/a?events_per_second=1&overflow=block", "");
    fake_expect(asking, &asking_text, "retry");
    for (unsigned i = 0; i < 20; i++) {
        fake_publish_one("a", "x");
    }
    fake_expect(healthy, &text, "id: 40\n");
    fake_run(50);
    cr_expect_lt(fake_read_of("a"), 40);
    close(asking);
    cr_expect(fake_wait_read("a", 40));
    close(slow);
    close(healthy);
    fake_stop();
    fake_text_free(&text);
    fake_text_free(&slow_text);
    fake_text_free(&asking_text);
}

Test(worker_slowest, what_is_discarded_holds_nobody)
{
    start(true);
    struct fake_text head = {0};
    int stalled = fake_connect("GET /streams/a HTTP/1.1\r\nHost: x\r\n\r\n", STALLED_BUFFER);
    fake_expect(stalled, &head, "retry");
    publish("a", 400);
    fake_run(100);
    cr_assert_lt(fake_read_of("a"), 400);
    fake_discard("a");
    cr_expect(fake_wait_read("a", 400));
    close(stalled);
    fake_stop();
    fake_text_free(&head);
}

// The worker's inbox was full in between: it hears of the last setting alone.
Test(worker_slowest, a_stream_that_blocks_again_is_told_of_again)
{
    start(true);
    struct fake_text text = {0};
    int client = fake_get("/streams/a", "");
    fake_expect(client, &text, "retry");
    fake_publish_one("a", "x");
    cr_assert(fake_wait_read("a", 1));
    uint32_t reads = fake_reads();
    fake_set_flow("a", &(struct stream_flow){.overflow = OVERFLOW_BLOCK});
    fake_run(50);
    cr_expect_gt(fake_reads(), reads);
    cr_expect_eq(fake_read_of("a"), 1);
    close(client);
    fake_stop();
    fake_text_free(&text);
}

static void fill_log_inbox(void)
{
    struct loop *log_loop = fake_worker()->log_loop;
    struct log_message message = {.kind = MESSAGE_STOP}; // says nothing to a log
    while (loop_post(log_loop, log_loop, &message, 0)) {
    }
}

// It has to say that it lives, and cannot: it tries again now and then, and does nothing else.
Test(worker_slowest, a_log_that_takes_nothing_is_waited_for)
{
    enum { ROUNDS_MAX = 5000 };
    start(true);
    struct fake_text text = {0};
    int client = fake_get("/streams/a", "");
    fake_expect(client, &text, "retry");
    cr_assert(fake_wait_read("a", 0));
    uint64_t rounds = fake_stat("rounds");
    uint32_t reads = fake_reads();
    fill_log_inbox();
    usleep(1500 * 1000);
    cr_expect_lt(fake_stat("rounds") - rounds, ROUNDS_MAX, "it tries once a millisecond");
    cr_expect_gt(fake_reads(), reads, "and in the end it said so");
    close(client);
    fake_stop();
    fake_text_free(&text);
}

// The last one that counts goes before the log could be told anew: it is told that as well.
Test(worker_slowest, a_change_and_the_end_of_the_slowest_at_once)
{
    start(true);
    struct fake_text text = {0};
    struct fake_text slow_text = {0};
    int slow = fake_get("/streams/a?events_per_second=1", "");
    fake_expect(slow, &slow_text, "retry");
    int client = fake_get("/streams/a", "");
    fake_expect(client, &text, "retry");
    fake_publish_one("a", "x");
    cr_assert(fake_wait_read("a", 1));
    fill_log_inbox();
    fake_set_flow("a", &(struct stream_flow){.overflow = OVERFLOW_BLOCK});
    usleep(50 * 1000);
    close(client);
    usleep(50 * 1000);
    fake_publish_one("a", "x");
    usleep(50 * 1000);
    cr_expect(fake_wait_read("a", LOG_READ_NONE));
    close(slow);
    fake_stop();
    fake_text_free(&text);
    fake_text_free(&slow_text);
}
