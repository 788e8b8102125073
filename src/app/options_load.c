#include "app/options_load.h"

#include "app/setting_file.h"

#include <errno.h>
#include <string.h>

enum { TEXTS_BYTES_MAX = 4 << 20 };

static void name_place(size_t index, char name[SETTING_PLACE_SIZE])
{
    const struct setting_section *const *section = options_table.sections;
    while (index >= (*section)->count) {
        index -= (*section)->count;
        section++;
    }
    setting_place_name(*section, &(*section)->settings[index], name);
}

static void name_origin(struct setting_fault *fault, const struct options *options,
                        const struct options_origins *origins)
{
    if (strncmp(fault->text, "--", 2) != 0) {
        return;
    }
    const char *key = fault->text + 2;
    size_t length = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789-");
    size_t index = settings_find(&options_table, slice_from(key, length));
    if (index == SETTINGS_MAX) {
        return;
    }
    const char *rest = key + length;
    const struct setting_origin *origin = &origins->of[index];
    struct setting_fault named = {.line = origin->line, .column = origin->column};
    if (origin->source == SETTING_FROM_FILE) {
        char place[SETTING_PLACE_SIZE];
        name_place(index, place);
        (void)snprintf(named.text, sizeof(named.text), "%.300s:%u:%u: %s%s", options->config,
                       origin->line, origin->column, place, rest);
        *fault = named;
    } else if (origin->source == SETTING_FROM_ENVIRONMENT) {
        char name[SETTING_VARIABLE_SIZE];
        setting_origin_name(origin, settings_at(&options_table, index), "", name, sizeof(name));
        (void)snprintf(named.text, sizeof(named.text), "%s%s", name, rest);
        *fault = named;
    }
}

void options_name_faults(const struct options *options, const struct options_origins *origins,
                         struct setting_faults *faults, uint32_t first)
{
    for (uint32_t i = first; i < faults->count && i < SETTING_FAULTS_MAX; i++) {
        name_origin(&faults->list[i], options, origins);
    }
}

void options_name_message(const struct options *options, const struct options_origins *origins,
                          char *message, size_t message_size)
{
    struct setting_fault fault = {0};
    (void)snprintf(fault.text, sizeof(fault.text), "%s", message);
    name_origin(&fault, options, origins);
    (void)snprintf(message, message_size, "%s", fault.text);
}

// Environment and flags. 0, -EINVAL or SETTINGS_HELP.
static int take_process(const struct options_source *source, const struct settings *settings)
{
    settings_take_environment(settings);
    int operands = settings_take_arguments(settings, source->argc, source->argv);
    if (operands == SETTINGS_HELP) {
        return SETTINGS_HELP;
    }
    if (operands > 0) {
        setting_faults_add(settings->faults, 0, 0, "serve takes no operands: '%.64s'",
                           source->argv[1]);
    }
    return settings->faults->count > 0 ? -EINVAL : 0;
}

// All sources, the last one first for what it says of the file.
static int take_all(const struct options_source *source, const struct settings *settings)
{
    struct options *options = settings->target;
    settings_set_defaults(settings->table, options);
    int result = take_process(source, settings);
    if (options->config == NULL || result == SETTINGS_HELP) {
        return result;
    }
    const char *path = options->config;
    *settings->faults = (struct setting_faults){0};
    settings_set_defaults(settings->table, options);
    settings_take_file(settings, path, &options->texts);
    return take_process(source, settings);
}

int options_load(const struct options_source *source, struct options *options,
                 struct options_origins *origins, struct setting_faults *faults)
{
    const struct settings settings = {.table = &options_table,
                                      .target = options,
                                      .origins = origins->of,
                                      .faults = faults,
                                      .texts = &options->texts};
    *origins = (struct options_origins){0};
    *faults = (struct setting_faults){0};
    *options = (struct options){0};
    arena_init(&options->texts, TEXTS_BYTES_MAX);
    int result = take_all(source, &settings);
    if (result == 0) {
        options_check(options, faults);
        options_name_faults(options, origins, faults, 0);
        result = faults->count > 0 ? -EINVAL : 0;
    }
    if (result != 0) {
        options_free(options);
    }
    return result;
}

const char *options_idle_websocket(const struct options_origins *origins)
{
    static const char *const keys[] = {"websocket-max-frame-size", "websocket-compression",
                                       "websocket-ping-interval"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        size_t index = settings_find(&options_table, slice_of(keys[i]));
        if (origins->of[index].source != SETTING_FROM_DEFAULT) {
            return "what is set for WebSocket has no effect yet: it is not spoken";
        }
    }
    return NULL;
}

void options_free(struct options *options)
{
    arena_free(&options->texts);
}
