// The broker's answers (ingest/report.c, worker/admin.c) as tables.
#include "cli/json_value.h"
#include "cli/status.h"
#include "cli/table.h"
#include "cli/terminal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { STRING_BYTES_MAX = 4096, LINE_BYTES_MAX = 512, SHARE_TEXT_SIZE = 96 };

// --- the summary ---

// A line of the summary: what it is about, then text.
__attribute__((format(printf, 4, 5))) static void print_line(FILE *out, bool colour,
                                                             const char *name, const char *format,
                                                             ...)
{
    char text[LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    terminal_write_styled(out, colour, STYLE_BOLD, slice_of(name));
    (void)fprintf(out, "%*s", 13 - (int)strlen(name), "");
    terminal_write_text(out, slice_of(length >= 0 ? text : ""));
    (void)fputc('\n', out);
}

static unsigned long long number(struct slice object, const char *key)
{
    return json_value_number(object, key);
}

static void print_log(struct slice log, FILE *out, bool colour)
{
    struct buffer scratch;
    struct slice writable = slice_empty();
    char kept[TERMINAL_NUMBER_SIZE];
    char appended[TERMINAL_NUMBER_SIZE];
    char unsynced[TERMINAL_NUMBER_SIZE];
    buffer_init(&scratch, STRING_BYTES_MAX);
    terminal_format_bytes(number(log, "bytes_kept"), kept);
    terminal_format_bytes(number(log, "bytes_appended"), appended);
    terminal_format_bytes(number(log, "unsynced_bytes"), unsynced);
    struct slice fault = json_value_string(log, "fault", &scratch);
    bool is_writable =
        json_value_member(log, "writable", &writable) && slice_equal_text(writable, "true");
    print_line(out, colour, "log", "%s%s" SLICE_FORMAT, is_writable ? "writable" : "NOT WRITABLE",
               fault.length > 0 ? ": " : "", SLICE_ARGUMENTS(fault));
    print_line(out, colour, "", "%llu streams, %s in %llu segments, ids %llu to %llu",
               number(log, "streams"), kept, number(log, "segments"), number(log, "first_id"),
               number(log, "last_id"));
    print_line(out, colour, "", "since start %llu events (%s) in %llu blocks, %llu syncs",
               number(log, "events_appended"), appended, number(log, "blocks_written"),
               number(log, "syncs"));
    print_line(out, colour, "", "%s not yet synced, %llu repeats recognised, %llu faults", unsynced,
               number(log, "duplicates"),
               number(log, "sync_failures") + number(log, "write_failures"));
    buffer_free(&scratch);
}

static void print_ingest(struct slice ingest, FILE *out, bool colour)
{
    char bytes[TERMINAL_NUMBER_SIZE];
    terminal_format_bytes(number(ingest, "bytes"), bytes);
    print_line(out, colour, "producers", "%llu connected, %llu since start, %llu turned away",
               number(ingest, "producers"), number(ingest, "connections"),
               number(ingest, "refused"));
    print_line(out, colour, "", "%llu events in %llu requests (%s), %llu refused, %llu waits",
               number(ingest, "events"), number(ingest, "requests"), bytes,
               number(ingest, "errors"), number(ingest, "waits"));
    print_line(out, colour, "",
               "%llu streams press on them, %llu events held, %llu refused for that",
               number(ingest, "pressed_streams"), number(ingest, "held_events"),
               number(ingest, "hold_refusals"));
    print_line(out, colour, "", "buffer %.1f %% full",
               (double)number(ingest, "full_permille") / 10);
}

static void print_gateway(struct slice gateway, FILE *out, bool colour)
{
    print_line(out, colour, "over HTTP",
               "%llu events in %llu requests, %llu refused, %llu told to come again, %llu waits",
               number(gateway, "events"), number(gateway, "requests"), number(gateway, "errors"),
               number(gateway, "refused"), number(gateway, "waits"));
}

// "1.2 GiB of 2.0 GiB (60 %)"; "not known" without a limit.
static void format_share(uint64_t used, uint64_t limit, char text[SHARE_TEXT_SIZE])
{
    char used_text[TERMINAL_NUMBER_SIZE];
    char limit_text[TERMINAL_NUMBER_SIZE];
    terminal_format_bytes(used, used_text);
    terminal_format_bytes(limit, limit_text);
    if (limit == 0) {
        (void)snprintf(text, SHARE_TEXT_SIZE, "not known");
    } else {
        (void)snprintf(text, SHARE_TEXT_SIZE, "%s of %s (%.0f %%)", used_text, limit_text,
                       (double)used * 100 / (double)limit);
    }
}

static void print_memory(struct slice memory, FILE *out, bool colour)
{
    struct buffer scratch;
    char used[SHARE_TEXT_SIZE];
    char tcp[SHARE_TEXT_SIZE];
    buffer_init(&scratch, STRING_BYTES_MAX);
    struct slice pressure = json_value_string(memory, "pressure", &scratch);
    format_share(number(memory, "used_bytes"), number(memory, "limit_bytes"), used);
    format_share(number(memory, "tcp_used_bytes"), number(memory, "tcp_limit_bytes"), tcp);
    print_line(out, colour, "memory", "%s, TCP of the machine %s", used, tcp);
    print_line(out, colour, "", "pressure: " SLICE_FORMAT " (stage %llu), %llu changes",
               SLICE_ARGUMENTS(pressure), number(memory, "stage"), number(memory, "changes"));
    buffer_free(&scratch);
}

static const char *const worker_keys[] = {
    "connections", "streaming",  "connecting",  "throttled", "streams",
    "events_sent", "bytes_sent", "short_sends", "gaps_told", "resumed",
};
enum { WORKER_KEYS = sizeof(worker_keys) / sizeof(worker_keys[0]), BYTES_SENT = 6 };

struct worker_sums {
    struct table table;
    uint64_t sums[WORKER_KEYS];
    uint64_t count;
};

static void add_numbers(struct table *rows, const uint64_t *numbers)
{
    char bytes[TERMINAL_NUMBER_SIZE];
    for (size_t i = 0; i < WORKER_KEYS; i++) {
        if (i == BYTES_SENT) {
            terminal_format_bytes(numbers[i], bytes);
            table_add_text(rows, bytes);
        } else {
            table_add_number(rows, numbers[i]);
        }
    }
}

static void add_worker(void *context, struct slice worker)
{
    struct worker_sums *sums = context;
    uint64_t numbers[WORKER_KEYS];
    for (size_t i = 0; i < WORKER_KEYS; i++) {
        numbers[i] = json_value_number(worker, worker_keys[i]);
        sums->sums[i] += numbers[i];
    }
    table_add_number(&sums->table, sums->count++);
    add_numbers(&sums->table, numbers);
}

static int print_workers(struct slice workers, FILE *out, bool colour)
{
    static const char *const headings[] = {
        "WORKER",  ">CONNECTIONS", ">STREAMING", ">CONNECTING", ">THROTTLED", ">STREAMS",
        ">EVENTS", ">BYTES",       ">SHORT",     ">GAPS",       ">RESUMED"};
    struct worker_sums sums = {.count = 0};
    table_init(&sums.table, headings, WORKER_KEYS + 1);
    (void)json_value_each(workers, add_worker, &sums);
    if (sums.count > 1) {
        table_add_text(&sums.table, "all");
        add_numbers(&sums.table, sums.sums);
    }
    (void)fputc('\n', out);
    int error = table_print(&sums.table, out, colour);
    table_free(&sums.table);
    return error;
}

// Counters of workers that are told of where there is something to tell.
struct tally {
    const char *key;
    const char *name;
};

enum { TALLIES_MAX = 6 };

// What subscribers did not get, and why.
static const struct tally losses[TALLIES_MAX] = {
    {"dropped_oldest", "drop_oldest"}, {"dropped_newest", "drop_newest"},
    {"dropped_lowest", "drop_lowest"}, {"dropped_shed", "for want of memory"},
    {"lag_closes", "disconnected"},    {"stall_closes", "closed as stalled"},
};

// Who was turned away: a request with an error, whatever it asked for, a connection without one.
static const struct tally refusals[TALLIES_MAX] = {
    {"request_errors", "requests"},
    {"refused", "connections"},
    {"expiry_closes", "closed as their token expired"},
};

struct tally_sums {
    const struct tally *tallies;
    uint64_t sums[TALLIES_MAX];
};

static void add_tallies(void *context, struct slice worker)
{
    struct tally_sums *sums = context;
    for (size_t i = 0; i < TALLIES_MAX && sums->tallies[i].key != NULL; i++) {
        sums->sums[i] += json_value_number(worker, sums->tallies[i].key);
    }
}

static void print_tallies(const char *label, const struct tally tallies[TALLIES_MAX],
                          struct slice workers, FILE *out, bool colour)
{
    struct tally_sums sums = {.tallies = tallies};
    char text[LINE_BYTES_MAX] = "";
    int length = 0;
    (void)json_value_each(workers, add_tallies, &sums);
    for (size_t i = 0; i < TALLIES_MAX; i++) {
        if (sums.sums[i] > 0) {
            length +=
                snprintf(text + length, sizeof(text) - (size_t)length, "%s%s %llu",
                         length > 0 ? ", " : "", tallies[i].name, (unsigned long long)sums.sums[i]);
        }
    }
    if (length > 0) {
        print_line(out, colour, label, "%s", text);
    }
}

int status_print_summary(struct slice answer, FILE *out, bool colour)
{
    struct slice part;
    struct buffer scratch;
    buffer_init(&scratch, STRING_BYTES_MAX);
    struct slice version = json_value_string(answer, "version", &scratch);
    print_line(out, colour, "ringcast", SLICE_FORMAT, SLICE_ARGUMENTS(version));
    buffer_free(&scratch);
    if (json_value_member(answer, "log", &part)) {
        print_log(part, out, colour);
    }
    if (json_value_member(answer, "ingest", &part)) {
        print_ingest(part, out, colour);
    }
    if (json_value_member(answer, "gateway", &part)) {
        print_gateway(part, out, colour);
    }
    if (json_value_member(answer, "memory", &part)) {
        print_memory(part, out, colour);
    }
    if (!json_value_member(answer, "workers", &part)) {
        return 0;
    }
    print_tallies("refused", refusals, part, out, colour);
    print_tallies("too slow", losses, part, out, colour);
    return print_workers(part, out, colour);
}

// --- lists ---

struct listing {
    struct table table;
    struct buffer scratch; // of one row
    uint64_t now_ms;
};

static void add_string(struct listing *listing, struct slice object, const char *key)
{
    buffer_clear(&listing->scratch);
    table_add(&listing->table, json_value_string(object, key, &listing->scratch));
}

// How long ago a Unix time was; "-" for none.
static void add_age(struct listing *listing, struct slice object, const char *key)
{
    char text[TERMINAL_NUMBER_SIZE] = "-";
    uint64_t time_ms = json_value_number(object, key);
    if (time_ms != 0) {
        terminal_format_age(listing->now_ms > time_ms ? listing->now_ms - time_ms : 0, text);
    }
    table_add_text(&listing->table, text);
}

static void append_name(void *context, struct slice name)
{
    struct listing *listing = context;
    // A string's text with its quotes: names are shown as JSON has them, blanks and commas told
    // apart.
    if (buffer_length(&listing->scratch) > 0) {
        (void)buffer_append_byte(&listing->scratch, ' ');
    }
    bool is_string = name.length >= 2 && name.at[0] == '"';
    (void)buffer_append_slice(
        &listing->scratch, is_string ? slice_first(slice_after(name, 1), name.length - 2) : name);
}

static void add_connection(void *context, struct slice connection)
{
    struct listing *listing = context;
    struct slice streams = slice_empty();
    add_string(listing, connection, "id");
    add_string(listing, connection, "state");
    add_string(listing, connection, "address");
    add_age(listing, connection, "connected_at");
    add_age(listing, connection, "last_activity_at");
    table_add_number(&listing->table, json_value_number(connection, "last_id"));
    buffer_clear(&listing->scratch);
    if (json_value_member(connection, "streams", &streams)) {
        (void)json_value_each(streams, append_name, listing);
    }
    table_add(&listing->table, buffer_slice(&listing->scratch));
    add_string(listing, connection, "user_agent");
}

// Said of those alone that take no more events.
static void add_state(struct listing *listing, struct slice stream)
{
    struct slice state;
    if (json_value_member(stream, "state", &state)) {
        add_string(listing, stream, "state");
    } else {
        table_add_text(&listing->table, "open");
    }
}

static void add_stream(void *context, struct slice stream)
{
    struct listing *listing = context;
    uint64_t last = json_value_number(stream, "last_sequence");
    uint64_t discarded = json_value_number(stream, "discarded_sequence");
    table_add_number(&listing->table, last > discarded ? last - discarded : 0);
    table_add_number(&listing->table, last);
    table_add_number(&listing->table, json_value_number(stream, "last_id"));
    add_age(listing, stream, "last_time_ms");
    table_add_text(&listing->table, json_value_number(stream, "workers") > 0 ? "yes" : "no");
    add_state(listing, stream);
    add_string(listing, stream, "name");
}

static int print_list(struct slice answer, const char *key, const char *const *headings,
                      unsigned columns, void (*add)(void *, struct slice), uint64_t now_ms,
                      FILE *out, bool colour)
{
    struct listing listing = {.now_ms = now_ms};
    struct slice list = slice_empty();
    buffer_init(&listing.scratch, 1 << 20);
    table_init(&listing.table, headings, columns);
    size_t count = json_value_member(answer, key, &list) ? json_value_each(list, add, &listing) : 0;
    int error = count > 0 ? table_print(&listing.table, out, colour) : 0;
    if (count == 0) {
        (void)fprintf(out, "no %s\n", key);
    }
    table_free(&listing.table);
    buffer_free(&listing.scratch);
    return error;
}

int status_print_connections(struct slice answer, uint64_t now_ms, FILE *out, bool colour)
{
    static const char *const headings[] = {"ID",     "STATE",    "ADDRESS", ">SINCE",
                                           ">QUIET", ">LAST ID", "STREAMS", "USER AGENT"};
    return print_list(answer, "connections", headings, 8, add_connection, now_ms, out, colour);
}

int status_print_streams(struct slice answer, uint64_t now_ms, FILE *out, bool colour)
{
    static const char *const headings[] = {">EVENTS",    ">SEQUENCE", ">LAST ID", ">IDLE",
                                           "SUBSCRIBED", "STATE",     "STREAM"};
    int error = print_list(answer, "streams", headings, 7, add_stream, now_ms, out, colour);
    struct slice next;
    if (error == 0 && json_value_member(answer, "next", &next)) {
        (void)fprintf(out, "There are more: --after " SLICE_FORMAT "\n", SLICE_ARGUMENTS(next));
    }
    return error;
}
