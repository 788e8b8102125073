#include "app/setting_file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sample {
    bool is_fast;
    const char *name;
    const char *hosts;
    uint64_t count;
    uint64_t size;
    uint64_t time_ms;
    uint64_t share;
    unsigned colour;
    unsigned watch;
    uint64_t parts;
    uint64_t mode;
    struct setting_ids ids;
    struct setting_texts notes;
    uint64_t retry_ms;
};

#define AT(member) offsetof(struct sample, member)

static const char *const colours[] = {"red", "green", NULL};
static const char *const on_off[] = {"on", "off", NULL};
static const char *const parts[] = {"head", "body", "tail", NULL};

static const struct setting main_settings[] = {
    {.key = "fast", .kind = SETTING_SWITCH, .offset = AT(is_fast)},
    {.key = "name", .kind = SETTING_TEXT, .offset = AT(name)},
    {.key = "hosts", .kind = SETTING_TEXT, .traits = SETTING_LIST, .offset = AT(hosts)},
    {.key = "count-max",
     .kind = SETTING_COUNT,
     .offset = AT(count),
     .default_text = "7",
     .minimum = 5,
     .maximum = 2000},
    {.key = "size", .kind = SETTING_SIZE, .offset = AT(size), .maximum = 1 << 20},
    {.key = "time", .kind = SETTING_DURATION, .offset = AT(time_ms), .maximum = 3600 * 1000},
    {.key = "share", .kind = SETTING_DECIMAL, .offset = AT(share), .maximum = 1000 * 1000},
    {.key = "colour", .kind = SETTING_CHOICE, .offset = AT(colour), .choices = colours},
    {.key = "watch", .kind = SETTING_CHOICE, .offset = AT(watch), .choices = on_off},
    {.key = "parts", .kind = SETTING_SET, .offset = AT(parts), .choices = parts},
    {.key = "mode", .kind = SETTING_MODE, .offset = AT(mode)},
    {.key = "ids", .kind = SETTING_USERS, .offset = AT(ids)},
    {.key = "note", .name = "notes", .kind = SETTING_TEXTS, .offset = AT(notes)},
};

static const struct setting below_settings[] = {
    {.key = "retry",
     .name = "retry_interval",
     .kind = SETTING_DURATION,
     .offset = AT(retry_ms),
     .default_text = "5s",
     .minimum = 1,
     .maximum = 3600 * 1000},
};

static const struct setting_section main_section = {
    .name = "main", .title = "m", .settings = main_settings, .count = 13};
static const struct setting_section below_section = {
    .name = "main.below", .title = "b", .settings = below_settings, .count = 1};
static const struct setting_section *const sections[] = {&main_section, &below_section, NULL};
static const struct setting_table table = {.sections = sections};

static struct sample sample;
static struct setting_origin origins[SETTINGS_MAX];
static struct setting_faults faults;
static struct arena texts;
static const struct settings taken = {
    .table = &table, .target = &sample, .origins = origins, .faults = &faults};

static void take(const char *toml)
{
    arena_free(&texts);
    arena_init(&texts, 1 << 20);
    faults.count = 0;
    settings_set_defaults(&table, &sample);
    settings_take_toml(&taken, "f.toml", slice_of(toml), &texts);
}

static void take_good(const char *toml)
{
    take(toml);
    cr_assert_eq(faults.count, 0, "%s", faults.list[0].text);
}

static void finish(void)
{
    arena_free(&texts);
}

TestSuite(setting_file, .fini = finish);

