#include "base/json.h"

#include "base/json_writer.h"
#include "base/limits.h"
#include "base/prng.h"
#include "base/utf8.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

Test(json, reads_a_request_line)
{
    struct json_scanner scanner;
    struct json_string key;
    struct json_string stream = {.length = 0};
    struct json_string type = {.length = 0};
    struct slice data = slice_empty();
    uint64_t ref = 0;
    int64_t priority = 0;
    bool ephemeral = false;
    size_t skipped = 0;
    json_begin(&scanner, slice_of(" {\"stream\":\"chat\\/42\",\"type\" : \"text\",\n"
                                  "\"data\":{\"a\":[1,2,{}]} ,\"ref\":7,\"other\":[[],\"x\",1e5],"
                                  "\"priority\":-3,\"ephemeral\":true,\"none\":null}\r\n"));
    cr_assert_eq(json_peek(&scanner), JSON_OBJECT);
    cr_assert(json_enter_object(&scanner));
    while (json_next_member(&scanner, &key)) {
        if (json_string_is(key, "stream")) {
            cr_assert(json_read_string(&scanner, &stream));
        } else if (json_string_is(key, "type")) {
            cr_assert(json_read_string(&scanner, &type));
        } else if (json_string_is(key, "data")) {
            cr_assert(json_read_raw(&scanner, &data));
        } else if (json_string_is(key, "ref")) {
            cr_assert(json_read_u64(&scanner, &ref));
        } else if (json_string_is(key, "priority")) {
            cr_assert(json_read_i64(&scanner, &priority));
        } else if (json_string_is(key, "ephemeral")) {
            cr_assert(json_read_boolean(&scanner, &ephemeral));
        } else if (json_string_is(key, "none")) {
            cr_assert_eq(json_peek(&scanner), JSON_NULL);
            cr_assert(json_read_null(&scanner));
        } else {
            cr_assert(json_skip_value(&scanner));
            skipped++;
        }
    }
    cr_assert(json_finish(&scanner));
    cr_assert(json_string_is(stream, "chat/42") && json_string_is(type, "text"));
    cr_assert(slice_equal_text(data, "{\"a\":[1,2,{}]}"));
    cr_assert(ref == 7 && priority == -3 && ephemeral && skipped == 1);
}

Test(json, walks_arrays)
{
    struct json_scanner scanner;
    uint64_t sum = 0;
    json_begin(&scanner, slice_of("[1,[2,3],[],4]"));
    cr_assert(json_enter_array(&scanner));
    while (json_next_element(&scanner)) {
        uint64_t value = 0;
        if (json_peek(&scanner) == JSON_NUMBER) {
            cr_assert(json_read_u64(&scanner, &value));
            sum += value;
            continue;
        }
        cr_assert(json_enter_array(&scanner));
        while (json_next_element(&scanner)) {
            cr_assert(json_read_u64(&scanner, &value));
            sum += value;
        }
    }
    cr_assert(json_finish(&scanner));
    cr_assert_eq(sum, 10);
}

Test(json, accepts_what_the_grammar_does)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "10.25",
        "-1.5e+10",
        "1E-2",
        "0e0",
        "true",
        "false",
        "null",
        "\"\"",
        "\"x\"",
        "[]",
        "{}",
        " [ ] ",
        "\t{ }\r\n",
        "[1 , 2]",
        "{\"a\" : 1 , \"a\":2}",
        "[[[]],{}]",
        "{\"a\":{\"b\":[{\"c\":null}]}}",
        "[\"\\u00e4\",\"\xc3\xa4\"]",
        "123456789012345678901234",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t position = 99;
        cr_assert_eq(json_validate(slice_of(texts[i]), &position), JSON_OK, "%s", texts[i]);
        cr_assert_eq(position, 99);
    }
}

struct fault {
    const char *text;
    enum json_fault fault;
    size_t position;
};

