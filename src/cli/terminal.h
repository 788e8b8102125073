// What the commands write for people: colour only on a terminal, text from outside made harmless,
// numbers made short, a line of progress that overwrites itself. One thread.
#ifndef RINGCAST_CLI_TERMINAL_H
#define RINGCAST_CLI_TERMINAL_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum terminal_style {
    STYLE_NONE,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_RED,
    STYLE_GREEN,
    STYLE_YELLOW,
    STYLE_CYAN,
};

// Whether colour makes sense there: a terminal, TERM is not "dumb", NO_COLOR is not set.
bool terminal_has_colour(FILE *out);

// Writes `text` between the style's escape sequences, or bare where colour is off.
void terminal_write_styled(FILE *out, bool colour, enum terminal_style style, struct slice text);

// Writes text that came from elsewhere: control characters but TAB (escape sequences could do harm)
// and what is no UTF-8 appear as \x1b.
void terminal_write_text(FILE *out, struct slice text);

// "1.5 KiB", "12.0 MiB"; whole below 1 KiB.
enum { TERMINAL_NUMBER_SIZE = 32 };
void terminal_format_bytes(uint64_t bytes, char text[TERMINAL_NUMBER_SIZE]);
// "950 ms", "12 s", "3 min", "5 h", "2 d".
void terminal_format_age(uint64_t milliseconds, char text[TERMINAL_NUMBER_SIZE]);

// A line on stderr that is written anew, at most every 200 ms; nothing at all where stderr is no
// terminal.
struct terminal_progress {
    bool is_terminal;
    bool is_shown;
    uint64_t next_ms; // monotonic
};
void terminal_progress_begin(struct terminal_progress *progress);
void terminal_progress_show(struct terminal_progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// Clears the line, so that other output may follow.
void terminal_progress_end(struct terminal_progress *progress);

#endif
