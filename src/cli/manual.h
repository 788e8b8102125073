// `ringcast manual PAGE`: the manual pages, and a configuration file in which every key stands with
// its default. Written from the tables of settings, so that they say what this binary does.
#ifndef RINGCAST_CLI_MANUAL_H
#define RINGCAST_CLI_MANUAL_H

#include <stdio.h>

extern const char *const cli_manual_pages[]; // ends with NULL

// argv[0] is the command's name, argv[1] the page. Returns the exit status: 0, 1 (it could not be
// written), 2 (usage).
int cli_manual(int argc, char **argv);

// Of these pages one each.
void manual_write_commands(FILE *out);      // ringcast.1
void manual_write_configuration(FILE *out); // ringcast.toml.5
void manual_write_metrics(FILE *out);       // ringcast-metrics.7
void manual_write_file(FILE *out);          // ringcast.toml

#endif
