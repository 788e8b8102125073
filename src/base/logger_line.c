#include "base/logger_line.h"

#include "base/text.h"
#include "base/utf8.h"

#include <stdio.h>

enum {
    UNIT_BYTES_MAX = 6, // of a character as it goes out: \u001b
    NUMBER_BYTES_MAX = TEXT_U64_BYTES_MAX + 2,
};

void logger_line_begin(struct logger_line *line, enum logger_format format, char *memory,
                       size_t bytes)
{
    size_t end_bytes = format == LOGGER_JSON ? LOGGER_LINE_END_BYTES : 1;
    ASSERT(bytes >= LOGGER_LINE_END_BYTES);
    *line = (struct logger_line){.at = memory, .bytes_max = bytes - end_bytes, .format = format};
}

static size_t room(const struct logger_line *line)
{
    return line->bytes_max - line->length;
}

static void put(struct logger_line *line, struct slice bytes)
{
    ASSERT(bytes.length <= room(line));
    if (bytes.length > 0) {
        memcpy(line->at + line->length, bytes.at, bytes.length);
    }
    line->length += bytes.length;
}

void logger_line_plain(struct logger_line *line, struct slice text)
{
    ASSERT(!line->has_member);
    put(line, text.length < room(line) ? text : slice_first(text, room(line)));
}

void logger_line_open(struct logger_line *line)
{
    if (line->format == LOGGER_JSON && room(line) > 0) {
        line->at[line->length++] = '{';
    }
}

// False where the member does not fit, with a value of so many bytes.
static bool put_key(struct logger_line *line, const char *key, size_t value_bytes)
{
    bool is_json = line->format == LOGGER_JSON;
    bool is_separated = line->has_member || (line->format == LOGGER_TEXT && line->length > 0);
    struct slice name = slice_of(key);
    size_t bytes = name.length + (is_json ? 3 : 1) + is_separated + value_bytes;
    if (bytes > room(line)) {
        return false;
    }
    if (is_separated) {
        line->at[line->length++] = is_json ? ',' : ' ';
    }
    if (is_json) {
        line->at[line->length++] = '"';
    }
    put(line, name);
    put(line, slice_of(is_json ? "\":" : "="));
    line->has_member = true;
    return true;
}

static size_t write_escape(uint32_t code_point, char unit[UNIT_BYTES_MAX])
{
    static const char digits[] = "0123456789abcdef";
    char letter = '\0';
    switch (code_point) {
    case '"':
    case '\\': letter = (char)code_point; break;
    case '\n': letter = 'n'; break;
    case '\r': letter = 'r'; break;
    case '\t': letter = 't'; break;
    default: break;
    }
    unit[0] = '\\';
    if (letter != '\0') {
        unit[1] = letter;
        return 2;
    }
    ASSERT(code_point <= 0xff);
    memcpy(unit + 1, "u00", 3);
    unit[4] = digits[code_point >> 4];
    unit[5] = digits[code_point & 0xf];
    return UNIT_BYTES_MAX;
}

// The first character of the text as it stands between quotes; *taken is its length in the text.
static size_t write_unit(struct slice text, char unit[UNIT_BYTES_MAX], size_t *taken)
{
    static const struct slice replacement = SLICE_LITERAL("\xef\xbf\xbd");
    size_t length = utf8_character_length(text);
    *taken = length == 0 ? 1 : length;
    if (length == 0) {
        memcpy(unit, replacement.at, replacement.length);
        return replacement.length;
    }
    if (utf8_has_control(slice_first(text, length))) {
        return write_escape(text.at[length - 1], unit); // U+0080 to U+009F are C2 80 to C2 9F
    }
    if (text.at[0] == '"' || text.at[0] == '\\') {
        return write_escape(text.at[0], unit);
    }
    memcpy(unit, text.at, length);
    return length;
}

// Whether a text needs no quotes: not empty, and no byte that would end or change it.
static bool is_bare(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = text.at[i];
        if (byte <= ' ' || byte == '"' || byte == '=' || byte == '\\' || byte == 0x7f) {
            return false;
        }
    }
    return text.length > 0 && utf8_is_valid(text) && !utf8_has_control(text);
}

static void put_quoted(struct logger_line *line, struct slice text, size_t bytes_max)
{
    line->at[line->length++] = '"';
    size_t at = 0;
    size_t left = bytes_max;
    while (at < text.length) {
        char unit[UNIT_BYTES_MAX];
        size_t taken;
        size_t length = write_unit(slice_after(text, at), unit, &taken);
        if (length > left || length + 1 > room(line)) {
            break;
        }
        put(line, slice_from(unit, length));
        left -= length;
        at += taken;
    }
    line->at[line->length++] = '"';
}

void logger_line_text(struct logger_line *line, const char *key, struct slice text,
                      size_t bytes_max)
{
    static const size_t quotes = 2;
    if (!put_key(line, key, quotes)) {
        return;
    }
    if (line->format != LOGGER_JSON && text.length <= bytes_max && text.length <= room(line) &&
        is_bare(text)) {
        put(line, text);
    } else {
        put_quoted(line, text, bytes_max);
    }
}

static void put_number(struct logger_line *line, const char *key, struct slice number)
{
    if (put_key(line, key, number.length)) {
        put(line, number);
    }
}

void logger_line_u64(struct logger_line *line, const char *key, uint64_t value)
{
    char digits[TEXT_U64_BYTES_MAX];
    put_number(line, key, slice_from(digits, text_format_u64(value, digits)));
}

void logger_line_thousandths(struct logger_line *line, const char *key, uint64_t thousandths)
{
    char text[NUMBER_BYTES_MAX];
    int length = snprintf(text, sizeof(text), "%llu.%03u", (unsigned long long)thousandths / 1000,
                          (unsigned)(thousandths % 1000));
    ASSERT(length > 0 && (size_t)length < sizeof(text));
    put_number(line, key, slice_from(text, (size_t)length));
}

struct slice logger_line_end(struct logger_line *line)
{
    if (line->format == LOGGER_JSON) {
        line->at[line->length++] = '}';
    }
    line->at[line->length++] = '\n';
    return slice_from(line->at, line->length);
}
