#include "base/error.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <signal.h>

Test(error, gives_code_status_and_text)
{
    cr_assert_eq(ERR_NONE, 0);
    cr_assert_str_eq(error_code(ERR_STREAM_NOT_FOUND), "stream_not_found");
    cr_assert_eq(error_http_status(ERR_STREAM_NOT_FOUND), 404);
    cr_assert_str_eq(error_text(ERR_NONE), "No error");
    cr_assert_eq(error_http_status(ERR_NONE), 200);
    cr_assert_eq(error_http_status(ERR_CONNECTION_CLOSED), 410);
    cr_assert_eq(error_http_status(ERR_HEADER_TOO_LARGE), 431);
}

Test(error, numbers_are_those_of_the_protocol)
{
    cr_assert_eq(ERR_STREAM_NOT_FOUND, 1);
    cr_assert_eq(ERR_TOO_LARGE, 13);
    cr_assert_eq(ERR_STALE_EPOCH, 27);
    cr_assert_eq(ERR_INTERNAL, 30);
}

Test(error, table_is_complete_and_codes_are_unique)
{
    for (unsigned number = 0; number < ERROR_COUNT; number++) {
        enum rc_error error = (enum rc_error)number;
        enum rc_error found = ERR_INTERNAL;
        cr_assert(error_is_known(number));
        cr_assert(error_from_code(slice_of(error_code(error)), &found));
        cr_assert_eq(found, error, "code %s is there twice", error_code(error));
        for (const char *at = error_code(error); *at != '\0'; at++) {
            cr_assert(islower((unsigned char)*at) || *at == '_');
        }
        const char *text = error_text(error);
        cr_assert(strlen(text) > 0 && text[strlen(text) - 1] != '.');
        int status = error_http_status(error);
        cr_assert(error == ERR_NONE ? status == 200 : status >= 400 && status <= 599);
    }
}

Test(error, unknown_numbers_and_codes_are_refused)
{
    enum rc_error found = ERR_FORBIDDEN;
    cr_assert_not(error_is_known(ERROR_COUNT));
    cr_assert_not(error_is_known(UINT32_MAX));
    cr_assert_not(error_from_code(slice_of("stream_not_foun"), &found));
    cr_assert_not(error_from_code(slice_empty(), &found));
    cr_assert_eq(found, ERR_FORBIDDEN);
}

Test(error, look_up_of_an_unknown_error_aborts, .signal = SIGABRT)
{
    error_text((enum rc_error)ERROR_COUNT);
}
