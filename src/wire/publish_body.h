// The body of a request that publishes, as events.
//
//     raw      the whole body is one event's data
//     json     one event object (wire/event_json.h); "data" is required, and where it is no string
//              at most twice the limit as it stands, white space included
//     ndjson   one such object a line, LF or CRLF; lines of white space alone are passed over
//     form     application/x-www-form-urlencoded: data (required), type, priority, tag and topic
//              (repeatable), source, correlation_id, content_type, ttl_ms, retry, ephemeral (true
//              or 1, false or 0)
//
// What an event says itself takes the place of the request's default of the same name. Which stream
// and which idempotent producer is the request's to say; an event may say so too, where the request
// does not, or says the same (stream).
//
// Every event is checked, by event_validate and by the limits, before any of them is given out: one
// that is wrong refuses them all. Any thread.
#ifndef RINGCAST_WIRE_PUBLISH_BODY_H
#define RINGCAST_WIRE_PUBLISH_BODY_H

#include "base/arena.h"
#include "base/bytes.h"
#include "event/event.h"
#include "wire/member_reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum body_kind {
    BODY_RAW,
    BODY_JSON,
    BODY_NDJSON,
    BODY_FORM,
    BODY_KINDS,
};

// "raw", "json", "ndjson", "form".
bool body_kind_parse(struct slice text, enum body_kind *kind);
// By the media type of a Content-Type (parameters are passed over): application/json,
// application/x-ndjson (also application/ndjson, application/jsonl),
// application/x-www-form-urlencoded; everything else, and none, is raw.
enum body_kind body_kind_of(struct slice content_type);

enum { PUBLISH_EVENTS_MAX = 10 * 1000 };

// What the request says for all of its events; slices are borrowed as long as the batch lives.
struct publish_defaults {
    // stream; type, attributes, retry_ms, ttl_ms, priority, ephemeral; producer_id (0: none),
    // producer_epoch and producer_sequence, which is the first event's: the others count on.
    // data is ignored. binary: a raw body is binary; else it is where it is not UTF-8.
    struct event event;
    size_t event_bytes_max; // of an event's data
    uint32_t events_max;    // PUBLISH_EVENTS_MAX at most
};

// The events of one body. Their slices point into the body, the defaults or the batch itself.
struct publish_batch {
    struct event *events; // `single`, or memory of the batch's own
    uint32_t count;
    uint32_t capacity; // 0: `single`
    size_t read_bytes; // of the body so far
    struct event single;
    struct arena texts; // at most twice the body and 64 KiB
};

struct publish_fault {
    enum rc_error error;
    uint32_t index;  // of the event, from 0
    size_t position; // offset in the body, or MEMBER_POSITION_NONE
    char message[MEMBER_MESSAGE_BYTES];
};

// How much of a batch one call reads: some tenths of a millisecond.
enum { PUBLISH_STEP_BYTES = 128 << 10 };

enum publish_progress {
    PUBLISH_MORE,   // called again, with the same arguments, it reads on
    PUBLISH_DONE,   // the batch holds one event or more, which is all of them
    PUBLISH_FAILED, // the fault is filled
};

// The body lives as long as the batch, which does not move. A raw body allocates nothing.
void publish_batch_begin(struct publish_batch *batch, struct slice body);
enum publish_progress publish_body_parse(enum body_kind kind, struct slice body,
                                         const struct publish_defaults *defaults,
                                         struct publish_batch *batch, struct publish_fault *fault);
// Whatever became of it.
void publish_batch_free(struct publish_batch *batch);

#endif
