// Numbers, booleans, dates and times: everything that stands without quotes.
#include "base/toml_reader.h"

#include <math.h>
#include <stdlib.h>

enum { SCALAR_BYTES_MAX = 128 }; // longer ones are refused: none says more than a short one

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_scalar(uint8_t byte)
{
    return is_digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           byte == '_' || byte == '+' || byte == '-' || byte == '.' || byte == ':';
}

// --- numbers ---

// Copies the number without its underscores. False: one does not stand between two digits. `into`
// has room for all of it and a NUL.
static bool drop_underscores(struct slice text, int (*is_of_base)(int), char *into)
{
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = text.at[i];
        if (byte != '_') {
            into[length++] = (char)byte;
        } else if (i == 0 || i + 1 == text.length || is_of_base(text.at[i - 1]) == 0 ||
                   is_of_base(text.at[i + 1]) == 0) {
            return false;
        }
    }
    into[length] = 0;
    return true;
}

static int is_decimal(int byte)
{
    return byte >= '0' && byte <= '9';
}

static int is_hexadecimal(int byte)
{
    return is_decimal(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

// Digits of that base without sign, all of them, into `value`; at most `maximum`.
static bool parse_digits(const char *digits, unsigned base, uint64_t maximum, uint64_t *value)
{
    uint64_t sum = 0;
    for (const char *at = digits; *at != 0; at++) {
        unsigned digit = is_decimal(*at)       ? (unsigned)(*at - '0')
                         : is_hexadecimal(*at) ? (unsigned)((*at | 0x20) - 'a') + 10
                                               : base;
        if (digit >= base || sum > (maximum - digit) / base) {
            return false;
        }
        sum = sum * base + digit;
    }
    *value = sum;
    return digits[0] != 0;
}

static bool parse_integer(struct slice text, int64_t *value)
{
    char digits[SCALAR_BYTES_MAX + 1] = {0};
    uint64_t number = 0;
    static const struct {
        const char *prefix;
        unsigned base;
    } bases[] = {{"0x", 16}, {"0o", 8}, {"0b", 2}};
    for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        if (slice_starts_with(text, slice_of(bases[i].prefix))) {
            bool is_good = drop_underscores(slice_after(text, 2), is_hexadecimal, digits) &&
                           parse_digits(digits, bases[i].base, INT64_MAX, &number);
            *value = is_good ? (int64_t)number : *value;
            return is_good;
        }
    }
    bool is_negative = text.length > 0 && text.at[0] == '-';
    bool is_signed = is_negative || (text.length > 0 && text.at[0] == '+');
    text = slice_after(text, is_signed ? 1 : 0);
    bool leads_with_zero = text.length > 1 && text.at[0] == '0';
    if (leads_with_zero || !drop_underscores(text, is_decimal, digits) ||
        !parse_digits(digits, 10, (uint64_t)INT64_MAX + (is_negative ? 1 : 0), &number)) {
        return false;
    }
    *value = is_negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

// Passes over digits, one at least.
static bool skip_digits(const char **at)
{
    const char *start = *at;
    while (is_decimal(**at)) {
        (*at)++;
    }
    return *at > start;
}

// DIGITS[.DIGITS][eDIGITS], with one of the latter two.
static bool is_float(const char *text)
{
    const char *at = text;
    at += *at == '+' || *at == '-' ? 1 : 0;
    if ((at[0] == '0' && is_decimal(at[1])) || !skip_digits(&at)) {
        return false;
    }
    bool has_point = *at == '.';
    at += has_point ? 1 : 0;
    if (has_point && !skip_digits(&at)) {
        return false;
    }
    bool has_exponent = *at == 'e' || *at == 'E';
    if (has_exponent) {
        at++;
        at += *at == '+' || *at == '-' ? 1 : 0;
        if (!skip_digits(&at)) {
            return false;
        }
    }
    return *at == 0 && (has_point || has_exponent);
}

static bool parse_float(struct slice text, double *value)
{
    char digits[SCALAR_BYTES_MAX + 1] = {0};
    bool is_signed = text.length > 0 && (text.at[0] == '+' || text.at[0] == '-');
    struct slice word = slice_after(text, is_signed ? 1 : 0);
    if (slice_equal_text(word, "inf") || slice_equal_text(word, "nan")) {
        double number = word.at[0] == 'i' ? (double)INFINITY : (double)NAN;
        *value = text.at[0] == '-' ? -number : number;
        return true;
    }
    if (!drop_underscores(text, is_decimal, digits) || !is_float(digits)) {
        return false;
    }
    *value = strtod(digits, NULL);
    return true;
}

// --- dates and times ---

// Takes `count` digits and then, where it is not 0, `behind`.
static bool take_field(struct slice *rest, size_t count, uint8_t behind, unsigned *value)
{
    if (rest->length < count + (behind != 0 ? 1 : 0)) {
        return false;
    }
    *value = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_digit(rest->at[i])) {
            return false;
        }
        *value = *value * 10 + (unsigned)(rest->at[i] - '0');
    }
    if (behind != 0 && rest->at[count] != behind) {
        return false;
    }
    *rest = slice_after(*rest, count + (behind != 0 ? 1 : 0));
    return true;
}

