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
#include <stddef.h>
#include <stdint.h>

struct grant;

#define GRANT_NEVER_EXPIRES UINT64_MAX

enum {
    GRANT_PATTERNS_MAX = 64,       // of one list: a request may look at each of them
    GRANT_SUBJECT_BYTES_MAX = 255, // as a name
};

struct grant_patterns {
    const struct slice *at; // each by pattern_is_valid
    size_t count;           // at most GRANT_PATTERNS_MAX
};

struct grant_terms {
    struct slice subject; // at most GRANT_SUBJECT_BYTES_MAX
    struct grant_patterns read;
    struct grant_patterns write;
    struct grant_patterns types; // only where !sees_all_types
    bool sees_all_types;
    bool may_broadcast;
    uint64_t expires_ms; // Unix milliseconds, or GRANT_NEVER_EXPIRES
};

// A copy of the terms, with one reference, the caller's. NULL without memory.
struct grant *grant_create(const struct grant_terms *terms);

// One more reference; returns the grant. NULL is allowed, and means anybody without a token.
struct grant *grant_hold(struct grant *grant);
// NULL is allowed.
void grant_release(struct grant *grant);

// Whether anybody without a token gets that far is decided before (the setting `anonymous`): NULL
// reads and sees everything here, and neither writes nor broadcasts.
bool grant_may_read(const struct grant *grant, struct slice stream);
// What an answer may cost at the most, in steps of some nanoseconds each.
size_t grant_may_read_steps(const struct grant *grant, struct slice stream);
// Publish to it, create, close, cancel and delete it.
bool grant_may_write(const struct grant *grant, struct slice stream);
// Send to single connections, and to all of them.
bool grant_may_broadcast(const struct grant *grant);
// Whether events of this type may be seen; the empty type is that of events without one, which
// patterns know as `message`, as EventSource does. All may where grant_sees_all_types.
bool grant_may_see(const struct grant *grant, struct slice type);
bool grant_sees_all_types(const struct grant *grant);

// Unix milliseconds from which on it is worth nothing; GRANT_NEVER_EXPIRES.
uint64_t grant_expires_ms(const struct grant *grant);
// The token's `sub`; empty where it has none. Lives as long as the grant.
struct slice grant_subject(const struct grant *grant);
// What it takes of memory.
size_t grant_bytes(const struct grant *grant);

#endif
