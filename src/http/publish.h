// What a request says of the events that it publishes, beside its body. Query parameters; any other
// one is refused:
//
//     type=NAME             also the field Event-Type
//     priority=critical|high|normal|low|background or 0 to 4
//     retry=MS
//     body=raw|json|ndjson|form      how the body is read; else its Content-Type says it
//     reach=0|1             the answer tells how many subscribers it reached
//
// and to a stream (POST /streams/{name}):
//
//     ack=received|written|synced    also the field Ack; written unless said
//     ttl_ms=MS  ephemeral=0|1  source=TEXT  correlation_id=TEXT
//     tag=TEXT  topic=NAME  repeatable
//     action=close|cancel   the stream ends so, behind the events
//
// and the fields Producer-Id (a decimal number is that number, other text a fixed hash of it),
// Producer-Seq (of the first event) and Producer-Epoch (0 unless said), the first two together or
// not at all. A parameter and a field that say different things are refused.
#ifndef RINGCAST_HTTP_PUBLISH_H
#define RINGCAST_HTTP_PUBLISH_H

#include "base/limits.h"
#include "event/event.h"
#include "http/fault.h"
#include "http/request.h"
#include "http/route.h"
#include "log/settings.h"
#include "wire/publish_body.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    // Each tag and topic; source, correlation id, content type; with four bytes of header each.
    PUBLISH_ATTRIBUTES_BYTES_MAX = (2 * TAGS_MAX + 3) * (4 + ATTRIBUTE_BYTES_MAX),
};

struct publish_parameters {
    enum body_kind body;
    enum ack_level ack;
    enum stream_life life; // STREAM_OPEN: it goes on
    bool wants_reach;
    // For struct publish_defaults: all but the data. stream is the route's, or for single
    // connections and all of them one that stands for none. binary: the body is, whatever is in it.
    struct event event;
    uint8_t attributes[PUBLISH_ATTRIBUTES_BYTES_MAX]; // event.attributes
};

// Reads a request whose header is whole and whose route is HTTP_ROUTE_PUBLISH, _SEND or _BROADCAST.
// Decodes the query in place, so once; what it returns lives as long as the request object, and
// the parameters do not move. Returns ERR_NONE, or the error, with *fault set:
// ERR_INVALID_PARAMETER, ERR_MISSING_PARAMETER, ERR_INVALID_NAME, ERR_INVALID_REQUEST (a bad
// percent escape; 415 for a Content-Encoding).
enum rc_error publish_parse(struct publish_parameters *parameters, struct http_request *request,
                            const struct http_route *route, struct http_fault *fault);

// ERR_INVALID_REQUEST with 415 where the body is coded, which nobody decodes.
enum rc_error publish_check_coding(const struct http_request *request, struct http_fault *fault);

#endif
