// What each connection was sent since its stream began, for the access log. In a table of its own,
// which is there only where an access log is, or was. Inline: sends count in it. The worker's
// thread.
#pragma once

#include "conn/shard.h"

static inline struct conn_tally *conn_tally_of(const struct shard *shard, const struct conn *conn)
{
    return &shard->rings[conn->ring].tallies[conn_slot(shard, conn)];
}

// A send is queued.
static inline void conn_tally_add(const struct shard *shard, const struct conn *conn,
                                  uint32_t events, uint64_t bytes)
{
    struct conn_tally *tally = conn_tally_of(shard, conn);
    tally->events += events;
    tally->bytes += bytes;
    tally->last_events = events;
    tally->last_bytes = (uint32_t)bytes;
}

// Events that are surely sent, whatever comes of the newest send's bytes.
static inline void conn_tally_add_kept(const struct shard *shard, const struct conn *conn,
                                       uint32_t events)
{
    if (shard->has_tallies) {
        conn_tally_of(shard, conn)->events += events;
    }
}

// Of the newest send so many bytes, and whole events, went out: the others are sent again.
static inline void conn_tally_settle(const struct shard *shard, const struct conn *conn,
                                     uint32_t events, uint32_t bytes)
{
    if (!shard->has_tallies) {
        return;
    }
    struct conn_tally *tally = conn_tally_of(shard, conn);
    ASSERT(bytes <= tally->last_bytes);
    events = events < tally->last_events ? events : tally->last_events; // some may have expired
    tally->events -= tally->last_events - events;
    tally->bytes -= tally->last_bytes - bytes;
    tally->last_events = events;
    tally->last_bytes = bytes;
}
