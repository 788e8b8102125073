#include "worker/figures.h"

#include "auth/token_cache.h"
#include "base/assert.h"
#include "worker/worker_internal.h"

STATIC_ASSERT(sizeof(struct worker_figures) % sizeof(uint64_t) == 0, "words only");

void worker_take_figures(const struct worker *worker, struct worker_figures *figures)
{
    const struct shard *shard = &worker->shard;
    figures->stats = shard->stats;
    thread_figures_take(&figures->thread, &worker->loop);
    memcpy(figures->standings, shard->standings, sizeof(figures->standings));
    figures->standings[STANDING_FREE] = 0;
    figures->connections = shard->conn_count;
    figures->rings = shard->ring_count;
    figures->streams = pool_used(&shard->streams.pool);
    figures->cold_bytes = shard->cold.bytes_used;
    figures->cold_reads = shard->cold.reads;
    figures->cold_faults = shard->cold.faults;
    figures->renditions = shard->renditions.made;
    figures->access_lines_dropped = shard->access_log.appender.lines_dropped;
    figures->tokens_verified = shard->tokens == NULL ? 0 : token_cache_verified(shard->tokens);
    figures->tokens_kept = shard->tokens == NULL ? 0 : token_cache_count(shard->tokens);
}

void worker_figures_add(struct worker_figures *sum, const struct worker_figures *figures)
{
    uint64_t *into = (uint64_t *)(void *)sum;
    const uint64_t *from = (const uint64_t *)(const void *)figures;
    for (size_t i = 0; i < sizeof(*sum) / sizeof(uint64_t); i++) {
        into[i] += from[i];
    }
}

static uint64_t sum_of(const uint64_t *values, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum;
}

void worker_figures_write(struct json_writer *writer, const struct worker_figures *figures)
{
    const struct shard_stats *stats = &figures->stats;
    const struct {
        const char *key;
        uint64_t value;
    } members[] = {
        {"connections", figures->connections},
        {"rings", figures->rings},
        {"streams", figures->streams},
        {"accepted", stats->accepted},
        {"refused", sum_of(stats->refused, CONN_REFUSALS)},
        {"closed", stats->closed},
        {"requests", stats->requests},
        {"request_errors", sum_of(stats->errors, ERROR_COUNT)},
        {"resumed", stats->begun[SUBSCRIBE_AFTER_ID]},
        {"events_sent", stats->events_sent},
        {"bytes_sent", stats->bytes_sent},
        {"sends", stats->sends},
        {"short_sends", stats->short_sends},
        {"heartbeats", stats->heartbeats},
        {"rate_waits", stats->rate_waits},
        {"batches_sent", stats->batches_sent},
        {"oversize_told", stats->oversize_told},
        {"gaps_told", stats->gaps_told},
        {"ends_told", stats->ends_told},
        {"dropped_oldest", stats->dropped[OVERFLOW_DROP_OLDEST]},
        {"dropped_newest", stats->dropped[OVERFLOW_DROP_NEWEST]},
        {"dropped_lowest", stats->dropped[OVERFLOW_DROP_LOWEST]},
        {"lag_closes", stats->closes[CLOSE_LAGGED]},
        {"stall_closes", stats->closes[CLOSE_STALLED]},
        {"expiry_closes", stats->closes[CLOSE_EXPIRED]},
        {"transients_dropped", stats->transients_dropped},
        {"replays_refused", stats->replays_refused},
        {"subscriptions_refused", stats->subscriptions_refused},
        {"dropped_shed", stats->events_shed},
        {"cold_bytes", figures->cold_bytes},
        {"cold_reads", figures->cold_reads},
        {"cold_faults", figures->cold_faults},
        {"renditions", figures->renditions},
        {"links_read", stats->links_read},
        {"adaptations", stats->adaptations},
        {"rounds", figures->thread.loop.rounds},
        {"sleeps", figures->thread.loop.sleeps},
        {"allocated_bytes", figures->thread.allocated_bytes},
        {"connecting", figures->standings[STANDING_CONNECTING]},
        {"streaming",
         figures->standings[STANDING_STREAMING] + figures->standings[STANDING_THROTTLED]},
        {"throttled", figures->standings[STANDING_THROTTLED]},
        {"draining", figures->standings[STANDING_DRAINING]},
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        json_write_member_u64(writer, members[i].key, members[i].value);
    }
}
