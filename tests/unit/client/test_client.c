// link: tests/unit/client/fake_broker.c
#include "unit/client/fake_broker.h"

#include <ringcast/client.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct rc_client *client;

static void setup(void)
{
    fake_broker_begin();
    client = NULL;
}

static void teardown(void)
{
    rc_close(client);
    fake_broker_end();
}

TestSuite(client, .init = setup, .fini = teardown, .timeout = 60);

static void open_with(struct rc_options options)
{
    int code = rc_client_open(fake_broker.path, &options, &client);
    cr_assert_eq(code, RC_OK, "%s", rc_code_text(code));
}

static struct rc_event event_of(const char *stream, const char *data)
{
    return (struct rc_event){.stream = stream, .data = data, .data_length = strlen(data)};
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// The broker has the events with the data 0 to count - 1, in order.
static void expect_events(int count)
{
    for (int i = 0; i < count; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "%d", i);
        cr_assert_str_eq(fake_broker.events[i].data, expected);
    }
}

struct tally {
    int calls;
    int failures;
    int last_code;
    struct rc_result last;
    char message[200];
};

static void count_call(void *context, const struct rc_result *result)
{
    struct tally *tally = context;
    tally->calls++;
    tally->failures += result->code != RC_OK;
    tally->last_code = result->code;
    tally->last = *result;
    snprintf(tally->message, sizeof tally->message, "%s", result->message);
}

Test(client, publishes_and_waits)
{
    open_with((struct rc_options){.producer_id = 5, .epoch = 6});
    cr_expect_eq(rc_producer_id(client), 5);
    const struct rc_attribute attributes[] = {
        {.kind = RC_ATTRIBUTE_TAG, .value = "x"},
        {.kind = RC_ATTRIBUTE_CUSTOM, .name = "k", .value = "v"},
    };
    struct rc_event event = {
        .stream = "chat/42",
        .type = "text",
        .data = "hi",
        .data_length = 2,
        .ack = RC_ACK_SYNCED,
        .priority = RC_PRIORITY_CRITICAL,
        .ttl_ms = 7,
        .retry_ms = 8,
        .ephemeral = true,
        .binary = true,
        .attributes = attributes,
        .attribute_count = 2,
    };
    struct rc_result result;
    cr_assert_eq(rc_publish_wait(client, &event, &result, 5000), RC_OK);
    cr_expect_eq(result.id, 1001);
    cr_expect_eq(result.sequence, 1);
    cr_expect_eq(result.accepted, 1);
    cr_expect_eq(rc_unanswered(client), 0);
    const struct fake_event *got = &fake_broker.events[0];
    cr_expect_str_eq(got->stream, "chat/42");
    cr_expect_str_eq(got->type, "text");
    cr_expect_str_eq(got->data, "hi");
    cr_expect_eq(got->level, RC_LEVEL_SYNCED);
    cr_expect_eq(got->priority, 0);
    cr_expect_eq(got->ttl_ms, 7);
    cr_expect_eq(got->retry_ms, 8);
    cr_expect_eq(got->flags, RC_EVENT_EPHEMERAL | RC_EVENT_BINARY);
    cr_expect_eq(got->producer_id, 5);
    cr_expect_eq(got->epoch, 6);
    cr_expect_eq(got->sequence, 1);
    static const uint8_t list[] = "\2\0\1\0x\6\0\3\0k\0v";
    cr_expect_eq(got->attributes_length, sizeof list - 1);
    cr_expect_eq(memcmp(got->attributes, list, sizeof list - 1), 0);
    struct rc_event plain = event_of("s", "");
    cr_assert_eq(rc_publish_wait(client, &plain, NULL, -1), RC_OK);
    cr_expect_eq(fake_broker.events[1].level, RC_LEVEL_WRITTEN);
    cr_expect_eq(fake_broker.events[1].priority, 2);
    cr_expect_eq(fake_broker.events[1].sequence, 2);
}

