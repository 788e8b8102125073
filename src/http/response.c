#include "http/response.h"

#include "base/clock.h"
#include "base/json_writer.h"
#include "base/percent.h"
#include "base/text.h"
#include "base/utf8.h"
#include "http/request_id.h"
#include "http/route.h"

#include <stdio.h>

// Pages load nothing from elsewhere, run no inline script and cannot be framed (mission K2).
#define CONTENT_SECURITY_POLICY                                                       \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Of our fields, those that scripts of other origins may read, and those that they may send.
#define EXPOSED_FIELDS                                                                \
    "Location, Retry-After, WWW-Authenticate, X-Request-Id, Ringcast-Connection-Id, " \
    "Ringcast-Gap, Ringcast-State, Ringcast-Last-Id, Ringcast-Last-Sequence, "        \
    "Ringcast-Content-Type"
#define ACCEPTED_FIELDS                                                                          \
    "Authorization, Content-Type, Last-Event-ID, Event-Type, Ack, Producer-Id, Producer-Epoch, " \
    "Producer-Seq, X-Request-Id"
#define PREFLIGHT_MAX_AGE_S "86400"

enum {
    // The largest problem document: the detail's quotes and backslashes double.
    PROBLEM_BYTES_MAX = 640 + REQUEST_ID_BYTES_MAX + 2 * HTTP_FAULT_DETAIL_BYTES,
    PUBLISHED_BYTES_MAX = 256,
    // A name's escapes in JSON, or in a URL: 3 for each byte; but two for a quote or backslash.
    CREATED_BYTES_MAX = 64 + 2 * NAME_BYTES_MAX,
};

const struct slice http_response_continue = SLICE_LITERAL("HTTP/1.1 100 Continue\r\n\r\n");

static const char *reason_phrase(int status)
{
    switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return ""; // may be empty (RFC 9112 section 4)
    }
}

static void write_cors(struct buffer *out, const struct http_cors *cors)
{
    buffer_append_text(out, "Vary: Origin\r\n");
    if (cors->origin.length > 0) {
        buffer_append_text(out, "Access-Control-Allow-Origin: ");
        buffer_append_slice(out, cors->origin);
        buffer_append_text(out, "\r\n"
                                "Access-Control-Allow-Credentials: true\r\n"
                                "Access-Control-Expose-Headers: " EXPOSED_FIELDS "\r\n");
    }
}

// Status line and the fields that each answer has: Date (RFC 9110 section 6.6.1), Connection, its
// request's id, those of CORS.
static void write_start(struct buffer *out, int status, bool is_keep_alive,
                        const struct http_answer *answer)
{
    char date[TEXT_HTTP_DATE_BYTES];
    text_format_http_date(clock_realtime_ms(), date);
    buffer_append_text(out, "HTTP/1.1 ");
    buffer_append_u64(out, (uint64_t)status);
    buffer_append_byte(out, ' ');
    buffer_append_text(out, reason_phrase(status));
    buffer_append_text(out, "\r\nDate: ");
    buffer_append(out, date, sizeof(date));
    buffer_append_text(out, is_keep_alive ? "\r\nConnection: keep-alive\r\n"
                                          : "\r\nConnection: close\r\n");
    if (answer->request_id.length > 0) {
        buffer_append_text(out, "X-Request-Id: ");
        buffer_append_slice(out, answer->request_id);
        buffer_append_text(out, "\r\n");
    }
    if (answer->cors != NULL) {
        write_cors(out, answer->cors);
    }
}

int http_response_status(struct slice response)
{
    static const struct slice version = SLICE_LITERAL("HTTP/1.1 ");
    enum { STATUS_DIGITS = 3 };
    uint64_t status = 0;
    ASSERT(slice_starts_with(response, version) &&
           response.length > version.length + STATUS_DIGITS &&
           text_parse_u64(slice_from(response.at + version.length, STATUS_DIGITS), &status));
    return (int)status;
}

static void write_field(struct buffer *out, const char *name, struct slice value)
{
    buffer_append_text(out, name);
    buffer_append_text(out, ": ");
    buffer_append_slice(out, value);
    buffer_append_text(out, "\r\n");
}

static void write_field_u64(struct buffer *out, const char *name, uint64_t value)
{
    char digits[TEXT_U64_BYTES_MAX];
    write_field(out, name, slice_from(digits, text_format_u64(value, digits)));
}

// The fields of a body that is not to be cached, and the body.
static int write_body(struct buffer *out, const struct http_answer *answer, const char *type,
                      struct slice body)
{
    write_field(out, "Content-Type", slice_of(type));
    write_field_u64(out, "Content-Length", body.length);
    buffer_append_text(out, "Cache-Control: no-store\r\n"
                            "X-Content-Type-Options: nosniff\r\n\r\n");
    if (!answer->is_head) {
        buffer_append_slice(out, body);
    }
    return buffer_failure(out);
}

