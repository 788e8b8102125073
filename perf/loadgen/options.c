#include "options.h"

#include "payload.h"
#include "secure.h"
#include "stalled.h"

#include "base/bytes.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum option_kind {
    OPTION_TEXT,
    OPTION_COUNT, // uint32_t
    OPTION_SIZE,  // uint32_t
    OPTION_DURATION,
    OPTION_RATE,
    OPTION_SHARE, // double, from 0 to less than 1
    OPTION_PID,
    OPTION_ACK,
    OPTION_HEADER,
    OPTION_TLS,    // a version
    OPTION_SWITCH, // takes no value
};

struct option_entry {
    const char *name;
    enum option_kind kind;
    size_t offset;
    uint64_t minimum;
    uint64_t maximum;
    const char *value_name;
    const char *help;
};

#define AT(member) offsetof(struct options, member)

// clang-format off: a table
static const struct option_entry entries[] = {
    {"url", OPTION_TEXT, AT(url), 0, 0, "URL",
     "where to subscribe: http://HOST:PORT[/PATH]; {stream} in PATH is the stream's name, {number} "
     "its number; /streams/{stream} without a path; the same with https://; or redis://HOST:PORT, "
     "nats://HOST:PORT"},
    {"tls-ca", OPTION_TEXT, AT(tls_ca), 0, 0, "FILE",
     "of https: certificates, one of which has to vouch for the server; else nothing is verified"},
    {"tls-version", OPTION_TLS, AT(tls_version), 0, 0, "V", "of https: 1.2 or 1.3, and no other"},
    {"publish", OPTION_TEXT, AT(publish), 0, 0, "WHERE",
     "unix:PATH, a ringcast broker's socket; http://HOST:PORT/PATH, a POST for each event, with "
     "{stream} and {number} in PATH; redis:HOST:PORT; nats:HOST:PORT; exec:COMMAND, started by "
     "/bin/sh, a line of its input for each event; -, a line of standard output for each"},
    {"body", OPTION_TEXT, AT(body), 0, 0, "TEMPLATE",
     "what is POSTed, or written as a line, if not the data alone: {data}, {stream} and {number} "
     "stand for an "
     "event's; "
     "{data_json}, {stream_json} escaped in a JSON string, {data_url}, {stream_url} in a form"},
    {"publish-header", OPTION_HEADER, AT(publish_headers), 0, 0, "FIELD",
     "of the POSTs; may repeat; without one of that name, Content-Type is text/plain"},
    {"publish-connections", OPTION_COUNT, AT(publish_connections), 1,
     OPTIONS_PUBLISH_CONNECTIONS_MAX, "N", "of the POSTs; each stream keeps to one"},
    {"publish-pipeline", OPTION_COUNT, AT(publish_pipeline), 1, OPTIONS_PIPELINE_MAX, "N",
     "POSTs that may be unanswered on each of them"},
    {"connections", OPTION_COUNT, AT(connections), 1, OPTIONS_CONNECTIONS_MAX, "N", "subscribers"},
    {"streams", OPTION_COUNT, AT(streams), 1, PAYLOAD_STREAM_MAX, "M",
     "streams, to which subscribers and events are dealt in turn"},
    {"stream", OPTION_TEXT, AT(stream), 0, 0, "NAME", "a stream's name; {number} is its number"},
    {"rate", OPTION_RATE, AT(rate), 0, 0, "R",
     "events a second over all streams; 0: the next ones when the last have arrived"},
    {"size", OPTION_SIZE, AT(size_bytes), PAYLOAD_BYTES_MIN, OPTIONS_SIZE_MAX, "S",
     "bytes of an event's data"},
    {"stalled", OPTION_SHARE, AT(stalled), 0, 0, "SHARE",
     "of slow: share of the subscribers that stop reading for good once their header has come"},
    {"slow-rate", OPTION_SIZE, AT(slow_rate), 0, STALLED_RATE_MAX, "BYTES",
     "of slow: these read so many bytes a second each instead"},
    {"throttled", OPTION_SHARE, AT(throttled), 0, 0, "SHARE",
     "of slow: share of the subscribers that ask the server to send them less"},
    {"throttled-query", OPTION_TEXT, AT(throttled_query), 0, 0, "QUERY",
     "of slow: what these add to their URL, such as events_per_second=5"},
    {"duration", OPTION_DURATION, AT(duration_ms), 1, 24 * 3600 * 1000, "TIME",
     "how long to measure: 5s"},
    {"warmup", OPTION_DURATION, AT(warmup_ms), 0, 3600 * 1000, "TIME",
     "the same before that, unmeasured"},
    {"settle", OPTION_DURATION, AT(settle_ms), 0, 3600 * 1000, "TIME",
     "pause between the last subscriber's header and the first event"},
    {"pid", OPTION_PID, AT(server), 1, INT_MAX, "PID",
     "the server's process, to measure what it and its children use; may repeat, where several "
     "make "
     "the server, such as a proxy and what is behind it"},
    {"window", OPTION_COUNT, AT(window), 1, 1 << 20, "EVENTS",
     "how many are on their way at --rate 0, or unanswered in ingest"},
    {"batch", OPTION_COUNT, AT(batch), 1, OPTIONS_BATCH_MAX, "EVENTS",
     "most that are published as one request"},
    {"ack", OPTION_ACK, AT(ack), 0, 0, "LEVEL", "received, written or synced"},
    {"producers", OPTION_COUNT, AT(producers), 1, OPTIONS_THREADS_MAX, "P",
     "of ingest, a thread each"},
    {"header", OPTION_HEADER, AT(headers), 0, 0, "FIELD",
     "a request header such as 'X-Name: value'; may repeat"},
    {"threads", OPTION_COUNT, AT(threads), 1, OPTIONS_THREADS_MAX, "T",
     "threads of the generator that receive"},
    {"opening", OPTION_COUNT, AT(opening), 1, 4096, "N",
     "connections being opened at once by each of them"},
    {"missed", OPTION_COUNT, AT(missed), 0, OPTIONS_MISSED_MAX, "K",
     "events of each stream that storm publishes while nobody is connected; 0: it only connects"},
    {"events", OPTION_COUNT, AT(events), 1, UINT32_MAX, "E",
     "of all streams together, that replay publishes"},
    {"run", OPTION_COUNT, AT(run), 1, UINT32_MAX, "N", "a number for the run, instead of any"},
    {"reuse", OPTION_SWITCH, AT(reuse), 0, 0, NULL,
     "replay what a replay with the same --run, --events and --streams has published before"},
    {"file", OPTION_TEXT, AT(file), 0, 0, "PATH", "from which the bare server replays"},
    {"bare", OPTION_SWITCH, AT(bare), 0, 0, NULL,
     "against a bare server of our own instead of --url"},
    {"workers", OPTION_COUNT, AT(workers), 1, OPTIONS_THREADS_MAX, "W",
     "threads of the bare server"},
    {"coalesce", OPTION_COUNT, AT(coalesce), 1, OPTIONS_BATCH_MAX, "F",
     "most frames in one of its sends"},
    {"json", OPTION_SWITCH, AT(json), 0, 0, NULL,
     "one JSON object on standard output (with --publish - at the end of standard error), the text "
     "on standard error"},
    {"html", OPTION_TEXT, AT(html), 0, 0, "FILE",
     "a report with charts goes there, one page that needs nothing else"},
    {"output", OPTION_TEXT, AT(output), 0, 0, "FILE", "the JSON object goes there; implies --json"},
};
// clang-format on

