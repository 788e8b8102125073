#include "base/utf8.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <signal.h>

// Decodes by the definition: the shortest form of a code point that is not a surrogate. Returns the
// length of the first character, 0 where there is none.
static size_t character_by_hand(struct slice text, uint32_t *code_point)
{
    uint8_t lead = text.at[0];
    size_t length = lead < 0x80             ? 1
                    : (lead & 0xe0) == 0xc0 ? 2
                    : (lead & 0xf0) == 0xe0 ? 3
                    : (lead & 0xf8) == 0xf0 ? 4
                                            : 0;
    if (length == 0 || length > text.length) {
        return 0;
    }
    static const uint8_t lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t value = lead & lead_bits[length];
    for (size_t i = 1; i < length; i++) {
        if ((text.at[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (text.at[i] & 0x3f);
    }
    *code_point = value;
    bool is_scalar = value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
    return value >= least[length] && is_scalar ? length : 0;
}

static size_t valid_length_by_hand(struct slice text)
{
    size_t offset = 0;
    uint32_t code_point;
    while (offset < text.length) {
        size_t length = character_by_hand(slice_after(text, offset), &code_point);
        if (length == 0) {
            break;
        }
        offset += length;
    }
    return offset;
}

Test(utf8, encodes_every_code_point_as_it_reads_it)
{
    for (uint32_t code_point = 0; code_point <= 0x10ffff; code_point++) {
        if (code_point == 0xd800) {
            code_point = 0xe000;
        }
        uint8_t bytes[UTF8_CHARACTER_BYTES_MAX];
        uint32_t decoded = 0;
        size_t length = utf8_encode(code_point, bytes);
        struct slice character = slice_from(bytes, length);
        bool is_right = character_by_hand(character, &decoded) == length && decoded == code_point &&
                        utf8_character_length(character) == length && utf8_is_valid(character);
        if (!is_right) {
            cr_assert_fail("U+%04X", code_point);
        }
    }
}

// All second bytes for all leads, with and without what has to follow.
Test(utf8, judges_every_beginning_as_the_definition_does)
{
    for (unsigned lead = 0x80; lead < 0x100; lead++) {
        for (unsigned second = 0; second < 0x100; second++) {
            const uint8_t bytes[4] = {(uint8_t)lead, (uint8_t)second, 0xbf, 0x80};
            for (size_t length = 1; length <= 4; length++) {
                struct slice text = slice_from(bytes, length);
                uint32_t code_point;
                bool is_right = utf8_character_length(text) == character_by_hand(text, &code_point);
                if (!is_right) {
                    cr_assert_fail("%02x %02x, %zu bytes", lead, second, length);
                }
            }
        }
    }
}

Test(utf8, finds_the_first_fault)
{
    cr_assert(utf8_is_valid(slice_empty()));
    cr_assert(utf8_is_valid(slice_of("plain ASCII of more than sixteen bytes")));
    cr_assert(utf8_is_valid(slice_of("gr\xc3\xbc\xc3\x9f dich, \xf0\x9f\x98\x80 und mehr dazu")));
    cr_assert_eq(utf8_valid_length(slice_of("0123456789abcdefgh\xc0\x80")), 18);
    cr_assert_eq(utf8_valid_length(slice_of("ab\xed\xa0\x80")), 2);
    cr_assert_eq(utf8_valid_length(slice_of("\xe2\x82\xac\xe2\x82")), 3);
    cr_assert_eq(utf8_valid_length(slice_of("\x80")), 0);
}

Test(utf8, agrees_with_the_definition_on_random_text)
{
    struct prng prng;
    prng_seed(&prng, 1);
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[80];
        size_t length = 0;
        while (length + 4 <= sizeof(bytes) && prng_chance(&prng, 30, 31)) {
            if (prng_chance(&prng, 1, 2)) {
                bytes[length++] = (uint8_t)prng_below(&prng, 0x80);
            } else {
                uint32_t code_point = (uint32_t)prng_below(&prng, 0xd800);
                length += utf8_encode(code_point >> prng_below(&prng, 12), bytes + length);
            }
        }
        if (length > 0 && prng_chance(&prng, 1, 2)) {
            bytes[prng_below(&prng, length)] = (uint8_t)prng_u64(&prng);
        }
        struct slice text = slice_from(bytes, length);
        cr_assert_eq(utf8_valid_length(text), valid_length_by_hand(text));
    }
}

Test(utf8, sees_control_characters)
{
    cr_assert_not(utf8_has_control(slice_empty()));
    cr_assert_not(utf8_has_control(slice_of("chat/\xc3\xbc \xc2\xa0 \xe2\x80\xa8 ~")));
    cr_assert(utf8_has_control(slice_of("a\nb")));
    cr_assert(utf8_has_control(slice_from("a\0b", 3)));
    cr_assert(utf8_has_control(slice_of("\x7f")));
    cr_assert(utf8_has_control(slice_of("\x1f")));
    cr_assert(utf8_has_control(slice_of("a\xc2\x80")));
    cr_assert(utf8_has_control(slice_of("\xc2\x9f")));
}

Test(utf8, makes_text_printable)
{
    uint8_t text[] = "a\n\xff\xc3\xa9\xc2\x85z\xe2\x82";
    utf8_make_printable(text, sizeof(text) - 1);
    cr_assert_str_eq((char *)text, "a??\xc3\xa9??z??");
    utf8_make_printable(text, 0);
}

Test(utf8, a_surrogate_cannot_be_encoded, .signal = SIGABRT)
{
    uint8_t bytes[UTF8_CHARACTER_BYTES_MAX];
    utf8_encode(0xd800, bytes);
}

Test(utf8, nothing_above_the_last_code_point_can_be_encoded, .signal = SIGABRT)
{
    uint8_t bytes[UTF8_CHARACTER_BYTES_MAX];
    utf8_encode(0x110000, bytes);
}