Test(json, refuses_everything_else_and_says_where)
{
    static const struct fault faults[] = {
        {"", JSON_FAULT_TRUNCATED, 0},          {"  ", JSON_FAULT_TRUNCATED, 2},
        {"{", JSON_FAULT_TRUNCATED, 1},         {"[1", JSON_FAULT_TRUNCATED, 2},
        {"{\"a\"", JSON_FAULT_TRUNCATED, 4},    {"{\"a\":", JSON_FAULT_TRUNCATED, 5},
        {"{\"a\":1,", JSON_FAULT_TRUNCATED, 7}, {"\"a", JSON_FAULT_TRUNCATED, 2},
        {"tru", JSON_FAULT_TRUNCATED, 3},       {"-", JSON_FAULT_TRUNCATED, 1},
        {"1.", JSON_FAULT_TRUNCATED, 2},        {"1e", JSON_FAULT_TRUNCATED, 2},
        {"1e+", JSON_FAULT_TRUNCATED, 3},       {"[1,]", JSON_FAULT_SYNTAX, 3},
        {"[,1]", JSON_FAULT_SYNTAX, 1},         {"{\"a\":1,}", JSON_FAULT_SYNTAX, 7},
        {"{,}", JSON_FAULT_SYNTAX, 1},          {"{a:1}", JSON_FAULT_SYNTAX, 1},
        {"{\"a\" 1}", JSON_FAULT_SYNTAX, 5},    {"[1 2]", JSON_FAULT_SYNTAX, 3},
        {"[1}", JSON_FAULT_SYNTAX, 2},          {"{\"a\":1]", JSON_FAULT_SYNTAX, 6},
        {"{1:2}", JSON_FAULT_SYNTAX, 1},        {"'a'", JSON_FAULT_SYNTAX, 0},
        {"truE", JSON_FAULT_SYNTAX, 3},         {"nul ", JSON_FAULT_SYNTAX, 3},
        {"+1", JSON_FAULT_SYNTAX, 0},           {".5", JSON_FAULT_SYNTAX, 0},
        {"NaN", JSON_FAULT_SYNTAX, 0},          {"\xef\xbb\xbf{}", JSON_FAULT_SYNTAX, 0},
        {"[1,\v2]", JSON_FAULT_SYNTAX, 3},      {"01", JSON_FAULT_NUMBER, 1},
        {"-x", JSON_FAULT_NUMBER, 1},           {"1.e1", JSON_FAULT_NUMBER, 2},
        {"1ex", JSON_FAULT_NUMBER, 2},          {"[\"\t\"]", JSON_FAULT_STRING, 2},
        {"{\"\n\":1}", JSON_FAULT_STRING, 2},   {"[\"\\q\"]", JSON_FAULT_ESCAPE, 2},
        {"[\"\xff\"]", JSON_FAULT_UTF8, 2},     {"1 2", JSON_FAULT_TRAILING, 2},
        {"{}}", JSON_FAULT_TRAILING, 2},        {"[],", JSON_FAULT_TRAILING, 2},
        {"1a", JSON_FAULT_TRAILING, 1},         {"0x10", JSON_FAULT_TRAILING, 1},
    };
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        size_t position = 99;
        cr_assert_eq(json_validate(slice_of(faults[i].text), &position), faults[i].fault, "%s",
                     faults[i].text);
        cr_assert_eq(position, faults[i].position, "%s: %zu", faults[i].text, position);
        cr_assert_eq(json_validate(slice_of(faults[i].text), NULL), faults[i].fault);
    }
    cr_assert_eq(json_validate(slice_from("[\0]", 3), NULL), JSON_FAULT_SYNTAX);
    cr_assert_eq(json_validate(slice_from("\0", 1), NULL), JSON_FAULT_SYNTAX);
}

Test(json, bounds_the_depth)
{
    char text[2 * (JSON_DEPTH_MAX + 1)];
    size_t position = 0;
    for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        bool fits = depth <= JSON_DEPTH_MAX;
        cr_assert_eq(json_validate(slice_from(text, 2 * depth), &position),
                     fits ? JSON_OK : JSON_FAULT_DEPTH);
        cr_assert_eq(position, fits ? 0 : JSON_DEPTH_MAX);
    }
}

