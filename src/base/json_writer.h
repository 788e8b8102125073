// Writes JSON into a buffer, without white space; commas come by themselves. Failures stick to
// the buffer (buffer_failure), so nothing here returns one. Strings must be valid UTF-8 for the
// result to be valid JSON: bytes from 0x80 on are passed through. One thread each.
//
//     struct json_writer writer = json_writer_on(&buffer);
//     json_write_object_open(&writer);
//     json_write_key(&writer, "id");
//     json_write_u64(&writer, 42);
//     json_write_object_close(&writer);
#ifndef RINGCAST_BASE_JSON_WRITER_H
#define RINGCAST_BASE_JSON_WRITER_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_writer {
    struct buffer *buffer; // borrowed
    bool needs_comma;
};

static inline struct json_writer json_writer_on(struct buffer *buffer)
{
    return (struct json_writer){.buffer = buffer, .needs_comma = false};
}

void json_write_object_open(struct json_writer *writer);
void json_write_object_close(struct json_writer *writer);
void json_write_array_open(struct json_writer *writer);
void json_write_array_close(struct json_writer *writer);

// The name of the member whose value is written next.
void json_write_key(struct json_writer *writer, const char *key);

void json_write_string(struct json_writer *writer, struct slice text);
void json_write_text(struct json_writer *writer, const char *text);
void json_write_u64(struct json_writer *writer, uint64_t value);
void json_write_i64(struct json_writer *writer, int64_t value);
// With so many digits behind the point; not for infinities and NaN, which JSON has not.
void json_write_decimal(struct json_writer *writer, double value, int digits);
void json_write_boolean(struct json_writer *writer, bool value);
void json_write_null(struct json_writer *writer);

// A key and its value.
void json_write_member_u64(struct json_writer *writer, const char *key, uint64_t value);

void json_write_member_decimal(struct json_writer *writer, const char *key, double value,
                               int digits);

// A value that is JSON already.
void json_write_raw(struct json_writer *writer, struct slice json);

// The size of `text` escaped, without quotes: at most 6 * text.length.
size_t json_escaped_length(struct slice text);

// Writes `text` escaped, without quotes, and returns json_escaped_length(text), for which `into`
// has room. `into` and `text` do not overlap. U+0000 to U+001F, the quote and the backslash are
// escaped, in the short form where there is one.
size_t json_escape(uint8_t *into, struct slice text);

#endif
