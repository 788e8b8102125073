// The JSON scanner on any bytes. Walking value by value, skipping and taking raw must agree about
// what is valid; what was understood, written again, must be understood in the same way.
// layer: base
#include "base/json.h"

#include "base/assert.h"
#include "base/json_writer.h"
#include "base/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void copy_string(struct json_string string, struct json_writer *writer)
{
    uint8_t *plain = malloc(string.length + 1);
    ASSERT(plain != NULL);
    ASSERT(string.length <= string.raw.length);
    ASSERT(string.is_escaped == (string.length < string.raw.length));
    json_unescape(string, plain);
    ASSERT(utf8_is_valid(slice_from(plain, string.length)));
    json_write_string(writer, slice_from(plain, string.length));
    free(plain);
}

// Objects are written as arrays of names and values, since names may hold NUL.
static void copy_value(struct json_scanner *scanner, struct json_writer *writer)
{
    struct json_string string;
    struct slice raw;
    bool boolean;
    switch (json_peek(scanner)) {
    case JSON_OBJECT:
        if (json_enter_object(scanner)) {
            json_write_array_open(writer);
            while (json_next_member(scanner, &string)) {
                copy_string(string, writer);
                copy_value(scanner, writer);
            }
            json_write_array_close(writer);
        }
        return;
    case JSON_ARRAY:
        if (json_enter_array(scanner)) {
            json_write_array_open(writer);
            while (json_next_element(scanner)) {
                copy_value(scanner, writer);
            }
            json_write_array_close(writer);
        }
        return;
    case JSON_STRING:
        if (json_read_string(scanner, &string)) {
            copy_string(string, writer);
        }
        return;
    case JSON_BOOLEAN:
        if (json_read_boolean(scanner, &boolean)) {
            json_write_boolean(writer, boolean);
        }
        return;
    case JSON_NUMBER:
    case JSON_NULL:
        if (json_read_raw(scanner, &raw)) {
            json_write_raw(writer, raw);
        }
        return;
    case JSON_INVALID: return;
    }
}

// Copies the text's values into `into`. Returns the fault and where it is.
static enum json_fault copy_text(struct slice text, struct buffer *into, size_t *position)
{
    struct json_scanner scanner;
    struct json_writer writer = json_writer_on(into);
    json_begin(&scanner, text);
    copy_value(&scanner, &writer);
    ASSERT(json_finish(&scanner) == (scanner.fault == JSON_OK));
    ASSERT(buffer_failure(into) == 0);
    *position = scanner.fault_position;
    return scanner.fault;
}

static void read_as_integers(struct slice text)
{
    struct json_scanner scanner;
    uint64_t natural = 0;
    int64_t whole = 0;
    json_begin(&scanner, text);
    bool is_natural = json_read_u64(&scanner, &natural);
    json_begin(&scanner, text);
    bool is_whole = json_read_i64(&scanner, &whole);
    if (is_natural && is_whole) {
        ASSERT(whole >= 0 && natural == (uint64_t)whole);
    }
    ASSERT(!is_natural || is_whole || natural > INT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_from(data, size);
    struct buffer first;
    struct buffer second;
    size_t skipped_position = 0;
    size_t walked_position = 0;
    buffer_init(&first, SIZE_MAX / 2);
    buffer_init(&second, SIZE_MAX / 2);
    enum json_fault skipped = json_validate(text, &skipped_position);
    enum json_fault walked = copy_text(text, &first, &walked_position);
    ASSERT(skipped == walked);
    ASSERT(skipped_position == walked_position && skipped_position <= size);
    if (walked == JSON_OK) {
        ASSERT(utf8_is_valid(text));
        ASSERT(copy_text(buffer_slice(&first), &second, &walked_position) == JSON_OK);
        ASSERT(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    }
    read_as_integers(text);
    buffer_free(&first);
    buffer_free(&second);
    return 0;
}
