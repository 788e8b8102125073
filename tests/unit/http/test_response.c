#include "http/response.h"

#include "base/clock.h"
#include "base/json.h"
#include "http/request_id.h"
#include "http/route.h"

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

static const struct http_answer closing = {.is_keep_alive = false};
static const struct http_answer keeping = {.is_keep_alive = true};
static const struct http_answer head = {.is_keep_alive = true, .is_head = true};

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
    cr_expect_eq(http_response_stream(&out, &closing, &start), 0);
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
    cr_expect_eq(http_response_stream(&out, &closing, &start), 0);
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
    struct http_problem problem = {.fault = &fault};
    cr_expect_eq(http_response_problem(&out, &keeping, &problem), 0);
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

Test(response, problem_tells_the_request_id)
{
    struct http_fault fault = {.error = ERR_NOT_FOUND};
    const struct http_answer answer = {.request_id = SLICE_LITERAL("abc-1")};
    cr_expect_eq(http_response_problem(&out, &answer, &(struct http_problem){.fault = &fault}), 0);
    cr_expect(holds("\r\nX-Request-Id: abc-1\r\n"));
    cr_expect(holds(",\"code\":\"not_found\",\"request_id\":\"abc-1\"}\n"));
    cr_expect_eq(http_response_status(buffer_slice(&out)), 404);
}

Test(response, problem_without_a_body)
{
    struct http_fault fault = {.error = ERR_METHOD_NOT_ALLOWED};
    struct http_problem problem = {.fault = &fault, .allow = "GET, HEAD", .retry_after_s = 30};
    cr_expect_eq(http_response_problem(&out, &(struct http_answer){.is_head = true}, &problem), 0);
    cr_expect(holds("HTTP/1.1 405 Method Not Allowed\r\n"));
    cr_expect(holds("Connection: close\r\n"));
    cr_expect(holds("Allow: GET, HEAD\r\nRetry-After: 30\r\n"));
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
        cr_expect_eq(http_response_problem(&small, &closing, &problem), 0);

        begin();
        cr_expect_eq(http_response_problem(&out, &closing, &problem), 0);
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
        cr_expect_eq(http_response_problem(&out, &closing, &(struct http_problem){.fault = &fault}),
                     0);
        char text[32];
        snprintf(text, sizeof(text), "\"status\":%d,", statuses[i]);
        cr_expect(holds(text));
    }
    cr_expect(holds("HTTP/1.1 599 \r\n"));
}

Test(response, asset)
{
    struct slice page = SLICE_LITERAL("<p>");
    cr_expect_eq(http_response_asset(&out, &keeping, "text/html; charset=utf-8", page), 0);
    cr_expect(holds("HTTP/1.1 200 OK\r\n"));
    cr_expect(holds("Content-Type: text/html; charset=utf-8\r\nContent-Length: 3\r\n"));
    cr_expect(holds("Content-Security-Policy: default-src 'none';"));
    cr_expect(holds("X-Content-Type-Options: nosniff\r\n"));
    cr_expect(slice_equal_text(body_of(), "<p>"));
    begin();
    cr_expect_eq(http_response_asset(&out, &head, "text/html", page), 0);
    cr_expect(holds("Content-Length: 3\r\n"));
    cr_expect_not(holds("<p>"));
}

Test(response, text)
{
    cr_expect_eq(http_response_text(&out, &keeping, "ok"), 0);
    cr_expect(holds("Content-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\n"));
    cr_expect(slice_equal_text(body_of(), "ok\n"));
    begin();
    cr_expect_eq(http_response_text(&out, &head, "ok"), 0);
    cr_expect(holds("Content-Length: 3\r\n"));
    cr_expect_not(holds("ok\n"));
}

Test(response, no_content)
{
    cr_expect_eq(http_response_no_content(&out, &keeping), 0);
    expect_text("HTTP/1.1 204 No Content\r\n" DATE "Connection: keep-alive\r\n"
                "Cache-Control: no-store\r\n\r\n");
}

