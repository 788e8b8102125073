#include "app/setting.h"

#include "app/accounts.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

// An error on its way to a person: where the value came from and where the line goes.
struct complaint {
    const char *origin;
    char *message;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static int complain(const struct complaint *complaint,
                                                          const char *format, ...)
{
    int length = snprintf(complaint->message, complaint->size, "%s: ", complaint->origin);
    if (length >= 0 && (size_t)length < complaint->size) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(complaint->message + length, complaint->size - (size_t)length, format,
                        arguments);
        va_end(arguments);
    }
    return -EINVAL;
}

size_t settings_count(const struct setting_table *table)
{
    size_t count = 0;
    for (size_t i = 0; table->sections[i] != NULL; i++) {
        count += table->sections[i]->count;
    }
    return count;
}

const struct setting *settings_at(const struct setting_table *table, size_t index)
{
    const struct setting_section *const *section = table->sections;
    while (*section != NULL && index >= (*section)->count) {
        index -= (*section)->count;
        section++;
    }
    ASSERT(*section != NULL);
    return &(*section)->settings[index];
}

size_t settings_find(const struct setting_table *table, struct slice key)
{
    size_t count = settings_count(table);
    size_t i = 0;
    while (i < count && !slice_equal_text(key, settings_at(table, i)->key)) {
        i++;
    }
    return i < count ? i : (size_t)SETTINGS_MAX;
}

void setting_place_name(const struct setting_section *section, const struct setting *setting,
                        char name[SETTING_PLACE_SIZE])
{
    ASSERT(section->name != NULL);
    int length = snprintf(name, SETTING_PLACE_SIZE, "%s.%s", section->name,
                          setting->name != NULL ? setting->name : setting->key);
    ASSERT(length > 0 && length < SETTING_PLACE_SIZE);
    for (char *at = name; *at != 0; at++) {
        *at = *at == '-' ? '_' : *at;
    }
}

static void *setting_place(const struct setting *setting, void *target)
{
    return (uint8_t *)target + setting->offset;
}

static void format_unit(uint64_t value, const uint64_t *factors, const char *const *units,
                        size_t count, char text[SETTING_VALUE_SIZE])
{
    size_t unit = 0;
    while (unit + 1 < count && value >= factors[unit + 1] && value % factors[unit + 1] == 0) {
        unit++;
    }
    (void)snprintf(text, SETTING_VALUE_SIZE, "%llu%s", (unsigned long long)(value / factors[unit]),
                   units[unit]);
}

void setting_format_number(enum setting_kind kind, uint64_t value, char text[SETTING_VALUE_SIZE])
{
    static const uint64_t sizes[] = {1, UINT64_C(1) << 10, UINT64_C(1) << 20, UINT64_C(1) << 30,
                                     UINT64_C(1) << 40};
    static const char *const size_units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    static const uint64_t durations[] = {1, 1000, 60000, 3600000, 86400000};
    static const char *const duration_units[] = {"ms", "s", "m", "h", "d"};
    if (value != 0 && kind == SETTING_SIZE) {
        format_unit(value, sizes, size_units, 5, text);
    } else if (value != 0 && kind == SETTING_DURATION) {
        format_unit(value, durations, duration_units, 5, text);
    } else if (kind == SETTING_DECIMAL && value % 1000 != 0) {
        int digits = value % 100 == 0 ? 1 : value % 10 == 0 ? 2 : 3;
        (void)snprintf(text, SETTING_VALUE_SIZE, "%.*f", digits, (double)value / 1000);
    } else {
        value = kind == SETTING_DECIMAL ? value / 1000 : value;
        (void)snprintf(text, SETTING_VALUE_SIZE, "%llu", (unsigned long long)value);
    }
}

static int take_switch(bool *place, const char *value, const struct complaint *complaint)
{
    static const char *const words[] = {"false", "no", "0", "off", "true", "yes", "1", "on"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(value, words[i]) == 0) {
            *place = i >= 4;
            return 0;
        }
    }
    return complain(complaint, "'%s' is neither true nor false", value);
}

static const char *number_example(enum setting_kind kind)
{
    switch (kind) {
    case SETTING_SIZE: return "is no size; write one as 65536, 64KiB or 1GiB";
    case SETTING_DURATION: return "is no duration; write one as 100ms, 30s or 24h";
    case SETTING_DECIMAL: return "is no number with at most three digits behind the point";
    default: return "is no whole number";
    }
}

