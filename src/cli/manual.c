#include "cli/manual.h"

#include "app/setting.h"
#include "base/assert.h"
#include "cli/command.h"
#include "cli/roff.h"

#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 128, TEXT_SIZE = 1024 };

const char *const cli_manual_pages[] = {"ringcast.1", "ringcast.toml.5", "ringcast-metrics.7",
                                        "ringcast.toml", NULL};

int cli_manual(int argc, char **argv)
{
    static void (*const writers[])(FILE *) = {manual_write_commands, manual_write_configuration,
                                              manual_write_metrics, manual_write_file};
    for (size_t i = 0; argc == 2 && cli_manual_pages[i] != NULL; i++) {
        if (strcmp(argv[1], cli_manual_pages[i]) == 0) {
            writers[i](stdout);
            return fflush(stdout) != 0 ? 1 : 0;
        }
    }
    bool wants_help = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    (void)fprintf(
        wants_help ? stdout : stderr,
        "Usage: ringcast manual PAGE\n\n"
        "Prints a page of the manual: `ringcast manual ringcast.1 | man -l -`\n\n"
        "  ringcast.1          the commands, their options, signals, files\n"
        "  ringcast.toml.5     every key of the configuration file\n"
        "  ringcast-metrics.7  every metric\n"
        "  ringcast.toml       a configuration file to begin with, all of it commented\n");
    return wants_help ? 0 : 2;
}

// --- ringcast.1 ---

static void write_option(FILE *out, const struct setting *setting)
{
    char flag[NAME_SIZE];
    char text[SETTING_HELP_SIZE];
    (void)snprintf(flag, sizeof(flag), "%s%.1s%s--%s", setting->letter != 0 ? "-" : "",
                   &setting->letter, setting->letter != 0 ? ", " : "", setting->key);
    roff_term(out, flag, setting_value_name(setting));
    setting_describe(setting, text);
    roff_text(out, text);
}

static void write_options(FILE *out, const struct command_options *options)
{
    const struct setting_table *table = options->table;
    roff_text(out, table->description);
    for (size_t i = 0; table->sections[i] != NULL; i++) {
        const struct setting_section *section = table->sections[i];
        for (size_t k = 0; k < section->count; k++) {
            write_option(out, &section->settings[k]);
        }
    }
    if (table->epilogue != NULL) {
        roff_paragraph(out);
        roff_text(out, table->epilogue);
    }
}

// The broker's own settings are told in ringcast.toml(5), all but those that stand in no file.
static void write_serve(FILE *out, const struct setting_table *table)
{
    roff_text(out, table->description);
    roff_paragraph(out);
    roff_text(out, "Every key of ringcast.toml(5) is also a flag, which the page names, and an "
                   "environment variable. A flag goes before the variable, the variable before the "
                   "file.");
    for (size_t i = 0; table->sections[i] != NULL; i++) {
        const struct setting_section *section = table->sections[i];
        for (size_t k = 0; section->name == NULL && k < section->count; k++) {
            write_option(out, &section->settings[k]);
        }
    }
}

static void write_command(FILE *out, const struct command *command)
{
    const struct command_options *options = command->options;
    for (size_t i = 0; options != NULL && options[i].table != NULL; i++) {
        roff_subheading(out, options[i].table->usage);
        if (strcmp(command->name, "serve") == 0) {
            write_serve(out, options[i].table);
        } else {
            write_options(out, &options[i]);
        }
    }
    if (options == NULL) {
        char usage[TEXT_SIZE];
        size_t length = (size_t)snprintf(usage, sizeof(usage), "ringcast %s", command->name);
        for (size_t i = 0; command->operands != NULL && command->operands[i] != NULL; i++) {
            length += (size_t)snprintf(usage + length, sizeof(usage) - length, "%s%s",
                                       i == 0 ? " " : "|", command->operands[i]);
            ASSERT(length < sizeof(usage));
        }
        roff_subheading(out, usage);
        roff_text(out, command->help);
    }
}

struct entry {
    const char *term;
    const char *text;
};

