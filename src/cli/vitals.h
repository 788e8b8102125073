// `ringcast vitals`: publishes this machine's CPU, memory, disk and network readings once a second:
// a producer to try with.
#ifndef RINGCAST_CLI_VITALS_H
#define RINGCAST_CLI_VITALS_H

// argv[0] is the command's name. Returns the exit status: 0, 1 (no broker, no /proc) or 2 (usage).
int cli_vitals(int argc, char **argv);

#endif
