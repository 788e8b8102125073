#include "http/forwarded.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct ip_ranges trusted;

static void setup(void)
{
    cr_assert_null(ip_ranges_add(&trusted, slice_of("10.0.0.0/8")));
    cr_assert_null(ip_ranges_add(&trusted, slice_of("2001:db8:1::/48")));
}

TestSuite(forwarded, .init = setup);

// "192.0.2.7 80", "unknown" or "malformed".
static const char *read_field(enum http_forwarded form, const char *field)
{
    static char text[96];
    struct ip ip;
    uint16_t port = 0;
    switch (http_forwarded_client(form, slice_of(field), &trusted, &ip, &port)) {
    case HTTP_CLIENT_UNKNOWN: return "unknown";
    case HTTP_CLIENT_MALFORMED: return "malformed";
    case HTTP_CLIENT_KNOWN: break;
    }
    char address[INET6_ADDRSTRLEN];
    (void)inet_ntop(ip.family, ip.bytes, address, sizeof(address));
    (void)snprintf(text, sizeof(text), "%s %u", address, port);
    return text;
}

struct expected {
    const char *field, *client;
};

static void check(enum http_forwarded form, const struct expected *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cr_expect_str_eq(read_field(form, table[i].field), table[i].client, "%s: %s",
                         table[i].field, read_field(form, table[i].field));
    }
}

Test(forwarded, x_forwarded_for)
{
    static const struct expected table[] = {
        {"", "unknown"},
        {" , ,", "unknown"},
        {"192.0.2.7", "192.0.2.7 0"},
        {"192.0.2.7:4711", "192.0.2.7 4711"},
        {"2001:db8::7", "2001:db8::7 0"},
        {"[2001:db8::7]", "2001:db8::7 0"},
        {"[2001:db8::7]:80", "2001:db8::7 80"},
        {"::ffff:192.0.2.7", "192.0.2.7 0"},
        {"192.0.2.7,10.1.1.1", "192.0.2.7 0"},
        {"198.51.100.1, 192.0.2.7\t,10.1.1.1, 10.2.2.2 ", "192.0.2.7 0"},
        {"192.0.2.7,2001:db8:1::5,10.0.0.1", "192.0.2.7 0"},
        {"10.3.3.3, 10.2.2.2", "10.3.3.3 0"}, // all trusted: the furthest
        {"nonsense, \"a, 192.0.2.7", "192.0.2.7 0"},
        {"nonsense, 192.0.2.7, 10.0.0.1", "192.0.2.7 0"},
        {"nonsense, 10.0.0.1", "malformed"},
        {"192.0.2.7, unknown", "unknown"},
        {"192.0.2.7, _hidden", "unknown"},
        {"192.0.2.7 10.0.0.1", "malformed"},
        {"192.0.2.7:", "malformed"},
        {"192.0.2.7:65536", "malformed"},
        {"192.0.2.7:123456", "malformed"},
        {"192.0.2.7:8a", "malformed"},
        {"[192.0.2.7]", "malformed"},
        {"[2001:db8::7", "malformed"},
        {"[2001:db8::7]80", "malformed"},
        {"2001:db8::g", "malformed"},
        {"1.2.3", "malformed"},
        {"[", "malformed"},
        {":", "malformed"},
    };
    check(HTTP_FORWARDED_X, table, sizeof(table) / sizeof(table[0]));
}

Test(forwarded, rfc_7239)
{
    static const struct expected table[] = {
        {"", "unknown"},
        {"for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60 0"},
        {"For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17 4711"},
        {"for=192.0.2.43, for=198.51.100.17", "198.51.100.17 0"},
        {"for=\"_gazonk\"", "unknown"},
        {"for=unknown", "unknown"},
        {"for=\"unknown:80\"", "unknown"},
        {"proto=https", "unknown"},
        {"for=192.0.2.7, for=10.0.0.1;by=\"a,b;c\"", "192.0.2.7 0"},
        {"for=192.0.2.7;ext=\"a\\\",b\", for=10.0.0.1", "192.0.2.7 0"},
        {"for=\"10.0.0.2:_port\",, for=10.0.0.1 ;", "10.0.0.2 0"},
        {"by=a ; for=192.0.2.7", "192.0.2.7 0"},
        {"for=\"x, for=192.0.2.7", "192.0.2.7 0"}, // what others invented is not looked at
        {"=;;, for=192.0.2.7", "192.0.2.7 0"},
        {"for=\"x, for=10.0.0.1", "malformed"},
        {"for", "malformed"},
        {"for=", "malformed"},
        {"for=\"", "malformed"},
        {"for=\"192.0.2.7", "malformed"},
        {"for=\"192.0.2.\\7\"", "malformed"},
        {"for=2001:db8::7", "malformed"},
        {"for=[2001:db8::7]x", "malformed"},
        {"for=192.0.2.7;for=192.0.2.8", "malformed"},
        {"for=192.0.2.7;nonsense", "malformed"},
    };
    check(HTTP_FORWARDED_RFC, table, sizeof(table) / sizeof(table[0]));
}
