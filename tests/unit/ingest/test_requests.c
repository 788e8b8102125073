#include "ingest/requests.h"

#include <criterion/criterion.h>

Test(requests, keeps_order_and_counters_while_it_grows)
{
    struct requests requests;
    requests_init(&requests);
    cr_assert_null(requests_first(&requests));
    uint64_t popped = 0;
    for (uint64_t i = 0; i < 3 * REQUESTS_MAX; i++) {
        struct request *request = requests_push(&requests);
        cr_assert_not_null(request);
        cr_assert(request->is_open);
        request->number = i;
        if (i % 3 == 2) { // it grows, and goes round
            cr_assert_eq(requests_first(&requests)->number, popped);
            requests_pop(&requests);
            popped++;
        }
        if (requests_count(&requests) == REQUESTS_MAX) {
            cr_assert_null(requests_push(&requests));
            for (int n = 0; n < 1000; n++, popped++) {
                requests_pop(&requests);
            }
        }
        cr_assert_eq(requests_at(&requests, popped)->number, popped);
        cr_assert_eq(requests_at(&requests, i)->number, i);
        cr_assert_null(requests_at(&requests, i + 1));
        if (popped > 0) {
            cr_assert_null(requests_at(&requests, popped - 1));
        }
    }
    requests_free(&requests);
}

Test(requests, takes_the_last_back)
{
    struct requests requests;
    requests_init(&requests);
    requests_push(&requests)->number = 1;
    requests_push(&requests)->number = 2;
    requests_drop_last(&requests);
    cr_assert_eq(requests_count(&requests), 1);
    requests_push(&requests)->number = 3;
    cr_assert_eq(requests_at(&requests, 1)->number, 3);
    requests_free(&requests);
}

Test(requests, those_that_hold_something_make_room)
{
    struct requests requests;
    requests_init(&requests);
    for (uint64_t i = 0; i < REQUESTS_MAX + 10; i++) {
        requests_make_room(&requests);
        struct request *request = requests_push(&requests);
        cr_assert_not_null(request);
        request->number = i;
        request->is_open = false;
        request->is_holding = i < 10 || i == 20;
    }
    requests_make_room(&requests);
    cr_assert_null(requests_push(&requests), "the oldest one holds nothing");
    for (uint64_t i = 0; i < REQUESTS_MAX + 10; i++) {
        cr_assert_eq(requests_at(&requests, i)->number, i);
    }
    // Those aside go in any order.
    requests_finish(&requests, requests_at(&requests, 5));
    cr_assert_null(requests_at(&requests, 5));
    requests_finish(&requests, requests_at(&requests, 0));
    cr_assert_null(requests_at(&requests, 0));
    cr_assert_eq(requests_at(&requests, 9)->number, 9);
    while (requests_count(&requests) > 0) {
        requests_pop(&requests);
    }
    cr_assert_not(requests_are_none(&requests));
    for (uint64_t i = 0; i < 10; i++) {
        if (requests_at(&requests, i) != NULL) {
            requests_finish(&requests, requests_at(&requests, i));
        }
    }
    cr_assert(requests_are_none(&requests));
    requests_free(&requests);
}

// Returns how many were pushed: until there is no room, or so many.
static uint64_t push_holding(struct requests *requests, uint64_t most)
{
    for (uint64_t i = 0; i < most; i++) {
        requests_make_room(requests);
        if (requests_count(requests) == REQUESTS_MAX) {
            return i;
        }
        struct request *request = requests_push(requests);
        cr_assert_not_null(request);
        request->number = requests->tail - 1;
        request->is_open = false;
        request->is_holding = true;
    }
    return most;
}

Test(requests, as_many_are_set_aside_as_a_library_has_in_its_window)
{
    struct requests requests;
    requests_init(&requests);
    enum { MOST = REQUESTS_ASIDE_MAX + REQUESTS_MAX };
    cr_assert_geq((int)REQUESTS_ASIDE_MAX, 65536);
    cr_assert_eq(push_holding(&requests, UINT64_MAX), MOST);
    cr_assert_null(requests_push(&requests));
    requests_finish(&requests, requests_at(&requests, 100));
    cr_assert_eq(push_holding(&requests, UINT64_MAX), 1);
    for (uint64_t i = 0; i < MOST; i++) {
        cr_assert_eq(requests_at(&requests, i) == NULL, i == 100);
        cr_assert(i == 100 || requests_at(&requests, i)->number == i);
    }
    requests_free(&requests);
}

// Many times as many as there may be at once, answered oldest first: quadratic work would not end.
Test(requests, those_aside_go_oldest_first_at_no_cost, .timeout = 20)
{
    struct requests requests;
    requests_init(&requests);
    cr_assert_eq(push_holding(&requests, REQUESTS_ASIDE_MAX), REQUESTS_ASIDE_MAX);
    uint64_t oldest = 0;
    for (; oldest < 40 * (uint64_t)REQUESTS_ASIDE_MAX; oldest++) {
        requests_finish(&requests, requests_at(&requests, oldest));
        cr_assert_eq(push_holding(&requests, 1), 1);
        cr_assert_leq(requests.aside_capacity, 2 * REQUESTS_ASIDE_MAX);
    }
    cr_assert_eq(requests_at(&requests, oldest)->number, oldest);
    requests_free(&requests);
}
