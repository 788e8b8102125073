#include "http/route.h"

#include "base/assert.h"
#include "event/event.h"
#include "http/parameter.h"

#include <stdio.h>

enum route_shape {
    SHAPE_EXACT,
    SHAPE_NAME,     // what follows is a stream's name
    SHAPE_ID,       // what follows is one segment
    SHAPE_ID_TOKEN, // what follows is one segment and /token
};

static const struct route_entry {
    struct slice path;
    enum route_shape shape;
    enum http_audience audience;
    enum http_route_kind kinds[HTTP_METHOD_COUNT];
} routes[] = {
    {SLICE_LITERAL("/streams/"),
     SHAPE_NAME,
     HTTP_AUDIENCE_PUBLIC,
     {[HTTP_METHOD_GET] = HTTP_ROUTE_STREAM,
      [HTTP_METHOD_HEAD] = HTTP_ROUTE_HEAD,
      [HTTP_METHOD_POST] = HTTP_ROUTE_PUBLISH,
      [HTTP_METHOD_PUT] = HTTP_ROUTE_CREATE,
      [HTTP_METHOD_DELETE] = HTTP_ROUTE_DELETE}},
    {SLICE_LITERAL("/streams"),
     SHAPE_EXACT,
     HTTP_AUDIENCE_PUBLIC,
     {[HTTP_METHOD_GET] = HTTP_ROUTE_LIST, [HTTP_METHOD_POST] = HTTP_ROUTE_CREATE_UUID}},
    {SLICE_LITERAL("/connections/"),
     SHAPE_ID,
     HTTP_AUDIENCE_PUBLIC,
     {[HTTP_METHOD_POST] = HTTP_ROUTE_SEND}},
    {SLICE_LITERAL("/connections/"),
     SHAPE_ID_TOKEN,
     HTTP_AUDIENCE_PUBLIC,
     {[HTTP_METHOD_POST] = HTTP_ROUTE_RENEW}},
    {SLICE_LITERAL("/broadcast"),
     SHAPE_EXACT,
     HTTP_AUDIENCE_PUBLIC,
     {[HTTP_METHOD_POST] = HTTP_ROUTE_BROADCAST}},
    {SLICE_LITERAL("/events"),
     SHAPE_EXACT,
     HTTP_AUDIENCE_PUBLIC,
     {[HTTP_METHOD_GET] = HTTP_ROUTE_EVENTS}},
    {SLICE_LITERAL("/stream"),
     SHAPE_EXACT,
     HTTP_AUDIENCE_PUBLIC,
     {[HTTP_METHOD_GET] = HTTP_ROUTE_STREAM_ALIAS}},
    {SLICE_LITERAL("/api/sse"),
     SHAPE_EXACT,
     HTTP_AUDIENCE_PUBLIC,
     {[HTTP_METHOD_GET] = HTTP_ROUTE_SESSION_ALIAS}},
    {SLICE_LITERAL("/healthz"),
     SHAPE_EXACT,
     HTTP_AUDIENCE_BOTH,
     {[HTTP_METHOD_GET] = HTTP_ROUTE_HEALTH, [HTTP_METHOD_HEAD] = HTTP_ROUTE_HEALTH}},
    {SLICE_LITERAL("/readyz"),
     SHAPE_EXACT,
     HTTP_AUDIENCE_BOTH,
     {[HTTP_METHOD_GET] = HTTP_ROUTE_READY, [HTTP_METHOD_HEAD] = HTTP_ROUTE_READY}},
    {SLICE_LITERAL("/metrics"),
     SHAPE_EXACT,
     HTTP_AUDIENCE_ADMIN,
     {[HTTP_METHOD_GET] = HTTP_ROUTE_METRICS, [HTTP_METHOD_HEAD] = HTTP_ROUTE_METRICS}},
    {SLICE_LITERAL("/stats"),
     SHAPE_EXACT,
     HTTP_AUDIENCE_ADMIN,
     {[HTTP_METHOD_GET] = HTTP_ROUTE_STATS, [HTTP_METHOD_HEAD] = HTTP_ROUTE_STATS}},
};

enum { ROUTES = sizeof(routes) / sizeof(routes[0]) };

static const char *const method_names[HTTP_METHOD_COUNT] = {
    [HTTP_METHOD_OTHER] = "OTHER",   [HTTP_METHOD_GET] = "GET",
    [HTTP_METHOD_HEAD] = "HEAD",     [HTTP_METHOD_POST] = "POST",
    [HTTP_METHOD_PUT] = "PUT",       [HTTP_METHOD_PATCH] = "PATCH",
    [HTTP_METHOD_DELETE] = "DELETE", [HTTP_METHOD_OPTIONS] = "OPTIONS",
};

