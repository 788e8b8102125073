// The --help of a table of settings.
#include "app/setting.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    HELP_WIDTH = 80,
    HELP_COLUMN = 30,
};

// Prints words from `begin`, where the cursor stands, and further lines from there on, too.
static void write_wrapped(FILE *out, const char *text, size_t begin)
{
    size_t column = begin;
    const char *word = text;
    while (*word != 0) {
        size_t length = strcspn(word, " ");
        bool is_first = word == text;
        if (!is_first && column + 1 + length > HELP_WIDTH) {
            (void)fprintf(out, "\n%*s", (int)begin, "");
            column = begin;
        } else if (!is_first) {
            (void)fputc(' ', out);
            column++;
        }
        (void)fprintf(out, "%.*s", (int)length, word);
        column += length;
        word += length;
        word += strspn(word, " ");
    }
    (void)fputc('\n', out);
}

static size_t append(char *text, size_t used, const char *piece)
{
    int length = snprintf(text + used, SETTING_HELP_SIZE - used, "%s", piece);
    size_t sum = used + (length > 0 ? (size_t)length : 0);
    return sum < SETTING_HELP_SIZE ? sum : SETTING_HELP_SIZE - 1;
}

static size_t append_choices(char *text, size_t used, const struct setting *setting)
{
    for (unsigned i = 0; setting->choices[i] != NULL; i++) {
        used = append(text, used, i == 0 ? ": " : ", ");
        used = append(text, used, setting->choices[i]);
    }
    return used;
}

static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    const char *at = strstr(text, word);
    while (at != NULL &&
           ((at > text && isalnum((unsigned char)at[-1])) || isalnum((unsigned char)at[length]))) {
        at = strstr(at + 1, word);
    }
    return at != NULL;
}

// Whether the help itself says what there is to choose from.
static bool names_choices(const struct setting *setting)
{
    bool are_named = true;
    for (unsigned i = 0; are_named && setting->choices[i] != NULL; i++) {
        are_named = has_word(setting->help, setting->choices[i]);
    }
    return are_named;
}

void setting_describe(const struct setting *setting, char text[SETTING_HELP_SIZE])
{
    size_t used = append(text, 0, setting->help);
    if (setting->choices != NULL && !names_choices(setting)) {
        used = append_choices(text, used, setting);
    }
    if (setting->kind == SETTING_TEXTS) {
        used = append(text, used, "; again for more");
    }
    bool is_none = (setting->traits & SETTING_ZERO_IS_NONE) != 0;
    const char *standard =
        setting->default_note != NULL ? setting->default_note : setting->default_text;
    if (setting->kind == SETTING_SWITCH) {
        standard = NULL;
    }
    const char *none = setting->kind == SETTING_DURATION ? "never" : "no bound";
    if (is_none && standard != NULL && strcmp(standard, "0") == 0) {
        used = append(text, used, " (");
        used = append(text, used, none);
        (void)append(text, used, ")");
    } else if (standard != NULL) {
        used = append(text, used, " (");
        used = append(text, used, standard);
        used = append(text, used, is_none ? "; 0: " : "");
        used = append(text, used, is_none ? none : "");
        (void)append(text, used, ")");
    }
}

const char *setting_value_name(const struct setting *setting)
{
    if (setting->value_name != NULL) {
        return setting->value_name;
    }
    switch (setting->kind) {
    case SETTING_SWITCH: return "";
    case SETTING_COUNT: return "COUNT";
    case SETTING_SIZE: return "SIZE";
    case SETTING_DURATION: return "TIME";
    case SETTING_DECIMAL: return "NUMBER";
    case SETTING_MODE: return "MODE";
    case SETTING_USERS: return "USER,...";
    case SETTING_GROUPS: return "GROUP,...";
    case SETTING_SET: return "NAME,...";
    default: return "VALUE";
    }
}

static void write_setting(FILE *out, const struct setting *setting)
{
    char letter[8] = "";
    if (setting->letter != 0) {
        (void)snprintf(letter, sizeof(letter), "-%c, ", setting->letter);
    }
    const char *value = setting_value_name(setting);
    int column =
        fprintf(out, "  %s--%s%s%s", letter, setting->key, value[0] == 0 ? "" : " ", value);
    if (column < 0) {
        return;
    }
    if (column + 2 > HELP_COLUMN) {
        (void)fprintf(out, "\n%*s", HELP_COLUMN, "");
    } else {
        (void)fprintf(out, "%*s", HELP_COLUMN - column, "");
    }
    char text[SETTING_HELP_SIZE];
    setting_describe(setting, text);
    write_wrapped(out, text, HELP_COLUMN);
}

static void write_section(FILE *out, const struct setting_section *section)
{
    if (section->name != NULL) {
        (void)fprintf(out, "\n[%s] %s\n", section->name, section->title);
    } else if (section->title != NULL) {
        (void)fprintf(out, "\n%s\n", section->title);
    }
    for (size_t i = 0; i < section->count; i++) {
        write_setting(out, &section->settings[i]);
    }
}

void settings_write_help(const struct setting_table *table, bool with_environment, FILE *out)
{
    (void)fprintf(out, "Usage: %s\n\n", table->usage);
    write_wrapped(out, table->description, 0);
    (void)fputs("\nOptions (and what they are when not given):\n", out);
    for (size_t i = 0; table->sections[i] != NULL; i++) {
        write_section(out, table->sections[i]);
    }
    (void)fprintf(out, "  -h, --help%*sthis text\n", HELP_COLUMN - 12, "");
    if (with_environment) {
        (void)fputc('\n', out);
        write_wrapped(out,
                      "Each option can also be given as an environment variable (--data-dir as "
                      "RINGCAST_DATA_DIR) and in the file of --config, under its [section] "
                      "(--print-config shows how). A flag goes before the variable, a variable "
                      "before the file. Where a flag may come again, its variable has semicolons "
                      "between.",
                      0);
    }
    if (table->epilogue != NULL) {
        (void)fputc('\n', out);
        write_wrapped(out, table->epilogue, 0);
    }
}
