#include "base/json_writer.h"

#include "base/json.h"
#include "base/prng.h"

#include <criterion/criterion.h>
#include <errno.h>

Test(json_writer, places_commas)
{
    struct buffer buffer;
    buffer_init(&buffer, 1000);
    struct json_writer writer = json_writer_on(&buffer);
    json_write_object_open(&writer);
    json_write_member_u64(&writer, "id", UINT64_MAX);
    json_write_key(&writer, "offset");
    json_write_i64(&writer, INT64_MIN);
    json_write_key(&writer, "list");
    json_write_array_open(&writer);
    json_write_array_open(&writer);
    json_write_array_close(&writer);
    json_write_object_open(&writer);
    json_write_object_close(&writer);
    json_write_boolean(&writer, true);
    json_write_boolean(&writer, false);
    json_write_null(&writer);
    json_write_i64(&writer, 5);
    json_write_raw(&writer, slice_of("[1.5]"));
    json_write_decimal(&writer, -2.345, 1);
    json_write_array_close(&writer);
    json_write_key(&writer, "te\"xt");
    json_write_text(&writer, "a\nb");
    json_write_member_decimal(&writer, "share", 1e10 / 3, 3);
    json_write_object_close(&writer);
    cr_assert_eq(buffer_failure(&buffer), 0);
    cr_assert(
        slice_equal_text(buffer_slice(&buffer),
                         "{\"id\":18446744073709551615,\"offset\":-9223372036854775808,"
                         "\"list\":[[],{},true,false,null,5,[1.5],-2.3],\"te\\\"xt\":\"a\\nb\","
                         "\"share\":3333333333.333}"));
    buffer_free(&buffer);
}

Test(json_writer, leaves_failures_with_the_buffer)
{
    uint8_t storage[8];
    struct buffer buffer;
    buffer_wrap(&buffer, storage, sizeof(storage));
    struct json_writer writer = json_writer_on(&buffer);
    json_write_array_open(&writer);
    json_write_text(&writer, "too long");
    json_write_u64(&writer, 1);
    json_write_array_close(&writer);
    cr_assert_eq(buffer_failure(&buffer), -ENOBUFS);
}

Test(json_writer, escapes_what_must_be)
{
    uint8_t into[64];
    struct slice text = slice_from("\0\x01\b\t\n\v\f\r\x1f \"\\/\x7f\xc3\xa4", 16);
    size_t length = json_escape(into, text);
    cr_assert_eq(length, json_escaped_length(text));
    cr_assert(
        slice_equal_text(slice_from(into, length),
                         "\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \\\"\\\\/\x7f\xc3\xa4"));
    cr_assert_eq(json_escape(into, slice_empty()), 0);
}

Test(json_writer, what_it_escapes_is_read_back)
{
    struct prng prng;
    prng_seed(&prng, 1);
    for (int i = 0; i < 5000; i++) {
        uint8_t plain[60];
        uint8_t escaped[6 * sizeof(plain) + 1];
        uint8_t again[sizeof(plain)];
        size_t length = prng_below(&prng, sizeof(plain) + 1);
        prng_bytes(&prng, plain, length);
        for (size_t j = 0; j < length; j++) {
            bool is_common = i % 2 == 0 && prng_chance(&prng, 7, 8);
            plain[j] = is_common ? 'x' : plain[j] & 0x7f;
        }
        size_t escaped_length = json_escape(escaped, slice_from(plain, length));
        cr_assert_eq(escaped_length, json_escaped_length(slice_from(plain, length)));
        escaped[escaped_length] = '"';
        size_t position = 0;
        struct json_string string;
        struct slice scanned = slice_from(escaped, escaped_length + 1);
        cr_assert_eq(json_string_scan(scanned, &position, &string), JSON_OK);
        cr_assert_eq(position, escaped_length + 1);
        cr_assert_eq(string.length, length);
        json_unescape(string, again);
        cr_assert(slice_equal(slice_from(again, length), slice_from(plain, length)));
    }
}