enum {
    ENTRY_COUNT = sizeof entries / sizeof entries[0],
    HELP_COLUMN = 23,
    HELP_WIDTH = 100,
};

static const struct option_entry *entry_find(const char *name, size_t length)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        if (strlen(entries[i].name) == length && memcmp(entries[i].name, name, length) == 0) {
            return &entries[i];
        }
    }
    return NULL;
}

static const struct level {
    const char *word;
    enum rc_ack ack;
} levels[] = {
    {"received", RC_ACK_RECEIVED},
    {"written", RC_ACK_WRITTEN},
    {"synced", RC_ACK_SYNCED},
};

const char *options_ack_text(enum rc_ack ack)
{
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (levels[i].ack == ack) {
            return levels[i].word;
        }
    }
    return "default";
}

static bool take_ack(enum rc_ack *ack, const char *value)
{
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(value, levels[i].word) == 0) {
            *ack = levels[i].ack;
            return true;
        }
    }
    return false;
}

static bool take_number(const struct option_entry *entry, void *place, const char *value)
{
    struct slice text = slice_of(value);
    uint64_t number = 0;
    bool parsed = entry->kind == OPTION_DURATION ? text_parse_duration(text, &number)
                  : entry->kind == OPTION_SIZE   ? text_parse_size(text, &number)
                                                 : text_parse_u64(text, &number);
    if (!parsed || number < entry->minimum || number > entry->maximum) {
        return false;
    }
    if (entry->kind == OPTION_DURATION) {
        memcpy(place, &number, sizeof number);
    } else {
        uint32_t narrow = (uint32_t)number;
        memcpy(place, &narrow, sizeof narrow);
    }
    return true;
}

static bool take_rate(double *rate, const char *value)
{
    char *end = NULL;
    *rate = strtod(value, &end);
    return end != value && *end == 0 && *rate >= 0 && *rate <= 1e8;
}

static bool take_header(struct options_headers *headers, const char *value)
{
    if (headers->count == OPTIONS_HEADERS_MAX || strchr(value, ':') == NULL ||
        strpbrk(value, "\r\n") != NULL) {
        return false;
    }
    headers->lines[headers->count++] = value;
    return true;
}

