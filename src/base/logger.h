// Structured lines for people and machines on stderr (not the event log, which is src/log):
//
//     2024-02-29T12:34:56.789Z INFO  log: segment rolled, 12 events
//
// A line is one write, so lines of threads do not mix; control characters in it are replaced; it is
// cut at LOGGER_LINE_BYTES_MAX. A reader that does not keep up never blocks us: where the
// descriptor has no room the line is dropped, and the next one that gets through says how many
// were. Colour only on a terminal (and not with NO_COLOR set). Any thread.
#ifndef RINGCAST_BASE_LOGGER_H
#define RINGCAST_BASE_LOGGER_H

#include "base/bytes.h"

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
#define LOG_DEBUG(module, ...) LOGGER_AT(LOGGER_DEBUG, module, __VA_ARGS__)
#define LOG_INFO(module, ...)  LOGGER_AT(LOGGER_INFO, module, __VA_ARGS__)
#define LOG_WARN(module, ...)  LOGGER_AT(LOGGER_WARN, module, __VA_ARGS__)
#define LOG_ERROR(module, ...) LOGGER_AT(LOGGER_ERROR, module, __VA_ARGS__)

#define LOGGER_AT(level, module, ...)                 \
    do {                                              \
        if (logger_is_enabled(level)) {               \
            logger_write(level, module, __VA_ARGS__); \
        }                                             \
    } while (0)

// As LOG_*, but at most one line per interval from this place in the code; the next line then
// tells how many were left out: LOGGER_EVERY(1000, LOGGER_WARN, "conn", "reset by %s", peer).
#define LOGGER_EVERY(interval_ms, level, module, ...)                                       \
    do {                                                                                    \
        static struct logger_site logger_site_here;                                         \
        if (logger_is_enabled(level) && logger_site_take(&logger_site_here, interval_ms)) { \
            logger_write_site(&logger_site_here, level, module, __VA_ARGS__);               \
        }                                                                                   \
    } while (0)

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

// Where lines go: stderr (2) at start. Borrowed, not closed. Decides anew about colour.
void logger_set_descriptor(int descriptor);

// Lines lost since start because the descriptor had no room.
uint64_t logger_dropped(void);

void logger_write(enum logger_level level, const char *module, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// For LOGGER_EVERY.
bool logger_site_take(struct logger_site *site, uint64_t interval_ms);
void logger_write_site(struct logger_site *site, enum logger_level level, const char *module,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
