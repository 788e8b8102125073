// How good the connections' paths are, and what the rules make of it (mission E4): each is looked
// at once an interval, spread evenly, a bounded number at a time. The kernel's word on a path is
// had through an ordinary descriptor that is installed for that moment (Linux 6.8); elsewhere paths
// stay unknown, and only rules that do not ask for them can hold. One thread.
#pragma once

#include "conn/shard.h"
#include "flow/link.h"
#include "flow/rules.h"

// One for each place of a connection, of its latest life that was looked at.
struct conn_link {
    struct link link;
    uint32_t generation; // of the connection that it is about
    uint32_t looked_ms;  // low 32 bits of the loop's clock
    uint32_t sequences;  // of its streams' last events, added up
    uint32_t event_rate; // as rule_subject's
    uint32_t matched;    // rules, as of rules_match
};

// NULL where it was not looked at yet.
const struct conn_link *conn_link_of(const struct shard *shard, const struct conn *conn);

// It reads other streams now: their events are counted from here on.
void conn_link_recount(struct shard *shard, const struct conn *conn);

// Handlers, and where links are looked at at all, the first look. On the worker's thread.
void conn_link_start(struct shard *shard);
// Another interval holds from now on.
void conn_link_restart(struct shard *shard);
// Other rules or bounds do: makes the quality of a streaming connection anew.
void conn_link_revise(struct shard *shard, struct conn *conn);