Test(client, publishes_without_waiting)
{
    open_with((struct rc_options){0});
    cr_expect_neq(rc_producer_id(client), 0);
    struct tally tally = {0};
    char data[16];
    for (int i = 0; i < 10000; i++) {
        snprintf(data, sizeof data, "%d", i);
        struct rc_event event = event_of("s", data);
        cr_assert_eq(rc_publish(client, &event, count_call, &tally), RC_OK);
    }
    cr_assert_eq(rc_flush(client, 30000), RC_OK);
    cr_expect_eq(tally.calls, 10000);
    cr_expect_eq(tally.failures, 0);
    cr_assert_eq(fake_broker.count, 10000);
    expect_events(10000);
}

Test(client, batches)
{
    open_with((struct rc_options){.first_sequence = 100});
    struct rc_event events[50];
    for (int i = 0; i < 50; i++) {
        events[i] = event_of("s", "data");
    }
    struct tally tally = {0};
    cr_assert_eq(rc_batch(client, events, 50, count_call, &tally), RC_OK);
    while (tally.calls == 0) {
        cr_assert_geq(rc_poll(client, 1000), 0);
    }
    cr_expect_eq(tally.last.accepted, 50);
    cr_expect_eq(tally.last.id, 1050);
    cr_expect_eq(fake_broker.count, 50);
    cr_expect_eq(fake_broker.events[0].sequence, 100);
    cr_expect_eq(fake_broker.events[49].sequence, 149);
    cr_expect_eq(rc_event_bytes(&events[0]), 28 + 1 + 4);
    cr_expect_eq(rc_batch_bytes_max(client), (1 << 20) + 65536 - 4);
}

Test(client, a_refused_event_of_a_batch)
{
    open_with((struct rc_options){0});
    fake_broker.plan.more_error = RC_INVALID_NAME;
    struct rc_event events[3] = {event_of("s", "1"), event_of("s", "2"), event_of("s", "3")};
    struct tally tally = {0};
    cr_assert_eq(rc_batch(client, events, 3, count_call, &tally), RC_OK);
    cr_assert_eq(rc_flush(client, 5000), RC_OK);
    cr_expect_eq(tally.last.code, RC_INVALID_NAME);
    cr_expect_eq(tally.last.accepted, 2);
    cr_expect_eq(tally.last.refused, 1);
    cr_expect_eq(tally.last.index, 1);
    cr_expect_str_eq(tally.message, "a message");
}

Test(client, answers_in_pieces)
{
    fake_broker.plan.byte_by_byte = true;
    open_with((struct rc_options){0});
    struct tally tally = {0};
    struct rc_event event = event_of("s", "x");
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(rc_publish(client, &event, count_call, &tally), RC_OK);
    }
    cr_assert_eq(rc_flush(client, 10000), RC_OK);
    cr_expect_eq(tally.calls, 20);
}