Test(setting_file, each_kind)
{
    take_good("[main]\nfast = true\nname = \"n\\u00e9\"\nhosts = ['a', \"b\"]\ncount_max = 1_000\n"
              "size = \"64KiB\"\ntime = \"30s\"\nshare = 0.8\ncolour = \"green\"\nwatch = \"off\"\n"
              "parts = [\"head\", \"tail\"]\nmode = \"0640\"\nids = [\"root\", 1000]\n"
              "notes = [\"one\", \"two, three\"]\n[main.below]\nretry_interval = \"1s\"\n");
    cr_assert(sample.is_fast);
    cr_assert_str_eq(sample.name, "n\xc3\xa9");
    cr_assert_str_eq(sample.hosts, "a,b");
    cr_assert_eq(sample.count, 1000);
    cr_assert_eq(sample.size, 65536);
    cr_assert_eq(sample.time_ms, 30000);
    cr_assert_eq(sample.share, 800);
    cr_assert_eq(sample.colour, 1);
    cr_assert_eq(sample.watch, 1);
    cr_assert_eq(sample.parts, 5);
    cr_assert_eq(sample.mode, 0640);
    cr_assert_eq(sample.ids.count, 2);
    cr_assert_eq(sample.ids.ids[1], 1000);
    cr_assert_eq(sample.notes.count, 2);
    cr_assert_str_eq(sample.notes.texts[1], "two, three");
    cr_assert_eq(sample.retry_ms, 1000);
    cr_assert_eq(origins[3].source, SETTING_FROM_FILE);
    cr_assert_eq(origins[3].line, 5);
    cr_assert_eq(origins[3].column, 13);
}

Test(setting_file, other_spellings_of_the_same)
{
    take_good("main.size = 65536\nmain.share = 100\nmain.watch = false\nmain.mode = 0o600\n"
              "main.parts = \"body\"\nmain.ids = 7\nmain.notes = \"one\"\nmain.hosts = \"a, b\"\n"
              "main.below = { retry_interval = \"2s\" }\nmain.count_max = 0x10\n");
    cr_assert_eq(sample.size, 65536);
    cr_assert_eq(sample.share, 100 * 1000);
    cr_assert_eq(sample.watch, 1);
    cr_assert_eq(sample.mode, 0600);
    cr_assert_eq(sample.parts, 2);
    cr_assert_eq(sample.ids.count, 1);
    cr_assert_eq(sample.notes.count, 1);
    cr_assert_str_eq(sample.hosts, "a, b");
    cr_assert_eq(sample.retry_ms, 2000);
    cr_assert_eq(sample.count, 16);
    take_good("[main]\nparts = []\nids = []\nnotes = []\nhosts = []\nwatch = true\n");
    cr_assert_eq(sample.parts, 0);
    cr_assert_eq(sample.notes.count, 0);
    cr_assert_str_eq(sample.hosts, "");
    cr_assert_eq(sample.watch, 0);
}

