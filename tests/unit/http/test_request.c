#include "unit/http/fixture.h"

#include <stdlib.h>

static struct http_request request;

struct outcome {
    enum http_progress progress;
    size_t consumed;
};

// Feeds the text in two pieces, the first of them `split` bytes long, or byte by byte for split ==
// 0.
static struct outcome feed_split(const char *text, size_t split)
{
    http_request_init(&request);
    size_t length = strlen(text);
    size_t at = 0;
    struct outcome outcome = {HTTP_NEED_MORE, 0};
    while (at < length && outcome.progress == HTTP_NEED_MORE) {
        size_t piece = split == 0 ? 1 : at == 0 ? split : length - at;
        // A copy of exactly that size, so that the sanitizer sees a read beyond it.
        uint8_t *copy = malloc(piece);
        memcpy(copy, text + at, piece);
        size_t consumed = 0;
        outcome.progress = feed_piece(&request, copy, piece, &consumed);
        free(copy);
        cr_assert_leq(consumed, piece);
        if (outcome.progress == HTTP_NEED_MORE) {
            cr_assert_eq(consumed, piece);
        }
        at += consumed;
    }
    outcome.consumed = at;
    return outcome;
}

struct refusal {
    const char *text;
    enum rc_error error;
    int status;
    const char *detail; // part of it
};

#define GET "GET / HTTP/1.1\r\nHost: a\r\n"

