// One subscriber of the load generator: its response so far, and the check that the events of its
// stream arrive complete, in order and once.
#ifndef RINGCAST_LOADGEN_SUBSCRIBER_H
#define RINGCAST_LOADGEN_SUBSCRIBER_H

#include "histogram.h"
#include "messages.h"
#include "response.h"

#include <stddef.h>
#include <stdint.h>

enum {
    FINDINGS_TEXT_SIZE = 200,
};

enum subscriber_state {
    SUBSCRIBER_IDLE = 0,
    SUBSCRIBER_CONNECTING,
    SUBSCRIBER_WAITING,   // the request is sent, the header has not come
    SUBSCRIBER_RECEIVING, // the header has come
    SUBSCRIBER_CUTTING,   // we end the connection
    SUBSCRIBER_FAILED,
};

struct subscriber {
    union {
        struct response response;
        struct messages messages; // when the ledger names a protocol
    };
    uint64_t number_next; // of the event that comes next
    uint64_t opened_ns;   // when it connected
    uint64_t may_miss;    // events that gaps told of, and that were not missing yet
    uint32_t stream;
    uint16_t attempt; // what is needed while it is being opened (reader.c)
    uint8_t state;    // enum subscriber_state
    bool owes_pong;   // the server asked whether it is there
    uint8_t group;    // enum dealing_group
    bool is_reading;  // a receive is armed
    bool was_told_gap;
    bool was_told_to_leave;
    bool has_lost;     // events were passed over
    bool may_miss_any; // a gap that does not say how many was told, and no event has come since
};

// How far several subscribers have come, by the numbers of their last events.
struct subscriber_mark {
    uint32_t subscribers;
    uint64_t events; // the sum
    uint64_t least;
    uint64_t most;
};

// What the subscribers of one thread saw.
struct findings {
    uint64_t events;                // that came when they were due
    uint64_t lost;                  // numbers passed over, or not come at the end
    uint64_t lost_told;             // of these, those that gap notices told of
    uint64_t told;                  // the sum of the gap notices' counts
    uint64_t repeated;              // again, or later than their successors
    uint64_t gaps;                  // told by the server
    uint64_t foreign;               // of another run or stream
    uint64_t failed;                // subscribers that could not connect, were refused or cut off
    uint64_t bytes;                 // received, headers included
    char first[FINDINGS_TEXT_SIZE]; // the first thing that was wrong; "" when nothing was
};

static inline bool findings_are_good(const struct findings *findings)
{
    return findings->lost == 0 && findings->repeated == 0 && findings->gaps == 0 &&
           findings->failed == 0;
}

// Keeps `text` as the first thing wrong unless there is one.
void findings_note(struct findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void findings_merge(struct findings *into, const struct findings *from);

// Where what arrives is counted, for all subscribers of a thread.
struct subscriber_ledger {
    const struct messages_protocol *protocol; // NULL: server-sent events
    uint32_t run;
    bool allows_gaps;        // events that gaps told of may be missing
    uint64_t now_ns;         // when the bytes arrived
    uint64_t record_from_ns; // latencies of events meant for an earlier time are left out
    uint64_t deliveries;     // grows with each event received or found missing
    struct findings findings;
    struct histogram latency; // from the time an event was meant to be sent
};

// Makes it new, for stream `stream`; the first event due is number 1.
void subscriber_reset(struct subscriber *subscriber, uint32_t stream);

// Makes it ready to connect again: what it has seen stays, the rest begins anew.
void subscriber_resume(struct subscriber *subscriber);

// Zeroed memory is a mark of none.
void subscriber_mark_add(struct subscriber_mark *mark, const struct subscriber *subscriber);
void subscriber_mark_merge(struct subscriber_mark *into, const struct subscriber_mark *from);

// Takes bytes from the socket. State WAITING becomes RECEIVING with the header; either becomes
// FAILED, with a note, when the server refuses, ends the response, or sends what is not of its
// protocol.
void subscriber_take(struct subscriber *subscriber, struct subscriber_ledger *ledger,
                     const uint8_t *at, size_t length);

// The end of the run: `published` events were sent in its stream.
void subscriber_check_end(const struct subscriber *subscriber, struct findings *findings,
                          uint64_t published);

#endif
