#include "wire/settings_json.h"

#include "base/limits.h"
#include "base/text.h"

static const char duration_expected[] = "milliseconds, or a time such as \"300s\" or \"24h\"";
static const char size_expected[] = "bytes, or a size such as \"64MiB\"";

bool settings_json_retention_age(struct member_reader *reader, struct stream_settings *settings)
{
    settings->parts |= SETTINGS_RETENTION;
    return member_read_quantity(reader, text_parse_duration, duration_expected,
                                &settings->retention_age_ms);
}

bool settings_json_retention_bytes(struct member_reader *reader, struct stream_settings *settings)
{
    settings->parts |= SETTINGS_RETENTION;
    return member_read_quantity(reader, text_parse_size, size_expected, &settings->retention_bytes);
}

bool settings_json_retention_count(struct member_reader *reader, struct stream_settings *settings)
{
    settings->parts |= SETTINGS_RETENTION;
    return member_read_u64(reader, UINT64_MAX, &settings->retention_count);
}

bool settings_json_idle_ttl(struct member_reader *reader, struct stream_settings *settings)
{
    settings->parts |= SETTINGS_RETENTION;
    return member_read_quantity(reader, text_parse_duration, duration_expected,
                                &settings->idle_ttl_ms);
}

static struct stream_flow *flow_of(struct stream_settings *settings)
{
    settings->parts |= SETTINGS_FLOW;
    return &settings->flow;
}

static bool read_policy(struct member_reader *reader, struct stream_settings *settings,
                        bool (*parse)(struct slice, enum overflow_policy *), const char *expected)
{
    size_t position = member_position(reader);
    struct slice word = slice_empty();
    enum overflow_policy policy = OVERFLOW_UNSET;
    if (!member_read_text(reader, NAME_BYTES_MAX, &word)) {
        return false;
    }
    if (!parse(word, &policy)) {
        return member_fail_value(reader, position, expected);
    }
    flow_of(settings)->overflow = (uint8_t)policy;
    return true;
}

bool settings_json_overflow(struct member_reader *reader, struct stream_settings *settings)
{
    return read_policy(reader, settings, overflow_policy_parse,
                       "drop_oldest, drop_newest, drop_lowest, disconnect or block");
}

bool settings_json_strategy(struct member_reader *reader, struct stream_settings *settings)
{
    return read_policy(reader, settings, overflow_strategy_parse, "pause, drop or buffer");
}

bool settings_json_lag_events(struct member_reader *reader, struct stream_settings *settings)
{
    return member_read_u64(reader, UINT64_MAX, &flow_of(settings)->lag_events);
}

bool settings_json_lag_bytes(struct member_reader *reader, struct stream_settings *settings)
{
    return member_read_quantity(reader, text_parse_size, size_expected,
                                &flow_of(settings)->lag_bytes);
}

bool settings_json_threshold(struct member_reader *reader, struct stream_settings *settings)
{
    static const char expected[] = "a share up to 1, such as 0.8, or a number of events";
    size_t position = member_position(reader);
    struct slice text = slice_empty();
    bool is_number = json_peek(&reader->scanner) == JSON_NUMBER;
    if (is_number && !json_read_raw(&reader->scanner, &text)) {
        return member_fail_json(reader, expected);
    }
    if (!is_number && !member_read_text(reader, NAME_BYTES_MAX, &text)) {
        return false;
    }
    return text_parse_thousandths(text, &flow_of(settings)->threshold) ||
           member_fail_value(reader, position, expected);
}

bool settings_json_producer_wait(struct member_reader *reader, struct stream_settings *settings)
{
    size_t position = member_position(reader);
    uint64_t wait_ms = 0;
    if (!member_read_quantity(reader, text_parse_duration, duration_expected, &wait_ms)) {
        return false;
    }
    flow_of(settings)->producer_wait_ms = (uint32_t)wait_ms;
    return wait_ms <= STREAM_WAIT_MS_MAX ||
           member_fail_value(reader, position,
                             "at most an hour, in milliseconds or such as \"10s\"");
}

bool settings_json_check(struct member_reader *reader, size_t first)
{
    if (member_is_given(reader, first + SETTINGS_MEMBER_overflow) &&
        member_is_given(reader, first + SETTINGS_MEMBER_strategy)) {
        return member_fail(reader, ERR_INVALID_PARAMETER, MEMBER_POSITION_NONE,
                           "\"overflow\" and \"strategy\" say the same: one of them is given");
    }
    return true;
}

// ---- writing -----------------------------------------------------------------------------------

static void write_if_set(struct json_writer *writer, const char *key, uint64_t value)
{
    if (value != 0) {
        json_write_member_u64(writer, key, value);
    }
}

void settings_json_write(struct json_writer *writer, const struct stream_settings *settings)
{
    const struct stream_flow *flow = &settings->flow;
    write_if_set(writer, "retention_age", settings->retention_age_ms);
    write_if_set(writer, "retention_bytes", settings->retention_bytes);
    write_if_set(writer, "retention_count", settings->retention_count);
    write_if_set(writer, "idle_ttl", settings->idle_ttl_ms);
    if (flow->overflow != OVERFLOW_UNSET) {
        json_write_key(writer, "overflow");
        json_write_text(writer, overflow_policy_name((enum overflow_policy)flow->overflow));
    }
    write_if_set(writer, "lag_events", flow->lag_events);
    write_if_set(writer, "lag_bytes", flow->lag_bytes);
    if (flow->threshold != 0) {
        json_write_member_decimal(writer, "threshold", (double)flow->threshold / 1000, 3);
    }
    write_if_set(writer, "producer_wait", flow->producer_wait_ms);
}

// ---- a body ------------------------------------------------------------------------------------

static const char *const body_names[] = {
#define X(key) #key,
    SETTINGS_MEMBERS(X)
#undef X
        "content_type",
};

static bool (*const body_reads[])(struct member_reader *, struct stream_settings *) = {
#define X(key) settings_json_##key,
    SETTINGS_MEMBERS(X)
#undef X
};

enum {
    SETTINGS_MEMBER_COUNT = sizeof(body_reads) / sizeof(body_reads[0]),
    BODY_MEMBER_COUNT = sizeof(body_names) / sizeof(body_names[0]),
};

struct settings_body {
    struct stream_settings *settings;
    struct slice *content_type;
};

static bool read_content_type(struct member_reader *reader, struct slice *content_type)
{
    size_t position = member_position(reader);
    if (!member_read_text(reader, ATTRIBUTE_BYTES_MAX, content_type)) {
        return false;
    }
    return content_type_is_valid(*content_type) ||
           member_fail_value(reader, position, "printable ASCII");
}

static bool read_body_member(struct member_reader *reader, size_t index, void *context)
{
    const struct settings_body *into = context;
    return index < SETTINGS_MEMBER_COUNT ? body_reads[index](reader, into->settings)
                                         : read_content_type(reader, into->content_type);
}

bool settings_json_parse(struct slice body, struct arena *texts, struct stream_settings *settings,
                         struct slice *content_type, struct member_fault *fault)
{
    *settings = (struct stream_settings){0};
    *content_type = slice_empty();
    if (text_is_blank(body)) {
        return true;
    }
    struct settings_body into = {settings, content_type};
    struct member_reader reader = {
        .what = "one JSON object of settings",
        .names = body_names,
        .name_count = BODY_MEMBER_COUNT,
        .arena = texts,
        .fault = fault,
    };
    return member_read_object(&reader, body, read_body_member, &into) &&
           settings_json_check(&reader, 0);
}
