// link: tests/unit/wire/one_event.c
#include "wire/envelope.h"

#include "base/json.h"
#include "base/limits.h"
#include "event/frame.h"
#include "one_event.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static void expect_text(struct buffer *out, const char *text)
{
    struct slice written = buffer_slice(out);
    cr_expect(slice_equal_text(written, text), SLICE_FORMAT "\n--- is not ---\n%s",
              SLICE_ARGUMENTS(written), text);
}

// Writes the event's envelope, twice, and compares.
static void expect_frame(const struct event *event, const char *text)
{
    struct made made = block_make(event, 1042);
    struct buffer out;
    buffer_init(&out, 8 << 20);
    cr_assert(envelope_write(&out, made.block, made.record));
    expect_text(&out, text);
    cr_expect_leq(buffer_length(&out), envelope_size_max(made.record));
    struct buffer again;
    buffer_init(&again, 8 << 20);
    cr_assert(envelope_write(&again, made.block, made.record));
    cr_expect(slice_equal(buffer_slice(&out), buffer_slice(&again)));
    buffer_free(&again);
    buffer_free(&out);
    free(made.block);
}

static struct event event_make(struct slice data)
{
    return (struct event){.stream = SLICE_LITERAL("chat/42"),
                          .type = SLICE_LITERAL("text"),
                          .data = data,
                          .priority = PRIORITY_NORMAL};
}

#define HEAD                                                                           \
    "id: 1042\nevent: text\ndata: {\"id\":1042,\"stream\":\"chat/42\",\"sequence\":3," \
    "\"type\":\"text\",\"time\":1700000000000,"

Test(envelope, text)
{
    static const struct {
        struct slice data;
        const char *json;
    } table[] = {
        {SLICE_LITERAL("hi"), "\"hi\""},
        {SLICE_LITERAL(""), "\"\""},
        {SLICE_LITERAL("\n"), "\"\\n\""},
        {SLICE_LITERAL("a\nb\n\nc\n"), "\"a\\nb\\n\\nc\\n\""},
        {SLICE_LITERAL(" lead\n  two"), "\" lead\\n  two\""},
        {SLICE_LITERAL("id: 7\ndata: x\nevent: y"), "\"id: 7\\ndata: x\\nevent: y\""},
        {SLICE_LITERAL("\"\\\t\x01\xc3\xa9"), "\"\\\"\\\\\\t\\u0001\xc3\xa9\""},
        // These are stored raw: their frames cannot give them back.
        {SLICE_LITERAL("a\r\nb"), "\"a\\r\\nb\""},
        {SLICE_LITERAL("a\0b"), "\"a\\u0000b\""},
        // No content type says that it is JSON.
        {SLICE_LITERAL("{\"a\":1}"), "\"{\\\"a\\\":1}\""},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), HEAD "\"data\":%s}\n\n", table[i].json);
        struct event event = event_make(table[i].data);
        expect_frame(&event, text);
    }
}

Test(envelope, json)
{
    static const struct {
        const char *content_type;
        struct slice data;
        const char *json;
    } table[] = {
        {"application/json", SLICE_LITERAL("{\"a\":[1, 2]}"), "{\"a\":[1, 2]}"},
        {"Application/JSON ; charset=utf-8", SLICE_LITERAL("null"), "null"},
        {"application/json", SLICE_LITERAL("{\n \"a\\n\":\n1\n}\n"), "{ \"a\\n\":1}"},
        {"application/json", SLICE_LITERAL("{\r\n\"a\":1}"), "{\"a\":1}"},
        {"application/json", SLICE_LITERAL("{\"a\":"), "\"{\\\"a\\\":\""},
        {"application/json", SLICE_LITERAL("{\r\n\"a\":"), "\"{\\r\\n\\\"a\\\":\""},
        {"application/json", SLICE_LITERAL("1\n2"), "\"1\\n2\""},
        {"application/json", SLICE_LITERAL(""), "\"\""},
        {"application/json-seq", SLICE_LITERAL("1"), "\"1\""},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct buffer attributes;
        buffer_init(&attributes, 4096);
        event_attribute_append(&attributes, ATTRIBUTE_CONTENT_TYPE,
                               slice_of(table[i].content_type));
        char text[512];
        snprintf(text, sizeof(text), HEAD "\"content_type\":\"%s\",\"data\":%s}\n\n",
                 table[i].content_type, table[i].json);
        struct event event = event_make(table[i].data);
        event.attributes = buffer_slice(&attributes);
        expect_frame(&event, text);
        buffer_free(&attributes);
    }
}

