#include "app/setting_source.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sample {
    bool is_fast;
    const char *name;
    uint64_t count;
    uint64_t size;
    uint64_t time_ms;
    unsigned colour;
    unsigned shade;
    uint64_t parts;
    uint64_t mode;
    struct setting_ids ids;
    struct setting_ids groups;
    struct setting_texts notes;
};

static const char *const colours[] = {"red", "green", NULL};
static const char *const shades[] = {"light", "dark", NULL};
static const char *const parts[] = {"head", "body", "tail", NULL};

#define AT(member) offsetof(struct sample, member)

static const char *const other_names[] = {"OTHER_NAME", "THIRD_NAME", NULL};
static const struct setting settings[] = {
    {.key = "fast", .letter = 'f', .kind = SETTING_SWITCH, .offset = AT(is_fast), .help = "hurry"},
    {.key = "name",
     .letter = 'n',
     .kind = SETTING_TEXT,
     .offset = AT(name),
     .other_variables = other_names,
     .value_name = "NAME",
     .help = "what it is called"},
    {.key = "count",
     .kind = SETTING_COUNT,
     .traits = SETTING_ZERO_IS_NONE,
     .offset = AT(count),
     .default_text = "10",
     .minimum = 5,
     .maximum = 20,
     .help = "how many"},
    {.key = "some-size",
     .kind = SETTING_SIZE,
     .traits = SETTING_POWER_OF_TWO,
     .offset = AT(size),
     .default_text = "64KiB",
     .minimum = 1024,
     .maximum = 1 << 20,
     .help = "how large"},
    {.key = "time",
     .kind = SETTING_DURATION,
     .offset = AT(time_ms),
     .default_text = "30s",
     .minimum = 100,
     .maximum = 3600 * 1000,
     .help = "how long"},
    {.key = "colour",
     .kind = SETTING_CHOICE,
     .offset = AT(colour),
     .default_text = "green",
     .choices = colours,
     .help = "how it looks"},
    {.key = "shade",
     .kind = SETTING_CHOICE,
     .offset = AT(shade),
     .default_text = "light",
     .choices = shades,
     .help = "light by default, else dark"},
    {.key = "parts", .kind = SETTING_SET, .offset = AT(parts), .choices = parts, .help = "which"},
    {.key = "mode", .kind = SETTING_MODE, .offset = AT(mode), .default_text = "0660", .help = "m"},
    {.key = "ids", .kind = SETTING_USERS, .offset = AT(ids), .help = "who"},
    {.key = "groups", .kind = SETTING_GROUPS, .offset = AT(groups), .help = "whose"},
    {.key = "note",
     .kind = SETTING_TEXTS,
     .offset = AT(notes),
     .value_name = "TEXT",
     .help = "remarks"},
};

static const struct setting_table table = {
    .sections = SETTING_SECTION_ALONE(settings),
    .usage = "sample [options]",
    .description = "A sample.",
    .epilogue = "The end.",
};

static struct setting_faults faults;

static int take_arguments(struct sample *sample, int count, char **arguments)
{
    const struct settings taken = {.table = &table, .target = sample, .faults = &faults};
    faults.count = 0;
    return settings_take_arguments(&taken, count, arguments);
}

static uint32_t take_environment(struct sample *sample)
{
    static struct arena texts; // the process's, which is this test's
    const struct settings taken = {
        .table = &table, .target = sample, .faults = &faults, .texts = &texts};
    arena_free(&texts);
    arena_init(&texts, 1 << 10);
    faults.count = 0;
    settings_take_environment(&taken);
    return faults.count;
}

static int take(struct sample *sample, char **arguments)
{
    int count = 0;
    while (arguments[count] != NULL) {
        count++;
    }
    settings_set_defaults(&table, sample);
    return take_arguments(sample, count, arguments);
}

#define ARGUMENTS(...)                      \
    (char *[])                              \
    {                                       \
        (char *)"sample", __VA_ARGS__, NULL \
    }

Test(setting, defaults)
{
    struct sample sample;
    memset(&sample, 0xaa, sizeof(sample));
    settings_set_defaults(&table, &sample);
    cr_assert_not(sample.is_fast);
    cr_assert_null(sample.name);
    cr_assert_eq(sample.count, 10);
    cr_assert_eq(sample.size, 65536);
    cr_assert_eq(sample.time_ms, 30000);
    cr_assert_eq(sample.colour, 1);
    cr_assert_eq(sample.parts, 0);
    cr_assert_eq(sample.mode, 0660);
    cr_assert_eq(sample.ids.count, 0);
    cr_assert_eq(sample.notes.count, 0);
}