Test(response, problem_of_a_batch)
{
    struct http_fault fault;
    http_fault_set(&fault, ERR_INVALID_NAME, "x");
    http_fault_set_position(&fault, 7);
    struct http_problem problem = {
        .fault = &fault, .has_index = true, .index = 3, .has_accepted = true, .accepted = 2};
    cr_expect_eq(http_response_problem(&out, &keeping, &problem), 0);
    cr_expect(holds("\"detail\":\"x\",\"index\":3,\"position\":7,\"accepted\":2}\n"));
    cr_expect_eq(json_validate(body_of(), NULL), JSON_OK);
}

Test(response, challenge)
{
    struct http_fault fault = {.error = ERR_UNAUTHORIZED};
    struct http_problem problem = {.fault = &fault, .challenge = "Bearer"};
    cr_expect_eq(http_response_problem(&out, &keeping, &problem), 0);
    cr_expect(holds("HTTP/1.1 401 Unauthorized\r\n"));
    cr_expect(holds("\r\nWWW-Authenticate: Bearer\r\n"));
}

Test(response, published)
{
    struct http_published published = {
        .is_numbered = true, .id = 9, .sequence = 8, .accepted = 2, .duplicates = 1};
    cr_expect_eq(http_response_published(&out, &keeping, &published), 0);
    expect_text("HTTP/1.1 200 OK\r\n" DATE "Connection: keep-alive\r\n"
                "Content-Type: application/json\r\n"
                "Content-Length: 50\r\n"
                "Cache-Control: no-store\r\n"
                "X-Content-Type-Options: nosniff\r\n"
                "\r\n"
                "{\"id\":9,\"sequence\":8,\"accepted\":2,\"duplicates\":1}\n");
    begin();
    published = (struct http_published){.accepted = 1, .has_reached = true, .reached = UINT64_MAX};
    cr_expect_eq(http_response_published(&out, &keeping, &published), 0);
    cr_expect(holds("HTTP/1.1 202 Accepted\r\n"));
    cr_expect(slice_equal_text(
        body_of(), "{\"accepted\":1,\"duplicates\":0,\"reached\":18446744073709551615}\n"));
}

Test(response, created)
{
    cr_expect_eq(http_response_created(&out, &keeping, slice_of("a/b c\"\xc3\xa9"), true), 0);
    cr_expect(holds("HTTP/1.1 201 Created\r\n"));
    cr_expect(holds("\r\nLocation: /streams/a/b%20c%22%C3%A9\r\n"));
    cr_expect(slice_equal_text(body_of(), "{\"name\":\"a/b c\\\"\xc3\xa9\",\"created\":true}\n"));
    begin();
    cr_expect_eq(http_response_created(&out, &keeping, slice_of("a/../b"), true), 0);
    cr_expect(holds("\r\nLocation: /streams/a%2F..%2Fb\r\n"), "not to be resolved to b");
    begin();
    cr_expect_eq(http_response_created(&out, &keeping, slice_of("a/..b/"), true), 0);
    cr_expect(holds("\r\nLocation: /streams/a/..b/\r\n"));
    begin();
    char name[NAME_BYTES_MAX];
    memset(name, '"', sizeof(name));
    cr_expect_eq(http_response_created(&out, &keeping, slice_from(name, sizeof(name)), false), 0);
    cr_expect(holds("HTTP/1.1 200 OK\r\n"));
    cr_expect_eq(json_validate(body_of(), NULL), JSON_OK);
}

Test(response, facts)
{
    struct http_stream_facts facts = {.life = STREAM_CANCELLED,
                                      .last_id = 5,
                                      .last_sequence = 4,
                                      .content_type = SLICE_LITERAL("text/plain")};
    cr_expect_eq(http_response_facts(&out, &head, &facts), 0);
    expect_text("HTTP/1.1 200 OK\r\n" DATE "Connection: keep-alive\r\n"
                "Ringcast-State: cancelled\r\n"
                "Ringcast-Last-Id: 5\r\n"
                "Ringcast-Last-Sequence: 4\r\n"
                "Ringcast-Content-Type: text/plain\r\n"
                "Content-Type: text/event-stream\r\n"
                "Cache-Control: no-store\r\n"
                "X-Content-Type-Options: nosniff\r\n\r\n");
}

