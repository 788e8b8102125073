// `ringcast log dump|verify|repair`: looks into a data directory, beside a running broker or
// without one. The commands' own work is in log_dump.c, log_verify.c and log_repair.c, on top of
// log_survey.c.
#ifndef RINGCAST_CLI_LOG_TOOL_H
#define RINGCAST_CLI_LOG_TOOL_H

#include "cli/command.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct disk;

enum { LOG_TOOL_MESSAGE_SIZE = 512 };

// argv[0] is the command's name, argv[1] what to do. Returns the exit status: 0, 1 (faults were
// found, or the command failed), 2 (usage).
int cli_log(int argc, char **argv);

struct log_dump_options {
    const char *data_directory;
    const char *stream; // NULL: all
    uint64_t from;      // events with this id or a higher one
    uint64_t limit;     // 0: none
    bool is_json;
    bool with_control; // also settings, discards and ends
};

// Each with an open disk, which stays the caller's. Print to out, failures to stderr. Return the
// exit status.
int log_dump(struct disk *disk, const struct log_dump_options *options, FILE *out);
int log_verify(struct disk *disk, bool is_quiet, FILE *out);
int log_repair(struct disk *disk, bool is_dry_run, FILE *out);

extern const struct command_options cli_log_options[];

#endif
