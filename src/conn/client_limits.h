// What one client may have and do at once, of the whole broker: the tables that all workers share
// (conn/client_counts.h, flow/rate_table.h), by its address and by the subject of its token.
// Connections are always counted, so that a bound may come later; a rate that is not bounded has no
// table. Not changed once made, part of the terms (conn/terms.h). Any thread.
#ifndef RINGCAST_CONN_CLIENT_LIMITS_H
#define RINGCAST_CONN_CLIENT_LIMITS_H

#include "base/bytes.h"
#include "conn/client_counts.h"
#include "flow/rate_table.h"

#include <stdbool.h>
#include <stdint.h>

// 0: not bounded.
struct client_limits_options {
    uint32_t connections_max; // of the whole broker
    uint32_t connections_per_address;
    uint32_t connections_per_subject;
    uint32_t requests_per_address; // a second
    uint32_t requests_per_subject;
    uint32_t events_per_subject;
};

// The tables are references.
struct client_limits {
    uint64_t seed;
    struct client_counts *address_connections;
    struct client_counts *subject_connections;
    uint32_t connections_per_address; // 0: not bounded
    uint32_t connections_per_subject;
    struct rate_table *address_requests;
    struct rate_table *subject_requests;
    struct rate_table *events; // by subject; by address where there is none
};

// `before`: those that these take the place of, whose counts go on, and whose rates do where they
// stay the same; a rate that changes begins with full buckets. NULL: there are none. False without
// memory; client_limits_free is due then, too.
bool client_limits_init(struct client_limits *limits, const struct client_limits_options *options,
                        const struct client_limits *before);
void client_limits_free(struct client_limits *limits);

// Whom it is about; 0: nobody, who is not bounded (conn/client_key.h).
uint64_t client_limits_address(const struct client_limits *limits, int family,
                               const uint8_t address[16]);
uint64_t client_limits_subject(const struct client_limits *limits, struct slice subject);

// As client_counts_enter and client_counts_leave; each_max 0: not bounded. True without a table or
// for key 0.
bool client_limits_enter(struct client_counts *counts, uint64_t key, uint32_t each_max);
void client_limits_leave(struct client_counts *counts, uint64_t key);

// As rate_table_take; 0 without a table or for key 0. `count` may be any number but 0.
uint64_t client_limits_take(struct rate_table *table, uint64_t key, uint64_t count,
                            uint64_t now_ms);

#endif
