// What a subscriber asks for: the streams, where to start, and in which form (mission A2, A4, B2,
// B4, F2), from the path, the query and the header fields of its request.
//
// Query parameters (others are passed over: proxies and EventSource polyfills add their own):
//
//     stream=NAME             /events, repeatable
//     stream_id=NAME          /stream
//     sessionId=NAME          /api/sse
//     resume_token=TOKEN      base64 of "stream:sequence"; with one stream only
//     last_event_id=ID        as the header field, which wins over it (also spelt lastEventId)
//     from=earliest|latest|ID|last:N|time:UNIX_MS|time:RFC_3339
//     envelope=0|1
//     heartbeat=comment|event|off
//     batch=event
//     client=mobile|web|desktop|api|default      a profile of quality (flow/quality.h), each value
//                                                of which may be given by itself:
//     events_per_second=N  bytes_per_second=SIZE  burst=N  max_event_size=SIZE
//     batching=on|off  batch_size=N  batch_timeout=DURATION  compression=on|off
//     overflow=drop_oldest|drop_newest|drop_lowest|disconnect|block   what happens when it lags
//     lag_events=N  lag_bytes=SIZE                                    beyond so much
//
// Where several starting points are given: Last-Event-ID (an EventSource that reconnects sends the
// same URL with it), last_event_id, resume_token, from. All are checked, also those that lose.
#ifndef RINGCAST_HTTP_SUBSCRIBE_H
#define RINGCAST_HTTP_SUBSCRIBE_H

#include "base/bytes.h"
#include "base/limits.h"
#include "event/overflow_policy.h"
#include "http/fault.h"
#include "http/request.h"
#include "http/route.h"
#include "http/subscribe_setting.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum subscribe_form {
    SUBSCRIBE_NATIVE,   // the log's own frames
    SUBSCRIBE_ENVELOPE, // wire/envelope.h
};

enum subscribe_start {
    SUBSCRIBE_LATEST,         // what comes from now on
    SUBSCRIBE_EARLIEST,       // all that is kept
    SUBSCRIBE_AFTER_ID,       // events with id > value
    SUBSCRIBE_LAST,           // the last `value` events of each stream; 0 is latest
    SUBSCRIBE_SINCE_TIME,     // events with time >= value, Unix milliseconds
    SUBSCRIBE_AFTER_SEQUENCE, // events with sequence > value; one stream only
    SUBSCRIBE_UNKNOWN, // a Last-Event-ID that is none of ours: tell of a gap, serve from earliest
};
enum { SUBSCRIBE_STARTS = SUBSCRIBE_UNKNOWN + 1 };

enum subscribe_heartbeat {
    SUBSCRIBE_HEARTBEAT_COMMENT,
    SUBSCRIBE_HEARTBEAT_EVENT,
    SUBSCRIBE_HEARTBEAT_OFF,
};

struct subscribe_request {
    enum subscribe_form form;
    enum subscribe_start start;
    uint64_t start_value;
    bool is_start_given; // false: start is the route's default (earliest for /stream, else latest)
    bool is_unknown_404; // a stream nobody has published to is ERR_STREAM_NOT_FOUND
    enum subscribe_heartbeat heartbeat;
    bool is_batch_event; // envelopes, several in one event (wire/batch.h)
    enum subscribe_client client;
    uint32_t settings_given; // a bit for each enum subscribe_setting
    uint32_t settings[SUBSCRIBE_SETTINGS];
    enum overflow_policy overflow;                // OVERFLOW_UNSET: not said
    uint64_t lag_events;                          // 0: not said
    uint64_t lag_bytes;                           // 0: not said
    uint32_t stream_count;                        // 1..CONNECTION_STREAMS_MAX, no name twice
    struct slice streams[CONNECTION_STREAMS_MAX]; // valid names, in the request object's memory
};

// Reads a complete request whose route is a subscription. Decodes the target in place: the route's
// slices and http_request_target are not to be read afterwards; what it returns lives as long as
// the request object. Returns ERR_NONE, or the error, with *fault set: ERR_INVALID_PARAMETER,
// ERR_MISSING_PARAMETER, ERR_INVALID_NAME, ERR_INVALID_REQUEST (a bad percent escape),
// ERR_INVALID_RESUME_TOKEN, ERR_TOO_MANY_STREAMS (all 400), ERR_NOT_ACCEPTABLE (406).
enum rc_error subscribe_parse(struct subscribe_request *subscribe, struct http_request *request,
                              const struct http_route *route, struct http_fault *fault);

#endif
