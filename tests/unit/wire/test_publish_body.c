#include "wire/publish_body.h"

#include "base/limits.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct publish_batch batch;
static struct publish_fault fault;
static struct publish_defaults defaults;

static void setup(void)
{
    defaults = (struct publish_defaults){
        .event = {.stream = SLICE_LITERAL("chat/1"), .priority = PRIORITY_NORMAL},
        .event_bytes_max = 1000,
        .events_max = 100,
    };
}

TestSuite(publish_body, .init = setup);

// Whether the body is taken; then the batch is to be freed.
static bool take(enum body_kind kind, struct slice body)
{
    enum publish_progress progress = PUBLISH_MORE;
    publish_batch_begin(&batch, body);
    while (progress == PUBLISH_MORE) {
        progress = publish_body_parse(kind, body, &defaults, &batch, &fault);
    }
    if (progress == PUBLISH_FAILED) {
        publish_batch_free(&batch);
    }
    return progress == PUBLISH_DONE;
}

static void parse(enum body_kind kind, const char *body)
{
    cr_assert(take(kind, slice_of(body)), "%s: %s", body, fault.message);
}

static void refuse(enum body_kind kind, const char *body, enum rc_error error, const char *part)
{
    cr_assert_not(take(kind, slice_of(body)), "%s was taken", body);
    cr_expect_eq(fault.error, error, "%s: %s, not %s: %s", body, error_code(fault.error),
                 error_code(error), fault.message);
    cr_expect_not_null(strstr(fault.message, part), "%s: %s", body, fault.message);
}

static void expect_text(struct slice slice, const char *text)
{
    cr_expect(slice_equal_text(slice, text), "\"" SLICE_FORMAT "\" is not \"%s\"",
              SLICE_ARGUMENTS(slice), text);
}

// "2=a 3=b": kinds and values, a NUL as a colon.
static void expect_attributes(const struct event *event, const char *expected)
{
    char text[1024] = "";
    size_t used = 0;
    struct slice rest = event->attributes;
    struct attribute attribute;
    bool malformed;
    while (event_attribute_next(&rest, &attribute, &malformed)) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%u=", used == 0 ? "" : " ",
                                 attribute.kind);
        for (size_t i = 0; i < attribute.value.length && used + 1 < sizeof text; i++) {
            text[used++] = attribute.value.at[i] == 0 ? ':' : (char)attribute.value.at[i];
        }
    }
    text[used] = 0;
    cr_expect_not(malformed);
    cr_expect_str_eq(text, expected);
}

// ---- kinds -------------------------------------------------------------------------------------

Test(publish_body, kinds_by_content_type)
{
    static const struct {
        const char *content_type;
        enum body_kind kind;
    } cases[] = {
        {"", BODY_RAW},
        {"text/plain", BODY_RAW},
        {"application/octet-stream", BODY_RAW},
        {"application/json", BODY_JSON},
        {"Application/JSON ; charset=utf-8", BODY_JSON},
        {"application/json5", BODY_RAW},
        {"application/ld+json", BODY_RAW},
        {"application/x-ndjson", BODY_NDJSON},
        {"application/ndjson;x=y", BODY_NDJSON},
        {"application/jsonl", BODY_NDJSON},
        {"application/x-www-form-urlencoded", BODY_FORM},
        {"multipart/form-data; boundary=x", BODY_RAW},
        {";application/json", BODY_RAW},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_eq(body_kind_of(slice_of(cases[i].content_type)), cases[i].kind, "%s",
                     cases[i].content_type);
    }
    enum body_kind kind = BODY_RAW;
    cr_expect(body_kind_parse(slice_of("ndjson"), &kind) && kind == BODY_NDJSON);
    cr_expect(body_kind_parse(slice_of("raw"), &kind) && kind == BODY_RAW);
    cr_expect_not(body_kind_parse(slice_of("NDJSON"), &kind));
    cr_expect_not(body_kind_parse(slice_empty(), &kind));
}

// ---- raw ---------------------------------------------------------------------------------------

