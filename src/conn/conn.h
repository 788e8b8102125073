// A connection: the hot half, two cache lines, which the fan-out touches; what is rarely looked at
// stands in conn_cold. It holds no data: a subscriber is a cursor into the log (an id), plus how
// far into the next frame it has been sent.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conn/proxy_header.h"
#include "io/wheel.h"

struct grant;
struct tls_session;

enum { CONN_NONE = UINT32_MAX }; // an index of nothing

enum conn_state {
    CONN_FREE = 0,
    CONN_REQUEST,  // reads a request, or waits for the next one (connecting)
    CONN_STARTING, // the request is whole; the log is asked where to start (connecting)
    CONN_ASKING,   // the request is whole; its task is with the log thread (connecting)
    CONN_ACTIVE,   // streaming
    CONN_LINGER,   // answered and half closed: takes what the client still sends, for a moment
                   // (draining)
    CONN_CLOSING,  // waits for its last completions, then for its descriptor (draining)
};

// Operations in flight; the slot is reused only when all came back.
enum {
    CONN_OP_RECEIVE = 1 << 0,
    CONN_OP_HANGUP = 1 << 1,   // poll: the peer went away
    CONN_OP_WRITABLE = 1 << 2, // poll: there is room again
    CONN_OP_SHUTDOWN = 1 << 3,
    CONN_OP_CLOSE = 1 << 4,
    CONN_OP_INSTALL = 1 << 5, // of an ordinary descriptor, to look at its path
    CONN_OP_KEYS = 1 << 6,    // its keys go to the kernel: nothing may be sent to it
};

enum {
    CONN_READY = 1 << 0,     // stands in the shard's ready queue
    CONN_WAITING = 1 << 1,   // a look-up or a cold block is under way for it
    CONN_CAUGHT_UP = 1 << 2, // has been at the end of its streams: from now on it can lag
    CONN_ENVELOPE = 1 << 3,
    CONN_HEARTBEAT_EVENT = 1 << 4,
    CONN_HEARTBEAT_OFF = 1 << 5,
    CONN_GAP = 1 << 6,          // conn_cold.gap is to be told before anything else
    CONN_LAGGING = 1 << 7,      // beyond its limit: conn_flow.overflow says what is done about it
    CONN_GOODBYE = 1 << 8,      // close it once its outbox is sent
    CONN_BLOCKED = 1 << 9,      // the socket was full, or its rate held it, since its lag was last
                                // looked at
    CONN_TIMER_DUE = 1 << 10,   // its timer expired: the next pump sees to it
    CONN_REFUSED = 1 << 11,     // its request is answered with conn_cold.refusal
    CONN_UNCOUNTED = 1 << 12,   // not among shard_options.connections, nor its address's
    CONN_CATCHING_UP = 1 << 13, // the send under way ends at the end of its streams, if taken whole
    CONN_HALF_CLOSING = 1 << 14, // the shutdown in flight is of the sending half alone
    CONN_FLOW = 1 << 15,         // has a conn_flow: no plain send of news
    CONN_PARKED = 1 << 16,       // over its rate: nothing is sent before its flow's timer
    CONN_BATCH_EVENT = 1 << 17,  // batch=event: batches of envelopes instead of single ones
    CONN_TYPES = 1 << 18,        // its grant sees only some types of events (conn/grant.h)
    CONN_EXPIRES = 1 << 19,      // its grant does
    CONN_RENEWED = 1 << 20,      // conn_cold.renewed is to take the place of its grant
    CONN_TLS = 1 << 21,          // what it sends and receives is encrypted
    CONN_BY_ADDRESS = 1 << 22,   // counts among the connections of its address
    CONN_PROXY_HEADER = 1 << 23, // begins with one, which is not whole yet
    CONN_PROXIED = 1 << 24,      // its peer is a proxy that is trusted: requests say whose they are
    CONN_TLS_KERNEL = 1 << 25,   // the kernel encrypts what it is sent; then it is not CONN_TLS
    CONN_ADMIN = 1 << 26,        // came by a listener for administrators
};

// One stream that a connection reads.
struct conn_stream {
    uint64_t start_id; // events of it up to here are not wanted (or were told of as a gap)
    uint32_t stream;   // index in the stream table
    uint32_t place;    // among the stream's subscribers
};

// Bytes that the broker made itself (a header, a notice) and the socket did not take at once.
struct conn_outbox {
    uint32_t length;
    uint32_t sent;
    uint32_t reserved_bytes; // of shard.answers
    uint8_t bytes[];
};

struct conn {
    _Alignas(64) uint64_t
        cursor; // all events up to this id are sent, and frame_offset bytes of the next frame
    uint64_t sent_from;          // the cursor before the send under way
    struct conn_stream *streams; // &only, or a list of stream_count
    struct conn_stream only;
    struct conn_outbox *outbox;
    struct wheel_timer timer;
    uint32_t frame_offset;
    uint32_t sent_from_offset;
    uint32_t generation;
    uint32_t last_send_ms;     // low 32 bits of the loop's clock
    uint32_t blocked_since_ms; // while CONN_OP_WRITABLE is in flight
    uint32_t batch;            // number of the batch that carries a send of it
    uint32_t ready_next;
    uint32_t context; // index of its request context while it has one
    uint32_t flags;
    uint32_t flow; // index of its conn_flow (conn/flow.h); CONN_NONE: it has none
    uint16_t stream_count;
    uint8_t state;
    uint8_t ops;
    uint8_t ring;
    uint8_t close_reason; // enum close_reason, the first one that there was
};
_Static_assert(sizeof(struct conn) == 128, "two cache lines");

// Events that a connection does not get.
struct conn_gap {
    uint64_t from;  // after it,
    uint64_t to;    // up to and with it,
    uint64_t count; // so many are missing; 0: not known
    uint8_t reason; // enum notice_reason
    uint8_t policy; // enum overflow_policy that dropped them; 0: none did
};

// Who a connection is from, where its requests may be from others.
struct conn_peer {
    uint8_t address[16];
    uint16_t port;
    uint8_t family;
};

struct conn_cold {
    uint64_t connected_ms; // Unix time
    union {
        struct tls_session *tls; // CONN_TLS: owned; NULL: nothing came yet, or it failed
        uint64_t tls_records;    // CONN_TLS_KERNEL: no more than so many have one key
    };
    struct grant *grant;   // its token's, a reference (conn/grant.h); NULL: it has none
    struct grant *renewed; // a fresh token's, that does not yet say what it sees
    uint64_t marked_id;    // CONN_TYPES: the cursor that it was last told of by itself
    uint64_t subject_key;  // of the token whose subject it counts for; 0: for none
    union {
        struct proxy_header proxy; // while CONN_PROXY_HEADER
        struct conn_peer peer;     // CONN_PROXIED, while it does not stream
        struct conn_gap gap;       // while CONN_GAP
    };
    // Its client's, which is its peer or whom a trusted proxy names. IPv4 in the first 4 bytes.
    uint8_t address[16];
    uint16_t port; // 0: not known
    uint8_t family;
    uint8_t refusal : 4;  // enum conn_refusal, while CONN_REFUSED
    uint8_t listener : 4; // that it came by: index in shard.listeners
    uint32_t user_agent;  // interned, see conn/agents.h; 0: none
};
