#include "http/forwarded.h"

#include "base/assert.h"

#include <sys/socket.h>

enum { PORT_DIGITS_MAX = 5 };

// --- one that is named: an address, with or without a port ---

// What follows the address: nothing, or a port, which may be hidden. False: something else.
static bool read_port(struct slice rest, uint16_t *port)
{
    *port = 0;
    if (rest.length == 0) {
        return true;
    }
    if (rest.at[0] != ':' || rest.length == 1) {
        return false;
    }
    rest = slice_after(rest, 1);
    if (rest.at[0] == '_') {
        return true;
    }
    uint32_t value = 0;
    for (size_t i = 0; i < rest.length; i++) {
        if (rest.at[i] < '0' || rest.at[i] > '9' || i == PORT_DIGITS_MAX) {
            return false;
        }
        value = value * 10 + (uint32_t)(rest.at[i] - '0');
    }
    *port = (uint16_t)value;
    return value <= UINT16_MAX;
}

static enum http_client read_node(struct slice node, bool may_be_bare, struct ip *ip,
                                  uint16_t *port)
{
    static const struct slice unknown = SLICE_LITERAL("unknown");
    *port = 0;
    size_t colon = slice_find(node, ':');
    if (node.length > 0 &&
        (node.at[0] == '_' || slice_equal_ignoring_case(slice_first(node, colon), unknown))) {
        return HTTP_CLIENT_UNKNOWN;
    }
    struct slice address = slice_first(node, colon);
    struct slice rest = slice_after(node, colon);
    if (node.length > 0 && node.at[0] == '[') {
        size_t end = slice_find(node, ']');
        if (end == node.length) {
            return HTTP_CLIENT_MALFORMED;
        }
        address = slice_after(slice_first(node, end), 1);
        rest = slice_after(node, end + 1);
        may_be_bare = slice_find(address, ':') < address.length; // no IPv4 stands in brackets
    } else if (rest.length > 0 && slice_find(slice_after(rest, 1), ':') < rest.length - 1) {
        address = node; // IPv6 as it stands
        rest = slice_empty();
    } else {
        may_be_bare = true;
    }
    bool is_read = may_be_bare && ip_parse(ip, address) && read_port(rest, port);
    return is_read ? HTTP_CLIENT_KNOWN : HTTP_CLIENT_MALFORMED;
}

// --- Forwarded: pairs with semicolons between, values that may be quoted ---

// Whether the quotation mark at this place stands behind an odd number of backslashes.
static bool is_escaped(struct slice text, size_t at)
{
    size_t backslashes = 0;
    while (backslashes < at && text.at[at - backslashes - 1] == '\\') {
        backslashes++;
    }
    return backslashes % 2 == 1;
}

// Where the last element begins.
static size_t last_element(struct slice field, bool has_quotes)
{
    bool is_quoted = false;
    size_t at = field.length;
    for (; at > 0; at--) {
        uint8_t byte = field.at[at - 1];
        if (byte == '"' && has_quotes && !(is_quoted && is_escaped(field, at - 1))) {
            is_quoted = !is_quoted;
        } else if (byte == ',' && !is_quoted) {
            break;
        }
    }
    return at;
}

// Cuts the first pair off an element.
static struct slice next_pair(struct slice *rest)
{
    bool is_quoted = false;
    size_t at = 0;
    for (; at < rest->length && (is_quoted || rest->at[at] != ';'); at++) {
        if (rest->at[at] == '"' && !(is_quoted && is_escaped(*rest, at))) {
            is_quoted = !is_quoted;
        }
    }
    struct slice pair = slice_first(*rest, at);
    *rest = at < rest->length ? slice_after(*rest, at + 1) : slice_empty();
    return slice_trim(pair);
}

// Without the marks around it. False: it has but one of them, or what an address has not.
static bool unquote(struct slice *value)
{
    if (value->length == 0 || value->at[0] != '"') {
        return true;
    }
    if (value->length < 2 || value->at[value->length - 1] != '"') {
        return false;
    }
    *value = slice_after(slice_first(*value, value->length - 1), 1);
    return slice_find(*value, '"') == value->length && slice_find(*value, '\\') == value->length;
}

static enum http_client read_element(struct slice element, struct ip *ip, uint16_t *port)
{
    static const struct slice name_of_for = SLICE_LITERAL("for");
    enum http_client found = HTTP_CLIENT_UNKNOWN;
    bool has_for = false;
    while (element.length > 0) {
        struct slice value = next_pair(&element);
        struct slice name = slice_split(&value, '=');
        if (name.length == 0 && value.at == NULL) {
            continue;
        }
        if (value.at == NULL) {
            return HTTP_CLIENT_MALFORMED;
        }
        if (slice_equal_ignoring_case(name, name_of_for)) {
            if (has_for || !unquote(&value)) {
                return HTTP_CLIENT_MALFORMED;
            }
            has_for = true;
            found = read_node(value, false, ip, port);
        }
    }
    return found;
}

enum http_client http_forwarded_client(enum http_forwarded form, struct slice field,
                                       const struct ip_ranges *trusted, struct ip *client,
                                       uint16_t *port)
{
    ASSERT(form != HTTP_FORWARDED_NOT);
    bool is_rfc = form == HTTP_FORWARDED_RFC;
    enum http_client found = HTTP_CLIENT_UNKNOWN;
    while (field.length > 0) {
        size_t at = last_element(field, is_rfc);
        struct slice element = slice_trim(slice_after(field, at));
        field = slice_first(field, at == 0 ? 0 : at - 1);
        if (element.length == 0) {
            continue;
        }
        struct ip ip;
        uint16_t ip_port = 0;
        found =
            is_rfc ? read_element(element, &ip, &ip_port) : read_node(element, true, &ip, &ip_port);
        if (found != HTTP_CLIENT_KNOWN) {
            return found;
        }
        *client = ip;
        *port = ip_port;
        if (!ip_ranges_have(trusted, &ip)) {
            break;
        }
    }
    return found;
}
