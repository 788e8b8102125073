#include "conn/client_key.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>

enum { SEED = 77 };

static uint64_t key_of(const char *text)
{
    uint8_t bytes[16] = {0};
    int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
    cr_assert_eq(inet_pton(family, text, bytes), 1);
    return client_key_of_address(SEED, family, bytes);
}

Test(client_key, which_addresses_are_the_same)
{
    cr_assert_eq(key_of("192.0.2.1"), key_of("::ffff:192.0.2.1"));
    cr_assert_neq(key_of("192.0.2.1"), key_of("192.0.2.2"));
    cr_assert_neq(key_of("192.0.2.1"), key_of("::ffff:192.0.2.2"));
    cr_assert_eq(key_of("2001:db8:1:2::1"), key_of("2001:db8:1:2:ffff::2"));
    cr_assert_neq(key_of("2001:db8:1:2::1"), key_of("2001:db8:1:3::1"));
    uint8_t bytes[16] = {0};
    cr_assert_eq(client_key_of_address(SEED, AF_UNIX, bytes), 0);
}

Test(client_key, subjects)
{
    struct slice alice = slice_of("alice");
    cr_assert_eq(client_key_of_subject(SEED, alice), client_key_of_subject(SEED, alice));
    cr_assert_neq(client_key_of_subject(SEED, alice), client_key_of_subject(SEED, slice_of("bob")));
    cr_assert_neq(client_key_of_subject(SEED, alice), client_key_of_subject(SEED + 1, alice));
    cr_assert_eq(client_key_of_subject(SEED, slice_empty()), 0, "without one nobody is meant");
    uint8_t bytes[16] = {'a', 'b', 'c', 'd'};
    cr_assert_neq(client_key_of_subject(SEED, slice_of("abcd")),
                  client_key_of_address(SEED, AF_INET, bytes));
}

Test(client_key, each_has_a_tag)
{
    for (uint64_t seed = 0; seed < 1000; seed++) {
        cr_assert_neq(client_key_of_subject(seed, slice_of("x")) >> 40, 0);
    }
}
