#include "cli/completion.h"

#include <string.h>

const char *const cli_completion_shells[] = {"bash", "zsh", "fish", NULL};

int cli_completion(int argc, char **argv)
{
    static void (*const writers[])(FILE *) = {completion_write_bash, completion_write_zsh,
                                              completion_write_fish};
    for (size_t i = 0; argc == 2 && cli_completion_shells[i] != NULL; i++) {
        if (strcmp(argv[1], cli_completion_shells[i]) == 0) {
            writers[i](stdout);
            return fflush(stdout) != 0 ? 1 : 0;
        }
    }
    bool wants_help = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    (void)fprintf(wants_help ? stdout : stderr,
                  "Usage: ringcast completion bash|zsh|fish\n\n"
                  "Prints a script for the shell. To have it in this one only:\n\n"
                  "  bash  eval \"$(ringcast completion bash)\"\n"
                  "  zsh   eval \"$(ringcast completion zsh)\"\n"
                  "  fish  ringcast completion fish | source\n");
    return wants_help ? 0 : 2;
}

enum completion_value completion_value_of(const struct setting *setting)
{
    static const char *const paths[] = {"PATH", "FILE", "DIR"};
    if (setting->kind == SETTING_SWITCH) {
        return COMPLETION_NONE;
    }
    if (setting->choices != NULL) {
        return COMPLETION_CHOICES;
    }
    const char *name = setting_value_name(setting);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (strcmp(name, paths[i]) == 0) {
            return COMPLETION_PATH;
        }
    }
    return COMPLETION_ANY;
}

void completion_each(const struct setting_table *table,
                     void (*call)(void *context, const struct setting *setting), void *context)
{
    for (size_t i = 0; i < settings_count(table); i++) {
        call(context, settings_at(table, i));
    }
}

// --- bash ---

// What is completed stands in two lists, by "COMMAND" or "COMMAND VERB": its words (verbs, flags),
// and, with a flag behind, what the flag's value may be. Words are all of letters, digits and
// hyphens, and so need no quoting.

struct bash {
    FILE *out;
    char path[64]; // "COMMAND" or "COMMAND VERB"
};

static void write_bash_word(void *context, const struct setting *setting)
{
    const struct bash *bash = context;
    (void)fprintf(bash->out, " --%s", setting->key);
}

static void write_bash_value(void *context, const struct setting *setting)
{
    const struct bash *bash = context;
    enum completion_value value = completion_value_of(setting);
    if (value == COMPLETION_NONE) {
        return;
    }
    (void)fprintf(bash->out, "    '%s --%s'", bash->path, setting->key);
    if (setting->letter != 0) {
        (void)fprintf(bash->out, " | '%s -%c'", bash->path, setting->letter);
    }
    (void)fputs(") ", bash->out);
    if (value == COMPLETION_CHOICES) {
        (void)fputs("words='", bash->out);
        for (unsigned i = 0; setting->choices[i] != NULL; i++) {
            (void)fprintf(bash->out, "%s%s", i == 0 ? "" : " ", setting->choices[i]);
        }
        (void)fputs("'", bash->out);
    } else {
        (void)fprintf(bash->out, "kind=%s", value == COMPLETION_PATH ? "path" : "any");
    }
    (void)fputs(" ;;\n", bash->out);
}

static void set_path(struct bash *bash, const struct command *command,
                     const struct command_options *options)
{
    (void)snprintf(bash->path, sizeof(bash->path), "%s%s%s", command->name,
                   options->verb == NULL ? "" : " ", options->verb == NULL ? "" : options->verb);
}

static void write_bash_values(struct bash *bash)
{
    for (size_t i = 0; i < commands_count; i++) {
        const struct command_options *options = commands[i].options;
        for (; options != NULL && options->table != NULL; options++) {
            set_path(bash, &commands[i], options);
            completion_each(options->table, write_bash_value, bash);
        }
    }
}

static void write_bash_operands(const struct bash *bash, const struct command *command)
{
    (void)fprintf(bash->out, "    '%s') words='", command->name);
    for (size_t i = 0; command->operands[i] != NULL; i++) {
        (void)fprintf(bash->out, "%s%s", i == 0 ? "" : " ", command->operands[i]);
    }
    (void)fputs("' ;;\n", bash->out);
}

static void write_bash_words(struct bash *bash)
{
    for (size_t i = 0; i < commands_count; i++) {
        const struct command *command = &commands[i];
        const struct command_options *options = command->options;
        if (command->operands != NULL) {
            write_bash_operands(bash, command);
        }
        if (options != NULL && options->verb != NULL) {
            (void)fprintf(bash->out, "    '%s') words='", command->name);
            for (size_t k = 0; options[k].table != NULL; k++) {
                (void)fprintf(bash->out, "%s ", options[k].verb);
            }
            (void)fputs("--help' ;;\n", bash->out);
        }
        for (; options != NULL && options->table != NULL; options++) {
            set_path(bash, command, options);
            (void)fprintf(bash->out, "    '%s') words='--help", bash->path);
            completion_each(options->table, write_bash_word, bash);
            (void)fputs("' ;;\n", bash->out);
        }
    }
}

static void write_commands(FILE *out)
{
    for (size_t i = 0; i < commands_count; i++) {
        if (commands[i].help != NULL) {
            (void)fprintf(out, "%s%s", i == 0 ? "" : " ", commands[i].name);
        }
    }
}

static void write_verbs_of(FILE *out)
{
    const char *separator = "";
    for (size_t i = 0; i < commands_count; i++) {
        if (commands[i].options != NULL && commands[i].options->verb != NULL) {
            (void)fprintf(out, "%s%s", separator, commands[i].name);
            separator = " | ";
        }
    }
}

void completion_write_bash(FILE *out)
{
    struct bash bash = {.out = out};
    (void)fputs("# bash completion for ringcast, as `ringcast completion bash` writes it\n"
                "_ringcast() {\n"
                "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                "  local path=${COMP_WORDS[1]} words='' kind=words\n"
                "  COMPREPLY=()\n"
                "  # Of --flag=value bash makes three words.\n"
                "  if [[ $before == = ]]; then\n"
                "    before=${COMP_WORDS[COMP_CWORD-2]}\n"
                "  elif [[ $current == = ]]; then\n"
                "    current=''\n"
                "  fi\n"
                "  if ((COMP_CWORD == 1)); then\n"
                "    COMPREPLY=($(compgen -W '",
                out);
    write_commands(out);
    (void)fputs("' -- \"$current\"))\n"
                "    return\n"
                "  fi\n"
                "  case $path in\n"
                "    help) ((COMP_CWORD > 2)) || COMPREPLY=($(compgen -W '",
                out);
    write_commands(out);
    (void)fputs("' -- \"$current\")) ; return ;;\n    ", out);
    write_verbs_of(out);
    (void)fputs(") ((COMP_CWORD < 3)) || path+=\" ${COMP_WORDS[2]}\" ;;\n"
                "  esac\n"
                "  case \"$path $before\" in\n",
                out);
    write_bash_values(&bash);
    (void)fputs("    *) kind=none ;;\n"
                "  esac\n"
                "  [[ $kind == any ]] && return\n"
                "  if [[ $kind == path ]]; then\n"
                "    compopt -o filenames 2>/dev/null\n"
                "    COMPREPLY=($(compgen -f -- \"$current\"))\n"
                "    return\n"
                "  fi\n"
                "  [[ $kind == words ]] || case $path in\n",
                out);
    write_bash_words(&bash);
    (void)fputs("  esac\n"
                "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
                "}\n"
                "complete -F _ringcast ringcast\n",
                out);
}
