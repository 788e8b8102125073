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

enum {
    LOGGER_FIELD_BYTES_MAX = 256,  // of one field's text
    LOGGER_FIELDS_BYTES_MAX = 512, // of all of a line, as they stand there
    LOGGER_MODULE_BYTES_MAX = 32,
    LOGGER_PREFIX_BYTES_MAX = 192, // time, level, module and what was left out
};
STATIC_ASSERT(LOGGER_FIELDS_BYTES_MAX + LOGGER_PREFIX_BYTES_MAX < LOGGER_LINE_BYTES_MAX,
              "there is room for the message");

enum logger_colour { LOGGER_COLOUR_UNKNOWN, LOGGER_COLOUR_OFF, LOGGER_COLOUR_ON };

static _Atomic int logger_level_now = LOGGER_INFO;
static _Atomic int logger_descriptor = STDERR_FILENO;
static _Atomic int logger_colour;
static _Atomic int logger_format_now = LOGGER_TEXT;
static _Atomic bool logger_is_journal;
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

static const char *const logger_level_names[] = {
    [LOGGER_DEBUG] = "debug", [LOGGER_INFO] = "info", [LOGGER_WARN] = "warn",
    [LOGGER_ERROR] = "error", [LOGGER_OFF] = "off",
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
    for (int i = LOGGER_DEBUG; i <= LOGGER_OFF; i++) {
        if (slice_equal_text(text, logger_level_names[i])) {
            *level = (enum logger_level)i;
            return true;
        }
    }
    return false;
}

void logger_set_format(enum logger_format format)
{
    logger_format_now = (int)format;
}

enum logger_format logger_format(void)
{
    return (enum logger_format)atomic_load_explicit(&logger_format_now, memory_order_relaxed);
}

