#include "http/route.h"

#include "unit/http/fixture.h"

struct expected_route {
    const char *method;
    const char *target;
    enum http_route_kind kind;
    enum rc_error error;
    const char *name;
    const char *query;
};

static const struct expected_route table[] = {
    {"GET", "/streams/chat/42", HTTP_ROUTE_STREAM, ERR_NONE, "chat/42", ""},
    {"GET", "/streams/chat%2F42?from=1", HTTP_ROUTE_STREAM, ERR_NONE, "chat/42", "from=1"},
    {"GET", "/streams//", HTTP_ROUTE_STREAM, ERR_NONE, "/", ""},
    {"GET", "/streams/../healthz", HTTP_ROUTE_STREAM, ERR_NONE, "../healthz", ""},
    {"GET", "/streams/a+b", HTTP_ROUTE_STREAM, ERR_NONE, "a+b", ""},
    {"GET", "/streams/a%252F", HTTP_ROUTE_STREAM, ERR_NONE, "a%2F", ""},
    {"GET", "/streams/a%3Fview=info", HTTP_ROUTE_STREAM, ERR_NONE, "a?view=info", ""},
    {"GET", "/streams/a?view=info", HTTP_ROUTE_INFO, ERR_NONE, "a", "view=info"},
    {"GET", "/streams/a?b&view=info", HTTP_ROUTE_INFO, ERR_NONE, "a", "b&view=info"},
    {"GET", "/streams/a?preview=info", HTTP_ROUTE_STREAM, ERR_NONE, "a", "preview=info"},
    {"GET", "/streams/a?view=all", HTTP_ROUTE_NONE, ERR_INVALID_PARAMETER, "a", "view=all"},
    {"HEAD", "/streams/a", HTTP_ROUTE_HEAD, ERR_NONE, "a", ""},
    {"HEAD", "/streams/a?view=info", HTTP_ROUTE_HEAD, ERR_NONE, "a", "view=info"},
    {"POST", "/streams/a?view=info", HTTP_ROUTE_PUBLISH, ERR_NONE, "a", "view=info"},
    {"PUT", "/streams/a", HTTP_ROUTE_CREATE, ERR_NONE, "a", ""},
    {"DELETE", "/streams/a", HTTP_ROUTE_DELETE, ERR_NONE, "a", ""},
    {"OPTIONS", "/streams/a", HTTP_ROUTE_OPTIONS, ERR_NONE, "a", ""},
    {"PATCH", "/streams/a", HTTP_ROUTE_NONE, ERR_METHOD_NOT_ALLOWED, "a", ""},
    {"GET", "/streams/", HTTP_ROUTE_NONE, ERR_INVALID_NAME, "", ""},
    {"GET", "/streams/a%", HTTP_ROUTE_NONE, ERR_INVALID_REQUEST, "", ""},
    {"DELETE", "/streams/%zz", HTTP_ROUTE_NONE, ERR_INVALID_REQUEST, "", ""},
    {"GET", "/streams", HTTP_ROUTE_LIST, ERR_NONE, "", ""},
    {"GET", "/streams?prefix=a", HTTP_ROUTE_LIST, ERR_NONE, "", "prefix=a"},
    {"POST", "/streams", HTTP_ROUTE_CREATE_UUID, ERR_NONE, "", ""},
    {"PUT", "/streams", HTTP_ROUTE_NONE, ERR_METHOD_NOT_ALLOWED, "", ""},
    {"POST", "/connections/0f", HTTP_ROUTE_SEND, ERR_NONE, "0f", ""},
    {"POST", "/connections/0f/token", HTTP_ROUTE_RENEW, ERR_NONE, "0f", ""},
    {"POST", "/connections/token", HTTP_ROUTE_SEND, ERR_NONE, "token", ""},
    {"POST", "/connections//token", HTTP_ROUTE_RENEW, ERR_NONE, "", ""},
    {"POST", "/connections/a/b/token", HTTP_ROUTE_NONE, ERR_NOT_FOUND, "", ""},
    {"POST", "/connections/a/tokens", HTTP_ROUTE_NONE, ERR_NOT_FOUND, "", ""},
    {"GET", "/connections/0f", HTTP_ROUTE_NONE, ERR_METHOD_NOT_ALLOWED, "0f", ""},
    {"POST", "/broadcast?type=a", HTTP_ROUTE_BROADCAST, ERR_NONE, "", "type=a"},
    {"GET", "/broadcast", HTTP_ROUTE_NONE, ERR_METHOD_NOT_ALLOWED, "", ""},
    {"GET", "/events?stream=a&stream=b", HTTP_ROUTE_EVENTS, ERR_NONE, "", "stream=a&stream=b"},
    {"GET", "/events", HTTP_ROUTE_EVENTS, ERR_NONE, "", ""},
    {"GET", "/events/", HTTP_ROUTE_ASSET, ERR_NONE, "", ""},
    {"GET", "/stream?stream_id=a?b", HTTP_ROUTE_STREAM_ALIAS, ERR_NONE, "", "stream_id=a?b"},
    {"GET", "/api/sse?sessionId=a", HTTP_ROUTE_SESSION_ALIAS, ERR_NONE, "", "sessionId=a"},
    {"GET", "/healthz", HTTP_ROUTE_HEALTH, ERR_NONE, "", ""},
    {"HEAD", "/healthz", HTTP_ROUTE_HEALTH, ERR_NONE, "", ""},
    {"GET", "/", HTTP_ROUTE_ASSET, ERR_NONE, "", ""},
    {"HEAD", "/index.html", HTTP_ROUTE_ASSET, ERR_NONE, "", ""},
    {"OPTIONS", "/index.html", HTTP_ROUTE_OPTIONS, ERR_NONE, "", ""},
    {"POST", "/index.html", HTTP_ROUTE_NONE, ERR_NOT_FOUND, "", ""},
    {"POST", "/", HTTP_ROUTE_NONE, ERR_METHOD_NOT_ALLOWED, "", ""},
    {"DELETE", "/healthz", HTTP_ROUTE_NONE, ERR_METHOD_NOT_ALLOWED, "", ""},
    {"HEAD", "/events?stream=a", HTTP_ROUTE_NONE, ERR_METHOD_NOT_ALLOWED, "", "stream=a"},
    {"TRACE", "/stream", HTTP_ROUTE_NONE, ERR_METHOD_NOT_ALLOWED, "", ""},
    {"OPTIONS", "*", HTTP_ROUTE_OPTIONS, ERR_NONE, "", ""},
    {"CONNECT", "a:443", HTTP_ROUTE_NONE, ERR_METHOD_NOT_ALLOWED, "", ""},
};

