// Every setting of `ringcast serve`, by what the table says of it: from the file, the environment
// and a flag, which of them counts, and where its bounds are.
#include "app/options.h"
#include "app/setting_file.h"
#include "app/setting_value.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_SIZE = 1024 };

static struct options options;
static struct setting_origin origins[SETTINGS_MAX];
static struct setting_faults faults;
static struct arena texts;
static const struct settings taken = {.table = &options_table,
                                      .target = &options,
                                      .origins = origins,
                                      .faults = &faults,
                                      .texts = &texts};

struct subject {
    const struct setting_section *section;
    const struct setting *setting;
    size_t index;
    char place[SETTING_PLACE_SIZE]; // "" where it has none in a file
    char variable[SETTING_VARIABLE_SIZE];
    char values[2][VALUE_SIZE]; // two good ones, as a flag has them
};

static void choose_numbers(struct subject *subject)
{
    const struct setting *setting = subject->setting;
    cr_assert_lt(setting->minimum, setting->maximum, "%s", setting->key);
    setting_format_number(setting->kind, setting->minimum, subject->values[0]);
    setting_format_number(setting->kind, setting->maximum, subject->values[1]);
}

static void choose_values(struct subject *subject)
{
    const struct setting *setting = subject->setting;
    const char *one = "one";
    const char *two = "two \"2\"";
    switch (setting->kind) {
    case SETTING_SWITCH:
        one = "true";
        two = "false";
        break;
    case SETTING_MODE:
        one = "0600";
        two = "0640";
        break;
    case SETTING_USERS:
    case SETTING_GROUPS:
        one = "0,1000";
        two = "7";
        break;
    case SETTING_CHOICE:
    case SETTING_SET:
        one = setting->choices[0];
        two = setting->choices[1];
        break;
    case SETTING_TEXT:
    case SETTING_TEXTS: break;
    default: choose_numbers(subject); return;
    }
    (void)snprintf(subject->values[0], VALUE_SIZE, "%s", one);
    (void)snprintf(subject->values[1], VALUE_SIZE, "%s", two);
}

static void reset(void)
{
    settings_set_defaults(&options_table, &options);
    memset(origins, 0, sizeof(origins));
    faults.count = 0;
    arena_free(&texts);
    arena_init(&texts, 1 << 20);
}

// By the file, in which the value stands as --print-config writes it.
static void take_file(const struct subject *subject, const char *value)
{
    static struct options written;
    char message[SETTING_MESSAGE_SIZE];
    struct setting unchecked = *subject->setting;
    unchecked.minimum = 0;
    unchecked.maximum = UINT64_MAX;
    unchecked.traits &= ~(unsigned)SETTING_POWER_OF_TWO;
    settings_set_defaults(&options_table, &written);
    setting_begin(&unchecked, &written, SETTING_FROM_FILE);
    cr_assert_eq(setting_take(&unchecked, &written, value, "x", message, sizeof(message)), 0);
    struct buffer toml;
    buffer_init(&toml, 1 << 16);
    (void)buffer_printf(&toml, "\n%s = ", subject->place);
    setting_write_value(subject->setting, &written, SETTING_FORM_TOML, &toml);
    settings_take_toml(&taken, "f.toml", buffer_slice(&toml), &texts);
    buffer_free(&toml);
}

static void take_environment(const struct subject *subject, const char *value)
{
    (void)setenv(subject->variable, value, 1);
    settings_take_environment(&taken);
    (void)unsetenv(subject->variable);
}

static void take_flag(const struct subject *subject, const char *value)
{
    static char flag[SETTING_VARIABLE_SIZE + VALUE_SIZE]; // text is borrowed
    (void)snprintf(flag, sizeof(flag), "--%s=%s", subject->setting->key, value);
    char *arguments[] = {(char *)"serve", flag, NULL};
    (void)settings_take_arguments(&taken, 2, arguments);
}

static void expect(const struct subject *subject, const char *value, enum setting_source source)
{
    static struct options expected;
    char message[SETTING_MESSAGE_SIZE];
    cr_assert_eq(faults.count, 0, "%s", faults.list[0].text);
    settings_set_defaults(&options_table, &expected);
    setting_begin(subject->setting, &expected, source);
    cr_assert_eq(setting_take(subject->setting, &expected, value, "x", message, sizeof(message)), 0,
                 "%s: %s", subject->setting->key, message);
    cr_assert(setting_equal(subject->setting, &options, &expected), "%s is not %s",
              subject->setting->key, value);
    cr_assert_eq(origins[subject->index].source, source, "%s", subject->setting->key);
}

