#include "ingest/line.h"

#include "base/limits.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct line_scratch scratch;

static void setup(void)
{
    cr_assert_eq(line_scratch_init(&scratch, EVENT_BYTES_MAX), 0);
}

static void teardown(void)
{
    line_scratch_free(&scratch);
}

TestSuite(line, .init = setup, .fini = teardown);

static struct line_request parse(const char *line)
{
    struct line_request request;
    struct member_fault fault = {0};
    cr_assert(line_parse(slice_of(line), &scratch, EVENT_BYTES_MAX, &request, &fault), "%s: %s",
              line, fault.message);
    return request;
}

static void expect_text(struct slice slice, const char *text)
{
    cr_expect(slice_equal_text(slice, text), "\"" SLICE_FORMAT "\" is not \"%s\"",
              SLICE_ARGUMENTS(slice), text);
}

Test(line, the_least_that_publishes)
{
    struct line_request request = parse("{\"stream\":\"chat/42\",\"data\":\"hi\"}");
    cr_expect_eq(request.operation, LINE_PUBLISH);
    expect_text(request.event.stream, "chat/42");
    expect_text(request.event.data, "hi");
    expect_text(request.event.type, "");
    cr_expect_eq(request.ref.length, 0);
    cr_expect_eq(request.level, ACK_WRITTEN);
    cr_expect_eq(request.event.priority, PRIORITY_NORMAL);
    cr_expect_eq(request.event.attributes.length, 0);
    cr_expect_not(request.event.ephemeral);
    cr_expect_not(request.reach);
}

Test(line, every_member_of_a_publish)
{
    struct line_request request =
        parse(" { \"op\" : \"publish\", \"stream\":\"a\\u00e9\\/b\",\"type\":\"te\\\"xt\","
              "\"data\":\"l1\\nl2\\u0000\\ud83d\\ude00\",\"ack\":\"synced\",\"ref\": \"r\\\"1\" ,"
              "\"priority\":\"high\",\"tags\":[\"x\",\"y\\t\"],\"source\":\"s\","
              "\"correlation_id\":\"c\",\"content_type\":\"text/plain\",\"topics\":[\"t/1\"],"
              "\"custom\":{\"k\":\"v\",\"n\":-1.5e3,\"b\":true},\"ttl_ms\":1000,\"retry\":2000,"
              "\"ephemeral\":true,\"producer_id\":18446744073709551615,\"epoch\":3,"
              "\"producer_sequence\":9,\"reach\":true}\t");
    expect_text(request.event.stream, "a\xc3\xa9/b");
    expect_text(request.event.type, "te\"xt");
    struct slice data = SLICE_LITERAL("l1\nl2\0\xf0\x9f\x98\x80");
    cr_expect(slice_equal(request.event.data, data));
    cr_expect_eq(request.level, ACK_SYNCED);
    expect_text(request.ref, "\"r\\\"1\"");
    cr_expect_eq(request.event.priority, PRIORITY_HIGH);
    cr_expect_eq(request.event.ttl_ms, 1000);
    cr_expect_eq(request.event.retry_ms, 2000);
    cr_expect(request.event.ephemeral);
    cr_expect_eq(request.event.producer_id, UINT64_MAX);
    cr_expect_eq(request.event.producer_epoch, 3);
    cr_expect_eq(request.event.producer_sequence, 9);
    cr_expect(request.reach);
    const struct {
        uint8_t kind;
        struct slice value;
    } expected[] = {
        {ATTRIBUTE_TAG, SLICE_LITERAL("x")},
        {ATTRIBUTE_TAG, SLICE_LITERAL("y\t")},
        {ATTRIBUTE_SOURCE, SLICE_LITERAL("s")},
        {ATTRIBUTE_CORRELATION, SLICE_LITERAL("c")},
        {ATTRIBUTE_CONTENT_TYPE, SLICE_LITERAL("text/plain")},
        {ATTRIBUTE_TOPIC, SLICE_LITERAL("t/1")},
        {ATTRIBUTE_CUSTOM, SLICE_LITERAL("k\0v")},
        {ATTRIBUTE_CUSTOM, SLICE_LITERAL("n\0-1.5e3")},
        {ATTRIBUTE_CUSTOM, SLICE_LITERAL("b\0true")},
    };
    struct slice rest = request.event.attributes;
    struct attribute attribute;
    bool malformed;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        cr_assert(event_attribute_next(&rest, &attribute, &malformed));
        cr_expect_eq(attribute.kind, expected[i].kind, "attribute %zu", i);
        cr_expect(slice_equal(attribute.value, expected[i].value), "attribute %zu", i);
    }
    cr_expect_not(event_attribute_next(&rest, &attribute, &malformed));
    cr_expect_not(malformed);
}

