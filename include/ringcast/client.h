// libringcast: publish events to a ringcast broker over its Unix socket. Depends on libc alone.
//
//     struct rc_client *client;
//     if (rc_client_open("/run/ringcast/ringcast.sock", NULL, &client) != RC_OK) { ... }
//     rc_publish(client, &(struct rc_event){.stream = "chat/42", .type = "text",
//                                           .data = "hi", .data_length = 2}, NULL, NULL);
//     rc_flush(client, 5000);
//     rc_close(client);
//
// Threads. A client is used by one thread at a time; there is no lock and no thread inside.
// Different clients are independent. Everything happens inside calls: sending, reading answers,
// reconnecting and callbacks. A program that publishes rarely calls rc_poll now and then, or when
// rc_descriptor is readable. Callbacks may call rc_publish and rc_batch, and nothing else of this
// library.
//
// Connection. When it is lost, the next calls connect again, waiting longer from attempt to
// attempt, and send again whatever was not acknowledged. The broker recognises what it already has
// by producer id, epoch and sequence, which the client numbers by itself: nothing is lost and
// nothing is there twice, also when the broker was restarted in between. (Ephemeral events may be
// lost or repeated.)
//
// Streams that block (rc_set_flow). While the slowest subscriber of one is too far behind,
// rc_publish and rc_batch take one request for it at a time (a batch is its first event's): they
// wait until that is answered, or give RC_AGAIN where options.nonblocking is set. Other streams are
// not held. The broker keeps such an event until the subscriber has caught up, and answers
// RC_BACKPRESSURE_EXCEEDED after the stream's time (10 s, if it was not set).
//
// Memory. Unacknowledged requests are kept, up to options.window_bytes; beyond it rc_publish waits
// for acknowledgements, or gives RC_AGAIN where options.nonblocking is set. Requests for streams
// that are held may take as much again, so that they take no room from the others.
#ifndef RINGCAST_CLIENT_H
#define RINGCAST_CLIENT_H

#include <ringcast/protocol.h>
#include <ringcast/version.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RC_API __attribute__((visibility("default")))

// What functions return. Above 0: said by the broker (protocol.h, RC_ERRORS). Below 0: found here.
enum rc_code {
#define RC_ERRORS_ENUMERATOR(number, name, code) RC_##name = number,
    RC_ERRORS(RC_ERRORS_ENUMERATOR)
#undef RC_ERRORS_ENUMERATOR
        RC_AGAIN = -1,     // the window is full (nonblocking): call rc_poll, then try again
    RC_TIMED_OUT = -2,     // not done within the time given; it is still being worked on
    RC_NO_CONNECTION = -3, // cannot connect; errno says why
    RC_NO_MEMORY = -4,
    RC_BAD_ARGUMENT = -5, // the event breaks a rule, see rc_message
    RC_BAD_ANSWER = -6,   // the other side does not speak this protocol
    RC_NOT_SENT = -7,     // the client was closed before this was acknowledged
};

// "too_large", "timed_out"...: stable words. Static memory. Any thread.
RC_API const char *rc_code_text(int code);

struct rc_options {
    uint64_t producer_id; // 0: a random one. Keep it, with a rising epoch, to be recognised over
                          // restarts
    uint32_t epoch;       // 0: the time in seconds
    uint64_t
        first_sequence;  // 0: 1. To go on where an earlier run with the same id and epoch stopped
    bool no_idempotency; // no producer id: a reconnection may then repeat events
    bool nonblocking;    // rc_publish and rc_batch give RC_AGAIN rather than wait for room
    size_t window_bytes; // most unacknowledged bytes kept; 0: 8 MiB
    int connect_wait_ms; // how long rc_client_open keeps trying; 0: one attempt
    int retry_ms_max;    // longest pause between attempts to reconnect; 0: 5000
};

enum rc_ack {
    RC_ACK_DEFAULT = 0, // written
    RC_ACK_RECEIVED,    // at once, without id
    RC_ACK_WRITTEN,     // survives a crash of the broker
    RC_ACK_SYNCED,      // survives a power cut
};

enum rc_priority {
    RC_PRIORITY_DEFAULT = 0, // normal
    RC_PRIORITY_CRITICAL,
    RC_PRIORITY_HIGH,
    RC_PRIORITY_NORMAL,
    RC_PRIORITY_LOW,
    RC_PRIORITY_BACKGROUND,
};

struct rc_attribute {
    uint8_t kind;      // RC_ATTRIBUTE_* of protocol.h
    const char *name;  // of RC_ATTRIBUTE_CUSTOM; else NULL
    const char *value; // ends with NUL
};

// Zero or NULL members take the default. Everything is copied before the call returns.
struct rc_event {
    const char *stream; // 1 to 255 bytes of UTF-8 without control characters
    const char *type;   // the SSE event name
    const void *data;
    size_t data_length;
    enum rc_ack ack; // in rc_batch: that of the first event counts for all
    enum rc_priority priority;
    uint32_t ttl_ms;
    uint32_t retry_ms;
    bool ephemeral;
    bool binary; // data need not be UTF-8
    const struct rc_attribute *attributes;
    size_t attribute_count;
};

struct rc_result {
    int code;    // RC_OK: all of it was accepted, or was there already
    uint64_t id; // of the last event accepted; 0 where there is none (level received, ephemeral)
    uint64_t sequence;   // its place in its stream
    uint32_t accepted;   // events appended
    uint32_t duplicates; // events that were there already
    uint32_t refused; // events of a batch that were refused; code tells why the first of them was,
    uint32_t index;   // and this which it was
    const char *message; // more about the code, for people; valid during the callback; never NULL
};

