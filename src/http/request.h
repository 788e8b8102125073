// An HTTP/1.x request (RFC 9112), parsed as its bytes arrive. The only user of llhttp.
//
// One object is one request, of fixed size, so that it can be pooled; it must not move between
// http_request_feed and the last use of what it returned. It keeps the request line's target and
// the fields of interest; a body goes through it without being kept. It is strict where servers and
// proxies must not disagree (RFC 9112 section 11.2): lines end in CR LF, no folded fields, one
// Host, one valid body length, no trailer fields.
#ifndef RINGCAST_HTTP_REQUEST_H
#define RINGCAST_HTTP_REQUEST_H

#include "base/bytes.h"
#include "base/limits.h"
#include "http/chunked.h"
#include "http/fault.h"
#include "http/header_lines.h"

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
    HTTP_AUTHORIZATION_BYTES_MAX = (4 << 10) + 32, // a token of 4 KiB, its scheme
    HTTP_COOKIE_BYTES_MAX = 8 << 10,               // of all pages of the host; more is refused
    HTTP_FORWARDED_BYTES_MAX = 2 << 10,            // of all proxies on the way; more is refused
    HTTP_SHORT_BYTES_MAX = 32,                     // values that are only compared, and numbers
    HTTP_NAME_BYTES = 32, // longest field name of interest, and the start of others
    HTTP_PARSER_BYTES = 128,
    // Target and kept values together: all that fits a header of the default bound.
    HTTP_TEXT_BYTES_MAX = REQUEST_HEADER_BYTES_MAX,
};

// The fields that are kept. One that may stand once is refused when it comes twice.
enum http_field {
    HTTP_FIELD_NONE, // one that is not kept
    HTTP_FIELD_HOST,
    HTTP_FIELD_ACCEPT, // several are joined by commas
    HTTP_FIELD_LAST_EVENT_ID,
    HTTP_FIELD_USER_AGENT, // several are joined by commas
    HTTP_FIELD_ORIGIN,
    HTTP_FIELD_CONTENT_LENGTH,
    HTTP_FIELD_TRANSFER_ENCODING,
    HTTP_FIELD_EXPECT,
    HTTP_FIELD_AUTHORIZATION,
    HTTP_FIELD_COOKIE,
    HTTP_FIELD_CONTENT_TYPE,
    HTTP_FIELD_CONTENT_ENCODING,
    HTTP_FIELD_REQUEST_METHOD, // Access-Control-Request-Method
    HTTP_FIELD_PRODUCER_ID,
    HTTP_FIELD_PRODUCER_EPOCH,
    HTTP_FIELD_PRODUCER_SEQ,
    HTTP_FIELD_EVENT_TYPE,
    HTTP_FIELD_ACK,
    HTTP_FIELD_REQUEST_ID,      // X-Request-Id; what is longer than one may be is kept cut: no id
    HTTP_FIELD_X_FORWARDED_FOR, // several are joined by commas
    HTTP_FIELD_FORWARDED,       // the same
    HTTP_FIELD_COUNT,
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
    HTTP_METHOD_COUNT,
};

enum http_progress {
    HTTP_NEED_MORE, // all bytes taken, the request is not whole
    HTTP_HEADER,    // the header is whole and a body follows: http_request_take_body is next
    HTTP_COMPLETE,  // the request is whole; bytes from *consumed on are the next one's
    HTTP_FAILED,    // fault says why; answer it and close, since what follows cannot be trusted
};

// Takes the next piece of a body, decoded. The bytes are a part of what was just fed.
typedef void http_body_sink(void *context, struct slice bytes);

struct http_request {
    // Valid after HTTP_HEADER and HTTP_COMPLETE (and as far as known, after HTTP_FAILED).
    enum http_method method;
    uint8_t version_minor; // HTTP/1.0 or 1.1
    bool is_keep_alive;    // the client lets the connection stay open after the answer
    bool expects_continue; // it may wait for a 100 (Continue) before it sends the body
    struct http_fault fault;

