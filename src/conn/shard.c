#include "conn/shard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "auth/token_cache.h"
#include "base/assert.h"
#include "base/random.h"
#include "conn/flow.h"
#include "conn/grant.h"
#include "conn/link.h"
#include "conn/overflow.h"
#include "conn/slowest.h"
#include "conn/tls.h"
#include "io/buffers.h"

enum {
    // An envelope may be six times its payload (\u0000), and three of the largest must fit.
    RENDITION_BYTES_MAX = 3 * (6 * EVENT_BYTES_MAX + (64 << 10)),
    RECEIVE_GROUP = 1,
    SLOTS_PER_RING_MAX = 1 << 20, // 20 bits of a connection's index
};

static void *map_zeroed(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

// Tables for 1.1 times this worker's share of the connections, since the kernel spreads them
// unevenly, in as many rings as the descriptor limit asks for. With one worker its share is all,
// and the margin is for those that are refused and for administrators.
static uint32_t descriptors_wanted(const struct shard_options *options)
{
    uint64_t share = ((uint64_t)options->connections_max + options->workers - 1) / options->workers;
    uint64_t wanted = share + share / 10 + 4 * ACCEPT_ARMED_MAX + SHARD_ADMIN_CONNECTIONS_MAX;
    return (uint32_t)wanted;
}

static int add_rings(struct shard *shard, char *error, size_t error_size)
{
    uint32_t wanted = descriptors_wanted(&shard->options);
    uint32_t per_ring = shard->options.descriptors_per_ring_max;
    per_ring = per_ring < SLOTS_PER_RING_MAX ? per_ring : SLOTS_PER_RING_MAX;
    uint32_t rings = (wanted + per_ring - 1) / per_ring;
    if (rings > LOOP_RINGS_MAX - 1) {
        snprintf(error, error_size,
                 "%u connections for each of %u workers need %u descriptor tables of %u, more than "
                 "the %d that one worker can "
                 "have: raise the limit of open files, add workers, or lower connections-max",
                 shard->options.connections_max / shard->options.workers, shard->options.workers,
                 rings, per_ring, LOOP_RINGS_MAX - 1);
        return -EINVAL;
    }
    uint32_t capacity = (wanted + rings - 1) / rings;
    shard->ring_count = 0;
    for (uint32_t i = 0; i < rings; i++) {
        struct conn_ring *ring = &shard->rings[i];
        // Ring 0 was made with the loop, for its bells, reads and timers; it takes connections as
        // well.
        int index = i == 0 ? 0 : loop_add_ring(shard->loop, capacity, error, error_size);
        if (index < 0) {
            return index;
        }
        ASSERT((uint32_t)index == i);
        ring->capacity = i == 0 ? shard->loop->config.direct_descriptors : capacity;
        ring->conns = map_zeroed(ring->capacity * sizeof(*ring->conns));
        ring->colds = map_zeroed(ring->capacity * sizeof(*ring->colds));
        ring->links = map_zeroed(ring->capacity * sizeof(*ring->links));
        if (ring->conns == NULL || ring->colds == NULL || ring->links == NULL) {
            snprintf(error, error_size, "no memory for %u connections", ring->capacity);
            return -ENOMEM;
        }
        shard->ring_count++;
    }
    return 0;
}

uint32_t shard_ring_descriptors(const struct shard_options *options)
{
    uint32_t wanted = descriptors_wanted(options);
    uint32_t rings =
        (wanted + options->descriptors_per_ring_max - 1) / options->descriptors_per_ring_max;
    return (wanted + rings - 1) / rings;
}

static bool make_token_cache(struct shard *shard)
{
    static const struct token_cache_limits limits = {.tokens_max = TOKEN_CACHE_TOKENS_DEFAULT,
                                                     .bytes_max = TOKEN_CACHE_BYTES_DEFAULT};
    shard->tokens = token_cache_create(&shard->terms->token_rules, shard->terms->keyring, &limits);
    return shard->tokens != NULL;
}

static int make_tables(struct shard *shard, char *error, size_t error_size)
{
    uint32_t places = 0;
    for (uint32_t i = 0; i < shard->ring_count; i++) {
        places += shard->rings[i].capacity;
    }
    int result = pool_init(&shard->contexts, sizeof(struct context), _Alignof(struct context),
                           SHARD_CONTEXTS_MAX);
    result = result != 0 ? result
                         : pool_init(&shard->flows, sizeof(struct conn_flow),
                                     _Alignof(struct conn_flow), places);
    result = result != 0 ? result : stream_table_init(&shard->streams, shard->options.streams_max);
    result = result != 0 ? result : history_table_init(&shard->histories, SHARD_REQUESTS_MAX);
    shard->pieces = map_zeroed(SHARD_PIECES_MAX * sizeof(*shard->pieces));
    shard->messages = map_zeroed(SHARD_MESSAGES_MAX * sizeof(*shard->messages));
    shard->scratch = map_zeroed(SHARD_SCRATCH_BYTES);
    if (result != 0 || shard->pieces == NULL || shard->messages == NULL || shard->scratch == NULL ||
        !make_token_cache(shard) || !conn_tls_init(shard)) {
        snprintf(error, error_size, "no memory for the tables of worker %u", shard->options.worker);
        return -ENOMEM;
    }
    return 0;
}

static void wake(void *context, struct waiters *waiters);

int shard_init(struct shard *shard, struct loop *loop, struct log_tail *tail,
               const struct shard_options *options, char *error, size_t error_size)
{
    ASSERT(options->listener_count >= 1 && options->listener_count <= LISTENERS_MAX);
    memset(shard, 0, sizeof(*shard));
    shard->loop = loop;
    shard->tail = tail;
    shard->options = *options;
    shard->terms = terms_hold(options->terms);
    shard->listener_count = options->listener_count;
    memcpy(shard->listeners, options->listeners,
           options->listener_count * sizeof(*options->listeners));
    shard->ready = (struct ready){.first = CONN_NONE, .last = CONN_NONE};
    shard->requests = (struct ready){.first = CONN_NONE, .last = CONN_NONE};
    list_init(&shard->answered);
    list_init(&shard->unasked);
    list_init(&shard->idle);
    list_init(&shard->waits[WAIT_HEADER].contexts);
    list_init(&shard->waits[WAIT_BODY].contexts);
    list_init(&shard->blocking);
    list_init(&shard->slowest_due);
    list_init(&shard->slowest_untold);
    shard->tasks_end = &shard->tasks;
    bodies_init(&shard->bodies, BODIES_BYTES_MAX);
    bodies_init(&shard->answers, ANSWERS_BYTES_MAX);
    prng_seed(&shard->prng, random_u64());
    shard->request_life = random_u64();
    agents_init(&shard->agents);
    renditions_init(&shard->renditions, RENDITION_BYTES_MAX);
    int result = add_rings(shard, error, error_size);
    if (result == 0) {
        result = make_tables(shard, error, error_size);
    }
    if (result == 0 && cold_cache_init(&shard->cold, loop, tail, SHARD_OP_COLD_READ,
                                       shard->terms->cold_bytes_max, wake, shard) != 0) {
        snprintf(error, error_size, "no memory for the cache of cold blocks");
        result = -ENOMEM;
    }
    access_log_init(shard);
    conn_set_handlers(shard);
    conn_flow_set_handlers(shard);
    if (result != 0) {
        terms_release(shard->terms); // there is no shard_free
        return result;
    }
    access_log_take_file(shard, shard->terms->access_file);
    return 0;
}

int shard_start(struct shard *shard, char *error, size_t error_size)
{
    for (uint32_t i = 0; i < shard->ring_count; i++) {
        int result = buffers_init(&shard->rings[i].buffers, loop_ring(shard->loop, i),
                                  RECEIVE_GROUP, RECEIVE_BUFFERS, RECEIVE_BUFFER_BYTES);
        if (result != 0) {
            snprintf(error, error_size, "worker %u cannot register its receive buffers: %s",
                     shard->options.worker, strerror(-result));
            return result;
        }
    }
    conn_link_start(shard);
    shard_start_accepting(shard);
    return 0;
}

static void free_contexts(struct shard *shard)
{
    for (uint32_t i = pool_next_live(&shard->contexts, 0); i != POOL_INDEX_NONE;
         i = pool_next_live(&shard->contexts, i + 1)) {
        request_release(pool_at(&shard->contexts, i));
    }
    pool_destroy(&shard->contexts);
    bodies_free(&shard->bodies);
}

void shard_free(struct shard *shard)
{
    for (uint32_t i = 0; i < shard->ring_count; i++) {
        struct conn_ring *ring = &shard->rings[i];
        for (uint32_t slot = 0; slot < ring->capacity && ring->used > 0; slot++) {
            struct conn *conn = &ring->conns[slot];
            if (conn->state != CONN_FREE) {
                conn_drop_grant(shard, conn);
                conn_tls_drop(shard, conn);
                free(conn->outbox);
                if ((conn->flags & CONN_FLOW) != 0) {
                    free(conn_flow_of(shard, conn)->overflow);
                }
                if (conn->streams != &conn->only) {
                    free(conn->streams);
                }
            }
        }
        munmap(ring->conns, ring->capacity * sizeof(*ring->conns));
        munmap(ring->colds, ring->capacity * sizeof(*ring->colds));
        munmap(ring->links, ring->capacity * sizeof(*ring->links));
    }
    access_log_free(shard);
    cold_cache_free(&shard->cold);
    history_table_free(&shard->histories);
    stream_table_free(&shard->streams);
    free_contexts(shard);
    pool_destroy(&shard->flows);
    token_cache_destroy(shard->tokens);
    terms_release(shard->terms);
    renditions_free(&shard->renditions);
    agents_free(&shard->agents);
    munmap(shard->pieces, SHARD_PIECES_MAX * sizeof(*shard->pieces));
    munmap(shard->messages, SHARD_MESSAGES_MAX * sizeof(*shard->messages));
    munmap(shard->scratch, SHARD_SCRATCH_BYTES);
    conn_tls_free(shard);
    free(shard->unsubscribed);
}

// --- what the log answers ---

// What these connections waited for may be there now: they look again.
static void wake(void *context, struct waiters *waiters)
{
    struct shard *shard = context;
    for (uint32_t i = 0; i < waiters->count; i++) {
        struct conn *conn = conn_of_handle(shard, waiters->handles[i]);
        if (conn == NULL) {
            continue;
        }
        if (conn->state == CONN_ACTIVE) {
            conn->flags &= ~(uint32_t)CONN_WAITING;
            conn_make_ready(shard, conn);
        } else if (conn->state == CONN_STARTING && conn_context(shard, conn)->is_looking_up) {
            start_looked_up(shard, conn, NULL);
        }
    }
    waiters->count = 0;
}

static void tell_looked_up(struct shard *shard, struct conn *conn, const struct history *history)
{
    if (conn->state == CONN_STARTING) {
        if (conn_context(shard, conn)->is_looking_up) {
            start_looked_up(shard, conn, history);
        }
        return;
    }
    if (conn->state != CONN_ACTIVE) {
        return;
    }
    if (history->lookup.error != ERR_NONE) {
        conn_close(shard, conn, CLOSE_LOST); // it comes back with its last id
    } else {
        if ((conn->flags & CONN_LAGGING) != 0) {
            conn_lag_looked_up(shard, conn, history);
        }
        conn->flags &= ~(uint32_t)CONN_WAITING;
        conn_make_ready(shard, conn);
    }
}

void shard_looked_up(struct shard *shard, struct log_lookup *lookup)
{
    ASSERT(shard->requests_inflight > 0);
    shard->requests_inflight--;
    struct history *history = history_answered(&shard->histories, lookup);
    struct stream *stream = history->stream;
    stream->references++; // stays while its waiters are told
    struct waiters waiters = history->waiters;
    history->waiters = (struct waiters){0};
    history->is_pinned = true; // telling may ask new questions, which push answers out
    for (uint32_t i = 0; i < waiters.count; i++) {
        struct conn *conn = conn_of_handle(shard, waiters.handles[i]);
        if (conn != NULL) {
            tell_looked_up(shard, conn, history);
        }
    }
    waiters_free(&waiters);
    history->is_pinned = false;
    if (lookup->error != ERR_NONE) {
        history_drop(&shard->histories, history);
    }
    stream->references--;
    start_release_stream(shard, stream);
}

void shard_begin_round(struct shard *shard)
{
    shard_take_pressure(shard);
    shard->scan_records_left = SCAN_RECORDS_MAX;
    shard->request_share_left = SHARD_REQUEST_SHARE;
    cold_round(&shard->cold);
    struct waiters woken = {0};
    history_round(&shard->histories, &woken);
    wake(shard, &woken);
    waiters_free(&woken);
}

bool shard_needs_round(const struct shard *shard)
{
    return shard->ready.count > 0 || shard->requests.count > 0 ||
           !list_is_empty(&shard->answered) || history_needs_round(&shard->histories) ||
           cold_needs_round(&shard->cold);
}

void shard_subscribed(struct shard *shard, struct log_subscription *subscription)
{
    ASSERT(shard->requests_inflight > 0);
    shard->requests_inflight--;
    struct stream *stream = subscription->owner;
    ASSERT(stream->state == STREAM_ASKING);
    stream->state = STREAM_NEW;
    if (subscription->state.number == 0 && stream->wants_create && !subscription->create) {
        list_push_back(&shard->unasked,
                       &stream->idle_node); // somebody came meanwhile who waits for it
        return;
    }
    if (subscription->state.number == 0 || !stream_table_answered(&shard->streams, stream)) {
        start_stream_answered(shard, stream);
        if (stream->references == 0) {
            stream_table_close(&shard->streams, stream);
        }
        return;
    }
    slowest_choose(shard, stream);
    start_stream_answered(shard, stream);
    start_release_stream(shard, stream);
}

// --- what the log is asked ---

static bool post_subscription(struct shard *shard, struct stream *stream,
                              bool (*post)(void *context, const struct log_message *message),
                              void *context)
{
    stream->request.create = stream->wants_create;
    struct log_message message = {
        .kind = LOG_SUBSCRIBE, .reader = shard->options.worker, .pointer = &stream->request};
    if (!post(context, &message)) {
        return false;
    }
    stream->state = STREAM_ASKING;
    shard->requests_inflight++;
    return true;
}

static bool post_unsubscribed(struct shard *shard,
                              bool (*post)(void *context, const struct log_message *message),
                              void *context)
{
    uint32_t posted = 0;
    while (posted < shard->unsubscribed_count) {
        struct log_message message = {.kind = LOG_UNSUBSCRIBE,
                                      .reader = shard->options.worker,
                                      .number = shard->unsubscribed[posted]};
        if (!post(context, &message)) {
            break;
        }
        posted++;
    }
    shard->unsubscribed_count -= posted;
    memmove(shard->unsubscribed, shard->unsubscribed + posted,
            shard->unsubscribed_count * sizeof(*shard->unsubscribed));
    return shard->unsubscribed_count == 0;
}

bool shard_post_requests(struct shard *shard,
                         bool (*post)(void *context, const struct log_message *message),
                         void *context)
{
    // First what is given up: a stream that is opened again must be subscribed to after that.
    if (shard->unsubscribed_count > 0 && !post_unsubscribed(shard, post, context)) {
        return false;
    }
    struct list_node *node;
    while (shard->requests_inflight < SHARD_REQUESTS_MAX &&
           (node = list_first(&shard->unasked)) != NULL) {
        struct stream *stream = LIST_ENTRY(node, struct stream, idle_node);
        if (stream->references == 0) { // all who asked for it are gone
            list_remove(node);
            stream_table_close(&shard->streams, stream);
            continue;
        }
        if (!post_subscription(shard, stream, post, context)) {
            return false;
        }
        list_remove(node);
    }
    while (shard->requests_inflight < SHARD_REQUESTS_MAX &&
           (node = list_first(&shard->histories.unsent)) != NULL) {
        struct history *history = LIST_ENTRY(node, struct history, age_node);
        struct log_message message = {
            .kind = LOG_LOOKUP, .reader = shard->options.worker, .pointer = &history->lookup};
        if (!post(context, &message)) {
            return false;
        }
        list_remove(node);
        shard->requests_inflight++;
    }
    return slowest_post(shard, post, context);
}
