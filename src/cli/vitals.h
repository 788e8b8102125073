// `ringcast vitals`: publishes this machine's CPU, memory, disk and network readings once a second:
// a producer to try with.
#ifndef RINGCAST_CLI_VITALS_H
#define RINGCAST_CLI_VITALS_H

#include "app/setting.h"

// argv[0] is the command's name. Returns the exit status: 0, 1 (no broker, no /proc) or 2 (usage).
int cli_vitals(int argc, char **argv);

extern const struct setting_table cli_vitals_table;

#endif
