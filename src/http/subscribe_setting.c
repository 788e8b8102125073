#include "http/subscribe_setting.h"

#include "base/limits.h"
#include "base/text.h"

static const char *const clients[] = {
    [SUBSCRIBE_CLIENT_NONE] = "none",       [SUBSCRIBE_CLIENT_DEFAULT] = "default",
    [SUBSCRIBE_CLIENT_MOBILE] = "mobile",   [SUBSCRIBE_CLIENT_WEB] = "web",
    [SUBSCRIBE_CLIENT_DESKTOP] = "desktop", [SUBSCRIBE_CLIENT_API] = "api",
};

enum setting_form { FORM_COUNT, FORM_SIZE, FORM_DURATION, FORM_SWITCH };

// Bounds: a rate that cannot be told from none, and a batch that would be forgotten, are mistakes.
static const struct {
    const char *name;
    enum setting_form form;
    uint32_t minimum, maximum;
    const char *allowed;
} settings[] = {
    [SUBSCRIBE_EVENTS_PER_SECOND] = {"events_per_second", FORM_COUNT, 1, 1000 * 1000,
                                     "1 to 1000000"},
    [SUBSCRIBE_BYTES_PER_SECOND] = {"bytes_per_second", FORM_SIZE, 64, 1 << 30, "64 to 1GiB"},
    [SUBSCRIBE_BURST] = {"burst", FORM_COUNT, 1, 1000 * 1000, "1 to 1000000"},
    [SUBSCRIBE_MAX_EVENT_SIZE] = {"max_event_size", FORM_SIZE, 1, EVENT_BYTES_MAX, "1 to 1MiB"},
    [SUBSCRIBE_BATCHING] = {"batching", FORM_SWITCH, 0, 1, "on or off"},
    [SUBSCRIBE_BATCH_SIZE] = {"batch_size", FORM_COUNT, 1, 1000, "1 to 1000"},
    [SUBSCRIBE_BATCH_TIMEOUT] = {"batch_timeout", FORM_DURATION, 1, 10 * 1000, "1ms to 10s"},
    [SUBSCRIBE_COMPRESSION] = {"compression", FORM_SWITCH, 0, 1, "on or off"},
};

const char *subscribe_client_name(enum subscribe_client client)
{
    ASSERT((size_t)client < sizeof(clients) / sizeof(clients[0]));
    return clients[client];
}

bool subscribe_client_parse(struct slice name, enum subscribe_client *client)
{
    for (unsigned i = SUBSCRIBE_CLIENT_DEFAULT; i < sizeof(clients) / sizeof(clients[0]); i++) {
        if (slice_equal_text(name, clients[i])) {
            *client = (enum subscribe_client)i;
            return true;
        }
    }
    return false;
}

bool subscribe_setting_find(struct slice name, enum subscribe_setting *setting)
{
    for (unsigned i = 0; i < SUBSCRIBE_SETTINGS; i++) {
        if (slice_equal_text(name, settings[i].name)) {
            *setting = (enum subscribe_setting)i;
            return true;
        }
    }
    return false;
}

const char *subscribe_setting_name(enum subscribe_setting setting)
{
    ASSERT(setting < SUBSCRIBE_SETTINGS);
    return settings[setting].name;
}

static bool read_number(enum setting_form form, struct slice text, uint64_t *value)
{
    switch (form) {
    case FORM_COUNT: return text_parse_u64(text, value);
    case FORM_SIZE: return text_parse_size(text, value);
    case FORM_DURATION: return text_parse_duration(text, value);
    case FORM_SWITCH:
        *value = slice_equal_text(text, "on");
        return *value == 1 || slice_equal_text(text, "off");
    }
    UNREACHABLE();
}

bool subscribe_setting_parse(enum subscribe_setting setting, struct slice text, uint32_t *value)
{
    ASSERT(setting < SUBSCRIBE_SETTINGS);
    uint64_t number = 0;
    if (!read_number(settings[setting].form, text, &number) || number < settings[setting].minimum ||
        number > settings[setting].maximum) {
        return false;
    }
    *value = (uint32_t)number;
    return true;
}

const char *subscribe_setting_allowed(enum subscribe_setting setting)
{
    ASSERT(setting < SUBSCRIBE_SETTINGS);
    return settings[setting].allowed;
}