Test(client, bad_arguments_are_told_at_once)
{
    fake_broker.plan.event_bytes_max = 1000;
    open_with((struct rc_options){0});
    char long_name[300];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    static char huge[80000];
    memset(huge, 'x', sizeof huge - 1);
    const struct rc_attribute too_long = {.kind = RC_ATTRIBUTE_TAG, .value = huge};
    const struct rc_attribute tags[3] = {
        {.kind = RC_ATTRIBUTE_TAG, .value = huge + 50000},
        {.kind = RC_ATTRIBUTE_TAG, .value = huge + 50000},
        {.kind = RC_ATTRIBUTE_TAG, .value = huge + 50000},
    };
    const struct {
        struct rc_event event;
        int code;
    } cases[] = {
        {{.stream = NULL}, RC_BAD_ARGUMENT},
        {{.stream = ""}, RC_BAD_ARGUMENT},
        {{.stream = long_name}, RC_BAD_ARGUMENT},
        {{.stream = "s", .type = long_name}, RC_BAD_ARGUMENT},
        {{.stream = "s", .data_length = 1}, RC_BAD_ARGUMENT},
        {{.stream = "s", .data = huge, .data_length = 1001}, RC_TOO_LARGE},
        {{.stream = "s", .ack = (enum rc_ack)4}, RC_BAD_ARGUMENT},
        {{.stream = "s", .priority = (enum rc_priority)9}, RC_BAD_ARGUMENT},
        {{.stream = "s", .attributes = &too_long, .attribute_count = 1}, RC_BAD_ARGUMENT},
        {{.stream = "s", .attributes = tags, .attribute_count = 3}, RC_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rc_result result;
        cr_expect_eq(rc_publish(client, &cases[i].event, NULL, NULL), cases[i].code, "%zu", i);
        cr_expect_gt(strlen(rc_message(client)), 0);
        cr_expect_eq(rc_batch(client, &cases[i].event, 1, NULL, NULL), cases[i].code, "%zu", i);
        cr_expect_eq(rc_publish_wait(client, &cases[i].event, &result, 1000), cases[i].code);
        cr_expect_eq(result.code, cases[i].code);
    }
    cr_expect_eq(rc_data_bytes_max(client), 1000);
    cr_expect_eq(rc_batch(client, NULL, 0, NULL, NULL), RC_BAD_ARGUMENT);
    struct rc_event events[100];
    for (int i = 0; i < 100; i++) {
        events[i] = (struct rc_event){.stream = "s", .data = huge, .data_length = 1000};
    }
    cr_expect_eq(rc_batch(client, events, 100, NULL, NULL), RC_TOO_LARGE);
    struct rc_pressure pressure;
    cr_expect_eq(rc_pressure(client, long_name, &pressure, 1000), RC_BAD_ARGUMENT);
    cr_expect_eq(rc_unanswered(client), 0);
    cr_expect_eq(rc_client_open(huge, NULL, &(struct rc_client *){0}), RC_BAD_ARGUMENT);
    cr_expect_eq(rc_client_open(NULL, NULL, &(struct rc_client *){0}), RC_BAD_ARGUMENT);
}

Test(client, errors_of_the_broker)
{
    open_with((struct rc_options){0});
    fake_broker.plan.error = RC_STREAM_CLOSED;
    struct rc_event event = event_of("s", "x");
    struct rc_result result;
    cr_expect_eq(rc_publish_wait(client, &event, &result, 5000), RC_STREAM_CLOSED);
    cr_expect_str_eq(result.message, "a message");
    cr_expect_str_eq(rc_message(client), "a message");
    cr_expect_eq(result.refused, 1);
    struct rc_pressure pressure;
    cr_expect_eq(rc_pressure(client, NULL, &pressure, 5000), RC_STREAM_CLOSED);
    fake_broker.plan.error = 0;
    cr_expect_eq(rc_publish_wait(client, &event, &result, 5000), RC_OK);
}

Test(client, pressure)
{
    open_with((struct rc_options){0});
    struct rc_pressure pressure;
    cr_assert_eq(rc_pressure(client, NULL, &pressure, 5000), RC_OK);
    cr_expect_eq(pressure.full, 0.25);
    cr_expect_eq(pressure.unanswered_bytes, 77);
    cr_expect_eq(pressure.credit_bytes, 1 << 20);
    cr_expect_eq(pressure.listeners, RC_LISTENERS_UNKNOWN);
    cr_assert_eq(rc_pressure(client, "s", &pressure, 5000), RC_OK);
    cr_expect_eq(pressure.listeners, 5);
    fake_broker.plan.holds = true;
    cr_expect_eq(rc_pressure(client, "s", &pressure, 30), RC_TIMED_OUT);
}

Test(client, timeouts)
{
    open_with((struct rc_options){0});
    fake_broker.plan.holds = true;
    struct rc_event event = event_of("s", "x");
    struct rc_result result;
    uint64_t start = now_ms();
    cr_expect_eq(rc_publish_wait(client, &event, &result, 50), RC_TIMED_OUT);
    cr_expect_geq(now_ms() - start, 45);
    cr_expect_eq(result.code, RC_TIMED_OUT);
    cr_expect_eq(rc_flush(client, 20), RC_TIMED_OUT);
    cr_expect_eq(rc_poll(client, 20), 0);
    cr_expect_eq(rc_poll(client, 0), 0);
    cr_expect_eq(rc_unanswered(client), 1);
}

Test(client, no_broker)
{
    struct rc_client *none;
    errno = 0;
    cr_expect_eq(rc_client_open("/nonexistent/socket", NULL, &none), RC_NO_CONNECTION);
    cr_expect_eq(errno, ENOENT);
    cr_expect_null(none);
    struct rc_options options = {.connect_wait_ms = 60};
    uint64_t start = now_ms();
    cr_expect_eq(rc_client_open("/nonexistent/socket", &options, &none), RC_NO_CONNECTION);
    cr_expect_geq(now_ms() - start, 50);
}

Test(client, refused_at_the_door)
{
    struct rc_client *none;
    fake_broker.plan.refuse = RC_FORBIDDEN;
    cr_expect_eq(rc_client_open(fake_broker.path, NULL, &none), RC_FORBIDDEN);
    fake_broker.plan.refuse = RC_TOO_MANY_CONNECTIONS;
    cr_expect_eq(rc_client_open(fake_broker.path, NULL, &none), RC_TOO_MANY_CONNECTIONS);
    struct rc_options options = {.connect_wait_ms = 100};
    cr_expect_eq(rc_client_open(fake_broker.path, &options, &none), RC_TOO_MANY_CONNECTIONS);
    cr_expect_gt(fake_broker.connections, 3);
}

Test(client, refused_for_good_later)
{
    open_with((struct rc_options){.retry_ms_max = 20});
    fake_broker.plan.refuse = RC_FORBIDDEN;
    fake_broker.plan.hang_up_after = 1;
    fake_broker.plan.hang_up_unread = true;
    struct rc_event event = event_of("s", "x");
    cr_expect_eq(rc_publish_wait(client, &event, NULL, 5000), RC_FORBIDDEN);
    cr_expect_eq(rc_publish(client, &event, NULL, NULL), RC_FORBIDDEN);
    cr_expect_eq(rc_flush(client, 1000), RC_FORBIDDEN);
    cr_expect_lt(rc_poll(client, 0), 0);
}

Test(client, nonsense_from_the_other_side)
{
    struct rc_event event = event_of("s", "x");
    open_with((struct rc_options){0});
    fake_broker.plan.garbage = true;
    cr_expect_eq(rc_publish_wait(client, &event, NULL, 5000), RC_BAD_ANSWER);
    rc_close(client);
    fake_broker.plan.garbage = false;
    open_with((struct rc_options){0});
    fake_broker.plan.oversize = true;
    cr_expect_eq(rc_publish_wait(client, &event, NULL, 5000), RC_BAD_ANSWER);
}

// The broker hangs up again and again, having taken what it never acknowledged.
static void publish_through_hang_ups(bool batches, bool unread)
{
    open_with((struct rc_options){.retry_ms_max = 20});
    fake_broker.plan.hang_up_after = 37;
    fake_broker.plan.hang_up_unread = unread;
    struct tally tally = {0};
    enum { COUNT = 2000 };
    static char data[COUNT][12];
    static struct rc_event events[COUNT];
    for (int i = 0; i < COUNT; i++) {
        snprintf(data[i], sizeof data[i], "%d", i);
        events[i] = event_of("s", data[i]);
    }
    for (int i = 0; i < COUNT; i += batches ? 4 : 1) {
        int code = batches ? rc_batch(client, &events[i], 4, count_call, &tally)
                           : rc_publish(client, &events[i], count_call, &tally);
        cr_assert_eq(code, RC_OK);
        if (unread && i % 500 == 496) {
            rc_flush(client, 200); // some hang-ups in vain
            fake_broker.plan.hang_up_unread = false;
            cr_assert_eq(rc_flush(client, 20000), RC_OK);
            // Not with the last few: too few for a hang-up, they would never be answered.
            fake_broker.plan.hang_up_unread = i + 37 * 4 < COUNT;
        }
    }
    cr_assert_eq(rc_flush(client, 30000), RC_OK);
    cr_expect_eq(tally.calls, batches ? COUNT / 4 : COUNT);
    cr_expect_eq(tally.failures, 0);
    cr_assert_eq(fake_broker.count, COUNT);
    expect_events(COUNT);
    cr_expect_gt(rc_reconnects(client), 5);
    if (unread) {
        cr_expect_gt(fake_broker.repeats, 0);
    }
}

Test(client, reconnects_without_loss_or_repeat)
{
    publish_through_hang_ups(false, false);
}

Test(client, reconnects_when_answers_were_lost)
{
    publish_through_hang_ups(false, true);
}

Test(client, reconnects_with_batches)
{
    publish_through_hang_ups(true, true);
}

Test(client, survives_a_broker_that_is_away_for_a_while)
{
    open_with((struct rc_options){.retry_ms_max = 20});
    struct tally tally = {0};
    struct rc_event event = event_of("s", "x");
    cr_assert_eq(rc_publish(client, &event, count_call, &tally), RC_OK);
    cr_assert_eq(rc_flush(client, 5000), RC_OK);
    fake_broker_kill();
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(rc_publish(client, &event, count_call, &tally), RC_OK);
    }
    cr_expect_eq(rc_flush(client, 50), RC_TIMED_OUT);
    short events;
    rc_descriptor(client, &events);
    fake_broker_restart();
    cr_assert_eq(rc_flush(client, 10000), RC_OK);
    cr_expect_geq(rc_descriptor(client, &events), 0);
    cr_expect_eq(events, POLLIN);
    cr_expect_eq(tally.calls, 101);
    cr_expect_eq(fake_broker.count, 101);
    cr_expect_eq(rc_reconnects(client), 1);
}

