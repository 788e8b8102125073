#include "conn/flow.h"

#include <string.h>

#include "base/assert.h"

struct conn_flow *conn_flow_open(struct shard *shard, struct conn *conn)
{
    struct conn_flow *flow = conn_flow_of(shard, conn);
    if (flow != NULL) {
        return flow;
    }
    flow = pool_alloc(&shard->flows);
    if (flow == NULL) {
        return NULL;
    }
    memset(flow, 0, sizeof(*flow));
    flow->conn = conn_index(shard, conn);
    flow->timer.tag = loop_timer_tag(SHARD_TIMER_FLOW, flow->conn);
    conn->flow = pool_index(&shard->flows, flow);
    conn->flags |= CONN_FLOW;
    return flow;
}

void conn_flow_close(struct shard *shard, struct conn *conn)
{
    struct conn_flow *flow = conn_flow_of(shard, conn);
    if (flow == NULL) {
        return;
    }
    wheel_cancel(&shard->loop->wheel, &flow->timer);
    pool_free(&shard->flows, flow);
    conn->flow = CONN_NONE;
    conn->flags &= ~(uint32_t)(CONN_FLOW | CONN_PARKED);
}

void conn_flow_park(struct shard *shard, struct conn *conn, uint64_t delay_ms)
{
    struct conn_flow *flow = conn_flow_of(shard, conn);
    ASSERT(flow != NULL);
    conn->flags |= CONN_PARKED;
    loop_arm(shard->loop, &flow->timer, delay_ms);
}

static void on_timer(void *context, struct loop *loop, struct wheel_timer *timer)
{
    (void)loop;
    struct shard *shard = context;
    struct conn *conn = conn_at(shard, loop_timer_owner(timer));
    conn->flags &= ~(uint32_t)CONN_PARKED;
    conn_make_ready(shard, conn);
}

void conn_flow_set_handlers(struct shard *shard)
{
    loop_set_timer_handler(shard->loop, SHARD_TIMER_FLOW, on_timer, shard);
}