static bool parse_number(enum setting_kind kind, struct slice text, uint64_t *number)
{
    switch (kind) {
    case SETTING_SIZE: return text_parse_size(text, number);
    case SETTING_DURATION: return text_parse_duration(text, number);
    case SETTING_DECIMAL: return text_parse_thousandths(text, number);
    default: return text_parse_u64(text, number);
    }
}

static int take_number(const struct setting *setting, uint64_t *place, const char *value,
                       const struct complaint *complaint)
{
    uint64_t number = 0;
    bool is_negative = value[0] == '-' && value[1] != 0;
    if (!parse_number(setting->kind, slice_of(value + (is_negative ? 1 : 0)), &number)) {
        return complain(complaint, "'%s' %s", value, number_example(setting->kind));
    }
    bool is_none = number == 0 && (setting->traits & SETTING_ZERO_IS_NONE) != 0;
    bool is_in_range = number >= setting->minimum && number <= setting->maximum;
    if (is_negative || (!is_none && !is_in_range)) {
        char low[SETTING_VALUE_SIZE];
        char high[SETTING_VALUE_SIZE];
        setting_format_number(setting->kind, setting->minimum, low);
        setting_format_number(setting->kind, setting->maximum, high);
        return complain(complaint, "%s is out of range; allowed is %s to %s%s", value, low, high,
                        (setting->traits & SETTING_ZERO_IS_NONE) != 0 ? ", or 0 for none" : "");
    }
    if (!is_none && (setting->traits & SETTING_POWER_OF_TWO) != 0 && !is_power_of_two(number)) {
        return complain(complaint, "%s is not a power of two", value);
    }
    *place = number;
    return 0;
}

static bool choice_index(const struct setting *setting, struct slice text, unsigned *index)
{
    for (unsigned i = 0; setting->choices[i] != NULL; i++) {
        if (slice_equal_text(text, setting->choices[i])) {
            *index = i;
            return true;
        }
    }
    return false;
}

static int complain_of_choice(const struct setting *setting, struct slice text,
                              const struct complaint *complaint)
{
    char list[256];
    size_t used = 0;
    list[0] = 0;
    for (unsigned i = 0; setting->choices[i] != NULL && used < sizeof(list); i++) {
        int length = snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ", ",
                              setting->choices[i]);
        used += length > 0 ? (size_t)length : 0;
    }
    return complain(complaint, "'" SLICE_FORMAT "' is not one of %s", SLICE_ARGUMENTS(text), list);
}

static int take_choice(const struct setting *setting, unsigned *place, const char *value,
                       const struct complaint *complaint)
{
    unsigned index = 0;
    if (!choice_index(setting, slice_of(value), &index)) {
        return complain_of_choice(setting, slice_of(value), complaint);
    }
    *place = index;
    return 0;
}

static int take_set(const struct setting *setting, uint64_t *place, const char *value,
                    const struct complaint *complaint)
{
    uint64_t bits = 0;
    struct slice rest = slice_of(value);
    while (rest.at != NULL && value[0] != 0) {
        struct slice name = slice_trim(slice_split(&rest, ','));
        unsigned index = 0;
        if (!choice_index(setting, name, &index)) {
            return complain_of_choice(setting, name, complaint);
        }
        bits |= UINT64_C(1) << index;
    }
    *place = bits;
    return 0;
}

static int take_mode(uint64_t *place, const char *value, const struct complaint *complaint)
{
    uint64_t mode = 0;
    size_t length = strlen(value);
    bool good = length >= 1 && length <= 4;
    for (size_t i = 0; good && i < length; i++) {
        good = value[i] >= '0' && value[i] <= '7';
        mode = mode * 8 + (uint64_t)(value[i] - '0');
    }
    if (!good || mode > 0777) {
        return complain(complaint, "'%s' is no mode; write one in octal, 0 to 0777", value);
    }
    *place = mode;
    return 0;
}

bool setting_has_ids(const struct setting *setting)
{
    return setting->kind == SETTING_USERS || setting->kind == SETTING_GROUPS;
}