Test(route, table)
{
    static struct http_request request;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct expected_route *expected = &table[i];
        request_make(&request, expected->method, expected->target, "");
        struct http_route route;
        struct http_fault fault = {.error = ERR_NONE};
        cr_expect_eq(http_route_find(&route, &request, HTTP_AUDIENCE_PUBLIC, &fault),
                     expected->error, "%s %s: %s", expected->method, expected->target,
                     fault.detail);
        cr_expect_eq(fault.error, expected->error);
        cr_expect_eq(route.kind, expected->kind, "%s %s: %d", expected->method, expected->target,
                     (int)route.kind);
        expect_slice(route.name, expected->name, expected->target);
        expect_slice(route.query, expected->query, expected->target);
    }
}

struct expected_methods {
    const char *target;
    const char *methods;
};

Test(route, methods)
{
    static const struct expected_methods paths[] = {
        {"/streams/a", "GET, HEAD, POST, PUT, DELETE, OPTIONS"},
        {"/streams", "GET, POST, OPTIONS"},
        {"/connections/1", "POST, OPTIONS"},
        {"/connections/1/token", "POST, OPTIONS"},
        {"/broadcast", "POST, OPTIONS"},
        {"/events", "GET, OPTIONS"},
        {"/healthz", "GET, HEAD, OPTIONS"},
        {"/", "GET, HEAD, OPTIONS"},
        {"/other", "GET, HEAD, OPTIONS"},
    };
    static struct http_request request;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct http_route route;
        struct http_fault fault;
        char text[HTTP_METHODS_TEXT_BYTES];
        request_make(&request, "OPTIONS", paths[i].target, "");
        cr_assert_eq(http_route_find(&route, &request, HTTP_AUDIENCE_PUBLIC, &fault), ERR_NONE);
        cr_expect_str_eq(http_methods_text(route.methods, text), paths[i].methods);
        request_make(&request, "PATCH", paths[i].target, "");
        enum rc_error error = http_route_find(&route, &request, HTTP_AUDIENCE_PUBLIC, &fault);
        if (error == ERR_METHOD_NOT_ALLOWED) {
            cr_expect_str_eq(http_methods_text(route.methods, text), paths[i].methods);
            cr_expect_not_null(strstr(fault.detail, paths[i].methods));
        } else {
            cr_expect_eq(error, ERR_NOT_FOUND);
        }
    }
}