Test(publish_body, raw_is_one_event_as_it_stands)
{
    defaults.event.type = slice_of("text");
    defaults.event.ttl_ms = 7;
    const char body[] = " {\"data\":1}\n";
    parse(BODY_RAW, body);
    cr_expect_eq(batch.count, 1);
    cr_expect_eq(batch.events, &batch.single);
    cr_expect_eq((const char *)batch.events[0].data.at, body);
    expect_text(batch.events[0].data, body);
    expect_text(batch.events[0].type, "text");
    cr_expect_eq(batch.events[0].ttl_ms, 7);
    cr_expect_not(batch.events[0].binary);
    cr_expect_null(batch.texts.newest, "a raw body allocates nothing");
    publish_batch_free(&batch);
    parse(BODY_RAW, "");
    cr_expect_eq(batch.count, 1);
    cr_expect_eq(batch.events[0].data.length, 0);
    publish_batch_free(&batch);
}

Test(publish_body, raw_that_is_not_utf8_is_binary)
{
    parse(BODY_RAW, "a\xff");
    cr_expect(batch.events[0].binary);
    publish_batch_free(&batch);
    defaults.event.binary = true;
    parse(BODY_RAW, "plain");
    cr_expect(batch.events[0].binary);
    publish_batch_free(&batch);
}

Test(publish_body, raw_is_bounded_and_checked)
{
    defaults.event_bytes_max = 3;
    parse(BODY_RAW, "abc");
    publish_batch_free(&batch);
    refuse(BODY_RAW, "abcd", ERR_TOO_LARGE, "4 bytes long, the limit is 3");
    cr_expect_eq(fault.position, MEMBER_POSITION_NONE);
    defaults.event.type = slice_of("a\nb");
    refuse(BODY_RAW, "abc", ERR_INVALID_PARAMETER, "type");
}

// ---- one object --------------------------------------------------------------------------------

Test(publish_body, an_object_with_every_member)
{
    parse(BODY_JSON, " {\"stream\":\"chat\\/"
                     "1\",\"type\":\"t\\u0065xt\",\"data\":\"a\\nb\",\"priority\":\"high\","
                     "\"tags\":[\"x\",\"\\u0079\"],\"source\":\"s\",\"correlation_id\":\"c\","
                     "\"content_type\":\"text/"
                     "plain\",\"topics\":[\"t\"],\"custom\":{\"k\\u0031\":\"v\",\"n\":2},"
                     "\"ttl_ms\":5,\"retry\":6,\"ephemeral\":true,\"producer_id\":1,\"epoch\":2,"
                     "\"producer_sequence\":3}\r\n");
    cr_assert_eq(batch.count, 1);
    const struct event *event = &batch.events[0];
    expect_text(event->stream, "chat/1");
    expect_text(event->type, "text");
    expect_text(event->data, "a\nb");
    cr_expect_eq(event->priority, PRIORITY_HIGH);
    expect_attributes(event, "2=x 2=y 3=s 4=c 5=text/plain 8=t 6=k1:v 6=n:2");
    cr_expect_eq(event->ttl_ms, 5);
    cr_expect_eq(event->retry_ms, 6);
    cr_expect(event->ephemeral);
    cr_expect_eq(event->producer_id, 1);
    cr_expect_eq(event->producer_epoch, 2);
    cr_expect_eq(event->producer_sequence, 3);
    publish_batch_free(&batch);
}

Test(publish_body, data_that_is_json_is_made_compact)
{
    parse(BODY_JSON, "{\"data\": { \"a\" : [1, 2 ], \"b\" : \" \" } }");
    expect_text(batch.events[0].data, "{\"a\":[1,2],\"b\":\" \"}");
    publish_batch_free(&batch);
    parse(BODY_JSON, "{\"data\":null}");
    expect_text(batch.events[0].data, "null");
    publish_batch_free(&batch);
}

Test(publish_body, what_an_event_says_takes_the_place_of_the_default)
{
    struct buffer list;
    uint8_t storage[256];
    buffer_wrap(&list, storage, sizeof storage);
    event_attribute_append(&list, ATTRIBUTE_TAG, slice_of("q"));
    event_attribute_append(&list, ATTRIBUTE_SOURCE, slice_of("p"));
    event_attribute_append(&list, 100, slice_of("u"));
    defaults.event.attributes = buffer_slice(&list);
    defaults.event.type = slice_of("from the query");
    defaults.event.priority = PRIORITY_LOW;
    parse(BODY_NDJSON,
          "{\"data\":1}\n{\"data\":2,\"tags\":[\"own\"],\"type\":\"\",\"priority\":0}\n"
          "{\"data\":3,\"tags\":[]}");
    cr_assert_eq(batch.count, 3);
    cr_expect_eq(batch.events[0].attributes.at, storage, "the defaults are shared, not copied");
    expect_attributes(&batch.events[0], "2=q 3=p 100=u");
    expect_text(batch.events[0].type, "from the query");
    cr_expect_eq(batch.events[0].priority, PRIORITY_LOW);
    expect_attributes(&batch.events[1], "2=own 3=p 100=u");
    expect_text(batch.events[1].type, "");
    cr_expect_eq(batch.events[1].priority, PRIORITY_CRITICAL);
    expect_attributes(&batch.events[2], "3=p 100=u");
    publish_batch_free(&batch);
}

