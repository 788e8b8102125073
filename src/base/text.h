// Numbers, sizes, durations and times as text, whole slice only: nothing before or after, no
// sign, no white space. Parsers return false, and leave *value alone, for anything else. Any
// thread.
#ifndef RINGCAST_BASE_TEXT_H
#define RINGCAST_BASE_TEXT_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TEXT_U64_BYTES_MAX = 20,                                           // 18446744073709551615
    TEXT_RFC3339_BYTES = sizeof "2024-02-29T12:34:56.789Z",            // with its NUL
    TEXT_HTTP_DATE_BYTES = sizeof "Thu, 29 Feb 2024 12:34:56 GMT" - 1, // without
};

// Decimal digits. Leading zeros are accepted, more than 64 bits are not.
bool text_parse_u64(struct slice text, uint64_t *value);

// The same, and not above `maximum`.
bool text_parse_u64_max(struct slice text, uint64_t maximum, uint64_t *value);

// "0.8" is 800, "100" 100000: at most three digits behind a point, if there is one.
bool text_parse_thousandths(struct slice text, uint64_t *thousandths);

// Whether there is nothing but spaces, tabs, CR and LF (what JSON calls white space).
bool text_is_blank(struct slice text);

// The value of a hexadecimal digit in either case, or -1.
int text_hex_value(uint8_t digit);

// "512", "512B", "64KiB", "64K" (both 1024), "64kB" (1000); also M, G, T; letters in any case.
bool text_parse_size(struct slice text, uint64_t *bytes);

// "100ms", "30s", "5m", "24h", "7d", and sums in falling order: "1h30m". A bare "0" is accepted,
// any other number needs its unit.
bool text_parse_duration(struct slice text, uint64_t *milliseconds);

// "2024-02-29T12:34:56.789Z" or with an offset such as +02:00 (RFC 3339 section 5.6), from 1970 to
// 9999. Digits after the milliseconds are dropped. A leap second counts as the second after it.
bool text_parse_rfc3339(struct slice text, uint64_t *unix_ms);

// Writes the time as UTC with milliseconds and a NUL; returns the length without it. Times after
// the year 9999 are written as its last millisecond.
size_t text_format_rfc3339(uint64_t unix_ms, char into[TEXT_RFC3339_BYTES]);

// Writes the time as HTTP's Date field has it (RFC 9110 section 5.6.7), without a NUL. Times after
// the year 9999 as above.
void text_format_http_date(uint64_t unix_ms, char into[TEXT_HTTP_DATE_BYTES]);

// Writes decimal digits without a NUL; returns how many. The hot path's way to write ids.
size_t text_format_u64(uint64_t value, char into[TEXT_U64_BYTES_MAX]);

// The name most like `given` (by edits: insert, delete, replace, swap neighbours), for "did you
// mean
// ...?". NULL if none is near: at most one edit for each three characters, at least one.
const char *text_nearest(struct slice given, const char *const *names, size_t count);

#endif
