// Who may ask for what (mission I1 to I3), in this order: how often the client's address asks,
// which page asks (CORS), who asks, and whether they may. One thread each; the policy is all
// workers'.
#pragma once

#include "auth/cors.h"
#include "auth/token_cache.h"

#include <stdbool.h>

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
    const struct cors_origins *origins; // whose pages may ask; borrowed
    bool requires_origin;               // of all but what is open to everybody
    enum access_anonymous anonymous;
    struct slice cookie;             // the name of the one that may hold a token; empty: none
    const struct token_rules *rules; // borrowed; NULL: no keys are configured
    struct keyring *keyring;         // of the start (later ones: token_cache_set_keyring); borrowed
};

// Looks at a request whose header is whole and whose route is found. False: it was answered.
bool access_check(struct shard *shard, struct conn *conn, struct context *context);
