// Requests of streams with a credit of their own are set aside where they hold up a full window.
#include "client/internal.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT_BYTES = 4096 };

static struct rc_window window;

static void setup(void)
{
    rc_window_init(&window, LIMIT_BYTES);
}

static void teardown(void)
{
    rc_window_free(&window);
}

TestSuite(client_window, .init = setup, .fini = teardown, .timeout = 30);

// Its frame is made of its number. RC_OK or RC_AGAIN.
static int add(size_t length, bool is_limited)
{
    int result = rc_window_reserve(&window, length);
    while (result == RC_AGAIN && rc_window_set_aside(&window, rc_window_end(&window))) {
        result = rc_window_reserve(&window, length);
    }
    if (result == RC_OK) {
        uint64_t number = window.tail;
        memset(rc_window_room(&window), (int)(number & 0xff), length);
        rc_window_add(&window, length, NULL, NULL);
        struct rc_request *request = rc_window_find(&window, number);
        request->is_sent = true;
        request->limit = is_limited;
    }
    return result;
}

static void finish(uint64_t number)
{
    struct rc_request *request = rc_window_find(&window, number);
    cr_assert_not_null(request);
    rc_window_finish(&window, request);
    cr_assert_null(rc_window_find(&window, number));
}

static void check_frame(uint64_t number)
{
    const struct rc_request *request = rc_window_find(&window, number);
    cr_assert_not_null(request);
    const uint8_t *frame = rc_window_frame(&window, request);
    cr_assert_eq(frame[0], number & 0xff);
    cr_assert_eq(frame[request->length - 1], number & 0xff);
}

Test(client_window, what_is_limited_leaves_the_room_to_others)
{
    cr_assert_eq(add(100, true), RC_OK);
    cr_assert_eq(add(100, true), RC_OK);
    uint64_t held = 1;
    for (int i = 0; i < 1000; i++) {
        uint64_t number = window.tail;
        cr_assert_eq(add(1000, false), RC_OK);
        finish(number);
    }
    check_frame(held);
    check_frame(held + 1);
    cr_expect_eq(window.unanswered, 2);
    finish(held + 1);
    finish(held);
    cr_expect_eq(window.unanswered, 0);
    cr_expect_eq(window.aside_bytes, 0);
}

Test(client_window, also_where_requests_are_many_and_small)
{
    rc_window_free(&window);
    rc_window_init(&window, 64 << 20);
    cr_assert_eq(add(20, true), RC_OK);
    for (int i = 0; i < 2 * RC_WINDOW_REQUESTS_MAX; i++) {
        uint64_t number = window.tail;
        cr_assert_eq(add(20, false), RC_OK);
        finish(number);
    }
    check_frame(1);
}

Test(client_window, only_what_is_limited_and_was_sent_is_set_aside)
{
    cr_assert_eq(add(3000, false), RC_OK);
    cr_expect_eq(add(3000, false), RC_AGAIN);
    rc_window_find(&window, 1)->limit = 1;
    cr_expect_not(rc_window_set_aside(&window, 2999));
    cr_expect(rc_window_set_aside(&window, 3000));
    cr_expect_not(rc_window_set_aside(&window, 3000), "there is nothing more");
}

Test(client_window, as_much_as_the_window_is_set_aside)
{
    int count = 0;
    while (add(1000, true) == RC_OK) {
        count++;
    }
    cr_expect_eq(count, 8);
    cr_expect_eq(add(1000, false), RC_AGAIN);
    finish(2);
    cr_expect_eq(add(1000, false), RC_OK);
}

Test(client_window, a_new_connection_finds_those_aside_first)
{
    while (add(1000, true) == RC_OK) {
    }
    finish(3);
    rc_window_rewind(&window);
    uint64_t expected = 1;
    const struct rc_request *request;
    for (uint64_t number = 0; (request = rc_window_next(&window, &number)) != NULL; number++) {
        expected += expected == 3;
        cr_assert_eq(number, expected);
        cr_expect_not(request->is_sent);
        cr_expect_eq(request->limit, 0);
        check_frame(expected++);
    }
    cr_expect_eq(expected, 9);
}

// Against a plain list of what is open.
Test(client_window, in_any_order_of_answers)
{
    static uint64_t open[LIMIT_BYTES];
    size_t count = 0;
    size_t set_aside = 0;
    struct prng prng;
    prng_seed(&prng, 5);
    for (int step = 0; step < 50000; step++) {
        uint64_t number = window.tail;
        if (prng_chance(&prng, 1, 2) &&
            add(1 + prng_below(&prng, 100), prng_chance(&prng, 1, 3)) == RC_OK) {
            open[count++] = number;
        } else if (count > 0 && !prng_chance(&prng, 1, 20)) {
            size_t place = prng_below(&prng, count);
            check_frame(open[place]);
            finish(open[place]);
            memmove(&open[place], &open[place + 1], (--count - place) * sizeof open[0]);
        }
        cr_assert_eq(window.unanswered, count);
        cr_assert_leq(window.aside_bytes, LIMIT_BYTES);
        set_aside += window.aside_open;
        if (prng_chance(&prng, 1, 50)) {
            size_t at = 0;
            for (uint64_t n = 0; rc_window_next(&window, &n) != NULL; n++) {
                cr_assert_eq(n, open[at++]);
                check_frame(n);
            }
            cr_assert_eq(at, count);
        }
    }
    cr_expect_gt(set_aside, 0);
}
