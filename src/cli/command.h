// The commands of `ringcast`, with all of their options: what is run is found here, and the manual
// page and the completion of shells are written from the same list.
#ifndef RINGCAST_CLI_COMMAND_H
#define RINGCAST_CLI_COMMAND_H

#include "app/setting.h"

#include <stddef.h>

// The options of a command, or of one of its verbs.
struct command_options {
    const char *verb; // NULL: the command has none
    const struct setting_table *table;
};

struct command {
    const char *name;
    int (*run)(int argc, char **argv);     // argv[0] is the name. Returns the exit status
    const char *help;                      // half a sentence; NULL: not listed
    const struct command_options *options; // ends with a table of NULL; NULL: it has none
    const char *const *operands; // what its operand may be; ends with NULL. NULL: anything
};

// In the order in which they are listed.
extern const struct command commands[];
extern const size_t commands_count;

// Runs the command that argv[1] names. Returns the exit status: 0 good, 1 failed, 2 wrong usage.
int command_run(int argc, char **argv);

#endif
