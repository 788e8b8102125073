// A worker: one thread with its loop, its listeners and its shard of the connections; a reader of
// the log.
//
// Life: worker_create on the main thread (start-up errors are told there), worker_run on the
// worker's own thread until it was told MESSAGE_STOP and its connections are gone (or the time
// limit passed), worker_destroy on the main thread.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "conn/shard.h"
#include "io/loop.h"
#include "log/tail.h"
#include "worker/admin.h"

struct worker;

struct worker_options {
    struct shard_options shard; // shard.worker is this worker's number
    uint32_t inbox_capacity;    // a power of two, above SHARD_REQUESTS_MAX
    uint32_t features_masked;   // LOOP_FEATURE_*
    uint32_t stop_ms_max;       // how long the end may take
};

// NULL and one clear line in message when it cannot be. log_loop: where requests to the log are
// posted; outlives the worker.
struct worker *worker_create(const struct worker_options *options, struct loop *log_loop,
                             struct log_tail *tail, char *message, size_t message_size);
// 0, or -errno with one line in message when the thread's loop could not start.
int worker_run(struct worker *worker, char *message, size_t message_size);
void worker_destroy(struct worker *worker);

// Other terms from now on: takes over the caller's reference. It takes them with its next round,
// the newest where several were offered. One thread, from worker_create to worker_destroy.
void worker_offer_terms(struct worker *worker, struct terms *terms);

// Where messages to this worker are posted (loop_post); any thread, from worker_create to
// worker_destroy.
struct loop *worker_loop(struct worker *worker);

enum {
    // What of a worker's inbox the answers to its own requests and the orders of others may take:
    // for these there is always room.
    WORKER_INBOX_ANSWERS = SHARD_REQUESTS_MAX + ADMIN_REQUESTS_MAX + 1,
    // What blocks must leave free: chains of tasks that are done have a few places beside those.
    WORKER_INBOX_RESERVE = WORKER_INBOX_ANSWERS + 16,
};
