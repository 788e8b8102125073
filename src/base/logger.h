// Structured lines for people and machines on stderr (not the event log, which is src/log), in one
// of three formats (base/logger_line.h):
//
//     2024-02-29T12:34:56.789Z INFO  log: segment rolled, 12 events segment=7
//     time=2024-02-29T12:34:56.789Z level=info module=log message="segment rolled, 12 events" ...
//     {"time":"2024-02-29T12:34:56.789Z","level":"info","module":"log","message":"segment rol...
//
// What a message is about (a connection, an address, a stream) stands in fields behind it. A line
// is one write, so lines of threads do not mix; control characters in it are replaced or escaped;
// it is cut at LOGGER_LINE_BYTES_MAX, the message before the fields. Where stderr is systemd's
// journal it begins with its priority, as <6>, and text without time and level, which the journal
// has. A reader that does not keep up never blocks us: where the descriptor has no room the line is
// dropped, and the next one that gets through says how many were. Colour only on a terminal (and
// not with NO_COLOR set). Any thread.
#ifndef RINGCAST_BASE_LOGGER_H
#define RINGCAST_BASE_LOGGER_H

#include "base/bytes.h"
#include "base/logger_line.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum logger_level {
    LOGGER_DEBUG,
    LOGGER_INFO,
    LOGGER_WARN,
    LOGGER_ERROR,
    LOGGER_OFF,
};

// LOG_INFO("log", "segment rolled, %u events", count): module, then format and arguments.
#define LOG_DEBUG(module, ...)        LOGGER_AT(LOGGER_DEBUG, module, __VA_ARGS__)
#define LOG_INFO(module, ...)         LOGGER_AT(LOGGER_INFO, module, __VA_ARGS__)
#define LOG_WARN(module, ...)         LOGGER_AT(LOGGER_WARN, module, __VA_ARGS__)
#define LOG_ERROR(module, ...)        LOGGER_AT(LOGGER_ERROR, module, __VA_ARGS__)

#define LOGGER_AT(level, module, ...) LOGGER_AT_WITH(level, module, LOGGER_NO_FIELDS, __VA_ARGS__)
#define LOGGER_AT_WITH(level, module, fields, ...)            \
    do {                                                      \
        if (logger_is_enabled(level)) {                       \
            logger_write(level, module, fields, __VA_ARGS__); \
        }                                                     \
    } while (0)

// With fields: LOG_WARN_WITH("ingest", LOGGER_FIELDS(logger_text("stream", name),
// logger_number("id", id)), "an event was lost").
#define LOG_DEBUG_WITH(module, fields, ...) \
    LOGGER_AT_WITH(LOGGER_DEBUG, module, fields, __VA_ARGS__)
#define LOG_INFO_WITH(module, fields, ...) LOGGER_AT_WITH(LOGGER_INFO, module, fields, __VA_ARGS__)
#define LOG_WARN_WITH(module, fields, ...) LOGGER_AT_WITH(LOGGER_WARN, module, fields, __VA_ARGS__)
#define LOG_ERROR_WITH(module, fields, ...) \
    LOGGER_AT_WITH(LOGGER_ERROR, module, fields, __VA_ARGS__)

#define LOGGER_FIELDS(...)                                                                \
    ((struct logger_fields){.all = (const struct logger_field[]){__VA_ARGS__},            \
                            .count = sizeof((const struct logger_field[]){__VA_ARGS__}) / \
                                     sizeof(struct logger_field)})
#define LOGGER_NO_FIELDS ((struct logger_fields){NULL, 0})

// As LOG_*, but at most one line per interval from this place in the code; the next line then
// tells how many were left out: LOGGER_EVERY(1000, LOGGER_WARN, "conn", "reset by %s", peer).
#define LOGGER_EVERY(interval_ms, level, module, ...) \
    LOGGER_EVERY_WITH(interval_ms, level, module, LOGGER_NO_FIELDS, __VA_ARGS__)
#define LOGGER_EVERY_WITH(interval_ms, level, module, fields, ...)                          \
    do {                                                                                    \
        static struct logger_site logger_site_here;                                         \
        if (logger_is_enabled(level) && logger_site_take(&logger_site_here, interval_ms)) { \
            logger_write_site(&logger_site_here, level, module, fields, __VA_ARGS__);       \
        }                                                                                   \
    } while (0)

// A field of a line; an empty text is left out. Borrowed for the call.
struct logger_field {
    const char *key;
    bool is_number;
    uint64_t number;
    struct slice text;
};

struct logger_fields {
    const struct logger_field *all;
    size_t count;
};

static inline struct logger_field logger_text(const char *key, struct slice text)
{
    return (struct logger_field){.key = key, .text = text};
}

static inline struct logger_field logger_number(const char *key, uint64_t number)
{
    return (struct logger_field){.key = key, .is_number = true, .number = number};
}

// The state of one rate-limited place. Zeroed memory is its start.
struct logger_site {
    _Atomic uint64_t next_ms; // monotonic
    _Atomic uint32_t suppressed;
};

// LOGGER_INFO at start.
void logger_set_level(enum logger_level level);
bool logger_is_enabled(enum logger_level level);

// "debug", "info", "warn", "error" or "off". False for anything else.
bool logger_level_from_text(struct slice text, enum logger_level *level);

// LOGGER_TEXT at start. Holds from the next line on.
void logger_set_format(enum logger_format format);
enum logger_format logger_format(void);

// Whether the descriptor is systemd's journal: `stream` is its JOURNAL_STREAM, as DEVICE:INODE;
// NULL where that is not set.
void logger_find_journal(const char *stream);

// What a line of this level that goes where ours go begins with: "<6>" or nothing.
struct slice logger_priority(enum logger_level level);

// Where lines go: stderr (2) at start. Borrowed, not closed. Decides anew about colour.
void logger_set_descriptor(int descriptor);

// Lines lost since start because the descriptor had no room.
uint64_t logger_dropped(void);

void logger_write(enum logger_level level, const char *module, struct logger_fields fields,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

// For LOGGER_EVERY.
bool logger_site_take(struct logger_site *site, uint64_t interval_ms);
void logger_write_site(struct logger_site *site, enum logger_level level, const char *module,
                       struct logger_fields fields, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