const char *http_route_name(enum http_route_kind kind)
{
    static const char *const names[HTTP_ROUTE_KINDS] = {
        [HTTP_ROUTE_NONE] = "none",
        [HTTP_ROUTE_STREAM] = "stream",
        [HTTP_ROUTE_EVENTS] = "events",
        [HTTP_ROUTE_STREAM_ALIAS] = "stream_alias",
        [HTTP_ROUTE_SESSION_ALIAS] = "session_alias",
        [HTTP_ROUTE_INFO] = "info",
        [HTTP_ROUTE_HEAD] = "head",
        [HTTP_ROUTE_LIST] = "list",
        [HTTP_ROUTE_PUBLISH] = "publish",
        [HTTP_ROUTE_CREATE] = "create",
        [HTTP_ROUTE_CREATE_UUID] = "create_uuid",
        [HTTP_ROUTE_DELETE] = "delete",
        [HTTP_ROUTE_SEND] = "send",
        [HTTP_ROUTE_RENEW] = "renew",
        [HTTP_ROUTE_BROADCAST] = "broadcast",
        [HTTP_ROUTE_OPTIONS] = "options",
        [HTTP_ROUTE_HEALTH] = "health",
        [HTTP_ROUTE_READY] = "ready",
        [HTTP_ROUTE_METRICS] = "metrics",
        [HTTP_ROUTE_STATS] = "stats",
        [HTTP_ROUTE_ASSET] = "asset",
    };
    ASSERT((unsigned)kind < HTTP_ROUTE_KINDS);
    return names[kind];
}

const char *http_method_name(enum http_method method)
{
    ASSERT(method < HTTP_METHOD_COUNT);
    return method_names[method];
}

const char *http_methods_text(unsigned methods, char into[HTTP_METHODS_TEXT_BYTES])
{
    size_t length = 0;
    into[0] = '\0';
    for (unsigned method = HTTP_METHOD_OTHER + 1; method < HTTP_METHOD_COUNT; method++) {
        if ((methods & 1U << method) != 0) {
            length += (size_t)snprintf(into + length, HTTP_METHODS_TEXT_BYTES - length, "%s%s",
                                       length == 0 ? "" : ", ", method_names[method]);
        }
    }
    return into;
}

// Every path answers OPTIONS.
static unsigned methods_of(const struct route_entry *entry)
{
    unsigned methods = 1U << HTTP_METHOD_OPTIONS;
    for (unsigned method = 0; method < HTTP_METHOD_COUNT; method++) {
        if (entry->kinds[method] != HTTP_ROUTE_NONE) {
            methods |= 1U << method;
        }
    }
    return methods;
}

// Whether the path is the entry's; then *name is what follows it.
static bool entry_matches(const struct route_entry *entry, struct slice path, struct slice *name)
{
    static const struct slice token = SLICE_LITERAL("/token");
    if (!slice_starts_with(path, entry->path)) {
        return false;
    }
    *name = slice_after(path, entry->path.length);
    switch (entry->shape) {
    case SHAPE_EXACT: return name->length == 0;
    case SHAPE_NAME: return true;
    case SHAPE_ID_TOKEN:
        if (name->length < token.length ||
            !slice_equal(slice_after(*name, name->length - token.length), token)) {
            return false;
        }
        *name = slice_first(*name, name->length - token.length);
        return slice_find(*name, '/') == name->length;
    case SHAPE_ID: return slice_find(*name, '/') == name->length;
    }
    UNREACHABLE();
}

static enum rc_error read_name(struct http_route *route, struct http_request *request,
                               struct http_fault *fault)
{
    struct http_parameter name;
    enum rc_error error = http_parameter_decode(request, route->name, PERCENT_PATH, &name, fault);
    if (error == ERR_NONE && !event_name_is_valid(name.value)) {
        error = HTTP_PARAMETER_FAULT(fault, ERR_INVALID_NAME, name.position,
                                     "A stream's name is 1 to %d bytes of UTF-8 without control "
                                     "characters",
                                     NAME_BYTES_MAX);
    }
    route->name = name.value;
    return error;
}

// `view` chooses another form of what GET answers. Its spelling is fixed, so that it is found
// without decoding, which subscribe_parse does.
static enum rc_error read_view(struct http_route *route, const struct http_request *request,
                               struct http_fault *fault)
{
    static const struct slice prefix = SLICE_LITERAL("view=");
    struct slice rest = route->query;
    while (rest.at != NULL) {
        struct slice pair = slice_split(&rest, '&');
        if (!slice_starts_with(pair, prefix)) {
            continue;
        }
        struct slice view = slice_after(pair, prefix.length);
        if (!slice_equal_text(view, "info")) {
            return HTTP_PARAMETER_FAULT(fault, ERR_INVALID_PARAMETER,
                                        (size_t)(view.at - request->text), "view is info");
        }
        route->kind = HTTP_ROUTE_INFO;
    }
    return ERR_NONE;
}

