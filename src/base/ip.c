#include "base/ip.h"

#include "base/assert.h"

#include <arpa/inet.h>
#include <string.h>

enum {
    IPV4_BYTES = 4,
    IPV6_BYTES = 16,
    MAPPED_BYTES = 12, // before the IPv4 address
    BITS_DIGITS_MAX = 3,
};

static const uint8_t mapped[MAPPED_BYTES] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct ip ip_of(int family, const uint8_t *bytes)
{
    struct ip ip = {.family = 0};
    if (family == AF_INET6 && memcmp(bytes, mapped, MAPPED_BYTES) == 0) {
        family = AF_INET;
        bytes += MAPPED_BYTES;
    }
    if (family == AF_INET || family == AF_INET6) {
        ip.family = (uint8_t)family;
        memcpy(ip.bytes, bytes, family == AF_INET ? IPV4_BYTES : IPV6_BYTES);
    }
    return ip;
}

bool ip_parse(struct ip *ip, struct slice text)
{
    char terminated[INET6_ADDRSTRLEN];
    uint8_t bytes[IPV6_BYTES];
    *ip = (struct ip){.family = 0};
    if (text.length == 0 || text.length >= sizeof(terminated)) {
        return false;
    }
    memcpy(terminated, text.at, text.length);
    terminated[text.length] = 0;
    if (strlen(terminated) != text.length) {
        return false;
    }
    int family = strchr(terminated, ':') == NULL ? AF_INET : AF_INET6;
    if (inet_pton(family, terminated, bytes) == 1) {
        *ip = ip_of(family, bytes);
    }
    return ip->family != 0;
}

bool ip_equal(const struct ip *one, const struct ip *other)
{
    return one->family == other->family && memcmp(one->bytes, other->bytes, IPV6_BYTES) == 0;
}

static bool shares_bits(const struct ip *one, const struct ip *other, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;
    return memcmp(one->bytes, other->bytes, whole) == 0 &&
           (rest == 0 || (one->bytes[whole] ^ other->bytes[whole]) >> (8 - rest) == 0);
}

static bool parse_bits(struct slice text, unsigned bits_max, unsigned *bits)
{
    *bits = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || i == BITS_DIGITS_MAX) {
            return false;
        }
        *bits = *bits * 10 + (unsigned)(text.at[i] - '0');
    }
    return text.length > 0 && *bits <= bits_max;
}

const char *ip_ranges_add(struct ip_ranges *ranges, struct slice text)
{
    struct slice rest = text;
    struct slice address = slice_split(&rest, '/');
    struct ip_range range = {.bits = 0};
    if (!ip_parse(&range.first, address)) {
        return "write an address with or without how many of its bits count, as 192.0.2.7, "
               "10.0.0.0/8 or 2001:db8::/32";
    }
    unsigned bits_max = range.first.family == AF_INET ? 8 * IPV4_BYTES : 8 * IPV6_BYTES;
    unsigned bits = bits_max;
    if (rest.at != NULL && !parse_bits(rest, bits_max, &bits)) {
        return "behind the slash stands how many bits of the address count, up to 32 of IPv4 and "
               "128 of IPv6";
    }
    struct ip first = {.family = range.first.family};
    for (unsigned i = 0; i < IPV6_BYTES; i++) {
        unsigned kept = bits >= 8 * (i + 1) ? 8 : bits <= 8 * i ? 0 : bits - 8 * i;
        first.bytes[i] = (uint8_t)(range.first.bytes[i] & (0xff00U >> kept));
    }
    if (!ip_equal(&first, &range.first)) {
        return "the address has more bits than count; those behind them must be 0";
    }
    if (ranges->count == IP_RANGES_MAX) {
        return "there are more than 64 ranges";
    }
    range.bits = (uint8_t)bits;
    ranges->each[ranges->count++] = range;
    return NULL;
}

bool ip_ranges_have(const struct ip_ranges *ranges, const struct ip *ip)
{
    for (uint32_t i = 0; i < ranges->count; i++) {
        const struct ip_range *range = &ranges->each[i];
        if (ip->family == range->first.family && shares_bits(ip, &range->first, range->bits)) {
            return true;
        }
    }
    return false;
}
