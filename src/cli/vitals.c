#include "cli/vitals.h"

#include "app/paths.h"
#include "app/setting_source.h"
#include "base/clock.h"
#include "cli/signals.h"
#include "cli/vitals_reading.h"

#include <errno.h>
#include <ringcast/client.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    CONNECT_MS_MAX = 10 * 1000,
    FLUSH_MS_MAX = 2000,
    WAIT_MS_MAX = 200, // how long a signal may go unseen
    JSON_BYTES_MAX = 64 << 10,
    NAME_SIZE = 256,
};

struct vitals_options {
    const char *socket;
    const char *prefix;
    uint64_t interval_ms;
    uint64_t count;
    bool is_printing;
};

#define AT(member) offsetof(struct vitals_options, member)

static const struct setting settings[] = {
    {.key = "socket",
     .letter = 's',
     .kind = SETTING_TEXT,
     .offset = AT(socket),
     .value_name = "PATH",
     .default_note = "$RINGCAST_SOCKET, or where serve puts it",
     .help = "the broker's socket"},
    {.key = "interval",
     .letter = 'i',
     .kind = SETTING_DURATION,
     .offset = AT(interval_ms),
     .default_text = "1s",
     .minimum = 100,
     .maximum = UINT64_C(3600) * 1000,
     .help = "time from one reading to the next"},
    {.key = "count",
     .letter = 'n',
     .kind = SETTING_COUNT,
     .traits = SETTING_ZERO_IS_NONE,
     .offset = AT(count),
     .default_text = "0",
     .minimum = 1,
     .maximum = UINT64_MAX,
     .help = "end after so many readings"},
    {.key = "prefix",
     .kind = SETTING_TEXT,
     .offset = AT(prefix),
     .value_name = "NAME",
     .default_text = "system",
     .help = "what the streams' names begin with"},
    {.key = "print",
     .kind = SETTING_SWITCH,
     .offset = AT(is_printing),
     .help = "write the readings to standard output; publish nothing"},
};

const struct setting_table cli_vitals_table = {
    .sections = SETTING_SECTION_ALONE(settings),
    .usage = "ringcast vitals [options]",
    .description = "Publishes this machine's readings from /proc as JSON, to the streams "
                   "system/cpu, system/memory, system/disk and system/network, until Ctrl-C.",
};

static const struct {
    const char *name;
    vitals_writer *write;
} streams[] = {
    {"cpu", vitals_write_cpu},
    {"memory", vitals_write_memory},
    {"disk", vitals_write_disk},
    {"network", vitals_write_network},
};
enum { STREAMS = sizeof(streams) / sizeof(streams[0]) };

struct vitals {
    const struct vitals_options *options;
    const volatile sig_atomic_t *stop;
    struct rc_client *client; // NULL: printing
    uint64_t refused;         // events
    bool was_full;
    struct vitals_reading readings[2];
};

static void on_answer(void *context, const struct rc_result *result)
{
    struct vitals *vitals = context;
    if (result->code == RC_OK || result->code == RC_NOT_SENT) {
        return;
    }
    // Said once: the reason is hardly another one a second later.
    if (vitals->refused++ == 0) {
        (void)fprintf(stderr, "ringcast: the broker refuses an event: %s (%s)\n", result->message,
                      rc_code_text(result->code));
    }
}

// Returns false when nothing further can be published.
static bool publish(struct vitals *vitals, const char *name, struct slice json)
{
    static const struct rc_attribute attributes[] = {
        {.kind = RC_ATTRIBUTE_SOURCE, .value = "vitals"},
        {.kind = RC_ATTRIBUTE_CONTENT_TYPE, .value = "application/json"},
    };
    char stream[NAME_SIZE];
    (void)snprintf(stream, sizeof(stream), "%s/%s", vitals->options->prefix, name);
    if (vitals->client == NULL) {
        (void)printf("%s " SLICE_FORMAT "\n", stream, SLICE_ARGUMENTS(json));
        return fflush(stdout) == 0;
    }
    const struct rc_event event = {
        .stream = stream,
        .type = "metrics",
        .data = json.at,
        .data_length = json.length,
        .attributes = attributes,
        .attribute_count = sizeof(attributes) / sizeof(attributes[0]),
    };
    int code = rc_publish(vitals->client, &event, on_answer, vitals);
    if (code == RC_AGAIN) {
        if (!vitals->was_full) {
            (void)fprintf(stderr, "ringcast: the broker is not reachable; readings are dropped\n");
        }
        vitals->was_full = true;
        return true;
    }
    vitals->was_full = false;
    if (code == RC_OK || code == RC_NO_CONNECTION) {
        return true;
    }
    (void)fprintf(stderr, "ringcast: cannot publish: %s\n", rc_message(vitals->client));
    return false;
}

