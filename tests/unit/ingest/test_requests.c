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