struct integer {
    const char *text;
    enum json_fault as_u64;
    enum json_fault as_i64;
    uint64_t bits;
};

Test(json, checks_the_range_of_integers)
{
    static const struct integer integers[] = {
        {"0", JSON_OK, JSON_OK, 0},
        {"-0", JSON_OK, JSON_OK, 0},
        {"-1", JSON_FAULT_RANGE, JSON_OK, UINT64_MAX},
        {"9223372036854775807", JSON_OK, JSON_OK, INT64_MAX},
        {"9223372036854775808", JSON_OK, JSON_FAULT_RANGE, UINT64_C(1) << 63},
        {"-9223372036854775808", JSON_FAULT_RANGE, JSON_OK, UINT64_C(1) << 63},
        {"-9223372036854775809", JSON_FAULT_RANGE, JSON_FAULT_RANGE, 0},
        {"18446744073709551615", JSON_OK, JSON_FAULT_RANGE, UINT64_MAX},
        {"18446744073709551616", JSON_FAULT_RANGE, JSON_FAULT_RANGE, 0},
        {"99999999999999999999999", JSON_FAULT_RANGE, JSON_FAULT_RANGE, 0},
        {"1.0", JSON_FAULT_TYPE, JSON_FAULT_TYPE, 0},
        {"1e3", JSON_FAULT_TYPE, JSON_FAULT_TYPE, 0},
        {"\"1\"", JSON_FAULT_TYPE, JSON_FAULT_TYPE, 0},
        {"01", JSON_FAULT_NUMBER, JSON_FAULT_NUMBER, 0},
    };
    for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
        const struct integer *integer = &integers[i];
        struct json_scanner scanner;
        uint64_t natural = 77;
        int64_t whole = 77;
        json_begin(&scanner, slice_of(integer->text));
        cr_assert_eq(json_read_u64(&scanner, &natural), integer->as_u64 == JSON_OK);
        cr_assert_eq(scanner.fault, integer->as_u64, "%s", integer->text);
        cr_assert_eq(natural, integer->as_u64 == JSON_OK ? integer->bits : 77);
        json_begin(&scanner, slice_of(integer->text));
        cr_assert_eq(json_read_i64(&scanner, &whole), integer->as_i64 == JSON_OK);
        cr_assert_eq(scanner.fault, integer->as_i64, "%s", integer->text);
        cr_assert_eq(whole, integer->as_i64 == JSON_OK ? (int64_t)integer->bits : 77);
    }
}

Test(json, a_fault_sticks)
{
    struct json_scanner scanner;
    struct json_string string = {.length = 99};
    struct slice raw = slice_empty();
    uint64_t natural = 99;
    int64_t whole = 99;
    bool boolean = true;
    json_begin(&scanner, slice_of("[\"text\", 1, false, null]"));
    cr_assert(json_enter_array(&scanner));
    cr_assert(json_next_element(&scanner));
    cr_assert_not(json_read_u64(&scanner, &natural));
    cr_assert_eq(scanner.fault, JSON_FAULT_TYPE);
    cr_assert_eq(scanner.fault_position, 1);
    cr_assert_eq(json_peek(&scanner), JSON_INVALID);
    cr_assert_not(json_read_string(&scanner, &string));
    cr_assert_not(json_read_i64(&scanner, &whole));
    cr_assert_not(json_read_boolean(&scanner, &boolean));
    cr_assert_not(json_read_null(&scanner));
    cr_assert_not(json_read_raw(&scanner, &raw));
    cr_assert_not(json_skip_value(&scanner));
    cr_assert_not(json_enter_object(&scanner));
    cr_assert_not(json_enter_array(&scanner));
    cr_assert_not(json_next_element(&scanner));
    cr_assert_not(json_next_member(&scanner, &string));
    cr_assert_not(json_finish(&scanner));
    json_fail(&scanner, JSON_FAULT_MEMBER);
    cr_assert_eq(scanner.fault, JSON_FAULT_TYPE);
    cr_assert(string.length == 99 && natural == 99 && whole == 99 && boolean && raw.at == NULL);
}

