#include "app/setting_source.h"

#include "app/paths.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "base/text.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

void setting_faults_add(struct setting_faults *faults, uint32_t line, uint32_t column,
                        const char *format, ...)
{
    if (faults->count < SETTING_FAULTS_MAX) {
        struct setting_fault *fault = &faults->list[faults->count];
        fault->line = line;
        fault->column = column;
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(fault->text, sizeof(fault->text), format, arguments);
        va_end(arguments);
        utf8_make_printable((uint8_t *)fault->text, strlen(fault->text));
    }
    faults->count++;
}

void setting_faults_write(const struct setting_faults *faults, FILE *out)
{
    uint32_t count = faults->count < SETTING_FAULTS_MAX ? faults->count : SETTING_FAULTS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        const struct setting_fault *fault = &faults->list[i];
        (void)fprintf(out, "%s%s\n", fault->line == 0 ? "ringcast: " : "", fault->text);
    }
    if (count < faults->count) {
        (void)fprintf(out, "ringcast: and %u more faults\n", faults->count - count);
    }
}

void setting_origin_name(const struct setting_origin *origin, const struct setting *setting,
                         const char *path, char *name, size_t name_size)
{
    char variable[SETTING_VARIABLE_SIZE];
    switch (origin->source) {
    case SETTING_FROM_DEFAULT: (void)snprintf(name, name_size, "default"); return;
    case SETTING_FROM_FILE: (void)snprintf(name, name_size, "%s:%u", path, origin->line); return;
    case SETTING_FROM_ENVIRONMENT:
        setting_variable_name(setting, variable);
        (void)snprintf(name, name_size, "%s",
                       origin->other_variable != NULL ? origin->other_variable : variable);
        return;
    case SETTING_FROM_FLAG: (void)snprintf(name, name_size, "--%s", setting->key); return;
    }
    UNREACHABLE();
}

static bool is_set(const char *variable)
{
    const char *value = paths_variable(variable);
    return value != NULL && value[0] != 0;
}

// The variable that says what the setting is; NULL: none.
static const char *find_variable(const struct setting *setting, char own[SETTING_VARIABLE_SIZE])
{
    if ((setting->traits & SETTING_FLAG_ONLY) != 0) {
        return NULL;
    }
    setting_variable_name(setting, own);
    if (is_set(own)) {
        return own;
    }
    const char *const *other = setting->other_variables;
    while (other != NULL && *other != NULL && !is_set(*other)) {
        other++;
    }
    return other == NULL ? NULL : *other;
}

// Takes a value, and remembers from where.
static bool take(const struct settings *settings, size_t index, const char *value,
                 const char *origin, struct setting_origin from)
{
    const struct setting *setting = settings_at(settings->table, index);
    char message[SETTING_MESSAGE_SIZE];
    setting_begin(setting, settings->target, from.source);
    if (setting_take(setting, settings->target, value, origin, message, sizeof(message)) != 0) {
        setting_faults_add(settings->faults, 0, 0, "%s", message);
        return false;
    }
    if (settings->origins != NULL) {
        settings->origins[index] = from;
    }
    return true;
}

// A flag may come again, a variable does not: it has several texts with semicolons between, and
// may end with one.
static void take_texts(const struct settings *settings, size_t index, const char *value,
                       const char *origin, struct setting_origin from)
{
    size_t size = strlen(value) + 1;
    char *copy = (char *)arena_take(settings->texts, size);
    if (copy == NULL) {
        setting_faults_add(settings->faults, 0, 0, "%s: out of memory", origin);
        return;
    }
    memcpy(copy, value, size);
    char *next = copy;
    bool is_good = true;
    do {
        struct slice text = slice_trim(slice_of(strsep(&next, ";")));
        char *begin = copy + ((const char *)text.at - copy);
        begin[text.length] = 0;
        is_good = take(settings, index, begin, origin, from);
    } while (is_good && next != NULL && next[strspn(next, " ")] != 0);
}

