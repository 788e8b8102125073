#include "io/listen_spec.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static char error[LISTEN_ERROR_SIZE];

Test(listen_spec, what_is_written)
{
    static const struct {
        const char *text;
        struct listen_spec expected;
    } table[] = {
        {"127.0.0.1:8080", {.mode = 0660, .place = "127.0.0.1:8080"}},
        {"*:0", {.mode = 0660, .place = "*:0"}},
        {"[::1]:443,tls", {.has_tls = true, .mode = 0660, .place = "[::1]:443"}},
        {"name.example:1,proxy", {.has_proxy = true, .mode = 0660, .place = "name.example:1"}},
        {":9,proxy,tls", {.has_proxy = true, .has_tls = true, .mode = 0660, .place = ":9"}},
        {"unix:/run/a", {.is_unix = true, .mode = 0660, .place = "/run/a"}},
        {"unix:a:b,mode=0600", {.is_unix = true, .mode = 0600, .place = "a:b"}},
        {"unix:/a,proxy,mode=777,tls",
         {.is_unix = true, .has_proxy = true, .has_tls = true, .mode = 0777, .place = "/a"}},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct listen_spec spec;
        const struct listen_spec *expected = &table[i].expected;
        cr_assert_eq(listen_spec_parse(&spec, slice_of(table[i].text), error, sizeof(error)), 0,
                     "%s: %s", table[i].text, error);
        cr_expect_str_eq(spec.place, expected->place);
        cr_expect(spec.is_unix == expected->is_unix && spec.has_tls == expected->has_tls &&
                      spec.has_proxy == expected->has_proxy && spec.mode == expected->mode,
                  "%s", table[i].text);
    }
}

Test(listen_spec, what_is_wrong_is_told_with_the_spec)
{
    static const struct {
        const char *text, *expected;
    } table[] = {
        {"", "'': this is no address"},
        {"8080", "'8080': this is no address to listen on: write HOST:PORT"},
        {"a:65536", "'a:65536': this is no address"},
        {"a:b", "no address"},
        {"::1:80", "no address"},
        {"a:1,", "'a:1,': behind the address come"},
        {"a:1,TLS", "behind the address come"},
        {"a:1, tls", "behind the address come"},
        {"a:1,tls,tls", "twice"},
        {"a:1,mode=0600", "only a Unix socket has a mode"},
        {"unix:", "the path of a Unix socket has 1 to 107 bytes"},
        {"unix:,tls", "1 to 107 bytes"},
        {"unix:/a,mode=", "octal digits"},
        {"unix:/a,mode=0888", "octal digits"},
        {"unix:/a,mode=1777", "octal digits"},
        {"unix:/a,mode=00660", "octal digits"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct listen_spec spec;
        cr_expect_lt(listen_spec_parse(&spec, slice_of(table[i].text), error, sizeof(error)), 0,
                     "%s", table[i].text);
        cr_expect_not_null(strstr(error, table[i].expected), "%s: %s", table[i].text, error);
    }
}

Test(listen_spec, lengths)
{
    char text[2 * LISTEN_PLACE_SIZE];
    struct listen_spec spec;
    for (int length = 1; length < 2 * LISTEN_PATH_SIZE; length++) {
        int written = snprintf(text, sizeof(text), "unix:%0*d,tls", length, 0);
        cr_assert_gt(written, 0);
        bool fits = listen_spec_parse(&spec, slice_of(text), error, sizeof(error)) == 0;
        cr_assert_eq(fits, length < LISTEN_PATH_SIZE, "%d", length);
        cr_assert(!fits || strlen(spec.place) == (size_t)length);
    }
    memset(text, 'a', sizeof(text) - 1);
    memcpy(text + sizeof(text) - 5, ":80", 4);
    cr_assert_lt(listen_spec_parse(&spec, slice_of(text), error, sizeof(error)), 0);
    cr_assert_lt(listen_spec_parse(&spec, slice_from("a\0:80", 5), error, sizeof(error)), 0);
}
