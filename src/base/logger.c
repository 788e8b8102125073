#include "base/logger.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/utf8.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum logger_colour { LOGGER_COLOUR_UNKNOWN, LOGGER_COLOUR_OFF, LOGGER_COLOUR_ON };

static _Atomic int logger_level_now = LOGGER_INFO;
static _Atomic int logger_descriptor = STDERR_FILENO;
static _Atomic int logger_colour;
static _Atomic uint64_t logger_dropped_total;
static _Atomic uint64_t logger_dropped_untold;

struct logger_style {
    const char *name; // padded, so that messages line up
    const char *colour;
};

static const struct logger_style logger_styles[] = {
    [LOGGER_DEBUG] = {"DEBUG", "\033[2m"},
    [LOGGER_INFO] = {"INFO ", "\033[32m"},
    [LOGGER_WARN] = {"WARN ", "\033[33m"},
    [LOGGER_ERROR] = {"ERROR", "\033[31m"},
};

void logger_set_level(enum logger_level level)
{
    logger_level_now = (int)level;
}

bool logger_is_enabled(enum logger_level level)
{
    return (int)level >= atomic_load_explicit(&logger_level_now, memory_order_relaxed);
}

bool logger_level_from_text(struct slice text, enum logger_level *level)
{
    static const char *const names[] = {
        [LOGGER_DEBUG] = "debug", [LOGGER_INFO] = "info", [LOGGER_WARN] = "warn",
        [LOGGER_ERROR] = "error", [LOGGER_OFF] = "off",
    };
    for (int i = LOGGER_DEBUG; i <= LOGGER_OFF; i++) {
        if (slice_equal_text(text, names[i])) {
            *level = (enum logger_level)i;
            return true;
        }
    }
    return false;
}

void logger_set_descriptor(int descriptor)
{
    logger_descriptor = descriptor;
    logger_colour = LOGGER_COLOUR_UNKNOWN;
}

uint64_t logger_dropped(void)
{
    return logger_dropped_total;
}

static bool logger_has_colour(int descriptor)
{
    if (logger_colour == LOGGER_COLOUR_UNKNOWN) {
        const char *no_colour = getenv("NO_COLOR");
        bool is_wanted = no_colour == NULL || no_colour[0] == '\0';
        logger_colour = is_wanted && isatty(descriptor) == 1 ? LOGGER_COLOUR_ON : LOGGER_COLOUR_OFF;
    }
    return logger_colour == LOGGER_COLOUR_ON;
}

// A plain write, if the descriptor says that it has room. Another process that shares it may take
// that room in between: then we wait for its reader, once.
static bool logger_send_if_ready(int descriptor, struct iovec line)
{
    struct pollfd ready = {.fd = descriptor, .events = POLLOUT};
    return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0 &&
           write(descriptor, line.iov_base, line.iov_len) == (ssize_t)line.iov_len;
}

// One line out without waiting. The descriptor is shared with whoever started us, so it must not
// be made non-blocking; each kind has its own way to say so for one write.
static bool logger_send(int descriptor, struct iovec line)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0) {
        return false;
    }
    ssize_t written = -1;
    if (S_ISSOCK(status.st_mode)) { // journald
        written = send(descriptor, line.iov_base, line.iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (S_ISREG(status.st_mode)) {
        written = write(descriptor, line.iov_base, line.iov_len);
    } else {
        written = S_ISFIFO(status.st_mode) ? pwritev2(descriptor, &line, 1, -1, RWF_NOWAIT) : -1;
        if (written < 0 && !(S_ISFIFO(status.st_mode) && errno == EAGAIN)) {
            return logger_send_if_ready(descriptor, line); // a terminal, or no RWF_NOWAIT here
        }
    }
    return written == (ssize_t)line.iov_len;
}

// Where a line is put together; what does not fit is cut off. One byte stays free for the end.
struct logger_line {
    char text[LOGGER_LINE_BYTES_MAX];
    size_t length;
};

#define LOGGER_TEXT_BYTES_MAX (LOGGER_LINE_BYTES_MAX - 1)

__attribute__((format(printf, 2, 0))) static void logger_line_vprintf(struct logger_line *line,
                                                                      const char *format,
                                                                      va_list arguments)
{
    size_t room = sizeof(line->text) - line->length;
    int length = vsnprintf(line->text + line->length, room, format, arguments);
    if (length > 0) {
        size_t added = (size_t)length < room ? (size_t)length : room - 1;
        line->length += added;
    }
}

__attribute__((format(printf, 2, 3))) static void logger_line_printf(struct logger_line *line,
                                                                     const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    logger_line_vprintf(line, format, arguments);
    va_end(arguments);
}

static void logger_line_send(struct logger_line *line, uint64_t untold)
{
    ASSERT(line->length <= LOGGER_TEXT_BYTES_MAX);
    line->text[line->length++] = '\n';
    struct iovec bytes = {.iov_base = line->text, .iov_len = line->length};
    if (!logger_send(logger_descriptor, bytes)) {
        logger_dropped_total++;
        logger_dropped_untold += untold + 1;
    }
}

// left_out: how many lines of this place were suppressed before this one.
__attribute__((format(printf, 4, 0))) static void logger_vwrite(enum logger_level level,
                                                                const char *module,
                                                                uint64_t left_out,
                                                                const char *format,
                                                                va_list arguments)
{
    ASSERT(level >= LOGGER_DEBUG && level < LOGGER_OFF);
    int errno_kept = errno;
    const struct logger_style *style = &logger_styles[level];
    bool has_colour = logger_has_colour(logger_descriptor);
    char time[TEXT_RFC3339_BYTES];
    text_format_rfc3339(clock_realtime_ms(), time);
    struct logger_line line = {.length = 0};
    logger_line_printf(&line, "%s %s%s%s %s: ", time, has_colour ? style->colour : "", style->name,
                       has_colour ? "\033[0m" : "", module);
    uint64_t untold = atomic_exchange(&logger_dropped_untold, 0);
    if (untold > 0) {
        logger_line_printf(&line, "[%llu lines lost] ", (unsigned long long)untold);
    }
    if (left_out > 0) {
        logger_line_printf(&line, "[%llu like it left out] ", (unsigned long long)left_out);
    }
    size_t message_start = line.length;
    logger_line_vprintf(&line, format, arguments);
    // Text from outside must neither begin a new line nor drive the terminal.
    utf8_make_printable((uint8_t *)line.text + message_start, line.length - message_start);
    logger_line_send(&line, untold);
    errno = errno_kept;
}

void logger_write(enum logger_level level, const char *module, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    logger_vwrite(level, module, 0, format, arguments);
    va_end(arguments);
}

bool logger_site_take(struct logger_site *site, uint64_t interval_ms)
{
    uint64_t now = clock_monotonic_ms();
    uint64_t next = atomic_load_explicit(&site->next_ms, memory_order_relaxed);
    // Of several threads that come at once, the one that moves the time on writes.
    if (now >= next && atomic_compare_exchange_strong(&site->next_ms, &next, now + interval_ms)) {
        return true;
    }
    atomic_fetch_add_explicit(&site->suppressed, 1, memory_order_relaxed);
    return false;
}

void logger_write_site(struct logger_site *site, enum logger_level level, const char *module,
                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    logger_vwrite(level, module, atomic_exchange(&site->suppressed, 0), format, arguments);
    va_end(arguments);
}
