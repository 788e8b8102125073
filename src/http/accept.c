#include "http/accept.h"

enum { QUALITY_MAX = 1000 };

// weight = "q=" qvalue with at most three decimals (RFC 9110 section 12.4.2). What is none of that
// counts as 1, as if it were not there.
static unsigned quality_parse(struct slice text)
{
    if (text.length == 0 || text.length > 5 || (text.at[0] != '0' && text.at[0] != '1') ||
        (text.length > 1 && text.at[1] != '.')) {
        return QUALITY_MAX;
    }
    unsigned quality = text.at[0] == '1' ? QUALITY_MAX : 0;
    unsigned scale = QUALITY_MAX / 10;
    for (size_t i = 2; i < text.length; i++, scale /= 10) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return QUALITY_MAX;
        }
        quality += scale * (unsigned)(text.at[i] - '0');
    }
    return quality > QUALITY_MAX ? QUALITY_MAX : quality;
}

// How precisely a range matches the type: 0 not at all, 1 by */*, 2 by its type, 3 wholly.
static unsigned range_precision(struct slice range, struct slice type)
{
    if (slice_equal_text(range, "*/*")) {
        return 1;
    }
    if (slice_equal_ignoring_case(range, type)) {
        return 3;
    }
    size_t kind_length = slice_find(type, '/') + 1;
    bool is_any_subtype = range.length == kind_length + 1 && range.at[kind_length] == '*';
    return is_any_subtype && slice_equal_ignoring_case(slice_first(range, kind_length),
                                                       slice_first(type, kind_length))
               ? 2
               : 0;
}

// The next part before `separator`, which does not count inside a quoted string.
static struct slice part_next(struct slice *rest, uint8_t separator)
{
    bool is_quoted = false;
    size_t at = 0;
    for (; at < rest->length; at++) {
        uint8_t byte = rest->at[at];
        if (byte == '"') {
            is_quoted = !is_quoted;
        } else if (is_quoted && byte == '\\') {
            at++;
        } else if (!is_quoted && byte == separator) {
            struct slice part = slice_first(*rest, at);
            *rest = slice_after(*rest, at + 1);
            return slice_trim(part);
        }
    }
    struct slice part = *rest;
    *rest = slice_empty();
    return slice_trim(part);
}

unsigned http_accept_quality(struct slice accept, const char *media_type)
{
    struct slice type = slice_of(media_type);
    if (slice_trim(accept).length == 0) {
        return QUALITY_MAX;
    }
    unsigned best_precision = 0;
    unsigned best_quality = 0;
    while (accept.length > 0) {
        struct slice element = part_next(&accept, ',');
        unsigned precision = range_precision(part_next(&element, ';'), type);
        unsigned quality = QUALITY_MAX;
        while (element.length > 0) {
            struct slice parameter = part_next(&element, ';');
            if (parameter.length >= 2 && (parameter.at[0] | 0x20) == 'q' &&
                parameter.at[1] == '=') {
                quality = quality_parse(slice_after(parameter, 2));
            }
        }
        if (precision > best_precision || (precision == best_precision && quality > best_quality)) {
            best_precision = precision;
            best_quality = quality;
        }
    }
    return best_precision == 0 ? 0 : best_quality;
}
