#include "wire/settings_json.h"

#include "base/limits.h"

#include <criterion/criterion.h>

static struct arena texts;
static struct stream_settings settings;
static struct slice content_type;
static struct member_fault fault;

static void setup(void)
{
    arena_init(&texts, 4096);
}

static void teardown(void)
{
    arena_free(&texts);
}

TestSuite(settings_json, .init = setup, .fini = teardown);

static bool parse(const char *body)
{
    return settings_json_parse(slice_of(body), &texts, &settings, &content_type, &fault);
}

Test(settings_json, nothing_is_set_by_nothing)
{
    static const char *const bodies[] = {"", " \r\n", "{}", " { } "};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        cr_expect(parse(bodies[i]), "%s", fault.message);
        cr_expect_eq(settings.parts, 0);
        cr_expect_eq(content_type.length, 0);
    }
}

Test(settings_json, every_member)
{
    cr_assert(parse("{\"content_type\":\"application\\/json\",\"retention_age\":\"24h\","
                    "\"retention_bytes\":\"1MiB\",\"retention_count\":7,\"idle_ttl\":300,"
                    "\"overflow\":\"block\",\"lag_events\":10,\"lag_bytes\":20,\"threshold\":0.8,"
                    "\"producer_wait\":\"10s\"}"),
              "%s", fault.message);
    cr_expect_eq(settings.parts, SETTINGS_RETENTION | SETTINGS_FLOW);
    cr_expect_eq(settings.retention_age_ms, 24 * 3600 * 1000);
    cr_expect_eq(settings.retention_bytes, 1 << 20);
    cr_expect_eq(settings.retention_count, 7);
    cr_expect_eq(settings.idle_ttl_ms, 300);
    cr_expect_eq(settings.flow.overflow, OVERFLOW_BLOCK);
    cr_expect_eq(settings.flow.lag_events, 10);
    cr_expect_eq(settings.flow.lag_bytes, 20);
    cr_expect_eq(settings.flow.threshold, 800);
    cr_expect_eq(settings.flow.producer_wait_ms, 10000);
    cr_expect(slice_equal_text(content_type, "application/json"));
}

Test(settings_json, what_is_written_is_read)
{
    static const char body[] =
        "{\"retention_age\":1000,\"retention_bytes\":2000,\"retention_count\":7,\"idle_ttl\":300,"
        "\"overflow\":\"block\",\"lag_events\":10,\"lag_bytes\":20,\"threshold\":0.800,"
        "\"producer_wait\":10000}";
    struct buffer out;
    buffer_init(&out, 4096);
    struct json_writer writer = json_writer_on(&out);
    cr_assert(parse(body), "%s", fault.message);
    json_write_object_open(&writer);
    settings_json_write(&writer, &settings);
    json_write_object_close(&writer);
    cr_expect(slice_equal_text(buffer_slice(&out), body), SLICE_FORMAT,
              SLICE_ARGUMENTS(buffer_slice(&out)));
    buffer_clear(&out);
    settings_json_write(&writer, &(struct stream_settings){0});
    cr_expect_eq(buffer_length(&out), 0);
    buffer_free(&out);
}

Test(settings_json, a_group_is_set_as_a_whole)
{
    cr_assert(parse("{\"retention_count\":7}"));
    cr_expect_eq(settings.parts, SETTINGS_RETENTION);
    cr_assert(parse("{\"strategy\":\"pause\"}"));
    cr_expect_eq(settings.parts, SETTINGS_FLOW);
    cr_expect_eq(settings.flow.overflow, OVERFLOW_BLOCK);
    cr_assert(parse("{\"content_type\":\"a\"}"));
    cr_expect_eq(settings.parts, 0);
}

Test(settings_json, faults)
{
    static const struct {
        const char *body;
        enum rc_error error;
        const char *part;
    } cases[] = {
        {"[]", ERR_SERIALIZATION_ERROR, "this is not one JSON object of settings"},
        {"{", ERR_SERIALIZATION_ERROR, "this is not one JSON object of settings"},
        {"{\"retention_agee\":1}", ERR_INVALID_PARAMETER, "did you mean \"retention_age\"?"},
        {"{\"stream\":\"a\"}", ERR_INVALID_PARAMETER, "\"stream\" is not known"},
        {"{\"lag_events\":1,\"lag_events\":1}", ERR_INVALID_PARAMETER, "given twice"},
        {"{\"retention_age\":\"1y\"}", ERR_INVALID_PARAMETER, "\"retention_age\" must be"},
        {"{\"retention_age\":-1}", ERR_INVALID_PARAMETER, "\"retention_age\" must be"},
        {"{\"retention_bytes\":null}", ERR_INVALID_PARAMETER, "\"retention_bytes\" must be"},
        {"{\"overflow\":\"explode\"}", ERR_INVALID_PARAMETER, "\"overflow\" must be"},
        {"{\"overflow\":\"block\",\"strategy\":\"pause\"}", ERR_INVALID_PARAMETER, "say the same"},
        {"{\"threshold\":\"much\"}", ERR_INVALID_PARAMETER, "\"threshold\" must be"},
        {"{\"producer_wait\":\"2h\"}", ERR_INVALID_PARAMETER, "at most an hour"},
        {"{\"content_type\":7}", ERR_INVALID_PARAMETER, "\"content_type\" must be a string"},
        {"{\"content_type\":\"a\\nb\"}", ERR_INVALID_PARAMETER, "printable ASCII"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_not(parse(cases[i].body), "%s was taken", cases[i].body);
        cr_expect_eq(fault.error, cases[i].error, "%s: %s", cases[i].body, fault.message);
        cr_expect_not_null(strstr(fault.message, cases[i].part), "%s: %s", cases[i].body,
                           fault.message);
    }
}

Test(settings_json, texts_are_bounded)
{
    char body[400] = "{\"content_type\":\"";
    memset(body + 17, 'a', 300);
    strcpy(body + 317, "\"}");
    cr_expect_not(parse(body));
    cr_expect_eq(fault.error, ERR_TOO_LARGE);
    arena_clear(&texts);
    texts.limit_bytes = 2;
    cr_expect_not(parse("{\"content_type\":\"\\u0061bc\"}"));
    cr_expect_eq(fault.error, ERR_TOO_LARGE);
}
