// link: tests/unit/client/fake_broker.c

// Requests set aside (window.c), on a connection that is lost.
#include "client/internal.h"
#include "unit/client/fake_broker.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

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

TestSuite(client_aside, .init = setup, .fini = teardown, .timeout = 60);

struct answers {
    int count;
    int failures;
};

static void count_answer(void *context, const struct rc_result *result)
{
    struct answers *answers = context;
    answers->count++;
    answers->failures += result->code != RC_OK;
}

static int publish(const char *stream, const char *data, struct answers *answers)
{
    const struct rc_event event = {.stream = stream, .data = data, .data_length = strlen(data)};
    return rc_publish(client, &event, count_answer, answers);
}

// With little credit on the new connection, and with large events, which the socket takes in parts.
static void set_aside_and_reconnect(size_t data_length, unsigned credit)
{
    enum { HELD = 8 };
    fake_broker.plan.holds = true;
    fake_broker.plan.credit = 8 << 20;
    const struct rc_options options = {
        .retry_ms_max = 20, .nonblocking = true, .window_bytes = (HELD + 1) * (data_length + 100)};
    cr_assert_eq(rc_client_open(fake_broker.path, &options, &client), RC_OK);
    char *data = malloc(data_length + 1);
    cr_assert_not_null(data);
    memset(data, 'x', data_length);
    data[data_length] = 0;
    struct answers answers = {0};
    int count = 0;
    while (count < HELD) {
        data[0] = (char)('0' + count++);
        cr_assert_eq(publish("held", data, &answers), RC_OK);
    }
    while (client->sent < client->allowed) {
        rc_poll(client, 1);
    }
    rc_limits_set(client, (const uint8_t *)"held", 4, 0);
    for (int code = RC_OK; code == RC_OK; count += code == RC_OK) {
        data[0] = (char)('0' + count);
        code = publish("other", data, &answers);
    }
    cr_assert_eq(client->window.aside_open, HELD);
    fake_broker_kill();
    uint32_t taken = fake_broker.count;
    fake_broker.plan.holds = false;
    fake_broker.plan.credit = credit;
    fake_broker_restart();
    cr_assert_eq(rc_flush(client, 20000), RC_OK);
    cr_expect_eq(answers.count, count);
    cr_expect_eq(answers.failures, 0);
    cr_expect_eq(fake_broker.count, (unsigned)count);
    cr_expect_eq(fake_broker.repeats, taken);
    for (int i = 0; i < count; i++) {
        cr_expect_eq(fake_broker.events[i].data[0], '0' + i);
    }
    free(data);
}

Test(client_aside, what_was_set_aside_is_sent_again_first)
{
    set_aside_and_reconnect(50, 200);
}

Test(client_aside, what_was_set_aside_is_sent_again_in_parts)
{
    fake_broker.plan.event_bytes_max = 300 * 1000;
    set_aside_and_reconnect(300 * 1000, 4 << 20);
}
