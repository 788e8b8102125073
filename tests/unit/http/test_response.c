#include "http/response.h"

#include "base/clock.h"
#include "base/json.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

// The clock of this program stands: 1994-11-06 08:49:37 UTC, RFC 9110's own example.
uint64_t clock_realtime_ms(void)
{
    return UINT64_C(784111777000);
}

#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

static struct buffer out;
static char storage[8 << 10];

static void begin(void)
{
    buffer_wrap(&out, storage, sizeof(storage));
}

static void expect_text(const char *text)
{
    struct slice written = buffer_slice(&out);
    cr_expect(slice_equal_text(written, text), SLICE_FORMAT "\n--- is not ---\n%s",
              SLICE_ARGUMENTS(written), text);
}

static bool holds(const char *text)
{
    return memmem(storage, buffer_length(&out), text, strlen(text)) != NULL;
}

TestSuite(response, .init = begin);

Test(response, event_stream)
{
    struct http_stream_start start = {
        .connection_id = SLICE_LITERAL("00000000000000ff"), .resume_id = 1042, .retry_ms = 5000};
    cr_expect_eq(http_response_stream(&out, &start), 0);
    expect_text("HTTP/1.1 200 OK\r\n" DATE "Connection: close\r\n"
                "Content-Type: text/event-stream\r\n"
                "Cache-Control: no-cache\r\n"
                "X-Accel-Buffering: no\r\n"
                "X-Content-Type-Options: nosniff\r\n"
                "Ringcast-Connection-Id: 00000000000000ff\r\n"
                "\r\n"
                "id: 1042\nretry: 5000\n\n");
}

Test(response, event_stream_after_a_gap)
{
    struct notice_gap gap = {.from = 7, .to = 9, .reason = NOTICE_EXPIRED, .resume = 9};
    struct http_stream_start start = {
        .connection_id = SLICE_LITERAL("1"), .resume_id = 9, .gap = &gap};
    cr_expect_eq(http_response_stream(&out, &start), 0);
    cr_expect(holds("\r\nRingcast-Gap: 7-9/expired\r\n\r\n"));
    cr_expect_not(holds("retry"));
    struct slice written = buffer_slice(&out);
    struct slice frame = SLICE_LITERAL("\r\n\r\nid: 9\n\n");
    cr_expect(slice_equal(slice_after(written, written.length - frame.length), frame));
}

Test(response, problem)
{
    struct http_fault fault;
    http_fault_set(&fault, ERR_INVALID_PARAMETER, "from is \"x\\y\"");
    http_fault_set_position(&fault, 12);
    struct http_problem problem = {.fault = &fault, .is_keep_alive = true};
    cr_expect_eq(http_response_problem(&out, &problem), 0);
    expect_text(
        "HTTP/1.1 400 Bad Request\r\n" DATE "Connection: keep-alive\r\n"
        "Content-Type: application/problem+json\r\n"
        "Content-Length: 173\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "\r\n"
        "{\"type\":\"urn:ringcast:error:invalid_parameter\",\"title\":\"A parameter has an "
        "invalid value\",\"status\":400,\"code\":\"invalid_parameter\",\"detail\":\"from is "
        "\\\"x\\\\y\\\"\",\"position\":12}\n");
}

Test(response, problem_without_a_body)
{
    struct http_fault fault = {.error = ERR_METHOD_NOT_ALLOWED};
    struct http_problem problem = {
        .fault = &fault, .is_head = true, .allow = "GET, HEAD", .retry_after_s = 30};
    cr_expect_eq(http_response_problem(&out, &problem), 0);
    cr_expect(holds("HTTP/1.1 405 Method Not Allowed\r\n"));
    cr_expect(holds("Connection: close\r\n"));
    cr_expect(holds("Allow: GET, HEAD\r\nRetry-After: 30\r\n\r\n"));
    cr_expect_not(holds("Content-Length: 0"));
    cr_expect_not(holds("{"));
}

// The body of the response in the buffer, which is as long as Content-Length says.
static struct slice body_of(void)
{
    struct slice written = buffer_slice(&out);
    const char *end = memmem(storage, written.length, "\r\n\r\n", 4);
    cr_assert_not_null(end);
    struct slice body = slice_after(written, (size_t)(end - storage) + 4);
    const char *length = memmem(storage, written.length, "Content-Length: ", 16);
    cr_assert_not_null(length);
    cr_expect_eq(strtoul(length + 16, NULL, 10), body.length);
    return body;
}

