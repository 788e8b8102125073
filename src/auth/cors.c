#include "auth/cors.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <stdio.h>

enum {
    SCHEME_BYTES_MAX = 32,
    HOST_BYTES_MAX = 253,
    PORT_MAX = 65535,
    QUOTED_BYTES_MAX = 128, // of an origin in a fault
};

static bool is_lower(uint8_t byte)
{
    return byte >= 'a' && byte <= 'z';
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_scheme(struct slice scheme)
{
    for (size_t i = 0; i < scheme.length; i++) {
        uint8_t byte = scheme.at[i];
        bool is_later = is_digit(byte) || byte == '+' || byte == '-' || byte == '.';
        if (!is_lower(byte) && (i == 0 || !is_later)) {
            return false;
        }
    }
    return scheme.length >= 1 && scheme.length <= SCHEME_BYTES_MAX;
}

static bool is_name(struct slice host)
{
    for (size_t i = 0; i < host.length; i++) {
        uint8_t byte = host.at[i];
        if (!is_lower(byte) && !is_digit(byte) && byte != '.' && byte != '-' && byte != '_') {
            return false;
        }
    }
    return host.length >= 1 && host.length <= HOST_BYTES_MAX;
}

// In square brackets.
static bool is_ipv6(struct slice host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (host.length < 2 || host.length - 2 >= sizeof(text) || host.at[host.length - 1] != ']') {
        return false;
    }
    size_t length = host.length - 2;
    memcpy(text, host.at + 1, length);
    text[length] = '\0';
    if (strspn(text, "0123456789abcdef:.") != length) {
        return false;
    }
    return inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_usual_port(struct slice scheme, struct slice port)
{
    return (slice_equal_text(scheme, "https") && slice_equal_text(port, "443")) ||
           (slice_equal_text(scheme, "http") && slice_equal_text(port, "80"));
}

// Where the port's colon is; the length where there is none.
static size_t find_port(struct slice authority)
{
    size_t bracket = slice_find(authority, ']');
    size_t from = bracket < authority.length ? bracket : 0;
    return from + slice_find(slice_after(authority, from), ':');
}

// What is wrong with it; NULL: nothing.
static const char *fault_of(struct slice origin)
{
    if (slice_equal_text(origin, "*")) {
        return "would let every page on the internet act as the person who looks at it; name each "
               "origin";
    }
    if (slice_equal_text(origin, "null")) {
        return "is what any sandboxed page sends; name the origin";
    }
    size_t colon = slice_find(origin, ':');
    struct slice scheme = slice_first(origin, colon);
    struct slice rest = slice_after(origin, colon);
    static const struct slice separator = SLICE_LITERAL("://");
    if (!is_scheme(scheme) || !slice_starts_with(rest, separator)) {
        return "does not begin with a scheme in lower case, as in https://example.org";
    }
    struct slice authority = slice_after(rest, separator.length);
    if (slice_find(authority, '/') < authority.length) {
        return "goes on behind the host; write scheme://host or scheme://host:port";
    }
    if (slice_find(authority, '@') < authority.length) {
        return "holds a user, which no origin does";
    }
    if (slice_find(authority, '*') < authority.length) {
        return "holds a '*'; origins are compared as they stand, so name each";
    }
    size_t port_at = find_port(authority);
    struct slice host = slice_first(authority, port_at);
    bool is_bracketed = host.length > 0 && host.at[0] == '[';
    if (is_bracketed ? !is_ipv6(host) : !is_name(host)) {
        return "has no valid host; write it in lower case, other alphabets as xn--";
    }
    if (port_at == authority.length) {
        return NULL;
    }
    struct slice port = slice_after(authority, port_at + 1);
    uint64_t number = 0;
    if (!text_parse_u64_max(port, PORT_MAX, &number) || number == 0 || port.at[0] == '0') {
        return "has no valid port";
    }
    return is_usual_port(scheme, port) ? "names the scheme's usual port, which browsers leave out"
                                       : NULL;
}

bool cors_origins_parse(struct cors_origins *origins, struct slice text,
                        char fault[CORS_FAULT_BYTES])
{
    origins->count = 0;
    while (text.at != NULL) {
        struct slice origin = slice_trim(slice_split(&text, ','));
        if (origin.length == 0 || cors_origins_have(origins, origin)) {
            continue;
        }
        const char *problem = fault_of(origin);
        if (problem != NULL) {
            struct slice quoted = slice_first(
                origin, origin.length < QUOTED_BYTES_MAX ? origin.length : QUOTED_BYTES_MAX);
            (void)snprintf(fault, CORS_FAULT_BYTES, "'" SLICE_FORMAT "' %s",
                           SLICE_ARGUMENTS(quoted), problem);
            return false;
        }
        if (origins->count == CORS_ORIGINS_MAX) {
            (void)snprintf(fault, CORS_FAULT_BYTES, "more than %d origins", CORS_ORIGINS_MAX);
            return false;
        }
        origins->origins[origins->count++] = origin;
    }
    return true;
}

bool cors_origins_have(const struct cors_origins *origins, struct slice origin)
{
    for (uint32_t i = 0; i < origins->count; i++) {
        if (slice_equal(origins->origins[i], origin)) {
            return true;
        }
    }
    return false;
}

enum cors_verdict cors_judge(const struct cors_origins *origins, bool is_required, bool has_origin,
                             struct slice origin)
{
    if (!has_origin) {
        return is_required ? CORS_MISSING : CORS_NO_ORIGIN;
    }
    return cors_origins_have(origins, origin) ? CORS_ALLOWED : CORS_FOREIGN;
}
