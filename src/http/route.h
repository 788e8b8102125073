// What a request asks for: one table of all paths, their methods and who is answered there, in
// route.c. A path that the table has not may be a web asset's, which are public.
//
// A stream's name is the rest of the path, percent-decoded once: a%2Fb and a/b are the same stream,
// `.` and `..` are names like others, what is not UTF-8 (overlong forms too) or has control
// characters is no name.
#ifndef RINGCAST_HTTP_ROUTE_H
#define RINGCAST_HTTP_ROUTE_H

#include "base/bytes.h"
#include "http/fault.h"
#include "http/request.h"

#include <stdbool.h>
#include <stddef.h>

enum http_route_kind {
    HTTP_ROUTE_NONE,
    HTTP_ROUTE_STREAM,        // GET /streams/{name}: native frames of one stream
    HTTP_ROUTE_EVENTS,        // GET /events?stream=a&stream=b: envelopes of several
    HTTP_ROUTE_STREAM_ALIAS,  // GET /stream?stream_id=
    HTTP_ROUTE_SESSION_ALIAS, // GET /api/sse?sessionId=
    HTTP_ROUTE_INFO,          // GET /streams/{name}?view=info
    HTTP_ROUTE_HEAD,          // HEAD /streams/{name}: the same in header fields
    HTTP_ROUTE_LIST,          // GET /streams
    HTTP_ROUTE_PUBLISH,       // POST /streams/{name}
    HTTP_ROUTE_CREATE,        // PUT /streams/{name}: with settings, or to change them
    HTTP_ROUTE_CREATE_UUID,   // POST /streams: with a name of ours
    HTTP_ROUTE_DELETE,        // DELETE /streams/{name}: with its history
    HTTP_ROUTE_SEND,          // POST /connections/{id}: publish to one connection
    HTTP_ROUTE_RENEW,         // POST /connections/{id}/token: a fresh token for it
    HTTP_ROUTE_BROADCAST,     // POST /broadcast: publish to all connections
    HTTP_ROUTE_OPTIONS,       // OPTIONS of any path, or of "*": `methods` says what it answers
    HTTP_ROUTE_HEALTH,        // GET or HEAD /healthz: the process lives
    HTTP_ROUTE_READY,         // GET or HEAD /readyz: and the log takes events
    HTTP_ROUTE_METRICS,       // GET or HEAD /metrics
    HTTP_ROUTE_STATS,         // GET or HEAD /stats
    HTTP_ROUTE_ASSET,         // GET or HEAD of another path: look it up, else ERR_NOT_FOUND
};
enum { HTTP_ROUTE_KINDS = HTTP_ROUTE_ASSET + 1 };

// "publish", "list", ... as metrics name it. Static memory.
const char *http_route_name(enum http_route_kind kind);

// By which kind of listener a request came, and which of them a path answers.
enum http_audience {
    HTTP_AUDIENCE_PUBLIC = 1 << 0,
    HTTP_AUDIENCE_ADMIN = 1 << 1,
    HTTP_AUDIENCE_BOTH = HTTP_AUDIENCE_PUBLIC | HTTP_AUDIENCE_ADMIN,
};

struct http_route {
    enum http_route_kind kind;
    unsigned methods;   // that its path has: bit for each enum http_method
    struct slice path;  // of the target, raw
    struct slice name;  // of a stream: decoded and valid; of a connection: its id, raw
    struct slice query; // what follows the question mark, raw; at == NULL where there is none
};

// The route of a complete request, or of one whose body follows. Once for each request, since it
// decodes the name in place; the slices point into the request. Returns ERR_NONE, or sets *fault:
// ERR_NOT_FOUND (also where the path is another audience's), ERR_METHOD_NOT_ALLOWED (the answer has
// to tell `methods`), ERR_INVALID_NAME or ERR_INVALID_REQUEST (a bad escape in the name).
// route->kind is HTTP_ROUTE_NONE then.
enum rc_error http_route_find(struct http_route *route, struct http_request *request,
                              enum http_audience audience, struct http_fault *fault);

// Whether a route subscribes, so that subscribe_parse is next.
bool http_route_is_subscription(enum http_route_kind kind);
// Whether a body means something to it. Of others it is skipped.
bool http_route_takes_body(enum http_route_kind kind);

// "GET"; "OTHER" for what no route has. Static memory.
const char *http_method_name(enum http_method method);

// "GET, HEAD, OPTIONS", as in the field Allow.
enum { HTTP_METHODS_TEXT_BYTES = 64 };
const char *http_methods_text(unsigned methods, char into[HTTP_METHODS_TEXT_BYTES]);

#endif
