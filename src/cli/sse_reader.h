// Reads an event stream as it arrives, in pieces cut anywhere (WHATWG HTML, sections 9.2.5 "Parsing
// an event stream" and 9.2.6 "Interpreting an event stream"): lines end in LF, CR or CRLF, a byte
// order mark at the start is passed over, an event that the stream's end cuts off is dropped. UTF-8
// is not checked: that is for who uses the text. One thread.
#ifndef RINGCAST_CLI_SSE_READER_H
#define RINGCAST_CLI_SSE_READER_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SSE_READER_LINE_BYTES_MAX = 16 << 20,  // one line, unfinished: several times the largest event
    SSE_READER_EVENT_BYTES_MAX = 16 << 20, // the data of one event
    SSE_READER_ID_BYTES_MAX = 4096,        // an id or a type; a longer one is -ENOBUFS too
};

// Borrowed from the reader during the callback.
struct sse_event {
    struct slice
        id; // the last id of the stream so far, which may be an earlier event's; empty: none
    struct slice type; // "message" where the event names none
    struct slice data;
    bool has_own_id; // this event came with an id field
};

// Returns false to stop: the rest of what was fed is dropped.
typedef bool (*sse_event_callback)(void *context, const struct sse_event *event);

struct sse_reader {
    struct buffer line;
    struct buffer data;
    struct buffer type;
    struct buffer next_id; // as the last id field said; becomes last_id with the event's end
    struct buffer last_id;
    uint64_t retry_ms; // as the server asked last; 0: never
    uint64_t comments; // lines that begin with a colon: heartbeats
    uint32_t start;    // bytes of a byte order mark seen; START_OVER once the first line began
    bool after_cr;     // a LF now belongs to the line end before it
    bool has_own_id;
    bool stopped;
    sse_event_callback callback;
    void *context;
};

void sse_reader_init(struct sse_reader *reader, sse_event_callback callback, void *context);
void sse_reader_free(struct sse_reader *reader);

// A new connection begins: drops what is unfinished, keeps last_id and retry_ms.
void sse_reader_restart(struct sse_reader *reader);

// Takes the next bytes of the body; calls back for each event that ends in them. 0, or -ENOBUFS
// where a line or an event is over its bound, or -ENOMEM; then the reader can only be restarted.
int sse_reader_feed(struct sse_reader *reader, struct slice bytes);

#endif