Test(json, callers_have_faults_too)
{
    struct json_scanner scanner;
    struct json_string key;
    json_begin(&scanner, slice_of("{\"a\":1,\"a\":2}"));
    cr_assert(json_enter_object(&scanner));
    cr_assert(json_next_member(&scanner, &key));
    cr_assert(json_skip_value(&scanner));
    cr_assert(json_next_member(&scanner, &key));
    json_fail(&scanner, JSON_FAULT_MEMBER);
    cr_assert_not(json_next_member(&scanner, &key));
    cr_assert_not(json_finish(&scanner));
    cr_assert_eq(scanner.fault, JSON_FAULT_MEMBER);
    cr_assert_eq(scanner.fault_position, 11);
}

Test(json, an_unfinished_value_is_not_finished)
{
    struct json_scanner scanner;
    json_begin(&scanner, slice_of("[]"));
    cr_assert_not(json_finish(&scanner));
    cr_assert(json_enter_array(&scanner));
    cr_assert_not(json_finish(&scanner));
    cr_assert_not(json_next_element(&scanner));
    cr_assert(json_finish(&scanner));
}

Test(json, every_fault_has_a_text)
{
    for (int fault = JSON_OK; fault <= JSON_FAULT_MEMBER; fault++) {
        cr_assert_gt(strlen(json_fault_text((enum json_fault)fault)), 0);
    }
}

Test(json, a_value_left_untaken_aborts, .signal = SIGABRT)
{
    struct json_scanner scanner;
    json_begin(&scanner, slice_of("[1,2]"));
    json_enter_array(&scanner);
    json_next_element(&scanner);
    json_next_element(&scanner);
}

Test(json, walking_an_array_as_an_object_aborts, .signal = SIGABRT)
{
    struct json_scanner scanner;
    struct json_string key;
    json_begin(&scanner, slice_of("[1,2]"));
    json_enter_array(&scanner);
    json_next_member(&scanner, &key);
}

// ---- properties --------------------------------------------------------------------------------

static void write_random_string(struct prng *prng, struct json_writer *writer)
{
    uint8_t bytes[80];
    size_t length = 0;
    size_t wanted = prng_below(prng, sizeof(bytes) - UTF8_CHARACTER_BYTES_MAX);
    unsigned narrow = (unsigned)prng_below(prng, 12);
    while (length < wanted) {
        length += utf8_encode((uint32_t)prng_below(prng, 0xd800) >> narrow, bytes + length);
    }
    json_write_string(writer, slice_from(bytes, length));
}

static void write_random_value(struct prng *prng, struct json_writer *writer, int depth)
{
    switch (prng_below(prng, depth > 0 ? 8 : 6)) {
    case 0: json_write_null(writer); return;
    case 1: json_write_boolean(writer, prng_chance(prng, 1, 2)); return;
    case 2: json_write_u64(writer, prng_u64(prng) >> prng_below(prng, 64)); return;
    case 3: json_write_i64(writer, (int64_t)prng_u64(prng) >> prng_below(prng, 64)); return;
    case 4:
    case 5: write_random_string(prng, writer); return;
    case 6:
        json_write_array_open(writer);
        for (uint64_t i = prng_below(prng, 5); i > 0; i--) {
            write_random_value(prng, writer, depth - 1);
        }
        json_write_array_close(writer);
        return;
    default: break;
    }
    json_write_object_open(writer);
    for (uint64_t i = prng_below(prng, 5); i > 0; i--) {
        json_write_key(writer, i % 2 == 0 ? "a \"quoted\" key" : "key");
        write_random_value(prng, writer, depth - 1);
    }
    json_write_object_close(writer);
}

