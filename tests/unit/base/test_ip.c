#include "base/ip.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct ip parsed(const char *text)
{
    struct ip ip;
    cr_assert(ip_parse(&ip, slice_of(text)), "%s", text);
    return ip;
}

Test(ip, addresses)
{
    cr_expect_eq(parsed("192.0.2.1").family, AF_INET);
    cr_expect_eq(parsed("::1").family, AF_INET6);
    struct ip plain = parsed("192.0.2.1");
    struct ip mapped = parsed("::ffff:192.0.2.1");
    struct ip other = parsed("::fffe:192.0.2.1");
    cr_expect(ip_equal(&plain, &mapped));
    cr_expect(!ip_equal(&plain, &other));
    static const char *const wrong[] = {
        "",          "1",         "1.2.3",    "1.2.3.4.5",
        "256.1.1.1", " 1.2.3.4",  "01.2.3.4", "::1%lo",
        "[::1]",     "1.2.3.4/8", ":::",      "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct ip ip;
        cr_expect(!ip_parse(&ip, slice_of(wrong[i])), "%s", wrong[i]);
        cr_expect_eq(ip.family, 0);
    }
    struct ip ip;
    cr_expect(!ip_parse(&ip, slice_from("1.2.3.4\0", 8)));
}

Test(ip, ranges)
{
    static const struct {
        const char *range, *in, *out;
    } table[] = {
        {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
        {"192.0.2.128/25", "192.0.2.255", "192.0.2.127"},
        {"192.0.2.6/31", "192.0.2.7", "192.0.2.8"},
        {"192.0.2.7", "192.0.2.7", "192.0.2.6"},
        {"192.0.2.7", "::ffff:192.0.2.7", "::192.0.2.7"},
        {"0.0.0.0/0", "255.255.255.255", "::"},
        {"::/0", "2001:db8::1", "1.2.3.4"},
        {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"},
        {"2001:db8::1/128", "2001:db8::1", "2001:db8::3"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct ip_ranges ranges = {.count = 0};
        const char *fault = ip_ranges_add(&ranges, slice_of(table[i].range));
        cr_assert_null(fault, "%s: %s", table[i].range, fault);
        struct ip in = parsed(table[i].in);
        struct ip out = parsed(table[i].out);
        cr_expect(ip_ranges_have(&ranges, &in), "%s %s", table[i].range, table[i].in);
        cr_expect(!ip_ranges_have(&ranges, &out), "%s %s", table[i].range, table[i].out);
    }
}

Test(ip, ranges_that_are_wrong)
{
    static const struct {
        const char *range, *fault;
    } table[] = {
        {"", "write an address"},
        {"a/8", "write an address"},
        {"10.0.0.0/", "behind the slash"},
        {"10.0.0.0/33", "behind the slash"},
        {"::/129", "behind the slash"},
        {"10.0.0.0/-1", "behind the slash"},
        {"10.0.0.0/8 ", "behind the slash"},
        {"10.0.0.0/0008", "behind the slash"},
        {"10.0.0.1/8", "more bits than count"},
        {"2001:db8::1/127", "more bits than count"},
    };
    struct ip_ranges ranges = {.count = 0};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *fault = ip_ranges_add(&ranges, slice_of(table[i].range));
        cr_assert_not_null(fault, "%s", table[i].range);
        cr_expect_not_null(strstr(fault, table[i].fault), "%s: %s", table[i].range, fault);
    }
    cr_assert_eq(ranges.count, 0);
    for (int i = 0; i < IP_RANGES_MAX; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "10.0.0.%d", i);
        cr_assert_null(ip_ranges_add(&ranges, slice_of(text)));
    }
    cr_assert_not_null(ip_ranges_add(&ranges, slice_of("10.0.1.0")));
}
