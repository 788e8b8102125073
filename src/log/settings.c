#include "log/settings.h"

#include "base/assert.h"

bool overflow_strategy_parse(struct slice word, enum overflow_policy *policy)
{
    static const struct {
        const char *word;
        enum overflow_policy policy;
    } strategies[] = {
        {"pause", OVERFLOW_BLOCK}, {"drop", OVERFLOW_DROP_NEWEST}, {"buffer", OVERFLOW_UNSET}};
    for (size_t i = 0; i < sizeof(strategies) / sizeof(strategies[0]); i++) {
        if (slice_equal_text(word, strategies[i].word)) {
            *policy = strategies[i].policy;
            return true;
        }
    }
    return false;
}

struct slice settings_record(const struct stream_settings *change)
{
    ASSERT(change->parts != 0 &&
           (change->parts & ~(uint64_t)(SETTINGS_RETENTION | SETTINGS_FLOW)) == 0);
    size_t length =
        change->parts == SETTINGS_RETENTION ? (size_t)SETTINGS_RETENTION_BYTES : sizeof(*change);
    return slice_from(change, length);
}

static void take_parts(struct stream_settings *settings, const struct stream_settings *from,
                       uint64_t parts)
{
    if ((parts & SETTINGS_RETENTION) != 0) {
        settings->retention_age_ms = from->retention_age_ms;
        settings->retention_bytes = from->retention_bytes;
        settings->retention_count = from->retention_count;
        settings->idle_ttl_ms = from->idle_ttl_ms;
    }
    if ((parts & SETTINGS_FLOW) != 0) {
        settings->flow = from->flow;
    }
    settings->parts |= parts;
}

bool settings_apply(struct stream_settings *settings, struct slice record)
{
    struct stream_settings change = {.parts = SETTINGS_RETENTION};
    if (record.length != SETTINGS_RETENTION_BYTES && record.length != sizeof(change)) {
        return false;
    }
    memcpy(&change, record.at, record.length);
    bool is_known = (change.parts & ~(uint64_t)(SETTINGS_RETENTION | SETTINGS_FLOW)) == 0;
    if (!is_known || !stream_flow_is_valid(&change.flow)) {
        return false;
    }
    take_parts(settings, &change, change.parts);
    return true;
}

void settings_complete(struct stream_settings *settings, const struct stream_settings *former)
{
    take_parts(settings, former, former->parts & ~settings->parts);
}

bool settings_are_default(const struct stream_settings *settings)
{
    static const struct stream_flow none;
    return (settings->retention_age_ms | settings->retention_bytes | settings->retention_count |
            settings->idle_ttl_ms) == 0 &&
           memcmp(&settings->flow, &none, sizeof(none)) == 0;
}

bool stream_flow_is_valid(const struct stream_flow *flow)
{
    return flow->overflow < OVERFLOW_POLICIES &&
           (flow->zero[0] | flow->zero[1] | flow->zero[2]) == 0;
}

struct stream_flow stream_flow_or(const struct stream_flow *own, const struct stream_flow *broker)
{
    struct stream_flow flow = *own;
    flow.lag_events = flow.lag_events != 0 ? flow.lag_events : broker->lag_events;
    flow.lag_bytes = flow.lag_bytes != 0 ? flow.lag_bytes : broker->lag_bytes;
    flow.threshold = flow.threshold != 0 ? flow.threshold : broker->threshold;
    flow.producer_wait_ms =
        flow.producer_wait_ms != 0 ? flow.producer_wait_ms : broker->producer_wait_ms;
    flow.overflow = flow.overflow != OVERFLOW_UNSET ? flow.overflow : broker->overflow;
    return flow;
}
