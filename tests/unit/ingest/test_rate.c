// link: tests/unit/ingest/rig.c
// link: tests/unit/ingest/fake_log.c
// link: tests/unit/ingest/frames.c
// Producers that are faster than they may be, on a clock of the test's own.
#include "ingest/module.h"
#include "unit/ingest/rig.h"

#include "base/clock.h"

#include <ringcast/protocol.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { STEP_MS = 20 };

static struct buffer out;
static uint64_t now_ms = 1000;

uint64_t clock_monotonic_ns(void)
{
    return now_ms * 1000 * 1000;
}

uint64_t clock_realtime_ms(void)
{
    return now_ms;
}

static void setup(void)
{
    buffer_init(&out, 64 << 20);
}

static void teardown(void)
{
    buffer_free(&out);
    rig_end();
}

TestSuite(rate, .init = setup, .fini = teardown, .timeout = 60);

static void pass(uint64_t for_ms)
{
    now_ms += for_ms;
    rig_settle();
}

static void publish(struct rig_client *client, int count, const char *data)
{
    for (int i = 0; i < count; i++) {
        frames_publish(&out, (uint64_t)i + 1, RC_LEVEL_WRITTEN, 0, "s", data);
    }
    cr_assert(rig_write(client, buffer_slice(&out)));
    buffer_clear(&out);
    rig_settle();
}

static uint64_t rate_waits(void)
{
    struct ingest_status status;
    ingest_get_status(rig.ingest, &status);
    return status.rate_waits;
}

Test(rate, events_a_second)
{
    rig_begin((struct ingest_options){.events_per_second = 10});
    struct rig_client *client = rig_connect_binary(1, 1);
    publish(client, 100, "x");
    cr_assert_eq(fake_log.count, 10); // a second's worth at once
    cr_assert_eq(rate_waits(), 1);
    for (uint32_t passed_ms = STEP_MS; passed_ms <= 9000; passed_ms += STEP_MS) {
        pass(STEP_MS);
        cr_assert_leq(fake_log.count, 10 + passed_ms / 100);
        cr_assert_geq(fake_log.count + 1, 10 + (passed_ms - STEP_MS) / 100);
    }
    pass(STEP_MS);
    cr_assert_eq(fake_log.count, 100);
    for (uint32_t i = 0; i < 100; i++) {
        cr_assert_eq(rig_answer(client).request, i + 1, "answered in order");
    }
}

Test(rate, bytes_a_second)
{
    rig_begin((struct ingest_options){.bytes_per_second = 1000});
    struct rig_client *client = rig_connect();
    char line[512];
    char data[201];
    memset(data, 'x', 200);
    data[200] = 0;
    (void)snprintf(line, sizeof(line), "{\"stream\":\"s\",\"data\":\"%s\"}\n", data);
    for (int i = 0; i < 15; i++) {
        rig_write_text(client, line);
    }
    rig_settle();
    cr_assert_eq(fake_log.count, 5);
    pass(1000 + STEP_MS);
    cr_assert_eq(fake_log.count, 10);
    pass(1000 + STEP_MS);
    cr_assert_eq(fake_log.count, 15);
}

// One that is larger than a second's worth waits for a full bucket, and the next one for its debt.
Test(rate, one_event_may_be_larger_than_the_rate)
{
    rig_begin((struct ingest_options){.bytes_per_second = 100});
    struct rig_client *client = rig_connect_binary(1, 1);
    char data[501];
    memset(data, 'x', 500);
    data[500] = 0;
    publish(client, 3, data);
    cr_assert_eq(fake_log.count, 1);
    pass(4900);
    cr_assert_eq(fake_log.count, 1);
    pass(100 + STEP_MS);
    cr_assert_eq(fake_log.count, 2);
    pass(5000 + STEP_MS);
    cr_assert_eq(fake_log.count, 3);
}

Test(rate, lines_go_on_where_they_were_held)
{
    rig_begin((struct ingest_options){.events_per_second = 5});
    struct rig_client *client = rig_connect();
    for (int i = 0; i < 12; i++) {
        rig_write_text(client, "{\"stream\":\"s\",\"data\":1}\n");
    }
    rig_settle();
    cr_assert_eq(fake_log.count, 5);
    pass(1000 + STEP_MS);
    cr_assert_eq(fake_log.count, 10);
    pass(1000 + STEP_MS);
    cr_assert_eq(fake_log.count, 12);
}

