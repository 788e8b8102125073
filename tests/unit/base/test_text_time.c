#include "base/prng.h"
#include "base/text.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

struct instant {
    const char *text;
    uint64_t unix_ms;
};

Test(text_time, parses_rfc3339)
{
    static const struct instant instants[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.001Z", 1},
        {"2024-02-29T12:34:56.789Z", UINT64_C(1709210096789)},
        {"2024-02-29t12:34:56.789z", UINT64_C(1709210096789)},
        {"2024-02-29T14:34:56.789+02:00", UINT64_C(1709210096789)},
        {"2024-02-29T06:04:56.789-06:30", UINT64_C(1709210096789)},
        {"2024-02-29T12:34:56.7899999Z", UINT64_C(1709210096789)},
        {"2024-02-29T12:34:56.7Z", UINT64_C(1709210096700)},
        {"2000-02-29T00:00:00-00:00", UINT64_C(951782400000)},
        {"2016-12-31T23:59:60Z", UINT64_C(1483228800000)},
        {"1969-12-31T23:00:00-01:00", 0},
        {"9999-12-31T23:59:59.999Z", UINT64_C(253402300799999)},
    };
    for (size_t i = 0; i < sizeof(instants) / sizeof(instants[0]); i++) {
        uint64_t unix_ms = 0;
        cr_assert(text_parse_rfc3339(slice_of(instants[i].text), &unix_ms), "%s", instants[i].text);
        cr_assert_eq(unix_ms, instants[i].unix_ms, "%s: %" PRIu64, instants[i].text, unix_ms);
    }
}

Test(text_time, refuses_everything_else)
{
    static const char *const texts[] = {
        "",
        "2024-02-29",
        "2024-02-29T12:34:56",
        "2024-02-29T12:34Z",
        "2024-02-29 12:34:56Z",
        "2024-2-29T12:34:56Z",
        "24-02-29T12:34:56Z",
        "2023-02-29T12:34:56Z",
        "1900-02-29T12:34:56Z",
        "2024-04-31T12:34:56Z",
        "2024-13-01T12:34:56Z",
        "2024-00-01T12:34:56Z",
        "2024-01-00T12:34:56Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:61Z",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00,5Z",
        "2024-01-01T00:00:00Z ",
        "2024-01-01T00:00:00ZZ",
        "2024-01-01T00:00:00+0200",
        "2024-01-01T00:00:00+02",
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+02:60",
        "2024-01-01T00:00:00 02:00",
        "1969-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "1970-01-01T00:00:00+00:01",
        "+024-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        uint64_t unix_ms = 99;
        cr_assert_not(text_parse_rfc3339(slice_of(texts[i]), &unix_ms), "%s", texts[i]);
        cr_assert_eq(unix_ms, 99);
    }
}

// What the C library says of the same second.
static void check_instant(uint64_t unix_ms)
{
    char text[TEXT_RFC3339_BYTES];
    char expected[64];
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm date;
    cr_assert_not_null(gmtime_r(&seconds, &date));
    size_t length = strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &date);
    snprintf(expected + length, sizeof(expected) - length, ".%03uZ", (unsigned)(unix_ms % 1000));
    cr_assert_eq(text_format_rfc3339(unix_ms, text), TEXT_RFC3339_BYTES - 1);
    cr_assert_str_eq(text, expected);
    uint64_t parsed = 0;
    cr_assert(text_parse_rfc3339(slice_of(text), &parsed));
    cr_assert_eq(parsed, unix_ms);

    char http_date[TEXT_HTTP_DATE_BYTES];
    text_format_http_date(unix_ms, http_date);
    strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", &date);
    cr_assert_eq(strlen(expected), sizeof(http_date));
    cr_assert_arr_eq(http_date, expected, sizeof(http_date));
}

Test(text_time, formats_as_the_c_library_does)
{
    const uint64_t end = UINT64_C(253402300800000); // of the year 9999
    struct prng prng;
    prng_seed(&prng, 1);
    for (int i = 0; i < 5000; i++) {
        check_instant(prng_below(&prng, end));
    }
    for (uint64_t day = 0; day < 366 * 40; day++) { // from 1970 to 2010
        check_instant(day * 86400000 + day);
    }
    check_instant(end - 1);
    char text[TEXT_RFC3339_BYTES];
    text_format_rfc3339(end, text);
    cr_assert_str_eq(text, "9999-12-31T23:59:59.999Z");
    text_format_rfc3339(UINT64_MAX, text);
    cr_assert_str_eq(text, "9999-12-31T23:59:59.999Z");
}
