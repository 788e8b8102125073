// Values: arrays, inline tables and text.
#include "base/text.h"
#include "base/toml_reader.h"
#include "base/utf8.h"

// Passes over blanks, comments and ends of lines, as they stand in arrays.
static bool skip_lines(struct toml_reader *reader)
{
    do {
        if (!toml_skip_comment(reader)) {
            return false;
        }
    } while (toml_take_newline(reader));
    return true;
}

static bool read_items(struct toml_reader *reader, struct toml_value *array)
{
    reader->at++;
    for (;;) {
        if (!skip_lines(reader)) {
            return false;
        }
        if (toml_peek(reader, 0) == ']') {
            break;
        }
        struct toml_value *item = toml_read_value(reader);
        if (item == NULL || !skip_lines(reader)) {
            return false;
        }
        toml_append(array, item);
        if (toml_peek(reader, 0) == ',') {
            reader->at++;
        } else if (toml_peek(reader, 0) != ']') {
            return toml_expected(reader, "',' or ']' in the array");
        }
    }
    reader->at++;
    return true;
}

static bool read_pairs(struct toml_reader *reader, struct toml_value *table)
{
    reader->at++;
    toml_skip_blanks(reader);
    if (toml_peek(reader, 0) == '}') {
        reader->at++;
        return true;
    }
    for (;;) {
        if (!toml_read_pair(reader, table)) {
            return false;
        }
        toml_skip_blanks(reader);
        if (toml_peek(reader, 0) == '}') {
            break;
        }
        if (toml_peek(reader, 0) != ',') {
            return toml_expected(reader, "',' or '}' in the inline table, which is one line");
        }
        reader->at++;
    }
    reader->at++;
    return true;
}

static struct toml_value *read_nested(struct toml_reader *reader, enum toml_kind kind,
                                      bool (*read)(struct toml_reader *, struct toml_value *))
{
    struct toml_value *value = toml_new(reader, kind, toml_here(reader));
    if (value == NULL) {
        return NULL;
    }
    value->made = TOML_MADE_INLINE;
    if (reader->depth == TOML_DEPTH_MAX) {
        (void)toml_fault(reader, value->at, "more than %d arrays and tables in each other",
                         TOML_DEPTH_MAX);
        return NULL;
    }
    reader->depth++;
    bool is_good = read(reader, value);
    reader->depth--;
    return is_good ? value : NULL;
}

struct toml_value *toml_read_value(struct toml_reader *reader)
{
    uint8_t byte = toml_peek(reader, 0);
    if (byte == '[') {
        return read_nested(reader, TOML_ARRAY, read_items);
    }
    if (byte == '{') {
        return read_nested(reader, TOML_TABLE, read_pairs);
    }
    if (byte != '"' && byte != '\'') {
        return toml_read_scalar(reader);
    }
    struct toml_value *value = toml_new(reader, TOML_TEXT, toml_here(reader));
    return value != NULL && toml_read_text(reader, false, &value->text) ? value : NULL;
}

// --- text ---

// One text while it is read. It is copied, since escapes and CRLF make it shorter than it is
// written.
struct text_reading {
    struct toml_position at;
    uint8_t quote;
    bool is_long;     // between three quotes, over lines
    uint8_t *decoded; // as long as what is left of the file, at most
    size_t length;
};

static bool is_at_quotes(const struct toml_reader *reader, uint8_t quote)
{
    return toml_peek(reader, 0) == quote && toml_peek(reader, 1) == quote &&
           toml_peek(reader, 2) == quote;
}

// How far a text may reach, in bytes: to the quote that ends it, which no escape hides. An upper
// bound for its decoded length.
static size_t measure(const struct toml_reader *reader, const struct text_reading *text)
{
    struct toml_reader ahead = *reader;
    while (!toml_is_over(&ahead)) {
        if (text->is_long ? is_at_quotes(&ahead, text->quote)
                          : (*ahead.at == text->quote || *ahead.at == '\n')) {
            break;
        }
        bool is_escape = *ahead.at == '\\' && text->quote == '"' && toml_peek(&ahead, 1) != 0 &&
                         toml_peek(&ahead, 1) != '\n';
        ahead.at += is_escape ? 2 : 1;
    }
    enum { QUOTES_BEHIND = 5 }; // two of them may belong to it
    return (size_t)(ahead.at - reader->at) + QUOTES_BEHIND;
}

static void put(struct text_reading *text, const uint8_t *bytes, size_t length)
{
    memcpy(text->decoded + text->length, bytes, length);
    text->length += length;
}

