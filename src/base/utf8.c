#include "base/utf8.h"

#include "base/word.h"

static bool utf8_continues(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

size_t utf8_character_length(struct slice text)
{
    ASSERT(text.length > 0);
    const uint8_t *at = text.at;
    uint8_t lead = at[0];
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        return text.length >= 2 && utf8_continues(at[1]) ? 2 : 0;
    }
    // The second byte's range excludes overlong forms, surrogates and what is above U+10FFFF.
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    if (lead >= 0xe0 && lead <= 0xef) {
        low = lead == 0xe0 ? 0xa0 : low;
        high = lead == 0xed ? 0x9f : high;
        bool is_valid = text.length >= 3 && at[1] >= low && at[1] <= high && utf8_continues(at[2]);
        return is_valid ? 3 : 0;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        low = lead == 0xf0 ? 0x90 : low;
        high = lead == 0xf4 ? 0x8f : high;
        bool is_valid = text.length >= 4 && at[1] >= low && at[1] <= high &&
                        utf8_continues(at[2]) && utf8_continues(at[3]);
        return is_valid ? 4 : 0;
    }
    return 0;
}

size_t utf8_valid_length(struct slice text)
{
    size_t offset = 0;
    while (offset < text.length) {
        // Most text is ASCII: sixteen bytes a step.
        while (text.length - offset >= 2 * WORD_BYTES) {
            uint64_t one = load_le64(text.at + offset);
            uint64_t other = load_le64(text.at + offset + WORD_BYTES);
            if (word_not_ascii(one | other) != 0) {
                break;
            }
            offset += 2 * WORD_BYTES;
        }
        while (offset < text.length && text.at[offset] < 0x80) {
            offset++;
        }
        // A script other than Latin comes in runs.
        while (offset < text.length && text.at[offset] >= 0x80) {
            size_t length = utf8_character_length(slice_after(text, offset));
            if (length == 0) {
                return offset;
            }
            offset += length;
        }
    }
    return text.length;
}

bool utf8_has_control(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = text.at[i];
        if (byte < 0x20 || byte == 0x7f) {
            return true;
        }
        // U+0080 to U+009F are C2 80 to C2 9F.
        if (byte == 0xc2 && i + 1 < text.length && text.at[i + 1] < 0xa0) {
            return true;
        }
    }
    return false;
}

void utf8_make_printable(uint8_t *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        struct slice rest = slice_from(text + at, length - at);
        size_t character = utf8_character_length(rest);
        if (character == 0 || utf8_has_control(slice_first(rest, character))) {
            text[at] = '?';
            character = 1; // the rest of a control character is no valid one
        }
        at += character;
    }
}

size_t utf8_encode(uint32_t code_point, uint8_t into[UTF8_CHARACTER_BYTES_MAX])
{
    ASSERT(code_point <= 0x10ffff);
    ASSERT(code_point < 0xd800 || code_point > 0xdfff);
    if (code_point < 0x80) {
        into[0] = (uint8_t)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        into[0] = (uint8_t)(0xc0 | code_point >> 6);
        into[1] = (uint8_t)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if (code_point < 0x10000) {
        into[0] = (uint8_t)(0xe0 | code_point >> 12);
        into[1] = (uint8_t)(0x80 | (code_point >> 6 & 0x3f));
        into[2] = (uint8_t)(0x80 | (code_point & 0x3f));
        return 3;
    }
    into[0] = (uint8_t)(0xf0 | code_point >> 18);
    into[1] = (uint8_t)(0x80 | (code_point >> 12 & 0x3f));
    into[2] = (uint8_t)(0x80 | (code_point >> 6 & 0x3f));
    into[3] = (uint8_t)(0x80 | (code_point & 0x3f));
    return 4;
}
