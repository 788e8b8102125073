// What the tests of src/http share.
#ifndef RINGCAST_TESTS_UNIT_HTTP_FIXTURE_H
#define RINGCAST_TESTS_UNIT_HTTP_FIXTURE_H

#include "http/request.h"

#include <criterion/criterion.h>
#include <stdio.h>

// Feeds a whole request at once.
static inline enum http_progress feed(struct http_request *request, const char *text,
                                      size_t *consumed)
{
    http_request_init(request);
    return http_request_feed(request, (const uint8_t *)text, strlen(text), consumed);
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
