// A configuration file of any content: the reader of TOML gives a tree within its bounds or says
// where the fault is, the table takes what is good, and what was taken is the same when it is
// written as a file and read again. layer: app
#include "app/config_print.h"
#include "app/setting_file.h"
#include "app/setting_value.h"
#include "base/assert.h"
#include "base/toml.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
    uint32_t count;
};

static void on_fault(void *context, struct toml_position at, const char *message)
{
    struct told *told = context;
    ASSERT(at.line >= 1 && at.column >= 1 && message[0] != 0);
    told->count++;
}

static uint32_t check_tree(const struct toml_value *value, uint32_t depth)
{
    uint32_t count = 1;
    ASSERT(value->at.line >= 1 && value->key_at.line >= 1 && depth < 4 * TOML_DEPTH_MAX);
    if (value->kind == TOML_TEXT) {
        ASSERT(utf8_is_valid(value->text));
    }
    if (value->kind != TOML_TABLE && value->kind != TOML_ARRAY) {
        return count;
    }
    uint32_t children = 0;
    for (const struct toml_value *child = value->first; child != NULL; child = child->next) {
        ASSERT(child->next != NULL || child == value->last);
        if (value->kind == TOML_TABLE) {
            ASSERT(toml_find(value, child->key) == child);
        }
        count += check_tree(child, depth + 1);
        children++;
    }
    ASSERT(children == value->count);
    return count;
}

static void check_reader(struct slice text)
{
    struct told told = {0};
    struct arena arena;
    arena_init(&arena, TOML_ARENA_BYTES);
    const struct toml_value *root = toml_read(text, &arena, on_fault, &told);
    ASSERT(root != NULL || told.count > 0);
    if (root != NULL) {
        ASSERT(check_tree(root, 0) <= TOML_VALUES_MAX);
    }
    arena_free(&arena);
}

static bool take(struct options *options, struct options_origins *origins, struct slice text)
{
    struct setting_faults faults = {0};
    *origins = (struct options_origins){0};
    const struct settings settings = {
        .table = &options_table, .target = options, .origins = origins->of, .faults = &faults};
    memset(options, 0, sizeof(*options));
    arena_init(&options->texts, 4 << 20);
    settings_set_defaults(&options_table, options);
    settings_take_toml(&settings, "fuzz.toml", text, &options->texts);
    for (uint32_t i = 0; i < faults.count && i < SETTING_FAULTS_MAX; i++) {
        ASSERT(strncmp(faults.list[i].text, "fuzz.toml:", strlen("fuzz.toml:")) == 0);
        ASSERT(i == 0 || faults.list[i - 1].line <= faults.list[i].line);
    }
    return faults.count == 0;
}

static void on_change(void *context, const struct setting_change *change)
{
    (void)context;
    ASSERT(change == NULL); // nothing differs
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct options options;
    static struct options again;
    static struct options_origins origins;
    static struct options_origins origins_again;
    uint8_t *copy = malloc(size + (size == 0)); // of its size, so that reading beyond it is seen
    ASSERT(copy != NULL);
    if (size > 0) {
        memcpy(copy, data, size);
    }
    check_reader(slice_from(copy, size));
    if (take(&options, &origins, slice_from(copy, size))) {
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        ASSERT(out != NULL);
        options.config = "fuzz.toml";
        ASSERT(config_print(&options, &origins, out) == 0);
        (void)fclose(out);
        ASSERT(take(&again, &origins_again, slice_from(text, length)));
        options.config = NULL;
        settings_diff(&options_table, &options, &again, on_change, NULL);
        options_free(&again);
        free(text);
    }
    options_free(&options);
    free(copy);
    return 0;
}
