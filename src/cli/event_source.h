// An event source that reconnects by itself (WHATWG HTML, section 9.2, by libcurl): GET a URL, read
// its event stream, and when it is lost come back with Last-Event-ID after the time that the server
// asked for, spread by chance and doubled with each failure in a row. One thread; it blocks in
// event_source_run.
#ifndef RINGCAST_CLI_EVENT_SOURCE_H
#define RINGCAST_CLI_EVENT_SOURCE_H

#include "cli/sse_reader.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    EVENT_SOURCE_RETRY_MS = 1000, // until the server says
    EVENT_SOURCE_RETRY_MS_MAX = 10 * 1000,
    EVENT_SOURCE_CONNECT_MS = 10 * 1000,
    EVENT_SOURCE_MESSAGE_SIZE = 512,
};

enum event_source_end {
    EVENT_SOURCE_STOPPED, // by on_event or by the flag
    EVENT_SOURCE_OVER,    // the server says that nothing more will come (204)
    EVENT_SOURCE_REFUSED, // it will not serve this request: message says why
    EVENT_SOURCE_FAILED,  // the first connection could not be made: message says why
};

// Everything is borrowed.
struct event_source {
    const char *url;
    const char *token_path; // of a file with a token, read for each connection; NULL: none is sent
    uint64_t idle_ms_max; // a connection on which nothing came for this long is given up; 0: never
    const volatile sig_atomic_t *stop; // set by a signal handler; looked at twice a second
    void *context;
    sse_event_callback on_event;
    // A response began. May be NULL.
    void (*on_open)(void *context, bool is_first);
    // The connection is lost; the next attempt is made after delay_ms, from last_id on. May be
    // NULL.
    void (*on_lost)(void *context, const char *reason, uint64_t delay_ms, struct slice last_id);
};

// message has EVENT_SOURCE_MESSAGE_SIZE bytes; set after REFUSED and FAILED.
enum event_source_end event_source_run(const struct event_source *source, char *message);

// How long to wait before attempt `failures` (from 1) in a row: retry_ms doubled for each but the
// first, at most EVENT_SOURCE_RETRY_MS_MAX (or retry_ms, if that is more), times 0.5 to 1.5 by
// `chance` (any number).
uint64_t event_source_delay_ms(uint64_t retry_ms, unsigned failures, uint64_t chance);

#endif