Test(setting, flags_in_every_spelling)
{
    struct sample sample;
    char **arguments =
        ARGUMENTS("--fast", "--name", "a", "--count=20", "--some-size", "1MiB", "--time=1h",
                  "--colour", "red", "--parts", "head,tail", "--mode", "600", "--ids=0, 1000");
    cr_assert_eq(take(&sample, arguments), 0, "%s", faults.list[0].text);
    cr_assert(sample.is_fast);
    cr_assert_str_eq(sample.name, "a");
    cr_assert_eq(sample.count, 20);
    cr_assert_eq(sample.size, 1 << 20);
    cr_assert_eq(sample.time_ms, 3600 * 1000);
    cr_assert_eq(sample.colour, 0);
    cr_assert_eq(sample.parts, 5);
    cr_assert_eq(sample.mode, 0600);
    cr_assert_eq(sample.ids.count, 2);
    cr_assert_eq(sample.ids.ids[1], 1000);
    cr_assert_eq(take(&sample, ARGUMENTS("-f", "-n", "b", "--name=")), 0);
    cr_assert_str_eq(sample.name, "");
    cr_assert_eq(take(&sample, ARGUMENTS("--fast", "--fast=false")), 0);
    cr_assert_not(sample.is_fast);
}

Test(setting, operands_are_moved_to_the_front)
{
    struct sample sample;
    char **arguments = ARGUMENTS("one", "--fast", "-", "-n", "a", "two", "--", "--fast");
    cr_assert_eq(take(&sample, arguments), 4);
    cr_assert_str_eq(arguments[1], "one");
    cr_assert_str_eq(arguments[2], "-");
    cr_assert_str_eq(arguments[3], "two");
    cr_assert_str_eq(arguments[4], "--fast");
}

static void refuse(char **arguments, const char *expected)
{
    struct sample sample;
    cr_assert_eq(take(&sample, arguments), -EINVAL);
    cr_assert_str_eq(faults.list[0].text, expected);
}

Test(setting, refusals_name_the_allowed_range)
{
    refuse(ARGUMENTS("--count", "4"),
           "--count: 4 is out of range; allowed is 5 to 20, or 0 for none");
    refuse(ARGUMENTS("--count", "x"), "--count: 'x' is no whole number");
    refuse(ARGUMENTS("--some-size", "2MiB"),
           "--some-size: 2MiB is out of range; allowed is 1KiB to 1MiB");
    refuse(ARGUMENTS("--some-size", "3KiB"), "--some-size: 3KiB is not a power of two");
    refuse(ARGUMENTS("--some-size", "big"),
           "--some-size: 'big' is no size; write one as 65536, 64KiB or 1GiB");
    refuse(ARGUMENTS("--time", "10"),
           "--time: '10' is no duration; write one as 100ms, 30s or 24h");
    refuse(ARGUMENTS("--time", "0"), "--time: 0 is out of range; allowed is 100ms to 1h");
    refuse(ARGUMENTS("--colour", "blue"), "--colour: 'blue' is not one of red, green");
    refuse(ARGUMENTS("--parts", "head,foot"), "--parts: 'foot' is not one of head, body, tail");
    refuse(ARGUMENTS("--mode", "888"), "--mode: '888' is no mode; write one in octal, 0 to 0777");
    refuse(ARGUMENTS("--mode", "7777"), "--mode: '7777' is no mode; write one in octal, 0 to 0777");
    refuse(ARGUMENTS("--ids", "no-such-user"),
           "--ids: 'no-such-user' is no user of this machine, and no number");
    refuse(ARGUMENTS("--groups", "0,"), "--groups: '' is no group of this machine, and no number");
    refuse(ARGUMENTS("--ids", "4294967295"),
           "--ids: '4294967295' is no user of this machine, and no number");
    refuse(ARGUMENTS("--fast=maybe"), "--fast: 'maybe' is neither true nor false");
}

Test(setting, unknown_flags_and_missing_values)
{
    refuse(ARGUMENTS("--nam", "x"), "there is no option --nam; did you mean --name?");
    refuse(ARGUMENTS("--zzzzzz=1"), "there is no option --zzzzzz");
    refuse(ARGUMENTS("-z"), "there is no option -z");
    refuse(ARGUMENTS("-nx"), "there is no option -nx");
    refuse(ARGUMENTS("--name"), "--name needs a value");
}

