// Addresses of the Internet and ranges of them. An IPv4 address inside IPv6 (::ffff:192.0.2.1) is
// the IPv4 address. Any thread.
#ifndef RINGCAST_BASE_IP_H
#define RINGCAST_BASE_IP_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct ip {
    uint8_t family;    // AF_INET or AF_INET6; 0: none
    uint8_t bytes[16]; // IPv4 in the first 4, the others 0
};

// Of a family with its 4 or 16 bytes, in network order; none for other families.
struct ip ip_of(int family, const uint8_t *bytes);
// "192.0.2.1", "2001:db8::1". False: it is no address; *ip is none.
bool ip_parse(struct ip *ip, struct slice text);
bool ip_equal(const struct ip *one, const struct ip *other);

enum { IP_RANGES_MAX = 64 };

struct ip_ranges {
    uint32_t count;
    struct ip_range {
        struct ip first;
        uint8_t bits; // of the address that all have in common
    } each[IP_RANGES_MAX];
};

// Adds "192.0.2.0/24", "2001:db8::/32" or one address. NULL, or half a sentence that says what is
// wrong.
const char *ip_ranges_add(struct ip_ranges *ranges, struct slice text);
bool ip_ranges_have(const struct ip_ranges *ranges, const struct ip *ip);

#endif