// \uXXXX or \UXXXXXXXX; the reader stands at the backslash.
static bool read_code_point(struct toml_reader *reader, struct text_reading *text, size_t digits)
{
    uint32_t code_point = 0;
    struct toml_position at = toml_here(reader);
    for (size_t i = 0; i < digits; i++) {
        int value = text_hex_value(toml_peek(reader, 2 + i));
        if (value < 0) {
            reader->at += 2 + i;
            return toml_expected(reader, digits == 4 ? "four hexadecimal digits behind \\u"
                                                     : "eight hexadecimal digits behind \\U");
        }
        code_point = code_point << 4 | (uint32_t)value;
    }
    if (code_point > 0x10ffff || (code_point >= 0xd800 && code_point <= 0xdfff)) {
        return toml_fault(reader, at, "U+%04X is no character", code_point);
    }
    uint8_t bytes[UTF8_CHARACTER_BYTES_MAX];
    put(text, bytes, utf8_encode(code_point, bytes));
    reader->at += 2 + digits;
    return true;
}

// A backslash at the end of a line takes all blanks and ends of lines behind it away. False,
// without a word: it is none of these.
static bool skip_folded(struct toml_reader *reader)
{
    struct toml_reader ahead = *reader;
    ahead.at++;
    toml_skip_blanks(&ahead);
    if (!toml_take_newline(&ahead)) {
        return false;
    }
    do {
        toml_skip_blanks(&ahead);
    } while (toml_take_newline(&ahead));
    *reader = ahead;
    return true;
}

static bool read_escape(struct toml_reader *reader, struct text_reading *text)
{
    static const char letters[] = "btnfr\"\\";
    static const uint8_t meanings[] = "\b\t\n\f\r\"\\";
    uint8_t letter = toml_peek(reader, 1);
    const char *found = letter == 0 ? NULL : strchr(letters, letter);
    if (found != NULL) {
        put(text, &meanings[found - letters], 1);
        reader->at += 2;
        return true;
    }
    if (letter == 'u' || letter == 'U') {
        return read_code_point(reader, text, letter == 'u' ? 4 : 8);
    }
    if (text->is_long && skip_folded(reader)) {
        return true;
    }
    if (letter <= ' ' || letter >= 0x7f) {
        return toml_fault(reader, toml_here(reader),
                          "a lone backslash; write it as \\\\, or the text between ' and '");
    }
    return toml_fault(reader, toml_here(reader),
                      "'\\%c' is no escape; write a backslash as \\\\, or the text between ' and '",
                      letter);
}

// Whether the text ends here; then the reader is behind it. Of up to five quotes in a row the last
// three end a long text.
static bool take_end(struct toml_reader *reader, struct text_reading *text)
{
    if (!text->is_long) {
        bool is_end = toml_peek(reader, 0) == text->quote;
        reader->at += is_end ? 1 : 0;
        return is_end;
    }
    if (!is_at_quotes(reader, text->quote)) {
        return false;
    }
    reader->at += 3;
    for (int i = 0; i < 2 && toml_peek(reader, 0) == text->quote; i++) {
        put(text, &text->quote, 1);
        reader->at++;
    }
    return true;
}

static bool read_character(struct toml_reader *reader, struct text_reading *text)
{
    uint8_t byte = toml_peek(reader, 0);
    if (byte == '\\' && text->quote == '"') {
        return read_escape(reader, text);
    }
    if (text->is_long && toml_take_newline(reader)) {
        put(text, (const uint8_t *)"\n", 1);
        return true;
    }
    if (toml_is_over(reader) || byte == '\n' || (byte == '\r' && toml_peek(reader, 1) == '\n')) {
        return toml_fault(reader, text->at, "a text that does not end with %s%c%s",
                          text->is_long ? "three " : "", text->quote,
                          text->is_long ? "" : " in its line");
    }
    if (toml_is_control(byte)) {
        return toml_fault(reader, toml_here(reader),
                          "the control character U+%04X may not stand in a text%s", (unsigned)byte,
                          text->quote == '"' ? "; write it as \\uXXXX" : "");
    }
    put(text, reader->at, 1);
    reader->at++;
    return true;
}

bool toml_read_text(struct toml_reader *reader, bool is_key, struct slice *decoded)
{
    struct text_reading text = {.at = toml_here(reader), .quote = toml_peek(reader, 0)};
    text.is_long = is_at_quotes(reader, text.quote);
    if (text.is_long && is_key) {
        return toml_fault(reader, text.at, "a key may not stand between three quotes");
    }
    reader->at += text.is_long ? 3 : 1;
    if (text.is_long) {
        (void)toml_take_newline(reader);
    }
    text.decoded = arena_take(reader->arena, measure(reader, &text));
    if (text.decoded == NULL) {
        return toml_fault(reader, text.at, "out of memory");
    }
    while (!take_end(reader, &text)) {
        if (!read_character(reader, &text)) {
            return false;
        }
    }
    *decoded = slice_from(text.decoded, text.length);
    return true;
}