// A number, or a name of this machine.
static int take_id(const struct setting *setting, struct slice text, uint32_t *id,
                   const struct complaint *complaint)
{
    const char *what = setting->kind == SETTING_USERS ? "user" : "group";
    char name[256];
    uint64_t number = 0;
    if (text_parse_u64_max(text, UINT32_MAX - 1, &number)) {
        *id = (uint32_t)number;
        return 0;
    }
    int error = -ENOENT;
    if (text.length > 0 && text.length < sizeof(name)) {
        (void)snprintf(name, sizeof(name), SLICE_FORMAT, SLICE_ARGUMENTS(text));
        error = setting->kind == SETTING_USERS ? account_find_user(name, id)
                                               : account_find_group(name, id);
    }
    if (error == -ENOENT) {
        return complain(complaint, "'" SLICE_FORMAT "' is no %s of this machine, and no number",
                        SLICE_ARGUMENTS(text), what);
    }
    return error == 0 ? 0
                      : complain(complaint, "the %s '" SLICE_FORMAT "' cannot be looked up: %s",
                                 what, SLICE_ARGUMENTS(text), strerrordesc_np(-error));
}

static int take_ids(const struct setting *setting, struct setting_ids *place, const char *value,
                    const struct complaint *complaint)
{
    struct setting_ids ids = {0};
    struct slice rest = slice_of(value);
    while (rest.at != NULL && value[0] != 0) {
        struct slice text = slice_trim(slice_split(&rest, ','));
        if (ids.count == SETTING_IDS_MAX) {
            return complain(complaint, "more than %d ids", SETTING_IDS_MAX);
        }
        if (take_id(setting, text, &ids.ids[ids.count], complaint) != 0) {
            return -EINVAL;
        }
        ids.count++;
    }
    *place = ids;
    return 0;
}

static int take_text_of_several(struct setting_texts *place, const char *value,
                                const struct complaint *complaint)
{
    if (place->count == SETTING_TEXTS_MAX) {
        return complain(complaint, "given more than %d times", SETTING_TEXTS_MAX);
    }
    place->texts[place->count++] = value;
    return 0;
}

int setting_take(const struct setting *setting, void *target, const char *value, const char *origin,
                 char *message, size_t message_size)
{
    struct complaint complaint = {.origin = origin, .size = message_size};
    complaint.message = message;
    void *place = setting_place(setting, target);
    switch (setting->kind) {
    case SETTING_SWITCH: return take_switch(place, value, &complaint);
    case SETTING_TEXT: *(const char **)place = value; return 0;
    case SETTING_TEXTS: return take_text_of_several(place, value, &complaint);
    case SETTING_COUNT:
    case SETTING_SIZE:
    case SETTING_DURATION:
    case SETTING_DECIMAL: return take_number(setting, place, value, &complaint);
    case SETTING_CHOICE: return take_choice(setting, place, value, &complaint);
    case SETTING_SET: return take_set(setting, place, value, &complaint);
    case SETTING_MODE: return take_mode(place, value, &complaint);
    case SETTING_USERS:
    case SETTING_GROUPS: return take_ids(setting, place, value, &complaint);
    }
    UNREACHABLE();
}

void setting_begin(const struct setting *setting, void *target, enum setting_source source)
{
    if (setting->kind == SETTING_TEXTS) {
        struct setting_texts *texts = setting_place(setting, target);
        texts->count = texts->source == source ? texts->count : 0;
        texts->source = source;
    }
}

void settings_set_defaults(const struct setting_table *table, void *target)
{
    char message[SETTING_MESSAGE_SIZE];
    size_t settings = settings_count(table);
    for (size_t i = 0; i < settings; i++) {
        const struct setting *setting = settings_at(table, i);
        if (setting->default_text != NULL) {
            ASSERT(setting_take(setting, target, setting->default_text, setting->key, message,
                                sizeof(message)) == 0);
            continue;
        }
        void *place = setting_place(setting, target);
        switch (setting->kind) {
        case SETTING_SWITCH: *(bool *)place = false; break;
        case SETTING_TEXT: *(const char **)place = NULL; break;
        case SETTING_TEXTS: *(struct setting_texts *)place = (struct setting_texts){0}; break;
        case SETTING_CHOICE: *(unsigned *)place = 0; break;
        case SETTING_USERS:
        case SETTING_GROUPS: ((struct setting_ids *)place)->count = 0; break;
        default: *(uint64_t *)place = 0; break;
        }
    }
}

void setting_variable_name(const struct setting *setting, char name[SETTING_VARIABLE_SIZE])
{
    int length = snprintf(name, SETTING_VARIABLE_SIZE, "RINGCAST_%s", setting->key);
    ASSERT(length > 0 && length < SETTING_VARIABLE_SIZE);
    for (char *at = name; *at != 0; at++) {
        *at = (char)(*at == '-' ? '_' : toupper((unsigned char)*at));
    }
}
