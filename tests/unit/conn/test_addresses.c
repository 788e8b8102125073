#include "conn/addresses.h"

#include "base/prng.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

enum { EACH = 3, CONNECTIONS = 1000 };

static struct addresses *addresses;

static void setup(void)
{
    addresses = addresses_create(CONNECTIONS, EACH);
    cr_assert_not_null(addresses);
}

static void teardown(void)
{
    addresses_destroy(addresses);
}

TestSuite(addresses, .init = setup, .fini = teardown);

static uint64_t key_of(const char *text)
{
    uint8_t bytes[16] = {0};
    int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
    cr_assert_eq(inet_pton(family, text, bytes), 1);
    return addresses_key(addresses, family, bytes);
}

Test(addresses, each_has_its_own_count)
{
    uint64_t one = key_of("192.0.2.1");
    uint64_t other = key_of("192.0.2.2");
    for (int i = 0; i < EACH; i++) {
        cr_assert(addresses_enter(addresses, one));
    }
    cr_assert_not(addresses_enter(addresses, one));
    cr_assert(addresses_enter(addresses, other));
    addresses_leave(addresses, one);
    cr_assert(addresses_enter(addresses, one));
    cr_assert_not(addresses_enter(addresses, one));
}

Test(addresses, one_that_is_gone_begins_anew)
{
    uint64_t key = key_of("192.0.2.1");
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < EACH; i++) {
            cr_assert(addresses_enter(addresses, key));
        }
        for (int i = 0; i < EACH; i++) {
            addresses_leave(addresses, key);
        }
    }
    addresses_leave(addresses, key); // one that was not counted
    cr_assert(addresses_enter(addresses, key));
}

Test(addresses, which_are_the_same)
{
    cr_assert_eq(key_of("192.0.2.1"), key_of("::ffff:192.0.2.1"));
    cr_assert_neq(key_of("192.0.2.1"), key_of("::ffff:192.0.2.2"));
    cr_assert_eq(key_of("2001:db8:1:2::1"), key_of("2001:db8:1:2:ffff::2"));
    cr_assert_neq(key_of("2001:db8:1:2::1"), key_of("2001:db8:1:3::1"));
    uint8_t bytes[16] = {0};
    cr_assert_eq(addresses_key(addresses, AF_UNIX, bytes), 0);
}

// Comings and goings of many more addresses than are there at once, against plain counts.
Test(addresses, as_a_plain_count_would)
{
    enum { ADDRESSES = 5000, STEPS = 400 * 1000 };
    static uint32_t counts[ADDRESSES];
    static uint32_t there[CONNECTIONS]; // which address each connection has
    uint32_t used = 0;
    struct prng prng;
    prng_seed(&prng, 99);
    for (int step = 0; step < STEPS; step++) {
        uint8_t bytes[16] = {10};
        if (used < CONNECTIONS && prng_chance(&prng, 1, 2)) {
            uint32_t which = (uint32_t)prng_below(&prng, prng_chance(&prng, 1, 2) ? 20 : ADDRESSES);
            memcpy(bytes + 1, &which, 3);
            bool is_in = addresses_enter(addresses, addresses_key(addresses, AF_INET, bytes));
            cr_assert_eq(is_in, counts[which] < EACH);
            if (is_in) {
                counts[which]++;
                there[used++] = which;
            }
        } else if (used > 0) {
            uint32_t at = (uint32_t)prng_below(&prng, used);
            uint32_t which = there[at];
            there[at] = there[--used];
            counts[which]--;
            memcpy(bytes + 1, &which, 3);
            addresses_leave(addresses, addresses_key(addresses, AF_INET, bytes));
        }
    }
}