Test(line, data_of_any_json_is_sent_compact)
{
    const struct {
        const char *json;
        const char *data;
    } cases[] = {
        {"{ \"a\" : [ 1, 2.50 ] , \"b c\":\" d \" }", "{\"a\":[1,2.50],\"b c\":\" d \"}"},
        {"[]", "[]"},
        {"17", "17"},
        {"1e2", "1e2"},
        {"true", "true"},
        {"null", "null"},
        {"[ \"\\u00e9\" ]", "[\"\\u00e9\"]"},
        {"\"\"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[200];
        snprintf(line, sizeof line, "{\"data\": %s ,\"stream\":\"s\"}", cases[i].json);
        expect_text(parse(line).event.data, cases[i].data);
    }
}

Test(line, priorities_by_name_and_number)
{
    const struct {
        const char *json;
        enum event_priority priority;
    } cases[] = {
        {"\"critical\"", PRIORITY_CRITICAL},
        {"0", PRIORITY_CRITICAL},
        {"1", PRIORITY_HIGH},
        {"\"normal\"", PRIORITY_NORMAL},
        {"2", PRIORITY_NORMAL},
        {"\"low\"", PRIORITY_LOW},
        {"\"background\"", PRIORITY_BACKGROUND},
        {"4", PRIORITY_BACKGROUND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[200];
        snprintf(line, sizeof line, "{\"data\":1,\"stream\":\"s\",\"priority\":%s}", cases[i].json);
        cr_expect_eq(parse(line).event.priority, cases[i].priority, "%s", cases[i].json);
    }
}

Test(line, refs_are_any_scalar)
{
    const char *refs[] = {"7", "\"x\"", "true", "false", "null", "-1.5E+3", "\"\\u00e9\\\\\""};
    for (size_t i = 0; i < sizeof refs / sizeof *refs; i++) {
        char line[200];
        snprintf(line, sizeof line, "{\"ref\" :  %s , \"op\":\"status\"}", refs[i]);
        expect_text(parse(line).ref, refs[i]);
    }
}

Test(line, operations)
{
    struct line_request request = parse("{\"op\":\"status\"}");
    cr_expect_eq(request.operation, LINE_STATUS);
    request = parse("{\"op\":\"connections\"}");
    cr_expect_eq(request.operation, LINE_CONNECTIONS);
    cr_expect_eq(request.limit, LINE_LIMIT_DEFAULT);
    request = parse("{\"op\":\"streams\",\"prefix\":\"chat/\",\"limit\":5,\"after\":77}");
    cr_expect_eq(request.after, 77);
    cr_expect_eq(request.operation, LINE_STREAMS);
    expect_text(request.prefix, "chat/");
    cr_expect_eq(request.limit, 5);
    request = parse("{\"op\":\"pressure\"}");
    cr_expect_eq(request.operation, LINE_PRESSURE);
    cr_expect_null(request.event.stream.at);
    request = parse("{\"op\":\"pressure\",\"stream\":\"s\"}");
    expect_text(request.event.stream, "s");
    request = parse("{\"op\":\"connection\",\"connection\":\"00000000000000fe\"}");
    cr_expect_eq(request.operation, LINE_CONNECTION);
    cr_expect_eq(request.connection_id, 254);
    request = parse("{\"op\":\"close\",\"connection\":\"00000000000000ff\"}");
    cr_expect_eq(request.operation, LINE_CLOSE);
    cr_expect_eq(request.connection_id, 255);
    request =
        parse("{\"op\":\"send\",\"connection\":\"0123456789abcdef\",\"type\":\"t\",\"data\":[1]}");
    cr_expect_eq(request.operation, LINE_SEND);
    cr_expect_eq(request.connection_id, UINT64_C(0x0123456789abcdef));
    expect_text(request.event.type, "t");
    expect_text(request.event.data, "[1]");
    request = parse("{\"op\":\"broadcast\",\"data\":\"x\",\"priority\":\"low\",\"retry\":5}");
    cr_expect_eq(request.operation, LINE_BROADCAST);
    cr_expect_eq(request.event.priority, PRIORITY_LOW);
    request = parse("{\"op\":\"set\",\"stream\":\"s\",\"retention_age\":\"300s\","
                    "\"retention_bytes\":\"1MiB\",\"retention_count\":7,\"idle_ttl\":1500}");
    cr_expect_eq(request.operation, LINE_SET);
    cr_expect_eq(request.settings.retention_age_ms, 300 * 1000);
    cr_expect_eq(request.settings.retention_bytes, 1 << 20);
    cr_expect_eq(request.settings.retention_count, 7);
    cr_expect_eq(request.settings.idle_ttl_ms, 1500);
    cr_expect_eq(request.settings.parts, SETTINGS_RETENTION);
    request = parse("{\"op\":\"set\",\"stream\":\"s\",\"overflow\":\"block\",\"lag_events\":50,"
                    "\"lag_bytes\":\"1MiB\",\"threshold\":0.75,\"producer_wait\":\"2s\"}");
    cr_expect_eq(request.settings.parts, SETTINGS_FLOW);
    cr_expect_eq(request.settings.flow.overflow, OVERFLOW_BLOCK);
    cr_expect_eq(request.settings.flow.lag_events, 50);
    cr_expect_eq(request.settings.flow.lag_bytes, 1 << 20);
    cr_expect_eq(request.settings.flow.threshold, 750);
    cr_expect_eq(request.settings.flow.producer_wait_ms, 2000);
    request = parse("{\"op\":\"set\",\"stream\":\"s\",\"strategy\":\"drop\",\"threshold\":\"100\","
                    "\"idle_ttl\":\"1s\"}");
    cr_expect_eq(request.settings.parts, SETTINGS_FLOW | SETTINGS_RETENTION);
    cr_expect_eq(request.settings.flow.overflow, OVERFLOW_DROP_NEWEST);
    cr_expect_eq(request.settings.flow.threshold, 100 * 1000);
    request = parse("{\"op\":\"set\",\"stream\":\"s\"}");
    cr_expect_eq(request.settings.parts, 0);
    request = parse("{\"op\":\"set\",\"stream\":\"s\",\"content_type\":\"text/plain\"}");
    cr_expect_eq(request.settings.parts, 0);
    expect_text(request.content_type, "text/plain");
    request = parse("{\"op\":\"discard\",\"stream\":\"s\",\"ack\":\"written\"}");
    cr_expect_eq(request.operation, LINE_DISCARD);
    request = parse("{\"op\":\"end\",\"stream\":\"s\",\"life\":\"cancel\",\"ack\":\"synced\"}");
    cr_expect_eq(request.operation, LINE_END);
    cr_expect_eq(request.life, STREAM_CANCELLED);
    cr_expect_eq(request.level, ACK_SYNCED);
}

// What is refused: the line, the code, a part of the message, the position (-1: none), the ref.
static const struct {
    const char *line;
    enum rc_error error;
    const char *message;
    int position;
    const char *ref;
} faults[] = {
    {"x", ERR_SERIALIZATION_ERROR, "unexpected", 0, ""},
    {"[1]", ERR_SERIALIZATION_ERROR, "JSON object", 0, ""},
    {"{\"ref\":1", ERR_SERIALIZATION_ERROR, "", 8, "1"},
    {"{\"ref\":1,}", ERR_SERIALIZATION_ERROR, "", 9, "1"},
    {"{\"ref\":2,\"stream\":\"s\",\"data\":\"x\"} x", ERR_SERIALIZATION_ERROR, "", 34, "2"},
    {"{\"stream\":\"s\",\"data\":\"\\q\",\"ref\":3}", ERR_SERIALIZATION_ERROR, "", -2, ""},
    {"{\"stream\":\"s\",\"data\":\"\xff\"}", ERR_SERIALIZATION_ERROR, "UTF-8", 22, ""},
    {"{\"stream\":\"s\",\"data\":{\"a\":}}", ERR_SERIALIZATION_ERROR, "", 26, ""},
    {"{\"stream\":\"s\",\"ref\":4}", ERR_MISSING_PARAMETER, "\"data\"", -1, "4"},
    {"{\"data\":\"s\"}", ERR_MISSING_PARAMETER, "\"stream\"", -1, ""},
    {"{\"op\":\"close\"}", ERR_MISSING_PARAMETER, "\"connection\"", -1, ""},
    {"{\"op\":\"discard\"}", ERR_MISSING_PARAMETER, "\"stream\"", -1, ""},
    {"{\"op\":\"end\",\"life\":\"close\"}", ERR_MISSING_PARAMETER, "\"stream\"", -1, ""},
    {"{\"op\":\"end\",\"stream\":\"s\"}", ERR_MISSING_PARAMETER, "\"life\"", -1, ""},
    {"{\"op\":\"end\",\"stream\":\"s\",\"life\":\"open\"}", ERR_INVALID_PARAMETER, "\"close\"", 32,
     ""},
    {"{\"op\":\"set\",\"stream\":\"s\",\"content_type\":\"a\\nb\"}", ERR_INVALID_PARAMETER,
     "printable", -1, ""},
    {"{\"op\":\"set\",\"stream\":\"s\",\"content_type\":\"\"}", ERR_INVALID_PARAMETER,
     "\"content_type\"", -1, ""},
    {"{\"op\":\"send\",\"connection\":\"00000000000000ff\"}", ERR_MISSING_PARAMETER, "\"data\"", -1,
     ""},
    {"{\"stream\":\"s\",\"data\":1,\"steam\":2,\"ref\":5}", ERR_INVALID_PARAMETER,
     "\"steam\" is not known; did you mean \"stream\"?", 23, "5"},
    {"{\"quite something else\":2}", ERR_INVALID_PARAMETER, "\"quite something else\" is not known",
     1, ""},
    {"{\"\\u0061ck_\":2}", ERR_INVALID_PARAMETER, "did you mean \"ack\"", 1, ""},
    {"{\"a key that is a good deal longer than what is shown\":2}", ERR_INVALID_PARAMETER,
     "(a long key)", 1, ""},
    {"{\"stream\":\"s\",\"stream\":\"t\"}", ERR_INVALID_PARAMETER, "given twice", 14, ""},
    {"{\"op\":\"statis\"}", ERR_INVALID_PARAMETER, "did you mean \"status\"", 6, ""},
    {"{\"op\":\"frobnicate\"}", ERR_INVALID_PARAMETER, "no operation \"frobnicate\"", 6, ""},
    {"{\"op\":\"an operation whose name is really much too long\"}", ERR_INVALID_PARAMETER,
     "(a long name)", 6, ""},
    {"{\"op\":7}", ERR_INVALID_PARAMETER, "\"op\" must be a string", 6, ""},
    {"{\"op\":\"status\",\"data\":1}", ERR_INVALID_PARAMETER,
     "\"data\" does not go with the operation \"status\"", -1, ""},
    {"{\"stream\":\"s\",\"data\":1,\"limit\":1}", ERR_INVALID_PARAMETER, "\"publish\"", -1, ""},
    {"{\"stream\":7}", ERR_INVALID_PARAMETER, "\"stream\" must be a string", 10, ""},
    {"{\"type\":[]}", ERR_INVALID_PARAMETER, "\"type\" must be a string", 8, ""},
    {"{\"ack\":\"never\"}", ERR_INVALID_PARAMETER, "\"ack\" must be \"received\"", 7, ""},
    {"{\"priority\":5}", ERR_INVALID_PARAMETER, "\"priority\" must be", 12, ""},
    {"{\"priority\":\"urgent\"}", ERR_INVALID_PARAMETER, "\"priority\" must be", 12, ""},
    {"{\"priority\":[]}", ERR_INVALID_PARAMETER, "\"priority\" must be", 12, ""},
    {"{\"priority\":-}", ERR_SERIALIZATION_ERROR, "", 13, ""},
    {"{\"ref\":[1]}", ERR_INVALID_PARAMETER, "\"ref\" must be", 7, ""},
    {"{\"ref\":{}}", ERR_INVALID_PARAMETER, "\"ref\" must be", 7, ""},
    {"{\"ref\":}", ERR_SERIALIZATION_ERROR, "", 7, ""},
    {"{\"tags\":\"x\"}", ERR_INVALID_PARAMETER, "\"tags\" must be an array", 8, ""},
    {"{\"tags\":[1]}", ERR_INVALID_PARAMETER, "\"tags\" must be", 9, ""},
    {"{\"tags\":[\"x\" \"y\"]}", ERR_SERIALIZATION_ERROR, "", 13, ""},
    {"{\"custom\":[]}", ERR_INVALID_PARAMETER, "\"custom\" must be an object", 10, ""},
    {"{\"custom\":{\"a\":[]}}", ERR_INVALID_PARAMETER, "\"custom\" must be an object whose", 15,
     ""},
    {"{\"custom\":{\"a\":1x}}", ERR_SERIALIZATION_ERROR, "", 16, ""},
    {"{\"custom\":{\"a\":-}}", ERR_SERIALIZATION_ERROR, "", 16, ""},
    {"{\"custom\":{\"a\":?}}", ERR_SERIALIZATION_ERROR, "", 15, ""},
    {"{\"custom\":{\"a\":\"\\z\"}}", ERR_SERIALIZATION_ERROR, "", -2, ""},
    {"{\"custom\":{\"a\\u0000b\":\"c\"}}", ERR_INVALID_PARAMETER, "short texts", 22, ""},
    {"{\"ttl_ms\":-1}", ERR_INVALID_PARAMETER, "\"ttl_ms\" must be a whole number", 10, ""},
    {"{\"ttl_ms\":1.5}", ERR_INVALID_PARAMETER, "\"ttl_ms\" must be a whole number", 10, ""},
    {"{\"ttl_ms\":4294967296}", ERR_INVALID_PARAMETER, "at most 4294967295", 10, ""},
    {"{\"retry\":\"1s\"}", ERR_INVALID_PARAMETER, "\"retry\" must be a whole number", 9, ""},
    {"{\"ephemeral\":1}", ERR_INVALID_PARAMETER, "true or false", 13, ""},
    {"{\"reach\":\"yes\"}", ERR_INVALID_PARAMETER, "true or false", 9, ""},
    {"{\"producer_id\":18446744073709551616}", ERR_INVALID_PARAMETER, "\"producer_id\"", 15, ""},
    {"{\"limit\":10001}", ERR_INVALID_PARAMETER, "at most 10000", 9, ""},
    {"{\"limit\":\"all\"}", ERR_INVALID_PARAMETER, "\"limit\"", 9, ""},
    {"{\"connection\":\"xyz\"}", ERR_INVALID_PARAMETER, "16 hexadecimal digits", 14, ""},
    {"{\"retention_age\":\"soon\"}", ERR_INVALID_PARAMETER, "\"300s\"", 17, ""},
    {"{\"retention_age\":true}", ERR_INVALID_PARAMETER, "\"retention_age\"", 17, ""},
    {"{\"retention_bytes\":\"much\"}", ERR_INVALID_PARAMETER, "64MiB", 19, ""},
    {"{\"idle_ttl\":\"-1s\"}", ERR_INVALID_PARAMETER, "milliseconds", 12, ""},
    {"{\"overflow\":\"wait\"}", ERR_INVALID_PARAMETER, "drop_oldest", 12, ""},
    {"{\"overflow\":\"unset\"}", ERR_INVALID_PARAMETER, "drop_oldest", 12, ""},
    {"{\"overflow\":5}", ERR_INVALID_PARAMETER, "\"overflow\" must be", 12, ""},
    {"{\"strategy\":\"block\"}", ERR_INVALID_PARAMETER, "pause, drop or buffer", 12, ""},
    {"{\"op\":\"set\",\"stream\":\"s\",\"overflow\":\"block\",\"strategy\":\"pause\"}",
     ERR_INVALID_PARAMETER, "say the same", -1, ""},
    {"{\"threshold\":-1}", ERR_INVALID_PARAMETER, "0.8", 13, ""},
    {"{\"threshold\":\"80%\"}", ERR_INVALID_PARAMETER, "0.8", 13, ""},
    {"{\"threshold\":true}", ERR_INVALID_PARAMETER, "\"threshold\"", 13, ""},
    {"{\"threshold\":}", ERR_SERIALIZATION_ERROR, "", 13, ""},
    {"{\"producer_wait\":4294967296}", ERR_INVALID_PARAMETER, "milliseconds", 17, ""},
    {"{\"producer_wait\":3600001}", ERR_INVALID_PARAMETER, "an hour", 17, ""},
    {"{\"stream\":\"s\",\"data\":1,\"overflow\":\"block\"}", ERR_INVALID_PARAMETER,
     "does not go with", -1, ""},
    {"{\"stream\":\"s\",\"data\":1,\"producer_id\":1}", ERR_MISSING_PARAMETER, "together", -1, ""},
    {"{\"stream\":\"s\",\"data\":1,\"producer_sequence\":1}", ERR_MISSING_PARAMETER, "together", -1,
     ""},
    {"{\"stream\":\"s\",\"data\":1,\"epoch\":1}", ERR_MISSING_PARAMETER, "together", -1, ""},
    {"{\"stream\":\"s\",\"data\":1,\"producer_id\":0,\"producer_sequence\":1}",
     ERR_INVALID_PARAMETER, "begin at 1", -1, ""},
    {"{\"steam\":1,\"ref\":{\"a\":1}}", ERR_INVALID_PARAMETER, "", 1, ""},
};

Test(line, faults_are_named)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct line_request request;
        struct member_fault fault = {0};
        bool parsed =
            line_parse(slice_of(faults[i].line), &scratch, EVENT_BYTES_MAX, &request, &fault);
        cr_expect_not(parsed, "%s", faults[i].line);
        if (parsed) {
            continue;
        }
        cr_expect_eq(fault.error, faults[i].error, "%s: %s", faults[i].line,
                     error_code(fault.error));
        cr_expect_not_null(strstr(fault.message, faults[i].message), "%s: %s", faults[i].line,
                           fault.message);
        if (faults[i].position != -2) {
            size_t position =
                faults[i].position == -1 ? MEMBER_POSITION_NONE : (size_t)faults[i].position;
            cr_expect_eq(fault.position, position, "%s: %zd", faults[i].line,
                         (ssize_t)fault.position);
        }
        cr_expect(slice_equal_text(request.ref, faults[i].ref), "%s: ref \"" SLICE_FORMAT "\"",
                  faults[i].line, SLICE_ARGUMENTS(request.ref));
    }
}

