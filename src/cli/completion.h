// `ringcast completion SHELL`: what a shell needs to complete commands, flags and values, as a
// script in its own language. Written from the tables of settings.
#ifndef RINGCAST_CLI_COMPLETION_H
#define RINGCAST_CLI_COMPLETION_H

#include "app/setting.h"
#include "cli/command.h"

#include <stdio.h>

extern const char *const cli_completion_shells[]; // bash, zsh, fish; ends with NULL

// argv[0] is the command's name, argv[1] the shell. Returns the exit status: 0, 1 (it could not be
// written), 2 (usage).
int cli_completion(int argc, char **argv);

// The scripts.
void completion_write_bash(FILE *out);
void completion_write_zsh(FILE *out);
void completion_write_fish(FILE *out);

// What can be told of a flag's value.
enum completion_value {
    COMPLETION_NONE,    // it takes none
    COMPLETION_ANY,     // anything
    COMPLETION_CHOICES, // of the setting
    COMPLETION_PATH,
};
enum completion_value completion_value_of(const struct setting *setting);

// Calls back for each setting of a table.
void completion_each(const struct setting_table *table,
                     void (*call)(void *context, const struct setting *setting), void *context);

#endif