Test(response, a_content_type_cannot_smuggle_a_field)
{
    static const char *const types[] = {"a/b\r\nX: y", "a/b\n", "a\x01", "\xc2\x85"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct http_stream_facts facts = {.content_type = slice_of(types[i])};
        begin();
        cr_expect_eq(http_response_facts(&out, &head, &facts), 0);
        cr_expect_not(holds("Ringcast-Content-Type"));
        cr_expect_not(holds("X: y"));
    }
}

static const struct http_cors allowed = {.origin = SLICE_LITERAL("https://a.example")};
static const struct http_cors foreign = {.origin = {NULL, 0}};

Test(response, options)
{
    unsigned methods = 1U << HTTP_METHOD_GET | 1U << HTTP_METHOD_POST | 1U << HTTP_METHOD_OPTIONS;
    cr_expect_eq(http_response_options(&out, &keeping, methods), 0);
    expect_text("HTTP/1.1 200 OK\r\n" DATE "Connection: keep-alive\r\n"
                "Allow: GET, POST, OPTIONS\r\n"
                "Content-Length: 0\r\n\r\n");
    begin();
    struct http_answer answer = {.is_keep_alive = true, .cors = &allowed};
    cr_expect_eq(http_response_options(&out, &answer, methods), 0);
    cr_expect(holds("Vary: Origin\r\n"
                    "Access-Control-Allow-Origin: https://a.example\r\n"
                    "Access-Control-Allow-Credentials: true\r\n"));
    cr_expect(holds("Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n"
                    "Access-Control-Allow-Headers: Authorization, Content-Type, Last-Event-ID, "));
    cr_expect(holds("Access-Control-Max-Age: 86400\r\n"));
    begin();
    answer.cors = &foreign;
    cr_expect_eq(http_response_options(&out, &answer, methods), 0);
    cr_expect(holds("Vary: Origin\r\n"));
    cr_expect_not(holds("Access-Control"));
}

// Each kind of answer, with the fields of CORS.
static int write_kind(unsigned kind, const struct http_answer *answer)
{
    static const struct http_fault fault = {.error = ERR_FORBIDDEN};
    switch (kind) {
    case 0:
        return http_response_stream(&out, answer,
                                    &(struct http_stream_start){.connection_id = slice_of("1")});
    case 1: return http_response_problem(&out, answer, &(struct http_problem){.fault = &fault});
    case 2: return http_response_published(&out, answer, &(struct http_published){.accepted = 1});
    case 3: return http_response_document(&out, answer, "application/json", slice_of("{}\n"));
    case 4: return http_response_created(&out, answer, slice_of("a"), true);
    case 5: return http_response_facts(&out, answer, &(struct http_stream_facts){.last_id = 1});
    case 6: return http_response_asset(&out, answer, "a/b", slice_of("c"));
    case 7: return http_response_text(&out, answer, "ok");
    default: return http_response_no_content(&out, answer);
    }
}

Test(response, cors_on_every_answer)
{
    for (unsigned kind = 0; kind <= 8; kind++) {
        begin();
        cr_expect_eq(write_kind(kind, &(struct http_answer){.cors = &allowed}), 0);
        cr_expect(holds("\r\nVary: Origin\r\n"
                        "Access-Control-Allow-Origin: https://a.example\r\n"
                        "Access-Control-Allow-Credentials: true\r\n"
                        "Access-Control-Expose-Headers: Location, Retry-After, "),
                  "%u", kind);
        cr_expect_not(holds("Access-Control-Allow-Methods"));
        begin();
        cr_expect_eq(write_kind(kind, &(struct http_answer){.cors = &foreign}), 0);
        cr_expect(holds("\r\nVary: Origin\r\n"), "%u", kind);
        cr_expect_not(holds("Access-Control"), "%u", kind);
        begin();
        cr_expect_eq(write_kind(kind, &closing), 0);
        cr_expect_not(holds("Vary"), "%u", kind);
    }
}