    // Private: use the functions below.
    bool has_header;
    bool has_body;
    bool is_body_taken; // http_request_take_body was called
    bool is_complete;
    uint8_t field; // enum http_field: which one is being read
    uint16_t field_count;
    uint16_t name_length;
    uint16_t target_length; // the target stands at the start of `text`
    uint16_t text_length;
    uint32_t fields_seen; // bit for each enum http_field
    struct header_lines lines;
    uint32_t header_bytes_max;
    uint64_t content_length;
    uint64_t body_bytes;
    uint64_t body_bytes_max;
    http_body_sink *sink;
    void *sink_context;
    struct chunked chunked;
    struct {
        uint16_t at, length; // in `text`
    } values[HTTP_FIELD_COUNT];
    _Alignas(8) uint8_t parser[HTTP_PARSER_BYTES];
    uint8_t name[HTTP_NAME_BYTES];
    uint8_t text[HTTP_TEXT_BYTES_MAX];
};

STATIC_ASSERT(sizeof(struct http_request) <= 17 << 10, "pooled by the thousand in a worker");
STATIC_ASSERT(HTTP_TEXT_BYTES_MAX <= UINT16_MAX, "places in it are 16 bits");
STATIC_ASSERT(HTTP_FIELD_COUNT <= 32, "fields_seen has a bit for each");

// Makes it ready for a request's first byte. Also to use it again, for the next one.
void http_request_init(struct http_request *request);
// Another bound of request line and header fields than REQUEST_HEADER_BYTES_MAX. Before the first
// byte.
void http_request_set_header_max(struct http_request *request, uint32_t header_bytes_max);

// Takes bytes as they come. *consumed is how many belonged to this request: all with
// HTTP_NEED_MORE; with HTTP_FAILED it says nothing. A request's end is final: not called again
// after HTTP_COMPLETE or HTTP_FAILED without http_request_init. The bytes are not kept by
// reference. A request without a body (also one whose Content-Length is 0) is complete with its
// header and never HTTP_HEADER.
//
// Faults: ERR_INVALID_REQUEST (400; 417 for an unknown Expect), ERR_UNSUPPORTED_VERSION (505),
// ERR_URI_TOO_LONG (414), ERR_HEADER_TOO_LARGE (431, also too many fields), ERR_TOO_LARGE (413).
enum http_progress http_request_feed(struct http_request *request, const uint8_t *bytes,
                                     size_t length, size_t *consumed);

// Once after HTTP_HEADER, before more is fed: the body's bytes go to `sink` as they are decoded (or
// nowhere: NULL), at most `bytes_max` of them. False with fault ERR_TOO_LARGE, as HTTP_FAILED,
// where Content-Length says that there are more.
bool http_request_take_body(struct http_request *request, uint64_t bytes_max, http_body_sink *sink,
                            void *context);

#define HTTP_LENGTH_UNKNOWN UINT64_MAX

// How long the body is going to be; HTTP_LENGTH_UNKNOWN where it comes in chunks.
static inline uint64_t http_request_content_length(const struct http_request *request)
{
    return request->content_length;
}

// Whether anything of it has come. If not, a connection that waited too long is closed without a
// word, otherwise with ERR_REQUEST_TIMEOUT (RFC 9110 section 15.5.9).
static inline bool http_request_has_started(const struct http_request *request)
{
    return request->lines.has_started;
}

// Whether the answer goes without its body (RFC 9110 section 9.3.2), whatever became of the
// request.
static inline bool http_request_is_head(const struct http_request *request)
{
    return request->method == HTTP_METHOD_HEAD;
}

// The target in origin-form, raw (an absolute-form one, RFC 9112 section 3.2.2, was cut to its
// path), or "*". In the request's own memory: http_route_find and the parsers of parameters decode
// parts of it in place.
static inline struct slice http_request_target(const struct http_request *request)
{
    return slice_from(request->text, request->target_length);
}

// Whether the field was sent; its value may be empty.
static inline bool http_request_has(const struct http_request *request, enum http_field field)
{
    return (request->fields_seen >> field & 1) != 0;
}

// Its value without white space around it, in the request's own memory; empty where it was not
// sent. Any bytes but controls (other than tabs), not checked for UTF-8.
static inline struct slice http_request_field(const struct http_request *request,
                                              enum http_field field)
{
    return slice_from(request->text + request->values[field].at, request->values[field].length);
}

#endif
