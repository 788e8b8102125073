// layer: http
// X-Forwarded-For and Forwarded: whatever clients wrote before, what the last proxy adds counts.
#include "http/forwarded.h"

#include "base/assert.h"

#include <string.h>

enum { FIELD_MAX = 2 << 10 };

static void check(enum http_forwarded form, struct slice field, const char *added)
{
    struct ip_ranges trusted = {.count = 0};
    ASSERT(ip_ranges_add(&trusted, slice_of("10.0.0.0/8")) == NULL);
    struct ip ip = {.family = 0};
    uint16_t port = 0;
    if (http_forwarded_client(form, field, &trusted, &ip, &port) == HTTP_CLIENT_KNOWN) {
        ASSERT(ip.family != 0);
    }
    static uint8_t longer[FIELD_MAX + 64];
    size_t length = field.length < FIELD_MAX ? field.length : FIELD_MAX;
    memcpy(longer, field.at, length);
    memcpy(longer + length, added, strlen(added));
    struct ip expected;
    ASSERT(ip_parse(&expected, slice_of("192.0.2.7")));
    ASSERT(http_forwarded_client(form, slice_from(longer, length + strlen(added)), &trusted, &ip,
                                 &port) == HTTP_CLIENT_KNOWN);
    ASSERT(ip_equal(&ip, &expected) && port == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice field = slice_from(data, size);
    check(HTTP_FORWARDED_X, field, ", 192.0.2.7, 10.0.0.1");
    check(HTTP_FORWARDED_RFC, field, ", for=192.0.2.7, for=10.0.0.1;by=\"a,b\"");
    return 0;
}
