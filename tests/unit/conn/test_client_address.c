#include "conn/client_address.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>

static void check(int family, const char *address, const char *expected)
{
    struct conn_cold cold = {.family = (uint8_t)family};
    char text[CLIENT_ADDRESS_TEXT_BYTES];
    if (address != NULL) {
        cr_assert_eq(inet_pton(family, address, cold.address), 1);
    }
    cr_assert(slice_equal_text(client_address_text(&cold, text), expected), "%s", expected);
}

Test(client_address, is_text)
{
    check(AF_INET, "192.0.2.7", "192.0.2.7");
    check(AF_INET6, "2001:db8::1", "2001:db8::1");
    check(AF_INET6, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
          "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff");
    check(AF_UNIX, NULL, "");
}
