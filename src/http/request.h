// An HTTP/1.x request (RFC 9112), parsed as its bytes arrive. The only user of llhttp.
//
// One object is one request, of fixed size and without pointers to other memory, so that it can be
// pooled; it must not move between http_request_feed and the last use of what it returned. It is
// strict where servers and proxies must not disagree (RFC 9112 section 11.2): lines end in CR LF,
// no folded fields, one Host, one valid body length.
#ifndef RINGCAST_HTTP_REQUEST_H
#define RINGCAST_HTTP_REQUEST_H

#include "base/bytes.h"
#include "base/limits.h"
#include "http/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_HEADERS_MAX = 100,         // fields; as common servers do
    HTTP_BODY_BYTES_MAX = 16 << 10, // of a request that needs none; skipped
    HTTP_ACCEPT_BYTES_MAX = 512,    // browsers send about 150; more is refused
    HTTP_LAST_EVENT_ID_BYTES_MAX =
        64, // ours have 20 digits; what is longer is kept cut: no id of ours
    HTTP_USER_AGENT_BYTES_MAX = 256, // cut
    HTTP_ORIGIN_BYTES_MAX = 512,     // scheme, host of at most 253, port; more is refused
    HTTP_HOST_BYTES_MAX = 300,       // host of at most 253, port; more is refused
    HTTP_NAME_BYTES = 32,            // longest field name of interest, and the start of others
    HTTP_SHORT_BYTES = 32,           // values that are only compared
    HTTP_PARSER_BYTES = 128,
};

enum http_method {
    HTTP_METHOD_OTHER, // one that no route has
    HTTP_METHOD_GET,
    HTTP_METHOD_HEAD,
    HTTP_METHOD_POST,
    HTTP_METHOD_PUT,
    HTTP_METHOD_PATCH,
    HTTP_METHOD_DELETE,
    HTTP_METHOD_OPTIONS,
};

enum http_progress {
    HTTP_NEED_MORE, // all bytes taken, the request is not whole
    HTTP_COMPLETE,  // the request is whole; bytes from *consumed on are the next one's
    HTTP_FAILED,    // fault says why; answer it and close, since what follows cannot be trusted
};

struct http_request {
    // Valid after HTTP_COMPLETE (and as far as known, after HTTP_FAILED).
    enum http_method method;
    uint8_t version_minor; // HTTP/1.0 or 1.1
    bool is_keep_alive;    // the client lets the connection stay open after the answer
    bool has_host;
    bool has_accept;
    bool has_last_event_id; // the field was sent; its value may be empty
    bool has_origin;
    struct http_fault fault;

    // Private: use the functions below.
    bool has_started;
    bool has_header;
    bool is_complete;
    bool has_length;
    bool has_coding;
    uint8_t field;      // which field is being read
    uint8_t line_state; // of the check of line ends
    uint16_t field_count;
    uint16_t name_length;
    uint16_t short_length;
    uint16_t target_length;
    uint16_t accept_length;
    uint16_t last_event_id_length;
    uint16_t user_agent_length;
    uint16_t origin_length;
    uint16_t host_length;
    uint32_t header_bytes;
    uint32_t header_bytes_max;
    uint32_t body_bytes;
    _Alignas(8) uint8_t parser[HTTP_PARSER_BYTES];
    uint8_t name[HTTP_NAME_BYTES];
    uint8_t short_value[HTTP_SHORT_BYTES];
    uint8_t last_event_id[HTTP_LAST_EVENT_ID_BYTES_MAX];
    uint8_t user_agent[HTTP_USER_AGENT_BYTES_MAX];
    uint8_t host[HTTP_HOST_BYTES_MAX];
    uint8_t origin[HTTP_ORIGIN_BYTES_MAX];
    uint8_t accept[HTTP_ACCEPT_BYTES_MAX];
    uint8_t target[REQUEST_TARGET_BYTES_MAX];
};

STATIC_ASSERT(sizeof(struct http_request) <= 12 << 10, "pooled by the thousand in a worker");

// Makes it ready for a request's first byte. Also to use it again, for the next one.
void http_request_init(struct http_request *request);
// Another bound of request line and header fields than REQUEST_HEADER_BYTES_MAX. Before the first
// byte.
void http_request_set_header_max(struct http_request *request, uint32_t header_bytes_max);

// Takes bytes as they come. *consumed is how many belonged to this request: all with
// HTTP_NEED_MORE; with HTTP_FAILED it says nothing. A request's end is final: not called again
// after HTTP_COMPLETE or HTTP_FAILED without http_request_init. The bytes are not kept by
// reference.
//
// Faults: ERR_INVALID_REQUEST (400), ERR_UNSUPPORTED_VERSION (505), ERR_URI_TOO_LONG (414),
// ERR_HEADER_TOO_LARGE (431, also too many fields), ERR_TOO_LARGE (413, a body beyond
// HTTP_BODY_BYTES_MAX).
enum http_progress http_request_feed(struct http_request *request, const uint8_t *bytes,
                                     size_t length, size_t *consumed);

// Whether anything of it has come. If not, a connection that waited too long is closed without a
// word, otherwise with ERR_REQUEST_TIMEOUT (RFC 9110 section 15.5.9).
static inline bool http_request_has_started(const struct http_request *request)
{
    return request->has_started;
}

// Whether the answer goes without its body (RFC 9110 section 9.3.2), whatever became of the
// request.
static inline bool http_request_is_head(const struct http_request *request)
{
    return request->method == HTTP_METHOD_HEAD;
}

// What was sent, in the request's own memory. Empty where it was not sent.
//
// The target is in origin-form, raw (an absolute-form one, RFC 9112 section 3.2.2, was cut to its
// path), or "*". subscribe_parse decodes it in place, after which it is not to be read.
static inline struct slice http_request_target(const struct http_request *request)
{
    return slice_from(request->target, request->target_length);
}

// All Accept fields, joined by commas.
static inline struct slice http_request_accept(const struct http_request *request)
{
    return slice_from(request->accept, request->accept_length);
}

static inline struct slice http_request_last_event_id(const struct http_request *request)
{
    return slice_from(request->last_event_id, request->last_event_id_length);
}

// Any bytes but controls; not checked for UTF-8. At most HTTP_USER_AGENT_BYTES_MAX of it.
static inline struct slice http_request_user_agent(const struct http_request *request)
{
    return slice_from(request->user_agent, request->user_agent_length);
}

static inline struct slice http_request_origin(const struct http_request *request)
{
    return slice_from(request->origin, request->origin_length);
}

static inline struct slice http_request_host(const struct http_request *request)
{
    return slice_from(request->host, request->host_length);
}

#endif