Test(publish_body, faults_of_objects)
{
    static const struct {
        const char *body;
        enum rc_error error;
        const char *part;
        long position; // -1: not looked at
    } cases[] = {
        {"", ERR_SERIALIZATION_ERROR, "this is not one JSON object", 0},
        {"[]", ERR_SERIALIZATION_ERROR, "go as NDJSON, an object a line", 0},
        {"\"text\"", ERR_SERIALIZATION_ERROR, "an event is {\"data\":", 0},
        {"hello", ERR_SERIALIZATION_ERROR, "with body=raw", 0},
        {"{\"data\":1", ERR_SERIALIZATION_ERROR, "this is not one JSON object", 9},
        {"{\"data\":1}{}", ERR_SERIALIZATION_ERROR, "NDJSON has an object a line", 10},
        {"{\"data\":1}x", ERR_SERIALIZATION_ERROR, "something follows the value", 10},
        {"{\"data\":01}", ERR_SERIALIZATION_ERROR, "this is not one JSON object", -1},
        {"{\"data\":\"\\ud800\"}", ERR_SERIALIZATION_ERROR, "this is not one JSON object", -1},
        {"{\"data\":\"\xff\"}", ERR_SERIALIZATION_ERROR, "not valid UTF-8", -1},
        {"{\"data\":\"a\nb\"}", ERR_SERIALIZATION_ERROR, "this is not one JSON object", -1},
        {"\xef\xbb\xbf{\"data\":1}", ERR_SERIALIZATION_ERROR, "this is not one JSON object", 0},
        {"{\"type\":\"a\"}", ERR_MISSING_PARAMETER, "\"data\" is missing", 0},
        {"{\"dat\":1}", ERR_INVALID_PARAMETER, "did you mean \"data\"?", 1},
        {"{\"data\":1,\"data\":2}", ERR_INVALID_PARAMETER, "\"data\" is given twice", 10},
        {"{\"data\":1,\"d\\u0061ta\":2}", ERR_INVALID_PARAMETER, "\"data\" is given twice", 10},
        {"{\"data\":1,\"op\":\"status\"}", ERR_INVALID_PARAMETER, "\"op\" is not known", 10},
        {"{\"data\":1,\"ack\":\"synced\"}", ERR_INVALID_PARAMETER, "\"ack\" is not known", 10},
        {"{\"data\":1,\"stream\":\"other\"}", ERR_INVALID_PARAMETER, "another one", 0},
        {"{\"data\":1,\"stream\":7}", ERR_INVALID_PARAMETER, "\"stream\" must be a string", 19},
        {"{\"data\":1,\"ttl_ms\":-1}", ERR_INVALID_PARAMETER, "\"ttl_ms\"", 19},
        {"{\"data\":1,\"ttl_ms\":4294967296}", ERR_INVALID_PARAMETER, "at most 4294967295", 19},
        {"{\"data\":1,\"retry\":1e3}", ERR_INVALID_PARAMETER, "\"retry\"", -1},
        {"{\"data\":1,\"priority\":5}", ERR_INVALID_PARAMETER, "\"priority\" must be", 21},
        {"{\"data\":1,\"priority\":\"urgent\"}", ERR_INVALID_PARAMETER, "\"priority\" must be", 21},
        {"{\"data\":1,\"ephemeral\":1}", ERR_INVALID_PARAMETER, "true or false", 22},
        {"{\"data\":1,\"tags\":\"a\"}", ERR_INVALID_PARAMETER, "an array of strings", 17},
        {"{\"data\":1,\"tags\":[1]}", ERR_INVALID_PARAMETER, "\"tags\" must be", 18},
        {"{\"data\":1,\"tags\":[\"a\\nb\"]}", ERR_INVALID_PARAMETER, "tag", 0},
        {"{\"data\":1,\"custom\":{\"\":1}}", ERR_INVALID_PARAMETER, "custom", 0},
        {"{\"data\":1,\"custom\":{\"a\\u0000b\":1}}", ERR_INVALID_PARAMETER, "short texts", 31},
        {"{\"data\":1,\"custom\":{\"a\":null}}", ERR_INVALID_PARAMETER, "whose values are", 24},
        {"{\"data\":1,\"type\":\"a\\r\"}", ERR_INVALID_PARAMETER, "type", 0},
        {"{\"data\":1,\"producer_id\":1}", ERR_MISSING_PARAMETER, "given together", 0},
        {"{\"data\":1,\"epoch\":1}", ERR_MISSING_PARAMETER, "given together", 0},
        {"{\"data\":1,\"producer_id\":0,\"producer_sequence\":1}", ERR_INVALID_PARAMETER,
         "begin at 1", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refuse(BODY_JSON, cases[i].body, cases[i].error, cases[i].part);
        cr_expect_eq(fault.index, 0);
        cr_expect(cases[i].position < 0 || fault.position == (size_t)cases[i].position,
                  "%s: at %zu, not %ld", cases[i].body, fault.position, cases[i].position);
    }
}

Test(publish_body, an_object_is_bounded)
{
    defaults.event_bytes_max = 4;
    parse(BODY_JSON, "{\"data\":\"\\u0061bcd\"}");
    publish_batch_free(&batch);
    refuse(BODY_JSON, "{\"data\":\"abcde\"}", ERR_TOO_LARGE, "5 bytes long, the limit is 4");
    refuse(BODY_JSON, "{\"data\":[1, 2]}", ERR_TOO_LARGE, "5 bytes of JSON long");
    refuse(BODY_JSON, "{\"data\":[ 1, 2 ]}", ERR_TOO_LARGE, "more than 8 bytes as it stands");
    refuse(BODY_JSON, "{\"data\":12345678 }", ERR_TOO_LARGE, "more than 8 bytes as it stands");
    refuse(BODY_JSON, "{\"data\":[1,  x ]}", ERR_SERIALIZATION_ERROR, "unexpected character");
    parse(BODY_JSON, "{\"data\":[    1]}");
    publish_batch_free(&batch);
    defaults.event_bytes_max = 1000;
    char deep[200];
    memset(deep, '[', sizeof deep);
    memcpy(deep, "{\"data\":", 8);
    deep[199] = 0;
    refuse(BODY_JSON, deep, ERR_SERIALIZATION_ERROR, "this is not one JSON object");
    struct buffer body;
    buffer_init(&body, 1 << 20);
    buffer_append_text(&body, "{\"data\":1,\"tags\":[\"a\"");
    for (int i = 0; i < TAGS_MAX; i++) {
        buffer_append_text(&body, ",\"a\"");
    }
    buffer_append_text(&body, "]}");
    buffer_append_byte(&body, 0);
    refuse(BODY_JSON, (const char *)buffer_slice(&body).at, ERR_INVALID_PARAMETER, "more than 16");
    buffer_free(&body);
}

// ---- lines -------------------------------------------------------------------------------------

Test(publish_body, lines_of_objects)
{
    parse(BODY_NDJSON,
          "\n{\"data\":\"one\"}\r\n \t\r\n{\"data\":{\"n\": 2}}\n\n{\"data\":\"\\u0033\"}");
    cr_assert_eq(batch.count, 3);
    expect_text(batch.events[0].data, "one");
    expect_text(batch.events[1].data, "{\"n\":2}");
    expect_text(batch.events[2].data, "3");
    for (int i = 0; i < 3; i++) {
        expect_text(batch.events[i].stream, "chat/1");
    }
    publish_batch_free(&batch);
    parse(BODY_NDJSON, "{\"data\":1}");
    cr_expect_eq(batch.count, 1);
    publish_batch_free(&batch);
}

Test(publish_body, many_lines_keep_their_texts)
{
    enum { EVENTS = 1000 };
    struct buffer body;
    buffer_init(&body, 1 << 20);
    for (int i = 0; i < EVENTS; i++) {
        buffer_printf(&body, "{\"data\":\"\\u0061%d\",\"tags\":[\"t%d\"]}\n", i, i);
    }
    defaults.events_max = EVENTS;
    cr_assert(take(BODY_NDJSON, buffer_slice(&body)));
    cr_assert_eq(batch.count, EVENTS);
    for (int i = 0; i < EVENTS; i++) {
        char text[32];
        snprintf(text, sizeof text, "a%d", i);
        expect_text(batch.events[i].data, text);
        snprintf(text, sizeof text, "2=t%d", i);
        expect_attributes(&batch.events[i], text);
    }
    publish_batch_free(&batch);
    defaults.events_max = EVENTS - 1;
    cr_assert_not(take(BODY_NDJSON, buffer_slice(&body)));
    cr_expect_eq(fault.error, ERR_TOO_LARGE);
    cr_expect_eq(fault.index, EVENTS - 1);
    buffer_free(&body);
}

Test(publish_body, a_large_batch_is_read_by_steps)
{
    struct buffer body;
    buffer_init(&body, 1 << 20);
    // Events at, before and behind the places where a step ends, and a long stretch of nothing.
    for (uint32_t i = 0; i < 90; i++) {
        buffer_printf(&body, "{\"data\":\"%0*u\"}\r\n", 900 + (int)i * 7, i);
        for (int j = 0; i % 10 == 0 && j < 40000; j++) {
            buffer_append_byte(&body, '\n');
        }
    }
    defaults.event_bytes_max = 2000;
    publish_batch_begin(&batch, buffer_slice(&body));
    unsigned steps = 1;
    size_t before = 0;
    while (publish_body_parse(BODY_NDJSON, buffer_slice(&body), &defaults, &batch, &fault) ==
           PUBLISH_MORE) {
        cr_assert_geq(batch.read_bytes, before + PUBLISH_STEP_BYTES);
        before = batch.read_bytes;
        steps++;
    }
    cr_expect_eq(steps, buffer_length(&body) / PUBLISH_STEP_BYTES + 1);
    cr_assert_eq(batch.count, 90);
    for (uint32_t i = 0; i < 90; i++) {
        cr_expect_eq(batch.events[i].data.length, 900 + i * 7);
        cr_expect_eq(strtoul((const char *)batch.events[i].data.at, NULL, 10), i);
    }
    publish_batch_free(&batch);
    // A fault in a later step.
    buffer_append_text(&body, "{\"data\":1");
    cr_expect_not(take(BODY_NDJSON, buffer_slice(&body)));
    cr_expect_eq(fault.index, 90);
    cr_expect_eq(fault.position, buffer_length(&body));
    buffer_free(&body);
}

Test(publish_body, one_bad_line_refuses_all)
{
    refuse(BODY_NDJSON, "{\"data\":1}\n\n{\"data\":2}\n{\"data\":}\n", ERR_SERIALIZATION_ERROR,
           "this is not one JSON object");
    cr_expect_eq(fault.index, 2);
    cr_expect_eq(fault.position, 31);
    refuse(BODY_NDJSON, "{\"data\":1}\n{\"data\":2,\"type\":\"\\n\"}", ERR_INVALID_PARAMETER,
           "type");
    cr_expect_eq(fault.index, 1);
    cr_expect_eq(fault.position, 11);
    refuse(BODY_NDJSON, "{\"data\":1}\n{\"data\":2}{\"data\":3}", ERR_SERIALIZATION_ERROR,
           "this is not one JSON object");
    cr_expect_eq(fault.index, 1);
    refuse(BODY_NDJSON, " \n\r\n", ERR_MISSING_PARAMETER, "no event");
    refuse(BODY_NDJSON, "", ERR_MISSING_PARAMETER, "no event");
}

Test(publish_body, repeated_defaults_are_bounded_by_the_body)
{
    static uint8_t storage[8 << 10];
    struct buffer list;
    buffer_wrap(&list, storage, sizeof storage);
    while (event_attribute_append(&list, 100, slice_of("a fairly long value of no known kind"))) {
    }
    defaults.event.attributes = buffer_slice(&list);
    struct buffer body;
    buffer_init(&body, 1 << 20);
    for (int i = 0; i < 100; i++) {
        buffer_append_text(&body, "{\"data\":1,\"tags\":[]}\n");
    }
    cr_assert_not(take(BODY_NDJSON, buffer_slice(&body)));
    cr_expect_eq(fault.error, ERR_TOO_LARGE);
    cr_expect_gt(fault.index, 5);
    buffer_free(&body);
}

Test(publish_body, the_producers_sequence_counts_on)
{
    defaults.event.producer_id = 9;
    defaults.event.producer_epoch = 2;
    defaults.event.producer_sequence = UINT64_MAX - 1;
    parse(BODY_NDJSON, "{\"data\":1}\n{\"data\":2}");
    cr_expect_eq(batch.events[0].producer_sequence, UINT64_MAX - 1);
    cr_expect_eq(batch.events[1].producer_sequence, UINT64_MAX);
    cr_expect_eq(batch.events[1].producer_id, 9);
    cr_expect_eq(batch.events[1].producer_epoch, 2);
    publish_batch_free(&batch);
    refuse(BODY_NDJSON, "{\"data\":1}\n{\"data\":2}\n{\"data\":3}", ERR_INVALID_PARAMETER, "2^64");
    cr_expect_eq(fault.index, 2);
    refuse(BODY_JSON, "{\"data\":1,\"producer_id\":9,\"producer_sequence\":4}",
           ERR_INVALID_PARAMETER, "the event does not");
}

// ---- forms -------------------------------------------------------------------------------------

Test(publish_body, a_form_with_every_field)
{
    parse(BODY_FORM, "data=a+b%0Ac%26&type=text&priority=low&tag=x&tag=%C3%A9&source=s&"
                     "correlation_id=c&content_type=text%2Fplain&topic=t&ttl_ms=5&retry=6&"
                     "ephemeral=true&");
    cr_assert_eq(batch.count, 1);
    const struct event *event = &batch.events[0];
    expect_text(event->stream, "chat/1");
    expect_text(event->data, "a b\nc&");
    expect_text(event->type, "text");
    cr_expect_eq(event->priority, PRIORITY_LOW);
    expect_attributes(event, "2=x 2=\xc3\xa9 3=s 4=c 5=text/plain 8=t");
    cr_expect_eq(event->ttl_ms, 5);
    cr_expect_eq(event->retry_ms, 6);
    cr_expect(event->ephemeral);
    publish_batch_free(&batch);
    parse(BODY_FORM, "data=");
    cr_expect_eq(batch.events[0].data.length, 0);
    publish_batch_free(&batch);
}

Test(publish_body, faults_of_forms)
{
    static const struct {
        const char *body;
        enum rc_error error;
        const char *part;
    } cases[] = {
        {"", ERR_MISSING_PARAMETER, "\"data\" is missing"},
        {"type=a", ERR_MISSING_PARAMETER, "\"data\" is missing"},
        {"hello", ERR_INVALID_PARAMETER, "Content-Type, or body=raw"},
        {"data", ERR_INVALID_PARAMETER, "\"data\" has no value"},
        {"date=1", ERR_INVALID_PARAMETER, "did you mean \"data\"?"},
        {"data=1&data=2", ERR_INVALID_PARAMETER, "\"data\" is given twice"},
        {"data=%", ERR_SERIALIZATION_ERROR, "hexadecimal"},
        {"data=%4", ERR_SERIALIZATION_ERROR, "hexadecimal"},
        {"da%zzta=1", ERR_SERIALIZATION_ERROR, "hexadecimal"},
        {"data=%FF", ERR_SERIALIZATION_ERROR, "not UTF-8"},
        {"data=1&type=a%0Db", ERR_INVALID_PARAMETER, "type"},
        {"data=1&tag=a%00b", ERR_INVALID_PARAMETER, "tag"},
        {"data=1&ttl_ms=", ERR_INVALID_PARAMETER, "\"ttl_ms\" must be"},
        {"data=1&ttl_ms=4294967296", ERR_INVALID_PARAMETER, "\"ttl_ms\" must be"},
        {"data=1&retry=-1", ERR_INVALID_PARAMETER, "\"retry\" must be"},
        {"data=1&ephemeral=yes", ERR_INVALID_PARAMETER, "true or false"},
        {"data=1&priority=5", ERR_INVALID_PARAMETER, "\"priority\" must be"},
        {"data=1&stream=other", ERR_INVALID_PARAMETER, "no field \"stream\""},
        {"data=1&%FF=1", ERR_INVALID_PARAMETER, "no field"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refuse(BODY_FORM, cases[i].body, cases[i].error, cases[i].part);
    }
    defaults.event_bytes_max = 2;
    refuse(BODY_FORM, "data=abc", ERR_TOO_LARGE, "3 bytes long");
}