static bool take_date(struct slice *rest)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year = 0;
    unsigned month = 0;
    unsigned day = 0;
    if (!take_field(rest, 4, '-', &year) || !take_field(rest, 2, '-', &month) ||
        !take_field(rest, 2, 0, &day) || month < 1 || month > 12) {
        return false;
    }
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day >= 1 && day <= days[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

// hh:mm:ss and a fraction. A leap second (60) may be.
static bool take_time(struct slice *rest)
{
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
    if (!take_field(rest, 2, ':', &hour) || !take_field(rest, 2, ':', &minute) ||
        !take_field(rest, 2, 0, &second) || hour > 23 || minute > 59 || second > 60) {
        return false;
    }
    if (rest->length == 0 || rest->at[0] != '.') {
        return true;
    }
    size_t digits = 1;
    while (digits < rest->length && is_digit(rest->at[digits])) {
        digits++;
    }
    *rest = slice_after(*rest, digits);
    return digits > 1;
}

static bool is_offset(struct slice text)
{
    unsigned hour = 0;
    unsigned minute = 0;
    if (text.length == 1) {
        return text.at[0] == 'Z' || text.at[0] == 'z';
    }
    if (text.length == 0 || (text.at[0] != '+' && text.at[0] != '-')) {
        return false;
    }
    text = slice_after(text, 1);
    return take_field(&text, 2, ':', &hour) && take_field(&text, 2, 0, &minute) && hour < 24 &&
           minute < 60 && text.length == 0;
}

static bool parse_date(struct slice text, enum toml_kind *kind)
{
    struct slice rest = text;
    if (take_time(&rest)) {
        *kind = TOML_LOCAL_TIME;
        return rest.length == 0;
    }
    rest = text;
    if (!take_date(&rest)) {
        return false;
    }
    *kind = TOML_LOCAL_DATE;
    if (rest.length == 0) {
        return true;
    }
    bool is_separated = rest.at[0] == 'T' || rest.at[0] == 't' || rest.at[0] == ' ';
    rest = slice_after(rest, 1);
    if (!is_separated || !take_time(&rest)) {
        return false;
    }
    *kind = rest.length == 0 ? TOML_LOCAL_DATE_TIME : TOML_OFFSET_DATE_TIME;
    return rest.length == 0 || is_offset(rest);
}

// --- all of them ---

// The text of a scalar; a date may have a blank before its time.
static struct slice take_word(struct toml_reader *reader)
{
    enum { DATE_BYTES = 10 };
    const uint8_t *start = reader->at;
    while (is_scalar(toml_peek(reader, 0))) {
        reader->at++;
    }
    if (reader->at - start == DATE_BYTES && start[4] == '-' && toml_peek(reader, 0) == ' ' &&
        is_digit(toml_peek(reader, 1))) {
        reader->at++;
        while (is_scalar(toml_peek(reader, 0))) {
            reader->at++;
        }
    }
    return slice_from(start, (size_t)(reader->at - start));
}

static bool parse(struct slice text, struct toml_value *value)
{
    if (text.length > SCALAR_BYTES_MAX) {
        return false;
    }
    if (slice_equal_text(text, "true") || slice_equal_text(text, "false")) {
        value->kind = TOML_BOOLEAN;
        value->boolean = text.at[0] == 't';
        return true;
    }
    value->kind = TOML_INTEGER;
    if (parse_integer(text, &value->integer)) {
        return true;
    }
    value->kind = TOML_FLOAT;
    return parse_float(text, &value->number) || parse_date(text, &value->kind);
}

struct toml_value *toml_read_scalar(struct toml_reader *reader)
{
    struct toml_position at = toml_here(reader);
    struct slice text = take_word(reader);
    if (text.length == 0) {
        (void)toml_expected(reader, "a value");
        return NULL;
    }
    struct toml_value *value = toml_new(reader, TOML_INTEGER, at);
    if (value == NULL) {
        return NULL;
    }
    value->source = text;
    if (!parse(text, value)) {
        (void)toml_fault(reader, at,
                         "'%.*s' is no number, no date, and neither true nor false; a text stands "
                         "in quotes, as \"30s\"",
                         text.length < 40 ? (int)text.length : 40, (const char *)text.at);
        return NULL;
    }
    return value;
}
