// Who may ask for what (mission I1 to I3), in this order: how often the client's address asks,
// which page asks (CORS), who asks, and whether they may. One thread each; the policy is all
// workers'.
#pragma once

#include "auth/cors.h"

#include <stdbool.h>

struct shard;
struct conn;
struct context;

struct access_policy {
    const struct cors_origins *origins; // whose pages may ask; borrowed
    bool requires_origin;               // of all but the built-in pages and /healthz
};

// Looks at a request whose header is whole and whose route is found. False: it was answered.
bool access_check(struct shard *shard, struct conn *conn, struct context *context);