Test(route, administrators_are_answered_on_paths_of_their_own)
{
    static struct http_request request;
    struct http_route route;
    struct http_fault fault;
    request_make(&request, "GET", "/healthz", "");
    cr_expect_eq(http_route_find(&route, &request, HTTP_AUDIENCE_ADMIN, &fault), ERR_NONE);
    cr_expect_eq(route.kind, HTTP_ROUTE_HEALTH);
    static const char *const others[] = {"/", "/streams", "/streams/a", "/events?stream=a",
                                         "/x.js"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        request_make(&request, "GET", others[i], "");
        cr_expect_eq(http_route_find(&route, &request, HTTP_AUDIENCE_ADMIN, &fault), ERR_NOT_FOUND);
        cr_expect_not_null(strstr(fault.detail, "--listen"), "%s", fault.detail);
    }
    request_make(&request, "OPTIONS", "*", "");
    cr_expect_eq(http_route_find(&route, &request, HTTP_AUDIENCE_ADMIN, &fault), ERR_NONE);
    char text[HTTP_METHODS_TEXT_BYTES];
    cr_expect_str_eq(http_methods_text(route.methods, text), "GET, HEAD, OPTIONS");
}

struct expected_name {
    const char *encoded;
    enum rc_error error;
    const char *name;
};

// Whatever is done with percent signs, a name is what was sent, decoded once, or refused.
Test(route, names_that_play_tricks)
{
    static const struct expected_name names[] = {
        {"%00", ERR_INVALID_NAME, ""},
        {"a%00b", ERR_INVALID_NAME, ""},
        {"a%0d%0aX:%20y", ERR_INVALID_NAME, ""},
        {"a%0D", ERR_INVALID_NAME, ""},
        {"a%0A", ERR_INVALID_NAME, ""},
        {"a%09b", ERR_INVALID_NAME, ""},
        {"%1b[31m", ERR_INVALID_NAME, ""},
        {"%7f", ERR_INVALID_NAME, ""},
        {"%c2%85", ERR_INVALID_NAME, ""}, // next line, a control character
        {"%c0%af", ERR_INVALID_NAME, ""}, // an overlong slash
        {"%c0%80", ERR_INVALID_NAME, ""}, // an overlong NUL
        {"%e0%80%af", ERR_INVALID_NAME, ""},
        {"%f0%80%80%af", ERR_INVALID_NAME, ""},
        {"%ed%a0%80", ERR_INVALID_NAME, ""},    // a surrogate
        {"%f4%90%80%80", ERR_INVALID_NAME, ""}, // beyond U+10FFFF
        {"%ff%fe", ERR_INVALID_NAME, ""},
        {"%c3", ERR_INVALID_NAME, ""}, // half a character
        {"%u0041", ERR_INVALID_REQUEST, ""},
        {"%", ERR_INVALID_REQUEST, ""},
        {"%4", ERR_INVALID_REQUEST, ""},
        {"%4%31", ERR_INVALID_REQUEST, ""},
        {"%%41", ERR_INVALID_REQUEST, ""},
        {"%+1", ERR_INVALID_REQUEST, ""},
        {"%-1", ERR_INVALID_REQUEST, ""},
        {"%0x41", ERR_INVALID_REQUEST, ""},
        {"%2e%2e%2f%2e%2e%2fetc%2fpasswd", ERR_NONE, "../../etc/passwd"},
        {"..%5c..%5c", ERR_NONE, "..\\..\\"},
        {"../../streams", ERR_NONE, "../../streams"},
        {"./a", ERR_NONE, "./a"},
        {"a//b", ERR_NONE, "a//b"},
        {"%252e%252e", ERR_NONE, "%2e%2e"},
        {"%25%30%30", ERR_NONE, "%00"},
        {"%41%6A%6a", ERR_NONE, "Ajj"},
        {"a;b=c,d", ERR_NONE, "a;b=c,d"},
        {"a%3fb%23c", ERR_NONE, "a?b#c"},
        {"%20", ERR_NONE, " "},
        {"+", ERR_NONE, "+"},
        {"%C3%A9", ERR_NONE, "\xc3\xa9"},
        {"e%CC%81", ERR_NONE, "e\xcc\x81"}, // not normalised: another name than the one before
        {"%EF%BB%BFa", ERR_NONE,
         "\xef\xbb\xbf"
         "a"},
        {"*", ERR_NONE, "*"},
        {"%2a%2A", ERR_NONE, "**"},
    };
    static struct http_request request;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char target[128];
        snprintf(target, sizeof(target), "/streams/%s?a=b", names[i].encoded);
        request_make(&request, "GET", target, "");
        struct http_route route;
        struct http_fault fault;
        cr_expect_eq(http_route_find(&route, &request, HTTP_AUDIENCE_PUBLIC, &fault),
                     names[i].error, "%s", names[i].encoded);
        if (names[i].error == ERR_NONE) {
            expect_slice(route.name, names[i].name, names[i].encoded);
        } else {
            cr_expect(fault.has_position);
            cr_expect_geq(fault.position, strlen("/streams/"));
        }
        expect_slice(route.query, "a=b", names[i].encoded);
    }
}

