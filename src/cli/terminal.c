#include "cli/terminal.h"

#include "app/paths.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

enum { PROGRESS_INTERVAL_MS = 200 };

static const char *const sequences[] = {
    [STYLE_NONE] = "",         [STYLE_BOLD] = "\x1b[1m",   [STYLE_DIM] = "\x1b[2m",
    [STYLE_RED] = "\x1b[31m",  [STYLE_GREEN] = "\x1b[32m", [STYLE_YELLOW] = "\x1b[33m",
    [STYLE_CYAN] = "\x1b[36m",
};

bool terminal_has_colour(FILE *out)
{
    const char *no_colour = paths_variable("NO_COLOR");
    const char *kind = paths_variable("TERM");
    bool is_refused = no_colour != NULL && no_colour[0] != 0;
    bool is_capable = kind != NULL && kind[0] != 0 && strcmp(kind, "dumb") != 0;
    return !is_refused && is_capable && isatty(fileno(out)) == 1;
}

void terminal_write_styled(FILE *out, bool colour, enum terminal_style style, struct slice text)
{
    bool styled = colour && style != STYLE_NONE && text.length > 0;
    (void)fputs(styled ? sequences[style] : "", out);
    terminal_write_text(out, text);
    (void)fputs(styled ? "\x1b[0m" : "", out);
}

// How many bytes of text may go out as they are: 0 where the first is to be written as \x...
static size_t harmless_length(struct slice text)
{
    size_t length = utf8_character_length(text);
    if (length == 0 || (utf8_has_control(slice_first(text, length)) && text.at[0] != '\t')) {
        return 0;
    }
    return length;
}

void terminal_write_text(FILE *out, struct slice text)
{
    while (text.length > 0) {
        size_t length = 0;
        while (length < text.length) {
            size_t more = harmless_length(slice_after(text, length));
            if (more == 0) {
                break;
            }
            length += more;
        }
        (void)fwrite(text.at, 1, length, out);
        text = slice_after(text, length);
        if (text.length > 0) {
            (void)fprintf(out, "\\x%02x", text.at[0]);
            text = slice_after(text, 1);
        }
    }
}

void terminal_format_bytes(uint64_t bytes, char text[TERMINAL_NUMBER_SIZE])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        (void)snprintf(text, TERMINAL_NUMBER_SIZE, "%llu B", (unsigned long long)bytes);
        return;
    }
    double value = (double)bytes / 1024;
    size_t unit = 0;
    // 1023.95 would be printed as 1024.0.
    while (value >= 1023.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(text, TERMINAL_NUMBER_SIZE, "%.1f %s", value, units[unit]);
}

void terminal_format_age(uint64_t milliseconds, char text[TERMINAL_NUMBER_SIZE])
{
    static const struct {
        uint64_t below_ms;
        uint64_t unit_ms;
        const char *name;
    } steps[] = {
        {1000, 1, "ms"},
        {120 * 1000, 1000, "s"},
        {120 * 60 * 1000, 60 * 1000, "min"},
        {48 * 3600 * 1000, 3600 * 1000, "h"},
        {UINT64_MAX, 86400 * 1000, "d"},
    };
    size_t step = 0;
    while (step + 1 < sizeof(steps) / sizeof(steps[0]) && milliseconds >= steps[step].below_ms) {
        step++;
    }
    (void)snprintf(text, TERMINAL_NUMBER_SIZE, "%llu %s",
                   (unsigned long long)(milliseconds / steps[step].unit_ms), steps[step].name);
}

void terminal_progress_begin(struct terminal_progress *progress)
{
    *progress = (struct terminal_progress){.is_terminal = isatty(STDERR_FILENO) == 1};
}

void terminal_progress_show(struct terminal_progress *progress, const char *format, ...)
{
    if (!progress->is_terminal || clock_monotonic_ms() < progress->next_ms) {
        return;
    }
    progress->next_ms = clock_monotonic_ms() + PROGRESS_INTERVAL_MS;
    progress->is_shown = true;
    (void)fputs("\r\x1b[K", stderr);
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fflush(stderr);
}

void terminal_progress_end(struct terminal_progress *progress)
{
    if (progress->is_shown) {
        (void)fputs("\r\x1b[K", stderr);
        (void)fflush(stderr);
        progress->is_shown = false;
    }
}
