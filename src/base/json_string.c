#include "base/json_string.h"

#include "base/text.h"
#include "base/utf8.h"
#include "base/word.h"

// How many bytes at the start of `text` are ASCII that needs no look: neither quote, backslash nor
// control character.
static size_t json_plain_length(struct slice text)
{
    size_t offset = 0;
    while (text.length - offset >= WORD_BYTES) {
        uint64_t word = load_le64(text.at + offset);
        uint64_t marks = word_not_ascii(word) | word_below(word, 0x20) | word_equal(word, '"') |
                         word_equal(word, '\\');
        if (marks != 0) {
            return offset + word_first(marks);
        }
        offset += WORD_BYTES;
    }
    while (offset < text.length) {
        uint8_t byte = text.at[offset];
        if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\') {
            break;
        }
        offset++;
    }
    return offset;
}

// The four hex digits after a \u that `at` points to; or -1.
static int32_t json_hex4(const uint8_t *at)
{
    int32_t value = 0;
    for (int i = 2; i < 6; i++) {
        int digit = text_hex_value(at[i]);
        if (digit < 0) {
            return -1;
        }
        value = value << 4 | digit;
    }
    return value;
}

// What an escape stands for.
struct json_escape {
    uint32_t code_point;
    size_t raw_length; // 2, 6 or 12
};

static int json_escape_short(uint8_t letter)
{
    switch (letter) {
    case '"':
    case '\\':
    case '/': return letter;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return -1;
    }
}

// Reads the escape that `text` begins with. A pair of surrogates is one escape.
static enum json_fault json_escape_read(struct slice text, struct json_escape *escape)
{
    if (text.length < 2) {
        return JSON_FAULT_TRUNCATED;
    }
    if (text.at[1] != 'u') {
        int byte = json_escape_short(text.at[1]);
        *escape = (struct json_escape){.code_point = (uint32_t)byte, .raw_length = 2};
        return byte < 0 ? JSON_FAULT_ESCAPE : JSON_OK;
    }
    if (text.length < 6) {
        return JSON_FAULT_TRUNCATED;
    }
    int32_t unit = json_hex4(text.at);
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff)) {
        return JSON_FAULT_ESCAPE;
    }
    if (unit < 0xd800 || unit > 0xdfff) {
        *escape = (struct json_escape){.code_point = (uint32_t)unit, .raw_length = 6};
        return JSON_OK;
    }
    if (text.length < 12) {
        // A text that ends within the pair, or a lone one in a complete text: either is a fault.
        return JSON_FAULT_ESCAPE;
    }
    int32_t low = text.at[6] == '\\' && text.at[7] == 'u' ? json_hex4(text.at + 6) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
        return JSON_FAULT_ESCAPE;
    }
    uint32_t code_point = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
    *escape = (struct json_escape){.code_point = code_point, .raw_length = 12};
    return JSON_OK;
}

enum json_fault json_string_scan(struct slice text, size_t *position, struct json_string *string)
{
    size_t start = *position;
    size_t saved = 0; // raw bytes more than unescaped ones
    size_t at = start;
    for (;;) {
        at += json_plain_length(slice_after(text, at));
        *position = at;
        if (at == text.length) {
            return JSON_FAULT_TRUNCATED;
        }
        uint8_t byte = text.at[at];
        if (byte == '"') {
            break;
        }
        if (byte < 0x20) {
            return JSON_FAULT_STRING;
        }
        if (byte == '\\') {
            struct json_escape escape;
            uint8_t encoded[UTF8_CHARACTER_BYTES_MAX];
            enum json_fault escape_fault = json_escape_read(slice_after(text, at), &escape);
            if (escape_fault != JSON_OK) {
                return escape_fault;
            }
            saved += escape.raw_length - utf8_encode(escape.code_point, encoded);
            at += escape.raw_length;
            continue;
        }
        while (at < text.length && text.at[at] >= 0x80) {
            size_t length = utf8_character_length(slice_after(text, at));
            if (length == 0) {
                *position = at;
                return JSON_FAULT_UTF8;
            }
            at += length;
        }
    }
    *string = (struct json_string){
        .raw = slice_from(text.at + start, at - start),
        .length = at - start - saved,
        .is_escaped = saved > 0,
    };
    *position = at + 1;
    return JSON_OK;
}

// Walks over an escaped string piece by piece: writes the next piece of at most
// UTF8_CHARACTER_BYTES_MAX bytes, or borrows a longer stretch without escapes.
static struct slice json_string_piece(struct slice *rest, uint8_t encoded[UTF8_CHARACTER_BYTES_MAX])
{
    size_t plain = slice_find(*rest, '\\');
    if (plain > 0) {
        struct slice piece = slice_first(*rest, plain);
        *rest = slice_after(*rest, plain);
        return piece;
    }
    struct json_escape escape;
    enum json_fault fault = json_escape_read(*rest, &escape);
    ASSERT(fault == JSON_OK); // json_string_scan has seen it
    *rest = slice_after(*rest, escape.raw_length);
    return slice_from(encoded, utf8_encode(escape.code_point, encoded));
}

void json_unescape(struct json_string string, uint8_t *into)
{
    struct slice rest = string.raw;
    size_t written = 0;
    while (rest.length > 0) {
        uint8_t encoded[UTF8_CHARACTER_BYTES_MAX];
        struct slice piece = json_string_piece(&rest, encoded);
        memmove(into + written, piece.at, piece.length);
        written += piece.length;
    }
    ASSERT(written == string.length);
}

bool json_string_slice(struct json_string string, uint8_t *scratch, size_t scratch_bytes,
                       struct slice *slice)
{
    if (!string.is_escaped) {
        *slice = string.raw;
        return true;
    }
    if (string.length > scratch_bytes) {
        return false;
    }
    json_unescape(string, scratch);
    *slice = slice_from(scratch, string.length);
    return true;
}

bool json_string_is(struct json_string string, const char *text)
{
    struct slice expected = slice_of(text);
    if (string.length != expected.length) {
        return false;
    }
    struct slice rest = string.raw;
    while (rest.length > 0) {
        uint8_t encoded[UTF8_CHARACTER_BYTES_MAX];
        struct slice piece = json_string_piece(&rest, encoded);
        if (!slice_starts_with(expected, piece)) {
            return false;
        }
        expected = slice_after(expected, piece.length);
    }
    return true;
}
