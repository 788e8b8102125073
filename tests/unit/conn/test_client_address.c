#include "conn/client_address.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

static void check(int family, const char *address, const char *expected)
{
    struct conn_cold cold = {.family = (uint8_t)family};
    char text[CLIENT_ADDRESS_TEXT_BYTES];
    if (address != NULL) {
        cr_assert_eq(inet_pton(family, address, cold.address), 1);
    }
    struct slice told = client_address_text(&cold, text);
    cr_assert(slice_equal_text(told, expected), SLICE_FORMAT, SLICE_ARGUMENTS(told));
}

Test(client_address, as_people_know_it)
{
    check(AF_INET, "192.0.2.7", "192.0.2.7");
    check(AF_INET6, "2001:db8::1", "2001:db8::1");
    check(AF_INET6, "::ffff:192.0.2.7", "192.0.2.7"); // to a listener of IPv6
    check(AF_UNIX, NULL, "");
    check(0, NULL, "");
}
