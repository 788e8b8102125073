#include "app/setting_value.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

struct sample {
    bool is_fast;
    const char *name;
    const char *hosts;
    uint64_t count;
    uint64_t size;
    uint64_t time_ms;
    uint64_t share;
    unsigned colour;
    uint64_t parts;
    uint64_t mode;
    struct setting_ids ids;
    struct setting_texts notes;
};

#define AT(member) offsetof(struct sample, member)

static const char *const colours[] = {"red", "green", NULL};
static const char *const parts[] = {"head", "body", "tail", NULL};

static const struct setting settings[] = {
    {.key = "fast", .kind = SETTING_SWITCH, .offset = AT(is_fast)},
    {.key = "name", .kind = SETTING_TEXT, .offset = AT(name)},
    {.key = "hosts", .kind = SETTING_TEXT, .traits = SETTING_LIST, .offset = AT(hosts)},
    {.key = "count", .kind = SETTING_COUNT, .traits = SETTING_RELOADS, .offset = AT(count)},
    {.key = "size", .kind = SETTING_SIZE, .offset = AT(size)},
    {.key = "time", .kind = SETTING_DURATION, .traits = SETTING_RELOADS, .offset = AT(time_ms)},
    {.key = "share", .kind = SETTING_DECIMAL, .offset = AT(share)},
    {.key = "colour", .kind = SETTING_CHOICE, .offset = AT(colour), .choices = colours},
    {.key = "parts", .kind = SETTING_SET, .offset = AT(parts), .choices = parts},
    {.key = "mode", .kind = SETTING_MODE, .offset = AT(mode)},
    {.key = "ids", .kind = SETTING_USERS, .offset = AT(ids)},
    {.key = "note", .kind = SETTING_TEXTS, .offset = AT(notes)},
};

static const struct setting_table table = {.sections = SETTING_SECTION_ALONE(settings)};

static const struct sample empty;
static const struct sample full = {
    .is_fast = true,
    .name = "a \"b\" \\ \xc3\xa9\n\xff",
    .hosts = "a.example, b.example",
    .count = 1000,
    .size = 65536,
    .time_ms = 30000,
    .share = 800,
    .colour = 1,
    .parts = 5,
    .mode = 0660,
    .ids = {.count = 2, .ids = {0, 1000}},
    .notes = {.count = 2, .texts = {"one", "two, three"}},
};

static const struct {
    const char *key;
    const char *file[2]; // of the empty one, of the full one
    const char *plain[2];
} values[] = {
    {"fast", {"false", "true"}, {"false", "true"}},
    {"name",
     {"\"\"", "\"a \\\"b\\\" \\\\ \xc3\xa9\\u000A?\""},
     {"none", "a \"b\" \\ \xc3\xa9\n\xff"}},
    {"hosts", {"[]", "[\"a.example\", \"b.example\"]"}, {"none", "a.example, b.example"}},
    {"count", {"0", "1000"}, {"0", "1000"}},
    {"size", {"\"0\"", "\"64KiB\""}, {"0", "64KiB"}},
    {"time", {"\"0\"", "\"30s\""}, {"0", "30s"}},
    {"share", {"0", "0.8"}, {"0", "0.8"}},
    {"colour", {"\"red\"", "\"green\""}, {"red", "green"}},
    {"parts", {"[]", "[\"head\", \"tail\"]"}, {"none", "head, tail"}},
    {"mode", {"\"0000\"", "\"0660\""}, {"0000", "0660"}},
    {"ids", {"[]", "[0, 1000]"}, {"none", "0, 1000"}},
    {"note", {"[]", "[\"one\", \"two, three\"]"}, {"none", "one, two, three"}},
};
enum { VALUES = sizeof(values) / sizeof(values[0]) };

static void expect(const struct setting *setting, const struct sample *sample,
                   enum setting_form form, const char *expected)
{
    struct buffer text;
    buffer_init(&text, 4096);
    setting_write_value(setting, sample, form, &text);
    cr_assert(slice_equal_text(buffer_slice(&text), expected), "%s: " SLICE_FORMAT, setting->key,
              SLICE_ARGUMENTS(buffer_slice(&text)));
    buffer_free(&text);
}

Test(setting_value, each_kind_in_both_forms)
{
    cr_assert_eq(settings_count(&table), VALUES);
    for (size_t i = 0; i < VALUES; i++) {
        const struct setting *setting = settings_at(&table, i);
        cr_assert_str_eq(setting->key, values[i].key);
        expect(setting, &empty, SETTING_FORM_TOML, values[i].file[0]);
        expect(setting, &full, SETTING_FORM_TOML, values[i].file[1]);
        expect(setting, &empty, SETTING_FORM_PLAIN, values[i].plain[0]);
        expect(setting, &full, SETTING_FORM_PLAIN, values[i].plain[1]);
    }
}

struct told {
    size_t count;
    struct {
        const char *key;
        char before[300];
        char after[300];
        bool reloads;
    } list[VALUES];
};

static void on_change(void *context, const struct setting_change *change)
{
    struct told *told = context;
    told->list[told->count].key = change->setting->key;
    (void)snprintf(told->list[told->count].before, 300, "%s", change->before);
    (void)snprintf(told->list[told->count].after, 300, "%s", change->after);
    told->list[told->count].reloads = change->reloads;
    told->count++;
}

Test(setting_value, nothing_differs_from_its_copy)
{
    struct told told = {0};
    struct sample copy = full;
    char name[] = "a \"b\" \\ \xc3\xa9\n\xff"; // as another reading has its own text
    copy.name = name;
    copy.notes.texts[5] = "behind the end";
    copy.ids.ids[7] = 7;
    settings_diff(&table, &full, &copy, on_change, &told);
    cr_assert_eq(told.count, 0, "%s", told.list[0].key);
}

Test(setting_value, what_differs_is_told_with_both_values)
{
    struct told told = {0};
    struct sample changed = full;
    changed.time_ms = 90000;
    changed.notes.count = 0;
    settings_diff(&table, &full, &changed, on_change, &told);
    cr_assert_eq(told.count, 2);
    cr_assert_str_eq(told.list[0].key, "time");
    cr_assert_str_eq(told.list[0].before, "30s");
    cr_assert_str_eq(told.list[0].after, "90s");
    cr_assert(told.list[0].reloads);
    cr_assert_str_eq(told.list[1].key, "note");
    cr_assert_str_eq(told.list[1].after, "none");
    cr_assert_not(told.list[1].reloads);
}

Test(setting_value, every_setting_may_differ_and_long_text_is_cut)
{
    struct told told = {0};
    struct sample changed = full;
    char line[1001];
    memset(line, 'x', sizeof(line) - 1);
    line[0] = '\n';
    line[sizeof(line) - 1] = 0;
    changed.name = line;
    settings_diff(&table, &empty, &changed, on_change, &told);
    cr_assert_eq(told.count, VALUES);
    cr_assert_eq(strlen(told.list[1].after), 240 + 3);
    cr_assert_eq(told.list[1].after[0], '?', "no line of its own");
    cr_assert_str_eq(told.list[1].after + 240, "...");
}

Test(setting_value, copies_of_all_values_leave_no_difference)
{
    struct told told = {0};
    struct sample copy = empty;
    for (size_t i = 0; i < settings_count(&table); i++) {
        setting_copy(settings_at(&table, i), &copy, &full);
        cr_assert(setting_equal(settings_at(&table, i), &copy, &full));
    }
    settings_diff(&table, &full, &copy, on_change, &told);
    cr_assert_eq(told.count, 0);
}