typedef void (*rc_done)(void *context, const struct rc_result *result);

struct rc_client;

// options may be NULL. RC_OK; RC_NO_CONNECTION with errno (ENOENT, ECONNREFUSED: no broker there;
// EACCES: not allowed); RC_FORBIDDEN and other refusals by the broker; RC_NO_MEMORY;
// RC_BAD_ARGUMENT (path too long).
RC_API int rc_client_open(const char *path, const struct rc_options *options,
                          struct rc_client **client);

// Sends what is queued once more without waiting, then closes. Requests without an answer get
// RC_NOT_SENT through their callbacks. Call rc_flush first to lose nothing. NULL is allowed.
RC_API void rc_close(struct rc_client *client);

// Publishes one event: queued, and sent at once as far as the socket takes it. `done` (may be NULL)
// is called exactly once, later, with the answer, unless this returns something other than RC_OK.
// Answers come in any order. Waits for room in the window (see options.nonblocking), without a
// limit of time.
RC_API int rc_publish(struct rc_client *client, const struct rc_event *event, rc_done done,
                      void *context);

// Publishes one event and waits for its answer, which is put in *result (may be NULL; its message
// is valid until the next call). Returns result->code, or RC_TIMED_OUT after timeout_ms (below 0:
// waits for ever): the event is then still on its way.
RC_API int rc_publish_wait(struct rc_client *client, const struct rc_event *event,
                           struct rc_result *result, int timeout_ms);

// Publishes `count` events as one request with one answer: the fast way. RC_TOO_LARGE where they do
// not fit in one frame (rc_batch_bytes_max).
RC_API int rc_batch(struct rc_client *client, const struct rc_event *events, size_t count,
                    rc_done done, void *context);

// What a batch may hold: the sum of rc_event_bytes of its events.
RC_API size_t rc_batch_bytes_max(const struct rc_client *client);
RC_API size_t rc_event_bytes(const struct rc_event *event);
// The longest data of one event that the broker takes.
RC_API size_t rc_data_bytes_max(const struct rc_client *client);

// Waits until everything published was answered. RC_OK; RC_TIMED_OUT; a broker's refusal of the
// connection.
RC_API int rc_flush(struct rc_client *client, int timeout_ms);

// Sends and receives what is possible, waiting for an answer at most timeout_ms (0: not at all;
// below 0: no limit). Returns how many requests were answered, or a negative code. With nothing
// unanswered it returns 0 at once.
RC_API int rc_poll(struct rc_client *client, int timeout_ms);

// What happens to a stream's subscribers that lag. 0: as the broker is set.
struct rc_flow {
    int overflow;        // RC_OVERFLOW_* of protocol.h
    uint64_t lag_events; // that one may be behind
    uint64_t lag_bytes;
    // Of a stream that blocks: from where on its producers are slowed, up to 1 a share of the
    // limit, above it a number of events; and how long an event is held before it is refused with
    // RC_BACKPRESSURE_EXCEEDED.
    double threshold;
    uint32_t producer_wait_ms; // up to an hour
};
// Sets a stream's own, for as long as the stream is there, and waits for the answer. RC_OK; a
// refusal by the broker; RC_TIMED_OUT as in rc_publish_wait; RC_BAD_ARGUMENT.
RC_API int rc_set_flow(struct rc_client *client, const char *stream, const struct rc_flow *flow,
                       int timeout_ms);

// Ends a stream, behind all that was published to it, and waits for the answer. how: RC_END_* of
// protocol.h. level: RC_LEVEL_WRITTEN or RC_LEVEL_SYNCED. The same end again is RC_OK, another one
// RC_STREAM_CLOSED; RC_STREAM_NOT_FOUND; RC_TIMED_OUT as in rc_publish_wait; RC_BAD_ARGUMENT.
RC_API int rc_end_stream(struct rc_client *client, const char *stream, int how, int level,
                         int timeout_ms);

// How full the broker is. Waits for the answer. stream: to learn how many listen to it; or NULL.
struct rc_pressure {
    double full;               // 0 to 1
    uint64_t credit_bytes;     // of this connection
    uint64_t unanswered_bytes; // as the broker sees it
    uint64_t listeners;        // RC_LISTENERS_UNKNOWN without a stream
};
RC_API int rc_pressure(struct rc_client *client, const char *stream, struct rc_pressure *pressure,
                       int timeout_ms);

// How a stream's subscribers keep up. Of one that does not block (see rc_flow): 0 and
// RC_CREDIT_UNLIMITED.
struct rc_stream_pressure {
    double full;           // how far the slowest is behind, 1 being the limit
    uint64_t credit_bytes; // of its events that may be unanswered
    uint64_t listeners;
};
RC_API int rc_stream_pressure(struct rc_client *client, const char *stream,
                              struct rc_stream_pressure *pressure, int timeout_ms);

// For poll(2) in the program's own loop, with the events to wait for; -1 while there is no
// connection (then call rc_poll at least every 100 ms). It changes with each reconnection.
RC_API int rc_descriptor(const struct rc_client *client, short *events);

RC_API size_t rc_unanswered(const struct rc_client *client);   // requests
RC_API uint64_t rc_reconnects(const struct rc_client *client); // since rc_client_open
RC_API uint64_t rc_producer_id(const struct rc_client *client);
// About the last failure of a call on this client, for people. Valid until the next call.
RC_API const char *rc_message(const struct rc_client *client);
RC_API const char *rc_version(void);

#ifdef __cplusplus
}
#endif

#endif