static const struct {
    const char *toml;
    const char *fault; // behind "f.toml:"
} faulty[] = {
    {"x", "1:2: expected '=' behind the key, found the end of the file"},
    {"[main]\nfast = \"true\"", "2:8: main.fast: needs true or false; found a text"},
    {"[main]\nfast = 1", "2:8: main.fast: needs true or false; found a whole number"},
    {"[main]\nname = 5", "2:8: main.name: needs a text, in quotes; found a whole number"},
    {"[main]\nname = ['x']", "2:8: main.name: needs a text, in quotes; found an array"},
    {"[main]\nname = \"a\\u0000\"", "2:8: main.name: a text without U+0000 is needed"},
    {"[main]\ncount_max = \"5\"",
     "2:13: main.count_max: needs a whole number without quotes, as 1000; found a text"},
    {"[main]\ncount_max = 5.0",
     "2:13: main.count_max: needs a whole number without quotes, as 1000; "
     "found a number with a fraction"},
    {"[main]\ncount_max = 4", "2:13: main.count_max: 4 is out of range; allowed is 5 to 2000"},
    {"[main]\ncount_max = 2001",
     "2:13: main.count_max: 2001 is out of range; allowed is 5 to 2000"},
    {"[main]\ncount_max = -5", "2:13: main.count_max: -5 is out of range; allowed is 5 to 2000"},
    {"[main]\nsize = \"2MiB\"", "2:8: main.size: 2MiB is out of range; allowed is 0 to 1MiB"},
    {"[main]\nsize = \"big\"",
     "2:8: main.size: 'big' is no size; write one as 65536, 64KiB or 1GiB"},
    {"[main]\nsize = 1.5",
     "2:8: main.size: needs a text with its unit, as \"64KiB\", or a number of "
     "bytes; found a number with a fraction"},
    {"[main]\ntime = 30",
     "2:8: main.time: needs a text with its unit, as \"30s\"; found a whole number"},
    {"[main]\ntime = \"30\"",
     "2:8: main.time: '30' is no duration; write one as 100ms, 30s or 24h"},
    {"[main]\ntime = 07:32:00",
     "2:8: main.time: needs a text with its unit, as \"30s\"; found a time of day"},
    {"[main]\nshare = \"0.8\"",
     "2:9: main.share: needs a number without quotes, as 0.8; found a text"},
    {"[main]\nshare = 0.0005",
     "2:9: main.share: '0.0005' is no number with at most three digits behind the point"},
    {"[main]\nshare = inf",
     "2:9: main.share: 'inf' is no number with at most three digits behind the point"},
    {"[main]\ncolour = \"blue\"", "2:10: main.colour: 'blue' is not one of red, green"},
    {"[main]\ncolour = true", "2:10: main.colour: needs a text, in quotes; found true or false"},
    {"[main]\nparts = [\"head\",\n \"foot\"]",
     "3:2: main.parts: 'foot' is not one of head, body, tail"},
    {"[main]\nparts = [\"head,body\"]",
     "2:10: main.parts: each text is one value, without a comma"},
    {"[main]\nmode = 640",
     "2:8: main.mode: needs a text of octal digits, as \"0660\", or 0o660; found "
     "a whole number"},
    {"[main]\nmode = \"999\"", "2:8: main.mode: '999' is no mode; write one in octal, 0 to 0777"},
    {"[main]\nids = [0, true]",
     "2:11: main.ids: needs numbers or names in its array; found true or false"},
    {"[main]\nids = [0, \"no-such-user\"]",
     "2:11: main.ids: 'no-such-user' is no user of this machine, and no number"},
    {"[main]\nids = [-1]", "2:8: main.ids: '-1' is no user of this machine, and no number"},
    {"[main]\nnotes = [1]", "2:10: main.notes: needs texts in its array; found a whole number"},
    {"[main]\nnotes = {}",
     "2:9: main.notes: needs an array of texts, as [\"one\", \"another\"]; found a table"},
    {"[main]\nhosts = [\"a,b\"]", "2:10: main.hosts: each text is one value, without a comma"},
    {"[main]\nhosts = [\"\"]", "2:10: main.hosts: each text is one value, without a comma"},
    {"[main]\nnam = \"x\"", "2:1: main.nam: there is no such setting; did you mean main.name?"},
    {"[main]\nzzzzzzzz = 1", "2:1: main.zzzzzzzz: there is no such setting"},
    {"[main]\nretry = \"1s\"",
     "2:1: main.retry: there is no such setting; did you mean main.below.retry_interval?"},
    {"[main]\ncount-max = 10",
     "2:1: main.count-max: there is no such setting; did you mean main.count_max?"},
    {"name = \"x\"", "1:1: name: there is no such setting; did you mean main.name?"},
    {"[below]\nx = 1", "1:2: there is no section [below]; did you mean [main.below]?"},
    {"[mian]\nx = 1", "1:2: there is no section [mian]; did you mean [main]?"},
    {"[other]\nx = 1\ny = 2", "1:2: there is no section [other]"},
    {"main = 5", "1:1: main: is a section, as [main]; found a whole number"},
    {"[[main]]", "1:3: main: is a section, as [main]; found an array"},
    {"[main]\nbelow = 'x'", "2:1: main.below: is a section, as [main.below]; found a text"},
    {"\"main.name\" = 'x'", "1:1: main?name: there is no such setting; did you mean main.name?"},
    {"[main]\n\"name\\u0000\" = 'x'",
     "2:1: main.name?: there is no such setting; did you mean main.name?"},
    {"[main]\n\"a\\nb\" = 1", "2:1: main.a?b: there is no such setting"},
    {"[main.name]\nx = 1", "1:7: main.name: needs a text, in quotes; found a table"},
};

Test(setting_file, faults)
{
    for (size_t i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++) {
        char expected[SETTING_MESSAGE_SIZE];
        take(faulty[i].toml);
        (void)snprintf(expected, sizeof(expected), "f.toml:%s", faulty[i].fault);
        cr_assert_eq(faults.count, 1, "%s: %u faults", faulty[i].toml, faults.count);
        cr_assert_str_eq(faults.list[0].text, expected, "%s: %s", faulty[i].toml,
                         faults.list[0].text);
    }
}

