#include "worker/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/logger.h"
#include "conn/flow.h"
#include "conn/slowest.h"
#include "log/block.h"
#include "worker/worker_internal.h"

enum {
    // Of subscribers by the fan-out: then completions, timers and messages have their turn.
    VISITS_PER_ROUND_MAX = 16384 * SHARD_VISITS_OF_SEND,
    PUMPS_PER_ROUND_MAX = 8192,
    GOODBYES_PER_ROUND_MAX = 4096,
    GOODBYE_SPREAD_MS = 5000, // how far apart those who were sent away come back
    NS_PER_MS = 1000 * 1000,
    NOT_POSTED_WAIT_NS = 1000 * 1000, // the log's inbox was full: try again after that
};

// --- messages ---

static void take_stream_of_block(struct worker *worker, const uint8_t *block, uint64_t position,
                                 uint32_t index, uint64_t taken_ns)
{
    const struct block_stream *entry = &block_streams(block)[index];
    struct stream *stream = stream_table_by_number(&worker->shard.streams, entry->number);
    if (stream == NULL || entry->count == 0 || entry->first_id <= stream->last_id) {
        return;
    }
    const struct log_run run = log_run_of(position, block, index);
    stream_push(&worker->shard.streams, stream, &run);
    stream->news_ns = stream->news_ns == 0 ? taken_ns : stream->news_ns;
    slowest_note(&worker->shard, stream);
}

// Events up to `id` were not handed to us: every window begins anew behind it, and what lies
// between is looked up.
static void restart_windows(struct worker *worker, uint64_t id)
{
    struct stream_table *streams = &worker->shard.streams;
    for (uint32_t i = pool_next_live(&streams->pool, 0); i != POOL_INDEX_NONE;
         i = pool_next_live(&streams->pool, i + 1)) {
        struct stream *stream = stream_table_at(streams, i);
        if (stream->state == STREAM_LIVE && !stream->is_left) {
            stream_restart(streams, stream, id);
        }
    }
}

static void take_lapped(struct worker *worker, const struct log_message *message)
{
    worker->handled_position = message->position;
    worker->shard.handled_id = message->id;
    restart_windows(worker, message->id);
}

static void take_block(struct worker *worker, const struct log_message *message)
{
    worker->handled_position = message->position + message->length;
    worker->shard.handled_id = message->number;
    if (message->position < worker->shard.floor) {
        restart_windows(worker, message->number); // we were away so long that it left memory
        return;
    }
    const uint8_t *block = log_tail_at(worker->tail, message->position);
    ASSERT(block_header_of(block)->length == message->length);
    uint32_t count = block_header_of(block)->stream_count;
    for (uint32_t i = 0; i < count; i++) {
        take_stream_of_block(worker, block, message->position, i, log_message_taken_ns(message));
    }
}

static void take_discarded(struct worker *worker, const struct log_message *message)
{
    struct stream *stream = stream_table_by_number(&worker->shard.streams, message->number);
    if (stream != NULL) {
        stream_discard(stream, message->id);
        slowest_note(&worker->shard, stream); // what is gone holds nobody back
    }
}

static void take_changed(struct worker *worker, const struct log_message *message)
{
    struct stream *stream = stream_table_by_number(&worker->shard.streams, message->number);
    if (stream == NULL || (log_message_deletions(message) != stream->deletions &&
                           start_leave_stream(&worker->shard, stream))) {
        return;
    }
    stream->flow = log_message_flow(message);
    stream->is_made = log_message_is_made(message);
    slowest_choose(&worker->shard, stream);
    stream_set_life(&worker->shard.streams, stream, log_message_life(message));
}

static void stop_begin(struct worker *worker)
{
    struct shard *shard = &worker->shard;
    if (worker->is_stopping) {
        return;
    }
    worker->is_stopping = true;
    worker->stop_deadline_ms = loop_now_ms(&worker->loop) + worker->options.stop_ms_max;
    shard->is_stopping = true;
    shard_stop_accepting(shard);
}

