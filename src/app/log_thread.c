#include "app/log_thread.h"

#include "app/terms.h"
#include "app/threads.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/logger.h"
#include "ingest/gateway.h"
#include "ingest/ingest.h"
#include "io/listen.h"
#include "log/disk.h"
#include "log/log.h"
#include "worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LAST_ROUNDS_MAX = 50 }; // of THREADS_STOPPING_ROUND_MS at the most

STATIC_ASSERT(GATEWAY_WAITING_MAX <= SHARD_STARTS_PAUSE / 2, "tasks that wait stop no connections");

struct log_thread {
    struct loop loop;
    struct log_thread_options options;
    struct disk *disk;
    struct log *log;
    struct ingest *ingest; // NULL once it is closed
    struct loop *readers[WORKERS_MAX];
    pthread_t thread;
    bool is_started;

    // The thread's own.
    bool is_stopping;
    bool is_draining;

    _Atomic(struct log_thread_terms *) offered_terms; // written by main, taken by the thread

    atomic_bool is_drained; // written by the thread
    atomic_bool has_failed;
    atomic_bool should_stop; // written by main
    atomic_bool should_end;
};

// --- what the log and ingest ask of the outside ---

static bool deliver(void *context, unsigned reader, const struct log_message *message,
                    uint32_t leaving)
{
    struct log_thread *thread = context;
    return loop_post(thread->readers[reader], &thread->loop, message, leaving);
}

static void wake(void *context, unsigned reader)
{
    struct log_thread *thread = context;
    loop_wake(thread->readers[reader], &thread->loop);
}

static void acknowledge(void *context, const struct log_acknowledgement *acknowledgement)
{
    struct log_thread *thread = context;
    if (thread->ingest != NULL) {
        ingest_acknowledge(thread->ingest, acknowledgement);
    }
}

static void room(void *context)
{
    struct log_thread *thread = context;
    if (thread->ingest != NULL) {
        ingest_room(thread->ingest);
    }
}

static void take_pressure(void *context, const struct log_pressure *pressure)
{
    struct log_thread *thread = context;
    if (thread->ingest != NULL) {
        ingest_pressure(thread->ingest, pressure);
    }
}

static bool post_to_worker(void *context, unsigned worker, const struct log_message *message)
{
    uint32_t leaving = message->kind == MESSAGE_TASKS_DONE ? WORKER_INBOX_ANSWERS : 0;
    return deliver(context, worker, message, leaving);
}

// --- rounds ---

static void on_message(void *context, const void *bytes)
{
    struct log_thread *thread = context;
    const struct log_message *message = bytes;
    switch (message->kind) {
    case MESSAGE_ADMIN_DONE:
    case MESSAGE_TASKS:
        if (thread->ingest != NULL) {
            ingest_handle_message(thread->ingest, message);
        }
        break;
    default: log_handle_message(thread->log, message); break;
    }
}

static void begin_stop(struct log_thread *thread)
{
    thread->is_stopping = true;
    ingest_stop(thread->ingest);
}

// Producers first: what they were promised is written before the log takes no more.
static void proceed_stop(struct log_thread *thread)
{
    if (!thread->is_draining && ingest_is_idle(thread->ingest)) {
        thread->is_draining = true;
        log_drain(thread->log);
    }
    if (thread->is_draining && log_is_drained(thread->log) &&
        !atomic_load_explicit(&thread->is_drained, memory_order_relaxed)) {
        // What was handed out stands in the workers' inboxes before main, and through it they, hear
        // of this.
        atomic_store_explicit(&thread->is_drained, true, memory_order_release);
        threads_notify(thread->options.notice_fd);
    }
}

static void take_terms(struct log_thread *thread)
{
    if (atomic_load_explicit(&thread->offered_terms, memory_order_relaxed) == NULL) {
        return;
    }
    struct log_thread_terms *terms =
        atomic_exchange_explicit(&thread->offered_terms, NULL, memory_order_acquire);
    log_set_terms(thread->log, &terms->log);
    ingest_set_terms(thread->ingest, &terms->ingest);
    free(terms);
}

static bool on_round(void *context)
{
    struct log_thread *thread = context;
    if (thread->ingest == NULL) {
        return false;
    }
    take_terms(thread);
    if (!thread->is_stopping && atomic_load_explicit(&thread->should_stop, memory_order_acquire)) {
        begin_stop(thread);
    }
    bool has_more = ingest_round(thread->ingest);
    has_more |= log_round(thread->log, loop_now_ms(&thread->loop));
    has_more |= ingest_flush(thread->ingest);
    if (thread->is_stopping) {
        proceed_stop(thread);
    }
    return has_more;
}