static const struct refusal refusals[] = {
    {"\x16\x03\x01\x02", ERR_INVALID_REQUEST, 400, "method"},
    {"FETCH / HTTP/1.1\r\n", ERR_INVALID_REQUEST, 400, "method"},
    {"get / HTTP/1.1\r\n", ERR_INVALID_REQUEST, 400, "method"},
    {"GET / HTTP/1.2\r\n", ERR_UNSUPPORTED_VERSION, 505, "HTTP/1.1"},
    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", ERR_UNSUPPORTED_VERSION, 505, "HTTP/1.1"},
    {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", ERR_UNSUPPORTED_VERSION, 505, "HTTP/1.1"},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ERR_UNSUPPORTED_VERSION, 505, "HTTP/1.1"},
    {"GET / FTP/1.1\r\n", ERR_INVALID_REQUEST, 400, "not HTTP/1.1"},
    {"GET /\r\nHost: a\r\n\r\n", ERR_UNSUPPORTED_VERSION, 505, "HTTP/1.1"},
    {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID_REQUEST, 400, "two spaces"},
    {"\r\nGET /  HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID_REQUEST, 400, "two spaces"},
    {"GET /a b HTTP/1.1\r\n", ERR_INVALID_REQUEST, 400, "not HTTP/1.1"},
    {"GET a HTTP/1.1\r\n", ERR_INVALID_REQUEST, 400, "target"},
    {"GET /\x7f HTTP/1.1\r\n", ERR_INVALID_REQUEST, 400, "percent-encoded"},
    {"GET /\xc3\xa9 HTTP/1.1\r\n", ERR_INVALID_REQUEST, 400, "percent-encoded"},
    {"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID_REQUEST, 400, "fragment"},
    {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", ERR_INVALID_REQUEST, 400, "OPTIONS"},
    {"GET / HTTP/1.1\nHost: a\n\n", ERR_INVALID_REQUEST, 400, "LF without CR"},
    {"GET / HTTP/1.1\rHost: a\r\n", ERR_INVALID_REQUEST, 400, "CR is not followed"},
    {GET "X: a\rb\r\n\r\n", ERR_INVALID_REQUEST, 400, "CR is not followed"},
    {GET "X: a\n\r\n", ERR_INVALID_REQUEST, 400, "LF without CR"},
    {GET "\n", ERR_INVALID_REQUEST, 400, "LF without CR"},
    {GET "\rX", ERR_INVALID_REQUEST, 400, "CR is not followed"},
    {GET "X: a\r\n b\r\n\r\n", ERR_INVALID_REQUEST, 400, "folded"},
    {GET "X: a\r\n\tb\r\n\r\n", ERR_INVALID_REQUEST, 400, "folded"},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", ERR_INVALID_REQUEST, 400, "folded"},
    {GET "X : a\r\n\r\n", ERR_INVALID_REQUEST, 400, "character"},
    {GET ": a\r\n\r\n", ERR_INVALID_REQUEST, 400, "no name"},
    {GET "X\r\n\r\n", ERR_INVALID_REQUEST, 400, "character"},
    {GET "X: a\x01\r\n\r\n", ERR_INVALID_REQUEST, 400, "character"},
    {GET "X: a\x7f\r\n\r\n", ERR_INVALID_REQUEST, 400, "character"},
    {GET "\xc3\xa9: a\r\n\r\n", ERR_INVALID_REQUEST, 400, "character"},
    {"GET / HTTP/1.1\r\n\r\n", ERR_INVALID_REQUEST, 400, "Host is missing"},
    {GET "host: a\r\n\r\n", ERR_INVALID_REQUEST, 400, "Host is given twice"},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", ERR_INVALID_REQUEST, 400, "host and port"},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", ERR_INVALID_REQUEST, 400, "host and port"},
    {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", ERR_INVALID_REQUEST, 400, "host and port"},
    {GET "Origin: a\r\nOrigin: a\r\n\r\n", ERR_INVALID_REQUEST, 400, "Origin is given twice"},
    {GET "Last-Event-ID: 1\r\nLast-Event-ID: 2\r\n\r\n", ERR_INVALID_REQUEST, 400, "given twice"},
    {GET "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", ERR_INVALID_REQUEST, 400, "given twice"},
    {GET "Content-Length: x\r\n\r\n", ERR_INVALID_REQUEST, 400, "length"},
    {GET "Content-Length: -1\r\n\r\n", ERR_INVALID_REQUEST, 400, "length"},
    {GET "Content-Length: +1\r\n\r\n", ERR_INVALID_REQUEST, 400, "length"},
    {GET "Content-Length: 1, 1\r\n\r\n", ERR_INVALID_REQUEST, 400, "length"},
    {GET "Content-Length: 0x1\r\n\r\n", ERR_INVALID_REQUEST, 400, "length"},
    {GET "Content-Length:\r\n\r\n", ERR_INVALID_REQUEST, 400, "length"},
    {GET "Content-Length: 99999999999999999999\r\n\r\n", ERR_INVALID_REQUEST, 400, "length"},
    {GET "Content-Length: 16385\r\n\r\n", ERR_TOO_LARGE, 413, "16384"},
    {GET "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_INVALID_REQUEST, 400, ""},
    {GET "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", ERR_INVALID_REQUEST, 400, ""},
    {GET "Transfer-Encoding: gzip\r\n\r\n", ERR_INVALID_REQUEST, 400, "chunked"},
    {GET "Transfer-Encoding: gzip, chunked\r\n\r\n", ERR_INVALID_REQUEST, 400, "chunked"},
    {GET "Transfer-Encoding: xchunked\r\n\r\n", ERR_INVALID_REQUEST, 400, "chunked"},
    {GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_INVALID_REQUEST,
     400, "given twice"},
    {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_INVALID_REQUEST, 400, "HTTP/1.0"},
    {GET "Transfer-Encoding: chunked\r\n\r\nx\r\n", ERR_INVALID_REQUEST, 400, "chunk"},
    {GET "Transfer-Encoding: chunked\r\n\r\n1\r\nabc", ERR_INVALID_REQUEST, 400, ""},
    {GET "Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\r\n\r\n", ERR_INVALID_REQUEST, 400,
     "Trailer"},
    {GET "Expect: 200-ok\r\n\r\n", ERR_INVALID_REQUEST, 417, "100-continue"},
};

static void expect_refusal(const struct refusal *refusal, const struct outcome *outcome)
{
    cr_expect_eq(outcome->progress, HTTP_FAILED, "%s", refusal->text);
    cr_expect_eq(request.fault.error, refusal->error, "%s: %s, %s", refusal->text,
                 error_code(request.fault.error), request.fault.detail);
    cr_expect_eq(http_fault_status(&request.fault), refusal->status, "%s", refusal->text);
    cr_expect_not_null(strstr(request.fault.detail, refusal->detail), "%s: %s", refusal->text,
                       request.fault.detail);
}

Test(request, refuses_what_is_wrong_however_it_is_split)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        for (size_t split = 0; split <= strlen(refusals[i].text); split++) {
            struct outcome outcome = feed_split(refusals[i].text, split);
            expect_refusal(&refusals[i], &outcome);
        }
    }
}

Test(request, tells_where_a_fragment_is)
{
    size_t consumed;
    feed(&request, "GET /ab#c HTTP/1.1\r\nHost: a\r\n\r\n", &consumed);
    cr_expect(request.fault.has_position);
    cr_expect_eq(request.fault.position, 3);
}

struct acceptance {
    const char *text;
    enum http_method method;
    const char *target;
    uint8_t version_minor;
    bool is_keep_alive;
};

static const struct acceptance acceptances[] = {
    {GET "\r\n", HTTP_METHOD_GET, "/", 1, true},
    {"GET / HTTP/1.0\r\n\r\n", HTTP_METHOD_GET, "/", 0, false},
    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", HTTP_METHOD_GET, "/", 0, true},
    {GET "Connection: close\r\n\r\n", HTTP_METHOD_GET, "/", 1, false},
    {GET "Connection: x, Close\r\n\r\n", HTTP_METHOD_GET, "/", 1, false},
    {"\r\n\r\nGET / HTTP/1.1\r\nHost:\r\n\r\n", HTTP_METHOD_GET, "/", 1, true},
    {"HEAD /a HTTP/1.1\r\nhOST: a:80\r\n\r\n", HTTP_METHOD_HEAD, "/a", 1, true},
    {"PUT /a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", HTTP_METHOD_PUT, "/a", 1, true},
    {"PATCH /a HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_METHOD_PATCH, "/a", 1, true},
    {"DELETE /a HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_METHOD_DELETE, "/a", 1, true},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_METHOD_OPTIONS, "*", 1, true},
    {"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_METHOD_OTHER, "/", 1, true},
    {"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", HTTP_METHOD_OTHER, "a:1", 1, false},
    {"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_METHOD_GET, "/", 1, true},
    {"GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_METHOD_GET, "/b?c", 1, true},
    {"GET HTTP://a:1?c HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_METHOD_GET, "/?c", 1, true},
    {"POST /a?b=c%20 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", HTTP_METHOD_POST,
     "/a?b=c%20", 1, true},
    {GET "Content-Length: 0 \r\n\r\n", HTTP_METHOD_GET, "/", 1, true},
    {GET "Transfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n", HTTP_METHOD_GET, "/", 1,
     true},
    {GET "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
     HTTP_METHOD_GET, "/", 1, true},
    {GET "X: \r\nY:z\r\nA-Name-That-Is-Longer-Than-Any-That-Matters: 1\r\n\r\n", HTTP_METHOD_GET,
     "/", 1, true},
};

Test(request, accepts_what_is_right_however_it_is_split)
{
    for (size_t i = 0; i < sizeof(acceptances) / sizeof(acceptances[0]); i++) {
        const struct acceptance *wanted = &acceptances[i];
        size_t length = strlen(wanted->text);
        for (size_t split = 0; split <= length; split++) {
            struct outcome outcome = feed_split(wanted->text, split);
            cr_assert_eq(outcome.progress, HTTP_COMPLETE, "%s at %zu: %s", wanted->text, split,
                         request.fault.detail);
            cr_expect_eq(outcome.consumed, length, "%s at %zu: %zu", wanted->text, split,
                         outcome.consumed);
            cr_expect_eq(request.method, wanted->method, "%s", wanted->text);
            cr_expect_eq(request.version_minor, wanted->version_minor, "%s", wanted->text);
            cr_expect_eq(request.is_keep_alive, wanted->is_keep_alive, "%s", wanted->text);
            expect_slice(http_request_target(&request), wanted->target, wanted->text);
        }
    }
}

Test(request, keeps_the_fields_that_matter)
{
    static const char text[] = "GET /streams/a HTTP/1.1\r\n"
                               "Host: example.org:8080\r\n"
                               "User-Agent: one\r\n"
                               "Accept: text/html \t\r\n"
                               "Cookie: c=d\r\n"
                               "LAST-EVENT-ID:   42  \r\n"
                               "Accept: */*;q=0.1\r\n"
                               "Origin: https://example.org\r\n"
                               "Accept-Encoding: gzip\r\n\r\n";
    for (size_t split = 0; split < sizeof(text); split++) {
        cr_assert_eq(feed_split(text, split).progress, HTTP_COMPLETE);
        cr_expect(http_request_has(&request, HTTP_FIELD_HOST) &&
                  http_request_has(&request, HTTP_FIELD_ACCEPT) &&
                  http_request_has(&request, HTTP_FIELD_LAST_EVENT_ID) &&
                  http_request_has(&request, HTTP_FIELD_ORIGIN));
        expect_slice(http_request_field(&request, HTTP_FIELD_HOST), "example.org:8080", "host");
        expect_slice(http_request_field(&request, HTTP_FIELD_USER_AGENT), "one", "user agent");
        expect_slice(http_request_field(&request, HTTP_FIELD_ACCEPT), "text/html, */*;q=0.1",
                     "accept");
        expect_slice(http_request_field(&request, HTTP_FIELD_LAST_EVENT_ID), "42", "last event id");
        expect_slice(http_request_field(&request, HTTP_FIELD_ORIGIN), "https://example.org",
                     "origin");
    }
}

Test(request, knows_what_was_not_sent)
{
    size_t consumed;
    http_request_init(&request);
    cr_expect_not(http_request_has_started(&request));
    cr_expect_eq(http_request_feed(&request, (const uint8_t *)"\r\n", 2, &consumed),
                 HTTP_NEED_MORE);
    cr_expect_not(http_request_has_started(&request));
    cr_expect_eq(http_request_feed(&request, (const uint8_t *)"G", 1, &consumed), HTTP_NEED_MORE);
    cr_expect(http_request_has_started(&request));
    cr_expect_eq(http_request_feed(&request, NULL, 0, &consumed), HTTP_NEED_MORE);

    cr_assert_eq(feed(&request, GET "Last-Event-ID:\r\n\r\n", &consumed), HTTP_COMPLETE);
    cr_expect(http_request_has(&request, HTTP_FIELD_LAST_EVENT_ID));
    cr_expect_eq(http_request_field(&request, HTTP_FIELD_LAST_EVENT_ID).length, 0);
    cr_expect_not(http_request_has(&request, HTTP_FIELD_ACCEPT) ||
                  http_request_has(&request, HTTP_FIELD_ORIGIN));
}

Test(request, leaves_the_next_request_alone)
{
    static const char text[] =
        "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
        "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        "GET /c HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
        "GET /d HTTP/1.0\r\nTransfer";
    static const char *const targets[] = {"/a", "/b", "/c"};
    size_t at = 0;
    size_t consumed = 0;
    for (size_t i = 0; i < 3; i++) {
        enum http_progress progress = feed(&request, text + at, &consumed);
        cr_assert_eq(progress, HTTP_COMPLETE, "%zu: %s", i, request.fault.detail);
        expect_slice(http_request_target(&request), targets[i], "target");
        at += consumed;
    }
    cr_assert_eq(feed(&request, text + at, &consumed), HTTP_NEED_MORE);
    cr_expect_eq(consumed, sizeof(text) - 1 - at);
    cr_expect(http_request_has_started(&request));
}

// A request with one part that is `length` bytes long.
static enum http_progress feed_long(const char *before, size_t length, const char *after,
                                    size_t piece)
{
    char *text = malloc(strlen(before) + length + strlen(after));
    memcpy(text, before, strlen(before));
    memset(text + strlen(before), 'a', length);
    memcpy(text + strlen(before) + length, after, strlen(after));
    size_t total = strlen(before) + length + strlen(after);
    http_request_init(&request);
    enum http_progress progress = HTTP_NEED_MORE;
    size_t consumed;
    for (size_t at = 0; at < total && progress == HTTP_NEED_MORE; at += piece) {
        size_t rest = total - at;
        progress = feed_piece(&request, (const uint8_t *)text + at, rest < piece ? rest : piece,
                              &consumed);
    }
    free(text);
    return progress;
}

struct bound {
    const char *before;
    const char *after;
    size_t length_max; // the longest that passes
    enum rc_error error;
    int status;
};

Test(request, bounds_every_part)
{
    enum { FIELDS_BYTES = sizeof GET "X: \r\n\r\n" - 1 };
    static const struct bound bounds[] = {
        {"GET /", " HTTP/1.1\r\nHost: a\r\n\r\n", REQUEST_TARGET_BYTES_MAX - 1, ERR_URI_TOO_LONG,
         414},
        {GET "X: ", "\r\n\r\n", REQUEST_HEADER_BYTES_MAX - FIELDS_BYTES, ERR_HEADER_TOO_LARGE, 431},
        {GET, ": b\r\n\r\n", REQUEST_HEADER_BYTES_MAX - FIELDS_BYTES, ERR_HEADER_TOO_LARGE, 431},
        {GET "Accept: ", "\r\n\r\n", HTTP_ACCEPT_BYTES_MAX, ERR_HEADER_TOO_LARGE, 431},
        {GET "Origin: ", "\r\n\r\n", HTTP_ORIGIN_BYTES_MAX, ERR_HEADER_TOO_LARGE, 431},
        {"GET / HTTP/1.1\r\nHost: ", "\r\n\r\n", HTTP_HOST_BYTES_MAX, ERR_HEADER_TOO_LARGE, 431},
    };
    static const size_t pieces[] = {1, 7, 4096, 1 << 20};
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        for (size_t j = 0; j < sizeof(pieces) / sizeof(pieces[0]); j++) {
            const struct bound *bound = &bounds[i];
            cr_expect_eq(feed_long(bound->before, bound->length_max, bound->after, pieces[j]),
                         HTTP_COMPLETE, "%zu: %s", i, request.fault.detail);
            cr_expect_eq(feed_long(bound->before, bound->length_max + 1, bound->after, pieces[j]),
                         HTTP_FAILED, "%zu", i);
            cr_expect_eq(request.fault.error, bound->error, "%zu: %s", i, request.fault.detail);
            cr_expect_eq(http_fault_status(&request.fault), bound->status);
        }
    }
}

Test(request, cuts_what_is_for_information_only)
{
    cr_expect_eq(feed_long(GET "User-Agent: ", 1000, "\r\n\r\n", 7), HTTP_COMPLETE);
    cr_expect_eq(http_request_field(&request, HTTP_FIELD_USER_AGENT).length,
                 HTTP_USER_AGENT_BYTES_MAX);
    cr_expect_eq(feed_long(GET "Last-Event-ID: ", 1000, "\r\n\r\n", 7), HTTP_COMPLETE);
    cr_expect_eq(http_request_field(&request, HTTP_FIELD_LAST_EVENT_ID).length,
                 HTTP_LAST_EVENT_ID_BYTES_MAX);
}

Test(request, bounds_the_number_of_fields)
{
    for (int extra = 0; extra < 2; extra++) {
        char text[REQUEST_HEADER_BYTES_MAX] = GET;
        for (int i = 1; i < HTTP_HEADERS_MAX + extra; i++) {
            strcat(text, "X: y\r\n");
        }
        strcat(text, "\r\n");
        size_t consumed;
        enum http_progress progress = feed(&request, text, &consumed);
        cr_expect_eq(progress, extra == 0 ? HTTP_COMPLETE : HTTP_FAILED);
    }
    cr_expect_eq(request.fault.error, ERR_HEADER_TOO_LARGE);
}

Test(request, a_body_up_to_its_bound)
{
    cr_expect_eq(feed_long(GET "Content-Length: 16384\r\n\r\n", HTTP_BODY_BYTES_MAX, "", 1000),
                 HTTP_COMPLETE);
    cr_expect_eq(fed_body_length, HTTP_BODY_BYTES_MAX);
    const char *header = GET "Transfer-Encoding: chunked\r\n\r\n4000\r\n";
    cr_expect_eq(feed_long(header, HTTP_BODY_BYTES_MAX, "\r\n0\r\n\r\n", 1000), HTTP_COMPLETE);
    cr_expect_eq(fed_body_length, HTTP_BODY_BYTES_MAX);
    header = GET "Transfer-Encoding: chunked\r\n\r\n4001\r\n";
    cr_expect_eq(feed_long(header, HTTP_BODY_BYTES_MAX + 1, "\r\n0\r\n\r\n", 1000), HTTP_FAILED);
    cr_expect_eq(request.fault.error, ERR_TOO_LARGE);
    cr_expect_leq(fed_body_length, HTTP_BODY_BYTES_MAX);
}

Test(request, a_lower_bound_of_the_header)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\nX: 0123456789\r\n\r\n";
    size_t consumed;
    for (uint32_t over = 0; over < 2; over++) {
        http_request_init(&request);
        http_request_set_header_max(&request, (uint32_t)strlen(text) - over);
        enum http_progress progress =
            http_request_feed(&request, (const uint8_t *)text, strlen(text), &consumed);
        cr_assert_eq(progress, over == 0 ? HTTP_COMPLETE : HTTP_FAILED);
    }
    cr_assert_eq(request.fault.error, ERR_HEADER_TOO_LARGE);
}
