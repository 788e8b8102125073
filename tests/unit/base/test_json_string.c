#include "base/json_string.h"

#include <criterion/criterion.h>
#include <stdio.h>

// Scans text that stands between quotes, up to and with the closing one.
static enum json_fault scan(const char *text, size_t *position, struct json_string *string)
{
    *position = 0;
    return json_string_scan(slice_of(text), position, string);
}

struct sample {
    const char *raw;
    const char *plain;
};

static const struct sample samples[] = {
    {"", ""},
    {"plain, and longer than eight bytes", "plain, and longer than eight bytes"},
    {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
    {"a\\u00e4b", "a\xc3\xa4"
                  "b"},
    {"\\u0041\\u20AC\\u20ac", "A\xe2\x82\xac\xe2\x82\xac"},
    {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
    {"\\uDBFF\\uDFFF", "\xf4\x8f\xbf\xbf"},
    {"\\ud800\\udc00 after", "\xf0\x90\x80\x80 after"},
    {"\xf0\x9f\x98\x80\xc3\xbc directly \x7f", "\xf0\x9f\x98\x80\xc3\xbc directly \x7f"},
    {"before the escape\\n", "before the escape\n"},
};

Test(json_string, scans_and_unescapes)
{
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        char text[100];
        uint8_t scratch[100];
        size_t position;
        struct json_string string;
        struct slice plain = slice_of(samples[i].plain);
        struct slice result;
        snprintf(text, sizeof(text), "%s\", more", samples[i].raw);
        cr_assert_eq(scan(text, &position, &string), JSON_OK, "%s", text);
        cr_assert_eq(position, strlen(samples[i].raw) + 1);
        cr_assert(slice_equal_text(string.raw, samples[i].raw));
        cr_assert_eq(string.length, plain.length);
        cr_assert_eq(string.is_escaped, strcmp(samples[i].raw, samples[i].plain) != 0);
        cr_assert(json_string_is(string, samples[i].plain));
        cr_assert(json_string_slice(string, scratch, plain.length, &result));
        cr_assert(slice_equal(result, plain));
        // In place.
        json_unescape(string, (uint8_t *)text);
        cr_assert(slice_equal(slice_from(text, string.length), plain));
    }
}

Test(json_string, compares_without_unescaping)
{
    size_t position;
    struct json_string string;
    cr_assert_eq(scan("str\\u0065am\"", &position, &string), JSON_OK);
    cr_assert(json_string_is(string, "stream"));
    cr_assert_not(json_string_is(string, "strEam"));
    cr_assert_not(json_string_is(string, "strea"));
    cr_assert_not(json_string_is(string, "streams"));
    cr_assert_not(json_string_is(string, "streaM"));
    cr_assert_eq(scan("a\\u0000\"", &position, &string), JSON_OK);
    cr_assert_eq(string.length, 2);
    cr_assert_not(json_string_is(string, "a"));
}

Test(json_string, needs_scratch_only_for_escapes)
{
    size_t position;
    struct json_string string;
    struct slice result;
    uint8_t scratch[2];
    cr_assert_eq(scan("plain\"", &position, &string), JSON_OK);
    cr_assert(json_string_slice(string, NULL, 0, &result));
    cr_assert_eq(result.at, string.raw.at);
    cr_assert_eq(scan("a\\nb\"", &position, &string), JSON_OK);
    cr_assert_not(json_string_slice(string, scratch, sizeof(scratch), &result));
}

struct fault {
    const char *text;
    enum json_fault fault;
    size_t position;
};

Test(json_string, reports_faults_where_they_are)
{
    static const struct fault faults[] = {
        {"", JSON_FAULT_TRUNCATED, 0},
        {"abc", JSON_FAULT_TRUNCATED, 3},
        {"long enough for a word", JSON_FAULT_TRUNCATED, 22},
        {"a\\", JSON_FAULT_TRUNCATED, 1},
        {"a\\u12", JSON_FAULT_TRUNCATED, 1},
        {"a\nb\"", JSON_FAULT_STRING, 1},
        {"0123456789\x1f\"", JSON_FAULT_STRING, 10},
        {"a\\x\"", JSON_FAULT_ESCAPE, 1},
        {"a\\'\"", JSON_FAULT_ESCAPE, 1},
        {"\\u12g4\"", JSON_FAULT_ESCAPE, 0},
        {"\\u123\"", JSON_FAULT_ESCAPE, 0},
        {"ab\\udc00\"", JSON_FAULT_ESCAPE, 2},
        {"\\ud800\"", JSON_FAULT_ESCAPE, 0},
        {"\\ud800 and more\"", JSON_FAULT_ESCAPE, 0},
        {"\\ud800\\n1234\"", JSON_FAULT_ESCAPE, 0},
        {"\\ud800\\ud800\"", JSON_FAULT_ESCAPE, 0},
        {"\\ud800\\u0041\"", JSON_FAULT_ESCAPE, 0},
        {"\\ud800\\uzzzz\"", JSON_FAULT_ESCAPE, 0},
        {"\xc3\xbc\x80\"", JSON_FAULT_UTF8, 2},
        {"ab\xc0\x80\"", JSON_FAULT_UTF8, 2},
        {"\xed\xa0\x80\"", JSON_FAULT_UTF8, 0},
    };
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        size_t position;
        struct json_string string = {.length = 99};
        cr_assert_eq(scan(faults[i].text, &position, &string), faults[i].fault, "%s",
                     faults[i].text);
        cr_assert_eq(position, faults[i].position, "%s: %zu", faults[i].text, position);
        cr_assert_eq(string.length, 99);
    }
}