Test(route, names_up_to_their_bound)
{
    static struct http_request request;
    for (size_t over = 0; over < 2; over++) {
        char target[1024] = "/streams/";
        for (size_t i = 0; i < NAME_BYTES_MAX + over; i++) {
            strcat(target, "%61");
        }
        request_make(&request, "GET", target, "");
        struct http_route route;
        struct http_fault fault;
        cr_expect_eq(http_route_find(&route, &request, HTTP_AUDIENCE_PUBLIC, &fault),
                     over == 0 ? ERR_NONE : ERR_INVALID_NAME);
    }
}

Test(route, tells_an_empty_query_from_none)
{
    static struct http_request request;
    struct http_route route;
    struct http_fault fault;
    request_make(&request, "GET", "/events?", "");
    cr_assert_eq(http_route_find(&route, &request, HTTP_AUDIENCE_PUBLIC, &fault), ERR_NONE);
    cr_expect_not_null(route.query.at);
    request_make(&request, "GET", "/events", "");
    cr_assert_eq(http_route_find(&route, &request, HTTP_AUDIENCE_PUBLIC, &fault), ERR_NONE);
    cr_expect_null(route.query.at);
}

Test(route, knows_subscriptions)
{
    cr_expect(http_route_is_subscription(HTTP_ROUTE_STREAM));
    cr_expect(http_route_is_subscription(HTTP_ROUTE_EVENTS));
    cr_expect(http_route_is_subscription(HTTP_ROUTE_STREAM_ALIAS));
    cr_expect(http_route_is_subscription(HTTP_ROUTE_SESSION_ALIAS));
    cr_expect_not(http_route_is_subscription(HTTP_ROUTE_ASSET));
    cr_expect_not(http_route_is_subscription(HTTP_ROUTE_HEALTH));
    cr_expect_not(http_route_is_subscription(HTTP_ROUTE_INFO));
}

Test(route, knows_who_takes_a_body)
{
    cr_expect(http_route_takes_body(HTTP_ROUTE_PUBLISH));
    cr_expect(http_route_takes_body(HTTP_ROUTE_CREATE_UUID));
    cr_expect_not(http_route_takes_body(HTTP_ROUTE_RENEW));
    cr_expect_not(http_route_takes_body(HTTP_ROUTE_DELETE));
    cr_expect_not(http_route_takes_body(HTTP_ROUTE_STREAM));
}