static void write_entries(FILE *out, const char *heading, const struct entry *entries, size_t count)
{
    roff_heading(out, heading);
    for (size_t i = 0; i < count; i++) {
        roff_term(out, entries[i].term, "");
        roff_text(out, entries[i].text);
    }
}

static const struct entry variables[] = {
    {"RINGCAST_*", "Each key of the configuration, in capitals: RINGCAST_DATA_DIR for --data-dir. "
                   "Several texts have semicolons between: "
                   "RINGCAST_LISTEN='*:80;*:443,tls'."},
    {"RINGCAST_SOCKET", "Also where publish, status and vitals look for the broker."},
    {"NO_COLOR", "No colour, also on a terminal."},
    {"STATE_DIRECTORY, RUNTIME_DIRECTORY",
     "Where the log and the producers' socket are when nothing else says so; set by systemd."},
    {"NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS",
     "The service manager's: it is told of readiness, reloads, the end and that all threads live; "
     "sockets that it hands in, named public, tls, admin or producers, take the place of those "
     "that the configuration names."},
};

static const struct entry files[] = {
    {"/etc/ringcast/ringcast.toml", "The configuration that the service is started with."},
    {"/var/lib/ringcast", "The log, where the service or root runs the broker; else "
                          "~/.local/state/ringcast."},
    {"/run/ringcast/ringcast.sock", "The producers' socket, where the service or root runs the "
                                    "broker; else in $XDG_RUNTIME_DIR."},
};

static const struct entry signals[] = {
    {"SIGTERM, SIGINT", "The end: producers are turned away, the log is written and synced, "
                        "subscribers get the rest and are told when to come back; ten seconds at "
                        "the most. A second signal ends the broker at once."},
    {"SIGHUP",
     "Configuration, keys and certificates are read again. What changed is told in the "
     "log, and what needs a restart; where anything is at fault nothing changes. Without any of "
     "these files, as SIGTERM."},
};

static const struct entry statuses[] = {
    {"0", "Good."},
    {"1", "It failed, or could not start or go on."},
    {"2", "Wrong usage, or a configuration that is at fault."},
};

#define ENTRIES(entries) (entries), sizeof(entries) / sizeof((entries)[0])

void manual_write_commands(FILE *out)
{
    roff_title(out, "RINGCAST", 1, "ringcast");
    roff_heading(out, "NAME");
    (void)fputs("ringcast \\- broker for Server-Sent Events\n", out);
    roff_heading(out, "SYNOPSIS");
    (void)fputs(".B ringcast\n.I command\n[options]\n", out);
    roff_heading(out, "DESCRIPTION");
    roff_text(out, "A program publishes each event once, over a Unix socket or by HTTP. ringcast "
                   "numbers it, appends it to a log on disk and sends it to everybody who "
                   "subscribes. A subscriber that loses its connection comes back with the last "
                   "id that it saw and misses nothing, also when it was the broker that went "
                   "away.");
    roff_heading(out, "COMMANDS");
    for (size_t i = 0; i < commands_count; i++) {
        if (commands[i].help != NULL) {
            write_command(out, &commands[i]);
        }
    }
    write_entries(out, "ENVIRONMENT", ENTRIES(variables));
    write_entries(out, "FILES", ENTRIES(files));
    write_entries(out, "SIGNALS", ENTRIES(signals));
    write_entries(out, "EXIT STATUS", ENTRIES(statuses));
    roff_heading(out, "EXAMPLES");
    roff_text(out, "A broker to try, an event, and a subscriber:");
    roff_example(out, "ringcast serve --listen 127.0.0.1:8080 \\\n"
                      "  --socket /tmp/ringcast.sock --data-dir /tmp/ringcast-data\n"
                      "ringcast publish --socket /tmp/ringcast.sock chat/42 hello\n"
                      "curl -N http://127.0.0.1:8080/streams/chat/42?from=earliest");
    roff_heading(out, "SEE ALSO");
    (void)fputs(".BR ringcast.toml (5),\n.BR ringcast\\-metrics (7)\n", out);
}
