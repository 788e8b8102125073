// Other terms: what follows from them for connections and streams that began under the old ones.
// Most is looked up where it is needed, and so counts at once. Timers, qualities and which streams
// block are made anew, a bounded part of them in each round, while everything goes on.
#include "auth/token_cache.h"
#include "conn/access_log.h"
#include "conn/link.h"
#include "conn/shard.h"
#include "conn/slowest.h"
#include "conn/tls.h"

enum {
    // A round's share.
    REVISE_CONNECTIONS = 1024,
    REVISE_PLACES = 16384, // of the table, mostly free
    REVISE_STREAMS = 2048,
};

static bool are_same_rules(const struct terms *one, const struct terms *other)
{
    bool are_same = one->rules.count == other->rules.count;
    for (uint32_t i = 0; are_same && i < one->rules.count; i++) {
        are_same = slice_equal(one->rules.list[i].text, other->rules.list[i].text);
    }
    return are_same && one->rules_hold_all == other->rules_hold_all;
}

static bool are_same_qualities(const struct terms *one, const struct terms *other)
{
    return one->quality.events_per_second_max == other->quality.events_per_second_max &&
           one->quality.bytes_per_second_max == other->quality.bytes_per_second_max &&
           (one->link_interval_ms == 0) == (other->link_interval_ms == 0) &&
           are_same_rules(one, other);
}

static bool is_blocking(const struct terms *terms)
{
    return terms->overflow.policy == OVERFLOW_BLOCK;
}

void shard_take_terms(struct shard *shard, struct terms *terms)
{
    struct terms *before = shard->terms;
    struct revision *revision = &shard->revision;
    shard->terms = terms;
    token_cache_set(shard->tokens, &terms->token_rules, terms->keyring);
    access_log_take_file(shard, terms->access_file);
    shard_size_caches(shard);
    conn_tls_ask_kernel(shard);
    if (terms->link_interval_ms != before->link_interval_ms) {
        conn_link_restart(shard);
    }
    revision->has_beats |=
        terms->heartbeat_ms != before->heartbeat_ms || terms->stall_ms_max != before->stall_ms_max;
    revision->has_qualities |= !are_same_qualities(terms, before);
    revision->has_streams |= is_blocking(terms) != is_blocking(before);
    revision->ring = 0;
    revision->slot = 0;
    revision->stream = 0;
    terms_release(before);
}

static void revise_conn(struct shard *shard, struct conn *conn)
{
    if (shard->revision.has_beats) {
        conn_arm_heartbeat(shard, conn);
    }
    if (shard->revision.has_qualities) {
        conn_link_revise(shard, conn);
    }
}

static void revise_conns(struct shard *shard)
{
    struct revision *revision = &shard->revision;
    uint32_t revised = 0;
    for (uint32_t places = 0; places < REVISE_PLACES && revised < REVISE_CONNECTIONS; places++) {
        struct conn_ring *ring = &shard->rings[revision->ring];
        if (revision->slot == ring->capacity) {
            revision->slot = 0;
            revision->ring++;
            if (revision->ring == shard->ring_count) {
                revision->has_beats = false;
                revision->has_qualities = false;
                return;
            }
            continue;
        }
        struct conn *conn = &ring->conns[revision->slot++];
        if (conn->state == CONN_ACTIVE && (conn->flags & CONN_GOODBYE) == 0) {
            revise_conn(shard, conn);
            revised++;
        }
    }
}

static void revise_streams(struct shard *shard)
{
    struct revision *revision = &shard->revision;
    const struct pool *pool = &shard->streams.pool;
    for (uint32_t most = REVISE_STREAMS; most > 0; most--) {
        uint32_t index = revision->stream < pool->touched ? pool_next_live(pool, revision->stream)
                                                          : POOL_INDEX_NONE;
        if (index == POOL_INDEX_NONE) {
            revision->has_streams = false;
            return;
        }
        struct stream *stream = stream_table_at(&shard->streams, index);
        if (stream->state == STREAM_LIVE && !stream->is_left) {
            slowest_choose(shard, stream);
        }
        revision->stream = index + 1;
    }
}

bool shard_revise(struct shard *shard)
{
    struct revision *revision = &shard->revision;
    if (revision->has_beats || revision->has_qualities) {
        revise_conns(shard);
    }
    if (revision->has_streams) {
        revise_streams(shard);
    }
    return revision->has_beats || revision->has_qualities || revision->has_streams;
}
