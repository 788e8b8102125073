#include "app/options_load.h"

#include <errno.h>
#include <string.h>

enum { TEXTS_BYTES_MAX = 4 << 20 };

// Tells a fault that begins with a flag ("--rule: ...") by where that setting came from.
static void name_origin(struct setting_fault *fault, const struct options_origins *origins)
{
    struct slice rest = slice_of(fault->text);
    struct slice flag = slice_split(&rest, ':');
    if (rest.at == NULL || !slice_starts_with(flag, slice_of("--"))) {
        return;
    }
    size_t index = settings_find(&options_table, slice_after(flag, 2));
    if (index == SETTINGS_MAX || origins->of[index].source != SETTING_FROM_ENVIRONMENT) {
        return;
    }
    char name[SETTING_VARIABLE_SIZE];
    setting_variable_name(settings_at(&options_table, index), name);
    const char *other = origins->of[index].other_variable;
    struct setting_fault named = {0};
    (void)snprintf(named.text, sizeof(named.text), "%s:" SLICE_FORMAT, other != NULL ? other : name,
                   SLICE_ARGUMENTS(rest));
    *fault = named;
}

static void check(const struct options *options, const struct options_origins *origins,
                  struct setting_faults *faults)
{
    uint32_t before = faults->count;
    options_check(options, faults);
    for (uint32_t i = before; i < faults->count && i < SETTING_FAULTS_MAX; i++) {
        name_origin(&faults->list[i], origins);
    }
}

// 0, -EINVAL or SETTINGS_HELP.
static int take_all(const struct options_source *source, const struct settings *settings)
{
    settings_set_defaults(settings->table, settings->target);
    settings_take_environment(settings);
    int operands = settings_take_arguments(settings, source->argc, source->argv);
    if (operands > 0) {
        setting_faults_add(settings->faults, 0, 0, "serve takes no operands: '%.64s'",
                           source->argv[1]);
    }
    if (operands == SETTINGS_HELP) {
        return SETTINGS_HELP;
    }
    return settings->faults->count > 0 ? -EINVAL : 0;
}

int options_load(const struct options_source *source, struct options *options,
                 struct options_origins *origins, struct setting_faults *faults)
{
    const struct settings settings = {
        .table = &options_table, .target = options, .origins = origins->of, .faults = faults};
    *origins = (struct options_origins){0};
    *faults = (struct setting_faults){0};
    *options = (struct options){0};
    arena_init(&options->texts, TEXTS_BYTES_MAX);
    int result = take_all(source, &settings);
    if (result == 0) {
        check(options, origins, faults);
        result = faults->count > 0 ? -EINVAL : 0;
    }
    if (result != 0) {
        options_free(options);
    }
    return result;
}

void options_free(struct options *options)
{
    arena_free(&options->texts);
}
