// What the tests of src/http share.
#ifndef RINGCAST_TESTS_UNIT_HTTP_FIXTURE_H
#define RINGCAST_TESTS_UNIT_HTTP_FIXTURE_H

#include "http/request.h"

#include <criterion/criterion.h>
#include <stdio.h>

// The body of what was fed last.
static uint8_t fed_body[64 << 10];
static size_t fed_body_length;

static inline void take_fed_body(void *context, struct slice bytes)
{
    (void)context;
    cr_assert(bytes.length > 0 && bytes.length <= sizeof(fed_body) - fed_body_length);
    memcpy(fed_body + fed_body_length, bytes.at, bytes.length);
    fed_body_length += bytes.length;
}

// Feeds a piece, and a body behind a header too.
static inline enum http_progress feed_piece(struct http_request *request, const uint8_t *bytes,
                                            size_t length, size_t *consumed)
{
    enum http_progress progress = http_request_feed(request, bytes, length, consumed);
    if (progress != HTTP_HEADER) {
        return progress;
    }
    fed_body_length = 0;
    if (!http_request_take_body(request, HTTP_BODY_BYTES_MAX, take_fed_body, NULL)) {
        return HTTP_FAILED;
    }
    size_t rest = 0;
    progress = http_request_feed(request, bytes + *consumed, length - *consumed, &rest);
    *consumed += rest;
    return progress;
}

// Feeds a whole request at once.
static inline enum http_progress feed(struct http_request *request, const char *text,
                                      size_t *consumed)
{
    http_request_init(request);
    return feed_piece(request, (const uint8_t *)text, strlen(text), consumed);
}

// "GET target HTTP/1.1" with these further fields ("" or "Name: value\r\n...").
static inline void request_make(struct http_request *request, const char *method,
                                const char *target, const char *header_fields)
{
    char text[REQUEST_HEADER_BYTES_MAX];
    size_t consumed;
    snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, target,
             header_fields);
    cr_assert_eq(feed(request, text, &consumed), HTTP_COMPLETE, "%s: %s", target,
                 request->fault.detail);
}

static inline void expect_slice(struct slice slice, const char *text, const char *what)
{
    cr_expect(slice_equal_text(slice, text), "%s: \"" SLICE_FORMAT "\" is not \"%s\"", what,
              SLICE_ARGUMENTS(slice), text);
}

#endif
