// What a connection counts as for those who look from outside; kept up to date as it changes, so
// that nobody has to walk over all of them.
#ifndef RINGCAST_CONN_STANDING_H
#define RINGCAST_CONN_STANDING_H

#include "conn/conn.h"

enum conn_standing {
    STANDING_FREE, // not counted
    STANDING_CONNECTING,
    STANDING_STREAMING,
    STANDING_THROTTLED, // streaming, and held by its socket or its rate
    STANDING_DRAINING,
    CONN_STANDINGS,
};

// "connecting", "streaming", ... Static memory.
const char *conn_standing_name(enum conn_standing standing);

static inline bool conn_is_throttled(const struct conn *conn)
{
    return (conn->ops & CONN_OP_WRITABLE) != 0 || (conn->flags & CONN_PARKED) != 0;
}

static inline enum conn_standing conn_standing(const struct conn *conn)
{
    switch ((enum conn_state)conn->state) {
    case CONN_FREE: return STANDING_FREE;
    case CONN_REQUEST:
    case CONN_STARTING:
    case CONN_ASKING: return STANDING_CONNECTING;
    case CONN_ACTIVE: return conn_is_throttled(conn) ? STANDING_THROTTLED : STANDING_STREAMING;
    case CONN_LINGER:
    case CONN_CLOSING: break;
    }
    return STANDING_DRAINING;
}

#endif
