#include "http/response.h"

#include "base/clock.h"
#include "base/json_writer.h"

#include <stdio.h>
#include <time.h>

// Pages load nothing from elsewhere, run no inline script and cannot be framed (mission K2).
#define CONTENT_SECURITY_POLICY                                                       \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// The largest problem document: the detail's quotes and backslashes double.
enum { PROBLEM_BYTES_MAX = 512 + 2 * HTTP_FAULT_DETAIL_BYTES };

static const char *reason_phrase(int status)
{
    switch (status) {
    case 200: return "OK";
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

// Status line and the fields that each answer has: Date (RFC 9110 section 6.6.1) and Connection.
static void write_start(struct buffer *out, int status, bool is_keep_alive)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = (time_t)(clock_realtime_ms() / 1000);
    struct tm utc;
    ASSERT(gmtime_r(&now, &utc) != NULL);
    buffer_printf(out,
                  "HTTP/1.1 %d %s\r\n"
                  "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n"
                  "Connection: %s\r\n",
                  status, reason_phrase(status), days[utc.tm_wday], utc.tm_mday, months[utc.tm_mon],
                  utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec,
                  is_keep_alive ? "keep-alive" : "close");
}

int http_response_stream(struct buffer *out, const struct http_stream_start *start)
{
    write_start(out, 200, false);
    buffer_append_text(out, "Content-Type: text/event-stream\r\n"
                            "Cache-Control: no-cache\r\n"
                            "X-Accel-Buffering: no\r\n"
                            "X-Content-Type-Options: nosniff\r\n"
                            "Ringcast-Connection-Id: ");
    buffer_append_slice(out, start->connection_id);
    buffer_append_text(out, "\r\n");
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

static void write_problem_json(struct buffer *out, const struct http_fault *fault)
{
    const char *code = error_code(fault->error);
    char type[64];
    snprintf(type, sizeof(type), "urn:ringcast:error:%s", code);
    struct json_writer writer = json_writer_on(out);
    json_write_object_open(&writer);
    json_write_key(&writer, "type");
    json_write_text(&writer, type);
    json_write_key(&writer, "title");
    json_write_text(&writer, error_text(fault->error));
    json_write_key(&writer, "status");
    json_write_u64(&writer, (uint64_t)http_fault_status(fault));
    json_write_key(&writer, "code");
    json_write_text(&writer, code);
    if (fault->detail[0] != '\0') {
        json_write_key(&writer, "detail");
        json_write_text(&writer, fault->detail);
    }
    if (fault->has_position) {
        json_write_key(&writer, "position");
        json_write_u64(&writer, fault->position);
    }
    json_write_object_close(&writer);
    buffer_append_byte(out, '\n');
}

int http_response_problem(struct buffer *out, const struct http_problem *problem)
{
    uint8_t storage[PROBLEM_BYTES_MAX];
    struct buffer body;
    buffer_wrap(&body, storage, sizeof(storage));
    write_problem_json(&body, problem->fault);
    ASSERT(buffer_failure(&body) == 0);

    write_start(out, http_fault_status(problem->fault), problem->is_keep_alive);
    buffer_printf(out,
                  "Content-Type: application/problem+json\r\n"
                  "Content-Length: %zu\r\n"
                  "Cache-Control: no-store\r\n"
                  "X-Content-Type-Options: nosniff\r\n",
                  buffer_length(&body));
    if (problem->allow != NULL) {
        buffer_printf(out, "Allow: %s\r\n", problem->allow);
    }
    if (problem->retry_after_s > 0) {
        buffer_printf(out, "Retry-After: %u\r\n", (unsigned)problem->retry_after_s);
    }
    buffer_append_text(out, "\r\n");
    if (!problem->is_head) {
        buffer_append_slice(out, buffer_slice(&body));
    }
    return buffer_failure(out);
}

int http_response_error(struct buffer *out, enum rc_error error, uint32_t retry_after_s)
{
    struct http_fault fault = {.error = error};
    return http_response_problem(
        out, &(struct http_problem){.fault = &fault, .retry_after_s = retry_after_s});
}

int http_response_asset(struct buffer *out, const char *content_type, struct slice body,
                        bool is_keep_alive, bool is_head)
{
    write_start(out, 200, is_keep_alive);
    buffer_printf(out,
                  "Content-Type: %s\r\n"
                  "Content-Length: %zu\r\n"
                  "Cache-Control: no-cache\r\n"
                  "Content-Security-Policy: " CONTENT_SECURITY_POLICY "\r\n"
                  "X-Content-Type-Options: nosniff\r\n"
                  "Referrer-Policy: no-referrer\r\n\r\n",
                  content_type, body.length);
    if (!is_head) {
        buffer_append_slice(out, body);
    }
    return buffer_failure(out);
}

int http_response_text(struct buffer *out, const char *text, bool is_keep_alive, bool is_head)
{
    write_start(out, 200, is_keep_alive);
    buffer_printf(out,
                  "Content-Type: text/plain; charset=utf-8\r\n"
                  "Content-Length: %zu\r\n"
                  "Cache-Control: no-store\r\n"
                  "X-Content-Type-Options: nosniff\r\n\r\n",
                  strlen(text) + 1);
    if (!is_head) {
        buffer_printf(out, "%s\n", text);
    }
    return buffer_failure(out);
}

int http_response_no_content(struct buffer *out, bool is_keep_alive)
{
    write_start(out, 204, is_keep_alive);
    return buffer_append_text(out, "Cache-Control: no-store\r\n\r\n");
}
