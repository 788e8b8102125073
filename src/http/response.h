// What the broker answers, written into a buffer: header and body. All return 0 or what stuck to
// the buffer (-ENOBUFS, -ENOMEM). HTTP_RESPONSE_BYTES_MAX is room enough for each, beside the body
// of an asset or of JSON. Any thread.
#ifndef RINGCAST_HTTP_RESPONSE_H
#define RINGCAST_HTTP_RESPONSE_H

#include "base/bytes.h"
#include "http/fault.h"
#include "http/request.h"
#include "log/settings.h"
#include "wire/notice.h"

#include <stdbool.h>
#include <stdint.h>

enum { HTTP_RESPONSE_BYTES_MAX = 4 << 10 };

// What a page of another origin may do with the answer (mission I3).
struct http_cors {
    struct slice origin; // that is allowed; empty: none is, and caches are told that it depends
};

// What all answers have in common.
struct http_answer {
    bool is_keep_alive;           // else Connection: close
    bool is_head;                 // without the body; or the caller sends it from where it stands
    const struct http_cors *cors; // NULL: nothing is said of origins
    struct slice request_id;      // goes out as X-Request-Id; empty: it is not told
};

// 100 (Continue), to send before the answer.
extern const struct slice http_response_continue;

// The header of an event stream and its first frame, `id:` and `retry:`. The body ends with the
// connection: is_keep_alive and is_head are of no account.
struct http_stream_start {
    struct slice connection_id;   // goes out as Ringcast-Connection-Id
    uint64_t resume_id;           // what a client that gets no more than this is to come back with
    uint32_t retry_ms;            // 0: no `retry:`
    const struct notice_gap *gap; // NULL: none. Goes out as Ringcast-Gap: FROM-TO/REASON; the gap's
                                  // frame is the caller's to append (notice_gap_write)
};
int http_response_stream(struct buffer *out, const struct http_answer *answer,
                         const struct http_stream_start *start);

// The status of an answer, or of the beginning of one, that a function of this header wrote.
int http_response_status(struct slice response);

// A problem document (RFC 9457, application/problem+json) with type, title, status, detail, code,
// the answer's request_id and, where there is one, the position of the fault, the index of the
// event that is faulty, and how many of a batch were taken.
struct http_problem {
    const struct http_fault *fault; // its detail may be empty
    const char *allow;              // for 405 (http_methods_text), else NULL
    const char *challenge;          // for 401: WWW-Authenticate, such as "Bearer"; else NULL
    uint32_t retry_after_s;         // 0: no Retry-After
    bool has_index;
    bool has_accepted;
    uint32_t index; // of the event, from 0
    uint32_t accepted;
};
int http_response_problem(struct buffer *out, const struct http_answer *answer,
                          const struct http_problem *problem);

// The same for an error without more to say: its own text, Connection: close.
int http_response_error(struct buffer *out, enum rc_error error, uint32_t retry_after_s);

// What became of a publish: {"id":,"sequence":,"accepted":,"duplicates":,"reached":}. 202 without
// id and sequence where nothing is written yet (ack=received), else 200.
struct http_published {
    bool is_numbered; // it has an id and a sequence
    bool has_reached;
    uint64_t id; // of the last event
    uint64_t sequence;
    uint32_t accepted;
    uint32_t duplicates; // beside these
    uint64_t reached;    // subscribers, or connections
};
int http_response_published(struct buffer *out, const struct http_answer *answer,
                            const struct http_published *published);

// A document, such as application/json, not to be cached.
int http_response_document(struct buffer *out, const struct http_answer *answer,
                           const char *content_type, struct slice body);

// 201 for a stream that was not there, 200 for one whose settings changed: Location and
// {"name":,"created":}.
int http_response_created(struct buffer *out, const struct http_answer *answer, struct slice name,
                          bool is_created);

// A stream in header fields: Ringcast-State, Ringcast-Last-Id, Ringcast-Last-Sequence,
// Ringcast-Content-Type. Without a body, as for HEAD.
struct http_stream_facts {
    enum stream_life life;
    uint64_t last_id;
    uint64_t last_sequence;
    struct slice content_type; // empty: not said. What is no field value is left out
};
int http_response_facts(struct buffer *out, const struct http_answer *answer,
                        const struct http_stream_facts *facts);

// 200 to OPTIONS: what the path answers (http_route.methods). For an allowed origin also what a
// browser asks before a request (Fetch standard, CORS preflight).
int http_response_options(struct buffer *out, const struct http_answer *answer, unsigned methods);

// A file of the web pages, with a strict Content-Security-Policy.
int http_response_asset(struct buffer *out, const struct http_answer *answer,
                        const char *content_type, struct slice body);

// 200 with a line of plain text, not to be cached. For /healthz.
int http_response_text(struct buffer *out, const struct http_answer *answer, const char *text);

// 204: what was asked is done; EventSource stops reconnecting (WHATWG HTML, section 9.2.3).
int http_response_no_content(struct buffer *out, const struct http_answer *answer);

#endif
