#include "http/fault.h"

#include <criterion/criterion.h>

Test(fault, has_its_error_s_status_unless_told_otherwise)
{
    struct http_fault fault;
    cr_expect_eq(http_fault_set(&fault, ERR_NOT_FOUND, "no %s", "page"), ERR_NOT_FOUND);
    cr_expect_str_eq(fault.detail, "no page");
    cr_expect_eq(http_fault_status(&fault), 404);
    cr_expect_not(fault.has_position);
    http_fault_set_position(&fault, 7);
    cr_expect(fault.has_position);
    cr_expect_eq(fault.position, 7);
    fault.status = 505;
    cr_expect_eq(http_fault_status(&fault), 505);
    http_fault_set(&fault, ERR_NOT_FOUND, "again");
    cr_expect_eq(http_fault_status(&fault), 404);
    cr_expect_not(fault.has_position);
}

Test(fault, quotes_nothing_that_cannot_be_shown)
{
    struct http_fault fault;
    http_fault_set(&fault, ERR_INVALID_PARAMETER, "%s", "a\r\n\x1b\x7f\xff\xc3\xa9\xc2\x85z");
    cr_expect_str_eq(fault.detail, "a?????\xc3\xa9??z");
}

Test(fault, cuts_a_long_detail_between_characters)
{
    struct http_fault fault;
    char text[2 * HTTP_FAULT_DETAIL_BYTES + 1] = "";
    for (size_t i = 0; i < sizeof(text) / 2; i++) {
        strcat(text, "\xc3\xa9");
    }
    http_fault_set(&fault, ERR_INVALID_PARAMETER, "%s", text);
    cr_expect_eq(strlen(fault.detail), HTTP_FAULT_DETAIL_BYTES - 1);
    cr_expect_eq(fault.detail[HTTP_FAULT_DETAIL_BYTES - 2], '?');
}
