// The binary protocol between producers and the broker, over a Unix stream socket, byte by byte.
//
// All numbers are little-endian and unsigned; nothing is aligned. "zero" fields are sent as 0 and
// refused otherwise. The producer speaks first:
//
//     HELLO, 24 bytes, once
//         0   4  magic F7 'R' 'C' 'P'. F7 begins no UTF-8 text, so the broker tells this protocol
//                from its line protocol (one JSON object a line) by the first byte
//         4   2  version: the highest that the producer speaks. 1; 2 has STREAM_CREDIT and a longer
//                PRESSURE_NOW beside it
//         6   2  zero
//         8   8  producer id, or 0: no idempotency
//        16   4  epoch: a higher one shuts out older instances of the same producer id
//        20   4  zero
//
// From then on both sides send frames:
//
//         0   4  length of the payload, which follows the header
//         4   1  kind (RC_FRAME_*)
//         5   1  acknowledgement level (RC_LEVEL_*) in PUBLISH, BATCH and END (which
//                is answered when it is written at the earliest); else zero
//         6   2  zero
//         8   8  request number, chosen by the producer and repeated in the answer. It need not be
//                unique or rise; the broker only sends it back
//        16      payload
//
// A producer may send many requests without waiting. Each of them gets exactly one final answer:
// ACK, PONG, PRESSURE_NOW or ERROR. Answers to requests of different levels may overtake each
// other.
//
// Producer to broker
//
//   PUBLISH       one event
//   BATCH         0  4  number of events, at least 1
//                 4     events, end to end
//     An event, RC_EVENT_BYTES and then four byte strings:
//         0   4  data length
//         4   4  attributes length
//         8   8  producer sequence: rises within (stream, producer id, epoch), gaps are allowed; a
//                repeat is acknowledged and not appended. 0: this event is not idempotent
//        16   4  time to live, milliseconds; 0: none
//        20   4  retry, milliseconds, sent on to subscribers; 0: none
//        24   1  priority: 0 critical, 1 high, 2 normal, 3 low, 4 background
//        25   1  flags: RC_EVENT_EPHEMERAL, RC_EVENT_BINARY
//        26   1  stream length, 1 to 255
//        27   1  type length
//        28      stream, type, attributes, data
//     Attributes are a list of {u8 kind (RC_ATTRIBUTE_*), u8 zero, u16 length, bytes}.
//     The events of a batch are independent of each other: one that is refused (ERROR with
//     RC_ERROR_MORE) does not stop those after it. The structure of the whole batch is checked
//     before the first is taken.
//   SET           a stream's own retention; 0 takes the broker's default
//         0   8  age, milliseconds
//         8   8  bytes
//        16   8  number of events
//        24   8  idle time, milliseconds, after which the history is dropped
//        32      the stream's name, to the payload's end
//   SET_FLOW      what happens when a stream's subscribers lag; 0 takes the broker's default
//         0   8  events that a subscriber may be behind
//         8   8  bytes that it may be behind
//        16   8  threshold, in thousandths: where producers of a stream that blocks begin to feel
//                it. Up to 1000 a share of the limit, above it a number of events
//        24   4  how long an event is held by a stream that blocks, milliseconds
//        28   1  policy (RC_OVERFLOW_*)
//        29   3  zero
//        32      the stream's name, to the payload's end
//   DISCARD       drop a stream's history: its name is the payload
//   END           ends a stream
//         0   1  how (RC_END_*)
//         1   7  zero
//         8      the stream's name, to the payload's end
//   PING          up to RC_PING_BYTES_MAX bytes, which come back
//   PRESSURE      how full the broker is; payload: a stream's name, to learn also how many listen,
//   or nothing
//
// Broker to producer
//
//   WELCOME       the answer to HELLO, request 0
//         0   2  version that will be spoken: at most the producer's
//         2   2  zero
//         4   4  largest payload of a frame
//         8   8  credit: bytes of requests (headers included) that may be unanswered
//        16   4  largest data of an event
//        20   4  most requests that may be unanswered; beyond it the broker stops reading
//        24   8  last id of the log
//   ACK           the final answer to PUBLISH, BATCH, SET, SET_FLOW, DISCARD and END
//         0   8  id of the last event accepted; 0 for level received, ephemeral events, and where
//                a repeat's original is no longer known
//         8   8  its sequence in its stream; 0 as above
//        16   4  events accepted, repeats not counted
//        20   4  repeats
//        24   4  events refused; the first RC_BATCH_ERRORS_MAX of them were each told by an ERROR
//        with
//                RC_ERROR_MORE before
//        28   4  zero
//     At level received the answer is immediate: before the event has an id, and before it is
//     written; but for an event that is held (STREAM_CREDIT), which is answered when it is taken.
//   ERROR         the final answer to a request that failed whole; with RC_ERROR_MORE about one
//   event
//         0   2  code (RC_ERRORS): stable
//         2   2  flags: RC_ERROR_MORE: the request's final answer is still to come.
//         RC_ERROR_CLOSING: the
//                broker closes the connection after this; unanswered requests may or may not have
//                been done
//         4   4  index of the event in its batch, from 0; else 0
//         8   4  offset of the fault from the start of the frame's header, or RC_OFFSET_NONE
//        12   2  message length
//        14   2  zero
//        16      message, UTF-8, for people
//   CREDIT        0  8  the new credit; it replaces the former. The broker lowers it under load. A
//   producer
//     that has more unanswered stops sending until it has less; one request is always allowed
//   STREAM_CREDIT (version 2) the same for one stream, of those that the producer has published to:
//   the bytes of requests for it that may be unanswered. A stream that blocks lowers it when its
//   slowest subscriber is behind by its threshold, to 0 when it is behind by its limit, and lifts
//   it again. Requests for it (a batch is its first event's) count no more against CREDIT from the
//   first of these frames on until the last. What is sent nevertheless is held by the broker, and
//   answered late: ACK, or ERROR backpressure_exceeded after the stream's time. Requests for
//   other streams overtake it. At most RC_STREAM_CREDITS_MAX streams have one at a time
//         0   8  the credit; RC_CREDIT_UNLIMITED: no limit of its own any more
//         8   4  how far the slowest subscriber is behind, in 1/1000 of the limit
//        12   4  zero
//        16      the stream's name
//   PONG          what PING carried
//   PRESSURE_NOW
//         0   4  how full the broker's buffer is, in 1/1000
//         4   4  zero
//         8   8  credit
//        16   8  bytes of this producer's requests that are unanswered
//        24   8  subscribers of the stream that was asked about; RC_LISTENERS_UNKNOWN without a
//        stream
//        32   8  version 2: the credit of that stream; RC_CREDIT_UNLIMITED
//        40   4  version 2: how far its slowest subscriber is behind, in 1/1000 of the limit; 0
//                where it does not block
//        44   4  zero
//
// Faults. A frame that is well framed but wrong inside (unknown kind, bad lengths, bad text) gets
// an ERROR and the connection goes on with the next frame; so does one that is longer than allowed,
// up to RC_SKIP_BYTES_MAX. A bad HELLO, a non-zero zero field in a frame's header or a length above
// RC_SKIP_BYTES_MAX means that framing is lost: ERROR with RC_ERROR_CLOSING.
#ifndef RINGCAST_PROTOCOL_H
#define RINGCAST_PROTOCOL_H

