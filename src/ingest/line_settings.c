// The members of the operation "set".
#include "base/limits.h"
#include "base/text.h"
#include "ingest/line_reader.h"

static const char duration_expected[] = "milliseconds, or a time such as \"300s\" or \"24h\"";
static const char size_expected[] = "bytes, or a size such as \"64MiB\"";

bool line_setting_retention_age(struct line_reader *reader)
{
    reader->request->settings.parts |= SETTINGS_RETENTION;
    return line_read_quantity(reader, text_parse_duration, duration_expected,
                              &reader->request->settings.retention_age_ms);
}

bool line_setting_retention_bytes(struct line_reader *reader)
{
    reader->request->settings.parts |= SETTINGS_RETENTION;
    return line_read_quantity(reader, text_parse_size, size_expected,
                              &reader->request->settings.retention_bytes);
}

bool line_setting_retention_count(struct line_reader *reader)
{
    reader->request->settings.parts |= SETTINGS_RETENTION;
    return line_read_u64(reader, UINT64_MAX, &reader->request->settings.retention_count);
}

bool line_setting_idle_ttl(struct line_reader *reader)
{
    reader->request->settings.parts |= SETTINGS_RETENTION;
    return line_read_quantity(reader, text_parse_duration, duration_expected,
                              &reader->request->settings.idle_ttl_ms);
}

static struct stream_flow *flow_of(struct line_reader *reader)
{
    reader->request->settings.parts |= SETTINGS_FLOW;
    return &reader->request->settings.flow;
}

static bool read_policy(struct line_reader *reader,
                        bool (*parse)(struct slice, enum overflow_policy *), const char *expected)
{
    size_t position = line_position(reader);
    struct slice word = slice_empty();
    enum overflow_policy policy = OVERFLOW_UNSET;
    if (!line_read_text(reader, NAME_BYTES_MAX, &word)) {
        return false;
    }
    if (!parse(word, &policy)) {
        return line_fail_value(reader, position, expected);
    }
    flow_of(reader)->overflow = (uint8_t)policy;
    return true;
}

bool line_setting_overflow(struct line_reader *reader)
{
    return read_policy(reader, overflow_policy_parse,
                       "drop_oldest, drop_newest, drop_lowest, disconnect or block");
}

bool line_setting_strategy(struct line_reader *reader)
{
    return read_policy(reader, overflow_strategy_parse, "pause, drop or buffer");
}

bool line_setting_lag_events(struct line_reader *reader)
{
    return line_read_u64(reader, UINT64_MAX, &flow_of(reader)->lag_events);
}

bool line_setting_lag_bytes(struct line_reader *reader)
{
    return line_read_quantity(reader, text_parse_size, size_expected, &flow_of(reader)->lag_bytes);
}

bool line_setting_threshold(struct line_reader *reader)
{
    static const char expected[] = "a share up to 1, such as 0.8, or a number of events";
    size_t position = line_position(reader);
    struct slice text = slice_empty();
    bool is_number = json_peek(&reader->scanner) == JSON_NUMBER;
    if (is_number && !json_read_raw(&reader->scanner, &text)) {
        return line_fail_json(reader, expected);
    }
    if (!is_number && !line_read_text(reader, NAME_BYTES_MAX, &text)) {
        return false;
    }
    return text_parse_thousandths(text, &flow_of(reader)->threshold) ||
           line_fail_value(reader, position, expected);
}

bool line_setting_producer_wait(struct line_reader *reader)
{
    size_t position = line_position(reader);
    uint64_t wait_ms = 0;
    if (!line_read_quantity(reader, text_parse_duration, duration_expected, &wait_ms)) {
        return false;
    }
    flow_of(reader)->producer_wait_ms = (uint32_t)wait_ms;
    return wait_ms <= STREAM_WAIT_MS_MAX ||
           line_fail_value(reader, position, "at most an hour, in milliseconds or such as \"10s\"");
}
