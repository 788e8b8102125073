#include "cli/subscribe.h"

#include "app/setting_source.h"
#include "base/limits.h"
#include "base/percent.h"
#include "base/text.h"
#include "base/utf8.h"
#include "cli/event_printer.h"
#include "cli/event_source.h"
#include "cli/signals.h"
#include "cli/terminal.h"

#include <stdio.h>
#include <string.h>

enum { URL_BYTES_MAX = 64 << 10 };

struct subscribe_options {
    const char *url;
    const char *token_file;
    const char *from;
    bool is_json;
    bool with_last_id;
    bool is_quiet;
    uint64_t count;
    uint64_t idle_ms;
};

#define AT(member) offsetof(struct subscribe_options, member)

static const struct setting settings[] = {
    {.key = "url",
     .letter = 'u',
     .kind = SETTING_TEXT,
     .offset = AT(url),
     .value_name = "URL",
     .default_text = "http://127.0.0.1:8080",
     .help = "where the broker is"},
    {.key = "token-file",
     .kind = SETTING_TEXT,
     .offset = AT(token_file),
     .value_name = "PATH",
     .default_note = "none",
     .help = "a file with the token to show; read anew for each connection"},
    {.key = "from",
     .letter = 'f',
     .kind = SETTING_TEXT,
     .offset = AT(from),
     .value_name = "START",
     .default_note = "latest",
     .help = "where to start: earliest, latest, an id (what comes after it), last:N, or time: with "
             "Unix milliseconds or RFC 3339"},
    {.key = "count",
     .letter = 'n',
     .kind = SETTING_COUNT,
     .traits = SETTING_ZERO_IS_NONE,
     .offset = AT(count),
     .default_text = "0",
     .minimum = 1,
     .maximum = UINT64_MAX,
     .help = "end after so many events"},
    {.key = "json",
     .letter = 'j',
     .kind = SETTING_SWITCH,
     .offset = AT(is_json),
     .help = "one JSON object a line, with stream, sequence, time and attributes"},
    {.key = "last-id",
     .kind = SETTING_SWITCH,
     .offset = AT(with_last_id),
     .help = "at the end, print `last id N` on standard error, for a later --from"},
    {.key = "idle",
     .kind = SETTING_DURATION,
     .traits = SETTING_ZERO_IS_NONE,
     .offset = AT(idle_ms),
     .default_text = "90s",
     .minimum = 1000,
     .maximum = UINT64_C(86400) * 1000,
     .help = "reconnect when not even a heartbeat came for so long"},
    {.key = "quiet",
     .letter = 'q',
     .kind = SETTING_SWITCH,
     .offset = AT(is_quiet),
     .help = "say nothing of lost and resumed connections"},
};

const struct setting_table cli_subscribe_table = {
    .sections = SETTING_SECTION_ALONE(settings),
    .usage = "ringcast subscribe [options] STREAM...",
    .description = "Prints the events of one or more streams as they come, until Ctrl-C. A lost "
                   "connection is resumed after the last event seen, so that nothing is missed.",
    .epilogue = "Exit status: 0 ended by Ctrl-C, by --count or because the stream is over; 1 the "
                "broker refused or could not be reached; 2 wrong usage.",
};

struct subscriber {
    const struct subscribe_options *options;
    struct event_printer printer;
    uint64_t seen;
    bool has_id;
    char last_id[TEXT_U64_BYTES_MAX + 1];
};

static bool on_event(void *context, const struct sse_event *event)
{
    struct subscriber *subscriber = context;
    if (event->id.length > 0 && event->id.length < sizeof(subscriber->last_id)) {
        memcpy(subscriber->last_id, event->id.at, event->id.length);
        subscriber->last_id[event->id.length] = 0;
        subscriber->has_id = true;
    }
    event_printer_print(&subscriber->printer, event);
    subscriber->seen++;
    bool is_enough =
        subscriber->options->count != 0 && subscriber->seen >= subscriber->options->count;
    return !is_enough && ferror(subscriber->printer.out) == 0;
}

static void on_open(void *context, bool is_first)
{
    const struct subscriber *subscriber = context;
    if (!is_first && !subscriber->options->is_quiet) {
        (void)fprintf(stderr, "ringcast: connected again\n");
    }
}