void logger_find_journal(const char *stream)
{
    struct slice inode_text = stream == NULL ? slice_empty() : slice_of(stream);
    struct slice device_text = slice_split(&inode_text, ':');
    uint64_t device = 0;
    uint64_t inode = 0;
    struct stat status;
    logger_is_journal =
        text_parse_u64(device_text, &device) && text_parse_u64(inode_text, &inode) &&
        fstat(logger_descriptor, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

struct slice logger_priority(enum logger_level level)
{
    // syslog's numbers
    static const char *const priorities[] = {[LOGGER_DEBUG] = "<7>",
                                             [LOGGER_INFO] = "<6>",
                                             [LOGGER_WARN] = "<4>",
                                             [LOGGER_ERROR] = "<3>"};
    ASSERT(level >= LOGGER_DEBUG && level < LOGGER_OFF);
    return logger_is_journal ? slice_of(priorities[level]) : slice_empty();
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

static void logger_send_line(struct slice bytes, uint64_t untold)
{
    struct iovec line = {.iov_base = (void *)(uintptr_t)bytes.at, .iov_len = bytes.length};
    if (!logger_send(logger_descriptor, line)) {
        logger_dropped_total++;
        logger_dropped_untold += untold + 1;
    }
}

// What a line says.
struct logger_message {
    enum logger_level level;
    const char *module;
    struct slice text;
    struct logger_fields fields;
    uint64_t lost;     // lines before it
    uint64_t left_out; // lines of this place that were suppressed before it
};

static void logger_put_fields(struct logger_line *line, const struct logger_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct logger_field *field = &fields->all[i];
        if (field->is_number) {
            logger_line_u64(line, field->key, field->number);
        } else if (field->text.length > 0) {
            logger_line_text(line, field->key, field->text, LOGGER_FIELD_BYTES_MAX);
        }
    }
}

// What stands before the text: in `into`, cut to what fits.
static struct slice logger_format_prefix(const struct logger_message *message, char *into,
                                         size_t bytes)
{
    const struct logger_style *style = &logger_styles[message->level];
    bool has_colour = logger_has_colour(logger_descriptor);
    struct buffer prefix;
    buffer_wrap(&prefix, into, bytes);
    if (!logger_is_journal) {
        char time[TEXT_RFC3339_BYTES];
        text_format_rfc3339(clock_realtime_ms(), time);
        buffer_printf(&prefix, "%s %s%s%s ", time, has_colour ? style->colour : "", style->name,
                      has_colour ? "\033[0m" : "");
    }
    buffer_printf(&prefix, "%.*s: ", LOGGER_MODULE_BYTES_MAX, message->module);
    if (message->lost > 0) {
        buffer_printf(&prefix, "[%llu lines lost] ", (unsigned long long)message->lost);
    }
    if (message->left_out > 0) {
        buffer_printf(&prefix, "[%llu like it left out] ", (unsigned long long)message->left_out);
    }
    ASSERT(buffer_failure(&prefix) == 0);
    return buffer_slice(&prefix);
}

static void logger_put_text(struct logger_line *line, const struct logger_message *message)
{
    char prefix[LOGGER_PREFIX_BYTES_MAX];
    logger_line_plain(line, logger_format_prefix(message, prefix, sizeof(prefix)));
    size_t start = line->length;
    logger_line_plain(line, message->text);
    // Text from outside must neither begin a new line nor drive the terminal.
    utf8_make_printable((uint8_t *)line->at + start, line->length - start);
}

static void logger_put_members(struct logger_line *line, const struct logger_message *message)
{
    char time[TEXT_RFC3339_BYTES];
    size_t length = text_format_rfc3339(clock_realtime_ms(), time);
    logger_line_open(line);
    logger_line_text(line, "time", slice_from(time, length), length);
    logger_line_text(line, "level", slice_of(logger_level_names[message->level]), SIZE_MAX);
    logger_line_text(line, "module", slice_of(message->module), LOGGER_MODULE_BYTES_MAX);
    if (message->lost > 0) {
        logger_line_u64(line, "lines_lost", message->lost);
    }
    if (message->left_out > 0) {
        logger_line_u64(line, "left_out", message->left_out);
    }
    logger_line_text(line, "message", message->text, SIZE_MAX);
}

static void logger_send_message(const struct logger_message *message)
{
    char memory[LOGGER_LINE_BYTES_MAX];
    char fields_memory[LOGGER_FIELDS_BYTES_MAX];
    enum logger_format format = logger_format();
    struct logger_line line;
    struct logger_line fields;
    // The fields first: the message is cut to what they leave.
    logger_line_begin(&fields, format, fields_memory, sizeof(fields_memory));
    fields.has_member = true;
    logger_put_fields(&fields, &message->fields);
    logger_line_begin(&line, format, memory, sizeof(memory) - fields.length);
    logger_line_plain(&line, logger_priority(message->level));
    if (format == LOGGER_TEXT) {
        logger_put_text(&line, message);
    } else {
        logger_put_members(&line, message);
    }
    memcpy(memory + line.length, fields_memory, fields.length);
    line.length += fields.length;
    logger_send_line(logger_line_end(&line), message->lost);
}

__attribute__((format(printf, 5, 0))) static void logger_vwrite(
    enum logger_level level, const char *module, struct logger_fields fields, uint64_t left_out,
    const char *format, va_list arguments)
{
    ASSERT(level >= LOGGER_DEBUG && level < LOGGER_OFF);
    int errno_kept = errno;
    char text[LOGGER_LINE_BYTES_MAX];
    int length = vsnprintf(text, sizeof(text), format, arguments);
    size_t kept = length < 0 ? 0 : (size_t)length;
    kept = kept < sizeof(text) ? kept : sizeof(text) - 1;
    const struct logger_message message = {.level = level,
                                           .module = module,
                                           .text = slice_from(text, kept),
                                           .fields = fields,
                                           .lost = atomic_exchange(&logger_dropped_untold, 0),
                                           .left_out = left_out};
    logger_send_message(&message);
    errno = errno_kept;
}

void logger_write(enum logger_level level, const char *module, struct logger_fields fields,
                  const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    logger_vwrite(level, module, fields, 0, format, arguments);
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
                       struct logger_fields fields, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    logger_vwrite(level, module, fields, atomic_exchange(&site->suppressed, 0), format, arguments);
    va_end(arguments);
}
