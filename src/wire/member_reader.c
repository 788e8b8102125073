#include "wire/member_reader.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

enum { KEY_SHOWN_BYTES_MAX = 40 };

// ---- faults ------------------------------------------------------------------------------------

bool member_fail(struct member_reader *reader, enum rc_error error, size_t position,
                 const char *format, ...)
{
    struct member_fault *fault = reader->fault;
    fault->error = error;
    fault->position = position;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->message, sizeof fault->message, format, arguments);
    va_end(arguments);
    return false;
}

bool member_fail_json(struct member_reader *reader, const char *expected)
{
    const struct json_scanner *scanner = &reader->scanner;
    ASSERT(scanner->fault != JSON_OK);
    if ((scanner->fault == JSON_FAULT_TYPE || scanner->fault == JSON_FAULT_RANGE) &&
        reader->key != NULL) {
        return member_fail(reader, ERR_INVALID_PARAMETER, scanner->fault_position,
                           "\"%s\" must be %s", reader->key, expected);
    }
    return member_fail(reader, ERR_SERIALIZATION_ERROR, scanner->fault_position,
                       "this is not %s: %s", reader->what, json_fault_text(scanner->fault));
}

bool member_fail_value(struct member_reader *reader, size_t position, const char *expected)
{
    return member_fail(reader, ERR_INVALID_PARAMETER, position, "\"%s\" must be %s", reader->key,
                       expected);
}

// ---- members -----------------------------------------------------------------------------------

static bool member_fail_unknown(struct member_reader *reader, struct json_string key,
                                size_t position)
{
    uint8_t shown[KEY_SHOWN_BYTES_MAX];
    struct slice name = slice_empty();
    bool is_short = json_string_slice(key, shown, sizeof shown, &name);
    if (!is_short || name.length > KEY_SHOWN_BYTES_MAX) {
        name = (struct slice)SLICE_LITERAL("(a long key)");
    }
    const char *nearest = text_nearest(name, reader->names, reader->name_count);
    return member_fail(reader, ERR_INVALID_PARAMETER, position,
                       "\"" SLICE_FORMAT "\" is not known%s%s%s", SLICE_ARGUMENTS(name),
                       nearest == NULL ? "" : "; did you mean \"", nearest == NULL ? "" : nearest,
                       nearest == NULL ? "" : "\"?");
}

// Which of the known members it is.
static bool member_find(struct member_reader *reader, struct json_string key, size_t *index)
{
    size_t position = (size_t)(key.raw.at - reader->scanner.text.at) - 1;
    for (size_t i = 0; i < reader->name_count; i++) {
        if (!json_string_is(key, reader->names[i])) {
            continue;
        }
        if (member_is_given(reader, i)) {
            return member_fail(reader, ERR_INVALID_PARAMETER, position, "\"%s\" is given twice",
                               reader->names[i]);
        }
        reader->seen |= UINT64_C(1) << i;
        *index = i;
        return true;
    }
    return member_fail_unknown(reader, key, position);
}

bool member_read_object(struct member_reader *reader, struct slice text, member_read read,
                        void *context)
{
    ASSERT(reader->name_count <= MEMBERS_MAX);
    json_begin(&reader->scanner, text);
    if (!json_enter_object(&reader->scanner)) {
        return member_fail_json(reader, "");
    }
    struct json_string key;
    size_t index = 0;
    while (json_next_member(&reader->scanner, &key)) {
        if (!member_find(reader, key, &index)) {
            return false;
        }
        reader->key = reader->names[index];
        if (!read(reader, index, context)) {
            return false;
        }
        reader->key = NULL;
    }
    return json_finish(&reader->scanner) || member_fail_json(reader, "");
}

// ---- values ------------------------------------------------------------------------------------

size_t member_position(struct member_reader *reader)
{
    json_peek(&reader->scanner);
    return reader->scanner.position;
}

uint8_t *member_take(struct member_reader *reader, size_t length, size_t position)
{
    uint8_t *at = arena_take(reader->arena, length);
    if (at == NULL && length > arena_room(reader->arena)) {
        member_fail(reader, ERR_TOO_LARGE, position, "the texts are too long in all");
    } else if (at == NULL) {
        member_fail(reader, ERR_OVERLOADED, position, "%s", error_text(ERR_OVERLOADED));
    }
    return at;
}

bool member_unescape(struct member_reader *reader, struct json_string string, size_t position,
                     size_t bytes_max, struct slice *text)
{
    if (string.length > bytes_max) {
        return member_fail(reader, ERR_TOO_LARGE, position,
                           "\"%s\" is %zu bytes long, the limit is %zu", reader->key, string.length,
                           bytes_max);
    }
    if (!string.is_escaped) {
        *text = string.raw;
        return true;
    }
    uint8_t *into = member_take(reader, string.length, position);
    if (into == NULL) {
        return false;
    }
    json_unescape(string, into);
    *text = slice_from(into, string.length);
    return true;
}

bool member_read_text(struct member_reader *reader, size_t bytes_max, struct slice *text)
{
    size_t position = member_position(reader);
    struct json_string string;
    return json_read_string(&reader->scanner, &string)
               ? member_unescape(reader, string, position, bytes_max, text)
               : member_fail_json(reader, "a string");
}

bool member_read_u64(struct member_reader *reader, uint64_t maximum, uint64_t *value)
{
    size_t position = member_position(reader);
    if (!json_read_u64(&reader->scanner, value)) {
        return member_fail_json(reader, "a whole number, not negative");
    }
    return *value <= maximum ||
           member_fail(reader, ERR_INVALID_PARAMETER, position, "\"%s\" must be at most %llu",
                       reader->key, (unsigned long long)maximum);
}

bool member_read_u32(struct member_reader *reader, uint32_t *value)
{
    uint64_t wide = 0;
    if (!member_read_u64(reader, UINT32_MAX, &wide)) {
        return false;
    }
    *value = (uint32_t)wide;
    return true;
}

bool member_read_switch(struct member_reader *reader, bool *value)
{
    return json_read_boolean(&reader->scanner, value) || member_fail_json(reader, "true or false");
}

bool member_read_quantity(struct member_reader *reader, bool (*parse)(struct slice, uint64_t *),
                          const char *expected, uint64_t *value)
{
    if (json_peek(&reader->scanner) == JSON_NUMBER) {
        return member_read_u64(reader, UINT64_MAX, value);
    }
    size_t position = member_position(reader);
    struct slice text = slice_empty();
    return member_read_text(reader, NAME_BYTES_MAX, &text) &&
           (parse(text, value) || member_fail_value(reader, position, expected));
}
