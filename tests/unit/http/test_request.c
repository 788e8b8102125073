#include "unit/http/fixture.h"

#include <ctype.h>
#include <stdlib.h>

static struct http_request request;

static const struct refused_request refusals[] = {
    {TEXT("\x16\x03\x01\x02"), ERR_INVALID_REQUEST, 400, "method"},
    {TEXT("FETCH / HTTP/1.1\r\n"), ERR_INVALID_REQUEST, 400, "method"},
    {TEXT("get / HTTP/1.1\r\n"), ERR_INVALID_REQUEST, 400, "method"},
    {TEXT("GET / HTTP/1.2\r\n"), ERR_UNSUPPORTED_VERSION, 505, "HTTP/1.1"},
    {TEXT("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), ERR_UNSUPPORTED_VERSION, 505, "HTTP/1.1"},
    {TEXT("GET / HTTP/0.9\r\nHost: a\r\n\r\n"), ERR_UNSUPPORTED_VERSION, 505, "HTTP/1.1"},
    {TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ERR_UNSUPPORTED_VERSION, 505, "HTTP/1.1"},
    {TEXT("GET / FTP/1.1\r\n"), ERR_INVALID_REQUEST, 400, "not HTTP/1.1"},
    {TEXT("GET /\r\nHost: a\r\n\r\n"), ERR_UNSUPPORTED_VERSION, 505, "HTTP/1.1"},
    {TEXT("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_INVALID_REQUEST, 400, "two spaces"},
    {TEXT("\r\nGET /  HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_INVALID_REQUEST, 400, "two spaces"},
    {TEXT("GET /a b HTTP/1.1\r\n"), ERR_INVALID_REQUEST, 400, "a space in it is %20"},
    {TEXT("GET a HTTP/1.1\r\n"), ERR_INVALID_REQUEST, 400, "target"},
    {TEXT("GET /\x7f HTTP/1.1\r\n"), ERR_INVALID_REQUEST, 400, "percent-encoded"},
    {TEXT("GET /\xc3\xa9 HTTP/1.1\r\n"), ERR_INVALID_REQUEST, 400, "percent-encoded"},
    {TEXT("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_INVALID_REQUEST, 400, "fragment"},
    {TEXT("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_INVALID_REQUEST, 400, "OPTIONS"},
    {TEXT("GET / HTTP/1.1\nHost: a\n\n"), ERR_INVALID_REQUEST, 400, "LF without CR"},
    {TEXT("GET / HTTP/1.1\rHost: a\r\n"), ERR_INVALID_REQUEST, 400, "CR is not followed"},
    {TEXT(GET "X: a\rb\r\n\r\n"), ERR_INVALID_REQUEST, 400, "CR is not followed"},
    {TEXT(GET "X: a\n\r\n"), ERR_INVALID_REQUEST, 400, "LF without CR"},
    {TEXT(GET "\n"), ERR_INVALID_REQUEST, 400, "LF without CR"},
    {TEXT(GET "\rX"), ERR_INVALID_REQUEST, 400, "CR is not followed"},
    {TEXT(GET "X: a\r\n b\r\n\r\n"), ERR_INVALID_REQUEST, 400, "folded"},
    {TEXT(GET "X: a\r\n\tb\r\n\r\n"), ERR_INVALID_REQUEST, 400, "folded"},
    {TEXT("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), ERR_INVALID_REQUEST, 400, "folded"},
    {TEXT(GET "X : a\r\n\r\n"), ERR_INVALID_REQUEST, 400, "character"},
    {TEXT(GET ": a\r\n\r\n"), ERR_INVALID_REQUEST, 400, "no name"},
    {TEXT(GET "X\r\n\r\n"), ERR_INVALID_REQUEST, 400, "character"},
    {TEXT(GET "X: a\x01\r\n\r\n"), ERR_INVALID_REQUEST, 400, "character"},
    {TEXT(GET "X: a\x7f\r\n\r\n"), ERR_INVALID_REQUEST, 400, "character"},
    {TEXT(GET "\xc3\xa9: a\r\n\r\n"), ERR_INVALID_REQUEST, 400, "character"},
    {TEXT("GET / HTTP/1.1\r\n\r\n"), ERR_INVALID_REQUEST, 400, "Host is missing"},
    {TEXT(GET "host: a\r\n\r\n"), ERR_INVALID_REQUEST, 400, "Host is given twice"},
    {TEXT("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), ERR_INVALID_REQUEST, 400, "host and port"},
    {TEXT("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), ERR_INVALID_REQUEST, 400, "host and port"},
    {TEXT("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"), ERR_INVALID_REQUEST, 400, "host and port"},
    {TEXT(GET "Origin: a\r\nOrigin: a\r\n\r\n"), ERR_INVALID_REQUEST, 400, "Origin is given twice"},
    {TEXT(GET "Last-Event-ID: 1\r\nLast-Event-ID: 2\r\n\r\n"), ERR_INVALID_REQUEST, 400,
     "given twice"},
    {TEXT(GET "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"), ERR_INVALID_REQUEST, 400,
     "given twice"},
    {TEXT(GET "Content-Length: x\r\n\r\n"), ERR_INVALID_REQUEST, 400, "length"},
    {TEXT(GET "Content-Length: -1\r\n\r\n"), ERR_INVALID_REQUEST, 400, "length"},
    {TEXT(GET "Content-Length: +1\r\n\r\n"), ERR_INVALID_REQUEST, 400, "length"},
    {TEXT(GET "Content-Length: 1, 1\r\n\r\n"), ERR_INVALID_REQUEST, 400, "length"},
    {TEXT(GET "Content-Length: 0x1\r\n\r\n"), ERR_INVALID_REQUEST, 400, "length"},
    {TEXT(GET "Content-Length:\r\n\r\n"), ERR_INVALID_REQUEST, 400, "length"},
    {TEXT(GET "Content-Length: 99999999999999999999\r\n\r\n"), ERR_INVALID_REQUEST, 400, "length"},
    {TEXT(GET "Content-Length: 16385\r\n\r\n"), ERR_TOO_LARGE, 413, "16384"},
    {TEXT(GET "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"), ERR_INVALID_REQUEST, 400,
     ""},
    {TEXT(GET "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"), ERR_INVALID_REQUEST, 400,
     ""},
    {TEXT(GET "Transfer-Encoding: gzip\r\n\r\n"), ERR_INVALID_REQUEST, 400, "chunked"},
    {TEXT(GET "Transfer-Encoding: gzip, chunked\r\n\r\n"), ERR_INVALID_REQUEST, 400, "chunked"},
    {TEXT(GET "Transfer-Encoding: xchunked\r\n\r\n"), ERR_INVALID_REQUEST, 400, "chunked"},
    {TEXT(GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
     ERR_INVALID_REQUEST, 400, "given twice"},
    {TEXT("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), ERR_INVALID_REQUEST, 400,
     "HTTP/1.0"},
    {TEXT(GET "Transfer-Encoding: chunked\r\n\r\nx\r\n"), ERR_INVALID_REQUEST, 400, "chunk"},
    {TEXT(GET "Transfer-Encoding: chunked\r\n\r\n1\r\nabc"), ERR_INVALID_REQUEST, 400, ""},
    {TEXT(GET "Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\r\n\r\n"), ERR_INVALID_REQUEST, 400,
     "Trailer"},
    {TEXT(GET "Expect: 200-ok\r\n\r\n"), ERR_INVALID_REQUEST, 417, "100-continue"},
};

Test(request, refuses_what_is_wrong_however_it_is_split)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        expect_refusal(&request, &refusals[i]);
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
            struct outcome outcome = feed_split(&request, slice_of(wanted->text), split);
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
        cr_assert_eq(feed_split(&request, slice_of(text), split).progress, HTTP_COMPLETE);
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

struct kept_field {
    const char *name;
    enum http_field field;
};

Test(request, keeps_each_field_in_any_case)
{
    static const struct kept_field kept[] = {
        {"Accept", HTTP_FIELD_ACCEPT},
        {"Last-Event-ID", HTTP_FIELD_LAST_EVENT_ID},
        {"User-Agent", HTTP_FIELD_USER_AGENT},
        {"Origin", HTTP_FIELD_ORIGIN},
        {"Authorization", HTTP_FIELD_AUTHORIZATION},
        {"Cookie", HTTP_FIELD_COOKIE},
        {"Content-Type", HTTP_FIELD_CONTENT_TYPE},
        {"Content-Encoding", HTTP_FIELD_CONTENT_ENCODING},
        {"Access-Control-Request-Method", HTTP_FIELD_REQUEST_METHOD},
        {"Producer-Id", HTTP_FIELD_PRODUCER_ID},
        {"Producer-Epoch", HTTP_FIELD_PRODUCER_EPOCH},
        {"Producer-Seq", HTTP_FIELD_PRODUCER_SEQ},
        {"Event-Type", HTTP_FIELD_EVENT_TYPE},
        {"Ack", HTTP_FIELD_ACK},
        {"X-Request-Id", HTTP_FIELD_REQUEST_ID},
    };
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        for (int letter_case = 0; letter_case < 3; letter_case++) {
            char name[64];
            for (size_t at = 0; at <= strlen(kept[i].name); at++) {
                char letter = kept[i].name[at];
                name[at] = letter_case == 0   ? letter
                           : letter_case == 1 ? (char)toupper(letter)
                                              : (char)tolower(letter);
            }
            char text[256];
            size_t consumed;
            snprintf(text, sizeof(text), GET "%s: value of it \r\nX%s: y\r\n%sX: z\r\n\r\n", name,
                     name, name);
            cr_assert_eq(feed(&request, text, &consumed), HTTP_COMPLETE, "%s", name);
            for (unsigned field = HTTP_FIELD_NONE; field < HTTP_FIELD_COUNT; field++) {
                bool is_sent = field == kept[i].field || field == HTTP_FIELD_HOST;
                cr_expect_eq(http_request_has(&request, (enum http_field)field), is_sent, "%s",
                             name);
            }
            expect_slice(http_request_field(&request, kept[i].field), "value of it", name);
        }
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
        {GET "Authorization: ", "\r\n\r\n", HTTP_AUTHORIZATION_BYTES_MAX, ERR_HEADER_TOO_LARGE,
         431},
        {GET "Cookie: ", "\r\n\r\n", HTTP_COOKIE_BYTES_MAX, ERR_HEADER_TOO_LARGE, 431},
        {GET "Content-Type: ", "\r\n\r\n", ATTRIBUTE_BYTES_MAX, ERR_HEADER_TOO_LARGE, 431},
        {GET "Content-Encoding: ", "\r\n\r\n", HTTP_SHORT_BYTES_MAX, ERR_HEADER_TOO_LARGE, 431},
        {GET "Producer-Id: ", "\r\n\r\n", PRODUCER_ID_BYTES_MAX, ERR_HEADER_TOO_LARGE, 431},
        {GET "Producer-Seq: ", "\r\n\r\n", HTTP_SHORT_BYTES_MAX, ERR_HEADER_TOO_LARGE, 431},
        {GET "Producer-Epoch: ", "\r\n\r\n", HTTP_SHORT_BYTES_MAX, ERR_HEADER_TOO_LARGE, 431},
        {GET "Event-Type: ", "\r\n\r\n", TYPE_BYTES_MAX, ERR_HEADER_TOO_LARGE, 431},
        {GET "Ack: ", "\r\n\r\n", HTTP_SHORT_BYTES_MAX, ERR_HEADER_TOO_LARGE, 431},
        {GET "Access-Control-Request-Method: ", "\r\n\r\n", HTTP_SHORT_BYTES_MAX,
         ERR_HEADER_TOO_LARGE, 431},
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
