// The scripts for zsh and fish, which show the help of commands and flags beside them.
#include "cli/completion.h"

#include <string.h>

// --- zsh ---

// Text within single quotes, where colons and brackets are zsh's own.
static void write_zsh_text(FILE *out, const char *text)
{
    for (; *text != 0; text++) {
        if (*text == '\'') {
            (void)fputs("'\\''", out);
            continue;
        }
        if (strchr(":[]\\", *text) != NULL) {
            (void)fputc('\\', out);
        }
        (void)fputc(*text, out);
    }
}

// Any flag may come again: which ones count once is the table's to say, and it does not.
static void write_zsh_flag(FILE *out, const struct setting *setting, const char *flag)
{
    enum completion_value value = completion_value_of(setting);
    (void)fprintf(out, "      '*%s%s[", flag, value == COMPLETION_NONE ? "" : "=");
    write_zsh_text(out, setting->help);
    (void)fputs("]", out);
    if (value != COMPLETION_NONE) {
        (void)fputs(":", out);
        write_zsh_text(out, setting_value_name(setting));
    }
    if (value == COMPLETION_CHOICES) {
        (void)fputs(":(", out);
        for (unsigned i = 0; setting->choices[i] != NULL; i++) {
            (void)fprintf(out, "%s%s", i == 0 ? "" : " ", setting->choices[i]);
        }
        (void)fputs(")", out);
    } else if (value != COMPLETION_NONE) {
        (void)fputs(value == COMPLETION_PATH ? ":_files" : ": ", out);
    }
    (void)fputs("' \\\n", out);
}

static void write_zsh_setting(void *context, const struct setting *setting)
{
    char flag[SETTING_PLACE_SIZE];
    (void)snprintf(flag, sizeof(flag), "--%s", setting->key);
    write_zsh_flag(context, setting, flag);
}

static void write_zsh_arguments(FILE *out, const struct setting_table *table)
{
    (void)fputs("_arguments \\\n      '--help[this text]' \\\n", out);
    completion_each(table, write_zsh_setting, out);
    (void)fputs("      '*: :_files' ;;\n", out);
}

static void write_zsh_verbs(FILE *out, const struct command *command)
{
    (void)fprintf(out,
                  "    %s)\n"
                  "      if ((CURRENT == 2)); then\n"
                  "        compadd --",
                  command->name);
    for (size_t i = 0; command->options[i].table != NULL; i++) {
        (void)fprintf(out, " %s", command->options[i].verb);
    }
    (void)fputs("\n        return\n      fi\n      shift words\n      ((CURRENT--))\n"
                "      case $words[1] in\n",
                out);
    for (size_t i = 0; command->options[i].table != NULL; i++) {
        (void)fprintf(out, "      %s) ", command->options[i].verb);
        write_zsh_arguments(out, command->options[i].table);
    }
    (void)fputs("      esac ;;\n", out);
}

static void write_zsh_command(FILE *out, const struct command *command)
{
    if (command->operands != NULL) {
        (void)fprintf(out, "    %s) compadd --", command->name);
        for (size_t i = 0; command->operands[i] != NULL; i++) {
            (void)fprintf(out, " %s", command->operands[i]);
        }
        (void)fputs(" ;;\n", out);
    } else if (command->options != NULL && command->options->verb != NULL) {
        write_zsh_verbs(out, command);
    } else if (command->options != NULL) {
        (void)fprintf(out, "    %s) ", command->name);
        write_zsh_arguments(out, command->options->table);
    }
}

void completion_write_zsh(FILE *out)
{
    (void)fputs("#compdef ringcast\n"
                "# zsh completion for ringcast, as `ringcast completion zsh` writes it\n"
                "_ringcast() {\n"
                "  local -a commands=(\n",
                out);
    for (size_t i = 0; i < commands_count; i++) {
        if (commands[i].help != NULL) {
            (void)fprintf(out, "    '%s:", commands[i].name);
            write_zsh_text(out, commands[i].help);
            (void)fputs("'\n", out);
        }
    }
    (void)fputs("  )\n"
                "  if ((CURRENT == 2)); then\n"
                "    _describe command commands\n"
                "    return\n"
                "  fi\n"
                "  shift words\n"
                "  ((CURRENT--))\n"
                "  case $words[1] in\n"
                "    help) _describe command commands ;;\n",
                out);
    for (size_t i = 0; i < commands_count; i++) {
        write_zsh_command(out, &commands[i]);
    }
    (void)fputs("  esac\n"
                "}\n"
                "if [[ $funcstack[1] == _ringcast ]]; then\n"
                "  _ringcast \"$@\"\n"
                "else\n"
                "  compdef _ringcast ringcast\n"
                "fi\n",
                out);
}