Test(client, a_shutting_down_broker_gets_it_again_after_its_restart)
{
    open_with((struct rc_options){.retry_ms_max = 20});
    fake_broker.plan.error = RC_SHUTTING_DOWN;
    struct tally tally = {0};
    struct rc_event event = event_of("s", "x");
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(rc_publish(client, &event, count_call, &tally), RC_OK);
    }
    cr_expect_eq(rc_flush(client, 50), RC_TIMED_OUT);
    cr_expect_eq(tally.calls, 0);
    fake_broker_kill();
    fake_broker.plan.error = 0;
    fake_broker_restart();
    cr_assert_eq(rc_flush(client, 10000), RC_OK);
    cr_expect_eq(tally.calls, 10);
    cr_expect_eq(tally.failures, 0);
    cr_expect_eq(fake_broker.count, 10);
}

Test(client, without_idempotency_there_is_no_producer_id)
{
    open_with((struct rc_options){.no_idempotency = true, .producer_id = 5});
    struct rc_event event = event_of("s", "x");
    cr_assert_eq(rc_publish_wait(client, &event, NULL, 5000), RC_OK);
    cr_expect_eq(rc_producer_id(client), 0);
    cr_expect_eq(fake_broker.events[0].producer_id, 0);
    cr_expect_eq(fake_broker.events[0].sequence, 0);
}