Test(response, every_error_is_valid_and_within_bounds)
{
    for (unsigned number = 1; number < ERROR_COUNT; number++) {
        struct http_fault fault;
        char detail[HTTP_FAULT_DETAIL_BYTES];
        memset(detail, '"', sizeof(detail) - 1);
        detail[sizeof(detail) - 1] = '\0';
        http_fault_set(&fault, (enum rc_error)number, "%s", detail);
        http_fault_set_position(&fault, SIZE_MAX);
        struct http_problem problem = {
            .fault = &fault, .allow = "GET, HEAD", .retry_after_s = UINT32_MAX};
        char bounded[HTTP_RESPONSE_BYTES_MAX];
        struct buffer small;
        buffer_wrap(&small, bounded, sizeof(bounded));
        cr_expect_eq(http_response_problem(&small, &problem), 0);

        begin();
        cr_expect_eq(http_response_problem(&out, &problem), 0);
        cr_expect_eq(json_validate(body_of(), NULL), JSON_OK);
        char status[64];
        snprintf(status, sizeof(status), "HTTP/1.1 %d ", error_http_status(fault.error));
        cr_expect(holds(status));
        cr_expect_not(holds("HTTP/1.1 400 \r\n"), "no reason phrase");
    }
}

Test(response, error)
{
    cr_expect_eq(http_response_error(&out, ERR_TOO_MANY_CONNECTIONS, 2), 0);
    cr_expect(holds("HTTP/1.1 503 Service Unavailable\r\n"));
    cr_expect(holds("Retry-After: 2\r\n"));
    cr_expect(holds("Connection: close\r\n"));
    cr_expect_not(holds("\"detail\""));
    cr_expect_not(holds("\"position\""));
    cr_expect_eq(json_validate(body_of(), NULL), JSON_OK);
}

Test(response, status_of_its_own)
{
    static const int statuses[] = {417, 505, 599};
    for (size_t i = 0; i < 3; i++) {
        struct http_fault fault = {.error = ERR_INVALID_REQUEST, .status = statuses[i]};
        begin();
        cr_expect_eq(http_response_problem(&out, &(struct http_problem){.fault = &fault}), 0);
        char text[32];
        snprintf(text, sizeof(text), "\"status\":%d,", statuses[i]);
        cr_expect(holds(text));
    }
    cr_expect(holds("HTTP/1.1 599 \r\n"));
}

Test(response, asset)
{
    struct slice page = SLICE_LITERAL("<p>");
    cr_expect_eq(http_response_asset(&out, "text/html; charset=utf-8", page, true, false), 0);
    cr_expect(holds("HTTP/1.1 200 OK\r\n"));
    cr_expect(holds("Content-Type: text/html; charset=utf-8\r\nContent-Length: 3\r\n"));
    cr_expect(holds("Content-Security-Policy: default-src 'none';"));
    cr_expect(holds("X-Content-Type-Options: nosniff\r\n"));
    cr_expect(slice_equal_text(body_of(), "<p>"));
    begin();
    cr_expect_eq(http_response_asset(&out, "text/html", page, true, true), 0);
    cr_expect(holds("Content-Length: 3\r\n"));
    cr_expect_not(holds("<p>"));
}

Test(response, text)
{
    cr_expect_eq(http_response_text(&out, "ok", true, false), 0);
    cr_expect(holds("Content-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\n"));
    cr_expect(slice_equal_text(body_of(), "ok\n"));
    begin();
    cr_expect_eq(http_response_text(&out, "ok", false, true), 0);
    cr_expect(holds("Content-Length: 3\r\n"));
    cr_expect_not(holds("ok\n"));
}

Test(response, no_content)
{
    cr_expect_eq(http_response_no_content(&out, true), 0);
    expect_text("HTTP/1.1 204 No Content\r\n" DATE "Connection: keep-alive\r\n"
                "Cache-Control: no-store\r\n\r\n");
}

Test(response, says_when_there_is_no_room)
{
    struct buffer tiny;
    char bytes[100];
    buffer_wrap(&tiny, bytes, sizeof(bytes));
    cr_expect_eq(http_response_error(&tiny, ERR_NOT_FOUND, 0), -ENOBUFS);
    buffer_clear(&tiny);
    cr_expect_eq(http_response_stream(&tiny, &(struct http_stream_start){.retry_ms = 1}), -ENOBUFS);
    buffer_clear(&tiny);
    cr_expect_eq(http_response_asset(&tiny, "a/b", slice_empty(), true, false), -ENOBUFS);
    buffer_clear(&tiny);
    cr_expect_eq(http_response_text(&tiny, "ok", true, false), -ENOBUFS);
    buffer_clear(&tiny);
    cr_expect_eq(http_response_no_content(&tiny, true), -ENOBUFS);
}