int http_response_stream(struct buffer *out, const struct http_answer *answer,
                         const struct http_stream_start *start)
{
    write_start(out, 200, false, answer);
    buffer_append_text(out, "Content-Type: text/event-stream\r\n"
                            "Cache-Control: no-cache\r\n"
                            "X-Accel-Buffering: no\r\n"
                            "X-Content-Type-Options: nosniff\r\n");
    write_field(out, "Ringcast-Connection-Id", start->connection_id);
    if (start->gap != NULL) {
        buffer_append_text(out, "Ringcast-Gap: ");
        buffer_append_u64(out, start->gap->from);
        buffer_append_byte(out, '-');
        buffer_append_u64(out, start->gap->to);
        buffer_append_byte(out, '/');
        buffer_append_text(out, notice_reason_name(start->gap->reason));
        buffer_append_text(out, "\r\n");
    }
    buffer_append_text(out, "\r\n");
    return notice_start_write(out, start->resume_id, start->retry_ms);
}

static void write_problem_json(struct buffer *out, const struct http_problem *problem,
                               struct slice request_id)
{
    const struct http_fault *fault = problem->fault;
    const char *code = error_code(fault->error);
    char type[64];
    snprintf(type, sizeof(type), "urn:ringcast:error:%s", code);
    struct json_writer writer = json_writer_on(out);
    json_write_object_open(&writer);
    json_write_key(&writer, "type");
    json_write_text(&writer, type);
    json_write_key(&writer, "title");
    json_write_text(&writer, error_text(fault->error));
    json_write_member_u64(&writer, "status", (uint64_t)http_fault_status(fault));
    json_write_key(&writer, "code");
    json_write_text(&writer, code);
    if (fault->detail[0] != '\0') {
        json_write_key(&writer, "detail");
        json_write_text(&writer, fault->detail);
    }
    if (problem->has_index) {
        json_write_member_u64(&writer, "index", problem->index);
    }
    if (fault->has_position) {
        json_write_member_u64(&writer, "position", fault->position);
    }
    if (problem->has_accepted) {
        json_write_member_u64(&writer, "accepted", problem->accepted);
    }
    if (request_id.length > 0) {
        json_write_key(&writer, "request_id");
        json_write_string(&writer, request_id);
    }
    json_write_object_close(&writer);
    buffer_append_byte(out, '\n');
}

int http_response_problem(struct buffer *out, const struct http_answer *answer,
                          const struct http_problem *problem)
{
    uint8_t storage[PROBLEM_BYTES_MAX];
    struct buffer body;
    buffer_wrap(&body, storage, sizeof(storage));
    write_problem_json(&body, problem, answer->request_id);
    ASSERT(buffer_failure(&body) == 0);

    write_start(out, http_fault_status(problem->fault), answer->is_keep_alive, answer);
    if (problem->allow != NULL) {
        write_field(out, "Allow", slice_of(problem->allow));
    }
    if (problem->challenge != NULL) {
        write_field(out, "WWW-Authenticate", slice_of(problem->challenge));
    }
    if (problem->retry_after_s > 0) {
        write_field_u64(out, "Retry-After", problem->retry_after_s);
    }
    return write_body(out, answer, "application/problem+json", buffer_slice(&body));
}

int http_response_error(struct buffer *out, enum rc_error error, uint32_t retry_after_s)
{
    struct http_fault fault = {.error = error};
    return http_response_problem(
        out, &(struct http_answer){.is_keep_alive = false},
        &(struct http_problem){.fault = &fault, .retry_after_s = retry_after_s});
}

int http_response_published(struct buffer *out, const struct http_answer *answer,
                            const struct http_published *published)
{
    uint8_t storage[PUBLISHED_BYTES_MAX];
    struct buffer body;
    buffer_wrap(&body, storage, sizeof(storage));
    struct json_writer writer = json_writer_on(&body);
    json_write_object_open(&writer);
    if (published->is_numbered) {
        json_write_member_u64(&writer, "id", published->id);
        json_write_member_u64(&writer, "sequence", published->sequence);
    }
    json_write_member_u64(&writer, "accepted", published->accepted);
    json_write_member_u64(&writer, "duplicates", published->duplicates);
    if (published->has_reached) {
        json_write_member_u64(&writer, "reached", published->reached);
    }
    json_write_object_close(&writer);
    buffer_append_byte(&body, '\n');
    ASSERT(buffer_failure(&body) == 0);
    write_start(out, published->is_numbered ? 200 : 202, answer->is_keep_alive, answer);
    return write_body(out, answer, "application/json", buffer_slice(&body));
}