#define RC_PROTOCOL_MAGIC      "\xf7RCP"
#define RC_PROTOCOL_FIRST_BYTE 0xf7
#define RC_OFFSET_NONE         0xffffffffu
#define RC_LISTENERS_UNKNOWN   0xffffffffffffffffu
#define RC_CREDIT_UNLIMITED    0xffffffffffffffffu

enum {
    RC_PROTOCOL_VERSION = 2,
    RC_PROTOCOL_STREAM_CREDITS = 2, // from this version on

    RC_HELLO_BYTES = 24,
    RC_HEADER_BYTES = 16,
    RC_EVENT_BYTES = 28,
    RC_SET_BYTES = 32,
    RC_SET_FLOW_BYTES = 32,
    RC_END_BYTES = 8,
    RC_WELCOME_BYTES = 32,
    RC_ACK_BYTES = 32,
    RC_ERROR_BYTES = 16,
    RC_CREDIT_BYTES = 8,
    RC_STREAM_CREDIT_BYTES = 16,
    RC_PRESSURE_BYTES = 32,
    RC_PRESSURE_STREAM_BYTES = 48, // with what version 2 has

    RC_PING_BYTES_MAX = 64,
    RC_BATCH_ERRORS_MAX = 16,
    RC_SKIP_BYTES_MAX = 64 << 20,
    RC_NAME_BYTES_MAX = 255,
    RC_TYPE_BYTES_MAX = 255,
    RC_ERROR_MESSAGE_BYTES_MAX = 1024,
    RC_STREAM_CREDITS_MAX = 64,