// Calls for each setting, with its names and two good values.
static void for_each(void (*check)(const struct subject *subject))
{
    size_t index = 0;
    for (size_t i = 0; options_table.sections[i] != NULL; i++) {
        const struct setting_section *section = options_table.sections[i];
        for (size_t n = 0; n < section->count; n++, index++) {
            static struct subject subject;
            subject = (struct subject){
                .section = section, .setting = &section->settings[n], .index = index};
            if (section->name != NULL) {
                setting_place_name(section, subject.setting, subject.place);
            }
            setting_variable_name(subject.setting, subject.variable);
            choose_values(&subject);
            reset();
            check(&subject);
        }
    }
    arena_free(&texts);
}

static void check_ways(const struct subject *subject)
{
    bool in_file = subject->place[0] != 0;
    bool in_environment = (subject->setting->traits & SETTING_FLAG_ONLY) == 0;
    if (in_file) {
        take_file(subject, subject->values[0]);
        expect(subject, subject->values[0], SETTING_FROM_FILE);
        cr_assert_eq(origins[subject->index].line, 2);
    }
    take_environment(subject, subject->values[1]);
    if (in_environment) {
        expect(subject, subject->values[1], SETTING_FROM_ENVIRONMENT);
    } else {
        cr_assert_eq(origins[subject->index].source, SETTING_FROM_DEFAULT);
    }
    take_flag(subject, subject->values[0]);
    expect(subject, subject->values[0], SETTING_FROM_FLAG);
}

Test(options_table, each_setting_from_file_environment_and_flag_in_this_order)
{
    for_each(check_ways);
}

// What all three say of a value out of bounds, each by its own name.
static void refuse(const struct subject *subject, uint64_t number)
{
    char value[SETTING_VALUE_SIZE];
    char expected[SETTING_MESSAGE_SIZE];
    setting_format_number(subject->setting->kind, number, value);
    void (*const ways[])(const struct subject *, const char *) = {take_file, take_environment,
                                                                  take_flag};
    for (size_t i = 0; i < 3; i++) {
        reset();
        ways[i](subject, value);
        cr_assert_eq(faults.count, 1, "%s takes %s", subject->setting->key, value);
        (void)snprintf(expected, sizeof(expected), "%s%s: %s is out of range; allowed is ",
                       i == 2 ? "--" : "",
                       i == 0   ? subject->place
                       : i == 1 ? subject->variable
                                : subject->setting->key,
                       value);
        const char *told = faults.list[0].text;
        cr_assert_not_null(strstr(told, expected), "%s", told);
        cr_assert(i == 0 ? strncmp(told, "f.toml:2:", 9) == 0 : strstr(told, expected) == told,
                  "%s", told);
    }
}

static void check_bounds(const struct subject *subject)
{
    const struct setting *setting = subject->setting;
    bool is_number = setting->kind == SETTING_COUNT || setting->kind == SETTING_SIZE ||
                     setting->kind == SETTING_DURATION || setting->kind == SETTING_DECIMAL;
    if (!is_number) {
        return;
    }
    take_file(subject, subject->values[0]); // the least
    expect(subject, subject->values[0], SETTING_FROM_FILE);
    take_file(subject, subject->values[1]); // the most
    expect(subject, subject->values[1], SETTING_FROM_FILE);
    bool is_none = (setting->traits & SETTING_ZERO_IS_NONE) != 0;
    if (is_none) {
        take_file(subject, "0");
        expect(subject, "0", SETTING_FROM_FILE);
    }
    if (setting->minimum > (is_none ? 1 : 0)) {
        refuse(subject, setting->minimum - 1);
    }
    if (setting->maximum < UINT64_MAX) {
        refuse(subject, setting->maximum + 1);
    }
}

Test(options_table, each_number_within_its_bounds)
{
    for_each(check_bounds);
}

static void check_unit(const struct subject *subject)
{
    char toml[2 * SETTING_PLACE_SIZE];
    bool has_unit = subject->setting->kind == SETTING_DURATION;
    if (!has_unit) {
        return;
    }
    (void)snprintf(toml, sizeof(toml), "%s = 1000", subject->place);
    settings_take_toml(&taken, "f.toml", slice_of(toml), &texts);
    cr_assert_eq(faults.count, 1, "%s", subject->place);
    cr_assert_not_null(strstr(faults.list[0].text, "needs a text with its unit, as \"30s\""));
}

Test(options_table, each_duration_needs_its_unit)
{
    for_each(check_unit);
}