static void on_message(void *context, const void *bytes)
{
    struct worker *worker = context;
    const struct log_message *message = bytes;
    switch (message->kind) {
    case LOG_BLOCK: take_block(worker, message); break;
    case LOG_SUBSCRIBED: shard_subscribed(&worker->shard, message->pointer); break;
    case LOG_LOOKED_UP: shard_looked_up(&worker->shard, message->pointer); break;
    case LOG_LAPPED: take_lapped(worker, message); break;
    case LOG_TRANSIENT: worker_send_transient(worker, message->pointer); break;
    case LOG_DISCARDED: take_discarded(worker, message); break;
    case LOG_CHANGED: take_changed(worker, message); break;
    case MESSAGE_TASKS_DONE: ask_answered(&worker->shard, message->pointer); break;
    case MESSAGE_ADMIN: worker_answer_admin(worker, message->pointer); break;
    case MESSAGE_STOP: stop_begin(worker); break;
    default: LOG_WARN("worker", "passed over a message of unknown kind %u", message->kind); break;
    }
}

// --- rounds ---

// Memory of the log may be read from here on until the next enter. Handlers of completions read it,
// too.
static void enter(struct worker *worker)
{
    worker->shard.floor = log_tail_enter(worker->tail, worker->options.shard.worker);
    worker->shard.now_ms = loop_now_ms(&worker->loop);
    worker->shard.unix_ms = clock_realtime_ms();
}

static void on_sleep(void *context)
{
    struct worker *worker = context;
    log_tail_leave(worker->tail, worker->options.shard.worker);
}

static void on_wake(void *context)
{
    enter(context);
}

// Sends every dirty stream's news, as far as this round's share of visits goes. True when some are
// left.
static bool fan_out(struct worker *worker)
{
    struct stream_table *streams = &worker->shard.streams;
    int32_t visits_left = VISITS_PER_ROUND_MAX;
    struct list_node *node;
    while ((node = list_first(&streams->dirty)) != NULL && visits_left > 0) {
        struct stream *stream = LIST_ENTRY(node, struct stream, dirty_node);
        if (shard_fan_out(&worker->shard, stream, &visits_left)) {
            list_remove(node);
            stream->is_dirty = false;
        } else {
            list_remove(node); // the others have their turn first
            list_push_back(&streams->dirty, node);
        }
    }
    return !list_is_empty(&streams->dirty);
}

static bool pump_ready(struct worker *worker)
{
    struct shard *shard = &worker->shard;
    uint32_t count = shard->ready.count;
    count = count < PUMPS_PER_ROUND_MAX ? count : PUMPS_PER_ROUND_MAX;
    for (uint32_t i = 0; i < count; i++) {
        struct conn *conn = conn_take_ready(shard, &shard->ready);
        if (conn == NULL) {
            break;
        }
        conn_pump(shard, conn);
    }
    return shard->ready.count > 0;
}

// Answers come before further requests. True when something is left for the next round.
static bool pump_requests(struct worker *worker)
{
    struct shard *shard = &worker->shard;
    ask_go_on(shard);
    uint32_t count = shard->requests.count;
    for (uint32_t i = 0; i < count && shard->request_share_left > 0; i++) {
        struct conn *conn = conn_take_ready(shard, &shard->requests);
        if (conn == NULL) {
            break;
        }
        shard->request_share_left--;
        conn_pump(shard, conn);
    }
    return shard->requests.count > 0 || !list_is_empty(&shard->answered);
}

bool worker_post_log(struct worker *worker, const struct log_message *message)
{
    return loop_post(worker->log_loop, &worker->loop, message, 0);
}

void worker_post_log_surely(struct worker *worker, const struct log_message *message)
{
    if (worker->unposted_count == 0 && worker_post_log(worker, message)) {
        return;
    }
    ASSERT(worker->unposted_count < WORKER_UNPOSTED_MAX);
    worker->unposted[worker->unposted_count++] = *message;
}

