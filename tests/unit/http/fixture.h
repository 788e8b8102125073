// What the tests of src/http share.
#ifndef RINGCAST_TESTS_UNIT_HTTP_FIXTURE_H
#define RINGCAST_TESTS_UNIT_HTTP_FIXTURE_H

#include "http/request.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

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

struct outcome {
    enum http_progress progress;
    size_t consumed;
};

// Feeds the text in two pieces, the first of them `split` bytes long, or byte by byte for split ==
// 0.
static inline struct outcome feed_split(struct http_request *request, struct slice text,
                                        size_t split)
{
    http_request_init(request);
    size_t at = 0;
    struct outcome outcome = {HTTP_NEED_MORE, 0};
    while (at < text.length && outcome.progress == HTTP_NEED_MORE) {
        size_t piece = split == 0 ? 1 : at == 0 ? split : text.length - at;
        // A copy of exactly that size, so that the sanitizer sees a read beyond it.
        uint8_t *copy = malloc(piece);
        memcpy(copy, text.at + at, piece);
        size_t consumed = 0;
        outcome.progress = feed_piece(request, copy, piece, &consumed);
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

#define GET  "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

// A request that may have a NUL in it.
#define TEXT(literal) SLICE_LITERAL(literal)

struct refused_request {
    struct slice text;
    enum rc_error error;
    int status;
    const char *detail; // part of it
};

// Fails, and for the same reason, however it is split.
static inline void expect_refusal(struct http_request *request,
                                  const struct refused_request *refused)
{
    for (size_t split = 0; split <= refused->text.length; split++) {
        struct outcome outcome = feed_split(request, refused->text, split);
        cr_expect_eq(outcome.progress, HTTP_FAILED, SLICE_FORMAT " at %zu",
                     SLICE_ARGUMENTS(refused->text), split);
        cr_expect_eq(request->fault.error, refused->error, SLICE_FORMAT ": %s, %s",
                     SLICE_ARGUMENTS(refused->text), error_code(request->fault.error),
                     request->fault.detail);
        cr_expect_eq(http_fault_status(&request->fault), refused->status, SLICE_FORMAT,
                     SLICE_ARGUMENTS(refused->text));
        cr_expect_not_null(strstr(request->fault.detail, refused->detail), SLICE_FORMAT ": %s",
                           SLICE_ARGUMENTS(refused->text), request->fault.detail);
    }
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
