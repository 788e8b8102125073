#include "conn/client_limits.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>

static const uint8_t address[16] = {192, 0, 2, 1};

Test(client_limits, what_is_not_bounded_is_taken)
{
    struct client_limits limits;
    const struct client_limits_options none = {.connections_max = 100};
    cr_assert(client_limits_init(&limits, &none, NULL));
    uint64_t key = client_limits_address(&limits, AF_INET, address);
    for (int i = 0; i < 1000; i++) {
        cr_assert(
            client_limits_enter(limits.address_connections, key, limits.connections_per_address));
        cr_assert(
            client_limits_enter(limits.subject_connections, key, limits.connections_per_subject));
        cr_assert_eq(client_limits_take(limits.address_requests, key, 1000, 1), 0);
        cr_assert_eq(client_limits_take(limits.subject_requests, key, 1000, 1), 0);
        cr_assert_eq(client_limits_take(limits.events, key, UINT64_MAX, 1), 0);
    }
    client_limits_leave(limits.address_connections, key);
    client_limits_free(&limits);
}

Test(client_limits, each_bound_is_of_its_own)
{
    struct client_limits limits;
    const struct client_limits_options options = {
        .connections_max = 100,
        .connections_per_address = 1,
        .connections_per_subject = 2,
        .requests_per_address = 3,
        .requests_per_subject = 4,
        .events_per_subject = 5,
    };
    cr_assert(client_limits_init(&limits, &options, NULL));
    uint64_t key = client_limits_subject(&limits, slice_of("alice"));
    struct client_counts *counts[] = {limits.address_connections, limits.subject_connections};
    const uint32_t most[] = {limits.connections_per_address, limits.connections_per_subject};
    for (size_t i = 0; i < 2; i++) {
        for (size_t taken = 0; taken < i + 1; taken++) {
            cr_assert(client_limits_enter(counts[i], key, most[i]));
        }
        cr_assert_not(client_limits_enter(counts[i], key, most[i]));
        client_limits_leave(counts[i], key);
        cr_assert(client_limits_enter(counts[i], key, most[i]));
    }
    struct rate_table *rates[] = {limits.address_requests, limits.subject_requests, limits.events};
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(client_limits_take(rates[i], key, i + 3, 1000), 0);
        cr_assert_neq(client_limits_take(rates[i], key, 1, 1000), 0);
    }
    cr_assert_eq(client_limits_take(limits.events, key, UINT64_MAX, 9000), 0,
                 "more than a burst is taken from a full bucket");
    client_limits_free(&limits);
}

Test(client_limits, nobody_is_not_bounded)
{
    struct client_limits limits;
    const struct client_limits_options options = {
        .connections_max = 100, .connections_per_address = 1, .requests_per_address = 1};
    cr_assert(client_limits_init(&limits, &options, NULL));
    uint64_t key = client_limits_subject(&limits, slice_empty());
    for (int i = 0; i < 10; i++) {
        cr_assert(
            client_limits_enter(limits.address_connections, key, limits.connections_per_address));
        cr_assert_eq(client_limits_take(limits.address_requests, key, 1, 1), 0);
    }
    client_limits_leave(limits.address_connections, key);
    client_limits_free(&limits);
}

Test(client_limits, others_go_on_with_the_counts_and_with_rates_that_stay)
{
    struct client_limits limits;
    struct client_limits others;
    struct client_limits_options options = {
        .connections_max = 100, .requests_per_address = 1, .requests_per_subject = 1};
    cr_assert(client_limits_init(&limits, &options, NULL));
    uint64_t key = client_limits_address(&limits, AF_INET, address);
    cr_assert(client_limits_enter(limits.address_connections, key, 0));
    cr_assert_eq(client_limits_take(limits.address_requests, key, 1, 1000), 0);
    cr_assert_eq(client_limits_take(limits.subject_requests, key, 1, 1000), 0);
    options.connections_per_address = 2;
    options.requests_per_subject = 2;
    options.events_per_subject = 1;
    cr_assert(client_limits_init(&others, &options, &limits));
    client_limits_free(&limits);
    cr_assert_eq(client_limits_address(&others, AF_INET, address), key);
    cr_assert(client_limits_enter(others.address_connections, key, 2));
    cr_assert_not(client_limits_enter(others.address_connections, key, 2));
    cr_assert_neq(client_limits_take(others.address_requests, key, 1, 1000), 0);
    cr_assert_eq(client_limits_take(others.subject_requests, key, 2, 1000), 0);
    cr_assert_eq(client_limits_take(others.events, key, 1, 1000), 0);
    client_limits_free(&others);
}