void worker_post_unposted(struct worker *worker)
{
    uint32_t posted = 0;
    while (posted < worker->unposted_count && worker_post_log(worker, &worker->unposted[posted])) {
        posted++;
    }
    worker->unposted_count -= posted;
    memmove(worker->unposted, worker->unposted + posted,
            worker->unposted_count * sizeof(worker->unposted[0]));
}

static bool post_request(void *context, const struct log_message *message)
{
    return worker_post_log(context, message);
}

// What this round asked for. Where the log's inbox is full the chain grows until there is room.
static bool post_tasks(struct worker *worker)
{
    struct shard *shard = &worker->shard;
    if (shard->tasks == NULL) {
        return true;
    }
    struct log_message message = {
        .kind = MESSAGE_TASKS, .reader = worker->options.shard.worker, .pointer = shard->tasks};
    if (!worker_post_log(worker, &message)) {
        return false;
    }
    shard->tasks = NULL;
    shard->tasks_end = &shard->tasks;
    return true;
}

// Told that blocks were not delivered: once the inbox is empty, everything before has been handled.
static void resume_if_lapped(struct worker *worker)
{
    uint32_t lap = log_tail_lap(worker->tail, worker->options.shard.worker);
    if (lap == 0 || lap == worker->resumed_lap || loop_inbox_count(&worker->loop) > 0) {
        return;
    }
    struct log_message message = {.kind = LOG_RESUME,
                                  .reader = worker->options.shard.worker,
                                  .position = worker->handled_position};
    if (worker_post_log(worker, &message)) {
        worker->resumed_lap = lap;
    }
}

// Those whose task is with the log thread end with its answer.
static bool is_to_be_sent_away(const struct conn *conn)
{
    return conn->state != CONN_FREE && conn->state != CONN_ASKING && conn->state != CONN_CLOSING &&
           conn->state != CONN_LINGER;
}

static void send_away(struct shard *shard, struct conn *conn)
{
    if (conn->state != CONN_ACTIVE) {
        request_send_away(shard, conn);
        return;
    }
    uint64_t spread = prng_below(&shard->prng, GOODBYE_SPREAD_MS);
    conn_flow_release(shard, conn);
    if (conn->state != CONN_FREE) { // handlers may have ended it
        conn_goodbye(shard, conn, CLOSE_SHUTDOWN, shard->terms->retry_ms + (uint32_t)spread);
    }
}

// A slice of the connections is sent away. True when all were.
static bool say_goodbye(struct worker *worker)
{
    struct shard *shard = &worker->shard;
    uint32_t said = 0;
    while (worker->stop_ring < shard->ring_count && said < GOODBYES_PER_ROUND_MAX) {
        struct conn_ring *ring = &shard->rings[worker->stop_ring];
        if (worker->stop_slot == ring->capacity) {
            worker->stop_ring++;
            worker->stop_slot = 0;
            continue;
        }
        struct conn *conn = &ring->conns[worker->stop_slot++];
        if (is_to_be_sent_away(conn)) {
            send_away(shard, conn);
            said++;
        }
    }
    return worker->stop_ring == shard->ring_count;
}

static void take_terms(struct worker *worker)
{
    if (atomic_load_explicit(&worker->offered_terms, memory_order_relaxed) != NULL) {
        struct terms *terms =
            atomic_exchange_explicit(&worker->offered_terms, NULL, memory_order_acquire);
        shard_take_terms(&worker->shard, terms);
    }
}

static bool on_round(void *context)
{
    struct worker *worker = context;
    struct shard *shard = &worker->shard;
    enter(worker);
    take_terms(worker);
    shard_begin_round(shard);
    bool has_more = shard_revise(shard);
    has_more |= fan_out(worker);
    has_more |= pump_ready(worker);
    has_more |= pump_requests(worker);
    shard_flush(shard);
    if (worker->is_stopping && !has_more) {
        has_more = !say_goodbye(worker);
        shard_flush(shard);
    }
    has_more |= slowest_round(shard);
    shard_release_idle(shard);
    resume_if_lapped(worker);
    access_log_round(shard);
    return has_more || shard_needs_round(shard);
}

