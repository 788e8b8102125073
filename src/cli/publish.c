#include "cli/publish.h"

#include "app/paths.h"
#include "app/setting_source.h"
#include "base/json.h"
#include "cli/line_input.h"
#include "cli/publisher.h"
#include "cli/signals.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ATTRIBUTES_MAX = 4,
    // What is read as one line before the broker has said how long an event may be.
    INPUT_LINE_BYTES_MAX = 16 << 20,
    LAST_ANSWERS_MS = 2000, // after Ctrl-C
};

struct publish_options {
    const char *socket;
    const char *type;
    const char *source;
    const char *correlation;
    unsigned ack;
    unsigned priority;
    uint64_t ttl_ms;
    uint64_t timeout_ms;
    uint64_t wait_ms;
    bool is_json;
    bool is_binary;
    bool is_ephemeral;
    bool is_verbose;
    bool is_quiet;
};

static const char *const ack_names[] = {"received", "written", "synced", NULL};
static const char *const priority_names[] = {"critical", "high",       "normal",
                                             "low",      "background", NULL};

#define AT(member) offsetof(struct publish_options, member)

static const struct setting settings[] = {
    {.key = "socket",
     .letter = 's',
     .kind = SETTING_TEXT,
     .offset = AT(socket),
     .value_name = "PATH",
     .default_note = "$RINGCAST_SOCKET, or where serve puts it",
     .help = "the broker's socket"},
    {.key = "type",
     .letter = 't',
     .kind = SETTING_TEXT,
     .offset = AT(type),
     .value_name = "TYPE",
     .help = "the events' type, which is the SSE event name"},
    {.key = "ack",
     .letter = 'a',
     .kind = SETTING_CHOICE,
     .offset = AT(ack),
     .choices = ack_names,
     .default_text = "written",
     .help = "when an event counts as published: received (at once, without id), written (survives "
             "a crash of the broker), synced (survives a power cut)"},
    {.key = "priority",
     .letter = 'p',
     .kind = SETTING_CHOICE,
     .offset = AT(priority),
     .choices = priority_names,
     .default_text = "normal",
     .help = "what is dropped last and sent first"},
    {.key = "json",
     .letter = 'j',
     .kind = SETTING_SWITCH,
     .offset = AT(is_json),
     .help = "each line or argument is JSON, and is checked"},
    {.key = "binary",
     .letter = 'b',
     .kind = SETTING_SWITCH,
     .offset = AT(is_binary),
     .help = "the data need not be UTF-8; subscribers get them in base64"},
    {.key = "source",
     .kind = SETTING_TEXT,
     .offset = AT(source),
     .value_name = "TEXT",
     .help = "the events' source attribute"},
    {.key = "correlation-id",
     .kind = SETTING_TEXT,
     .offset = AT(correlation),
     .value_name = "TEXT",
     .help = "the events' correlation id"},
    {.key = "ttl",
     .kind = SETTING_DURATION,
     .traits = SETTING_ZERO_IS_NONE,
     .offset = AT(ttl_ms),
     .default_text = "0",
     .minimum = 1,
     .maximum = UINT32_MAX,
     .help = "the events are not replayed after that long"},
    {.key = "ephemeral",
     .letter = 'e',
     .kind = SETTING_SWITCH,
     .offset = AT(is_ephemeral),
     .help = "only for those who are connected now; not stored, without id"},
    {.key = "verbose",
     .letter = 'v',
     .kind = SETTING_SWITCH,
     .offset = AT(is_verbose),
     .help = "print id and sequence of every event, not only of the last (slower)"},
    {.key = "quiet",
     .letter = 'q',
     .kind = SETTING_SWITCH,
     .offset = AT(is_quiet),
     .help = "print nothing but errors"},
    {.key = "timeout",
     .kind = SETTING_DURATION,
     .offset = AT(timeout_ms),
     .default_text = "30s",
     .minimum = 100,
     .maximum = UINT64_C(86400) * 1000,
     .help = "give up when nothing was acknowledged for so long"},
    {.key = "wait",
     .kind = SETTING_DURATION,
     .traits = SETTING_ZERO_IS_NONE,
     .offset = AT(wait_ms),
     .default_text = "0",
     .minimum = 1,
     .maximum = UINT64_C(86400) * 1000,
     .help = "wait so long for a broker that is not there yet"},
};

