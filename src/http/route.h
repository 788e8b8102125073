// Which handler a request goes to: one table of all routes, in route.c.
#ifndef RINGCAST_HTTP_ROUTE_H
#define RINGCAST_HTTP_ROUTE_H

#include "base/bytes.h"
#include "http/request.h"

#include <stdbool.h>
#include <stddef.h>

enum http_route_kind {
    HTTP_ROUTE_NOT_FOUND,          // answer ERR_NOT_FOUND
    HTTP_ROUTE_METHOD_NOT_ALLOWED, // answer ERR_METHOD_NOT_ALLOWED with `allow`
    HTTP_ROUTE_STREAM,             // GET /streams/{name}: native frames of one stream
    HTTP_ROUTE_EVENTS,             // GET /events?stream=a&stream=b: envelopes of several
    HTTP_ROUTE_STREAM_ALIAS,       // GET /stream?stream_id=
    HTTP_ROUTE_SESSION_ALIAS,      // GET /api/sse?sessionId=
    HTTP_ROUTE_HEALTH,             // GET or HEAD /healthz
    HTTP_ROUTE_ASSET, // GET or HEAD of any other path: look it up among the web assets, else 404
};

struct http_route {
    enum http_route_kind kind;
    struct slice path;     // of the target, raw
    struct slice name;     // HTTP_ROUTE_STREAM: the rest of the path, percent-encoded; may be empty
    struct slice query;    // what follows the question mark; at == NULL where there is none
    size_t query_position; // its offset in the target
    const char *allow;     // for METHOD_NOT_ALLOWED: the Allow field's value. Static memory
};

// The route of a complete request. The slices point into the request. No failure.
struct http_route http_route_find(const struct http_request *request);

// Whether a route subscribes, so that subscribe_parse is next.
bool http_route_is_subscription(enum http_route_kind kind);

#endif