Test(envelope, binary)
{
    struct event event = event_make((struct slice)SLICE_LITERAL("\xff\0\r\n"));
    event.binary = true;
    expect_frame(&event, HEAD "\"encoding\":\"base64\",\"data\":\"/wANCg==\"}\n\n");
    event.data = slice_empty();
    expect_frame(&event, HEAD "\"encoding\":\"base64\",\"data\":\"\"}\n\n");
}

Test(envelope, attributes)
{
    struct buffer attributes;
    buffer_init(&attributes, 4096);
    event_attribute_append(&attributes, ATTRIBUTE_CUSTOM, (struct slice)SLICE_LITERAL("k\"\0v\""));
    event_attribute_append(&attributes, ATTRIBUTE_TAG, slice_of("one"));
    event_attribute_append(&attributes, 77, slice_of("unknown kinds are passed over"));
    event_attribute_append(&attributes, ATTRIBUTE_SOURCE, slice_of("src"));
    event_attribute_append(&attributes, ATTRIBUTE_TOPIC, slice_of("all"));
    event_attribute_append(&attributes, ATTRIBUTE_TAG, slice_of("two"));
    event_attribute_append(&attributes, ATTRIBUTE_CORRELATION, slice_of("c-1"));
    event_attribute_append(&attributes, ATTRIBUTE_CUSTOM, (struct slice)SLICE_LITERAL("l\0"));
    event_attribute_append(&attributes, ATTRIBUTE_PRODUCER, slice_of("12345678901234567890"));
    struct event event = event_make((struct slice)SLICE_LITERAL("hi"));
    event.attributes = buffer_slice(&attributes);
    event.priority = PRIORITY_CRITICAL;
    event.retry_ms = 250;
    expect_frame(
        &event,
        "id: 1042\nevent: text\nretry: 250\ndata: "
        "{\"id\":1042,\"stream\":\"chat/42\",\"sequence\":3,"
        "\"type\":\"text\",\"time\":1700000000000,\"priority\":\"critical\",\"source\":\"src\","
        "\"correlation_id\":\"c-1\",\"tags\":[\"one\",\"two\"],\"topics\":[\"all\"],"
        "\"custom\":{\"k\\\"\":\"v\\\"\",\"l\":\"\"},\"retry\":250,\"data\":\"hi\"}\n\n");
    buffer_free(&attributes);
}

Test(envelope, without_a_type)
{
    struct event event = event_make((struct slice)SLICE_LITERAL("hi"));
    event.type = slice_empty();
    expect_frame(&event, "id: 1042\ndata: {\"id\":1042,\"stream\":\"chat/42\",\"sequence\":3,"
                         "\"time\":1700000000000,\"data\":\"hi\"}\n\n");
}

Test(envelope, of_an_ephemeral_event)
{
    struct envelope envelope = {
        .time_ms = 5,
        .stream = SLICE_LITERAL("a"),
        .type = SLICE_LITERAL("typing"),
        .data = SLICE_LITERAL("x\ny"),
        .priority = PRIORITY_LOW,
    };
    struct buffer out;
    buffer_init(&out, 4096);
    cr_assert(envelope_write_event(&out, &envelope));
    expect_text(&out, "event: typing\ndata: {\"stream\":\"a\",\"type\":\"typing\",\"time\":5,"
                      "\"priority\":\"low\",\"data\":\"x\\ny\"}\n\n");
    buffer_free(&out);
}

Test(envelope, json_alone)
{
    struct event event = event_make((struct slice)SLICE_LITERAL("hi"));
    struct made made = block_make(&event, 7);
    struct buffer out;
    buffer_init(&out, 4096);
    cr_assert(envelope_write_json(&out, made.block, made.record));
    expect_text(&out, "{\"id\":7,\"stream\":\"chat/42\",\"sequence\":3,\"type\":\"text\","
                      "\"time\":1700000000000,\"data\":\"hi\"}");
    cr_expect_eq(json_validate(buffer_slice(&out), NULL), JSON_OK);
    buffer_free(&out);
    free(made.block);
}