Test(response, request_id_on_every_answer_that_has_one)
{
    for (unsigned kind = 0; kind <= 8; kind++) {
        begin();
        const struct http_answer answer = {.request_id = SLICE_LITERAL("a.b_c-1")};
        cr_expect_eq(write_kind(kind, &answer), 0);
        cr_expect(holds("\r\nX-Request-Id: a.b_c-1\r\n"), "%u", kind);
        cr_expect_geq(http_response_status(buffer_slice(&out)), 200);
        begin();
        cr_expect_eq(write_kind(kind, &closing), 0);
        cr_expect_not(holds("X-Request-Id"), "%u", kind);
    }
}

Test(response, the_largest_fits)
{
    char id[REQUEST_ID_BYTES_MAX];
    memset(id, 'i', sizeof(id));
    char origin[HTTP_ORIGIN_BYTES_MAX];
    memset(origin, 'o', sizeof(origin));
    struct http_cors cors = {.origin = slice_from(origin, sizeof(origin))};
    struct http_answer answer = {.cors = &cors, .request_id = slice_from(id, sizeof(id))};
    char name[NAME_BYTES_MAX];
    memset(name, '"', sizeof(name));
    char bounded[HTTP_RESPONSE_BYTES_MAX];
    struct buffer small;
    buffer_wrap(&small, bounded, sizeof(bounded));
    cr_expect_eq(http_response_created(&small, &answer, slice_from(name, sizeof(name)), true), 0);
    buffer_clear(&small);
    struct http_fault fault;
    char detail[HTTP_FAULT_DETAIL_BYTES];
    memset(detail, '"', sizeof(detail) - 1);
    detail[sizeof(detail) - 1] = '\0';
    http_fault_set(&fault, ERR_UNAUTHORIZED, "%s", detail);
    http_fault_set_position(&fault, SIZE_MAX);
    char methods[HTTP_METHODS_TEXT_BYTES];
    struct http_problem problem = {
        .fault = &fault,
        .allow = http_methods_text(~0U, methods),
        .challenge = "Bearer error=\"invalid_token\", error_description=\"the token has expired\"",
        .retry_after_s = UINT32_MAX,
        .has_index = true,
        .index = UINT32_MAX,
        .has_accepted = true,
        .accepted = UINT32_MAX,
    };
    cr_expect_eq(http_response_problem(&small, &answer, &problem), 0);
    buffer_clear(&small);
    struct notice_gap gap = {.from = UINT64_MAX, .to = UINT64_MAX, .reason = NOTICE_EXPIRED};
    struct http_stream_start start = {.connection_id = SLICE_LITERAL("00000000000000ff"),
                                      .resume_id = UINT64_MAX,
                                      .retry_ms = UINT32_MAX,
                                      .gap = &gap};
    cr_expect_eq(http_response_stream(&small, &answer, &start), 0);
}

Test(response, says_when_there_is_no_room)
{
    struct buffer tiny;
    char bytes[100];
    buffer_wrap(&tiny, bytes, sizeof(bytes));
    cr_expect_eq(http_response_error(&tiny, ERR_NOT_FOUND, 0), -ENOBUFS);
    buffer_clear(&tiny);
    cr_expect_eq(http_response_stream(&tiny, &closing, &(struct http_stream_start){.retry_ms = 1}),
                 -ENOBUFS);
    buffer_clear(&tiny);
    cr_expect_eq(http_response_asset(&tiny, &keeping, "a/b", slice_empty()), -ENOBUFS);
    buffer_clear(&tiny);
    cr_expect_eq(http_response_text(&tiny, &keeping, "ok"), -ENOBUFS);
    buffer_clear(&tiny);
    cr_expect_eq(http_response_no_content(&tiny, &keeping), -ENOBUFS);
}
