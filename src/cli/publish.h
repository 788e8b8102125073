// `ringcast publish`.
#ifndef RINGCAST_CLI_PUBLISH_H
#define RINGCAST_CLI_PUBLISH_H

#include "app/setting.h"

// argv[0] is "publish". Returns the exit status: 0 all events were acknowledged, 1 some were not, 2
// wrong usage.
int cli_publish(int argc, char **argv);

extern const struct setting_table cli_publish_table;

#endif
