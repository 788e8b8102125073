#include "base/pattern.h"

#include "base/prng.h"

#include <criterion/criterion.h>

struct match {
    const char *pattern;
    const char *text;
    bool fits;
};

Test(pattern, stars_stand_for_what_they_say)
{
    static const struct match matches[] = {
        {"chat/42", "chat/42", true},
        {"chat/42", "chat/421", false},
        {"chat/42", "chat/4", false},
        {"chat/*", "chat/42", true},
        {"chat/*", "chat/", true},
        {"chat/*", "chat", false},
        {"chat/*", "chat/42/a", false},
        {"chat/**", "chat/42/a", true},
        {"chat/**", "chat/", true},
        {"chat/**", "chat", false},
        {"chat/**", "chats/42", false},
        {"*", "chat", true},
        {"*", "", true},
        {"*", "chat/42", false},
        {"**", "chat/42", true},
        {"**", "", true},
        {"***", "a/b", true},
        {"*/42", "chat/42", true},
        {"*/42", "a/chat/42", false},
        {"**/42", "a/chat/42", true},
        {"**/42", "42", false},
        {"*/*/c", "a/b/c", true},
        {"*/*/c", "a/b/b/c", false},
        {"a*c", "abbbc", true},
        {"a*c", "ab/bc", false},
        {"a**c", "ab/bc", true},
        {"a*b*c", "axbxbxc", true},
        {"a*b*c", "axbxcxb", false},
        {"a**b*c", "a/b/bc", true},
        {"a**b*c", "a/b/b/c", false},
        {"**b*/x**y", "ab1/x/y", true},
        {"**b*/x**y", "ab/b/x/z/y", true},
        {"a?c", "abc", false},
        {"a[b]c", "abc", false},
        {"\\*", "*", false},
        {"\\*", "\\anything", true},
        {"gr\xc3\xbc*", "gr\xc3\xbc\xc3\x9f", true},
    };
    for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
        bool fits = pattern_matches(slice_of(matches[i].pattern), slice_of(matches[i].text));
        cr_assert_eq(fits, matches[i].fits, "%s on %s", matches[i].pattern, matches[i].text);
    }
}

Test(pattern, what_is_none)
{
    char long_pattern[PATTERN_BYTES_MAX + 1];
    memset(long_pattern, 'a', sizeof(long_pattern));
    cr_assert(pattern_is_valid(slice_of("chat/*")));
    cr_assert(pattern_is_valid(slice_from(long_pattern, PATTERN_BYTES_MAX)));
    cr_assert_not(pattern_is_valid(slice_from(long_pattern, sizeof(long_pattern))));
    cr_assert_not(pattern_is_valid(slice_empty()));
    cr_assert_not(pattern_is_valid(slice_of("a\nb")));
    cr_assert_not(pattern_is_valid(slice_of("a\x7f")));
    cr_assert_not(pattern_is_valid(slice_of("a\xff")));
    cr_assert(pattern_is_everything(slice_of("**")));
    cr_assert_not(pattern_is_everything(slice_of("*")));
    cr_assert_not(pattern_is_everything(slice_of("**a")));
    cr_assert_not(pattern_is_everything(slice_empty()));
}

// Tries every way, one after the other.
static bool matches_slowly(struct slice pattern, struct slice text)
{
    if (pattern.length == 0) {
        return text.length == 0;
    }
    if (pattern.at[0] != '*') {
        return text.length > 0 && text.at[0] == pattern.at[0] &&
               matches_slowly(slice_after(pattern, 1), slice_after(text, 1));
    }
    size_t stars = 1;
    while (stars < pattern.length && pattern.at[stars] == '*') {
        stars++;
    }
    for (size_t taken = 0; taken <= text.length; taken++) {
        if (matches_slowly(slice_after(pattern, stars), slice_after(text, taken))) {
            return true;
        }
        if (taken < text.length && text.at[taken] == '/' && stars == 1) {
            return false;
        }
    }
    return false;
}

static struct slice random_text(struct prng *prng, uint8_t *into, size_t most, const char *letters)
{
    size_t length = prng_below(prng, most + 1);
    for (size_t i = 0; i < length; i++) {
        into[i] = (uint8_t)letters[prng_below(prng, strlen(letters))];
    }
    return slice_from(into, length);
}

Test(pattern, agrees_with_trying_every_way)
{
    struct prng prng;
    prng_seed(&prng, 7);
    int fitting = 0;
    for (int i = 0; i < 200000; i++) {
        uint8_t pattern_bytes[8];
        uint8_t text_bytes[8];
        struct slice pattern = random_text(&prng, pattern_bytes, 8, "ab/***");
        struct slice text = random_text(&prng, text_bytes, 8, "ab/");
        bool expected = matches_slowly(pattern, text);
        fitting += expected;
        cr_assert_eq(pattern_matches(pattern, text), expected,
                     "'" SLICE_FORMAT "' on '" SLICE_FORMAT "'", SLICE_ARGUMENTS(pattern),
                     SLICE_ARGUMENTS(text));
    }
    cr_assert_gt(fitting, 10000);
}

Test(pattern, many_stars_take_no_longer, .timeout = 10)
{
    uint8_t pattern[PATTERN_BYTES_MAX];
    uint8_t text[PATTERN_BYTES_MAX];
    for (size_t i = 0; i < sizeof(pattern); i++) {
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    }
    memset(text, 'a', sizeof(text));
    pattern[sizeof(pattern) - 1] = 'b';
    for (int i = 0; i < 1000; i++) {
        cr_assert_not(
            pattern_matches(slice_from(pattern, sizeof(pattern)), slice_from(text, sizeof(text))));
    }
}
