#include "http/chunked.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static uint8_t decoded[1 << 16];
static size_t decoded_length;
static struct chunked chunked;
static const char *fault;

// Feeds the text in pieces of that size; returns how much was taken.
static size_t decode(struct slice text, size_t piece_bytes)
{
    chunked = (struct chunked){0};
    decoded_length = 0;
    fault = NULL;
    size_t at = 0;
    while (at < text.length && fault == NULL && !chunked_is_over(&chunked)) {
        size_t rest = text.length - at;
        size_t length = rest < piece_bytes ? rest : piece_bytes;
        uint8_t *copy = malloc(length);
        memcpy(copy, text.at + at, length);
        struct slice data;
        size_t taken = chunked_feed(&chunked, copy, length, &data, &fault);
        cr_assert_leq(taken, length);
        cr_assert(fault != NULL || taken > 0);
        memcpy(decoded + decoded_length, data.at == NULL ? copy : data.at, data.length);
        decoded_length += data.length;
        free(copy);
        at += taken;
    }
    return at;
}

Test(chunked, in_pieces_of_any_size)
{
    static const char text[] = "5\r\nhello\r\n0a;x=y\r\n, 89 world\r\n0\r\n\r\nnext";
    for (size_t piece = 1; piece <= sizeof(text); piece++) {
        size_t taken = decode(slice_of(text), piece);
        cr_expect_null(fault);
        cr_expect(chunked_is_over(&chunked));
        cr_expect_eq(taken, sizeof(text) - 1 - strlen("next"));
        cr_expect(slice_equal_text(slice_from(decoded, decoded_length), "hello, 89 world"));
    }
}

Test(chunked, tells_how_much_is_left)
{
    static const char text[] = "ffffffffffffffff\r\nab";
    decode(slice_of(text), 18);
    cr_expect_null(fault);
    cr_expect_eq(chunked_left(&chunked), UINT64_MAX - 2);
    decode(slice_of("ff"), 1);
    cr_expect_eq(chunked_left(&chunked), 0);
}

// Where the byte stands that may not.
Test(chunked, finds_the_fault)
{
    static const struct {
        const char *text;
        size_t at;
    } cases[] = {
        {"g", 0},        {"", 0},     {"1\r\nab", 4}, {"1\r\na\rb", 5},          {"0\r\nX", 3},
        {"0\r\n\rX", 4}, {"1\rX", 2}, {"1;\x01", 2},  {"11111111111111111", 16},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t piece = 1; piece < 20; piece++) {
            cr_expect_eq(decode(slice_of(cases[i].text), piece), cases[i].at, "%s", cases[i].text);
            cr_expect_eq(fault != NULL, cases[i].text[0] != '\0', "%s", cases[i].text);
        }
    }
}

Test(chunked, extensions_are_bounded_in_all)
{
    static char text[3 * CHUNKED_EXTENSION_BYTES_MAX];
    for (size_t over = 0; over < 2; over++) {
        size_t first = CHUNKED_EXTENSION_BYTES_MAX / 2;
        size_t second = CHUNKED_EXTENSION_BYTES_MAX - first + over;
        int length = snprintf(text, sizeof(text), "1;%0*d\r\na\r\n0;%0*d\r\n\r\n", (int)first, 0,
                              (int)second, 0);
        decode(slice_from(text, (size_t)length), 100);
        cr_expect_eq(fault == NULL, over == 0);
    }
}
