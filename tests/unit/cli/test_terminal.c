#include "cli/terminal.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void expect_text(struct slice text, const char *expected)
{
    char *written = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&written, &length);
    terminal_write_text(out, text);
    (void)fclose(out);
    cr_assert_str_eq(written, expected);
    free(written);
}

Test(terminal, text_is_made_harmless)
{
    expect_text(slice_of("plain \xc3\xa4\ttext"), "plain \xc3\xa4\ttext");
    expect_text(slice_of("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
    expect_text(slice_of("a\xff\xc3"), "a\\xff\\xc3");
    expect_text(slice_of("\xc2\x9b"), "\\xc2\\x9b");
    expect_text(slice_from("\0", 1), "\\x00");
    expect_text(slice_empty(), "");
}

Test(terminal, styles_only_where_there_is_colour)
{
    char *written = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&written, &length);
    terminal_write_styled(out, false, STYLE_RED, slice_of("a"));
    terminal_write_styled(out, true, STYLE_RED, slice_of("b"));
    terminal_write_styled(out, true, STYLE_NONE, slice_of("c"));
    cr_assert_not(terminal_has_colour(out));
    (void)fclose(out);
    cr_assert_str_eq(written, "a\x1b[31mb\x1b[0mc");
    free(written);
}

static void expect_bytes(uint64_t bytes, const char *expected)
{
    char text[TERMINAL_NUMBER_SIZE];
    terminal_format_bytes(bytes, text);
    cr_assert_str_eq(text, expected);
}

Test(terminal, bytes)
{
    expect_bytes(0, "0 B");
    expect_bytes(1023, "1023 B");
    expect_bytes(1536, "1.5 KiB");
    expect_bytes((1 << 20) - 1, "1.0 MiB");
    expect_bytes(UINT64_MAX, "16.0 EiB");
}

static void expect_age(uint64_t milliseconds, const char *expected)
{
    char text[TERMINAL_NUMBER_SIZE];
    terminal_format_age(milliseconds, text);
    cr_assert_str_eq(text, expected);
}

Test(terminal, ages)
{
    expect_age(0, "0 ms");
    expect_age(1500, "1 s");
    expect_age(119 * 1000, "119 s");
    expect_age(120 * 1000, "2 min");
    expect_age(UINT64_C(2) * 3600 * 1000, "2 h");
    expect_age(UINT64_C(72) * 3600 * 1000, "3 d");
}
