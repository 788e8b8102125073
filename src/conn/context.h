// A request, from its first byte until it is answered or its stream begins. Pooled: a connection
// has one only meanwhile, and an idle one none.
#ifndef RINGCAST_CONN_CONTEXT_H
#define RINGCAST_CONN_CONTEXT_H

#include "base/limits.h"
#include "base/list.h"
#include "conn/body.h"
#include "conn/task.h"
#include "http/publish.h"
#include "http/request.h"
#include "http/response.h"
#include "http/route.h"
#include "http/subscribe.h"
#include "wire/publish_body.h"

#include <stdbool.h>
#include <stdint.h>

enum { RECEIVE_BUFFER_BYTES = 4096, CONTEXT_UUID_BYTES = 36 };

enum context_phase {
    CONTEXT_HEADER, // its header is being read
    CONTEXT_KNOWN,  // the header is whole; nothing is taken of the body that follows
    CONTEXT_BODY,   // its body is being read
    CONTEXT_WHOLE,
};

// What its client is waited for.
enum context_wait {
    WAIT_HEADER, // or a body that nobody wants, or until it takes the answer before
    WAIT_BODY,
    CONTEXT_WAITS,
};

struct context {
    uint32_t conn;    // CONN_NONE: it is gone, and the context stays until its task is answered
    uint8_t phase;    // enum context_phase
    bool is_asking;   // its task is with the log thread, which reads it and what it points at
    bool is_answered; // before its body was read, which is passed over: then the next one begins
    bool is_looking_up;
    bool is_logged; // the access log has its line
    bool has_gap;
    uint8_t wait;               // enum context_wait, while it is linked:
    struct list_node wait_node; // among those whose clients are waited for
    uint32_t received_at;       // bytes received and not yet parsed: received[at..length)
    uint32_t received_length;
    uint8_t gap_reason;
    uint32_t stream_count; // how many of streams[] it holds a reference on
    uint32_t streams[CONNECTION_STREAMS_MAX];
    uint64_t start_ids[CONNECTION_STREAMS_MAX];
    uint64_t gap_from;
    uint64_t gap_to;
    uint64_t number;   // of the request, see shard.request_number
    uint64_t began_ns; // monotonic
    struct http_route route;
    struct grant *grant;   // a reference; NULL: it came without a token
    struct http_cors cors; // of its answer
    struct subscribe_request subscribe;
    bool awaits_keys; // its stream begins once the kernel has taken the connection's, or has not
    struct body body;
    // conn/task.c: what the log thread is to do, and what it points at.
    bool has_task;
    bool has_batch;
    bool is_reading; // the batch out of a large body, by steps: the next one in the next round
    bool has_texts;
    struct bodies *reserved_of; // shard.bodies; of what is told of streams shard.answers
    size_t reserved_bytes;      // of it, beside the body
    struct task task;
    struct publish_batch batch;
    struct arena texts;
    char uuid[CONTEXT_UUID_BYTES];
    struct http_request request;
    struct publish_parameters parameters;
    uint8_t received[RECEIVE_BUFFER_BYTES];
    // CONN_TLS: what came and was not yet decrypted, cipher[at..length). Last, so that it costs no
    // memory where there is no TLS.
    uint32_t cipher_at;
    uint32_t cipher_length;
    uint8_t cipher[RECEIVE_BUFFER_BYTES];
};

#endif