static uint64_t wait_ns(const struct log_thread *thread)
{
    uint64_t wait_ms = log_next_ms(thread->log, loop_now_ms(&thread->loop));
    uint64_t most_ms = thread->is_stopping ? THREADS_STOPPING_ROUND_MS : UINT32_MAX;
    return (wait_ms < most_ms ? wait_ms : most_ms) * 1000 * 1000;
}

// It runs rounds of the loop, in which nothing else is done any more.
static void close_ingest(struct log_thread *thread)
{
    struct ingest *ingest = thread->ingest;
    thread->ingest = NULL;
    ingest_destroy(ingest);
}

static void *run(void *context)
{
    struct log_thread *thread = context;
    char message[LOOP_ERROR_SIZE];
    threads_name("ringcast-log");
    if (loop_start(&thread->loop, message, sizeof(message)) != 0) {
        LOG_ERROR("log", "%s", message);
        atomic_store_explicit(&thread->has_failed, true, memory_order_release);
        threads_notify(thread->options.notice_fd);
        return NULL;
    }
    loop_round(&thread->loop, 0); // in which ingest begins to accept
    while (!atomic_load_explicit(&thread->should_end, memory_order_acquire)) {
        loop_round(&thread->loop, wait_ns(thread));
    }
    // The last answers to the workers, or the log's own housekeeping, may have begun to use the
    // disk once more.
    for (int i = 0; i < LAST_ROUNDS_MAX && !log_is_drained(thread->log); i++) {
        loop_round(&thread->loop, wait_ns(thread));
    }
    close_ingest(thread);
    loop_stop(&thread->loop);
    return NULL;
}

// --- life ---

static bool open_log(struct log_thread *thread, char *message, size_t message_size)
{
    const struct options *options = thread->options.options;
    const struct log_terms terms = log_thread_terms_of(options).log;
    const struct log_options log_options = {
        .directory = thread->options.data_dir,
        .segment_bytes = options->segment_bytes,
        .tail_bytes = options->tail_bytes,
        .retention_bytes = terms.retention_bytes,
        .retention_age_ms = terms.retention_age_ms,
        .stream_idle_ms = terms.stream_idle_ms,
        .streams_max = (uint32_t)options->streams_max,
        .streams_per_owner = terms.streams_per_owner,
        .producers_max = (uint32_t)options->idempotency_max,
        .flow = terms.flow,
        .readers = thread->options.readers,
        .reader_reserve = WORKER_INBOX_RESERVE,
        .progress = thread->options.progress,
        .progress_context = thread->options.progress_context,
    };
    const struct log_callbacks callbacks = {
        .context = thread,
        .deliver = deliver,
        .wake = wake,
        .acknowledge = acknowledge,
        .room = room,
        .pressure = take_pressure,
    };
    thread->disk = disk_open(thread->options.data_dir, message, message_size);
    if (thread->disk == NULL) {
        return false;
    }
    thread->log = log_open(&log_options, thread->disk, message, message_size);
    if (thread->log == NULL) {
        return false;
    }
    log_set_callbacks(thread->log, &callbacks);
    log_start(thread->log, &thread->loop);
    return true;
}

// The socket's path must be free before the ingest module takes it.
static bool claim_socket(const char *path, char *message, size_t message_size)
{
    struct listen_unix probe;
    uint64_t until_ms = 0;
    int result = 0;
    do {
        result = listen_unix_open(&probe, path, 0600, message, message_size);
    } while (result == -EADDRINUSE && threads_wait_for_address(&until_ms));
    if (result == 0) {
        listen_unix_close(&probe);
    }
    return result == 0;
}