Test(setting_file, a_faulty_value_leaves_the_default)
{
    take("[main]\ncount_max = 3\nname = 'x'\n");
    cr_assert_eq(faults.count, 1);
    cr_assert_eq(sample.count, 7);
    cr_assert_str_eq(sample.name, "x");
}

Test(setting_file, faults_of_all_kinds_come_in_the_order_of_their_lines)
{
    take("[main]\nfast = 3\nname =\nshare = 'x'\n[nothing]\n");
    cr_assert_eq(faults.count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        cr_assert_eq(faults.list[i].line, 2 + i);
    }
}

Test(setting_file, so_many_faults_are_counted_but_not_kept)
{
    char toml[2000] = "[main]\n";
    for (int i = 0; i < 30; i++) {
        (void)snprintf(toml + strlen(toml), 40, "unknown_%d = 1\n", i);
    }
    take(toml);
    cr_assert_eq(faults.count, 30);
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    setting_faults_write(&faults, out);
    (void)fclose(out);
    cr_assert_not_null(strstr(text, "\nf.toml:21:1: main.unknown_19: "), "%s", text);
    cr_assert_null(strstr(text, "unknown_20"));
    cr_assert_not_null(strstr(text, "\nringcast: and 10 more faults\n"));
    free(text);
}

Test(setting_file, a_file_goes_before_defaults_and_behind_all_else)
{
    take_good("[main]\ncount_max = 10\nnotes = ['of the file']\ncolour = 'green'\n");
    (void)setenv("RINGCAST_COUNT_MAX", "20", 1);
    (void)setenv("RINGCAST_NOTE", "of the environment", 1);
    settings_take_environment(&taken);
    cr_assert_eq(sample.count, 20);
    cr_assert_eq(sample.notes.count, 1);
    cr_assert_str_eq(sample.notes.texts[0], "of the environment");
    cr_assert_eq(sample.colour, 1);
    cr_assert_eq(origins[3].source, SETTING_FROM_ENVIRONMENT);
    cr_assert_eq(origins[7].source, SETTING_FROM_FILE);
}

Test(setting_file, files_that_cannot_be_read)
{
    faults.count = 0;
    arena_init(&texts, 1 << 20);
    settings_take_file(&taken, "/nonexistent.toml", &texts);
    settings_take_file(&taken, "/", &texts);
    cr_assert_eq(faults.count, 2);
    cr_assert_str_eq(faults.list[0].text,
                     "/nonexistent.toml: cannot be read: No such file or directory");
    cr_assert_str_eq(faults.list[1].text, "/: cannot be read: Is a directory");
}

// A pipe would be waited for, by the thread that takes signals.
Test(setting_file, only_files_are_read_and_up_to_a_bound, .timeout = 10)
{
    char directory[] = "/tmp/setting_file.XXXXXX";
    char path[64];
    char message[128];
    cr_assert_not_null(mkdtemp(directory));
    arena_init(&texts, 1 << 20);
    faults.count = 0;
    settings_take_file(&taken, "/dev/zero", &texts);
    cr_assert_str_eq(faults.list[0].text, "/dev/zero: cannot be read: It is not a file");
    (void)snprintf(path, sizeof(path), "%s/pipe", directory);
    (void)snprintf(message, sizeof(message), "%s: cannot be read: It is not a file", path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    settings_take_file(&taken, path, &texts);
    cr_assert_str_eq(faults.list[1].text, message);
    cr_assert_eq(unlink(path), 0);
    (void)snprintf(path, sizeof(path), "%s/large", directory);
    (void)snprintf(message, sizeof(message), "%s:1:1: larger than 1024 KiB", path);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    cr_assert(fd >= 0 && ftruncate(fd, (off_t)1 << 40) == 0);
    settings_take_file(&taken, path, &texts);
    cr_assert_str_eq(faults.list[2].text, message);
    (void)close(fd);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(directory), 0);
}