Test(client, a_full_window_says_so_or_waits)
{
    fake_broker.plan.holds = true;
    open_with((struct rc_options){.nonblocking = true, .window_bytes = 1000});
    struct tally tally = {0};
    struct rc_event event = event_of("s", "0123456789");
    int taken = 0;
    int code;
    while ((code = rc_publish(client, &event, count_call, &tally)) == RC_OK) {
        cr_assert_lt(++taken, 1000);
    }
    cr_expect_eq(code, RC_AGAIN);
    cr_expect_eq(taken, 1000 / (16 + 28 + 11));
    cr_expect_gt(strlen(rc_message(client)), 0);
    // A request that is larger than the window goes alone.
    rc_close(client);
    cr_expect_eq(tally.calls, taken);
    cr_expect_eq(tally.last_code, RC_NOT_SENT);
    fake_broker.plan.holds = false;
    open_with((struct rc_options){.window_bytes = 1000});
    static char large[5000];
    memset(large, 'x', sizeof large - 1);
    struct rc_event big = event_of("s", large);
    for (int i = 0; i < 50; i++) { // waits
        cr_assert_eq(rc_publish(client, &big, NULL, NULL), RC_OK);
    }
    cr_assert_eq(rc_flush(client, 10000), RC_OK);
    cr_expect_eq(fake_broker.count, (unsigned)taken + 50);
}

