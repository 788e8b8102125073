// Which requests count against a stream's credit, and which against the connection's.
#include "client/internal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rc_client *client;

static void setup(void)
{
    client = calloc(1, sizeof *client);
    cr_assert_not_null(client);
    rc_window_init(&client->window, 1 << 20);
}

static void teardown(void)
{
    rc_window_free(&client->window);
    free(client);
}

TestSuite(limits, .init = setup, .fini = teardown, .timeout = 30);

// A request of these events, one or a batch; as if sent where that is said.
static struct rc_request *add(const char *first, const char *second, bool is_sent)
{
    const struct rc_event events[] = {{.stream = first, .data = "data", .data_length = 4},
                                      {.stream = second, .data = "data", .data_length = 4}};
    size_t count = second == NULL ? 1 : 2;
    size_t length = count == 1 ? 0 : 4;
    for (size_t i = 0; i < count; i++) {
        length += rc_encode_event_bytes(&events[i]);
    }
    cr_assert_eq(rc_window_reserve(&client->window, RC_HEADER_BYTES + length), RC_OK);
    uint8_t *at = rc_window_room(&client->window);
    rc_encode_header(at, length, count == 1 ? RC_FRAME_PUBLISH : RC_FRAME_BATCH, 1,
                     client->window.tail);
    at += RC_HEADER_BYTES + (count == 1 ? 0 : 4);
    for (size_t i = 0; i < count; i++) {
        at = rc_encode_event(at, &events[i], 0);
    }
    uint64_t number = client->window.tail;
    rc_window_add(&client->window, RC_HEADER_BYTES + length, NULL, NULL);
    struct rc_request *request = rc_window_find(&client->window, number);
    rc_limits_add(client, request);
    request->is_sent = is_sent;
    if (is_sent && request->limit == 0) {
        client->in_flight_bytes += request->length;
    }
    return request;
}

static void set(const char *stream, uint64_t credit)
{
    rc_limits_set(client, (const uint8_t *)stream, strlen(stream), credit);
}

Test(limits, requests_move_to_the_streams_credit_and_back)
{
    size_t sent = add("a", NULL, true)->length;
    size_t waiting = add("a", NULL, false)->length;
    size_t other = add("b", NULL, true)->length;
    size_t batch = add("a", "b", true)->length; // its first event's
    size_t foreign = add("b", "a", true)->length;
    cr_assert_eq(client->in_flight_bytes, sent + other + batch + foreign);
    set("a", 1000);
    cr_expect_eq(client->in_flight_bytes, other + foreign);
    cr_expect_eq(client->limits[0].unanswered_bytes, sent + waiting + batch);
    size_t later = add("a", NULL, true)->length;
    cr_expect_eq(client->in_flight_bytes, other + foreign);
    cr_expect_eq(client->limits[0].unanswered_bytes, sent + waiting + batch + later);
    set("a", 0);
    cr_expect_eq(client->limit_count, 1);
    set("a", RC_CREDIT_UNLIMITED);
    cr_expect_eq(client->limit_count, 0);
    cr_expect_eq(client->in_flight_bytes, sent + other + batch + foreign + later);
    for (uint64_t number = 1; number < 7; number++) {
        rc_limits_finish(client, rc_window_find(&client->window, number));
    }
    cr_expect_eq(client->in_flight_bytes, 0);
}

Test(limits, one_request_is_always_allowed)
{
    cr_expect(rc_limits_admit(client, "a", 1 << 20));
    set("a", 0);
    cr_expect(rc_limits_admit(client, "a", 1 << 20));
    struct rc_request *request = add("a", NULL, true);
    cr_expect_not(rc_limits_admit(client, "a", 1));
    cr_expect(rc_limits_admit(client, "b", 1 << 20));
    cr_expect(rc_limits_admit(client, NULL, 1 << 20));
    set("a", request->length + 10);
    cr_expect(rc_limits_admit(client, "a", 10));
    cr_expect_not(rc_limits_admit(client, "a", 11));
    rc_limits_finish(client, request);
    cr_expect(rc_limits_admit(client, "a", 1 << 20));
}

Test(limits, are_bounded_and_forgotten_with_the_connection)
{
    char name[24];
    for (int i = 0; i < RC_STREAM_CREDITS_MAX + 5; i++) {
        snprintf(name, sizeof name, "stream %d", i);
        set(name, 0);
    }
    cr_expect_eq(client->limit_count, RC_STREAM_CREDITS_MAX);
    set("stream 3", RC_CREDIT_UNLIMITED);
    set("stream 3", RC_CREDIT_UNLIMITED);
    cr_expect_eq(client->limit_count, RC_STREAM_CREDITS_MAX - 1);
    set("another", 0);
    cr_expect_eq(client->limit_count, RC_STREAM_CREDITS_MAX);
    (void)add("another", NULL, true);
    cr_expect_not(rc_limits_admit(client, "another", 1));
    rc_limits_forget(client);
    rc_window_rewind(&client->window);
    cr_expect(rc_limits_admit(client, "another", 1));
    cr_expect_eq(rc_window_find(&client->window, 1)->limit, 0);
}
