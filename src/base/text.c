#include "base/text.h"

bool text_parse_u64(struct slice text, uint64_t *value)
{
    if (text.length == 0) {
        return false;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < text.length; i++) {
        uint8_t digit = (uint8_t)(text.at[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(sum, UINT64_C(10), &sum) ||
            __builtin_add_overflow(sum, (uint64_t)digit, &sum)) {
            return false;
        }
    }
    *value = sum;
    return true;
}

bool text_parse_u64_max(struct slice text, uint64_t maximum, uint64_t *value)
{
    uint64_t parsed;
    if (!text_parse_u64(text, &parsed) || parsed > maximum) {
        return false;
    }
    *value = parsed;
    return true;
}

bool text_is_blank(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = text.at[i];
        if (byte != ' ' && byte != '\t' && byte != '\r' && byte != '\n') {
            return false;
        }
    }
    return true;
}

int text_hex_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return -1;
}

// Cuts the digits that *rest begins with off and parses them.
static bool text_take_number(struct slice *rest, uint64_t *value)
{
    size_t digits = 0;
    while (digits < rest->length && rest->at[digits] >= '0' && rest->at[digits] <= '9') {
        digits++;
    }
    struct slice number = slice_first(*rest, digits);
    *rest = slice_after(*rest, digits);
    return text_parse_u64(number, value);
}

bool text_parse_thousandths(struct slice text, uint64_t *thousandths)
{
    uint64_t whole;
    if (!text_take_number(&text, &whole) || __builtin_mul_overflow(whole, UINT64_C(1000), &whole)) {
        return false;
    }
    if (text.length > 0) {
        uint64_t fraction;
        struct slice digits = slice_after(text, 1);
        if (text.at[0] != '.' || digits.length > 3 || !text_parse_u64(digits, &fraction)) {
            return false;
        }
        for (size_t i = digits.length; i < 3; i++) {
            fraction *= 10;
        }
        if (__builtin_add_overflow(whole, fraction, &whole)) {
            return false;
        }
    }
    *thousandths = whole;
    return true;
}

struct text_unit {
    const char *name;
    uint64_t factor;
};

bool text_parse_size(struct slice text, uint64_t *bytes)
{
    static const struct text_unit units[] = {
        {"", 1},
        {"B", 1},
        {"K", UINT64_C(1) << 10},
        {"KiB", UINT64_C(1) << 10},
        {"kB", 1000},
        {"M", UINT64_C(1) << 20},
        {"MiB", UINT64_C(1) << 20},
        {"MB", 1000 * 1000},
        {"G", UINT64_C(1) << 30},
        {"GiB", UINT64_C(1) << 30},
        {"GB", 1000 * 1000 * 1000},
        {"T", UINT64_C(1) << 40},
        {"TiB", UINT64_C(1) << 40},
        {"TB", UINT64_C(1000) * 1000 * 1000 * 1000},
    };
    uint64_t count;
    if (!text_take_number(&text, &count)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        uint64_t product;
        if (slice_equal_ignoring_case(text, slice_of(units[i].name))) {
            if (__builtin_mul_overflow(count, units[i].factor, &product)) {
                return false;
            }
            *bytes = product;
            return true;
        }
    }
    return false;
}

// The unit that *rest begins with, cut off; or NULL. "ms" stands before "m", which it begins with.
static const struct text_unit *text_take_duration_unit(struct slice *rest)
{
    static const struct text_unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 24 * 3600 * 1000},
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct slice name = slice_of(units[i].name);
        if (slice_starts_with(*rest, name)) {
            *rest = slice_after(*rest, name.length);
            return &units[i];
        }
    }
    return NULL;
}

bool text_parse_duration(struct slice text, uint64_t *milliseconds)
{
    if (slice_equal_text(text, "0")) {
        *milliseconds = 0;
        return true;
    }
    uint64_t sum = 0;
    uint64_t factor_last = UINT64_MAX;
    do {
        uint64_t count;
        if (!text_take_number(&text, &count)) {
            return false;
        }
        const struct text_unit *unit = text_take_duration_unit(&text);
        if (unit == NULL || unit->factor >= factor_last) {
            return false;
        }
        factor_last = unit->factor;
        if (__builtin_mul_overflow(count, unit->factor, &count) ||
            __builtin_add_overflow(sum, count, &sum)) {
            return false;
        }
    } while (text.length > 0);
    *milliseconds = sum;
    return true;
}

size_t text_format_u64(uint64_t value, char into[TEXT_U64_BYTES_MAX])
{
    char digits[TEXT_U64_BYTES_MAX];
    size_t start = sizeof(digits);
    do {
        digits[--start] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    memcpy(into, digits + start, sizeof(digits) - start);
    return sizeof(digits) - start;
}

// Names of flags and commands are shorter; a longer one is near to nothing.
#define TEXT_NEAREST_BYTES_MAX 63

static size_t least(size_t one, size_t other)
{
    return one < other ? one : other;
}

// Edits between two texts of at most TEXT_NEAREST_BYTES_MAX bytes (optimal string alignment). rows
// are the last three of the usual table, [i % 3][j]: edits from i bytes of one to j of the other.
static size_t text_distance(struct slice one, struct slice other)
{
    size_t rows[3][TEXT_NEAREST_BYTES_MAX + 1];
    for (size_t j = 0; j <= other.length; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= one.length; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= other.length; j++) {
            size_t replaced = above[j - 1] + (one.at[i - 1] != other.at[j - 1]);
            row[j] = least(replaced, least(above[j], row[j - 1]) + 1);
            bool is_swapped = i > 1 && j > 1 && one.at[i - 1] == other.at[j - 2] &&
                              one.at[i - 2] == other.at[j - 1];
            if (is_swapped) {
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
            }
        }
    }
    return rows[one.length % 3][other.length];
}

const char *text_nearest(struct slice given, const char *const *names, size_t count)
{
    if (given.length > TEXT_NEAREST_BYTES_MAX) {
        return NULL;
    }
    size_t allowed = given.length / 3 > 1 ? given.length / 3 : 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        struct slice name = slice_of(names[i]);
        if (name.length > TEXT_NEAREST_BYTES_MAX) {
            continue;
        }
        size_t distance = text_distance(given, name);
        if (distance <= allowed && distance < name.length) {
            nearest = names[i];
            if (distance == 0) {
                break;
            }
            allowed = distance - 1; // only a nearer one replaces it
        }
    }
    return nearest;
}
