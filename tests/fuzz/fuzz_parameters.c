// layer: http
// Parameters of a request: path, query and fields. The first byte chooses path and method; then
// comes the rest of the target, up to a LF, then header fields.
#include "base/json.h"
#include "event/event.h"
#include "http/listing.h"
#include "http/publish.h"
#include "http/response.h"
#include "http/subscribe.h"

#include <stdio.h>

static const char *const starts[] = {
    "POST /streams/a?", "POST /streams/",         "POST /broadcast?",   "POST /connections/1?",
    "GET /streams?",    "GET /streams/",          "PUT /streams/a?",    "GET /streams/a?view=info&",
    "GET /events?",     "GET /stream?stream_id=", "POST /connections/", "OPTIONS /",
};

enum { STARTS = sizeof(starts) / sizeof(starts[0]), TEXT_BYTES_MAX = 32 << 10 };

static void check_refusal(const struct http_fault *fault)
{
    static char storage[HTTP_RESPONSE_BYTES_MAX];
    struct buffer out;
    buffer_wrap(&out, storage, sizeof(storage));
    ASSERT(fault->error != ERR_NONE);
    ASSERT(fault->position <= REQUEST_TARGET_BYTES_MAX);
    ASSERT(http_response_problem(&out, &(struct http_answer){.is_keep_alive = true},
                                 &(struct http_problem){.fault = fault}) == 0);
    const char *body = memmem(storage, buffer_length(&out), "\r\n\r\n", 4);
    ASSERT(body != NULL);
    size_t start = (size_t)(body + 4 - storage);
    ASSERT(json_validate(slice_after(buffer_slice(&out), start), NULL) == JSON_OK);
}

// What is accepted is an event: what is wrong with it is told before its body comes.
static enum rc_error check_publish(struct http_request *request, const struct http_route *route,
                                   struct http_fault *fault)
{
    static struct publish_parameters parameters;
    enum rc_error error = publish_parse(&parameters, request, route, fault);
    if (error != ERR_NONE) {
        return error;
    }
    char message[256];
    ASSERT(event_validate(&parameters.event, message, sizeof(message)) == ERR_NONE);
    ASSERT(parameters.body < BODY_KINDS && parameters.ack <= ACK_SYNCED);
    ASSERT(parameters.life == STREAM_OPEN || route->kind == HTTP_ROUTE_PUBLISH);
    ASSERT((parameters.event.producer_id == 0) == (parameters.event.producer_sequence == 0));
    return ERR_NONE;
}

static enum rc_error check_route(struct http_request *request, const struct http_route *route,
                                 struct http_fault *fault)
{
    static struct subscribe_request subscribe;
    struct listing listing;
    bool wants_reach;
    switch (route->kind) {
    case HTTP_ROUTE_PUBLISH:
    case HTTP_ROUTE_SEND:
    case HTTP_ROUTE_BROADCAST: return check_publish(request, route, fault);
    case HTTP_ROUTE_LIST: {
        enum rc_error error = listing_parse(&listing, request, route, fault);
        ASSERT(error != ERR_NONE || (listing.limit >= 1 && listing.limit <= LISTING_LIMIT_MAX));
        return error;
    }
    case HTTP_ROUTE_INFO: return info_parse(&wants_reach, request, route, fault);
    case HTTP_ROUTE_CREATE:
    case HTTP_ROUTE_DELETE: return no_parameters_parse(request, route, fault);
    default:
        return http_route_is_subscription(route->kind)
                   ? subscribe_parse(&subscribe, request, route, fault)
                   : ERR_NONE;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_request request;
    static char text[TEXT_BYTES_MAX];
    if (size < 1 || size > TEXT_BYTES_MAX / 2) {
        return 0;
    }
    struct slice fields = slice_from(data + 1, size - 1);
    struct slice target = slice_split(&fields, '\n');
    struct buffer out;
    buffer_wrap(&out, text, sizeof(text));
    buffer_append_text(&out, starts[data[0] % STARTS]);
    buffer_append_slice(&out, target);
    buffer_append_text(&out, " HTTP/1.1\r\nHost: a\r\n");
    buffer_append_slice(&out, fields);
    buffer_append_text(&out, "\r\n\r\n");
    ASSERT(buffer_failure(&out) == 0);
    struct slice whole = buffer_slice(&out);
    size_t consumed;
    http_request_init(&request);
    enum http_progress progress = http_request_feed(&request, whole.at, whole.length, &consumed);
    if (progress != HTTP_HEADER && progress != HTTP_COMPLETE) {
        return 0;
    }
    struct http_route route;
    struct http_fault fault;
    if (http_route_find(&route, &request, HTTP_AUDIENCE_PUBLIC, &fault) != ERR_NONE ||
        check_route(&request, &route, &fault) != ERR_NONE) {
        check_refusal(&fault);
        return 0;
    }
    ASSERT(route.kind != HTTP_ROUTE_NONE);
    return 0;
}
