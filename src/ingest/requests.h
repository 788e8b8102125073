// The requests of one producer that are not answered yet, in the order in which they came. One
// thread.
#ifndef RINGCAST_INGEST_REQUESTS_H
#define RINGCAST_INGEST_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

struct operation;

enum {
    REQUESTS_MIN = 64, // whoever needs more gets all at once
    // Then the producer is not read from until some are answered: 4096 at 200 microseconds each are
    // 20 million a second.
    REQUESTS_MAX = 4096,
    // Those aside are as many as libringcast has in its window (RC_WINDOW_REQUESTS_MAX): it may
    // have sent them before it hears that their stream is held.
    REQUESTS_ASIDE_MIN = 256,
    REQUESTS_ASIDE_MAX = 65536,
};

enum request_kind {
    REQUEST_PUBLISH,
    REQUEST_BATCH,
    REQUEST_CONTROL,   // set, discard
    REQUEST_OPERATION, // asks the workers, or answers at once
    REQUEST_TEXT,      // lines: the answer is ready and only waits for its turn
};

struct request {
    uint64_t number; // binary: the producer's
    uint64_t id;     // of the last event accepted
    uint64_t sequence;
    struct operation *operation; // owned; NULL: none
    uint32_t bytes;              // that count against the credit
    uint32_t pending;            // answers of the log, or of the operation, still to come
    uint32_t accepted;
    uint32_t duplicates;
    uint32_t refused;
    uint32_t
        text_bytes; // lines: at the front of the producer's texts: the ref, or the ready answer
    uint16_t error; // the first refusal's
    uint16_t pressure_permille; // lines: of its event's stream, where that is under pressure
    uint8_t kind;
    bool has_level;  // the answer carries an id: it was not acknowledged as received
    bool is_holding; // something of it is held (hold.h)
    bool is_open;    // still being read or started: not to be answered yet
    bool is_done;
    bool is_aside;
};

struct request_aside {
    uint64_t counter;
    struct request request;
};

// A ring, addressed by a counter that only rises. Requests that hold something are set aside where
// they would keep the ring full; those stand by their counters, all of them lower than the ring's.
struct requests {
    struct request *entries;
    uint32_t capacity;           // 0 or a power of two
    uint64_t head;               // the oldest
    uint64_t tail;               // the next
    struct request_aside *aside; // answered ones stand until they are the first, or room is wanted
    uint32_t aside_capacity;
    uint32_t aside_first;
    uint32_t aside_end;
    uint32_t aside_open; // that are not answered; at most REQUESTS_ASIDE_MAX
};

void requests_init(struct requests *requests);
void requests_free(struct requests *requests);

// Without those aside.
static inline uint32_t requests_count(const struct requests *requests)
{
    return (uint32_t)(requests->tail - requests->head);
}

static inline bool requests_are_none(const struct requests *requests)
{
    return requests->tail == requests->head && requests->aside_open == 0;
}

// Where the ring is full: sets the oldest one aside, if it holds something and there is room. True:
// it did; pointers to others become invalid.
bool requests_make_room(struct requests *requests);
// It is answered. The pointer becomes invalid, unless it is in the ring.
void requests_finish(struct requests *requests, struct request *request);

// Adds one, zeroed but open. NULL: REQUESTS_MAX are there, or no memory. Pointers to others become
// invalid.
struct request *requests_push(struct requests *requests);

// Takes back the one added last.
void requests_drop_last(struct requests *requests);

// NULL when it is not there (any more).
struct request *requests_at(const struct requests *requests, uint64_t counter);

// The oldest, or NULL.
struct request *requests_first(const struct requests *requests);
void requests_pop(struct requests *requests);

#endif
