// What there is to be configured, for people: as a page of the manual, and as a file.
#include "app/options.h"
#include "app/setting_source.h"
#include "app/setting_value.h"
#include "cli/manual.h"
#include "cli/roff.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { VALUE_BYTES_MAX = 1024, LINE_SIZE = 512, FILE_WIDTH = 100 };

// What the file's value is, for its kind.
static const char *kind_name(const struct setting *setting)
{
    switch (setting->kind) {
    case SETTING_SWITCH: return "true or false";
    case SETTING_TEXT: return (setting->traits & SETTING_LIST) != 0 ? "list of texts" : "text";
    case SETTING_TEXTS: return "list of texts, one a flag";
    case SETTING_COUNT: return "whole number";
    case SETTING_SIZE: return "size";
    case SETTING_DURATION: return "time";
    case SETTING_DECIMAL: return "number";
    case SETTING_CHOICE: return "one of the texts";
    case SETTING_SET: return "list of texts";
    case SETTING_MODE: return "text, octal digits";
    case SETTING_USERS:
    case SETTING_GROUPS: return "list of numbers or names";
    }
    return "";
}

// Settings that are for tests of ringcast itself are told by --help alone.
static bool is_told(const struct setting_section *section)
{
    return section->name != NULL && strcmp(section->name, "tests") != 0;
}

static void write_name(const struct setting *setting, char name[SETTING_PLACE_SIZE])
{
    (void)snprintf(name, SETTING_PLACE_SIZE, "%s",
                   setting->name != NULL ? setting->name : setting->key);
    for (char *next = name; setting->name == NULL && *next != 0; next++) {
        *next = *next == '-' ? '_' : *next;
    }
}

// As in a file. Empty where the machine decides.
static void write_default(const struct setting *setting, const struct options *options,
                          char text[VALUE_BYTES_MAX])
{
    struct buffer buffer;
    text[0] = 0;
    if (setting->default_note != NULL ||
        (setting->default_text == NULL && setting->kind != SETTING_SWITCH)) {
        return;
    }
    buffer_wrap(&buffer, text, VALUE_BYTES_MAX - 1);
    setting_write_value(setting, options, SETTING_FORM_TOML, &buffer);
    text[buffer_length(&buffer)] = 0;
}

// What a value may be: choices or bounds. Empty where there is nothing to say.
static void write_bounds(const struct setting *setting, char text[LINE_SIZE])
{
    size_t used = 0;
    text[0] = 0;
    if (setting->choices != NULL) {
        for (unsigned i = 0; setting->choices[i] != NULL && used < LINE_SIZE; i++) {
            used += (size_t)snprintf(text + used, LINE_SIZE - used, "%s%s", i == 0 ? "" : ", ",
                                     setting->choices[i]);
        }
        return;
    }
    if (setting->maximum == 0) {
        return;
    }
    char low[SETTING_VALUE_SIZE];
    char high[SETTING_VALUE_SIZE];
    setting_format_number(setting->kind, setting->minimum, low);
    setting_format_number(setting->kind, setting->maximum, high);
    (void)snprintf(text, LINE_SIZE, "%s to %s%s%s", low, high,
                   (setting->traits & SETTING_POWER_OF_TWO) != 0 ? ", a power of two" : "",
                   (setting->traits & SETTING_ZERO_IS_NONE) == 0 ? ""
                   : setting->kind == SETTING_DURATION           ? "; 0: never"
                                                                 : "; 0: no bound");
}

static bool reloads(const struct setting *setting)
{
    return (setting->traits & SETTING_RELOADS) != 0;
}

// --- ringcast.toml.5 ---

static void write_key(FILE *out, const struct setting *setting, const struct options *options)
{
    char name[SETTING_PLACE_SIZE];
    char standard[VALUE_BYTES_MAX];
    char bounds[LINE_SIZE];
    char line[VALUE_BYTES_MAX + 2 * LINE_SIZE];
    char variable[SETTING_VARIABLE_SIZE];
    write_name(setting, name);
    write_default(setting, options, standard);
    write_bounds(setting, bounds);
    setting_variable_name(setting, variable);
    (void)snprintf(line, sizeof(line), "(%s)", kind_name(setting));
    roff_term(out, name, line);
    (void)snprintf(line, sizeof(line), "%c%s.", toupper((unsigned char)setting->help[0]),
                   setting->help + 1);
    roff_text(out, line);
    (void)fputs(".br\n", out);
    (void)snprintf(line, sizeof(line), "Default: %s.%s%s%s",
                   standard[0] != 0                ? standard
                   : setting->default_note != NULL ? setting->default_note
                                                   : "none",
                   bounds[0] != 0 ? " Allowed: " : "", bounds, bounds[0] != 0 ? "." : "");
    roff_text(out, line);
    (void)fputs(".br\n", out);
    (void)snprintf(line, sizeof(line), "--%s, %s. %s", setting->key, variable,
                   reloads(setting) ? "A reload changes it." : "Needs a restart.");
    roff_text(out, line);
}