Test(client, keeps_within_its_credit)
{
    fake_broker.plan.credit = 500;
    fake_broker.plan.holds = true;
    open_with((struct rc_options){0});
    struct rc_event event = event_of("s", "0123456789");
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(rc_publish(client, &event, NULL, NULL), RC_OK);
    }
    cr_expect_eq(rc_flush(client, 50), RC_TIMED_OUT);
    cr_expect_leq(fake_broker.largest_unanswered, 500);
    cr_expect_geq(fake_broker.largest_unanswered, 500 - 55);
    short events;
    rc_descriptor(client, &events);
    cr_expect_eq(events, POLLIN); // there is nothing that it may send
}

Test(client, a_deaf_broker_fills_the_socket_and_the_window)
{
    fake_broker.plan.credit = 64 << 20;
    open_with((struct rc_options){.nonblocking = true, .window_bytes = 1 << 20});
    fake_broker.plan.deaf = true;
    static char data[1000];
    memset(data, 'x', sizeof data - 1);
    struct rc_event event = event_of("s", data);
    struct tally tally = {0};
    int taken = 0;
    while (rc_publish(client, &event, count_call, &tally) == RC_OK) {
        cr_assert_lt(++taken, 5000);
    }
    short events;
    rc_descriptor(client, &events);
    cr_expect_eq(events, POLLIN | POLLOUT);
    fake_broker.plan.deaf = false;
    cr_assert_eq(rc_flush(client, 10000), RC_OK);
    cr_expect_eq(tally.calls, taken);
    cr_expect_eq(fake_broker.count, (unsigned)taken);
}

static struct rc_result chained_result;
static int chain_left;

static void chain(void *context, const struct rc_result *result)
{
    struct rc_event event = event_of("s", "chained");
    chained_result = *result;
    cr_expect_eq(rc_publish_wait(context, &event, NULL, 10), RC_BAD_ARGUMENT);
    cr_expect_eq(rc_pressure(context, NULL, NULL, 10), RC_BAD_ARGUMENT);
    if (chain_left-- > 0) {
        cr_assert_eq(rc_publish(context, &event, chain, context), RC_OK);
    }
}

Test(client, callbacks_may_publish)
{
    open_with((struct rc_options){.window_bytes = 4000});
    chain_left = 200;
    struct rc_event event = event_of("s", "first");
    cr_assert_eq(rc_publish(client, &event, chain, client), RC_OK);
    cr_assert_eq(rc_flush(client, 10000), RC_OK);
    cr_expect_eq(fake_broker.count, 201);
    cr_expect_eq(chained_result.id, 1201);
}

static int fill_code;

static void fill(void *context, const struct rc_result *result)
{
    (void)result;
    struct rc_event event = event_of("s", "0123456789");
    for (int i = 0; i < 1000 && fill_code == RC_OK; i++) {
        fill_code = rc_publish(context, &event, NULL, NULL);
    }
}

Test(client, a_callback_never_waits_for_room)
{
    open_with((struct rc_options){.window_bytes = 1000});
    struct rc_event event = event_of("s", "first");
    fill_code = RC_OK;
    cr_assert_eq(rc_publish(client, &event, fill, client), RC_OK);
    cr_assert_eq(rc_flush(client, 10000), RC_OK);
    cr_expect_eq(fill_code, RC_AGAIN);
    cr_expect_eq(fake_broker.count, 1 + 1000 / (16 + 28 + 11));
}

Test(client, codes_have_texts)
{
    cr_expect_str_eq(rc_code_text(RC_TOO_LARGE), "too_large");
    cr_expect_str_eq(rc_code_text(RC_OK), "none");
    cr_expect_str_eq(rc_code_text(12345), "unknown");
    for (int code = RC_NOT_SENT; code <= RC_INTERNAL; code++) {
        cr_expect_str_neq(rc_code_text(code), "unknown", "%d", code);
    }
    cr_expect_str_eq(rc_version(), RC_VERSION_STRING);
}
