// Reading the values of one line's members: shared by line.c, line_reader.c and line_settings.c
// alone.
//
// Each reader takes the value that is due and returns false after filling the fault.
#ifndef RINGCAST_INGEST_LINE_READER_H
#define RINGCAST_INGEST_LINE_READER_H

#include "base/json.h"
#include "ingest/line.h"

struct line_reader {
    struct json_scanner scanner;
    struct line_request *request;
    struct line_scratch *scratch;
    struct line_fault *fault;
    size_t event_bytes_max;
    uint64_t seen;   // bit n: member n of the table
    const char *key; // the member being read
};

__attribute__((format(printf, 4, 5))) bool line_fail(struct line_reader *reader,
                                                     enum rc_error error, size_t position,
                                                     const char *format, ...);

// The scanner's own fault: broken JSON, or a value of another type than `expected` says.
bool line_fail_json(struct line_reader *reader, const char *expected);

// A value that was read but is not acceptable.
bool line_fail_value(struct line_reader *reader, size_t position, const char *expected);

// Where the value that is due begins.
size_t line_position(struct line_reader *reader);

// Room in the scratch; NULL when it is used up.
uint8_t *line_take(struct line_reader *reader, size_t length);

// The string as it is meant, at most bytes_max long.
bool line_unescape(struct line_reader *reader, struct json_string string, size_t position,
                   size_t bytes_max, struct slice *text);

bool line_read_text(struct line_reader *reader, size_t bytes_max, struct slice *text);
bool line_read_u64(struct line_reader *reader, uint64_t maximum, uint64_t *value);
bool line_read_u32(struct line_reader *reader, uint32_t *value);
bool line_read_switch(struct line_reader *reader, bool *value);

// A number, or text that `parse` understands.
bool line_read_quantity(struct line_reader *reader, bool (*parse)(struct slice, uint64_t *),
                        const char *expected, uint64_t *value);

// Adds to the event's attributes: a value, a string, an array of strings.
bool line_add_attribute(struct line_reader *reader, uint8_t kind, struct slice value,
                        size_t position);
bool line_read_attribute(struct line_reader *reader, uint8_t kind);
bool line_read_attributes(struct line_reader *reader, uint8_t kind);

// The members of "set", each read by its line_setting_KEY (line_settings.c).
#define LINE_SETTINGS(X) \
    X(retention_age)     \
    X(retention_bytes)   \
    X(retention_count)   \
    X(idle_ttl)          \
    X(overflow)          \
    X(strategy)          \
    X(lag_events)        \
    X(lag_bytes)         \
    X(threshold)         \
    X(producer_wait)
#define LINE_SETTING_DECLARED(key) bool line_setting_##key(struct line_reader *reader);
LINE_SETTINGS(LINE_SETTING_DECLARED)
#undef LINE_SETTING_DECLARED

#endif
