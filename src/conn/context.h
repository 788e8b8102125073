// A request, from its first byte until it is answered or its stream begins. Pooled: a connection
// has one only meanwhile, and an idle one none.
#ifndef RINGCAST_CONN_CONTEXT_H
#define RINGCAST_CONN_CONTEXT_H

#include "base/limits.h"
#include "conn/body.h"
#include "conn/task.h"
#include "http/request.h"
#include "http/response.h"
#include "http/route.h"
#include "http/subscribe.h"

#include <stdbool.h>
#include <stdint.h>

enum { RECEIVE_BUFFER_BYTES = 4096 };

struct context {
    uint32_t conn;  // CONN_NONE: it is gone, and the context stays until its task is answered
    bool is_asking; // its task is with the log thread, which reads it and what it points at
    bool is_looking_up;
    bool has_gap;
    uint32_t received_at; // bytes received and not yet parsed: received[at..length)
    uint32_t received_length;
    uint8_t gap_reason;
    uint32_t stream_count; // how many of streams[] it holds a reference on
    uint32_t streams[CONNECTION_STREAMS_MAX];
    uint64_t start_ids[CONNECTION_STREAMS_MAX];
    uint64_t gap_from;
    uint64_t gap_to;
    struct http_route route;
    struct grant *grant;   // a reference; NULL: it came without a token
    struct http_cors cors; // of its answer
    struct subscribe_request subscribe;
    struct body body;
    struct task task;
    struct http_request request;
    uint8_t received[RECEIVE_BUFFER_BYTES];
};

#endif
