#include "cli/log_tool.h"

#include "app/paths.h"
#include "app/setting_source.h"
#include "log/disk.h"

#include <string.h>

struct tool_options {
    struct log_dump_options dump;
    bool is_quiet;
    bool is_dry_run;
};

#define AT(member) offsetof(struct tool_options, member)

#define DATA_DIRECTORY                                                                             \
    {                                                                                              \
        .key = "data-dir", .letter = 'd', .kind = SETTING_TEXT, .offset = AT(dump.data_directory), \
        .value_name = "DIR",                                                                       \
        .default_note = "$RINGCAST_DATA_DIR, or where `ringcast serve` keeps it",                  \
        .help = "the log's directory"                                                              \
    }

static const struct setting dump_settings[] = {
    DATA_DIRECTORY,
    {.key = "stream",
     .letter = 's',
     .kind = SETTING_TEXT,
     .offset = AT(dump.stream),
     .value_name = "NAME",
     .help = "only the events of this stream"},
    {.key = "from",
     .letter = 'f',
     .kind = SETTING_COUNT,
     .offset = AT(dump.from),
     .value_name = "ID",
     .default_text = "0",
     .maximum = UINT64_MAX,
     .help = "begin at this event"},
    {.key = "limit",
     .letter = 'n',
     .kind = SETTING_COUNT,
     .traits = SETTING_ZERO_IS_NONE,
     .offset = AT(dump.limit),
     .value_name = "COUNT",
     .default_text = "0",
     .minimum = 1,
     .maximum = UINT64_MAX,
     .help = "end after so many events"},
    {.key = "json",
     .letter = 'j',
     .kind = SETTING_SWITCH,
     .offset = AT(dump.is_json),
     .help = "one JSON object a line"},
    {.key = "control",
     .kind = SETTING_SWITCH,
     .offset = AT(dump.with_control),
     .help = "also what is not delivered: settings, discards, ends"},
};

static const struct setting verify_settings[] = {
    DATA_DIRECTORY,
    {.key = "quiet",
     .letter = 'q',
     .kind = SETTING_SWITCH,
     .offset = AT(is_quiet),
     .help = "print faults only"},
};

static const struct setting repair_settings[] = {
    DATA_DIRECTORY,
    {.key = "dry-run",
     .kind = SETTING_SWITCH,
     .offset = AT(is_dry_run),
     .help = "only say what would be done"},
};

enum verb { VERB_DUMP, VERB_VERIFY, VERB_REPAIR, VERB_COUNT };

static const char *const verbs[VERB_COUNT] = {"dump", "verify", "repair"};

static const struct setting_table tables[VERB_COUNT] = {
    [VERB_DUMP] = {.sections = SETTING_SECTION_ALONE(dump_settings),
                   .usage = "ringcast log dump [options]",
                   .description =
                       "Prints the events that stand in the log, oldest first: log position, id, "
                       "time, stream:sequence, type, data. Works beside a running broker.",
                   .epilogue = "Exit status: 0; 1 the log is damaged or cannot be read; 2 wrong "
                               "usage."},
    [VERB_VERIFY] = {.sections = SETTING_SECTION_ALONE(verify_settings),
                     .usage = "ringcast log verify [options]",
                     .description =
                         "Reads the whole log and checks headers, checksums, order, indexes "
                         "against blocks, and the checkpoint. Changes nothing; works beside a "
                         "running broker.",
                     .epilogue = "Exit status: 0 no faults; 1 faults, or it cannot be read; 2 "
                                 "wrong usage."},
    [VERB_REPAIR] = {.sections = SETTING_SECTION_ALONE(repair_settings),
                     .usage = "ringcast log repair [options]",
                     .description =
                         "Brings a damaged log into order while no broker runs: cuts torn ends, "
                         "drops corrupt blocks, builds indexes and checkpoint anew. (A broker "
                         "does what is needed of this at start by itself.)",
                     .epilogue = "Exit status: 0 in order; 1 a broker is running, or it could not "
                                 "be done; 2 wrong usage."},
};

const struct command_options cli_log_options[] = {
    {"dump", &tables[VERB_DUMP]},
    {"verify", &tables[VERB_VERIFY]},
    {"repair", &tables[VERB_REPAIR]},
    {NULL, NULL},
};

static void write_usage(FILE *out)
{
    (void)fprintf(out, "Usage: ringcast log dump|verify|repair [options]\n\n"
                       "  dump    print the events that stand in the log\n"
                       "  verify  check the whole log\n"
                       "  repair  bring a damaged log into order\n\n"
                       "`ringcast log dump --help` and so on tell the options.\n");
}

static struct disk *open_disk(enum verb verb, const struct tool_options *options, char *message,
                              size_t message_size)
{
    const char *directory = options->dump.data_directory;
    if (verb != VERB_REPAIR) {
        return disk_open_reading(directory, message, message_size);
    }
    // Without this a mistyped directory would be made.
    struct disk *probe = disk_open_reading(directory, message, message_size);
    if (probe == NULL) {
        return NULL;
    }
    disk_close(probe);
    return disk_open(directory, message, message_size);
}

static int run(enum verb verb, const struct tool_options *options)
{
    char message[LOG_TOOL_MESSAGE_SIZE];
    struct disk *disk = open_disk(verb, options, message, sizeof(message));
    if (disk == NULL) {
        (void)fprintf(stderr, "ringcast: %s\n", message);
        return 1;
    }
    int status = verb == VERB_DUMP     ? log_dump(disk, &options->dump, stdout)
                 : verb == VERB_VERIFY ? log_verify(disk, options->is_quiet, stdout)
                                       : log_repair(disk, options->is_dry_run, stdout);
    disk_close(disk);
    return fflush(stdout) != 0 ? 1 : status;
}

int cli_log(int argc, char **argv)
{
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        write_usage(stdout);
        return 0;
    }
    enum verb verb = VERB_DUMP;
    while (verb < VERB_COUNT && (argc < 2 || strcmp(argv[1], verbs[verb]) != 0)) {
        verb++;
    }
    if (verb == VERB_COUNT) {
        write_usage(stderr);
        return 2;
    }
    struct tool_options options = {0};
    int exit_status = 0;
    int operands = settings_read(&tables[verb], &options, argc - 1, argv + 1, &exit_status);
    if (operands < 0) {
        return exit_status;
    }
    if (operands > 0) {
        (void)fprintf(stderr, "ringcast: unexpected argument '%s'\nUsage: %s\n", argv[2],
                      tables[verb].usage);
        return 2;
    }
    char default_directory[PATHS_SIZE];
    if (options.dump.data_directory == NULL) {
        options.dump.data_directory = paths_variable("RINGCAST_DATA_DIR");
    }
    if (options.dump.data_directory == NULL || options.dump.data_directory[0] == 0) {
        paths_default_data(default_directory);
        options.dump.data_directory = default_directory;
    }
    return run(verb, &options);
}
