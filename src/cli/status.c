#include "cli/status.h"

#include "app/paths.h"
#include "app/setting_source.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/utf8.h"
#include "cli/json_value.h"
#include "cli/line_client.h"
#include "cli/terminal.h"
#include "ingest/line.h"

#include <stdio.h>
#include <string.h>

enum { REQUEST_BYTES_MAX = 4096, STRING_BYTES_MAX = 4096 };

struct status_options {
    const char *socket;
    const char *prefix;
    const char *connection;
    uint64_t limit;
    bool is_json;
    bool wants_connections;
    bool wants_streams;
    uint64_t after;
};

#define AT(member) offsetof(struct status_options, member)

static const struct setting settings[] = {
    {.key = "socket",
     .letter = 's',
     .kind = SETTING_TEXT,
     .offset = AT(socket),
     .value_name = "PATH",
     .default_note = "$RINGCAST_SOCKET, or where serve puts it",
     .help = "the broker's socket"},
    {.key = "connections",
     .letter = 'c',
     .kind = SETTING_SWITCH,
     .offset = AT(wants_connections),
     .help = "list the subscribers' connections"},
    {.key = "connection",
     .kind = SETTING_TEXT,
     .offset = AT(connection),
     .value_name = "ID",
     .help = "all of one connection: what it is served with, and why"},
    {.key = "streams",
     .letter = 't',
     .kind = SETTING_SWITCH,
     .offset = AT(wants_streams),
     .help = "list the streams"},
    {.key = "prefix",
     .kind = SETTING_TEXT,
     .offset = AT(prefix),
     .value_name = "NAME",
     .help = "only streams whose name begins so"},
    {.key = "after",
     .kind = SETTING_COUNT,
     .offset = AT(after),
     .maximum = UINT32_MAX,
     .default_text = "0",
     .value_name = "PLACE",
     .help = "of the streams the next page: what the page before tells"},
    {.key = "limit",
     .letter = 'n',
     .kind = SETTING_COUNT,
     .offset = AT(limit),
     .default_text = "100",
     .minimum = 1,
     .maximum = LINE_LIMIT_MAX,
     .help = "the longest list"},
    {.key = "json",
     .letter = 'j',
     .kind = SETTING_SWITCH,
     .offset = AT(is_json),
     .help = "the broker's answer as it is"},
};

const struct setting_table cli_status_table = {
    .sections = SETTING_SECTION_ALONE(settings),
    .usage = "ringcast status [options]",
    .description = "Shows what the broker does: its log, producers and subscribers; with "
                   "--connections or --streams a list of those, with --connection all of one.",
};

static void append_request(const struct status_options *options, struct buffer *request)
{
    struct json_writer writer = json_writer_on(request);
    bool is_list = options->wants_connections || options->wants_streams;
    json_write_object_open(&writer);
    json_write_key(&writer, "op");
    json_write_text(&writer, options->connection != NULL  ? "connection"
                             : options->wants_connections ? "connections"
                             : options->wants_streams     ? "streams"
                                                          : "status");
    if (options->connection != NULL) {
        json_write_key(&writer, "connection");
        json_write_text(&writer, options->connection);
    }
    if (is_list) {
        json_write_key(&writer, "limit");
        json_write_u64(&writer, options->limit);
    }
    if (options->wants_streams && options->prefix != NULL) {
        json_write_key(&writer, "prefix");
        json_write_text(&writer, options->prefix);
    }
    if (options->wants_streams && options->after != 0) {
        json_write_member_u64(&writer, "after", options->after);
    }
    json_write_object_close(&writer);
}

static int print_answer(const struct status_options *options, struct slice answer)
{
    bool colour = terminal_has_colour(stdout);
    int error = 0;
    if (options->is_json) {
        (void)fwrite(answer.at, 1, answer.length, stdout);
        (void)fputc('\n', stdout);
    } else if (options->connection != NULL) {
        error = status_print_connection(answer, stdout, colour);
    } else if (options->wants_connections) {
        error = status_print_connections(answer, clock_realtime_ms(), stdout, colour);
    } else if (options->wants_streams) {
        error = status_print_streams(answer, clock_realtime_ms(), stdout, colour);
    } else {
        error = status_print_summary(answer, stdout, colour);
    }
    if (error != 0) {
        (void)fprintf(stderr, "ringcast: cannot show the answer: %s\n", strerrordesc_np(-error));
    }
    return error == 0 && fflush(stdout) == 0 ? 0 : 1;
}

// Whether the broker refused: then the reason has been told.
static bool is_refusal(struct slice answer)
{
    struct slice code;
    struct buffer scratch;
    if (!json_value_member(answer, "error", &code)) {
        return false;
    }
    buffer_init(&scratch, STRING_BYTES_MAX);
    struct slice message = json_value_string(answer, "message", &scratch);
    (void)fprintf(stderr, "ringcast: the broker refuses: ");
    terminal_write_text(stderr, message.length > 0 ? message : code);
    (void)fputc('\n', stderr);
    buffer_free(&scratch);
    return true;
}

static int ask(const struct status_options *options, const char *socket)
{
    char message[LINE_CLIENT_MESSAGE_SIZE];
    struct buffer request;
    struct buffer answer;
    int status = 1;
    buffer_init(&request, REQUEST_BYTES_MAX);
    buffer_init(&answer, LINE_CLIENT_ANSWER_BYTES_MAX);
    append_request(options, &request);
    if (buffer_failure(&request) != 0) {
        (void)fprintf(stderr, "ringcast: --prefix or --connection: too long\n");
        status = 2;
    } else if (!line_client_ask(socket, buffer_slice(&request), &answer, message)) {
        (void)fprintf(stderr, "ringcast: %s\n", message);
    } else if (!is_refusal(buffer_slice(&answer))) {
        status = print_answer(options, buffer_slice(&answer));
    }
    buffer_free(&request);
    buffer_free(&answer);
    return status;
}

int cli_status(int argc, char **argv)
{
    struct status_options options;
    int exit_status = 0;
    int operands = settings_read(&cli_status_table, &options, argc, argv, &exit_status);
    if (operands < 0) {
        return exit_status;
    }
    const char *fault =
        operands > 0 ? "status takes no operands"
        : options.wants_connections + options.wants_streams + (options.connection != NULL) > 1
            ? "one of --connections, --connection and --streams"
        : options.prefix != NULL && !utf8_is_valid(slice_of(options.prefix)) ? "--prefix: not UTF-8"
        : options.connection != NULL && !utf8_is_valid(slice_of(options.connection))
            ? "--connection: not UTF-8"
            : NULL;
    if (fault != NULL) {
        (void)fprintf(stderr, "ringcast: %s\nUsage: %s\n", fault, cli_status_table.usage);
        return 2;
    }
    char found[PATHS_SIZE];
    paths_find_socket(found);
    return ask(&options, options.socket != NULL ? options.socket : found);
}