static void on_lost(void *context, const char *reason, uint64_t delay_ms, struct slice last_id)
{
    const struct subscriber *subscriber = context;
    if (subscriber->options->is_quiet) {
        return;
    }
    (void)fprintf(stderr, "ringcast: connection lost (");
    terminal_write_text(stderr, slice_of(reason));
    (void)fprintf(stderr, "); trying again in %.1f s", (double)delay_ms / 1000);
    if (last_id.length > 0) {
        (void)fprintf(stderr, ", after id ");
        terminal_write_text(stderr, last_id);
    }
    (void)fputc('\n', stderr);
}

int subscribe_url(struct buffer *url, const char *base, char *const *streams, size_t count,
                  const char *from, bool with_envelope)
{
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/') {
        length--;
    }
    (void)buffer_append(url, base, length);
    const char *separator = "?";
    if (count == 1 && !with_envelope) {
        (void)buffer_append_text(url, "/streams/");
        (void)percent_encode(url, slice_of(streams[0]), "/");
    } else {
        (void)buffer_append_text(url, "/events");
        for (size_t i = 0; i < count; i++) {
            (void)buffer_append_text(url, separator);
            (void)buffer_append_text(url, "stream=");
            (void)percent_encode(url, slice_of(streams[i]), "/");
            separator = "&";
        }
    }
    if (from != NULL) {
        (void)buffer_append_text(url, separator);
        (void)buffer_append_text(url, "from=");
        (void)percent_encode(url, slice_of(from), ":");
    }
    return buffer_failure(url);
}

static bool check_streams(char *const *streams, size_t count)
{
    if (count == 0) {
        (void)fprintf(stderr, "ringcast: name at least one stream\nUsage: %s\n",
                      cli_subscribe_table.usage);
        return false;
    }
    if (count > CONNECTION_STREAMS_MAX) {
        (void)fprintf(stderr, "ringcast: at most %d streams on one connection\n",
                      CONNECTION_STREAMS_MAX);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct slice name = slice_of(streams[i]);
        if (name.length == 0 || name.length > NAME_BYTES_MAX || !utf8_is_valid(name) ||
            utf8_has_control(name)) {
            (void)fprintf(stderr,
                          "ringcast: a stream's name is 1 to %d bytes of UTF-8 without control "
                          "characters: '",
                          NAME_BYTES_MAX);
            terminal_write_text(stderr, name);
            (void)fprintf(stderr, "'\n");
            return false;
        }
    }
    return true;
}

static int run(const struct subscribe_options *options, const char *url)
{
    struct subscriber subscriber = {.options = options};
    char message[EVENT_SOURCE_MESSAGE_SIZE];
    event_printer_init(&subscriber.printer, stdout, options->is_json);
    const struct event_source source = {
        .url = url,
        .token_path = options->token_file,
        .idle_ms_max = options->idle_ms,
        .stop = signals_catch_end(),
        .context = &subscriber,
        .on_event = on_event,
        .on_open = on_open,
        .on_lost = on_lost,
    };
    enum event_source_end end = event_source_run(&source, message);
    event_printer_free(&subscriber.printer);
    if (options->with_last_id && subscriber.has_id) {
        (void)fprintf(stderr, "last id %s\n", subscriber.last_id);
    }
    if (end == EVENT_SOURCE_STOPPED || end == EVENT_SOURCE_OVER) {
        return ferror(stdout) == 0 ? 0 : 1;
    }
    (void)fprintf(stderr, "ringcast: %s", end == EVENT_SOURCE_FAILED ? "cannot connect: " : "");
    terminal_write_text(stderr, slice_of(message));
    (void)fputc('\n', stderr);
    return 1;
}

int cli_subscribe(int argc, char **argv)
{
    struct subscribe_options options;
    int exit_status = 0;
    int operands = settings_read(&cli_subscribe_table, &options, argc, argv, &exit_status);
    if (operands < 0) {
        return exit_status;
    }
    if (!check_streams(argv + 1, (size_t)operands)) {
        return 2;
    }
    struct buffer url;
    buffer_init(&url, URL_BYTES_MAX);
    bool with_envelope = options.is_json || operands > 1;
    (void)subscribe_url(&url, options.url, argv + 1, (size_t)operands, options.from, with_envelope);
    if (buffer_append_byte(&url, 0) != 0) {
        (void)fprintf(stderr, "ringcast: the names are too long together\n");
        buffer_free(&url);
        return 2;
    }
    int status = run(&options, (const char *)buffer_slice(&url).at);
    buffer_free(&url);
    return status;
}
