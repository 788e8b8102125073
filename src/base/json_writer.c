#include "base/json_writer.h"

#include "base/word.h"

#include <math.h>

// The letter of an escape of two characters, or 0.
static uint8_t json_escape_letter(uint8_t byte)
{
    switch (byte) {
    case '"': return '"';
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 0;
    }
}

static bool json_needs_escape(uint8_t byte)
{
    return byte < 0x20 || byte == '"' || byte == '\\';
}

// How many bytes at the start of `text` go out as they are.
static size_t json_clean_length(struct slice text)
{
    size_t offset = 0;
    while (text.length - offset >= WORD_BYTES) {
        uint64_t word = load_le64(text.at + offset);
        uint64_t marks = word_below(word, 0x20) | word_equal(word, '"') | word_equal(word, '\\');
        if (marks != 0) {
            return offset + word_first(marks);
        }
        offset += WORD_BYTES;
    }
    while (offset < text.length && !json_needs_escape(text.at[offset])) {
        offset++;
    }
    return offset;
}

size_t json_escaped_length(struct slice text)
{
    ASSERT(text.length <= SIZE_MAX / 6);
    size_t length = text.length;
    size_t offset = json_clean_length(text);
    while (offset < text.length) {
        length += json_escape_letter(text.at[offset]) != 0 ? 1 : 5;
        offset++;
        offset += json_clean_length(slice_after(text, offset));
    }
    return length;
}

size_t json_escape(uint8_t *into, struct slice text)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t *out = into;
    while (text.length > 0) {
        size_t clean = json_clean_length(text);
        if (clean > 0) {
            memcpy(out, text.at, clean);
            out += clean;
            text = slice_after(text, clean);
            continue;
        }
        uint8_t byte = text.at[0];
        uint8_t letter = json_escape_letter(byte);
        *out++ = '\\';
        if (letter != 0) {
            *out++ = letter;
        } else {
            memcpy(out, "u00", 3);
            out[3] = (uint8_t)hex[byte >> 4];
            out[4] = (uint8_t)hex[byte & 15];
            out += 5;
        }
        text = slice_after(text, 1);
    }
    return (size_t)(out - into);
}

// What stands before a value or a key.
static void json_write_separator(struct json_writer *writer)
{
    if (writer->needs_comma) {
        buffer_append_byte(writer->buffer, ',');
    }
    writer->needs_comma = true;
}

static void json_write_open(struct json_writer *writer, uint8_t bracket)
{
    json_write_separator(writer);
    buffer_append_byte(writer->buffer, bracket);
    writer->needs_comma = false;
}

static void json_write_close(struct json_writer *writer, uint8_t bracket)
{
    buffer_append_byte(writer->buffer, bracket);
    writer->needs_comma = true;
}

void json_write_object_open(struct json_writer *writer)
{
    json_write_open(writer, '{');
}

void json_write_object_close(struct json_writer *writer)
{
    json_write_close(writer, '}');
}

void json_write_array_open(struct json_writer *writer)
{
    json_write_open(writer, '[');
}

void json_write_array_close(struct json_writer *writer)
{
    json_write_close(writer, ']');
}

void json_write_key(struct json_writer *writer, const char *key)
{
    json_write_text(writer, key);
    buffer_append_byte(writer->buffer, ':');
    writer->needs_comma = false;
}

void json_write_string(struct json_writer *writer, struct slice text)
{
    json_write_separator(writer);
    size_t escaped = json_escaped_length(text);
    uint8_t *into = buffer_reserve(writer->buffer, escaped + 2);
    if (into == NULL) {
        return;
    }
    into[0] = '"';
    json_escape(into + 1, text);
    into[escaped + 1] = '"';
    buffer_commit(writer->buffer, escaped + 2);
}

void json_write_text(struct json_writer *writer, const char *text)
{
    json_write_string(writer, slice_of(text));
}

void json_write_u64(struct json_writer *writer, uint64_t value)
{
    json_write_separator(writer);
    buffer_append_u64(writer->buffer, value);
}

void json_write_i64(struct json_writer *writer, int64_t value)
{
    json_write_separator(writer);
    if (value < 0) {
        buffer_append_byte(writer->buffer, '-');
    }
    buffer_append_u64(writer->buffer, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void json_write_member_u64(struct json_writer *writer, const char *key, uint64_t value)
{
    json_write_key(writer, key);
    json_write_u64(writer, value);
}

void json_write_decimal(struct json_writer *writer, double value, int digits)
{
    ASSERT(isfinite(value));
    json_write_separator(writer);
    buffer_printf(writer->buffer, "%.*f", digits, value);
}

void json_write_member_decimal(struct json_writer *writer, const char *key, double value,
                               int digits)
{
    json_write_key(writer, key);
    json_write_decimal(writer, value, digits);
}

void json_write_boolean(struct json_writer *writer, bool value)
{
    json_write_raw(writer, slice_of(value ? "true" : "false"));
}

void json_write_null(struct json_writer *writer)
{
    json_write_raw(writer, slice_of("null"));
}

void json_write_raw(struct json_writer *writer, struct slice json)
{
    json_write_separator(writer);
    buffer_append_slice(writer->buffer, json);
}
