// Flow control of a connection: all that one with limits of its own, batches or an open hole needs
// beyond struct conn. From a bounded pool (shard->flows, one for each place of a connection at the
// most); a connection that uses none of it has none, and costs nothing. One thread.
//
// Two things hold events back. While a batch gathers, news still make the connection ready, so that
// it is seen when the batch is full. Over its rate it is parked: news leave it alone until its
// timer, and what has come by then goes out in one write, as far as the buckets allow.
#pragma once

#include "conn/shard.h"
#include "flow/bucket.h"
#include "flow/gathering.h"
#include "flow/overflow.h"
#include "flow/quality.h"

struct conn_overflow;

// What waits for a connection while its batch gathers.
struct gathered {
    uint64_t from;       // its cursor when this was begun; another one: it is begun anew
    uint64_t counted_to; // events with ids up to here are in
    uint64_t events;
    uint64_t bytes; // of frames
    bool is_due;    // some is urgent, or more than memory tells of (then it is catching up)
};

// batch=event: the frame that was begun last. Where it is half sent the cursor stands before the
// event whose piece of it was begun last, and frame_offset counts within that.
struct conn_batch {
    uint64_t last_id;   // the frame's
    uint64_t unix_ms;   // when it was begun: what had expired by then is not in it
    uint32_t count;     // events; 0: it was no batch, but a frame by itself
    uint32_t sent;      // of these, those up to the cursor,
    uint32_t sent_from; // and up to the cursor before the send under way
};

struct conn_flow {
    struct wheel_timer timer; // SHARD_TIMER_FLOW: the batch is due, or it may be sent to again
    uint32_t conn;            // whose it is
    struct quality chosen;    // when it began; zeroed: nothing
    struct quality quality;   // in force: with what rules make of it (conn/link.h)
    struct bucket events;
    struct bucket bytes;
    // What the last send of events took from the buckets: what it turns out not to have begun is
    // given back.
    uint32_t charged_events;
    uint32_t charged_bytes;
    uint32_t charged_oversize; // notices in it, as counted
    // Of an event's data, as walks take it: the quality's, but a frame that is half sent goes on as
    // it was begun.
    uint32_t event_bytes_max;
    struct gathering gathering; // the batch that waits
    struct gathered gathered;
    struct conn_batch batch;
    uint64_t lag_looked_ms;               // when a parked connection's lag was last to be looked at
    struct overflow_terms overflow_terms; // what its request says
    struct conn_overflow *overflow;       // CONN_LAGGING: what is being done about it; owned
};

// NULL where it has none.
static inline struct conn_flow *conn_flow_of(const struct shard *shard, const struct conn *conn)
{
    return conn->flow == CONN_NONE ? NULL : pool_at(&shard->flows, conn->flow);
}
// Its flow, made (zeroed: nothing is limited) where it has none. NULL when there is no room.
struct conn_flow *conn_flow_open(struct shard *shard, struct conn *conn);
// Nothing happens where it has none.
void conn_flow_close(struct shard *shard, struct conn *conn);
// From now on. Its buckets keep what is in them.
void conn_flow_set_quality(struct shard *shard, struct conn *conn, const struct quality *quality);
// Closes one that says nothing any more.
void conn_flow_trim(struct shard *shard, struct conn *conn);

// Whether it waits for its batch: then nothing is to be sent now.
bool conn_flow_gathers(struct shard *shard, struct conn *conn);

// The batch that gathers is sent now, as far as that can be: its connection is about to be closed.
void conn_flow_release(struct shard *shard, struct conn *conn);

// What one send may take.
struct conn_allowance {
    uint32_t events;
    uint32_t bytes;
};
// Before the walk of a send.
void conn_flow_begin_send(const struct conn *conn, struct conn_flow *flow);
struct conn_allowance conn_flow_allowance(const struct shard *shard, struct conn_flow *flow);
// Whether neither its rates nor a batch nor its limit of an event's size is in the way of these
// events, which are all that it has not been sent. The walk that finds out how far a short send
// came sees them as they are sent.
bool conn_flow_takes_news(const struct shard *shard, struct conn_flow *flow, uint32_t events,
                          uint32_t bytes);
// Whether a frame larger than the allowance may go by itself.
bool conn_flow_admits_alone(const struct shard *shard, struct conn_flow *flow, uint32_t bytes);
// Whether events that would make a send of so many, of so many bytes, are held back. is_first: it
// has none yet.
static inline bool conn_flow_holds(const struct shard *shard, struct conn_flow *flow,
                                   const struct conn_allowance *allowance, bool is_first,
                                   uint32_t events, uint32_t bytes)
{
    return (events > allowance->events || bytes > allowance->bytes) &&
           !(is_first && conn_flow_admits_alone(shard, flow, bytes));
}
void conn_flow_charge(struct conn_flow *flow, uint32_t events, uint32_t bytes);
// The send was cut short: of what was charged only this was begun (the rest of a frame begun before
// was not charged).
void conn_flow_settle(struct shard *shard, struct conn_flow *flow, uint32_t events, uint32_t bytes,
                      uint32_t oversize);
// Nothing is sent to it before a frame of so many bytes may be: CONN_PARKED, then ready again.
void conn_flow_park(struct shard *shard, struct conn *conn, uint32_t bytes);

// Whether its rate and its limit allow a frame without id of so many bytes now, which is charged
// then. Such frames wait neither for rates nor for batches.
bool conn_flow_takes_transient(const struct shard *shard, struct conn *conn, uint32_t bytes);

// batch=event: sends the next events as one. False, with nothing done, where the next one goes by
// itself: what is too large for a batch, or a notice. In shard_make_room there was room for
// CONN_BATCH_BYTES_MAX.
bool conn_send_batch(struct shard *shard, struct conn *conn);
// The rest of one that is half sent, as far as that is in memory. Its bytes are made again.
void conn_send_batch_rest(struct shard *shard, struct conn *conn);
void conn_sent_batch(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                     int32_t result, uint32_t cqe_flags);
enum { CONN_BATCH_BYTES_MAX = 64 << 10, CONN_BATCH_EVENTS_MAX = 1000 };

void conn_flow_set_handlers(struct shard *shard);
