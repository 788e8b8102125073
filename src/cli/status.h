// `ringcast status`: what the broker says of itself, over its Unix socket.
#ifndef RINGCAST_CLI_STATUS_H
#define RINGCAST_CLI_STATUS_H

#include "app/setting.h"

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

// argv[0] is the command's name. Returns the exit status: 0, 1 (no broker, or it refused) or 2
// (usage).
int cli_status(int argc, char **argv);

// The answers for people. `now_ms` is Unix time. 0 or a negative errno.
int status_print_summary(struct slice answer, FILE *out, bool colour);
int status_print_connections(struct slice answer, uint64_t now_ms, FILE *out, bool colour);
int status_print_connection(struct slice answer, FILE *out, bool colour);
int status_print_streams(struct slice answer, uint64_t now_ms, FILE *out, bool colour);

extern const struct setting_table cli_status_table;

#endif
