#include "app/config_print.h"

#include "app/key_watch.h"
#include "app/privileges.h"
#include "app/setting_value.h"
#include "app/tls_watch.h"
#include "base/utf8.h"

#include <string.h>
#include <unistd.h>

enum {
    TEXT_BYTES_MAX = 4 << 20,
    FROM_SIZE = 512,
};

// Why a setting that nobody set has no value to print; NULL: it has one.
static const char *why_unset(const struct setting *setting, const struct setting_origin *origin)
{
    if (origin->source != SETTING_FROM_DEFAULT || setting->default_text != NULL ||
        setting->kind == SETTING_SWITCH) {
        return NULL;
    }
    return setting->default_note != NULL ? setting->default_note : "not set";
}

// TOML is UTF-8; paths and the like of flags and variables need not be.
static bool is_printable(const struct options *options, const struct setting *setting)
{
    struct buffer value;
    buffer_init(&value, TEXT_BYTES_MAX);
    setting_write_value(setting, options, SETTING_FORM_PLAIN, &value);
    bool is_valid = utf8_is_valid(buffer_slice(&value));
    buffer_free(&value);
    return is_valid;
}

static void print_setting(const struct options *options, const struct setting *setting,
                          const struct setting_origin *origin, const char *place,
                          struct buffer *text)
{
    const char *name = strrchr(place, '.') + 1;
    const char *why = why_unset(setting, origin);
    if (why != NULL) {
        (void)buffer_printf(text, "# %s: %s", name, why);
        return;
    }
    char from[FROM_SIZE];
    setting_origin_name(origin, setting, options->config, from, sizeof(from));
    utf8_make_printable((uint8_t *)from, strlen(from));
    if (!is_printable(options, setting)) {
        (void)buffer_printf(text, "# %s: not UTF-8, which a file must be # %s", name, from);
        return;
    }
    (void)buffer_printf(text, "%s = ", name);
    setting_write_value(setting, options, SETTING_FORM_TOML, text);
    (void)buffer_printf(text, " # %s", from);
}

static void print_section(const struct options *options, const struct setting_section *section,
                          const struct setting_origin *origins, struct buffer *text)
{
    (void)buffer_printf(text, "# %s\n[%s]\n", section->title, section->name);
    for (size_t i = 0; i < section->count; i++) {
        char place[SETTING_PLACE_SIZE];
        setting_place_name(section, &section->settings[i], place);
        print_setting(options, &section->settings[i], &origins[i], place, text);
        (void)buffer_append_byte(text, '\n');
    }
}

int config_print(const struct options *options, const struct options_origins *origins, FILE *out)
{
    struct buffer text;
    buffer_init(&text, TEXT_BYTES_MAX);
    size_t first = 0;
    for (size_t i = 0; options_table.sections[i] != NULL; i++) {
        const struct setting_section *section = options_table.sections[i];
        if (section->name != NULL) {
            (void)buffer_append_text(&text, buffer_length(&text) == 0 ? "" : "\n");
            print_section(options, section, &origins->of[first], &text);
        }
        first += section->count;
    }
    int failure = buffer_failure(&text);
    (void)fwrite(text.storage, 1, failure == 0 ? buffer_length(&text) : 0, out);
    buffer_free(&text);
    return failure;
}

void config_check(const struct options *options, const struct options_origins *origins,
                  struct setting_faults *faults)
{
    char message[SETTING_MESSAGE_SIZE];
    struct key_watch keys;
    struct keyring *keyring = NULL;
    struct tls_watch certificates;
    struct tls_server *server = NULL;
    uint32_t before = faults->count;
    struct privileges privileges;
    if (!privileges_find(&privileges, options->user, message, sizeof(message)) ||
        !privileges_become(&privileges, message, sizeof(message))) {
        setting_faults_add(faults, 0, 0, "%s", message);
    }
    if (!key_watch_open(&keys, &options->auth_keys, &keyring, message, sizeof(message))) {
        setting_faults_add(faults, 0, 0, "%s", message);
    } else if (keyring != NULL) {
        keyring_release(keyring);
    }
    if (!tls_watch_open(&certificates, options, NULL, &server, message, sizeof(message))) {
        setting_faults_add(faults, 0, 0, "%s", message);
    }
    tls_server_release(server);
    options_name_faults(options, origins, faults, before);
}

bool config_is_asked_for(const struct options *options)
{
    return options->check_config || options->print_config;
}

int config_answer(const struct options *options, const struct options_origins *origins)
{
    if (options->print_config && config_print(options, origins, stdout) != 0) {
        (void)fprintf(stderr, "ringcast: the settings cannot be printed: out of memory\n");
        return 1;
    }
    struct setting_faults faults = {0};
    if (options->check_config) {
        config_check(options, origins, &faults);
    }
    setting_faults_write(&faults, stderr);
    if (options->check_config && faults.count == 0) {
        bool names_files = options->auth_keys.count > 0 || options->tls_certificates.count > 0;
        (void)printf("%s: good%s\n", options->config != NULL ? options->config : "settings",
                     names_files && geteuid() == 0
                         ? " for root; with --user NAME it is told whether NAME may read the files"
                         : "");
    }
    return faults.count == 0 ? 0 : 2;
}
