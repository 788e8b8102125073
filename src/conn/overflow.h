// Connections that lag beyond their limit: finding out what to drop, as their policy says, and
// sending the rest (mission C2). A subscriber is a cursor, so nothing is taken out of any buffer:
// dropping is moving the cursor (drop_oldest), or walking the backlog up to an end (drop_newest) or
// past what a cut leaves out (drop_lowest).
//
// What has to be known first (how many events stand between two ids, which priorities they have)
// may stand in blocks on disk, and takes several rounds: so it is a machine of small steps, each of
// which may wait like a walk does, or be repeated. While it runs nothing is sent; what it decided
// is told as a gap before anything else. Where the log moves under it (retention takes a part of
// the backlog) it gives up: that gap is told first, then the lag is looked at anew.
#pragma once

#include "conn/shard.h"
#include "conn/walk.h"
#include "flow/overflow.h"

enum overflow_stage {
    OVERFLOW_ASKING,   // drop_oldest: where the newest that may stay begin is looked for in the
                       // window, or the log is asked
    OVERFLOW_MOVING,   // what lies before end_id is counted, then the cursor moves there
    OVERFLOW_KEEPING,  // drop_newest: the oldest that may stay are taken
    OVERFLOW_COUNTING, // drop_lowest: the backlog is counted by priority
    OVERFLOW_SHEDDING, // the level that goes in part is gone through
    OVERFLOW_SENDING,  // what stays, up to end_id, is being sent
};

// Of a connection with CONN_LAGGING; conn_flow.overflow owns it.
struct conn_overflow {
    enum overflow_stage stage;
    enum overflow_policy policy; // OVERFLOW_UNSET: none, memory is short and background events go
    struct overflow_limits limits;
    uint64_t scanned_to;     // all up to here was looked at, where that is done event by event
    uint64_t counted;        // MOVING: events in that
    uint64_t end_id;         // MOVING: where it goes on; else where the backlog in question ends
    struct overflow_cut cut; // SENDING: left out
    bool drops_rest;         // SENDING: what came after end_id goes as well, once it was sent
    union {
        struct {
            uint32_t stream; // of its streams, the one whose
            uint64_t keep;   // newest so many events may stay
        } newest;
        struct overflow_oldest oldest;
        struct overflow_lowest lowest;
    };
};

// What is in force for it: said by its request, its streams, the broker.
struct overflow_terms conn_overflow_terms(const struct shard *shard, const struct conn *conn);
// Whether it may hold back the producers of a stream that blocks: not with another policy of its
// own, nor where it is slow by choice (it, its profile or a rule gave it a rate; then the oldest
// events are dropped for it), unless its request asked for it. The broker's own bound is no choice.
bool conn_overflow_holds(const struct shard *shard, const struct conn *conn);
// Whether a request for these streams may ask to hold back their producers.
bool conn_overflow_may_block(const struct shard *shard, const struct context *context);

// Before events are sent to it: looks whether it lags beyond its limit, and goes on with what is
// being done about that. True when it may send now.
bool conn_check_lag(struct shard *shard, struct conn *conn);
// The log answered where the newest events begin that may stay.
void conn_lag_looked_up(struct shard *shard, struct conn *conn, const struct history *history);
struct conn_lag {
    uint64_t events;
    uint64_t bytes;
    bool is_all; // else it stands further back than what is counted
};
// How far it is behind, by what its streams' windows hold.
struct conn_lag conn_known_lag(const struct shard *shard, const struct conn *conn);
// Whether it is beyond its limit by that alone.
bool conn_is_lagging(const struct shard *shard, const struct conn *conn);
// To be told before anything else is sent; no other one waits to be told.
void conn_set_gap(struct shard *shard, struct conn *conn, const struct conn_gap *gap);

// Keeps a walk to what it may be sent.
static inline void conn_overflow_bind(const struct conn_overflow *overflow, struct walk *walk)
{
    if (overflow->stage == OVERFLOW_SENDING) {
        walk->end_id = overflow->end_id;
        walk->cut = overflow->cut;
        walk->by_record |= overflow_cuts_any(&walk->cut);
    }
}