void settings_take_environment(const struct settings *settings)
{
    size_t count = settings_count(settings->table);
    for (size_t i = 0; i < count; i++) {
        char own[SETTING_VARIABLE_SIZE];
        const char *name = find_variable(settings_at(settings->table, i), own);
        if (name == NULL) {
            continue;
        }
        const char *value = paths_variable(name);
        const struct setting_origin from = {.source = SETTING_FROM_ENVIRONMENT,
                                            .other_variable = name == own ? NULL : name};
        if (strchr(value, ';') != NULL && settings_at(settings->table, i)->kind == SETTING_TEXTS) {
            take_texts(settings, i, value, name, from);
        } else {
            (void)take(settings, i, value, name, from);
        }
    }
}

static size_t find_letter(const struct setting_table *table, char letter)
{
    size_t count = settings_count(table);
    size_t i = 0;
    while (i < count && settings_at(table, i)->letter != letter) {
        i++;
    }
    return i < count ? i : (size_t)SETTINGS_MAX;
}

static bool complain_of_unknown(const struct settings *settings, struct slice key)
{
    const char *names[SETTINGS_MAX];
    size_t count = settings_count(settings->table);
    ASSERT(count <= SETTINGS_MAX);
    for (size_t i = 0; i < count; i++) {
        names[i] = settings_at(settings->table, i)->key;
    }
    const char *nearest = text_nearest(key, names, count);
    setting_faults_add(settings->faults, 0, 0, "there is no option --" SLICE_FORMAT "%s%s%s",
                       SLICE_ARGUMENTS(key), nearest == NULL ? "" : "; did you mean --",
                       nearest == NULL ? "" : nearest, nearest == NULL ? "" : "?");
    return false;
}

// One flag at argv[*at]; goes on to the last argument that it used. False: it is not known which
// one that is.
static bool take_flag(const struct settings *settings, int argc, char **argv, int *at)
{
    const char *argument = argv[*at];
    const char *value = NULL;
    size_t index = SETTINGS_MAX;
    if (argument[1] == '-') {
        struct slice rest = slice_of(argument + 2);
        struct slice key = slice_split(&rest, '=');
        index = settings_find(settings->table, key);
        if (index == SETTINGS_MAX) {
            return complain_of_unknown(settings, key);
        }
        value = rest.at == NULL ? NULL : argument + 2 + key.length + 1;
    } else {
        index = argument[2] == 0 ? find_letter(settings->table, argument[1]) : (size_t)SETTINGS_MAX;
        if (index == SETTINGS_MAX) {
            setting_faults_add(settings->faults, 0, 0, "there is no option %s", argument);
            return false;
        }
    }
    const struct setting *setting = settings_at(settings->table, index);
    char origin[SETTING_VARIABLE_SIZE];
    (void)snprintf(origin, sizeof(origin), "--%s", setting->key);
    if (value == NULL && setting->kind == SETTING_SWITCH) {
        value = "true";
    } else if (value == NULL) {
        if (*at + 1 >= argc) {
            setting_faults_add(settings->faults, 0, 0, "%s needs a value", origin);
            return false;
        }
        value = argv[++*at];
    }
    (void)take(settings, index, value, origin,
               (struct setting_origin){.source = SETTING_FROM_FLAG});
    return true;
}

int settings_take_arguments(const struct settings *settings, int argc, char **argv)
{
    uint32_t faults = settings->faults->count;
    int operands = 0;
    bool flags_over = false;
    for (int i = 1; i < argc; i++) {
        char *argument = argv[i];
        if (flags_over || argument[0] != '-' || argument[1] == 0) {
            argv[1 + operands++] = argument;
        } else if (strcmp(argument, "--") == 0) {
            flags_over = true;
        } else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            return SETTINGS_HELP;
        } else if (!take_flag(settings, argc, argv, &i)) {
            return -EINVAL;
        }
    }
    return settings->faults->count > faults ? -EINVAL : operands;
}

int settings_read(const struct setting_table *table, void *target, int argc, char **argv,
                  int *exit_status)
{
    struct setting_faults faults = {0};
    const struct settings settings = {.table = table, .target = target, .faults = &faults};
    settings_set_defaults(table, target);
    int result = settings_take_arguments(&settings, argc, argv);
    if (result == SETTINGS_HELP) {
        settings_write_help(table, false, stdout);
        *exit_status = 0;
        return -1;
    }
    if (result < 0) {
        setting_faults_write(&faults, stderr);
        (void)fprintf(stderr, "Usage: %s\n", table->usage);
        *exit_status = 2;
        return -1;
    }
    return result;
}
