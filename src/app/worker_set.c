#include "app/worker_set.h"

#include "app/threads.h"
#include "base/assert.h"
#include "base/logger.h"
#include "worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 32 };

struct member {
    struct worker *worker;
    unsigned number;
    int notice_fd;
    bool is_started;
    bool is_told;
    pthread_t thread;
    atomic_bool is_over; // written by the thread
    atomic_bool has_failed;
};

struct worker_set {
    struct worker_set_options options;
    struct listeners listeners;
    _Atomic uint32_t connections; // of all workers together
    struct loop *loops[WORKERS_MAX];
    struct member members[WORKERS_MAX];
};

struct worker_set *worker_set_listen(const struct worker_set_options *options, char *message,
                                     size_t message_size)
{
    ASSERT(options->workers >= 1 && options->workers <= WORKERS_MAX);
    struct worker_set *set = calloc(1, sizeof(*set));
    if (set == NULL) {
        (void)snprintf(message, message_size, "out of memory");
        return NULL;
    }
    set->options = *options;
    for (unsigned i = 0; i < options->workers; i++) {
        set->members[i].number = i;
        set->members[i].notice_fd = options->notice_fd;
    }
    if (listeners_read(&set->listeners, options->options, message, message_size) != 0 ||
        listeners_take_handed(&set->listeners, options->handed, message, message_size) != 0 ||
        listeners_check(&set->listeners, options->options, message, message_size) != 0 ||
        listeners_open(&set->listeners, options->workers, message, message_size) != 0) {
        worker_set_destroy(set);
        return NULL;
    }
    return set;
}

void worker_set_addresses(const struct worker_set *set, char text[static LISTENERS_TEXT_SIZE])
{
    listeners_format(&set->listeners, text);
}

static uint32_t descriptors_per_ring(const struct worker_set_options *options)
{
    uint64_t given = options->options->ring_descriptors;
    uint64_t most = options->files_max < UINT32_MAX ? options->files_max : UINT32_MAX;
    return (uint32_t)(given != 0 && given < most ? given : most);
}

static struct worker_options options_of(struct worker_set *set, const struct member *member,
                                        const struct shard_listener *listeners, struct terms *terms)
{
    const struct options *options = set->options.options;
    return (struct worker_options){
        .shard =
            {
                .worker = member->number,
                .workers = set->options.workers,
                .listeners = listeners,
                .listener_count = set->listeners.count,
                .connections_max = (uint32_t)options->connections_max,
                .connections = &set->connections,
                .descriptors_per_ring_max = descriptors_per_ring(&set->options),
                .streams_max = (uint32_t)options->streams_max,
                .pressure = set->options.pressure,
                .terms = terms,
            },
        .inbox_capacity = (uint32_t)options->worker_inbox,
        .features_masked = options_features_masked(options),
        .stop_ms_max = set->options.stop_ms_max,
    };
}

bool worker_set_create(struct worker_set *set, struct terms *terms, struct loop *log_loop,
                       struct log_tail *tail, char *message, size_t message_size)
{
    for (unsigned i = 0; i < set->options.workers; i++) {
        struct member *member = &set->members[i];
        struct shard_listener listeners[LISTENERS_MAX];
        listeners_of_worker(&set->listeners, i, listeners);
        const struct worker_options options = options_of(set, member, listeners, terms);
        member->worker = worker_create(&options, log_loop, tail, message, message_size);
        if (member->worker == NULL) {
            return false;
        }
        set->loops[i] = worker_loop(member->worker);
    }
    return true;
}

struct loop *const *worker_set_loops(const struct worker_set *set)
{
    return set->loops;
}

static void *run(void *context)
{
    struct member *member = context;
    char name[NAME_SIZE];
    char message[LOOP_ERROR_SIZE];
    (void)snprintf(name, sizeof(name), "ringcast-w%u", member->number);
    threads_name(name);
    if (worker_run(member->worker, message, sizeof(message)) != 0) {
        LOG_ERROR("worker", "%s", message);
        atomic_store_explicit(&member->has_failed, true, memory_order_release);
    }
    atomic_store_explicit(&member->is_over, true, memory_order_release);
    threads_notify(member->notice_fd);
    return NULL;
}

bool worker_set_start(struct worker_set *set, char *message, size_t message_size)
{
    for (unsigned i = 0; i < set->options.workers; i++) {
        struct member *member = &set->members[i];
        int error = pthread_create(&member->thread, NULL, run, member);
        if (error != 0) {
            (void)snprintf(message, message_size, "cannot start worker %u: %s", i,
                           strerrordesc_np(error));
            return false;
        }
        member->is_started = true;
    }
    return true;
}

bool worker_set_stop(struct worker_set *set)
{
    const struct log_message message = {.kind = MESSAGE_STOP};
    bool are_told = true;
    for (unsigned i = 0; i < set->options.workers; i++) {
        struct member *member = &set->members[i];
        bool is_over = atomic_load_explicit(&member->is_over, memory_order_acquire);
        if (member->is_started && !member->is_told && !is_over) {
            member->is_told = loop_post(worker_loop(member->worker), NULL, &message, 0);
            are_told = are_told && member->is_told;
        }
    }
    return are_told;
}

void worker_set_terms(struct worker_set *set, struct terms *terms)
{
    for (unsigned i = 0; i < set->options.workers; i++) {
        worker_offer_terms(set->members[i].worker, terms_hold(terms));
    }
}

void worker_set_wake(struct worker_set *set)
{
    for (unsigned i = 0; i < set->options.workers; i++) {
        struct member *member = &set->members[i];
        if (member->is_started && !atomic_load_explicit(&member->is_over, memory_order_acquire)) {
            loop_wake(worker_loop(member->worker), NULL);
        }
    }
}

bool worker_set_is_over(const struct worker_set *set)
{
    for (unsigned i = 0; i < set->options.workers; i++) {
        const struct member *member = &set->members[i];
        if (member->is_started && !atomic_load_explicit(&member->is_over, memory_order_acquire)) {
            return false;
        }
    }
    return true;
}

bool worker_set_has_failed(const struct worker_set *set)
{
    for (unsigned i = 0; i < set->options.workers; i++) {
        if (atomic_load_explicit(&set->members[i].has_failed, memory_order_acquire)) {
            return true;
        }
    }
    return false;
}

void worker_set_join(struct worker_set *set)
{
    for (unsigned i = 0; i < set->options.workers; i++) {
        struct member *member = &set->members[i];
        if (member->is_started) {
            (void)pthread_join(member->thread, NULL);
            member->is_started = false;
        }
    }
}

void worker_set_destroy(struct worker_set *set)
{
    if (set == NULL) {
        return;
    }
    for (unsigned i = 0; i < set->options.workers; i++) {
        struct member *member = &set->members[i];
        ASSERT(!member->is_started);
        if (member->worker != NULL) {
            worker_destroy(member->worker);
        }
    }
    listeners_close(&set->listeners);
    free(set);
}
