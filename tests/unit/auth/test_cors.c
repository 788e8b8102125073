#include "auth/cors.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct cors_origins parse(const char *text)
{
    struct cors_origins origins;
    char fault[CORS_FAULT_BYTES] = "";
    cr_assert(cors_origins_parse(&origins, slice_of(text), fault), "%s: %s", text, fault);
    return origins;
}

static void refuse(const char *text, const char *expected)
{
    struct cors_origins origins;
    char fault[CORS_FAULT_BYTES] = "";
    cr_assert_not(cors_origins_parse(&origins, slice_of(text), fault), "%s", text);
    cr_assert_not_null(strstr(fault, expected), "%s: %s", text, fault);
}

Test(cors, reads_a_list)
{
    struct cors_origins origins = parse(" https://a.example,http://localhost:3000 ,, ");
    cr_assert_eq(origins.count, 2);
    cr_assert(cors_origins_have(&origins, slice_of("https://a.example")));
    cr_assert(cors_origins_have(&origins, slice_of("http://localhost:3000")));
    cr_assert_eq(parse("").count, 0);
    cr_assert_eq(parse("https://a,https://a").count, 1, "twice is once");
}

Test(cors, what_browsers_send_is_accepted)
{
    static const char *const good[] = {
        "https://example.org",
        "http://127.0.0.1:8080",
        "http://[::1]:3000",
        "https://[2001:db8::1]",
        "https://xn--bcher-kva.de",
        "http://my_host",
        "capacitor://localhost",
        "chrome-extension://abcdefgh",
        "https://a.b.c.d.example:65535",
        "http://example.org:443",
        "https://example.org:80",
        "tauri+x://localhost",
        "https://sub.example.org",
        "https://1.2.3.4",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        cr_assert_eq(parse(good[i]).count, 1, "%s", good[i]);
    }
}

Test(cors, what_would_never_match_or_match_too_much_is_refused)
{
    static const struct {
        const char *text;
        const char *fault;
    } bad[] = {
        {"*", "every page"},
        {"https://a.example, *", "every page"},
        {"null", "sandboxed"},
        {"https://*.example.org", "'*'"},
        {"example.org", "scheme"},
        {"//example.org", "scheme"},
        {"HTTPS://example.org", "scheme"},
        {"https:example.org", "scheme"},
        {"https:/example.org", "scheme"},
        {"1https://example.org", "scheme"},
        {"https://example.org/", "behind the host"},
        {"https://example.org/path", "behind the host"},
        {"https://user@example.org", "user"},
        {"https://Example.org", "host"},
        {"https://", "host"},
        {"https://:80", "host"},
        {"https://b\xc3\xbc"
         "cher.de",
         "host"},
        {"https://a b", "host"},
        {"https://a\r\nX: y", "host"},
        {"https://example.org?", "host"},
        {"https://[::1", "host"},
        {"https://[::1]x", "host"},
        {"https://[::G]", "host"},
        {"https://[::AB]", "host"},
        {"https://[]", "host"},
        {"https://[fe80::1%eth0]", "host"},
        {"https://::1", "host"},
        {"https://a:0", "port"},
        {"https://a:", "port"},
        {"https://a:65536", "port"},
        {"https://a:08", "port"},
        {"https://a:+8", "port"},
        {"https://a:443", "usual port"},
        {"http://a:80", "usual port"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refuse(bad[i].text, bad[i].fault);
    }
}

Test(cors, a_list_is_bounded)
{
    static char text[64 * (CORS_ORIGINS_MAX + 1)];
    size_t used = 0;
    for (int i = 0; i < CORS_ORIGINS_MAX; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "http://h%d,", i);
    }
    cr_assert_eq(parse(text).count, CORS_ORIGINS_MAX);
    (void)snprintf(text + used, sizeof(text) - used, "http://more");
    refuse(text, "more than 256");
}

Test(cors, compares_byte_by_byte)
{
    struct cors_origins origins = parse("https://example.org,http://localhost:3000");
    static const char *const foreign[] = {
        "",
        "null",
        "*",
        "https://example.or",
        "https://example.org.evil.example",
        "https://evilexample.org",
        "http://example.org",
        "https://example.org:8443",
        "https://EXAMPLE.org",
        "https://example.org,http://localhost:3000",
        "http://localhost",
        "https://example.org ",
    };
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        cr_assert_not(cors_origins_have(&origins, slice_of(foreign[i])), "%s", foreign[i]);
    }
}

Test(cors, judges)
{
    struct cors_origins some = parse("https://a");
    struct cors_origins none = parse("");
    struct slice a = slice_of("https://a");
    cr_assert_eq(cors_judge(&some, false, true, a), CORS_ALLOWED);
    cr_assert_eq(cors_judge(&some, true, true, a), CORS_ALLOWED);
    cr_assert_eq(cors_judge(&some, false, true, slice_of("https://b")), CORS_FOREIGN);
    cr_assert_eq(cors_judge(&none, false, true, a), CORS_FOREIGN);
    cr_assert_eq(cors_judge(&none, false, true, slice_empty()), CORS_FOREIGN,
                 "an empty one is one");
    cr_assert_eq(cors_judge(&some, false, false, slice_empty()), CORS_NO_ORIGIN);
    cr_assert_eq(cors_judge(&some, true, false, slice_empty()), CORS_MISSING);
    cr_assert_eq(cors_judge(&none, true, false, slice_empty()), CORS_MISSING);
}
