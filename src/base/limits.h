// Every compile-time limit of ringcast with its reason. What an administrator may set is the
// configuration's; here stand the hard bounds, and the defaults that other bounds depend on.
// A name says its unit: _BYTES_, _MS_, otherwise a count. _MAX is inclusive.
#ifndef RINGCAST_BASE_LIMITS_H
#define RINGCAST_BASE_LIMITS_H

#include "base/assert.h"

enum {
    // A stream's name (mission, Words). One length byte in index records and in the protocol.
    NAME_BYTES_MAX = 255,

    // An event type, which is the SSE event name. One length byte, as for names.
    TYPE_BYTES_MAX = 255,

    // One event's payload (mission C6: 1 MiB). Bounds a frame, a block and a producer's request.
    EVENT_BYTES_MAX = 1 << 20,

    // Tags of one event. Keeps an index record's size bounded.
    TAGS_MAX = 16,

    // One tag, correlation id or other attribute value: as long as a name, for the same reason.
    ATTRIBUTE_BYTES_MAX = 255,

    // A producer's chosen id. Kept in memory per (stream, producer) for idempotency.
    PRODUCER_ID_BYTES_MAX = 128,

    // Worker threads. The log keeps each stream's interested workers in one 64-bit mask.
    WORKERS_MAX = 64,

    // Listeners, public and admin together. Each worker's accepts are shared out among them.
    LISTENERS_MAX = 8,

    // Streams on one connection (GET /events?stream=a&stream=b).
    CONNECTION_STREAMS_MAX = 64,

    // The request line's target. Has to hold CONNECTION_STREAMS_MAX ordinary names.
    REQUEST_TARGET_BYTES_MAX = 8 << 10,

    // Request line and header fields together: what common servers and proxies allow.
    REQUEST_HEADER_BYTES_MAX = 16 << 10,

    // A whole request must have arrived by then (mission I5: slow requests are cut off).
    REQUEST_MS_MAX = 10 * 1000,

    // Nesting of JSON that is accepted. The scanner keeps one bit per level in a 64-bit word.
    JSON_DEPTH_MAX = 64,

    // One line of the producers' line protocol: an event of binary noise escapes to six times
    // its size in JSON (\u0000), and 4 KiB carry the names and attributes around it.
    LINE_BYTES_MAX = 6 * EVENT_BYTES_MAX + (4 << 10),

    // One line of the logger. Below PIPE_BUF (4096), so that lines of threads never interleave.
    LOGGER_LINE_BYTES_MAX = 1024,

    // Subscribers held at once by default (mission J1).
    CONNECTIONS_DEFAULT = 100 * 1000,

    // Shutdown is over by then, flushed or not (issue 2).
    SHUTDOWN_MS_MAX = 10 * 1000,
};

STATIC_ASSERT(NAME_BYTES_MAX <= 255, "name lengths travel in one byte");
STATIC_ASSERT(TYPE_BYTES_MAX <= 255, "type lengths travel in one byte");
STATIC_ASSERT(ATTRIBUTE_BYTES_MAX <= 255, "attribute lengths travel in one byte");
STATIC_ASSERT(PRODUCER_ID_BYTES_MAX <= 255, "producer id lengths travel in one byte");
STATIC_ASSERT(WORKERS_MAX <= 64, "the interest mask is one 64-bit word");
STATIC_ASSERT(JSON_DEPTH_MAX <= 64, "the scanner's stack is one 64-bit word");
STATIC_ASSERT(REQUEST_TARGET_BYTES_MAX < REQUEST_HEADER_BYTES_MAX, "the target is in the header");
STATIC_ASSERT(LOGGER_LINE_BYTES_MAX < 4096, "a log line is one atomic write to a pipe");
STATIC_ASSERT(NAME_BYTES_MAX < REQUEST_TARGET_BYTES_MAX / 3, "a percent-encoded name fits a URL");

#endif