Test(line, every_prefix_of_a_line_is_refused)
{
    static const char line[] =
        "{\"ref\":1,\"stream\":\"a\\u00e9\",\"data\":{\"x\":[1,true,\"\\\"\"]},\"tags\":[\"t\"],"
        "\"custom\":{\"k\":\"v\",\"n\":12},\"priority\":1,\"ack\":\"written\",\"ttl_ms\":10}";
    parse(line);
    for (size_t length = 0; length < sizeof line - 1; length++) {
        // In its own memory, so that reading beyond the end is seen by the address sanitizer.
        uint8_t *copy = malloc(length + 1);
        memcpy(copy, line, length);
        struct line_request request;
        struct member_fault fault = {0};
        cr_expect_not(
            line_parse(slice_from(copy, length), &scratch, EVENT_BYTES_MAX, &request, &fault));
        cr_expect_eq(fault.error, ERR_SERIALIZATION_ERROR, "%zu: %s", length, fault.message);
        free(copy);
    }
}

// {"stream":"s","KEY":"xxxx…"} with so many bytes, perhaps each written as \u0078.
static struct buffer long_line(const char *key, size_t length, bool escaped)
{
    struct buffer line;
    buffer_init(&line, 16 << 20);
    buffer_printf(&line, "{\"ref\":9,\"%s\":\"", key);
    for (size_t i = 0; i < length; i++) {
        buffer_append_text(&line, escaped ? "\\u0078" : "x");
    }
    buffer_append_text(&line, "\"}");
    cr_assert_eq(buffer_failure(&line), 0);
    return line;
}

