#include "http/request_id.h"

#include <criterion/criterion.h>

static void check(const char *id, bool is_valid)
{
    cr_assert_eq(request_id_is_valid(slice_of(id)), is_valid, "%s", id);
}

Test(request_id, takes_plain_ids_of_clients)
{
    char longest[REQUEST_ID_BYTES_MAX + 2] = "";
    memset(longest, 'x', REQUEST_ID_BYTES_MAX);
    check("a", true);
    check("AZaz09._-", true);
    check("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", true);
    check(longest, true);
    longest[REQUEST_ID_BYTES_MAX] = 'x';
    check(longest, false);
    check("", false);
    check("a b", false);
    check("a,b", false);
    check("a\"b", false);
    check("\xc3\xa4", false);
    cr_assert_not(request_id_is_valid(slice_from("a\0b", 3)));
}

static void check_made(uint64_t life, uint64_t number, const char *expected)
{
    char text[REQUEST_ID_MADE_BYTES_MAX];
    struct slice id = request_id_make(life, number, text);
    cr_assert(slice_equal_text(id, expected), SLICE_FORMAT, SLICE_ARGUMENTS(id));
    cr_assert(request_id_is_valid(id));
}

Test(request_id, makes_ids)
{
    check_made(0, 0, "000000000000-0");
    check_made(UINT64_C(0x0123456789abcdef), 31, "456789abcdef-1f");
    check_made(UINT64_MAX, UINT64_MAX, "ffffffffffff-ffffffffffffffff");
    check_made(1, 0x100, "000000000001-100");
}
