#include "base/logger_line.h"

#include "base/utf8.h"

#include <criterion/criterion.h>

enum { ROOM = 256 };

// A line with one text, as a C string.
static const char *line_of(enum logger_format format, struct slice text, size_t text_max,
                           size_t bytes)
{
    static char memory[ROOM + 1];
    struct logger_line line;
    cr_assert_leq(bytes, ROOM);
    memset(memory, 0, sizeof(memory));
    logger_line_begin(&line, format, memory, bytes);
    logger_line_open(&line);
    logger_line_text(&line, "k", text, text_max);
    struct slice whole = logger_line_end(&line);
    cr_assert_leq(whole.length, bytes);
    cr_assert_eq(memory[whole.length], '\0');
    return memory;
}

#define CHECK(format, text, expected) \
    cr_assert_str_eq(line_of(format, (struct slice)SLICE_LITERAL(text), SIZE_MAX, ROOM), expected)

Test(logger_line, leaves_plain_values_bare_in_logfmt)
{
    CHECK(LOGGER_LOGFMT, "value", "k=value\n");
    CHECK(LOGGER_LOGFMT, "/streams/a-b_c.d:~'", "k=/streams/a-b_c.d:~'\n");
    CHECK(LOGGER_LOGFMT, "\xc3\xa4\xf0\x9f\x98\x80", "k=\xc3\xa4\xf0\x9f\x98\x80\n");
    CHECK(LOGGER_TEXT, "value", "k=value\n");
}

Test(logger_line, quotes_what_would_change_the_line)
{
    CHECK(LOGGER_LOGFMT, "", "k=\"\"\n");
    CHECK(LOGGER_LOGFMT, "a b", "k=\"a b\"\n");
    CHECK(LOGGER_LOGFMT, "a=b", "k=\"a=b\"\n");
    CHECK(LOGGER_LOGFMT, "a\"b", "k=\"a\\\"b\"\n");
    CHECK(LOGGER_LOGFMT, "a\\b", "k=\"a\\\\b\"\n");
    CHECK(LOGGER_LOGFMT, "\n\r\t\x01\x7f", "k=\"\\n\\r\\t\\u0001\\u007f\"\n");
    CHECK(LOGGER_LOGFMT, "\xc2\x80\xc2\x9b", "k=\"\\u0080\\u009b\"\n");
    CHECK(LOGGER_LOGFMT,
          "\xff"
          "a\xc3",
          "k=\"\xef\xbf\xbd"
          "a\xef\xbf\xbd\"\n");
    CHECK(LOGGER_LOGFMT, "a\0b", "k=\"a\\u0000b\"\n");
}

Test(logger_line, escapes_in_json)
{
    CHECK(LOGGER_JSON, "value", "{\"k\":\"value\"}\n");
    CHECK(LOGGER_JSON, "", "{\"k\":\"\"}\n");
    CHECK(LOGGER_JSON, "\"\\\n\x1f/", "{\"k\":\"\\\"\\\\\\n\\u001f/\"}\n");
    CHECK(LOGGER_JSON, "\xed\xa0\x80", "{\"k\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}\n");
}

Test(logger_line, cuts_texts_between_characters)
{
    struct slice text = SLICE_LITERAL("\xc3\xa4\xc3\xa4\xc3\xa4");
    cr_assert_str_eq(line_of(LOGGER_JSON, text, 5, ROOM), "{\"k\":\"\xc3\xa4\xc3\xa4\"}\n");
    cr_assert_str_eq(line_of(LOGGER_JSON, slice_of("\n\n\n"), 5, ROOM), "{\"k\":\"\\n\\n\"}\n");
    cr_assert_str_eq(line_of(LOGGER_JSON, text, 0, ROOM), "{\"k\":\"\"}\n");
    cr_assert_str_eq(line_of(LOGGER_LOGFMT, slice_of("abc"), 2, ROOM), "k=\"ab\"\n");
}

// Whatever the room, the line is whole.
Test(logger_line, is_well_formed_at_any_length)
{
    struct slice text = SLICE_LITERAL("a\n\xc3\xa4\x01\"\xff");
    for (size_t bytes = LOGGER_LINE_END_BYTES; bytes < 40; bytes++) {
        const char *line = line_of(LOGGER_JSON, text, SIZE_MAX, bytes);
        size_t length = strlen(line);
        if (bytes == LOGGER_LINE_END_BYTES) {
            cr_assert_str_eq(line, "}\n"); // no room for its brace: nobody asks for so little
            continue;
        }
        cr_assert(utf8_is_valid(slice_from(line, length)));
        cr_assert_eq(line[0], '{');
        cr_assert_eq(strcmp(line + length - 2, "}\n"), 0);
        cr_assert(length == 3 || strcmp(line + length - 3, "\"}\n") == 0, "%s", line);
        line = line_of(LOGGER_LOGFMT, text, SIZE_MAX, bytes);
        length = strlen(line);
        cr_assert(length == 1 || strcmp(line + length - 2, "\"\n") == 0, "%s", line);
    }
}

static const char *members(enum logger_format format, size_t bytes)
{
    static char memory[ROOM + 1];
    struct logger_line line;
    memset(memory, 0, sizeof(memory));
    logger_line_begin(&line, format, memory, bytes);
    logger_line_plain(&line, slice_of(format == LOGGER_TEXT ? "words" : "<6>"));
    logger_line_open(&line);
    logger_line_text(&line, "a", slice_of("b"), SIZE_MAX);
    logger_line_u64(&line, "max", UINT64_MAX);
    logger_line_thousandths(&line, "ms", 12034);
    logger_line_thousandths(&line, "us", 7);
    logger_line_end(&line);
    return memory;
}

Test(logger_line, separates_members)
{
    cr_assert_str_eq(members(LOGGER_TEXT, ROOM),
                     "words a=b max=18446744073709551615 ms=12.034 us=0.007\n");
    cr_assert_str_eq(members(LOGGER_LOGFMT, ROOM),
                     "<6>a=b max=18446744073709551615 ms=12.034 us=0.007\n");
    cr_assert_str_eq(members(LOGGER_JSON, ROOM),
                     "<6>{\"a\":\"b\",\"max\":18446744073709551615,\"ms\":12.034,\"us\":0.007}\n");
}

Test(logger_line, leaves_out_what_has_no_room)
{
    cr_assert_str_eq(members(LOGGER_TEXT, 4), "wor\n");
    cr_assert_str_eq(members(LOGGER_LOGFMT, 20), "<6>a=b ms=12.034\n");
    cr_assert_str_eq(members(LOGGER_JSON, 30), "<6>{\"a\":\"b\",\"ms\":12.034}\n");
}