static bool publish_all(struct vitals *vitals, const struct vitals_reading *before,
                        const struct vitals_reading *now)
{
    struct buffer json;
    buffer_init(&json, JSON_BYTES_MAX);
    bool good = true;
    for (size_t i = 0; i < STREAMS && good; i++) {
        buffer_clear(&json);
        streams[i].write(&json, before, now);
        good = publish(vitals, streams[i].name, buffer_slice(&json));
    }
    buffer_free(&json);
    return good;
}

static void pause_for(uint64_t milliseconds)
{
    const struct timespec pause = {.tv_nsec = (long)milliseconds * 1000 * 1000};
    (void)nanosleep(&pause, NULL);
}

// Until the time, or until told to stop, taking the answers that come.
static void wait_until(const struct vitals *vitals, uint64_t until_ms)
{
    for (;;) {
        uint64_t now_ms = clock_monotonic_ms();
        if (now_ms >= until_ms || *vitals->stop != 0) {
            return;
        }
        uint64_t left_ms = until_ms - now_ms < WAIT_MS_MAX ? until_ms - now_ms : WAIT_MS_MAX;
        bool is_waiting = vitals->client != NULL && rc_unanswered(vitals->client) > 0;
        if (!is_waiting || rc_poll(vitals->client, (int)left_ms) < 0) {
            pause_for(left_ms);
        }
    }
}

static int run(struct vitals *vitals)
{
    const char *path = NULL;
    uint64_t next_ms = clock_monotonic_ms();
    int error = vitals_read(&vitals->readings[0], &path);
    for (uint64_t i = 1; error == 0; i++) {
        next_ms += vitals->options->interval_ms;
        wait_until(vitals, next_ms);
        if (*vitals->stop != 0) {
            return 0;
        }
        struct vitals_reading *now = &vitals->readings[i % 2];
        error = vitals_read(now, &path);
        if (error == 0 && !publish_all(vitals, &vitals->readings[(i + 1) % 2], now)) {
            return 1;
        }
        if (vitals->options->count != 0 && i == vitals->options->count) {
            return 0;
        }
    }
    (void)fprintf(stderr, "ringcast: cannot read %s: %s\n", path, strerrordesc_np(-error));
    return 1;
}

static int run_connected(struct vitals *vitals, const char *socket)
{
    const struct rc_options options = {.nonblocking = true, .connect_wait_ms = CONNECT_MS_MAX};
    int code = rc_client_open(socket, &options, &vitals->client);
    if (code != RC_OK) {
        (void)fprintf(stderr, "ringcast: cannot reach the broker at %s: %s\n", socket,
                      code == RC_NO_CONNECTION ? strerrordesc_np(errno) : rc_code_text(code));
        return 1;
    }
    (void)fprintf(stderr, "ringcast: publishing to %s/* each %.1f s\n", vitals->options->prefix,
                  (double)vitals->options->interval_ms / 1000);
    int status = run(vitals);
    if (rc_flush(vitals->client, FLUSH_MS_MAX) != RC_OK && status == 0) {
        (void)fprintf(stderr, "ringcast: the last readings were not acknowledged\n");
    }
    rc_close(vitals->client);
    return status != 0 || vitals->refused > 0 ? 1 : 0;
}

int cli_vitals(int argc, char **argv)
{
    struct vitals_options options;
    int exit_status = 0;
    int operands = settings_read(&cli_vitals_table, &options, argc, argv, &exit_status);
    if (operands < 0) {
        return exit_status;
    }
    if (operands > 0 || strlen(options.prefix) > NAME_SIZE / 2) {
        (void)fprintf(stderr, "ringcast: %s\nUsage: %s\n",
                      operands > 0 ? "vitals takes no operands" : "--prefix: too long",
                      cli_vitals_table.usage);
        return 2;
    }
    char found[PATHS_SIZE];
    paths_find_socket(found);
    struct vitals vitals = {.options = &options, .stop = signals_catch_end()};
    return options.is_printing
               ? run(&vitals)
               : run_connected(&vitals, options.socket != NULL ? options.socket : found);
}
