// A line of members (key and value) in one of the logger's formats, put together in memory of the
// caller's. What does not fit is cut: a text within, a member as a whole, so that the line is
// always well-formed. Texts may be any bytes: control characters and quotes are escaped, what is no
// UTF-8 becomes U+FFFD.
//
//     text, logfmt   key=value key="a \"value\" with\tspaces"
//     json           {"key":"value","count":3}
//
// Any thread; a line has one user.
#ifndef RINGCAST_BASE_LOGGER_LINE_H
#define RINGCAST_BASE_LOGGER_LINE_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum logger_format {
    LOGGER_TEXT, // for people: time and message stand without keys
    LOGGER_LOGFMT,
    LOGGER_JSON,
};

struct logger_line {
    char *at;
    size_t length;
    size_t bytes_max; // without what ends it
    enum logger_format format;
    bool has_member; // the next one is separated from it
};

enum { LOGGER_LINE_END_BYTES = 2 }; // `}` and the line's end

// An empty line in `bytes` bytes of memory, at least LOGGER_LINE_END_BYTES.
void logger_line_begin(struct logger_line *line, enum logger_format format, char *memory,
                       size_t bytes);

// Text as it stands: what comes before the first member, and before JSON's brace.
void logger_line_plain(struct logger_line *line, struct slice text);

// JSON's opening brace; nothing in other formats.
void logger_line_open(struct logger_line *line);

// Members. The key is plain ASCII. A text takes at most bytes_max bytes of the line, quotes aside.
void logger_line_text(struct logger_line *line, const char *key, struct slice text,
                      size_t bytes_max);
void logger_line_u64(struct logger_line *line, const char *key, uint64_t value);
// With three digits behind the point.
void logger_line_thousandths(struct logger_line *line, const char *key, uint64_t thousandths);

// Ends it, with a line feed. What was put together, in the caller's memory.
struct slice logger_line_end(struct logger_line *line);

#endif
