// The binary producer protocol (<ringcast/protocol.h>) as bytes: reading what a producer sends,
// writing what it is answered. No state, no I/O. Any thread.
#ifndef RINGCAST_INGEST_BINARY_H
#define RINGCAST_INGEST_BINARY_H

#include "base/bytes.h"
#include "event/event.h"
#include "log/log.h"

#include <ringcast/protocol.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BINARY_MESSAGE_BYTES = 256 };

// What is wrong, and where: offset from the start of the frame (or of HELLO), RC_OFFSET_NONE where
// no single place is at fault.
struct binary_fault {
    enum rc_error error;
    uint32_t offset;
    char message[BINARY_MESSAGE_BYTES];
};

struct binary_hello {
    uint16_t version; // that will be spoken
    uint64_t producer_id;
    uint32_t producer_epoch;
};

struct binary_header {
    uint32_t length; // of the payload
    uint8_t kind;
    uint8_t level;
    uint64_t request;
};

// `bytes` has RC_HELLO_BYTES. False: *fault is filled, the connection has to end.
bool binary_read_hello(const uint8_t *bytes, struct binary_hello *hello,
                       struct binary_fault *fault);

// `bytes` has RC_HEADER_BYTES. False: framing is lost, the connection has to end.
bool binary_read_header(const uint8_t *bytes, struct binary_header *header,
                        struct binary_fault *fault);

// Whether a header is acceptable in itself: a kind that producers send, a known level. False:
// *fault is filled; the frame is to be passed over.
bool binary_check_header(const struct binary_header *header, struct binary_fault *fault);

// Reads the event at payload[*position], and moves *position past it. The event's slices point into
// the payload; producer id and epoch are left to the caller. False: *fault is filled. Checks
// structure only (event_validate does the rest).
bool binary_read_event(struct slice payload, size_t *position, struct event *event,
                       struct binary_fault *fault);

// Checks the structure of a whole batch, so that binary_read_event succeeds for each of its *count
// events, the first at position 4.
bool binary_check_batch(struct slice payload, uint32_t *count, struct binary_fault *fault);

// SET and SET_FLOW, as `kind` says: the settings and, in *stream, the name (checked).
bool binary_read_set(uint8_t kind, struct slice payload, struct stream_settings *settings,
                     struct slice *stream, struct binary_fault *fault);

// END.
bool binary_read_end(struct slice payload, enum stream_life *life, struct slice *stream,
                     struct binary_fault *fault);

// Each appends one frame. Failures stick to the buffer.
struct binary_welcome {
    uint16_t version;
    uint32_t frame_bytes_max;
    uint64_t credit_bytes;
    uint32_t event_bytes_max;
    uint32_t requests_max;
    uint64_t last_id;
};
void binary_write_welcome(struct buffer *out, const struct binary_welcome *welcome);

struct binary_ack {
    uint64_t request;
    uint64_t id;
    uint64_t sequence;
    uint32_t accepted;
    uint32_t duplicates;
    uint32_t refused;
};
void binary_write_ack(struct buffer *out, const struct binary_ack *ack);

// flags: RC_ERROR_MORE, RC_ERROR_CLOSING.
void binary_write_error(struct buffer *out, uint64_t request, uint16_t flags, uint32_t index,
                        const struct binary_fault *fault);

void binary_write_credit(struct buffer *out, uint64_t credit_bytes);
void binary_write_stream_credit(struct buffer *out, uint64_t credit_bytes, uint32_t full_permille,
                                struct slice stream);
void binary_write_pong(struct buffer *out, uint64_t request, struct slice payload);

struct binary_pressure {
    uint32_t full_permille;
    uint64_t credit_bytes;
    uint64_t unanswered_bytes;
    uint64_t listeners;
    bool has_stream; // the rest is written
    uint64_t stream_credit_bytes;
    uint32_t stream_permille;
};
void binary_write_pressure(struct buffer *out, uint64_t request,
                           const struct binary_pressure *pressure);

#endif
