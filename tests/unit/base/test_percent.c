#include "base/percent.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <errno.h>

static bool decodes_to(const char *text, enum percent_part part, struct slice expected)
{
    uint8_t bytes[64];
    ssize_t length = percent_decode(bytes, sizeof(bytes), slice_of(text), part, NULL);
    return length >= 0 && slice_equal(slice_from(bytes, (size_t)length), expected);
}

Test(percent, decodes)
{
    cr_assert(decodes_to("", PERCENT_PATH, slice_empty()));
    cr_assert(decodes_to("chat%2F42", PERCENT_PATH, slice_of("chat/42")));
    cr_assert(decodes_to("chat%2f4%32", PERCENT_QUERY, slice_of("chat/42")));
    cr_assert(decodes_to("a+b%2Bc", PERCENT_PATH, slice_of("a+b+c")));
    cr_assert(decodes_to("a+b%2Bc", PERCENT_QUERY, slice_of("a b+c")));
    cr_assert(decodes_to("%C3%a4\xff", PERCENT_PATH, slice_of("\xc3\xa4\xff")));
    cr_assert(decodes_to("a%00b", PERCENT_PATH, slice_from("a\0b", 3)));
    cr_assert(decodes_to("%25%32%35", PERCENT_PATH, slice_of("%25")));
}

Test(percent, refuses_bad_escapes)
{
    static const char *const texts[] = {"ab%", "ab%4", "ab%4g", "ab%g4", "ab%%41", "ab% 41"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        uint8_t bytes[16];
        size_t fault = 99;
        struct slice text = slice_of(texts[i]);
        cr_assert_eq(percent_decode(bytes, sizeof(bytes), text, PERCENT_PATH, &fault), -EINVAL);
        cr_assert_eq(fault, 2);
        cr_assert_eq(percent_decode(bytes, sizeof(bytes), text, PERCENT_QUERY, NULL), -EINVAL);
    }
}

Test(percent, needs_room_and_may_work_in_place)
{
    char text[] = "a%20b";
    uint8_t small[2];
    cr_assert_eq(percent_decode(small, 2, slice_of(text), PERCENT_PATH, NULL), -ENOBUFS);
    cr_assert_eq(percent_decode((uint8_t *)text, 5, slice_of(text), PERCENT_PATH, NULL), 3);
    cr_assert_eq(memcmp(text, "a b", 3), 0);
}

Test(percent, encodes)
{
    struct buffer buffer;
    buffer_init(&buffer, 40);
    cr_assert_eq(percent_encode(&buffer, slice_of("aZ09-._~ /+%\xc3"), "/"), 0);
    cr_assert(slice_equal_text(buffer_slice(&buffer), "aZ09-._~%20/%2B%25%C3"));
    buffer_clear(&buffer);
    cr_assert_eq(percent_encode(&buffer, slice_of("a/b"), ""), 0);
    cr_assert(slice_equal_text(buffer_slice(&buffer), "a%2Fb"));
    cr_assert_eq(percent_encode(&buffer, slice_of("//////////////////"), ""), -ENOBUFS);
    buffer_free(&buffer);
}

Test(percent, round_trips)
{
    struct prng prng;
    struct buffer buffer;
    prng_seed(&prng, 1);
    buffer_init(&buffer, 1000);
    for (int i = 0; i < 3000; i++) {
        uint8_t plain[50];
        uint8_t decoded[50];
        size_t length = prng_below(&prng, sizeof(plain) + 1);
        prng_bytes(&prng, plain, length);
        buffer_clear(&buffer);
        cr_assert_eq(percent_encode(&buffer, slice_from(plain, length), "/:@"), 0);
        enum percent_part part = i % 2 == 0 ? PERCENT_PATH : PERCENT_QUERY;
        ssize_t result = percent_decode(decoded, length, buffer_slice(&buffer), part, NULL);
        cr_assert_eq(result, (ssize_t)length);
        cr_assert(slice_equal(slice_from(decoded, length), slice_from(plain, length)));
    }
    buffer_free(&buffer);
}

struct pair {
    const char *name;
    const char *value; // NULL: without =
};

Test(query, walks_over_pairs)
{
    static const struct pair pairs[] = {{"stream", "a/1"}, {"stream", "b c"},    {"envelope", "0"},
                                        {"flag", NULL},    {"empty", ""},        {"", "nameless"},
                                        {"eq", "a=b"},     {"last+", "\xc3\xa4"}};
    static const struct slice text = SLICE_LITERAL(
        "&stream=a%2F1&stream=b+c&envelope=0&&flag&empty=&=nameless&eq=a=b&last%2b=%C3%A4&");
    uint8_t scratch[100];
    struct slice names[8];
    struct slice values[8];
    struct query query;
    cr_assert_leq(text.length, sizeof(scratch));
    query_begin(&query, text, scratch);
    for (size_t i = 0; i < 8; i++) {
        cr_assert_eq(query_next(&query, &names[i], &values[i]), 1);
    }
    struct slice none;
    cr_assert_eq(query_next(&query, &none, &none), 0);
    cr_assert_eq(query_next(&query, &none, &none), 0);
    // All of them still live.
    for (size_t i = 0; i < 8; i++) {
        cr_assert(slice_equal_text(names[i], pairs[i].name), "pair %zu", i);
        cr_assert_eq(values[i].at == NULL, pairs[i].value == NULL, "pair %zu", i);
        cr_assert(slice_equal_text(values[i], pairs[i].value == NULL ? "" : pairs[i].value));
    }
}

Test(query, an_empty_one_has_no_pairs)
{
    struct query query;
    struct slice name;
    struct slice value;
    uint8_t scratch[4];
    query_begin(&query, slice_empty(), NULL);
    cr_assert_eq(query_next(&query, &name, &value), 0);
    query_begin(&query, slice_of("&&&"), scratch);
    cr_assert_eq(query_next(&query, &name, &value), 0);
}

Test(query, ends_at_a_bad_escape_and_says_where)
{
    static const char *const texts[] = {"a=1&b%4=2&c=3", "a=1&b=%zz&c=3"};
    for (size_t i = 0; i < 2; i++) {
        uint8_t scratch[20];
        struct query query;
        struct slice name;
        struct slice value;
        query_begin(&query, slice_of(texts[i]), scratch);
        cr_assert_eq(query_next(&query, &name, &value), 1);
        cr_assert_eq(query_next(&query, &name, &value), -EINVAL);
        cr_assert_eq(query.fault_position, 5 + i);
        cr_assert_eq(query_next(&query, &name, &value), 0);
    }
}