Test(setting, all_faulty_values_are_told_up_to_a_flag_that_is_not_known)
{
    struct sample sample;
    char **arguments = ARGUMENTS("--count", "4", "--fast", "--mode=9", "--nam", "--time", "1");
    cr_assert_eq(take(&sample, arguments), -EINVAL);
    cr_assert_eq(faults.count, 3);
    cr_assert_str_eq(faults.list[1].text, "--mode: '9' is no mode; write one in octal, 0 to 0777");
    cr_assert_str_eq(faults.list[2].text, "there is no option --nam; did you mean --name?");
    cr_assert(sample.is_fast);
}

Test(setting, too_many_ids)
{
    char list[4 * SETTING_IDS_MAX + 8];
    size_t used = 0;
    for (int i = 0; i <= SETTING_IDS_MAX; i++) {
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%d", i == 0 ? "" : ",", i);
    }
    refuse(ARGUMENTS("--ids", list), "--ids: more than 32 ids");
}

Test(setting, texts_are_added_up_and_flags_take_the_place_of_the_environment)
{
    struct sample sample;
    cr_assert_eq(take(&sample, ARGUMENTS("--note", "one", "--note=two")), 0);
    cr_assert_eq(sample.notes.count, 2);
    cr_assert_str_eq(sample.notes.texts[0], "one");
    cr_assert_str_eq(sample.notes.texts[1], "two");
    settings_set_defaults(&table, &sample);
    (void)setenv("RINGCAST_NOTE", "of the environment", 1);
    cr_assert_eq(take_environment(&sample), 0);
    cr_assert_eq(sample.notes.count, 1);
    cr_assert_eq(take_arguments(&sample, 3, ARGUMENTS("--note", "of the flag")), 0);
    cr_assert_eq(sample.notes.count, 1);
    cr_assert_str_eq(sample.notes.texts[0], "of the flag");
    char *many[2 * SETTING_TEXTS_MAX + 4] = {(char *)"sample"};
    for (int i = 0; i <= SETTING_TEXTS_MAX; i++) {
        many[1 + 2 * i] = (char *)"--note";
        many[2 + 2 * i] = (char *)"x";
    }
    refuse(many, "--note: given more than 32 times");
}

Test(setting, users_and_groups_have_names_too)
{
    struct sample sample;
    cr_assert_eq(take(&sample, ARGUMENTS("--ids", "root, 7", "--groups=7,root")), 0);
    cr_assert_eq(sample.ids.count, 2);
    cr_assert_eq(sample.ids.ids[0], 0);
    cr_assert_eq(sample.ids.ids[1], 7);
    cr_assert_eq(sample.groups.count, 2);
    cr_assert_eq(sample.groups.ids[1], 0);
}

static void expect_notes(const char *value, uint32_t count, const char *first, const char *last)
{
    static struct sample sample;
    settings_set_defaults(&table, &sample);
    (void)setenv("RINGCAST_NOTE", value, 1);
    cr_assert_eq(take_environment(&sample), 0, "%s: %s", value, faults.list[0].text);
    cr_assert_eq(sample.notes.count, count, "%s", value);
    cr_assert_str_eq(sample.notes.texts[0], first);
    cr_assert_str_eq(sample.notes.texts[count - 1], last);
}

Test(setting, a_variable_has_several_texts_with_semicolons_between)
{
    expect_notes(" one, as it is ", 1, " one, as it is ", " one, as it is ");
    expect_notes("one;two", 2, "one", "two");
    expect_notes(" one ; two three ;four; ", 3, "one", "four");
    expect_notes("one;", 1, "one", "one");
    expect_notes(";one", 2, "", "one"); // for who knows whether it may be empty
    expect_notes("one;;two", 3, "one", "two");
    struct sample sample;
    char many[2 * SETTING_TEXTS_MAX + 2] = "";
    memset(many, ';', sizeof(many) - 1);
    settings_set_defaults(&table, &sample);
    (void)setenv("RINGCAST_NOTE", many, 1);
    cr_assert_eq(take_environment(&sample), 1);
    cr_assert_str_eq(faults.list[0].text, "RINGCAST_NOTE: given more than 32 times");
    (void)setenv("RINGCAST_NOTE", "", 1);
    (void)setenv("RINGCAST_NAME", "one;two", 1);
    cr_assert_eq(take_environment(&sample), 0);
    cr_assert_str_eq(sample.name, "one;two", "it is one text");
}

Test(setting, zero_is_none_where_it_is_allowed)
{
    struct sample sample;
    cr_assert_eq(take(&sample, ARGUMENTS("--count", "0")), 0);
    cr_assert_eq(sample.count, 0);
    cr_assert_eq(take(&sample, ARGUMENTS("--parts", "", "--ids=")), 0);
}

