// Whose a connection is, and what that lets it see (mission I1, I2): the grant of its token. One
// that came without a token, or with one that neither expires nor names event types, pays nothing
// for it. One thread.
#pragma once

#include "auth/grant.h"
#include "conn/shard.h"

// The connection has this grant from now on, a reference of its own; NULL: it came without a token.
// Before anything of its streams is sent to it, and before conn_arm_heartbeat.
void conn_set_grant(struct shard *shard, struct conn *conn, struct grant *grant);
// Lets go of what it has.
void conn_drop_grant(struct shard *shard, struct conn *conn);

// It goes on with the grant of a fresh token, a reference of its own: one of the same subject that
// may read all of its streams. What it sees changes with the next whole frame, and not in the
// middle of what an overflow policy leaves out and has counted. ERR_FORBIDDEN (also where its
// subject is not known), ERR_CONNECTION_CLOSED.
enum rc_error conn_renew(struct shard *shard, struct conn *conn, struct grant *grant);
// CONN_RENEWED: lets that grant say what it sees, where it may by now. Before its events are looked
// at.
void conn_take_renewed(struct shard *shard, struct conn *conn);

// What it has by now, also where it does not yet say what it sees. NULL: nothing.
const struct grant *conn_grant_of(const struct shard *shard, const struct conn *conn);
// How long until it expires, 0: it has; at the most as long as the clock of days is trusted.
// UINT64_MAX: never.
uint64_t conn_grant_left_ms(const struct shard *shard, const struct conn *conn);

// What says which types it sees; NULL: it sees all.
static inline const struct grant *conn_types_of(const struct shard *shard, const struct conn *conn)
{
    return (conn->flags & CONN_TYPES) == 0 ? NULL : conn_cold_of(shard, conn)->grant;
}
static inline bool conn_sees(const struct shard *shard, const struct conn *conn, struct slice type)
{
    return (conn->flags & CONN_TYPES) == 0 || grant_may_see(conn_cold_of(shard, conn)->grant, type);
}
