// The line protocol's requests: one JSON object a line (RFC 8259), no state, no I/O. Any thread.
//
//     {"stream":"chat/42","type":"text","data":"hi","ack":"written","ref":7}
//
// Publishing: stream, data (a string: sent as it is; any other JSON: sent as its compact text), and
// optionally
//     type, ack (received | written | synced; default written), priority (a name or 0 to 4), tags
//     [], source, correlation_id, content_type, topics [], custom {}, ttl_ms, retry (milliseconds),
//     ephemeral, producer_id, epoch, producer_sequence (idempotency), reach (the answer tells how
//     many subscribe).
// With "op" instead:
//     status
//     connections   limit
//     connection    connection (all of one, with its quality)
//     streams       prefix, limit, after (the "next" of the page before)
//     pressure      stream (then the answer tells how many subscribe, and of one that blocks, in
//                   "stream", how far the slowest of them is behind and whether it holds events)
//     close         connection
//     send          connection, type, data, priority
//     broadcast     type, data, priority
//     set           stream, and of two groups one, both or none; what one leaves out is as the
//     broker
//                   is set. How long history is kept: retention_age, idle_ttl (milliseconds or
//                   "300s"), retention_bytes (number or "1MiB"), retention_count. What happens when
//                   subscribers lag: overflow (drop_oldest, drop_newest, drop_lowest, disconnect,
//                   block) or strategy (pause: block, drop: drop_newest, buffer: the broker's),
//                   lag_events, lag_bytes, threshold (a share up to 1, above it a number of
//                   events), producer_wait (milliseconds or "10s")
//                   What its events are: content_type. It makes a stream that is not there
//     discard       stream
//     end           stream, life (close: complete; cancel; delete: with its history)
// The answer to an event carries "pressure", the slowest subscriber's share of the limit, where its
// stream blocks and that subscriber is behind by the threshold. An event that is held is answered
// when it is taken or its time is over, and what is behind it in the connection after it.
// `ref`, any scalar of at most LINE_REF_BYTES_MAX bytes, comes back in the answer of every request.
#ifndef RINGCAST_INGEST_LINE_H
#define RINGCAST_INGEST_LINE_H

#include "base/bytes.h"
#include "event/event.h"
#include "log/log.h"
#include "wire/member_reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LINE_REF_BYTES_MAX = 255, // as JSON text
    LINE_LIMIT_DEFAULT = 100,
    LINE_LIMIT_MAX = 10 * 1000,
};

enum line_operation {
    LINE_PUBLISH,
    LINE_STATUS,
    LINE_CONNECTIONS,
    LINE_CONNECTION,
    LINE_STREAMS,
    LINE_PRESSURE,
    LINE_CLOSE,
    LINE_SEND,
    LINE_BROADCAST,
    LINE_SET,
    LINE_DISCARD,
    LINE_END,
    LINE_OPERATIONS,
};

// What one request says. Slices point into the line or into the scratch.
struct line_request {
    enum line_operation operation;
    struct slice ref;   // JSON text; empty: none was given
    struct event event; // PUBLISH, SEND, BROADCAST; of the others event.stream alone
    enum ack_level level;
    bool reach;
    uint64_t connection_id;
    uint32_t limit;
    struct slice prefix;
    uint64_t after;
    struct stream_settings settings;
    struct slice content_type; // SET
    enum stream_life life;     // END
};

// Room for what cannot stay as it stands in the line: unescaped strings, compact JSON, attributes.
// Used anew by each line_parse; what a request points at lives until then.
struct line_scratch {
    struct arena texts;
    struct buffer attributes;
};

// event_bytes_max: largest data of an event. 0 or -ENOMEM.
int line_scratch_init(struct line_scratch *scratch, size_t event_bytes_max);
void line_scratch_free(struct line_scratch *scratch);

// Reads one line, without its LF. On false *fault is filled and of *request only ref is good (given
// back where it can still be found). Values are checked by type, range and combination; the event
// itself by event_validate, which the caller calls.
bool line_parse(struct slice line, struct line_scratch *scratch, size_t event_bytes_max,
                struct line_request *request, struct member_fault *fault);

// The ref of a line that is cut off or refused, where it stands before any break of JSON's grammar;
// else empty.
struct slice line_find_ref(struct slice line);

// Appends {"ref":…,"error":…,"message":…,"position":…} without the LF. message: NULL takes the
// error's own sentence. Failures stick to the buffer.
void line_write_error(struct buffer *out, struct slice ref, enum rc_error error,
                      const char *message, size_t position);

#endif
