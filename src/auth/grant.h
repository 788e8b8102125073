// What a token allows (mission I2): made once when the token is verified (auth/token.h), never
// changed, shared by all connections and requests that came with it, on any thread, by counted
// references.
//
// Patterns of stream names and event types: an exact name; `*` stands for any run of bytes but `/`,
// `**` for any run of bytes (base/pattern.h).
#ifndef RINGCAST_AUTH_GRANT_H
#define RINGCAST_AUTH_GRANT_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct grant;

#define GRANT_NEVER_EXPIRES UINT64_MAX

// One more reference; returns the grant. NULL is allowed, and means anybody without a token.
struct grant *grant_hold(struct grant *grant);
// NULL is allowed.
void grant_release(struct grant *grant);

bool grant_may_read(const struct grant *grant, struct slice stream);
// Publish to it, create, close, cancel and delete it.
bool grant_may_write(const struct grant *grant, struct slice stream);
// Send to single connections, and to all of them.
bool grant_may_broadcast(const struct grant *grant);
// Whether events of this type may be seen; the empty type is that of events without one. All may
// where grant_sees_all_types.
bool grant_may_see(const struct grant *grant, struct slice type);
bool grant_sees_all_types(const struct grant *grant);

// Unix milliseconds from which on it is worth nothing; GRANT_NEVER_EXPIRES.
uint64_t grant_expires_ms(const struct grant *grant);
// The token's `sub`; empty where it has none. Lives as long as the grant.
struct slice grant_subject(const struct grant *grant);

#endif