Test(line, sizes_are_bounded)
{
    const struct {
        const char *key;
        size_t limit;
    } cases[] = {
        {"data", EVENT_BYTES_MAX},
        {"source", ATTRIBUTE_BYTES_MAX},
        {"correlation_id", ATTRIBUTE_BYTES_MAX},
        {"content_type", ATTRIBUTE_BYTES_MAX},
        {"ack", NAME_BYTES_MAX},
        {"op", NAME_BYTES_MAX},
        {"prefix", NAME_BYTES_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int escaped = 0; escaped < 2; escaped++) {
            struct buffer line = long_line(cases[i].key, cases[i].limit + 1, escaped);
            struct line_request request;
            struct member_fault fault = {0};
            cr_expect_not(
                line_parse(buffer_slice(&line), &scratch, EVENT_BYTES_MAX, &request, &fault));
            cr_expect_eq(fault.error, ERR_TOO_LARGE, "%s", cases[i].key);
            cr_expect(slice_equal_text(request.ref, "9"));
            buffer_free(&line);
            line = long_line(cases[i].key, cases[i].limit, escaped);
            line_parse(buffer_slice(&line), &scratch, EVENT_BYTES_MAX, &request, &fault);
            cr_expect_neq(fault.error, ERR_TOO_LARGE, "%s: %s", cases[i].key, fault.message);
            buffer_free(&line);
        }
    }
}

