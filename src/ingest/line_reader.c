#include "ingest/line_reader.h"

#include "base/assert.h"
#include "base/limits.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    // Beside the data: names, attribute values and the key of whatever is refused.
    SCRATCH_MORE_BYTES = 64 << 10,
    ATTRIBUTES_LIST_BYTES_MAX = 32 << 10,
    ATTRIBUTES_LIST_BYTES = 4 << 10,
};

int line_scratch_init(struct line_scratch *scratch, size_t event_bytes_max)
{
    *scratch = (struct line_scratch){.capacity_bytes = event_bytes_max + SCRATCH_MORE_BYTES};
    buffer_init(&scratch->attributes, ATTRIBUTES_LIST_BYTES_MAX);
    scratch->bytes = malloc(scratch->capacity_bytes);
    if (scratch->bytes == NULL ||
        buffer_reserve(&scratch->attributes, ATTRIBUTES_LIST_BYTES) == NULL) {
        line_scratch_free(scratch);
        return -ENOMEM;
    }
    return 0;
}

void line_scratch_free(struct line_scratch *scratch)
{
    free(scratch->bytes);
    scratch->bytes = NULL;
    buffer_free(&scratch->attributes);
}

// ---- faults ------------------------------------------------------------------------------------

bool line_fail(struct line_reader *reader, enum rc_error error, size_t position, const char *format,
               ...)
{
    struct line_fault *fault = reader->fault;
    fault->error = error;
    fault->position = position;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->message, sizeof fault->message, format, arguments);
    va_end(arguments);
    return false;
}

// The scanner's own fault: broken JSON, or a value of the wrong type.
bool line_fail_json(struct line_reader *reader, const char *expected)
{
    const struct json_scanner *scanner = &reader->scanner;
    ASSERT(scanner->fault != JSON_OK);
    if ((scanner->fault == JSON_FAULT_TYPE || scanner->fault == JSON_FAULT_RANGE) &&
        reader->key != NULL) {
        return line_fail(reader, ERR_INVALID_PARAMETER, scanner->fault_position,
                         "\"%s\" must be %s", reader->key, expected);
    }
    return line_fail(reader, ERR_SERIALIZATION_ERROR, scanner->fault_position,
                     "this is not one JSON object on a line: %s", json_fault_text(scanner->fault));
}

// A value that was read but is not acceptable.
bool line_fail_value(struct line_reader *reader, size_t position, const char *expected)
{
    return line_fail(reader, ERR_INVALID_PARAMETER, position, "\"%s\" must be %s", reader->key,
                     expected);
}

// ---- values ------------------------------------------------------------------------------------

// Where the value that is due begins.
size_t line_position(struct line_reader *reader)
{
    json_peek(&reader->scanner);
    return reader->scanner.position;
}

uint8_t *line_take(struct line_reader *reader, size_t length)
{
    struct line_scratch *scratch = reader->scratch;
    if (length > scratch->capacity_bytes - scratch->used_bytes) {
        return NULL;
    }
    uint8_t *at = scratch->bytes + scratch->used_bytes;
    scratch->used_bytes += length;
    return at;
}

bool line_unescape(struct line_reader *reader, struct json_string string, size_t position,
                   size_t bytes_max, struct slice *text)
{
    if (string.length > bytes_max) {
        return line_fail(reader, ERR_TOO_LARGE, position,
                         "\"%s\" is %zu bytes long, the limit is %zu", reader->key, string.length,
                         bytes_max);
    }
    if (!string.is_escaped) {
        *text = string.raw;
        return true;
    }
    uint8_t *into = line_take(reader, string.length);
    if (into == NULL) {
        return line_fail(reader, ERR_TOO_LARGE, position, "the line's texts are too long in all");
    }
    json_unescape(string, into);
    *text = slice_from(into, string.length);
    return true;
}

bool line_read_text(struct line_reader *reader, size_t bytes_max, struct slice *text)
{
    size_t position = line_position(reader);
    struct json_string string;
    return json_read_string(&reader->scanner, &string)
               ? line_unescape(reader, string, position, bytes_max, text)
               : line_fail_json(reader, "a string");
}

bool line_read_u64(struct line_reader *reader, uint64_t maximum, uint64_t *value)
{
    size_t position = line_position(reader);
    if (!json_read_u64(&reader->scanner, value)) {
        return line_fail_json(reader, "a whole number, not negative");
    }
    return *value <= maximum ||
           line_fail(reader, ERR_INVALID_PARAMETER, position, "\"%s\" must be at most %llu",
                     reader->key, (unsigned long long)maximum);
}

bool line_read_u32(struct line_reader *reader, uint32_t *value)
{
    uint64_t wide = 0;
    if (!line_read_u64(reader, UINT32_MAX, &wide)) {
        return false;
    }
    *value = (uint32_t)wide;
    return true;
}

bool line_read_switch(struct line_reader *reader, bool *value)
{
    return json_read_boolean(&reader->scanner, value) || line_fail_json(reader, "true or false");
}

bool line_add_attribute(struct line_reader *reader, uint8_t kind, struct slice value,
                        size_t position)
{
    if (value.length > UINT16_MAX ||
        !event_attribute_append(&reader->scratch->attributes, kind, value)) {
        return line_fail(reader, ERR_TOO_LARGE, position, "the attributes are too long in all");
    }
    return true;
}

bool line_read_attribute(struct line_reader *reader, uint8_t kind)
{
    size_t position = line_position(reader);
    struct slice value = slice_empty();
    return line_read_text(reader, ATTRIBUTE_BYTES_MAX, &value) &&
           line_add_attribute(reader, kind, value, position);
}

bool line_read_attributes(struct line_reader *reader, uint8_t kind)
{
    if (!json_enter_array(&reader->scanner)) {
        return line_fail_json(reader, "an array of strings");
    }
    while (json_next_element(&reader->scanner)) {
        if (!line_read_attribute(reader, kind)) {
            return false;
        }
    }
    return reader->scanner.fault == JSON_OK || line_fail_json(reader, "an array of strings");
}

bool line_read_quantity(struct line_reader *reader, bool (*parse)(struct slice, uint64_t *),
                        const char *expected, uint64_t *value)
{
    if (json_peek(&reader->scanner) == JSON_NUMBER) {
        return line_read_u64(reader, UINT64_MAX, value);
    }
    size_t position = line_position(reader);
    struct slice text = slice_empty();
    return line_read_text(reader, NAME_BYTES_MAX, &text) &&
           (parse(text, value) || line_fail_value(reader, position, expected));
}
