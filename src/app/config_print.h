// `ringcast serve --print-config` and `--check-config`. The main thread.
#ifndef RINGCAST_APP_CONFIG_PRINT_H
#define RINGCAST_APP_CONFIG_PRINT_H

#include "app/options_load.h"

#include <stdio.h>

// Writes all settings as a file for --config, by sections, each with where it came from. What has
// no value, since the machine decides, is a comment. 0 or -ENOMEM.
int config_print(const struct options *options, const struct options_origins *origins, FILE *out);

// Adds what is wrong with what the settings name: whether files of keys and certificates can be
// used, as --user where we are root: then we are that user from here on.
void config_check(const struct options *options, const struct options_origins *origins,
                  struct setting_faults *faults);

// Whether the options, which are good, ask for one of the two, and the answer to it: the exit
// status.
bool config_is_asked_for(const struct options *options);
int config_answer(const struct options *options, const struct options_origins *origins);

#endif
