#include "http/route.h"

enum method_set {
    METHODS_GET = 1 << HTTP_METHOD_GET,
    METHODS_GET_HEAD = 1 << HTTP_METHOD_GET | 1 << HTTP_METHOD_HEAD,
};

struct route_entry {
    struct slice path;
    bool is_prefix; // what follows is the name
    enum http_route_kind kind;
    enum method_set methods;
};

// An event stream answers GET alone: what HEAD would promise depends on where the stream starts.
static const struct route_entry routes[] = {
    {SLICE_LITERAL("/streams/"), true, HTTP_ROUTE_STREAM, METHODS_GET},
    {SLICE_LITERAL("/events"), false, HTTP_ROUTE_EVENTS, METHODS_GET},
    {SLICE_LITERAL("/stream"), false, HTTP_ROUTE_STREAM_ALIAS, METHODS_GET},
    {SLICE_LITERAL("/api/sse"), false, HTTP_ROUTE_SESSION_ALIAS, METHODS_GET},
    {SLICE_LITERAL("/healthz"), false, HTTP_ROUTE_HEALTH, METHODS_GET_HEAD},
    {SLICE_LITERAL("/"), false, HTTP_ROUTE_ASSET, METHODS_GET_HEAD},
};

static const char *allow_text(enum method_set methods)
{
    return methods == METHODS_GET ? "GET" : "GET, HEAD";
}

static bool entry_matches(const struct route_entry *entry, struct slice path)
{
    return entry->is_prefix ? slice_starts_with(path, entry->path) : slice_equal(path, entry->path);
}

struct http_route http_route_find(const struct http_request *request)
{
    struct slice target = http_request_target(request);
    size_t mark = slice_find(target, '?');
    struct http_route route = {
        .kind = HTTP_ROUTE_NOT_FOUND,
        .path = slice_first(target, mark),
    };
    if (mark < target.length) {
        route.query = slice_after(target, mark + 1);
        route.query_position = mark + 1;
    }
    unsigned method = 1U << request->method;
    if (route.path.length == 0 || route.path.at[0] != '/') {
        // "*" and CONNECT's authority: about the server as a whole.
        route.kind = HTTP_ROUTE_METHOD_NOT_ALLOWED;
        route.allow = allow_text(METHODS_GET_HEAD);
        return route;
    }
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const struct route_entry *entry = &routes[i];
        if (!entry_matches(entry, route.path)) {
            continue;
        }
        if ((method & entry->methods) == 0) {
            route.kind = HTTP_ROUTE_METHOD_NOT_ALLOWED;
            route.allow = allow_text(entry->methods);
            return route;
        }
        route.kind = entry->kind;
        route.name = slice_after(route.path, entry->path.length);
        return route;
    }
    if ((method & METHODS_GET_HEAD) != 0) {
        route.kind = HTTP_ROUTE_ASSET;
    }
    return route;
}

bool http_route_is_subscription(enum http_route_kind kind)
{
    return kind == HTTP_ROUTE_STREAM || kind == HTTP_ROUTE_EVENTS ||
           kind == HTTP_ROUTE_STREAM_ALIAS || kind == HTTP_ROUTE_SESSION_ALIAS;
}