static enum rc_error refuse_method(struct http_route *route, struct http_fault *fault)
{
    char methods[HTTP_METHODS_TEXT_BYTES];
    return http_fault_set(fault, ERR_METHOD_NOT_ALLOWED, "This resource answers %s",
                          http_methods_text(route->methods, methods));
}

// "*" and CONNECT's authority are about the server as a whole.
static enum rc_error find_server(struct http_route *route, const struct http_request *request,
                                 enum http_audience audience, struct http_fault *fault)
{
    for (size_t i = 0; i < ROUTES; i++) {
        if ((routes[i].audience & audience) != 0) {
            route->methods |= methods_of(&routes[i]);
        }
    }
    if (request->method != HTTP_METHOD_OPTIONS) {
        return refuse_method(route, fault);
    }
    route->kind = HTTP_ROUTE_OPTIONS;
    return ERR_NONE;
}

// The entry of the path for this audience; NULL where there is none and the method is none of an
// asset's.
static const struct route_entry *find_entry(struct slice path, enum http_audience audience,
                                            enum http_method method, struct slice *name)
{
    static const struct route_entry asset = {
        SLICE_LITERAL("/"),
        SHAPE_EXACT,
        HTTP_AUDIENCE_PUBLIC,
        {[HTTP_METHOD_GET] = HTTP_ROUTE_ASSET, [HTTP_METHOD_HEAD] = HTTP_ROUTE_ASSET}};
    for (size_t i = 0; i < ROUTES; i++) {
        if ((routes[i].audience & audience) != 0 && entry_matches(&routes[i], path, name)) {
            return &routes[i];
        }
    }
    *name = slice_empty();
    if ((asset.audience & audience) == 0) {
        return NULL;
    }
    bool is_answered = (methods_of(&asset) & 1U << method) != 0;
    return is_answered || slice_equal(path, asset.path) ? &asset : NULL;
}

static enum rc_error refuse_path(enum http_audience audience, struct http_fault *fault)
{
    if (audience == HTTP_AUDIENCE_ADMIN) {
        return http_fault_set(fault, ERR_NOT_FOUND,
                              "There is no such resource on an admin listener (--admin-listen); "
                              "streams are at the others (--listen)");
    }
    return http_fault_set(fault, ERR_NOT_FOUND,
                          "There is no such resource; publishing is POST /streams/{name}");
}

static enum rc_error find(struct http_route *route, struct http_request *request,
                          enum http_audience audience, struct http_fault *fault)
{
    if (route->path.length == 0 || route->path.at[0] != '/') {
        return find_server(route, request, audience, fault);
    }
    const struct route_entry *entry =
        find_entry(route->path, audience, request->method, &route->name);
    if (entry == NULL) {
        return refuse_path(audience, fault);
    }
    route->methods = methods_of(entry);
    enum rc_error error = ERR_NONE;
    if (entry->shape == SHAPE_NAME) {
        error = read_name(route, request, fault);
    }
    if (error != ERR_NONE) {
        return error;
    }
    if (request->method == HTTP_METHOD_OPTIONS) {
        route->kind = HTTP_ROUTE_OPTIONS;
        return ERR_NONE;
    }
    route->kind = entry->kinds[request->method];
    if (route->kind == HTTP_ROUTE_NONE) {
        return refuse_method(route, fault);
    }
    return route->kind == HTTP_ROUTE_STREAM ? read_view(route, request, fault) : ERR_NONE;
}

enum rc_error http_route_find(struct http_route *route, struct http_request *request,
                              enum http_audience audience, struct http_fault *fault)
{
    struct slice target = http_request_target(request);
    size_t mark = slice_find(target, '?');
    *route = (struct http_route){.path = slice_first(target, mark)};
    if (mark < target.length) {
        route->query = slice_after(target, mark + 1);
    }
    enum rc_error error = find(route, request, audience, fault);
    if (error != ERR_NONE) {
        route->kind = HTTP_ROUTE_NONE;
    }
    return error;
}

bool http_route_is_subscription(enum http_route_kind kind)
{
    return kind == HTTP_ROUTE_STREAM || kind == HTTP_ROUTE_EVENTS ||
           kind == HTTP_ROUTE_STREAM_ALIAS || kind == HTTP_ROUTE_SESSION_ALIAS;
}

bool http_route_takes_body(enum http_route_kind kind)
{
    return kind == HTTP_ROUTE_PUBLISH || kind == HTTP_ROUTE_CREATE ||
           kind == HTTP_ROUTE_CREATE_UUID || kind == HTTP_ROUTE_SEND ||
           kind == HTTP_ROUTE_BROADCAST;
}
