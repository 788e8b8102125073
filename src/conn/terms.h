// What a worker goes by and a reload may change, as one snapshot: filled by its maker, then never
// changed, shared by all workers by counted references. Other settings are another snapshot, which
// each worker takes at the start of a round (worker_offer_terms); the old one goes with its last
// user.
#ifndef RINGCAST_CONN_TERMS_H
#define RINGCAST_CONN_TERMS_H

#include "auth/cors.h"
#include "auth/keyring.h"
#include "auth/token.h"
#include "base/arena.h"
#include "base/ip.h"
#include "base/references.h"
#include "conn/access.h"
#include "conn/access_file.h"
#include "conn/client_limits.h"
#include "flow/overflow.h"
#include "flow/quality.h"
#include "flow/rules.h"
#include "http/forwarded.h"
#include "tls/server.h"

#include <stdbool.h>
#include <stdint.h>

struct terms {
    struct references references;
    uint32_t connections_max; // of the whole broker; at most shard_options.connections_max
    uint32_t connection_streams_max;
    uint32_t header_bytes_max;
    uint32_t request_bytes_max; // of one body
    uint32_t event_bytes_max;   // of one event's data
    uint32_t request_timeout_ms;
    uint32_t body_timeout_ms; // a body has arrived whole by then
    uint32_t heartbeat_ms;    // 0: none
    uint32_t retry_ms;
    uint32_t stall_ms_max;     // a connection that takes nothing for so long is closed; 0: never
    uint32_t link_interval_ms; // 0: links are not looked at
    uint64_t cold_bytes_max;   // of each worker
    struct overflow_terms overflow; // where neither request nor stream says something else
    struct quality_policy quality;
    struct client_limits limits;
    bool unknown_stream_is_404;
    bool tls_kernel;     // encrypts streams, where it can
    bool rules_hold_all; // also those who chose no profile
    struct rules rules;
    struct access_policy access;
    struct cors_origins origins;
    struct ip_ranges trusted_proxies; // who may say whose a connection is
    enum http_forwarded forwarded;    // and of a request, in which field
    struct token_rules token_rules;
    struct keyring *keyring;         // a reference. NULL: no keys are configured
    struct tls_server *tls;          // a reference. NULL: no listener speaks TLS
    struct access_file *access_file; // a reference. NULL: there is no access log
    struct arena texts;              // what slices in here point to, see terms_keep
};

// Zeroed, with one reference, the caller's, who fills it before anybody else sees it. NULL without
// memory.
struct terms *terms_create(void);

// Puts a copy that lives as long as the terms in the text's place; NULL stays NULL. False: there is
// no memory.
bool terms_keep(struct terms *terms, const char **text);

// Any thread.
struct terms *terms_hold(struct terms *terms);
// The last one frees what they hold. NULL is allowed.
void terms_release(struct terms *terms);

#endif
