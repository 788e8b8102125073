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

static const char *const life_names[STREAM_LIVES] = {
    [STREAM_OPEN] = "open",
    [STREAM_CLOSED] = "closed",
    [STREAM_CANCELLED] = "cancelled",
    [STREAM_DELETED] = "deleted",
};

const char *stream_life_name(enum stream_life life)
{
    ASSERT(life < STREAM_LIVES);
    return life_names[life];
}

bool stream_life_parse(struct slice word, enum stream_life *life)
{
    static const char *const words[STREAM_LIVES] = {
        [STREAM_CLOSED] = "close", [STREAM_CANCELLED] = "cancel", [STREAM_DELETED] = "delete"};
    for (int i = STREAM_CLOSED; i < STREAM_LIVES; i++) {
        if (slice_equal_text(word, words[i])) {
            *life = (enum stream_life)i;
            return true;
        }
    }
    return false;
}

bool content_type_is_valid(struct slice content_type)
{
    for (size_t i = 0; i < content_type.length; i++) {
        if (content_type.at[i] < ' ' || content_type.at[i] > '~') {
            return false;
        }
    }
    return content_type.length >= 1 && content_type.length <= ATTRIBUTE_BYTES_MAX;
}

size_t settings_encode(const struct stream_settings *change, struct slice content_type,
                       uint8_t into[SETTINGS_RECORD_BYTES_MAX])
{
    ASSERT((change->parts & ~(uint64_t)SETTINGS_PARTS) == 0);
    struct stream_settings stored = *change;
    stored.parts &= ~(uint64_t)SETTINGS_CONTENT_TYPE;
    size_t length = SETTINGS_BYTES;
    if (content_type.length > 0) {
        ASSERT(content_type_is_valid(content_type));
        stored.parts |= SETTINGS_CONTENT_TYPE;
        memcpy(into + SETTINGS_BYTES, content_type.at, content_type.length);
        length += content_type.length;
    }
    memcpy(into, &stored, sizeof(stored));
    return length;
}

bool settings_decode(struct slice record, struct stream_settings *change,
                     struct slice *content_type)
{
    *change = (struct stream_settings){.parts = SETTINGS_RETENTION};
    *content_type = slice_empty();
    bool is_older =
        record.length == SETTINGS_RETENTION_BYTES || record.length == SETTINGS_FLOW_BYTES;
    if (!is_older && record.length < SETTINGS_BYTES) {
        return false;
    }
    memcpy(change, record.at, is_older ? record.length : SETTINGS_BYTES);
    uint64_t known = is_older ? SETTINGS_RETENTION | SETTINGS_FLOW : SETTINGS_PARTS;
    if ((change->parts & ~known) != 0 || !stream_flow_is_valid(&change->flow)) {
        return false;
    }
    if (!is_older) {
        *content_type = slice_after(record, SETTINGS_BYTES);
    }
    return (change->parts & SETTINGS_CONTENT_TYPE) != 0 ? content_type_is_valid(*content_type)
                                                        : content_type->length == 0;
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
    if ((parts & SETTINGS_OWNER) != 0) {
        settings->owner = from->owner;
    }
    settings->parts |= parts;
}

void settings_apply(struct stream_settings *settings, const struct stream_settings *change)
{
    take_parts(settings, change, change->parts);
}

void settings_complete(struct stream_settings *settings, const struct stream_settings *former)
{
    take_parts(settings, former, former->parts & ~settings->parts);
}

bool settings_are_default(const struct stream_settings *settings)
{
    static const struct stream_flow none;
    return (settings->retention_age_ms | settings->retention_bytes | settings->retention_count |
            settings->idle_ttl_ms | settings->owner) == 0 &&
           memcmp(&settings->flow, &none, sizeof(none)) == 0;
}

void life_encode(enum stream_life life, uint8_t into[LIFE_RECORD_BYTES])
{
    ASSERT(life != STREAM_OPEN && life < STREAM_LIVES);
    memset(into, 0, LIFE_RECORD_BYTES);
    into[0] = (uint8_t)life;
}

bool life_decode(struct slice record, enum stream_life *life)
{
    if (record.length != LIFE_RECORD_BYTES || load_le64(record.at) >= STREAM_LIVES ||
        record.at[0] == STREAM_OPEN) {
        return false;
    }
    *life = (enum stream_life)record.at[0];
    return true;
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