// --- fish ---

struct fish {
    FILE *out;
    char condition[128];
};

static void write_fish_text(FILE *out, const char *text)
{
    (void)fputc('\'', out);
    for (; *text != 0; text++) {
        if (*text == '\'' || *text == '\\') {
            (void)fputc('\\', out);
        }
        (void)fputc(*text, out);
    }
    (void)fputc('\'', out);
}

static void write_fish_setting(void *context, const struct setting *setting)
{
    const struct fish *fish = context;
    enum completion_value value = completion_value_of(setting);
    (void)fprintf(fish->out, "complete -c ringcast -n '%s' -l %s", fish->condition, setting->key);
    if (setting->letter != 0) {
        (void)fprintf(fish->out, " -s %c", setting->letter);
    }
    if (value != COMPLETION_NONE) {
        (void)fputs(value == COMPLETION_PATH ? " -r -F" : " -x", fish->out);
    }
    if (value == COMPLETION_CHOICES) {
        (void)fputs(" -a '", fish->out);
        for (unsigned i = 0; setting->choices[i] != NULL; i++) {
            (void)fprintf(fish->out, "%s%s", i == 0 ? "" : " ", setting->choices[i]);
        }
        (void)fputs("'", fish->out);
    }
    (void)fputs(" -d ", fish->out);
    write_fish_text(fish->out, setting->help);
    (void)fputc('\n', fish->out);
}

static void write_fish_words(const struct fish *fish, const char *word)
{
    (void)fprintf(fish->out,
                  "complete -c ringcast -n '%s; and test (count (commandline -opc)) -eq 2' -f -a "
                  "%s\n",
                  fish->condition, word);
}

static void write_fish_command(struct fish *fish, const struct command *command)
{
    const struct command_options *options = command->options;
    (void)snprintf(fish->condition, sizeof(fish->condition), "__fish_ringcast_at %s",
                   command->name);
    for (size_t i = 0; command->operands != NULL && command->operands[i] != NULL; i++) {
        write_fish_words(fish, command->operands[i]);
    }
    for (; options != NULL && options->table != NULL; options++) {
        (void)snprintf(fish->condition, sizeof(fish->condition), "__fish_ringcast_at %s",
                       command->name);
        if (options->verb != NULL) {
            write_fish_words(fish, options->verb);
            (void)snprintf(fish->condition, sizeof(fish->condition), "__fish_ringcast_at %s %s",
                           command->name, options->verb);
        }
        completion_each(options->table, write_fish_setting, fish);
    }
}

void completion_write_fish(FILE *out)
{
    struct fish fish = {.out = out};
    (void)fputs("# fish completion for ringcast, as `ringcast completion fish` writes it\n"
                "# Whether the words behind ringcast begin with these.\n"
                "function __fish_ringcast_at\n"
                "    set -l words (commandline -opc)\n"
                "    set -e words[1]\n"
                "    for i in (seq (count $argv))\n"
                "        test \"$words[$i]\" = $argv[$i]; or return 1\n"
                "    end\n"
                "end\n"
                "complete -c ringcast -f\n",
                out);
    for (size_t i = 0; i < commands_count; i++) {
        if (commands[i].help != NULL) {
            (void)fprintf(out,
                          "complete -c ringcast -n 'test (count (commandline -opc)) -eq 1' -f -a "
                          "%s -d ",
                          commands[i].name);
            write_fish_text(out, commands[i].help);
            (void)fputc('\n', out);
        }
    }
    for (size_t i = 0; i < commands_count; i++) {
        write_fish_command(&fish, &commands[i]);
    }
}