const struct setting_table cli_publish_table = {
    .sections = SETTING_SECTION_ALONE(settings),
    .usage = "ringcast publish [options] STREAM [DATA...]",
    .description = "Publishes each DATA as one event of the stream; without DATA, each line of "
                   "standard input. Prints the id and the sequence of the last one.",
    .epilogue = "Exit status: 0 every event was acknowledged; 1 some were not; 2 wrong usage.",
};

static size_t attributes_of(const struct publish_options *options,
                            struct rc_attribute attributes[ATTRIBUTES_MAX])
{
    size_t count = 0;
    if (options->source != NULL) {
        attributes[count++] =
            (struct rc_attribute){.kind = RC_ATTRIBUTE_SOURCE, .value = options->source};
    }
    if (options->correlation != NULL) {
        attributes[count++] =
            (struct rc_attribute){.kind = RC_ATTRIBUTE_CORRELATION, .value = options->correlation};
    }
    if (options->is_json) {
        attributes[count++] =
            (struct rc_attribute){.kind = RC_ATTRIBUTE_CONTENT_TYPE, .value = "application/json"};
    }
    return count;
}

// ---- connecting --------------------------------------------------------------------------------

static void write_open_failure(const char *path, int code, int error_number)
{
    (void)fprintf(stderr, "ringcast: ");
    if (code == RC_BAD_ARGUMENT) {
        (void)fprintf(stderr, "the socket's path is too long: %s\n", path);
    } else if (code == RC_FORBIDDEN) {
        (void)fprintf(stderr,
                      "the broker at %s does not let this user publish; see its "
                      "--socket-allow-uid and --socket-allow-gid\n",
                      path);
    } else if (code == RC_TOO_MANY_CONNECTIONS) {
        (void)fprintf(stderr, "the broker at %s has as many producers as it may have\n", path);
    } else if (code == RC_BAD_ANSWER) {
        (void)fprintf(stderr, "what listens at %s is no ringcast broker\n", path);
    } else if (code != RC_NO_CONNECTION) {
        (void)fprintf(stderr, "cannot publish through %s: %s\n", path, rc_code_text(code));
    } else if (error_number == ENOENT || error_number == ECONNREFUSED) {
        (void)fprintf(stderr,
                      "no broker at %s; start one with `ringcast serve`, or name its socket with "
                      "--socket\n",
                      path);
    } else if (error_number == EACCES) {
        (void)fprintf(stderr, "you have no permission to write to the socket %s\n", path);
    } else {
        (void)fprintf(stderr, "cannot connect to %s: %s\n", path, strerrordesc_np(error_number));
    }
}

static struct rc_client *open_client(const struct publish_options *options)
{
    char path[PATHS_SIZE];
    paths_find_socket(path);
    if (options->socket != NULL) {
        (void)snprintf(path, sizeof(path), "%s", options->socket);
    }
    const struct rc_options client_options = {.nonblocking = true,
                                              .connect_wait_ms = (int)options->wait_ms};
    struct rc_client *client = NULL;
    int code = rc_client_open(path, &client_options, &client);
    if (code != RC_OK) {
        write_open_failure(path, code, errno);
    }
    return client;
}

// ---- publishing --------------------------------------------------------------------------------

static bool add_one(struct publisher *publisher, bool is_json, struct slice data, uint64_t line)
{
    size_t fault = 0;
    enum json_fault json = is_json ? json_validate(data, &fault) : JSON_OK;
    if (json != JSON_OK) {
        publisher_refuse(publisher, line, "this is no JSON: %s at byte %zu", json_fault_text(json),
                         fault);
        return true;
    }
    return publisher_add(publisher, data, line);
}

static bool publish_arguments(struct publisher *publisher, bool is_json, char **data, int count)
{
    for (int i = 0; i < count; i++) {
        if (!add_one(publisher, is_json, slice_of(data[i]), 0)) {
            return false;
        }
    }
    return publisher_send(publisher);
}

// All lines that were read so far. False: enough.
static bool publish_lines(struct publisher *publisher, bool is_json, struct line_input *input)
{
    struct slice line;
    for (;;) {
        switch (line_input_next(input, &line)) {
        case LINE_INPUT_LINE:
            if (!add_one(publisher, is_json, line, input->number)) {
                return false;
            }
            break;
        case LINE_INPUT_TOO_LONG:
            publisher_refuse(publisher, input->number, "the line is too long");
            break;
        case LINE_INPUT_EMPTY: return publisher_send(publisher);
        case LINE_INPUT_END: (void)publisher_send(publisher); return false;
        }
    }
}