    // Producer to broker
    RC_FRAME_PUBLISH = 1,
    RC_FRAME_BATCH = 2,
    RC_FRAME_SET = 3,
    RC_FRAME_DISCARD = 4,
    RC_FRAME_PING = 5,
    RC_FRAME_PRESSURE = 6,
    RC_FRAME_SET_FLOW = 7,
    RC_FRAME_END = 8,
    // Broker to producer
    RC_FRAME_WELCOME = 65,
    RC_FRAME_ACK = 66,
    RC_FRAME_ERROR = 67,
    RC_FRAME_CREDIT = 68,
    RC_FRAME_PONG = 69,
    RC_FRAME_PRESSURE_NOW = 70,
    RC_FRAME_STREAM_CREDIT = 71,

    RC_LEVEL_RECEIVED = 0, // answered at once
    RC_LEVEL_WRITTEN = 1,  // survives a crash of the broker
    RC_LEVEL_SYNCED = 2,   // survives a power cut

    RC_EVENT_EPHEMERAL = 1, // delivered to who is there, never stored, without id
    RC_EVENT_BINARY = 2,    // the data need not be UTF-8

    RC_END_CLOSED = 1, // complete
    RC_END_CANCELLED = 2,
    RC_END_DELETED = 3, // with its history

    RC_OVERFLOW_DEFAULT = 0, // as the broker is set
    RC_OVERFLOW_DROP_OLDEST = 1,
    RC_OVERFLOW_DROP_NEWEST = 2,
    RC_OVERFLOW_DROP_LOWEST = 3, // of the lowest priority first
    RC_OVERFLOW_DISCONNECT = 4,
    RC_OVERFLOW_BLOCK = 5, // drops nothing: the slowest subscriber holds the producers

    RC_ERROR_MORE = 1,
    RC_ERROR_CLOSING = 2,

    RC_ATTRIBUTE_TAG = 2, // may repeat
    RC_ATTRIBUTE_SOURCE = 3,
    RC_ATTRIBUTE_CORRELATION = 4,
    RC_ATTRIBUTE_CONTENT_TYPE = 5,
    RC_ATTRIBUTE_CUSTOM = 6, // key, one NUL byte, value; may repeat
    RC_ATTRIBUTE_TOPIC = 8,  // an alternate topic; may repeat
};

// Codes of ERROR: X(number, name, code). Numbers and codes never change; new ones are added at the
// end.
#define RC_ERRORS(X)                                     \
    X(0, OK, "none")                                     \
    X(1, STREAM_NOT_FOUND, "stream_not_found")           \
    X(2, STREAM_CLOSED, "stream_closed")                 \
    X(3, CONNECTION_NOT_FOUND, "connection_not_found")   \
    X(4, CONNECTION_CLOSED, "connection_closed")         \
    X(5, BUFFER_OVERFLOW, "buffer_overflow")             \
    X(6, BACKPRESSURE_EXCEEDED, "backpressure_exceeded") \
    X(7, CONNECTION_ERROR, "connection_error")           \
    X(8, LOG_ERROR, "log_error")                         \
    X(9, SERIALIZATION_ERROR, "serialization_error")     \
    X(10, INVALID_RESUME_TOKEN, "invalid_resume_token")  \
    X(11, UNAUTHORIZED, "unauthorized")                  \
    X(12, FORBIDDEN, "forbidden")                        \
    X(13, TOO_LARGE, "too_large")                        \
    X(14, RATE_LIMITED, "rate_limited")                  \
    X(15, INVALID_REQUEST, "invalid_request")            \
    X(16, INVALID_NAME, "invalid_name")                  \
    X(17, INVALID_PARAMETER, "invalid_parameter")        \
    X(18, MISSING_PARAMETER, "missing_parameter")        \
    X(19, NOT_FOUND, "not_found")                        \
    X(20, METHOD_NOT_ALLOWED, "method_not_allowed")      \
    X(21, NOT_ACCEPTABLE, "not_acceptable")              \
    X(22, REQUEST_TIMEOUT, "request_timeout")            \
    X(23, URI_TOO_LONG, "uri_too_long")                  \
    X(24, HEADER_TOO_LARGE, "header_too_large")          \
    X(25, TOO_MANY_CONNECTIONS, "too_many_connections")  \
    X(26, TOO_MANY_STREAMS, "too_many_streams")          \
    X(27, STALE_EPOCH, "stale_epoch")                    \
    X(28, UNSUPPORTED_VERSION, "unsupported_version")    \
    X(29, SHUTTING_DOWN, "shutting_down")                \
    X(30, INTERNAL, "internal")                          \
    X(31, OVERLOADED, "overloaded")

#endif