static bool open_ingest(struct log_thread *thread, char *message, size_t message_size)
{
    const struct options *options = thread->options.options;
    const struct ingest_terms terms = log_thread_terms_of(options).ingest;
    const struct ingest_options ingest_options = {
        .socket_path = thread->options.socket_path,
        .socket_fd = thread->options.socket_fd,
        .socket_mode = (mode_t)options->socket_mode,
        .allowed_uids = terms.allowed_uids,
        .allowed_uid_count = terms.allowed_uid_count,
        .allowed_gids = terms.allowed_gids,
        .allowed_gid_count = terms.allowed_gid_count,
        .producers_max = (uint32_t)options->producers_max,
        .events_per_second = terms.events_per_second,
        .bytes_per_second = terms.bytes_per_second,
        .event_bytes_max = (uint32_t)options->event_bytes_max,
        .wait_ms_max = terms.wait_ms_max,
        .workers = thread->options.readers,
        .pressure = thread->options.pressure,
        .reloads = thread->options.reloads,
    };
    if (ingest_options.socket_fd == 0 &&
        !claim_socket(thread->options.socket_path, message, message_size)) {
        return false;
    }
    thread->ingest = ingest_create(&thread->loop, thread->log, &ingest_options, post_to_worker,
                                   thread, message, message_size);
    return thread->ingest != NULL;
}

struct log_thread *log_thread_create(const struct log_thread_options *options, char *message,
                                     size_t message_size)
{
    ASSERT(options->readers >= 1 && options->readers <= WORKERS_MAX);
    struct log_thread *thread = aligned_alloc(_Alignof(struct log_thread), sizeof(*thread));
    if (thread == NULL) {
        (void)snprintf(message, message_size, "out of memory");
        return NULL;
    }
    memset(thread, 0, sizeof(*thread));
    thread->options = *options;
    const struct loop_config config = {
        .name = "log",
        .inbox_capacity = (uint32_t)options->options->log_inbox,
        .features_masked = options_features_masked(options->options),
        .callbacks = {.context = thread, .on_message = on_message, .on_round = on_round},
    };
    if (loop_init(&thread->loop, &config, message, message_size) != 0) {
        free(thread);
        return NULL;
    }
    if (!open_log(thread, message, message_size) || !open_ingest(thread, message, message_size)) {
        log_thread_destroy(thread);
        return NULL;
    }
    return thread;
}

struct loop *log_thread_loop(struct log_thread *thread)
{
    return &thread->loop;
}

struct log_tail *log_thread_tail(struct log_thread *thread)
{
    return log_shared_tail(thread->log);
}

void log_thread_set_readers(struct log_thread *thread, struct loop *const *loops)
{
    for (unsigned i = 0; i < thread->options.readers; i++) {
        thread->readers[i] = loops[i];
    }
}

int log_thread_start(struct log_thread *thread, char *message, size_t message_size)
{
    int error = pthread_create(&thread->thread, NULL, run, thread);
    if (error != 0) {
        (void)snprintf(message, message_size, "cannot start the log thread: %s",
                       strerrordesc_np(error));
        return -error;
    }
    thread->is_started = true;
    return 0;
}

void log_thread_set_terms(struct log_thread *thread, struct log_thread_terms *terms)
{
    free(atomic_exchange_explicit(&thread->offered_terms, terms, memory_order_acq_rel));
    loop_wake(&thread->loop, NULL);
}

void log_thread_stop(struct log_thread *thread)
{
    atomic_store_explicit(&thread->should_stop, true, memory_order_release);
    loop_wake(&thread->loop, NULL);
}

bool log_thread_is_drained(const struct log_thread *thread)
{
    return atomic_load_explicit(&thread->is_drained, memory_order_acquire);
}

bool log_thread_has_failed(const struct log_thread *thread)
{
    return atomic_load_explicit(&thread->has_failed, memory_order_acquire);
}

void log_thread_finish(struct log_thread *thread)
{
    if (!thread->is_started) {
        return;
    }
    atomic_store_explicit(&thread->should_end, true, memory_order_release);
    loop_wake(&thread->loop, NULL);
    (void)pthread_join(thread->thread, NULL);
    thread->is_started = false;
}

void log_thread_destroy(struct log_thread *thread)
{
    if (thread == NULL) {
        return;
    }
    ASSERT(!thread->is_started);
    if (thread->ingest != NULL) {
        // The thread never ran, and so its loop is still nobody's: main runs its last rounds.
        char message[LOOP_ERROR_SIZE];
        if (loop_start(&thread->loop, message, sizeof(message)) == 0) {
            close_ingest(thread);
            loop_stop(&thread->loop);
        }
        log_drain(thread->log); // nothing was taken: a clean end
    }
    if (thread->log != NULL) {
        log_close(thread->log);
    }
    loop_free(&thread->loop);
    free(atomic_load_explicit(&thread->offered_terms, memory_order_relaxed));
    if (thread->disk != NULL) {
        disk_close(thread->disk);
    }
    free(thread);
}
