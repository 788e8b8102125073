#include "base/text.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

enum { UNTOUCHED = 4711 };

struct number {
    const char *text;
    bool is_valid;
    uint64_t value;
};

// A parser does what each row says, and touches nothing where it fails.
static void check_parser(bool (*parse)(struct slice, uint64_t *), const struct number *rows,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = UNTOUCHED;
        cr_assert_eq(parse(slice_of(rows[i].text), &value), rows[i].is_valid, "'%s'", rows[i].text);
        cr_assert_eq(value, rows[i].is_valid ? rows[i].value : UNTOUCHED, "'%s': %" PRIu64,
                     rows[i].text, value);
    }
}

#define CHECK_PARSER(parse, rows) check_parser(parse, rows, sizeof(rows) / sizeof((rows)[0]))

Test(text, parses_integers)
{
    static const struct number rows[] = {
        {"0", true, 0},
        {"42", true, 42},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x10", false, 0},
        {"1\xd9\xa1", false, 0},
    };
    CHECK_PARSER(text_parse_u64, rows);
    uint64_t value = UNTOUCHED;
    cr_assert(text_parse_u64_max(slice_of("64"), 64, &value));
    cr_assert_eq(value, 64);
    cr_assert_not(text_parse_u64_max(slice_of("65"), 64, &value));
    cr_assert_not(text_parse_u64_max(slice_of("x"), 64, &value));
    cr_assert_eq(value, 64);
    cr_assert_not(text_parse_u64(slice_from("1\0", 2), &value));
}

Test(text, parses_sizes)
{
    static const struct number rows[] = {
        {"0", true, 0},
        {"512", true, 512},
        {"512B", true, 512},
        {"64KiB", true, 65536},
        {"64K", true, 65536},
        {"64kib", true, 65536},
        {"64kB", true, 64000},
        {"3MiB", true, 3 << 20},
        {"3MB", true, 3000000},
        {"1G", true, 1 << 30},
        {"2GB", true, 2000000000},
        {"1TiB", true, UINT64_C(1) << 40},
        {"1TB", true, UINT64_C(1000000000000)},
        {"16777215T", true, UINT64_C(16777215) << 40},
        {"16777216T", false, 0},
        {"", false, 0},
        {"KiB", false, 0},
        {"1 KiB", false, 0},
        {"1.5G", false, 0},
        {"1Ki", false, 0},
        {"1Kb/s", false, 0},
        {"-1K", false, 0},
    };
    CHECK_PARSER(text_parse_size, rows);
}

Test(text, parses_durations)
{
    static const struct number rows[] = {
        {"0", true, 0},
        {"0s", true, 0},
        {"100ms", true, 100},
        {"30s", true, 30000},
        {"5m", true, 300000},
        {"24h", true, 86400000},
        {"7d", true, 604800000},
        {"1h30m", true, 5400000},
        {"1d2h3m4s5ms", true, 93784005},
        {"", false, 0},
        {"5", false, 0},
        {"s", false, 0},
        {"5x", false, 0},
        {"5 s", false, 0},
        {"30m1h", false, 0},
        {"1s1s", false, 0},
        {"1h30", false, 0},
        {"1.5s", false, 0},
        {"-1s", false, 0},
        {"5S", false, 0},
        {"213503982334d", true, UINT64_C(213503982334) * 86400000},
        {"213503982335d", false, 0},
        {"213503982334d24h", false, 0},
    };
    CHECK_PARSER(text_parse_duration, rows);
}

Test(text, parses_thousandths)
{
    static const struct number rows[] = {
        {"0", true, 0},
        {"1", true, 1000},
        {"0.8", true, 800},
        {"0.85", true, 850},
        {"0.125", true, 125},
        {"100", true, 100000},
        {"2.05", true, 2050},
        {"18446744073709551", true, UINT64_C(18446744073709551000)},
        {"18446744073709551.615", true, UINT64_MAX},
        {"18446744073709551.616", false, 0},
        {"18446744073709552", false, 0},
        {"", false, 0},
        {".5", false, 0},
        {"1.", false, 0},
        {"1.1234", false, 0},
        {"1,5", false, 0},
        {"-1", false, 0},
        {"80%", false, 0},
    };
    CHECK_PARSER(text_parse_thousandths, rows);
}

Test(text, hex_digits)
{
    for (int byte = 0; byte < 256; byte++) {
        const char *digits = "0123456789abcdef";
        const char *found = byte == 0 ? NULL : strchr(digits, byte | 0x20);
        // Setting that bit makes letters small, and leaves digits as they are.
        bool is_digit = found != NULL && (byte >= 'A' || byte == *found);
        cr_assert_eq(text_hex_value((uint8_t)byte), is_digit ? (int)(found - digits) : -1);
    }
}

Test(text, formats_integers_as_printf_does)
{
    struct prng prng;
    prng_seed(&prng, 1);
    for (int i = 0; i < 5000; i++) {
        uint64_t value = i == 0   ? 0
                         : i == 1 ? UINT64_MAX
                                  : prng_u64(&prng) >> prng_below(&prng, 64);
        char digits[TEXT_U64_BYTES_MAX];
        char expected[32];
        uint64_t parsed;
        snprintf(expected, sizeof(expected), "%" PRIu64, value);
        struct slice text = slice_from(digits, text_format_u64(value, digits));
        cr_assert(slice_equal_text(text, expected));
        cr_assert(text_parse_u64(text, &parsed));
        cr_assert_eq(parsed, value);
    }
}

static const char *const flags[] = {"listen", "socket", "data-dir", "workers", "log", "help"};

static const char *nearest(const char *given)
{
    return text_nearest(slice_of(given), flags, sizeof(flags) / sizeof(flags[0]));
}

Test(text, suggests_the_nearest_name)
{
    cr_assert_str_eq(nearest("listen"), "listen");
    cr_assert_str_eq(nearest("lisen"), "listen");
    cr_assert_str_eq(nearest("litsen"), "listen");
    cr_assert_str_eq(nearest("datadir"), "data-dir");
    cr_assert_str_eq(nearest("worker"), "workers");
    cr_assert_str_eq(nearest("sokcet"), "socket");
    cr_assert_str_eq(nearest("lgo"), "log");
    cr_assert_str_eq(nearest("hepl"), "help");
    cr_assert_null(nearest("bananas"));
    cr_assert_null(nearest("x"));
    cr_assert_null(nearest(""));
    cr_assert_null(
        nearest("a-name-that-is-far-longer-than-any-flag-could-ever-be-and-still-goes-on"));
    static const char *const odd[] = {
        "a-name-that-is-far-longer-than-any-flag-could-ever-be-and-still-goes-on", "a"};
    cr_assert_str_eq(text_nearest(slice_of("a"), odd, 2), "a");
    cr_assert_null(text_nearest(slice_of("b"), odd, 2));
}
