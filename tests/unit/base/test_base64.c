#include "base/base64.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <errno.h>

struct vector {
    const char *plain;
    const char *encoded;
};

// RFC 4648 section 10
static const struct vector vectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

Test(base64, encodes_and_decodes_the_published_vectors)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        char text[16];
        uint8_t bytes[16];
        size_t length = base64_encode(text, slice_of(vectors[i].plain), BASE64_STANDARD);
        cr_assert(slice_equal_text(slice_from(text, length), vectors[i].encoded));
        ssize_t decoded = base64_decode(bytes, sizeof(bytes), slice_of(vectors[i].encoded), NULL);
        cr_assert_geq(decoded, 0);
        cr_assert(slice_equal_text(slice_from(bytes, (size_t)decoded), vectors[i].plain));
    }
}

Test(base64, the_alphabets_differ_in_two_letters)
{
    static const struct slice bytes = SLICE_LITERAL("\xfb\xff\xbf\xfe");
    char text[8];
    size_t length = base64_encode(text, bytes, BASE64_STANDARD);
    cr_assert(slice_equal_text(slice_from(text, length), "+/+//g=="));
    length = base64_encode(text, bytes, BASE64_URL);
    cr_assert(slice_equal_text(slice_from(text, length), "-_-__g=="));
    length = base64_encode(text, bytes, BASE64_URL_UNPADDED);
    cr_assert(slice_equal_text(slice_from(text, length), "-_-__g"));
    length = base64_encode(text, bytes, BASE64_STANDARD_UNPADDED);
    cr_assert(slice_equal_text(slice_from(text, length), "+/+//g"));
}

struct fault {
    const char *text;
    size_t offset;
};

Test(base64, refuses_everything_else)
{
    static const struct fault faults[] = {
        {"Zg=", 2},  {"Z", 1},        {"Zm9vZ", 5}, {"Zh==", 1},   {"Zm9=", 2},
        {"Zh", 1},   {"=", 0},        {"==", 0},    {"====", 0},   {"Zg===", 2},
        {"Z===", 1}, {"Zg==Zg==", 2}, {"Zm 9v", 2}, {"Zm9v\n", 4}, {"Zm9\xc3", 3},
        {"+_==", 1}, {"-A/A", 2},     {"ab-/", 3},  {"Zm9v=", 4},  {"Zm9v==", 4},
    };
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        uint8_t bytes[16];
        size_t offset = 99;
        ssize_t result = base64_decode(bytes, sizeof(bytes), slice_of(faults[i].text), &offset);
        cr_assert_eq(result, -EINVAL, "%s", faults[i].text);
        cr_assert_eq(offset, faults[i].offset, "%s: %zu", faults[i].text, offset);
        cr_assert_eq(base64_decode(bytes, sizeof(bytes), slice_of(faults[i].text), NULL), -EINVAL);
    }
}

Test(base64, says_when_there_is_no_room)
{
    uint8_t bytes[6];
    cr_assert_eq(base64_decode(bytes, 5, slice_of("Zm9vYmFy"), NULL), -ENOBUFS);
    cr_assert_eq(base64_decode(bytes, 6, slice_of("Zm9vYmFy"), NULL), 6);
    cr_assert_eq(base64_decode(NULL, 0, slice_of("Zg"), NULL), -ENOBUFS);
    cr_assert_eq(base64_decode(NULL, 0, slice_empty(), NULL), 0);
}

Test(base64, round_trips)
{
    struct prng prng;
    prng_seed(&prng, 1);
    for (int i = 0; i < 4000; i++) {
        uint8_t bytes[100];
        uint8_t decoded[100];
        char text[140];
        struct slice plain = slice_from(bytes, prng_below(&prng, sizeof(bytes) + 1));
        prng_bytes(&prng, bytes, plain.length);
        enum base64_form form = (enum base64_form)prng_below(&prng, 4);
        size_t length = base64_encode(text, plain, form);
        cr_assert_eq(length, base64_encoded_length(plain.length, form));
        size_t capacity = base64_decoded_length_max(length);
        cr_assert(capacity >= plain.length && capacity <= plain.length + 2);
        ssize_t result = base64_decode(decoded, capacity, slice_from(text, length), NULL);
        cr_assert_geq(result, 0);
        cr_assert(slice_equal(slice_from(decoded, (size_t)result), plain));
    }
}
