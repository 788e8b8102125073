// What the broker answers, written into a buffer: header and body. All return 0 or what stuck to
// the buffer (-ENOBUFS, -ENOMEM). HTTP_RESPONSE_BYTES_MAX is room enough for each that has no asset
// in it. Any thread.
#ifndef RINGCAST_HTTP_RESPONSE_H
#define RINGCAST_HTTP_RESPONSE_H

#include "base/bytes.h"
#include "http/fault.h"
#include "wire/notice.h"

#include <stdbool.h>
#include <stdint.h>

enum { HTTP_RESPONSE_BYTES_MAX = 2 << 10 };

// The header of an event stream and its first frame, `id:` and `retry:`. The body ends with the
// connection.
struct http_stream_start {
    struct slice connection_id;   // goes out as Ringcast-Connection-Id
    uint64_t resume_id;           // what a client that gets no more than this is to come back with
    uint32_t retry_ms;            // 0: no `retry:`
    const struct notice_gap *gap; // NULL: none. Goes out as Ringcast-Gap: FROM-TO/REASON; the gap's
                                  // frame is the caller's to append (notice_gap_write)
};
int http_response_stream(struct buffer *out, const struct http_stream_start *start);

// A problem document (RFC 9457, application/problem+json) with type, title, status, detail, code
// and, where the fault has one, position.
struct http_problem {
    const struct http_fault *fault; // its detail may be empty
    const char *allow;              // for 405, else NULL
    uint32_t retry_after_s;         // 0: no Retry-After
    bool is_keep_alive;             // else Connection: close
    bool is_head;                   // without the body
};
int http_response_problem(struct buffer *out, const struct http_problem *problem);

// The same for an error without more to say: its own text, Connection: close.
int http_response_error(struct buffer *out, enum rc_error error, uint32_t retry_after_s);

// A file of the web pages, with a strict Content-Security-Policy. `body` is appended unless
// is_head; to send it from where it stands, set is_head and send it after the header.
int http_response_asset(struct buffer *out, const char *content_type, struct slice body,
                        bool is_keep_alive, bool is_head);

// 200 with a line of plain text, not to be cached. For /healthz.
int http_response_text(struct buffer *out, const char *text, bool is_keep_alive, bool is_head);

// 204: EventSource stops reconnecting (WHATWG HTML, section 9.2.3).
int http_response_no_content(struct buffer *out, bool is_keep_alive);

#endif