Test(line, the_largest_event_of_escapes_fits)
{
    struct buffer line;
    buffer_init(&line, 16 << 20);
    buffer_append_text(&line, "{\"stream\":\"s\",\"data\":\"");
    for (size_t i = 0; i < EVENT_BYTES_MAX; i++) {
        buffer_append_text(&line, "\\u0000");
    }
    buffer_append_text(&line, "\",\"type\":\"\\u0061\",\"source\":\"\\u0062\"}");
    cr_assert_leq(buffer_length(&line), LINE_BYTES_MAX);
    struct line_request request;
    struct member_fault fault = {0};
    cr_assert(line_parse(buffer_slice(&line), &scratch, EVENT_BYTES_MAX, &request, &fault));
    cr_expect_eq(request.event.data.length, EVENT_BYTES_MAX);
    cr_expect_eq(request.event.data.at[EVENT_BYTES_MAX - 1], 0);
    buffer_free(&line);
}

Test(line, attributes_and_texts_are_bounded_in_all)
{
    struct buffer line;
    struct line_request request;
    struct member_fault fault = {0};
    buffer_init(&line, 16 << 20);
    buffer_append_text(&line, "{\"tags\":[\"x\"");
    for (int i = 0; i < 40000; i++) {
        buffer_append_text(&line, ",\"x\"");
    }
    buffer_append_text(&line, "]}");
    cr_expect_not(line_parse(buffer_slice(&line), &scratch, EVENT_BYTES_MAX, &request, &fault));
    cr_expect_eq(fault.error, ERR_TOO_LARGE);
    // Many escaped texts that are dropped again one by one use up the scratch, and no more than
    // that.
    buffer_clear(&line);
    buffer_append_text(&line, "{\"custom\":{\"\\u0061\":1");
    for (int i = 0; i < 40000; i++) {
        buffer_append_text(&line, ",\"\\u0061\\u0061\\u0061\":\"\\u0061\\u0061\\u0061\"");
    }
    buffer_append_text(&line, "}}");
    cr_expect_not(line_parse(buffer_slice(&line), &scratch, EVENT_BYTES_MAX, &request, &fault));
    cr_expect_eq(fault.error, ERR_TOO_LARGE);
    // JSON data with white space is copied; too much of it is refused.
    buffer_clear(&line);
    buffer_append_text(&line, "{\"data\":[ 1");
    for (int i = 0; i < EVENT_BYTES_MAX / 2; i++) {
        buffer_append_text(&line, ", 1");
    }
    buffer_append_text(&line, "]}");
    cr_expect_not(line_parse(buffer_slice(&line), &scratch, EVENT_BYTES_MAX, &request, &fault));
    cr_expect_eq(fault.error, ERR_TOO_LARGE);
    cr_expect_not_null(strstr(fault.message, "of JSON long"));
    buffer_free(&line);
    struct buffer ref;
    buffer_init(&ref, 1 << 20);
    buffer_append_text(&ref, "{\"ref\":1");
    for (int i = 0; i < LINE_REF_BYTES_MAX; i++) {
        buffer_append_byte(&ref, '0');
    }
    buffer_append_byte(&ref, '}');
    cr_expect_not(line_parse(buffer_slice(&ref), &scratch, EVENT_BYTES_MAX, &request, &fault));
    cr_expect_eq(fault.error, ERR_TOO_LARGE);
    cr_expect_eq(request.ref.length, 0);
    buffer_free(&ref);
}