Test(envelope, all_or_nothing)
{
    static const struct slice payloads[] = {SLICE_LITERAL("a\nb"), SLICE_LITERAL("[1]"),
                                            SLICE_LITERAL("\xff\xfe")};
    for (size_t i = 0; i < 3; i++) {
        struct buffer attributes;
        buffer_init(&attributes, 4096);
        event_attribute_append(&attributes, ATTRIBUTE_CONTENT_TYPE, slice_of("application/json"));
        struct event event = event_make(payloads[i]);
        event.attributes = buffer_slice(&attributes);
        event.binary = i == 2;
        struct made made = block_make(&event, 7);
        uint8_t storage[512];
        struct buffer out;
        buffer_wrap(&out, storage, sizeof(storage));
        cr_assert(envelope_write(&out, made.block, made.record));
        size_t length = buffer_length(&out);
        buffer_clear(&out);
        cr_assert(envelope_write_json(&out, made.block, made.record));
        size_t json_length = buffer_length(&out);
        for (size_t room = 0; room < length + 4; room++) {
            buffer_wrap(&out, storage, room + 4);
            buffer_append_text(&out, "kept");
            bool is_whole = envelope_write(&out, made.block, made.record);
            cr_expect_eq(is_whole, room >= length, "%zu of %zu", room, length);
            cr_expect_eq(buffer_length(&out), is_whole ? length + 4 : 4);
            buffer_wrap(&out, storage, room);
            cr_expect_eq(envelope_write_json(&out, made.block, made.record), room >= json_length);
        }
        struct envelope envelope = {.stream = event.stream, .data = event.data};
        buffer_wrap(&out, storage, 10);
        cr_expect_not(envelope_write_event(&out, &envelope));
        cr_expect_eq(buffer_length(&out), 0);
        buffer_free(&attributes);
        free(made.block);
    }
}

Test(envelope, largest_event_fits_its_bound)
{
    uint8_t *data = malloc(EVENT_BYTES_MAX);
    static const uint8_t fills[] = {0x01, '\n', 'a', '"', 0};
    for (size_t i = 0; i < sizeof(fills); i++) {
        for (int is_binary = 0; is_binary < 2; is_binary++) {
            memset(data, fills[i], EVENT_BYTES_MAX);
            struct event event = event_make(slice_from(data, EVENT_BYTES_MAX));
            event.binary = is_binary == 1;
            struct made made = block_make(&event, UINT64_MAX);
            struct buffer out;
            buffer_init(&out, envelope_size_max(made.record));
            cr_expect(envelope_write(&out, made.block, made.record));
            buffer_free(&out);
            free(made.block);
        }
    }
    free(data);
}

Test(envelope, oversize)
{
    static const struct {
        struct slice data;
        size_t length;
    } table[] = {
        {SLICE_LITERAL("hello"), 5},
        {SLICE_LITERAL("two\nlines\n"), 10},
        {SLICE_LITERAL("a\r\nb"), 4},
        {SLICE_LITERAL("\n"), 1},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct event event = event_make(table[i].data);
        struct made made = block_make(&event, 1042);
        cr_expect_eq(envelope_data_length(made.block, made.record), table[i].length);
        char text[256];
        snprintf(text, sizeof(text),
                 "id: 1042\nevent: oversize\ndata: {\"stream\":\"chat/42\",\"id\":1042,"
                 "\"type\":\"text\",\"size\":%zu,\"limit\":3}\n\n",
                 table[i].length);
        struct buffer out;
        buffer_init(&out, 1000);
        cr_assert(envelope_write_oversize(&out, made.block, made.record, 3));
        expect_text(&out, text);
        buffer_free(&out);
        buffer_init(&out, 50);
        cr_assert_not(envelope_write_oversize(&out, made.block, made.record, 3));
        cr_assert_eq(buffer_length(&out), 0, "all or nothing");
        buffer_free(&out);
        free(made.block);
    }
}
