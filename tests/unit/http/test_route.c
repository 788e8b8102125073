#include "http/route.h"

#include "unit/http/fixture.h"

struct expected_route {
    const char *method;
    const char *target;
    enum http_route_kind kind;
    const char *name; // of the stream, raw
    const char *query;
    const char *allow;
};

static const struct expected_route table[] = {
    {"GET", "/streams/chat/42", HTTP_ROUTE_STREAM, "chat/42", "", NULL},
    {"GET", "/streams/chat%2F42?from=1", HTTP_ROUTE_STREAM, "chat%2F42", "from=1", NULL},
    {"GET", "/streams//", HTTP_ROUTE_STREAM, "/", "", NULL},
    {"GET", "/streams/", HTTP_ROUTE_STREAM, "", "", NULL},
    {"GET", "/streams", HTTP_ROUTE_ASSET, "", "", NULL},
    {"GET", "/events?stream=a&stream=b", HTTP_ROUTE_EVENTS, "", "stream=a&stream=b", NULL},
    {"GET", "/events", HTTP_ROUTE_EVENTS, "", "", NULL},
    {"GET", "/events/", HTTP_ROUTE_ASSET, "", "", NULL},
    {"GET", "/stream?stream_id=a?b", HTTP_ROUTE_STREAM_ALIAS, "", "stream_id=a?b", NULL},
    {"GET", "/api/sse?sessionId=a", HTTP_ROUTE_SESSION_ALIAS, "", "sessionId=a", NULL},
    {"GET", "/healthz", HTTP_ROUTE_HEALTH, "", "", NULL},
    {"HEAD", "/healthz", HTTP_ROUTE_HEALTH, "", "", NULL},
    {"GET", "/", HTTP_ROUTE_ASSET, "", "", NULL},
    {"HEAD", "/index.html", HTTP_ROUTE_ASSET, "", "", NULL},
    {"POST", "/index.html", HTTP_ROUTE_NOT_FOUND, "", "", NULL},
    {"POST", "/", HTTP_ROUTE_METHOD_NOT_ALLOWED, "", "", "GET, HEAD"},
    {"DELETE", "/healthz", HTTP_ROUTE_METHOD_NOT_ALLOWED, "", "", "GET, HEAD"},
    {"HEAD", "/streams/a", HTTP_ROUTE_METHOD_NOT_ALLOWED, "", "", "GET"},
    {"POST", "/streams/a", HTTP_ROUTE_METHOD_NOT_ALLOWED, "", "", "GET"},
    {"PATCH", "/events?stream=a", HTTP_ROUTE_METHOD_NOT_ALLOWED, "", "stream=a", "GET"},
    {"TRACE", "/stream", HTTP_ROUTE_METHOD_NOT_ALLOWED, "", "", "GET"},
    {"OPTIONS", "*", HTTP_ROUTE_METHOD_NOT_ALLOWED, "", "", "GET, HEAD"},
    {"CONNECT", "a:443", HTTP_ROUTE_METHOD_NOT_ALLOWED, "", "", "GET, HEAD"},
};

Test(route, table)
{
    static struct http_request request;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct expected_route *expected = &table[i];
        request_make(&request, expected->method, expected->target, "");
        struct http_route route = http_route_find(&request);
        cr_expect_eq(route.kind, expected->kind, "%s %s: %d", expected->method, expected->target,
                     (int)route.kind);
        expect_slice(route.name, expected->name, expected->target);
        expect_slice(route.query, expected->query, expected->target);
        if (route.query.at != NULL) {
            cr_expect_eq(route.query.at, http_request_target(&request).at + route.query_position);
        }
        cr_expect_eq(route.allow == NULL, expected->allow == NULL);
        cr_expect(route.allow == NULL || strcmp(route.allow, expected->allow) == 0);
    }
}

Test(route, tells_an_empty_query_from_none)
{
    static struct http_request request;
    request_make(&request, "GET", "/events?", "");
    cr_expect_not_null(http_route_find(&request).query.at);
    request_make(&request, "GET", "/events", "");
    cr_expect_null(http_route_find(&request).query.at);
}

Test(route, knows_subscriptions)
{
    cr_expect(http_route_is_subscription(HTTP_ROUTE_STREAM));
    cr_expect(http_route_is_subscription(HTTP_ROUTE_EVENTS));
    cr_expect(http_route_is_subscription(HTTP_ROUTE_STREAM_ALIAS));
    cr_expect(http_route_is_subscription(HTTP_ROUTE_SESSION_ALIAS));
    cr_expect_not(http_route_is_subscription(HTTP_ROUTE_ASSET));
    cr_expect_not(http_route_is_subscription(HTTP_ROUTE_HEALTH));
    cr_expect_not(http_route_is_subscription(HTTP_ROUTE_NOT_FOUND));
}
