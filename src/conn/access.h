// Who may ask for what (mission I1 to I3), in this order: how often the client's address asks,
// which page asks (CORS), who asks (a token, or nobody), how often they do, and whether they may.
// What is not allowed is answered here. One thread each; the policy is all workers'.
#pragma once

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct shard;
struct conn;
struct context;

// What one without a token may do.
enum access_anonymous {
    ACCESS_ANONYMOUS_NONE, // what is open to everybody: the built-in pages, /healthz
    ACCESS_ANONYMOUS_READ,
    ACCESS_ANONYMOUS_ALL,
};

struct access_policy {
    bool requires_origin; // of all but what is open to everybody
    enum access_anonymous anonymous;
    struct slice cookie; // the name of the one that may hold a token; empty: none
};

// Looks at a request whose header is whole and whose route was looked for, before its body. The
// context has a grant afterwards where it came with a token. False: it was answered.
bool access_check(struct shard *shard, struct conn *conn, struct context *context);

// What access_check cannot know yet, since it stands in the query or is made here; each answers
// what is not allowed, and then returns false.
//
// A subscription, whose parameters were read. Counts the connection to the token's subject.
bool access_check_subscription(struct shard *shard, struct conn *conn, struct context *context);
// A stream whose name is made here.
bool access_check_new_stream(struct shard *shard, struct conn *conn, struct context *context,
                             struct slice name);
// So many events that were read from the body.
bool access_check_events(struct shard *shard, struct conn *conn, struct context *context,
                         uint64_t count);

// The request's origin where it is allowed; else empty.
struct slice access_origin(const struct shard *shard, const struct context *context);

// The connection is closed: its subject has one less.
void access_leave(struct shard *shard, const struct conn *conn);