Test(line, scratch_that_is_used_up_is_no_crash)
{
    // A scratch for tiny events still reads names; its rest bounds what is unescaped.
    struct line_scratch tiny;
    cr_assert_eq(line_scratch_init(&tiny, 16), 0);
    tiny.texts.limit_bytes = 3;
    struct line_request request;
    struct member_fault fault = {0};
    cr_expect_not(
        line_parse(slice_of("{\"stream\":\"\\u0061bcdef\"}"), &tiny, 16, &request, &fault));
    cr_expect_eq(fault.error, ERR_TOO_LARGE);
    cr_expect_not(line_parse(slice_of("{\"data\":[ 1,2,3,4]}"), &tiny, 16, &request, &fault));
    cr_expect_eq(fault.error, ERR_TOO_LARGE);
    line_scratch_free(&tiny);
}

Test(line, errors_as_json)
{
    struct buffer out;
    buffer_init(&out, 4096);
    line_write_error(&out, slice_of("7"), ERR_TOO_LARGE, "a \"b\"", 12);
    expect_text(buffer_slice(&out),
                "{\"ref\":7,\"error\":\"too_large\",\"message\":\"a \\\"b\\\"\",\"position\":12}");
    buffer_clear(&out);
    line_write_error(&out, slice_empty(), ERR_LOG_ERROR, NULL, MEMBER_POSITION_NONE);
    struct buffer expected;
    buffer_init(&expected, 4096);
    buffer_printf(&expected, "{\"error\":\"log_error\",\"message\":\"%s\"}",
                  error_text(ERR_LOG_ERROR));
    cr_expect(slice_equal(buffer_slice(&out), buffer_slice(&expected)));
    buffer_free(&out);
    buffer_free(&expected);
}
