// Requests that are made to be read in two ways: by this broker and by a proxy in front of it, or
// by a header and by what is made of it.
#include "unit/http/fixture.h"

static struct http_request request;

#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define BAD(text, detail)                            \
    {                                                \
        TEXT(text), ERR_INVALID_REQUEST, 400, detail \
    }

static const struct refused_request refusals[] = {
    // Both lengths, and lengths given twice or in two ways.
    BAD(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", ""),
    BAD(POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", ""),
    BAD(POST "Transfer-Encoding: chunked\r\nContent-Length:\r\n\r\n", ""),
    BAD(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "given twice"),
    BAD(POST "Content-Length: 5\r\ncontent-length: 5\r\n\r\n", "given twice"),
    BAD(POST "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", "given twice"),
    BAD(POST "Content-Length: 5, 5\r\n\r\n", "length"),
    BAD(POST "Content-Length: 5,\r\n\r\n", "length"),
    BAD(POST "Content-Length: 5 5\r\n\r\n", "length"),
    BAD(POST "Content-Length: +5\r\n\r\n", "length"),
    BAD(POST "Content-Length: -5\r\n\r\n", "length"),
    BAD(POST "Content-Length: -0\r\n\r\n", "length"),
    BAD(POST "Content-Length: 5.0\r\n\r\n", "length"),
    BAD(POST "Content-Length: 1e1\r\n\r\n", "length"),
    BAD(POST "Content-Length: 0x5\r\n\r\n", "length"),
    BAD(POST "Content-Length: 0b1\r\n\r\n", "length"),
    BAD(POST "Content-Length: 5_0\r\n\r\n", "length"),
    BAD(POST "Content-Length: five\r\n\r\n", "length"),
    BAD(POST "Content-Length: \"5\"\r\n\r\n", "length"),
    BAD(POST "Content-Length: 5\t\r\n\r\n", "length"), // though white space may follow a value
    BAD(POST "Content-Length: 5;x=y\r\n\r\n", "length"),
    BAD(POST "Content-Length: \xd9\xa5\r\n\r\n", "length"), // an Arabic five
    BAD(POST "Content-Length: 18446744073709551616\r\n\r\n", "length"),
    BAD(POST "Content-Length: 18446744073709551621\r\n\r\n", "length"),
    BAD(POST "Content-Length: 18446744073709551615\r\n\r\n", "length"),
    {TEXT(POST "Content-Length: 18446744073709551614\r\n\r\n"), ERR_TOO_LARGE, 413, "16384"},
    {TEXT(POST "Content-Length: 9223372036854775808\r\n\r\n"), ERR_TOO_LARGE, 413, "16384"},
    {TEXT(POST "Content-Length: 4294967297\r\n\r\n"), ERR_TOO_LARGE, 413, "16384"},
    {TEXT(POST "Content-Length: 000000000000000000000000000000005\r\n\r\n"), ERR_HEADER_TOO_LARGE,
     431, "Content-Length"},
    // Codings that somebody might take for chunked, or not.
    BAD(POST "Transfer-Encoding:\r\n\r\n", ""),
    BAD(POST "Transfer-Encoding: \t \r\n\r\n", ""),
    BAD(POST "Transfer-Encoding: chunked, chunked\r\n\r\n", "length"),
    BAD(POST "Transfer-Encoding: chunked, identity\r\n\r\n", "length"),
    BAD(POST "Transfer-Encoding: identity, chunked\r\n\r\n", "chunked"),
    BAD(POST "Transfer-Encoding: identity\r\n\r\n", "chunked"),
    BAD(POST "Transfer-Encoding: chunked;q=1\r\n\r\n", "chunked"),
    BAD(POST "Transfer-Encoding: \"chunked\"\r\n\r\n", "chunked"),
    BAD(POST "Transfer-Encoding: chunke\r\n\r\n", "chunked"),
    BAD(POST "Transfer-Encoding: chunked\x0b\r\n\r\n", ""),
    BAD(POST "Transfer-Encoding: \x0b"
             "chunked\r\n\r\n",
        ""),
    BAD(POST "Transfer-Encoding: \x00"
             "chunked\r\n\r\n",
        ""),
    BAD(POST "Transfer-Encoding: ch\xc3\xbcnked\r\n\r\n", "chunked"),
    BAD(POST "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n", "chunked"),
    BAD(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", "given twice"),
    BAD("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.0"),
    // Names of fields that are nearly ones.
    BAD(POST "Content-Length : 5\r\n\r\n", "character"),
    BAD(POST "Content-Length\t: 5\r\n\r\n", "character"),
    BAD(POST "Transfer-Encoding : chunked\r\n\r\n", "character"),
    BAD(POST " Content-Length: 5\r\n\r\n", "folded"),
    BAD(POST "\tTransfer-Encoding: chunked\r\n\r\n", "folded"),
    BAD(POST "X: y\r\n Content-Length: 5\r\n\r\n", "folded"),
    BAD(POST "Content-Length: 5\r\n 5\r\n\r\n", "folded"),
    BAD(POST "Content\x00Length: 5\r\n\r\n", "character"),
    BAD(POST "Content-Length\x00: 5\r\n\r\n", "character"),
    BAD(POST "Content-Length: 5\x00\r\n\r\n", ""),
    BAD(POST "\x00"
             "Content-Length: 5\r\n\r\n",
        "character"),
    BAD(POST "Content-Length; 5\r\n\r\n", "character"),
    BAD(POST "Content-Length\r\n: 5\r\n\r\n", ""),
    BAD(POST "(Content-Length): 5\r\n\r\n", "character"),
    BAD(POST "\"Host\": b\r\n\r\n", "character"),
    BAD(POST "Content\xe2\x80\x90Length: 5\r\n\r\n", "character"), // a hyphen of Unicode
    // Ends of lines that are none.
    BAD(POST "X: a\nContent-Length: 5\r\n\r\n", "LF without CR"),
    BAD(POST "X: a\rContent-Length: 5\r\n\r\n", "CR is not followed"),
    BAD(POST "X: a\r\rContent-Length: 5\r\n\r\n", "CR is not followed"),
    BAD(POST "X: a\r\n\rContent-Length: 5\r\n\r\n", "CR is not followed"),
    BAD(POST "X: a\r\n\nContent-Length: 5\r\n\r\n", "LF without CR"),
    BAD(POST "X: a\x00\r\n\r\n", ""),
    BAD("GET / HTTP/1.1\r\nHost: a\x00"
        "b\r\n\r\n",
        ""),
    BAD("GET / HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 1\x00\r\n\r\n", ""),
    BAD("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\x01\r\n\r\n", ""),
    BAD("GET / HTTP/1.1\r\nHost: a\r\nCookie: a=\x7f\r\n\r\n", ""),
    // Request lines.
    BAD(" GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""),
    BAD("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", ""),
    BAD("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", ""),
    {TEXT("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), ERR_UNSUPPORTED_VERSION, 505, ""},
    BAD("GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", ""),
    BAD("GET /\ta HTTP/1.1\r\nHost: a\r\n\r\n", ""),
    BAD("GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", ""),
    BAD("G\x00T / HTTP/1.1\r\nHost: a\r\n\r\n", ""),
    BAD("GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n", ""),
    BAD("GET / http/1.1\r\nHost: a\r\n\r\n", ""),
    {TEXT("GET / HTTP/1.1.1\r\nHost: a\r\n\r\n"), ERR_UNSUPPORTED_VERSION, 505, ""},
    {TEXT("GET / HTTP/1\r\nHost: a\r\n\r\n"), ERR_UNSUPPORTED_VERSION, 505, ""},
    BAD("GET / HTTP1.1\r\nHost: a\r\n\r\n", ""),
    {TEXT("GET / HTTP/+1.1\r\nHost: a\r\n\r\n"), ERR_UNSUPPORTED_VERSION, 505, ""},
    {TEXT("GET / HTTP/1.1,\r\nHost: a\r\n\r\n"), ERR_UNSUPPORTED_VERSION, 505, ""},
    BAD("GETT / HTTP/1.1\r\nHost: a\r\n\r\n", "method"),
    BAD("GE / HTTP/1.1\r\nHost: a\r\n\r\n", "method"),
    BAD("\xef\xbb\xbfGET / HTTP/1.1\r\nHost: a\r\n\r\n", "method"),
    BAD("HTTP/1.1 200 OK\r\n\r\n", ""),
    BAD("\r\n\r\n \r\nGET / HTTP/1.1\r\n", ""),
    BAD("CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /", ""),
    BAD("CONNECT a:1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""),
    // Which host.
    BAD("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "given twice"),
    BAD("GET / HTTP/1.1\r\nHost: a\r\nHOST: a\r\n\r\n", "given twice"),
    BAD("GET / HTTP/1.1\r\nHost: a\tb\r\n\r\n", "host and port"),
    BAD("GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n", "host and port"),
    BAD("GET / HTTP/1.1\r\nHost: a?b\r\n\r\n", "host and port"),
    BAD("GET / HTTP/1.1\r\nHost: a#b\r\n\r\n", "host and port"),
    BAD("GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", "host and port"),
    BAD("GET http://b/ HTTP/1.1\r\n\r\n", "Host is missing"),
    // Fields of ours that may stand once.
    BAD(POST "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", "given twice"),
    BAD(POST "authorization: Bearer a\r\nAUTHORIZATION: Bearer a\r\n\r\n", "given twice"),
    BAD(POST "Cookie: a=b\r\nCookie: c=d\r\n\r\n", "given twice"),
    BAD(POST "Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\n", "given twice"),
    BAD(POST "Content-Encoding: gzip\r\nContent-Encoding: br\r\n\r\n", "given twice"),
    BAD(POST "Producer-Id: 1\r\nProducer-Id: 1\r\n\r\n", "given twice"),
    BAD(POST "Producer-Epoch: 1\r\nProducer-Epoch: 1\r\n\r\n", "given twice"),
    BAD(POST "Producer-Seq: 1\r\nProducer-Seq: 2\r\n\r\n", "given twice"),
    BAD(POST "Event-Type: a\r\nEvent-Type: b\r\n\r\n", "given twice"),
    BAD(POST "Ack: written\r\nAck: synced\r\n\r\n", "given twice"),
    BAD(POST "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", "given twice"),
    BAD("OPTIONS / HTTP/1.1\r\nHost: a\r\nAccess-Control-Request-Method: PUT\r\n"
        "Access-Control-Request-Method: GET\r\n\r\n",
        "given twice"),
    {TEXT(POST "Expect: 100-continue, x\r\n\r\n"), ERR_INVALID_REQUEST, 417, "100-continue"},
    {TEXT(POST "Expect:\r\n\r\n"), ERR_INVALID_REQUEST, 417, "100-continue"},
    // Chunks.
    BAD(CHUNKED "\r\n", "size"),
    BAD(CHUNKED " 1\r\na\r\n0\r\n\r\n", "size"),
    BAD(CHUNKED "1 \r\na\r\n0\r\n\r\n", "size"),
    BAD(CHUNKED "1\t\r\na\r\n0\r\n\r\n", "size"),
    BAD(CHUNKED "1 ;x\r\na\r\n0\r\n\r\n", "size"),
    BAD(CHUNKED "+1\r\na\r\n0\r\n\r\n", "size"),
    BAD(CHUNKED "-1\r\na\r\n0\r\n\r\n", "size"),
    BAD(CHUNKED "0x1\r\na\r\n0\r\n\r\n", "size"),
    BAD(CHUNKED "1,\r\na\r\n0\r\n\r\n", "size"),
    BAD(CHUNKED "1g\r\na\r\n0\r\n\r\n", "size"),
    BAD(CHUNKED "\x00"
                "1\r\na\r\n0\r\n\r\n",
        "size"),
    BAD(CHUNKED "1\x00\r\na\r\n0\r\n\r\n", "size"),
    BAD(CHUNKED "1\na\r\n0\r\n\r\n", "size"),
    BAD(CHUNKED "1\ra\r\n0\r\n\r\n", "CR is not followed"),
    BAD(CHUNKED "1\r\r\na\r\n0\r\n\r\n", "CR is not followed"),
    BAD(CHUNKED "10000000000000000\r\n", "size"),
    BAD(CHUNKED "00000000000000001\r\na\r\n0\r\n\r\n", "size"),
    {TEXT(CHUNKED "ffffffffffffffff\r\na"), ERR_TOO_LARGE, 413, "16384"},
    {TEXT(CHUNKED "ffffffffffffffff\r\na\r\n"), ERR_TOO_LARGE, 413, "16384"},
    {TEXT(CHUNKED "1\r\na\r\nfffffffffffffffe\r\na"), ERR_TOO_LARGE, 413, "16384"},
    BAD(CHUNKED "1;x\ny\r\na\r\n0\r\n\r\n", "extension"),
    BAD(CHUNKED "1;x\ry\r\na\r\n0\r\n\r\n", "CR is not followed"),
    BAD(CHUNKED "1;x=\"\r\n\"\r\nz\r\n0\r\n\r\n", "size"),
    BAD(CHUNKED "1;\x00\r\na\r\n0\r\n\r\n", "extension"),
    BAD(CHUNKED "1;\x7f\r\na\r\n0\r\n\r\n", "extension"),
    BAD(CHUNKED "1\r\nab\r\n0\r\n\r\n", "does not end"),
    BAD(CHUNKED "1\r\na\n0\r\n\r\n", "does not end"),
    BAD(CHUNKED "1\r\na\rb0\r\n\r\n", "does not end"),
    BAD(CHUNKED "1\r\na0\r\n\r\n", "does not end"),
    BAD(CHUNKED "2\r\na\r\n0\r\n\r\n", "does not end"),
    BAD(CHUNKED "0\r\nX: y\r\n\r\n", "Trailer"),
    BAD(CHUNKED "0\r\n X: y\r\n\r\n", "Trailer"),
    BAD(CHUNKED "0\r\n\n", "Trailer"),
    BAD(CHUNKED "0\r\n\rX", "CR is not followed"),
    BAD(CHUNKED "0\n\n", "size"),
};

Test(request_hostile, is_refused_however_it_is_split)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        expect_refusal(&request, &refusals[i]);
    }
}

struct taken_request {
    struct slice text;
    const char *body;
    size_t consumed; // what follows belongs to somebody else
};

#define SIZED(head, body) TEXT(head body "GET"), body, sizeof(head body) - 1

static const struct taken_request taken[] = {
    {SIZED(POST "Content-Length: 5\r\n\r\n", "hello")},
    {SIZED(POST "Content-Length:5\r\n\r\n", "hello")},
    {SIZED(POST "Content-Length: \t 5  \r\n\r\n", "hello")},
    {SIZED(POST "CONTENT-LENGTH: 00005\r\n\r\n", "hello")},
    {SIZED(POST "Content_Length: 3\r\nContent-Length: 5\r\n\r\n", "hello")},
    {SIZED(POST "X-Content-Length: 3\r\nContent-Length: 5\r\n\r\n", "hello")},
    {SIZED(POST "Content-Length: 5\r\nX-Transfer-Encoding: chunked\r\n\r\n", "hello")},
    {SIZED(POST "Content-Length: 5\r\nTransfer_Encoding: chunked\r\n\r\n", "hello")},
    {SIZED(POST "Content-Length: 5\r\nConnection: Transfer-Encoding\r\n\r\n", "hello")},
    {SIZED(POST "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\n", "hello")},
    {SIZED(GET "Content-Length: 5\r\n\r\n", "hello")},
    {SIZED("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "hello")},
    {SIZED("OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "hello")},
    {SIZED("POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n", "hello")},
    {SIZED(POST "Content-Length: 0\r\n\r\n", "")},
    {SIZED(POST "\r\n", "")},
    {SIZED(POST "Expect: 100-Continue\r\n\r\n", "")},
    {SIZED(POST "Trailer: X\r\nContent-Length: 5\r\n\r\n", "\r\n0\r\n")},
    {TEXT(CHUNKED "0\r\n\r\nGET"), "", sizeof CHUNKED "0\r\n\r\n" - 1},
    {TEXT(CHUNKED "000\r\n\r\nGET"), "", sizeof CHUNKED "000\r\n\r\n" - 1},
    {TEXT(CHUNKED "5\r\nhello\r\n0\r\n\r\nGET"), "hello",
     sizeof CHUNKED "5\r\nhello\r\n0\r\n\r\n" - 1},
    {TEXT(CHUNKED "0000000000000005\r\nhello\r\n0\r\n\r\nGET"), "hello",
     sizeof CHUNKED "0000000000000005\r\nhello\r\n0\r\n\r\n" - 1},
    {TEXT(CHUNKED "1\r\nh\r\nA\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\nGET"),
     "h01234567890123456789",
     sizeof CHUNKED "1\r\nh\r\nA\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n" - 1},
    {TEXT(CHUNKED "2;x=\"y;z\"\r\n\r\n\r\n0;\t\xff\r\n\r\nGET"), "\r\n",
     sizeof CHUNKED "2;x=\"y;z\"\r\n\r\n\r\n0;\t\xff\r\n\r\n" - 1},
    {TEXT(CHUNKED "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\nGET"), "\r\n0\r\n\r\n",
     sizeof CHUNKED "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n" - 1},
};

// What is taken has one meaning, and ends where it ends.
Test(request_hostile, is_taken_in_one_way_however_it_is_split)
{
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        for (size_t split = 0; split <= taken[i].consumed; split++) {
            fed_body_length = 0;
            struct outcome outcome = feed_split(&request, taken[i].text, split);
            cr_assert_eq(outcome.progress, HTTP_COMPLETE, SLICE_FORMAT " at %zu: %s",
                         SLICE_ARGUMENTS(taken[i].text), split, request.fault.detail);
            cr_expect_eq(outcome.consumed, taken[i].consumed, SLICE_FORMAT " at %zu: %zu",
                         SLICE_ARGUMENTS(taken[i].text), split, outcome.consumed);
            expect_slice(slice_from(fed_body, fed_body_length), taken[i].body, "body");
        }
    }
}

Test(request_hostile, a_bound_of_its_own_for_each_body)
{
    static const char text[] = POST "Content-Length: 100\r\n\r\n";
    size_t consumed;
    for (uint64_t short_by = 0; short_by < 2; short_by++) {
        http_request_init(&request);
        cr_assert_eq(
            http_request_feed(&request, (const uint8_t *)text, sizeof(text) - 1, &consumed),
            HTTP_HEADER);
        cr_expect_eq(http_request_content_length(&request), 100);
        cr_expect_eq(http_request_take_body(&request, 100 - short_by, NULL, NULL), short_by == 0);
    }
    cr_expect_eq(request.fault.error, ERR_TOO_LARGE);
    static const char chunked[] = CHUNKED;
    http_request_init(&request);
    cr_assert_eq(
        http_request_feed(&request, (const uint8_t *)chunked, sizeof(chunked) - 1, &consumed),
        HTTP_HEADER);
    cr_expect_eq(http_request_content_length(&request), HTTP_LENGTH_UNKNOWN);
    cr_expect(http_request_take_body(&request, 1, NULL, NULL));
    cr_expect_eq(http_request_feed(&request, (const uint8_t *)"2\r", 2, &consumed), HTTP_NEED_MORE);
    cr_expect_eq(http_request_feed(&request, (const uint8_t *)"\n", 1, &consumed), HTTP_FAILED,
                 "before a byte of it came");
    cr_expect_eq(request.fault.error, ERR_TOO_LARGE);
}

struct expectation {
    const char *text;
    bool expects;
};

Test(request_hostile, who_waits_for_a_continue)
{
    static const struct expectation cases[] = {
        {POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n", true},
        {POST "Expect: 100-CONTINUE\r\nTransfer-Encoding: chunked\r\n\r\n", true},
        {POST "Content-Length: 1\r\n\r\n", false},
        {"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t consumed;
        http_request_init(&request);
        cr_assert_eq(http_request_feed(&request, (const uint8_t *)cases[i].text,
                                       strlen(cases[i].text), &consumed),
                     HTTP_HEADER);
        cr_expect_eq(request.expects_continue, cases[i].expects, "%s", cases[i].text);
    }
    struct outcome outcome = feed_split(&request, slice_of(POST "Expect: 100-continue\r\n\r\n"), 0);
    cr_expect_eq(outcome.progress, HTTP_COMPLETE);
    cr_expect_not(request.expects_continue, "no body to wait for");
}

Test(request_hostile, fields_that_are_repeated_without_end)
{
    static char text[64 << 10];
    strcpy(text, GET);
    for (int i = 0; i < HTTP_HEADERS_MAX - 1; i++) {
        strcat(text, "Accept: text/event-stream\r\n");
    }
    strcat(text, "\r\n");
    cr_expect_eq(feed_split(&request, slice_of(text), 100).progress, HTTP_FAILED);
    cr_expect_eq(request.fault.error, ERR_HEADER_TOO_LARGE);
    strcpy(text, GET);
    for (int i = 0; i < HTTP_HEADERS_MAX - 1; i++) {
        strcat(text, "User-Agent: a\r\n");
    }
    strcat(text, "\r\n");
    cr_expect_eq(feed_split(&request, slice_of(text), 100).progress, HTTP_COMPLETE);
    cr_expect_leq(http_request_field(&request, HTTP_FIELD_USER_AGENT).length,
                  HTTP_USER_AGENT_BYTES_MAX);
}

// A higher bound of the header does not let what is kept grow.
Test(request_hostile, what_is_kept_is_bounded)
{
    static char text[64 << 10];
    size_t length = (size_t)snprintf(text, sizeof(text),
                                     "GET /%0*d HTTP/1.1\r\nHost: a\r\nCookie: %0*d\r\n"
                                     "Authorization: %0*d\r\n\r\n",
                                     REQUEST_TARGET_BYTES_MAX - 1, 0, HTTP_COOKIE_BYTES_MAX, 0,
                                     HTTP_AUTHORIZATION_BYTES_MAX, 0);
    http_request_init(&request);
    http_request_set_header_max(&request, sizeof(text));
    size_t consumed;
    cr_expect_eq(http_request_feed(&request, (const uint8_t *)text, length, &consumed),
                 HTTP_FAILED);
    cr_expect_eq(request.fault.error, ERR_HEADER_TOO_LARGE);
    cr_expect_not_null(strstr(request.fault.detail, "together"), "%s", request.fault.detail);
}

Test(request_hostile, empty_lines_before_it_are_bounded)
{
    static char text[REQUEST_HEADER_BYTES_MAX + 100];
    for (size_t at = 0; at < REQUEST_HEADER_BYTES_MAX; at += 2) {
        memcpy(text + at, "\r\n", 2);
    }
    cr_expect_eq(feed_split(&request, slice_from(text, REQUEST_HEADER_BYTES_MAX), 7).progress,
                 HTTP_FAILED);
    cr_expect_eq(request.fault.error, ERR_HEADER_TOO_LARGE);
    cr_expect_not(http_request_has_started(&request));
}

Test(request_hostile, a_connect_is_the_last_request)
{
    struct outcome outcome =
        feed_split(&request, slice_of("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nGET / HTTP"), 0);
    cr_expect_eq(outcome.progress, HTTP_COMPLETE);
    cr_expect_not(request.is_keep_alive);
}