Test(setting, other_variables_count_where_its_own_is_not_set)
{
    struct sample sample;
    settings_set_defaults(&table, &sample);
    (void)setenv("THIRD_NAME", "third", 1);
    cr_assert_eq(take_environment(&sample), 0);
    cr_assert_str_eq(sample.name, "third");
    (void)setenv("OTHER_NAME", "other", 1);
    cr_assert_eq(take_environment(&sample), 0);
    cr_assert_str_eq(sample.name, "other");
    (void)setenv("RINGCAST_NAME", "own", 1);
    cr_assert_eq(take_environment(&sample), 0);
    cr_assert_str_eq(sample.name, "own");
}

Test(setting, environment)
{
    struct sample sample;
    settings_set_defaults(&table, &sample);
    (void)setenv("RINGCAST_SOME_SIZE", "4KiB", 1);
    (void)setenv("RINGCAST_FAST", "yes", 1);
    (void)setenv("RINGCAST_NAME", "", 1);
    cr_assert_eq(take_environment(&sample), 0);
    cr_assert_eq(sample.size, 4096);
    cr_assert(sample.is_fast);
    cr_assert_null(sample.name, "an empty variable is none");
    (void)setenv("RINGCAST_COUNT", "many", 1);
    cr_assert_eq(take_environment(&sample), 1);
    cr_assert_str_eq(faults.list[0].text, "RINGCAST_COUNT: 'many' is no whole number");
}

Test(setting, help_tells_values_defaults_and_choices)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    settings_write_help(&table, true, out);
    (void)fclose(out);
    cr_assert_not_null(strstr(text, "Usage: sample [options]\n\nA sample.\n"));
    cr_assert_not_null(strstr(text, "  -f, --fast                  hurry\n"));
    cr_assert_not_null(strstr(text, "  --count COUNT               how many (10; 0: no bound)\n"));
    cr_assert_not_null(
        strstr(text, "  --colour VALUE              how it looks: red, green (green)"));
    cr_assert_not_null(strstr(text, "  --note TEXT                 remarks; again for more\n"));
    cr_assert_not_null(
        strstr(text, "  --shade VALUE               light by default, else dark (light)\n"),
        "choices that the help has");
    size_t longest = 0;
    for (const char *line = text; *line != 0; line += strcspn(line, "\n") + 1) {
        longest = strcspn(line, "\n") > longest ? strcspn(line, "\n") : longest;
    }
    cr_assert_leq(longest, 80);
    cr_assert_not_null(strstr(text, "RINGCAST_DATA_DIR"));
    cr_assert_not_null(strstr(text, "\nThe end.\n"));
    free(text);
}

Test(setting, help_ends_a_command)
{
    struct sample sample;
    cr_assert_eq(take(&sample, ARGUMENTS("--fast", "--help", "--nonsense")), SETTINGS_HELP);
    int exit_status = -1;
    char **bad = ARGUMENTS("--nonsense");
    cr_assert_eq(settings_read(&table, &sample, 2, bad, &exit_status), -1);
    cr_assert_eq(exit_status, 2);
}

Test(setting, numbers_as_people_write_them)
{
    char text[SETTING_VALUE_SIZE];
    setting_format_number(SETTING_SIZE, 1536, text);
    cr_assert_str_eq(text, "1536B");
    setting_format_number(SETTING_SIZE, UINT64_C(3) << 30, text);
    cr_assert_str_eq(text, "3GiB");
    setting_format_number(SETTING_DURATION, 90 * 1000, text);
    cr_assert_str_eq(text, "90s");
    setting_format_number(SETTING_DURATION, UINT64_C(48) * 3600 * 1000, text);
    cr_assert_str_eq(text, "2d");
    setting_format_number(SETTING_COUNT, 1024, text);
    cr_assert_str_eq(text, "1024");
    setting_format_number(SETTING_DECIMAL, 800, text);
    cr_assert_str_eq(text, "0.8");
    setting_format_number(SETTING_DECIMAL, 125, text);
    cr_assert_str_eq(text, "0.125");
    setting_format_number(SETTING_DECIMAL, 2050, text);
    cr_assert_str_eq(text, "2.05");
    setting_format_number(SETTING_DECIMAL, 100 * 1000, text);
    cr_assert_str_eq(text, "100");
    setting_format_number(SETTING_DURATION, 0, text);
    cr_assert_str_eq(text, "0");
}
