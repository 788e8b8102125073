#include "http/resume_token.h"

#include "base/base64.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const struct {
    const char *decoded;
    const char *stream; // NULL: refused
    uint64_t sequence;
    const char *trouble;
} table[] = {
    {"chat/42:7", "chat/42", 7, NULL},
    {"a:0", "a", 0, NULL},
    {"a:b:c:18446744073709551615", "a:b:c", UINT64_MAX, NULL},
    {"\xc3\xa9?>:1", "\xc3\xa9?>", 1, NULL},
    {"a", NULL, 0, "colon"},
    {":1", NULL, 0, "stream"},
    {"\x01:1", NULL, 0, "stream"},
    {"\xff:1", NULL, 0, "stream"},
    {"a:", NULL, 0, "sequence"},
    {"a:-1", NULL, 0, "sequence"},
    {"a:1 ", NULL, 0, "sequence"},
    {"a:18446744073709551616", NULL, 0, "sequence"},
};

static void expect_token(struct slice text, const char *stream, uint64_t sequence,
                         const char *part_of_trouble)
{
    struct resume_token token;
    const char *trouble = resume_token_parse(text, &token);
    if (stream == NULL) {
        cr_assert_not_null(trouble, SLICE_FORMAT, SLICE_ARGUMENTS(text));
        cr_expect_not_null(strstr(trouble, part_of_trouble), "%s", trouble);
        return;
    }
    cr_assert_null(trouble, SLICE_FORMAT ": %s", SLICE_ARGUMENTS(text), trouble);
    cr_expect_eq(token.sequence, sequence);
    cr_expect(slice_equal_text(resume_token_stream(&token), stream));
}

Test(resume_token, table_in_every_form_of_base64)
{
    static const enum base64_form forms[] = {BASE64_STANDARD, BASE64_STANDARD_UNPADDED, BASE64_URL,
                                             BASE64_URL_UNPADDED};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        for (size_t j = 0; j < 4; j++) {
            char text[1024];
            size_t length = base64_encode(text, slice_of(table[i].decoded), forms[j]);
            expect_token(slice_from(text, length), table[i].stream, table[i].sequence,
                         table[i].trouble);
        }
    }
}

Test(resume_token, refuses_what_is_no_base64)
{
    expect_token(slice_of(""), NULL, 0, "empty");
    expect_token(slice_of("a:1"), NULL, 0, "base64");
    expect_token(slice_of("YTox "), NULL, 0, "base64");
    expect_token(slice_of("Y"), NULL, 0, "base64");
}

Test(resume_token, bounds)
{
    // The longest name with the longest number, and one byte more.
    char decoded[NAME_BYTES_MAX + 64];
    char name[NAME_BYTES_MAX + 2];
    char text[1024];
    memset(name, 'n', sizeof(name));
    name[NAME_BYTES_MAX] = '\0';
    snprintf(decoded, sizeof(decoded), "%s:18446744073709551615", name);
    size_t length = base64_encode(text, slice_of(decoded), BASE64_URL_UNPADDED);
    expect_token(slice_from(text, length), name, UINT64_MAX, "");

    snprintf(decoded, sizeof(decoded), "%sn:18446744073709551615", name);
    length = base64_encode(text, slice_of(decoded), BASE64_URL_UNPADDED);
    expect_token(slice_from(text, length), NULL, 0, "long");

    snprintf(decoded, sizeof(decoded), "%sn:1", name);
    length = base64_encode(text, slice_of(decoded), BASE64_URL_UNPADDED);
    expect_token(slice_from(text, length), NULL, 0, "stream");
}
