#include "cli/command.h"

#include "app/options.h"
#include "app/serve.h"
#include "base/bytes.h"
#include "base/text.h"
#include "cli/completion.h"
#include "cli/log_tool.h"
#include "cli/manual.h"
#include "cli/publish.h"
#include "cli/status.h"
#include "cli/subscribe.h"
#include "cli/token.h"
#include "cli/vitals.h"

#include <ringcast/version.h>
#include <stdio.h>
#include <string.h>

static int run_help(int argc, char **argv);
static int run_version(int argc, char **argv);

#define ONE_TABLE(table) ((const struct command_options[]){{NULL, &(table)}, {NULL, NULL}})

const struct command commands[] = {
    {"serve", cli_serve, "run the broker", ONE_TABLE(options_table), NULL},
    {"publish", cli_publish, "publish events: from arguments, or lines of standard input",
     ONE_TABLE(cli_publish_table), NULL},
    {"subscribe", cli_subscribe, "print the events of streams as they come",
     ONE_TABLE(cli_subscribe_table), NULL},
    {"status", cli_status, "show the broker's connections, streams and log",
     ONE_TABLE(cli_status_table), NULL},
    {"token", cli_token, "make tokens and keys for them, and look into tokens", cli_token_options,
     NULL},
    {"log", cli_log, "dump, verify or repair a log directory", cli_log_options, NULL},
    {"vitals", cli_vitals, "publish this machine's CPU, memory, disk and network readings",
     ONE_TABLE(cli_vitals_table), NULL},
    {"completion", cli_completion, "print what a shell completes these commands with", NULL,
     cli_completion_shells},
    {"manual", cli_manual, "print a manual page, or a configuration file to begin with", NULL,
     cli_manual_pages},
    {"help", run_help, "this list, or `ringcast help COMMAND`", NULL, NULL},
    {"version", run_version, "the version", NULL, NULL},
    {"--help", run_help, NULL, NULL, NULL},
    {"-h", run_help, NULL, NULL, NULL},
    {"--version", run_version, NULL, NULL, NULL},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };
const size_t commands_count = COMMANDS;

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static void write_usage(FILE *out)
{
    (void)fprintf(out, "Usage: ringcast COMMAND [options]\n\n"
                       "A broker for Server-Sent Events: producers publish each event once, over a "
                       "Unix\nsocket or by HTTP, ringcast keeps it in a log and sends it to every "
                       "subscriber.\n\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        if (commands[i].help != NULL) {
            (void)fprintf(out, "  %-12s%s\n", commands[i].name, commands[i].help);
        }
    }
    (void)fprintf(out, "\n`ringcast COMMAND --help` tells the options of each.\n");
}

static int complain_of_unknown(const char *name)
{
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
    }
    const char *nearest = text_nearest(slice_of(name), names, COMMANDS);
    (void)fprintf(stderr, "ringcast: there is no command '%.64s'%s%s%s\n", name,
                  nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest,
                  nearest == NULL ? ". `ringcast help` lists them" : "'?");
    return 2;
}

static int run_help(int argc, char **argv)
{
    if (argc < 2) {
        write_usage(stdout);
        return 0;
    }
    const struct command *command = find(argv[1]);
    if (command == NULL) {
        return complain_of_unknown(argv[1]);
    }
    if (command->run == run_help || command->run == run_version) {
        write_usage(stdout);
        return 0;
    }
    char help[] = "--help";
    char *arguments[] = {argv[1], help, NULL};
    return command->run(2, arguments);
}

static int run_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)printf("ringcast %s\n", RC_VERSION_STRING);
    return 0;
}

int command_run(int argc, char **argv)
{
    if (argc < 2) {
        write_usage(stderr);
        return 2;
    }
    const struct command *command = find(argv[1]);
    return command == NULL ? complain_of_unknown(argv[1]) : command->run(argc - 1, argv + 1);
}