static bool take_process(struct usage_processes *processes, const struct option_entry *entry,
                         const char *value)
{
    uint64_t id = 0;
    if (processes->count == USAGE_PROCESSES_MAX || !text_parse_u64(slice_of(value), &id) ||
        id < entry->minimum || id > entry->maximum) {
        return false;
    }
    processes->ids[processes->count++] = (pid_t)id;
    return true;
}

static bool take_share(double *share, const char *value)
{
    char *end = NULL;
    *share = strtod(value, &end);
    return end != value && *end == 0 && *share >= 0 && *share < 1;
}

static bool take_value(struct options *options, const struct option_entry *entry, const char *value)
{
    void *place = (uint8_t *)options + entry->offset;
    switch (entry->kind) {
    case OPTION_TEXT: *(const char **)place = value; return true;
    case OPTION_RATE: return take_rate(place, value);
    case OPTION_SHARE: return take_share(place, value);
    case OPTION_ACK: return take_ack(place, value);
    case OPTION_HEADER: return take_header(place, value);
    case OPTION_TLS: *(const char **)place = value; return secure_knows_version(value);
    case OPTION_PID: return take_process(place, entry, value);
    case OPTION_SWITCH: *(bool *)place = true; return true;
    case OPTION_COUNT:
    case OPTION_SIZE:
    case OPTION_DURATION: return take_number(entry, place, value);
    }
    return false;
}

static bool complain(const char *format, const char *what)
{
    (void)fprintf(stderr, "ringcast-bench: ");
    (void)fprintf(stderr, format, what);
    (void)fprintf(stderr, "; --help lists the options\n");
    return false;
}

// Takes the option at argv[*index] and its value, "--name value" or "--name=value".
static bool take_option(struct options *options, int argc, char **argv, int *index)
{
    const char *argument = argv[*index];
    if (strncmp(argument, "--", 2) != 0) {
        return complain("'%s' is no option", argument);
    }
    size_t length = strcspn(argument + 2, "=");
    const struct option_entry *entry = entry_find(argument + 2, length);
    if (entry == NULL) {
        return complain("there is no option '%s'", argument);
    }
    const char *value = argument[2 + length] == '=' ? argument + 3 + length : NULL;
    if (entry->kind == OPTION_SWITCH && value != NULL) {
        return complain("--%s takes no value", entry->name);
    }
    if (entry->kind != OPTION_SWITCH && value == NULL) {
        if (*index + 1 == argc) {
            return complain("--%s needs a value", entry->name);
        }
        value = argv[++*index];
    }
    if (!take_value(options, entry, value)) {
        return complain("--%s cannot have that value", entry->name);
    }
    return true;
}

enum options_outcome options_read(struct options *options, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return OPTIONS_HELP;
        }
        if (!take_option(options, argc, argv, &i)) {
            return OPTIONS_WRONG;
        }
    }
    return OPTIONS_RUN;
}

// Opens the file if one is named; else *file is NULL.
static bool output_open(FILE **file, const char *option, const char *path)
{
    *file = path == NULL ? NULL : fopen(path, "we");
    if (path != NULL && *file == NULL) {
        (void)fprintf(stderr, "ringcast-bench: %s %s: %s\n", option, path, strerror(errno));
        return false;
    }
    return true;
}

bool options_open_outputs(struct options *options)
{
    bool publishes_there = options->publish != NULL && strcmp(options->publish, "-") == 0;
    bool prints_json = options->json && options->output == NULL;
    options->text_to = publishes_there || prints_json ? stderr : stdout;
    options->json_to = NULL;
    if (!output_open(&options->html_to, "--html", options->html)) {
        return false;
    }
    if (options->output != NULL) {
        return output_open(&options->json_to, "--output", options->output);
    }
    if (prints_json) {
        options->json_to = publishes_there ? stderr : stdout;
    }
    return true;
}

// Prints words from column HELP_COLUMN on, in lines of at most HELP_WIDTH.
static void print_wrapped(FILE *out, const char *text)
{
    size_t column = HELP_COLUMN;
    while (*text != 0) {
        size_t length = strcspn(text, " ");
        if (column > HELP_COLUMN && column + 1 + length > HELP_WIDTH) {
            (void)fprintf(out, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        }
        const char *blank = column > HELP_COLUMN ? " " : "";
        (void)fprintf(out, "%s%.*s", blank, (int)length, text);
        column += strlen(blank) + length;
        text += length + strspn(text + length, " ");
    }
    (void)fprintf(out, "\n");
}

void options_print(FILE *out)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        const char *value_name = entries[i].value_name == NULL ? "" : entries[i].value_name;
        int length = fprintf(out, "  --%s %s", entries[i].name, value_name);
        bool is_long = length >= HELP_COLUMN;
        (void)fprintf(out, is_long ? "\n%*s" : "%*s", is_long ? HELP_COLUMN : HELP_COLUMN - length,
                      "");
        print_wrapped(out, entries[i].help);
    }
}
