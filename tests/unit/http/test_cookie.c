#include "http/cookie.h"

#include <criterion/criterion.h>

static void check(const char *field, enum cookie_found found, const char *expected)
{
    struct slice value = slice_empty();
    cr_assert_eq(cookie_find(slice_of(field), slice_of("auth_token"), &value), found, "%s", field);
    cr_assert(slice_equal_text(value, expected), "%s: '" SLICE_FORMAT "'", field,
              SLICE_ARGUMENTS(value));
}

Test(cookie, is_found_among_others)
{
    check("auth_token=a.b.c", COOKIE_ONE, "a.b.c");
    check("x=1; auth_token=a.b.c; y=2", COOKIE_ONE, "a.b.c");
    check("x=1;auth_token=a.b.c;y", COOKIE_ONE, "a.b.c");
    check("  auth_token = a.b.c  ;", COOKIE_ONE, "a.b.c");
    check("auth_token=\"a.b.c\"", COOKIE_ONE, "a.b.c");
    check("auth_token=a=b==", COOKIE_ONE, "a=b==");
    check("auth_token=", COOKIE_ONE, "");
    check("auth_token=\"", COOKIE_ONE, "\"");
}

Test(cookie, another_name_is_not_it)
{
    check("", COOKIE_NONE, "");
    check(";;;", COOKIE_NONE, "");
    check("auth_token", COOKIE_NONE, "");
    check("Auth_Token=a", COOKIE_NONE, "");
    check("auth_token2=a; xauth_token=b; __Host-auth_token=c", COOKIE_NONE, "");
    check("x=\"auth_token=a\"", COOKIE_NONE, "");
    check("=auth_token", COOKIE_NONE, "");
}

Test(cookie, several_are_told_unless_they_are_alike)
{
    check("auth_token=a; auth_token=a", COOKIE_ONE, "a");
    check("auth_token=a; auth_token=\"a\"", COOKIE_ONE, "a");
    check("auth_token=a; auth_token=b", COOKIE_SEVERAL, "a");
    check("auth_token=a; auth_token=b; auth_token=a", COOKIE_SEVERAL, "a");
}
