// What is left out while memory is short (flow/pressure.h): who is turned away, and what the caches
// give back.
#include "base/assert.h"
#include "conn/shard.h"

enum {
    RETRY_AFTER_PRESSURE_S = 5, // a stage stands for as long at least
    RETRY_AFTER_SPREAD_S = 6,   // so that they do not all come back at once
    COLD_SHARE = 8,             // the part of its bound that the cache of cold blocks keeps
};

void shard_size_caches(struct shard *shard)
{
    uint64_t bytes_max = shard->terms->cold_bytes_max;
    bool is_short = shard->pressure >= PRESSURE_NO_REPLAYS;
    cold_set_bytes_max(&shard->cold, is_short ? bytes_max / COLD_SHARE : bytes_max);
}

void shard_take_pressure(struct shard *shard)
{
    enum pressure_stage before = shard->pressure;
    shard->pressure = pressure_board_stage(shard->options.pressure);
    bool was_short = before >= PRESSURE_NO_REPLAYS;
    bool is_short = shard->pressure >= PRESSURE_NO_REPLAYS;
    if (was_short == is_short) {
        return;
    }
    shard_size_caches(shard);
    if (is_short) {
        shard_flush(shard); // nothing points into them any more
        renditions_give_back(&shard->renditions);
        bodies_shrink(&shard->bodies);
    }
}

void admit_refuse(struct shard *shard, struct conn *conn, const char *detail)
{
    struct context *context = conn_context(shard, conn);
    ASSERT(context != NULL);
    context->request.is_keep_alive = false;
    struct http_fault fault;
    http_fault_set(&fault, ERR_OVERLOADED, "%s", detail);
    request_fail(shard, conn, &fault, NULL,
                 RETRY_AFTER_PRESSURE_S + (uint32_t)prng_below(&shard->prng, RETRY_AFTER_SPREAD_S));
}

// Whether the stream's first event above `from` is in memory, or there is none. ADMIT_WAIT: the log
// is asked.
static enum admission look_at_stream(struct shard *shard, struct conn *conn, struct stream *stream,
                                     uint64_t from)
{
    from = from > stream->discarded_id ? from : stream->discarded_id;
    const struct log_run *run = NULL;
    while (run == NULL) {
        if (from >= stream->window.covers_from) {
            run = window_find(&stream->window, from);
            break;
        }
        const struct history *history = history_find(&shard->histories, stream, from);
        if (history == NULL) {
            return history_ask(&shard->histories, stream, LOG_FROM_ID, from, false,
                               conn_handle(shard, conn))
                       ? ADMIT_WAIT
                       : ADMIT_FAILED;
        }
        uint64_t next = history->gap_to > from ? history->gap_to : history->lookup.end_id;
        run = history->gap_to > from ? NULL : history_run(history, from);
        ASSERT(next > from);
        from = next;
    }
    return run == NULL || run->block_position >= shard->floor ? ADMIT_YES : ADMIT_NO;
}

enum admission admit_replay(struct shard *shard, struct conn *conn, struct context *context)
{
    if (shard->pressure < PRESSURE_NO_REPLAYS) {
        return ADMIT_YES;
    }
    for (uint32_t i = 0; i < context->stream_count; i++) {
        struct stream *stream = stream_table_at(&shard->streams, context->streams[i]);
        enum admission admission = look_at_stream(shard, conn, stream, context->start_ids[i]);
        if (admission != ADMIT_YES) {
            context->is_looking_up = admission == ADMIT_WAIT;
            shard->stats.replays_refused += admission == ADMIT_NO;
            return admission;
        }
    }
    return ADMIT_YES;
}

bool admit_subscription(struct shard *shard, struct conn *conn)
{
    if (shard->pressure < PRESSURE_REFUSE) {
        return true;
    }
    shard->stats.subscriptions_refused++;
    admit_refuse(shard, conn, "the broker is short of memory and takes no new subscriptions");
    return false;
}
