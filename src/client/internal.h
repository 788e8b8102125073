// The client's own state, for the files of src/client alone.
//
//     window.c      requests without an answer, as the bytes of their frames, in order
//     encode.c      events as frames
//     limits.c      streams with a credit of their own
//     connection.c  connecting, sending, receiving, reconnecting
//     client.c      the public functions
#ifndef RINGCAST_CLIENT_INTERNAL_H
#define RINGCAST_CLIENT_INTERNAL_H

#include <ringcast/client.h>

#include <sys/un.h>

enum {
    RC_WINDOW_BYTES_DEFAULT = 8 << 20,
    RC_WINDOW_BYTES_MIN = 4 << 10,  // what is allocated first
    RC_WINDOW_REQUESTS_MAX = 65536, // bounds the table where requests are small
    RC_RECEIVE_BYTES = 32 << 10,    // many answers at once; each of them is at most about 1 KiB
    RC_RETRY_MS_MIN = 20,
    RC_RETRY_MS_MAX_DEFAULT = 5000,
    RC_WELCOME_MS_MAX = 5000, // a broker that accepts and does not answer is none
    RC_MESSAGE_BYTES = RC_ERROR_MESSAGE_BYTES_MAX + 64,
    // Publishing without polling looks for answers now and then, so that the broker is not held up
    // by them.
    RC_LOOK_EVERY = 64,
};

// A request without an answer.
struct rc_request {
    rc_done done;
    void *context;
    union {
        uint64_t position; // of its frame, counted from the first byte ever
        uint8_t *frame;    // is_aside: a copy, owned
    };
    uint32_t length;
    int code; // of the first event of a batch that was refused
    uint32_t index;
    bool is_sent;  // on this connection, at least in part: counts against the credit
    uint8_t limit; // place in rc_client.limits + 1: counts against that credit; 0: the connection's
    bool is_done;  // answered; its place is freed when it is the oldest
    bool is_aside;
};

struct rc_aside {
    uint64_t number;
    struct rc_request request;
};

struct rc_window {
    uint8_t *bytes;
    size_t capacity_bytes;
    size_t limit_bytes;
    size_t start; // of the oldest request's frame
    size_t end;
    uint64_t start_position;
    struct rc_request *requests; // a ring; the request number is the index without the mask
    uint32_t capacity;
    uint64_t head;       // the oldest
    uint64_t tail;       // the next number
    uint64_t unanswered; // those aside included
    // Requests that held up a full window are set aside: sent, and of a stream with a credit of its
    // own. By number, all of them lower than `head`; answered ones among them stand until they are
    // the first, or room is wanted.
    struct rc_aside *aside;
    uint32_t aside_capacity;
    uint32_t aside_first;
    uint32_t aside_end;
    uint32_t aside_open; // that are not answered
    size_t aside_bytes;  // of their frames; at most limit_bytes
};

void rc_window_init(struct rc_window *window, size_t limit_bytes);
void rc_window_free(struct rc_window *window);
// Room for a frame of this length. RC_OK, RC_AGAIN (full), RC_NO_MEMORY. An empty window takes any
// length.
int rc_window_reserve(struct rc_window *window, size_t length);
// Sets the oldest request aside, if it has a limit and was sent whole (up to `sent`). False: it has
// not, or as much as may be is aside. Pointers to requests become invalid.
bool rc_window_set_aside(struct rc_window *window, uint64_t sent);
// Where the frame goes; after window_reserve.
uint8_t *rc_window_room(struct rc_window *window);
// Takes the frame that was written there. Its number is window->tail before the call.
void rc_window_add(struct rc_window *window, size_t length, rc_done done, void *context);
// NULL for a number without an open request.
struct rc_request *rc_window_find(struct rc_window *window, uint64_t number);
// The first request without an answer from *number on, which becomes its number; NULL: none.
struct rc_request *rc_window_next(const struct rc_window *window, uint64_t *number);
// Its frame.
const uint8_t *rc_window_frame(const struct rc_window *window, const struct rc_request *request);
// It is answered: frees its place, if it is the oldest.
void rc_window_finish(struct rc_window *window, struct rc_request *request);
// For a new connection: nothing is sent, and what was answered is not among the bytes any more.
void rc_window_rewind(struct rc_window *window);
const uint8_t *rc_window_bytes(const struct rc_window *window, uint64_t position);
// The position behind the last byte.
uint64_t rc_window_end(const struct rc_window *window);

// A stream whose credit is limited.
struct rc_limit {
    uint64_t credit_bytes;
    uint64_t unanswered_bytes; // of its requests, sent or not
    uint8_t name_length;       // 0: this place is free
    uint8_t name[RC_NAME_BYTES_MAX];
};