void manual_write_configuration(FILE *out)
{
    struct options options;
    settings_set_defaults(&options_table, &options);
    roff_title(out, "RINGCAST.TOML", 5, "ringcast");
    roff_heading(out, "NAME");
    (void)fputs("ringcast.toml \\- configuration of the ringcast broker\n", out);
    roff_heading(out, "SYNOPSIS");
    (void)fputs(".B ringcast serve \\-\\-config\n.I /etc/ringcast/ringcast.toml\n", out);
    roff_heading(out, "DESCRIPTION");
    roff_text(out, "A file in TOML 1.0. Every key may be left out. It is also a flag of `ringcast "
                   "serve` and an environment variable: a flag goes before the variable, the "
                   "variable before the file, the file before the default. Keys and sections that "
                   "are not known are refused.");
    roff_paragraph(out);
    roff_text(out,
              "A size is a text with its unit, as \"64KiB\" or \"1GiB\", or a number of bytes. "
              "A time is a text with its unit, as \"500ms\", \"30s\" or \"24h\". "
              "A list stands in its flag and its variable with commas between; where each "
              "text is a flag of its own, in the variable with semicolons.");
    roff_paragraph(out);
    roff_text(out,
              "`ringcast serve --config FILE --check-config` tells what is wrong with a file, "
              "by line and column; with --print-config instead, every setting that would "
              "hold, and where it comes from. On SIGHUP (systemctl reload ringcast) the broker "
              "reads the file again: what changed and what needs a restart is told in its "
              "log. A file that is at fault changes nothing.");
    for (size_t i = 0; options_table.sections[i] != NULL; i++) {
        const struct setting_section *section = options_table.sections[i];
        if (!is_told(section)) {
            continue;
        }
        char heading[LINE_SIZE];
        (void)snprintf(heading, sizeof(heading), "[%s]: %s", section->name, section->title);
        roff_heading(out, heading);
        for (size_t k = 0; k < section->count; k++) {
            write_key(out, &section->settings[k], &options);
        }
    }
    roff_heading(out, "EXAMPLE");
    roff_example(out, "[server]\n"
                      "listen = [\"*:443,tls\", \"*:80\"]\n"
                      "\n"
                      "[tls]\n"
                      "certificate = [\"/etc/ringcast/fullchain.pem\"]\n"
                      "key = [\"/etc/ringcast/key.pem\"]\n"
                      "\n"
                      "[auth]\n"
                      "keys = [\"/etc/ringcast/keys\"]\n"
                      "anonymous = \"none\"\n"
                      "\n"
                      "[streaming]\n"
                      "buffer_size = 1000\n"
                      "overflow_strategy = \"drop_oldest\"");
    roff_heading(out, "SEE ALSO");
    (void)fputs(".BR ringcast (1),\n.BR ringcast\\-metrics (7)\n", out);
}

// --- ringcast.toml ---

// Words behind "# ", in lines of FILE_WIDTH.
static void write_comment(FILE *out, const char *text)
{
    size_t column = 0;
    for (const char *word = text; *word != 0;) {
        size_t length = strcspn(word, " ");
        if (column == 0 || column + 1 + length > FILE_WIDTH) {
            (void)fprintf(out, "%s#", column == 0 ? "" : "\n");
            column = 1;
        }
        (void)fprintf(out, " %.*s", (int)length, word);
        column += 1 + length;
        word += length;
        word += strspn(word, " ");
    }
    (void)fputc('\n', out);
}

// What an example has where the machine decides.
static const char *example_value(const struct setting *setting)
{
    switch (setting->kind) {
    case SETTING_TEXT: return (setting->traits & SETTING_LIST) != 0 ? "[\"...\"]" : "\"...\"";
    case SETTING_TEXTS:
    case SETTING_SET: return "[\"...\"]";
    case SETTING_USERS:
    case SETTING_GROUPS: return "[...]";
    default: return "...";
    }
}

static void write_file_key(FILE *out, const struct setting *setting, const struct options *options)
{
    char name[SETTING_PLACE_SIZE];
    char standard[VALUE_BYTES_MAX];
    char bounds[LINE_SIZE];
    char line[VALUE_BYTES_MAX + LINE_SIZE];
    write_name(setting, name);
    write_default(setting, options, standard);
    write_bounds(setting, bounds);
    bool is_noted = standard[0] == 0 && setting->default_note != NULL;
    (void)snprintf(line, sizeof(line), "%s%s%s%s%s%s%s", setting->help, bounds[0] != 0 ? ": " : "",
                   bounds, is_noted ? " (default: " : "", is_noted ? setting->default_note : "",
                   is_noted ? ")" : "", reloads(setting) ? "" : " [restart]");
    write_comment(out, line);
    (void)fprintf(out, "#%s%s = %s\n\n", standard[0] != 0 ? "" : " ", name,
                  standard[0] != 0 ? standard : example_value(setting));
}

void manual_write_file(FILE *out)
{
    struct options options;
    settings_set_defaults(&options_table, &options);
    (void)fputs("# Configuration of the ringcast broker. ringcast.toml(5) has all of it.\n"
                "#\n"
                "# Every key stands here with its default behind a #; take the # away to change "
                "it.\n"
                "# Check: ringcast serve --config FILE --check-config; as root with --user "
                "ringcast, who has to "
                "read keys\n#   and certificates\n"
                "# Apply: systemctl reload ringcast; what is marked [restart] needs systemctl "
                "restart ringcast\n",
                out);
    for (size_t i = 0; options_table.sections[i] != NULL; i++) {
        const struct setting_section *section = options_table.sections[i];
        if (!is_told(section)) {
            continue;
        }
        (void)fprintf(out, "\n[%s] # %s\n\n", section->name, section->title);
        for (size_t k = 0; k < section->count; k++) {
            write_file_key(out, &section->settings[k], &options);
        }
    }
}
