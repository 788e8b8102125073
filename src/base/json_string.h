// Strings of JSON (RFC 8259 section 7): checking them where they stand, and unescaping. base/json.h
// is the scanner around it. Any thread.
#ifndef RINGCAST_BASE_JSON_STRING_H
#define RINGCAST_BASE_JSON_STRING_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What may be wrong with a JSON text.
enum json_fault {
    JSON_OK = 0,
    JSON_FAULT_TRUNCATED, // the text ends too early
    JSON_FAULT_SYNTAX,    // an unexpected character
    JSON_FAULT_DEPTH,     // nested deeper than JSON_DEPTH_MAX
    JSON_FAULT_NUMBER,    // not a number by the grammar
    JSON_FAULT_STRING,    // a control character in a string
    JSON_FAULT_ESCAPE,    // an unknown escape, bad hex digits or a lone surrogate
    JSON_FAULT_UTF8,      // not UTF-8
    JSON_FAULT_TYPE,      // a value of another type than the caller asked for
    JSON_FAULT_RANGE,     // an integer out of range
    JSON_FAULT_TRAILING,  // something after the value
    JSON_FAULT_MEMBER,    // a member that the caller does not accept: unknown, or given twice
};

// A string as it stands in the text: validated, not yet unescaped. Borrowed from the text.
struct json_string {
    struct slice raw; // without the quotes
    size_t length;    // in bytes of UTF-8 once unescaped: at most raw.length
    bool is_escaped;  // if not, raw is the string itself
};

// Checks the string whose opening quote stands just before text.at[*position]. On success moves
// *position behind the closing quote and sets *string; otherwise moves it to the fault.
enum json_fault json_string_scan(struct slice text, size_t *position, struct json_string *string);

// Writes the string unescaped: string.length bytes, no NUL. `into` has room for that many; it may
// be string.raw.at itself.
void json_unescape(struct json_string string, uint8_t *into);

// The string as UTF-8: raw itself where nothing is escaped, otherwise unescaped into
// `scratch`. Returns false if `scratch_bytes` is too small.
bool json_string_slice(struct json_string string, uint8_t *scratch, size_t scratch_bytes,
                       struct slice *slice);

// Whether the string, unescaped, equals a C string.
bool json_string_is(struct json_string string, const char *text);

#endif