enum rc_state {
    RC_STATE_DOWN,  // until retry_at_ms
    RC_STATE_HELLO, // waits for WELCOME
    RC_STATE_READY,
    RC_STATE_FAILED, // for good: `failure`
};

struct rc_client {
    struct sockaddr_un address;
    struct rc_options options;
    struct rc_window window;
    enum rc_state state;
    int fd; // -1 in DOWN and FAILED
    int failure;
    int connect_errno;
    int refusal; // what the broker said when it refused the last connection; RC_OK: nothing
    bool is_in_callback;
    bool is_leaving; // the broker shuts down: nothing new is sent on this connection
    bool is_blocked; // the socket took no more
    uint64_t retry_at_ms;
    uint64_t welcome_by_ms;
    int retry_ms;
    uint64_t reconnects;
    bool was_ready;

    uint64_t sequence; // of the next event
    uint64_t sent;     // position in the window up to which it is sent
    uint64_t allowed;  // and up to which the credit allows
    uint64_t next;     // the request whose frame begins at `allowed`
    uint64_t resend;   // those aside from this number on are to be sent first; UINT64_MAX: none
    uint32_t resent;   // bytes of that one that are
    uint64_t in_flight_bytes;
    uint64_t credit_bytes;
    uint32_t limit_count;
    struct rc_limit limits[RC_STREAM_CREDITS_MAX];
    uint32_t frame_bytes_max;
    uint32_t event_bytes_max;

    uint8_t *received;
    size_t received_length;
    uint64_t answered; // requests, ever
    uint32_t unlooked;

    struct rc_pressure pressure; // of the last PRESSURE_NOW
    struct rc_stream_pressure stream_pressure;
    uint64_t refusal_request; // whose first refusal `refusal_message` tells of
    char refusal_message[RC_MESSAGE_BYTES];
    char message[RC_MESSAGE_BYTES];
    char result_message[RC_MESSAGE_BYTES];
    uint64_t random;
};

// ---- encode.c

size_t rc_encode_event_bytes(const struct rc_event *event);
// Checks what would not fit the frame's fields. RC_OK, or RC_BAD_ARGUMENT or RC_TOO_LARGE with a
// message.
int rc_encode_check(struct rc_client *client, const struct rc_event *event);
uint8_t rc_encode_level(enum rc_ack ack);
void rc_encode_header(uint8_t *at, size_t length, uint8_t kind, uint8_t level, uint64_t request);
// Returns what follows. encode_event_bytes of room.
uint8_t *rc_encode_event(uint8_t *at, const struct rc_event *event, uint64_t sequence);
void rc_encode_flow(uint8_t *at, const struct rc_flow *flow); // RC_SET_FLOW_BYTES
void rc_encode_hello(uint8_t *at, const struct rc_client *client);

static inline void put_le(uint8_t *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static inline uint64_t get_le(const uint8_t *at, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    return value;
}

// ---- limits.c

// STREAM_CREDIT.
void rc_limits_set(struct rc_client *client, const uint8_t *name, size_t length, uint64_t credit);
// Whether a frame of this length may be added now for the stream; NULL: for none.
bool rc_limits_admit(struct rc_client *client, const char *stream, size_t length);
// The request, not sent yet, was added to the window.
void rc_limits_add(struct rc_client *client, struct rc_request *request);
// It is answered, or as if never sent: it counts against no credit.
void rc_limits_finish(struct rc_client *client, struct rc_request *request);
// A new connection begins without any.
void rc_limits_forget(struct rc_client *client);

// ---- connection.c

uint64_t rc_connection_now_ms(void);
// One step: connects, sends and receives what is possible, waiting at most until deadline_ms
// (UINT64_MAX: for ever; a time that has passed: not at all) for something to happen. RC_OK, or the
// failure for good.
int rc_connection_step(struct rc_client *client, uint64_t deadline_ms);
// Sends what can be sent without waiting.
void rc_connection_send(struct rc_client *client);
// Takes answers that are there, without waiting.
void rc_connection_receive(struct rc_client *client);
void rc_connection_close(struct rc_client *client);
// The socket took not all that may be sent.
bool rc_connection_has_more(const struct rc_client *client);

// Sets client->message.
__attribute__((format(printf, 2, 3))) void rc_client_say(struct rc_client *client,
                                                         const char *format, ...);
// Gives a request its answer. The window may have changed afterwards.
void rc_client_finish(struct rc_client *client, struct rc_request *request,
                      const struct rc_result *result);

#endif
