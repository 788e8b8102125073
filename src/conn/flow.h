// Flow control of a connection: all that one with limits of its own, batches or an open hole needs
// beyond struct conn. From a bounded pool (shard->flows, one for each place of a connection at the
// most); a connection that uses none of it has none, and costs nothing. One thread.
#pragma once

#include "conn/shard.h"
#include "flow/quality.h"

struct conn_flow {
    struct wheel_timer timer; // SHARD_TIMER_FLOW: it may be sent to again
    uint32_t conn;            // whose it is
    struct quality quality;   // in force
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

// Nothing is sent to it for so long, whatever comes in its streams: CONN_PARKED, and ready again
// after it.
void conn_flow_park(struct shard *shard, struct conn *conn, uint64_t delay_ms);

void conn_flow_set_handlers(struct shard *shard);
