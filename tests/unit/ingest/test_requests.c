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
    requests_at(&requests, 5)->is_done = true;
    requests_trim(&requests);
    cr_assert_not_null(requests_at(&requests, 5), "it is in nobody's way");
    requests_at(&requests, 0)->is_done = true;
    requests_trim(&requests);
    cr_assert_null(requests_at(&requests, 0));
    cr_assert_null(requests_at(&requests, 5));
    cr_assert_eq(requests_at(&requests, 9)->number, 9);
    while (requests_count(&requests) > 0) {
        requests_pop(&requests);
    }
    cr_assert_not(requests_are_none(&requests));
    for (uint64_t i = 0; i < 10; i++) {
        if (requests_at(&requests, i) != NULL) {
            requests_at(&requests, i)->is_done = true;
        }
    }
    requests_trim(&requests);
    cr_assert(requests_are_none(&requests));
    requests_free(&requests);
}

Test(requests, no_more_are_set_aside_than_there_is_room)
{
    struct requests requests;
    requests_init(&requests);
    for (uint64_t i = 0; i < 2 * REQUESTS_MAX; i++) {
        requests_make_room(&requests);
        struct request *request = requests_push(&requests);
        cr_assert_not_null(request);
        request->is_open = false;
        request->is_holding = true;
    }
    requests_make_room(&requests);
    cr_assert_eq(requests_count(&requests), REQUESTS_MAX);
    cr_assert_null(requests_push(&requests));
    requests_at(&requests, 100)->is_done = true;
    requests_make_room(&requests);
    cr_assert_eq(requests_count(&requests), REQUESTS_MAX - 1);
    requests_free(&requests);
}
