// How `ringcast subscribe` shows an event: a line for people, or a JSON object a line for programs.
// One thread.
#ifndef RINGCAST_CLI_EVENT_PRINTER_H
#define RINGCAST_CLI_EVENT_PRINTER_H

#include "base/bytes.h"
#include "cli/sse_reader.h"

#include <stdbool.h>
#include <stdio.h>

// The most that is put together of one event before it is written out.
enum { EVENT_PRINTER_BYTES_MAX = 8 * SSE_READER_EVENT_BYTES_MAX };

struct event_printer {
    FILE *out; // borrowed
    bool is_json;
    bool has_colour;
    struct buffer text;
};

void event_printer_init(struct event_printer *printer, FILE *out, bool is_json);
void event_printer_free(struct event_printer *printer);

// For people: id, stream (of an envelope), type, data; further lines of data are indented. As JSON:
// an envelope as it is; of what has none {"id":1042,"type":"text","data":"hi"}. Writes and flushes.
void event_printer_print(struct event_printer *printer, const struct sse_event *event);

// What a JSON envelope (wire/envelope.h) says, as far as it is shown. False where `data` is none.
struct event_envelope {
    struct slice stream; // in scratch, as is data
    struct slice data;   // a string unescaped, anything else as JSON
};
bool event_envelope_read(struct slice data, struct buffer *scratch,
                         struct event_envelope *envelope);

#endif