static void copy_string(struct json_string string, struct json_writer *writer)
{
    uint8_t scratch[4096];
    struct slice plain;
    cr_assert(json_string_slice(string, scratch, sizeof(scratch), &plain));
    json_write_string(writer, plain);
}

// Reads one value and writes what was understood.
static void copy_value(struct json_scanner *scanner, struct json_writer *writer)
{
    struct json_string string;
    struct slice raw;
    bool boolean;
    char key_text[100];
    switch (json_peek(scanner)) {
    case JSON_OBJECT:
        cr_assert(json_enter_object(scanner));
        json_write_object_open(writer);
        while (json_next_member(scanner, &string)) {
            struct slice key;
            uint8_t scratch[sizeof(key_text)];
            cr_assert(json_string_slice(string, scratch, sizeof(scratch) - 1, &key));
            snprintf(key_text, sizeof(key_text), SLICE_FORMAT, SLICE_ARGUMENTS(key));
            json_write_key(writer, key_text);
            copy_value(scanner, writer);
        }
        json_write_object_close(writer);
        return;
    case JSON_ARRAY:
        cr_assert(json_enter_array(scanner));
        json_write_array_open(writer);
        while (json_next_element(scanner)) {
            copy_value(scanner, writer);
        }
        json_write_array_close(writer);
        return;
    case JSON_STRING:
        cr_assert(json_read_string(scanner, &string));
        copy_string(string, writer);
        return;
    case JSON_NUMBER:
        cr_assert(json_read_raw(scanner, &raw));
        json_write_raw(writer, raw);
        return;
    case JSON_BOOLEAN:
        cr_assert(json_read_boolean(scanner, &boolean));
        json_write_boolean(writer, boolean);
        return;
    case JSON_NULL:
        cr_assert(json_read_null(scanner));
        json_write_null(writer);
        return;
    case JSON_INVALID: break;
    }
    cr_assert_fail("%s at %zu", json_fault_text(scanner->fault), scanner->fault_position);
}

// Valid texts with a byte changed never lead beyond their end, whatever they are called then; and
// the part that was read before the fault is not called at fault.
static void check_damaged(struct prng *prng, const struct buffer *text)
{
    size_t length = buffer_length(text);
    for (int i = 0; i < 10; i++) {
        uint8_t *damaged = malloc(length); // of exact size, so that ASan sees a byte too many
        memcpy(damaged, buffer_slice(text).at, length);
        damaged[prng_below(prng, length)] = (uint8_t)prng_u64(prng);
        size_t position = 0;
        enum json_fault fault = json_validate(slice_from(damaged, length), &position);
        cr_assert_leq(position, length);
        enum json_fault cut_fault = json_validate(slice_from(damaged, position), NULL);
        cr_assert(fault == JSON_OK || fault == JSON_FAULT_TRAILING ||
                  cut_fault == JSON_FAULT_TRUNCATED || cut_fault == JSON_OK);
        free(damaged);
    }
}

Test(json, round_trips)
{
    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct prng prng;
        struct buffer text;
        struct buffer copy;
        prng_seed(&prng, seed);
        buffer_init(&text, 1 << 20);
        buffer_init(&copy, 1 << 20);
        struct json_writer writer = json_writer_on(&text);
        json_write_array_open(&writer);
        write_random_value(&prng, &writer, 5);
        json_write_array_close(&writer);
        struct json_scanner scanner;
        json_begin(&scanner, buffer_slice(&text));
        struct json_writer copier = json_writer_on(&copy);
        copy_value(&scanner, &copier);
        cr_assert(json_finish(&scanner));
        cr_assert_eq(buffer_failure(&text) | buffer_failure(&copy), 0);
        cr_assert(slice_equal(buffer_slice(&text), buffer_slice(&copy)));
        // No part of an array is a value.
        size_t cut = prng_below(&prng, buffer_length(&text));
        cr_assert_eq(json_validate(slice_first(buffer_slice(&text), cut), NULL) == JSON_OK, false);
        check_damaged(&prng, &text);
        buffer_free(&text);
        buffer_free(&copy);
    }
}