// --- life ---

struct worker *worker_create(const struct worker_options *options, struct loop *log_loop,
                             struct log_tail *tail, char *message, size_t message_size)
{
    struct worker *worker = aligned_alloc(_Alignof(struct worker), sizeof(*worker));
    if (worker == NULL) {
        snprintf(message, message_size, "no memory for worker %u", options->shard.worker);
        return NULL;
    }
    memset(worker, 0, sizeof(*worker));
    worker->options = *options;
    worker->log_loop = log_loop;
    worker->tail = tail;
    struct loop_config config = {.name = "worker",
                                 .sq_entries = 4096,
                                 .cq_factor = 4,
                                 .direct_descriptors = shard_ring_descriptors(&options->shard),
                                 .inbox_capacity = options->inbox_capacity,
                                 .features_masked = options->features_masked,
                                 .callbacks = {.context = worker,
                                               .on_message = on_message,
                                               .on_round = on_round,
                                               .on_sleep = on_sleep,
                                               .on_wake = on_wake}};
    if (loop_init(&worker->loop, &config, message, message_size) != 0) {
        free(worker);
        return NULL;
    }
    if (shard_init(&worker->shard, &worker->loop, tail, &options->shard, message, message_size) !=
        0) {
        loop_free(&worker->loop);
        free(worker);
        return NULL;
    }
    return worker;
}

static bool is_over(const struct worker *worker)
{
    bool is_done = worker->shard.conn_count == 0 && access_log_is_idle(&worker->shard);
    return worker->is_stopping &&
           (is_done || loop_now_ms(&worker->loop) >= worker->stop_deadline_ms);
}

int worker_run(struct worker *worker, char *message, size_t message_size)
{
    int result = loop_start(&worker->loop, message, message_size);
    if (result == 0) {
        enter(worker);
        result = shard_start(&worker->shard, message, message_size);
        if (result != 0) {
            loop_stop(&worker->loop);
        }
    }
    if (result != 0) {
        return result;
    }
    while (!is_over(worker)) {
        // Before the wait: what this round wants of the log goes out with its submit.
        worker_post_unposted(worker);
        bool is_posted = shard_post_requests(&worker->shard, post_request, worker);
        is_posted = post_tasks(worker) && is_posted && worker->unposted_count == 0;
        uint32_t lap = log_tail_lap(worker->tail, worker->options.shard.worker);
        bool waits_for_room = !is_posted || (lap != 0 && lap != worker->resumed_lap);
        uint64_t wait_ns = waits_for_room ? NOT_POSTED_WAIT_NS : LOOP_WAIT_FOREVER;
        if (worker->is_stopping) {
            wait_ns = NOT_POSTED_WAIT_NS;
        }
        // What could not be posted may be that it lives: no reason to look again at once.
        uint64_t alive_ms = is_posted ? slowest_next_ms(&worker->shard) : UINT64_MAX;
        if (alive_ms < wait_ns / NS_PER_MS) {
            wait_ns = alive_ms * NS_PER_MS;
        }
        loop_round(&worker->loop, wait_ns);
    }
    log_tail_leave(worker->tail, worker->options.shard.worker);
    loop_stop(&worker->loop);
    return 0;
}

void worker_destroy(struct worker *worker)
{
    loop_free(&worker->loop);
    shard_free(&worker->shard);
    terms_release(atomic_load_explicit(&worker->offered_terms, memory_order_relaxed));
    free(worker);
}

void worker_offer_terms(struct worker *worker, struct terms *terms)
{
    struct terms *before =
        atomic_exchange_explicit(&worker->offered_terms, terms, memory_order_acq_rel);
    terms_release(before);
    loop_wake(&worker->loop, NULL);
}

struct loop *worker_loop(struct worker *worker)
{
    return &worker->loop;
}