Test(rate, each_producer_by_itself)
{
    rig_begin((struct ingest_options){.events_per_second = 10});
    struct rig_client *fast = rig_connect_binary(1, 1);
    struct rig_client *slow = rig_connect_binary(2, 1);
    publish(fast, 50, "x");
    cr_assert_eq(fake_log.count, 10);
    publish(slow, 5, "x");
    cr_assert_eq(fake_log.count, 15);
    rig_disconnect(fast); // while it is held
    pass(1000 + STEP_MS);
    publish(slow, 5, "x");
}

Test(rate, without_one_nobody_waits)
{
    rig_begin((struct ingest_options){0});
    struct rig_client *client = rig_connect_binary(1, 1);
    publish(client, 1000, "x");
    cr_assert_eq(fake_log.count, 1000);
    cr_assert_eq(rate_waits(), 0);
}

// The end comes at once, also for those that are held.
Test(rate, stopping_does_not_wait)
{
    rig_begin((struct ingest_options){.events_per_second = 1});
    struct rig_client *client = rig_connect_binary(1, 1);
    publish(client, 3, "x");
    cr_assert_eq(fake_log.count, 1);
    ingest_stop(rig.ingest);
    rig_settle();
    cr_assert_eq(rig_answer(client).error, ERR_NONE);
    cr_assert_eq(rig_answer(client).error, ERR_SHUTTING_DOWN);
    cr_assert_eq(rig_answer(client).error, ERR_SHUTTING_DOWN);
}

Test(rate, a_batch_goes_on_in_its_middle)
{
    rig_begin((struct ingest_options){.events_per_second = 5});
    struct rig_client *client = rig_connect_binary(1, 1);
    struct frames_event events[12];
    for (uint32_t i = 0; i < 12; i++) {
        events[i] = (struct frames_event){.stream = "s",
                                          .type = "",
                                          .data = slice_of("x"),
                                          .sequence = i + 1,
                                          .priority = PRIORITY_NORMAL};
    }
    frames_batch(&out, 1, RC_LEVEL_WRITTEN, events, 12);
    cr_assert(rig_write(client, buffer_slice(&out)));
    buffer_clear(&out);
    rig_settle();
    cr_assert_eq(fake_log.count, 5);
    rig_expect_nothing(client);
    pass(1000 + STEP_MS);
    cr_assert_eq(fake_log.count, 10);
    pass(1000 + STEP_MS);
    cr_assert_eq(fake_log.count, 12);
    cr_assert_eq(rig_answer(client).accepted, 12);
}

static void change(uint32_t events_per_second, uint32_t bytes_per_second)
{
    const struct ingest_terms terms = {.events_per_second = events_per_second,
                                       .bytes_per_second = bytes_per_second,
                                       .wait_ms_max = 10000};
    ingest_set_terms(rig.ingest, &terms);
    rig_settle();
}

Test(rate, who_waits_goes_on_by_the_new_rate)
{
    rig_begin((struct ingest_options){.events_per_second = 1});
    struct rig_client *client = rig_connect_binary(1, 1);
    publish(client, 100, "x");
    cr_assert_eq(fake_log.count, 1);
    change(1, 0); // the same
    cr_assert_eq(fake_log.count, 1);
    change(20, 0); // what is in its bucket stays
    cr_assert_leq(fake_log.count, 2);
    uint32_t taken = fake_log.count;
    pass(1000 + STEP_MS);
    cr_assert_geq(fake_log.count, taken + 19);
    cr_assert_leq(fake_log.count, taken + 21);
    taken = fake_log.count;
    change(0, 30);
    cr_assert_eq(fake_log.count, taken + 30, "a second's worth of bytes");
    change(0, 0);
    cr_assert_eq(fake_log.count, 100, "at once");
    for (uint32_t i = 0; i < 100; i++) {
        cr_assert_eq(rig_answer(client).request, i + 1, "answered in order");
    }
}

Test(rate, begins_for_those_who_had_none)
{
    rig_begin((struct ingest_options){0});
    struct rig_client *client = rig_connect_binary(1, 1);
    publish(client, 50, "x");
    cr_assert_eq(fake_log.count, 50);
    change(5, 0);
    publish(client, 50, "x");
    cr_assert_eq(fake_log.count, 55);
    pass(1000 + STEP_MS);
    cr_assert_eq(fake_log.count, 60);
    rig_disconnect(client); // while it is held
    change(0, 0);
    struct rig_client *next = rig_connect_binary(2, 1);
    publish(next, 10, "x");
    cr_assert_geq(fake_log.count, 70);
}