// Waits for input, and takes answers meanwhile. False: enough.
static bool wait_for_input(struct publisher *publisher, int fd)
{
    for (;;) {
        struct pollfd descriptors[2] = {{.fd = fd, .events = POLLIN}};
        descriptors[1].fd = rc_descriptor(publisher->client, &descriptors[1].events);
        bool is_unanswered = rc_unanswered(publisher->client) > 0;
        (void)poll(descriptors, 2, is_unanswered ? 100 : -1);
        if (*publisher->stop != 0 || !publisher_poll(publisher, 0)) {
            return false;
        }
        if (descriptors[0].revents != 0) {
            return true;
        }
    }
}

static bool publish_input(struct publisher *publisher, bool is_json, int fd)
{
    struct line_input input;
    ssize_t count = 1;
    bool goes_on = true;
    line_input_init(&input, fd, INPUT_LINE_BYTES_MAX);
    while (goes_on && wait_for_input(publisher, fd)) {
        count = line_input_fill(&input);
        goes_on = count == -EINTR || count == -EAGAIN ||
                  (count >= 0 && publish_lines(publisher, is_json, &input));
    }
    line_input_free(&input);
    if (count < 0) {
        publisher_refuse(publisher, 0, "cannot read standard input: %s",
                         strerrordesc_np((int)-count));
    }
    return count >= 0 && !publisher->has_failed;
}

static void write_summary(const struct publisher *publisher)
{
    if (publisher->last_id != 0) {
        (void)printf("id %llu sequence %llu\n", (unsigned long long)publisher->last_id,
                     (unsigned long long)publisher->last_sequence);
    } else if (publisher->accepted > 0) {
        (void)printf("received\n");
    }
}

static int run(const struct publish_options *options, struct rc_client *client, char **operands,
               int count)
{
    struct rc_attribute attributes[ATTRIBUTES_MAX];
    struct publisher *publisher = calloc(1, sizeof(*publisher));
    if (publisher == NULL) {
        (void)fprintf(stderr, "ringcast: there is no memory left\n");
        rc_close(client);
        return 1;
    }
    publisher->client = client;
    publisher->is_verbose = options->is_verbose && !options->is_quiet;
    publisher->counts_lines = count == 1;
    publisher->patience_ms = options->timeout_ms;
    publisher->stop = signals_catch_end();
    publisher->pattern = (struct rc_event){
        .stream = operands[0],
        .type = options->type,
        .ack = (enum rc_ack)(RC_ACK_RECEIVED + options->ack),
        .priority = (enum rc_priority)(RC_PRIORITY_CRITICAL + options->priority),
        .ttl_ms = (uint32_t)options->ttl_ms,
        .ephemeral = options->is_ephemeral,
        .binary = options->is_binary,
        .attributes = attributes,
        .attribute_count = attributes_of(options, attributes),
    };
    terminal_progress_begin(&publisher->progress);
    bool is_good = count > 1
                       ? publish_arguments(publisher, options->is_json, operands + 1, count - 1)
                       : publish_input(publisher, options->is_json, STDIN_FILENO);
    is_good = publisher_finish(publisher) && is_good;
    if (*publisher->stop != 0 && !publisher->has_failed) {
        (void)rc_flush(client, LAST_ANSWERS_MS);
    }
    size_t unanswered = rc_unanswered(client);
    rc_close(client);
    if (unanswered > 0) {
        (void)fprintf(stderr, "ringcast: the last %zu requests were not acknowledged\n",
                      unanswered);
    }
    if (!options->is_quiet && !publisher->is_verbose) {
        write_summary(publisher);
    }
    is_good = is_good && unanswered == 0 && publisher->refused == 0;
    free(publisher);
    return is_good && fflush(stdout) == 0 ? 0 : 1;
}

int cli_publish(int argc, char **argv)
{
    struct publish_options options;
    int exit_status = 0;
    int operands = settings_read(&cli_publish_table, &options, argc, argv, &exit_status);
    if (operands < 0) {
        return exit_status;
    }
    if (operands == 0) {
        (void)fprintf(stderr, "ringcast: name the stream\nUsage: %s\n", cli_publish_table.usage);
        return 2;
    }
    struct rc_client *client = open_client(&options);
    return client == NULL ? 1 : run(&options, client, argv + 1, operands);
}