int http_response_document(struct buffer *out, const struct http_answer *answer,
                           const char *content_type, struct slice body)
{
    write_start(out, 200, answer->is_keep_alive, answer);
    return write_body(out, answer, content_type, body);
}

// A segment `.` or `..` would be resolved by whoever follows the URL, unless its slash is escaped.
static bool has_dot_segment(struct slice name)
{
    while (name.at != NULL) {
        struct slice segment = slice_split(&name, '/');
        if (slice_equal_text(segment, ".") || slice_equal_text(segment, "..")) {
            return true;
        }
    }
    return false;
}

int http_response_created(struct buffer *out, const struct http_answer *answer, struct slice name,
                          bool is_created)
{
    uint8_t storage[CREATED_BYTES_MAX];
    struct buffer body;
    buffer_wrap(&body, storage, sizeof(storage));
    struct json_writer writer = json_writer_on(&body);
    json_write_object_open(&writer);
    json_write_key(&writer, "name");
    json_write_string(&writer, name);
    json_write_key(&writer, "created");
    json_write_boolean(&writer, is_created);
    json_write_object_close(&writer);
    buffer_append_byte(&body, '\n');
    ASSERT(buffer_failure(&body) == 0);
    write_start(out, is_created ? 201 : 200, answer->is_keep_alive, answer);
    buffer_append_text(out, "Location: /streams/");
    percent_encode(out, name, has_dot_segment(name) ? "" : "/");
    buffer_append_text(out, "\r\n");
    return write_body(out, answer, "application/json", buffer_slice(&body));
}

int http_response_facts(struct buffer *out, const struct http_answer *answer,
                        const struct http_stream_facts *facts)
{
    write_start(out, 200, answer->is_keep_alive, answer);
    write_field(out, "Ringcast-State", slice_of(stream_life_name(facts->life)));
    write_field_u64(out, "Ringcast-Last-Id", facts->last_id);
    write_field_u64(out, "Ringcast-Last-Sequence", facts->last_sequence);
    // It came from a producer: nothing in it may look like a field of its own.
    if (facts->content_type.length > 0 && !utf8_has_control(facts->content_type)) {
        write_field(out, "Ringcast-Content-Type", facts->content_type);
    }
    return buffer_append_text(out, "Content-Type: text/event-stream\r\n"
                                   "Cache-Control: no-store\r\n"
                                   "X-Content-Type-Options: nosniff\r\n\r\n");
}

int http_response_options(struct buffer *out, const struct http_answer *answer, unsigned methods)
{
    char text[HTTP_METHODS_TEXT_BYTES];
    struct slice allowed = slice_of(http_methods_text(methods, text));
    write_start(out, 200, answer->is_keep_alive, answer);
    write_field(out, "Allow", allowed);
    if (answer->cors != NULL && answer->cors->origin.length > 0) {
        write_field(out, "Access-Control-Allow-Methods", allowed);
        buffer_append_text(out, "Access-Control-Allow-Headers: " ACCEPTED_FIELDS "\r\n"
                                "Access-Control-Max-Age: " PREFLIGHT_MAX_AGE_S "\r\n");
    }
    return buffer_append_text(out, "Content-Length: 0\r\n\r\n");
}

int http_response_asset(struct buffer *out, const struct http_answer *answer,
                        const char *content_type, struct slice body)
{
    write_start(out, 200, answer->is_keep_alive, answer);
    write_field(out, "Content-Type", slice_of(content_type));
    write_field_u64(out, "Content-Length", body.length);
    buffer_append_text(out, "Cache-Control: no-cache\r\n"
                            "Content-Security-Policy: " CONTENT_SECURITY_POLICY "\r\n"
                            "X-Content-Type-Options: nosniff\r\n"
                            "Referrer-Policy: no-referrer\r\n\r\n");
    if (!answer->is_head) {
        buffer_append_slice(out, body);
    }
    return buffer_failure(out);
}

int http_response_text(struct buffer *out, const struct http_answer *answer, const char *text)
{
    uint8_t storage[64];
    struct buffer line;
    buffer_wrap(&line, storage, sizeof(storage));
    buffer_append_text(&line, text);
    buffer_append_byte(&line, '\n');
    ASSERT(buffer_failure(&line) == 0);
    write_start(out, 200, answer->is_keep_alive, answer);
    return write_body(out, answer, "text/plain; charset=utf-8", buffer_slice(&line));
}

int http_response_no_content(struct buffer *out, const struct http_answer *answer)
{
    write_start(out, 204, answer->is_keep_alive, answer);
    return buffer_append_text(out, "Cache-Control: no-store\r\n\r\n");
}
