// layer: app
// timeout: 120
//
// The log's thread and two threads that stand for workers: these post chains of tasks of all kinds,
// as many as they like, and free each one as soon as it is back, so that whatever the log's thread
// does with it afterwards is seen. At the end, tasks are under way while the log's thread is told
// to stop.
#include "app/log_thread.h"
#include "base/assert.h"
#include "base/json.h"
#include "base/prng.h"
#include "conn/task.h"
#include "io/listen.h"
#include "worker/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    ASKERS = 2,
    TASKS = 20 * 1000, // of each asker, before the end
    UNDER_WAY_MAX = 300,
    CHAIN_MAX = 50,
    EVENTS_MAX = 5,
    STREAMS = 4,
    TASK_JSON_BYTES = 64 << 10,
    UNANSWERED_MAX = ADMIN_REQUESTS_MAX,
    ROUND_NS = 1000 * 1000,
};

static const char *const names[STREAMS] = {"a", "b", "c", "d"};

struct asked {
    struct task task;
    struct event events[EVENTS_MAX];
};

struct asker {
    struct loop loop;
    unsigned number;
    struct prng prng;
    struct task *chain; // that the log's inbox did not take yet
    uint32_t under_way;
    uint32_t answered;
    uint32_t turned_away; // since the end began
    uint32_t accepted;    // events
    struct log_message unanswered[UNANSWERED_MAX];
    uint32_t unanswered_count;
};

static struct log_thread *log_thread;
static struct asker *askers[ASKERS];
static atomic_uint done_count;
static atomic_bool over;

// --- what is asked ---

static struct task *make(struct asker *asker)
{
    struct asked *asked = calloc(1, sizeof(*asked));
    ASSERT(asked != NULL);
    struct task *task = &asked->task;
    struct prng *prng = &asker->prng;
    uint64_t kind = prng_below(prng, 32);
    task->kind = kind < 8 ? (enum task_kind)kind : TASK_PUBLISH;
    if (task->kind == TASK_RENEW) { // of a connection that is not there
        task->kind = TASK_SEND;
    }
    task->worker = asker->number;
    task->stream = slice_of(names[prng_below(prng, STREAMS)]);
    task->level = (enum ack_level)prng_below(prng, 3);
    task->life = STREAM_OPEN;
    task->wants_reach = prng_below(prng, 16) == 0;
    task->limit = 3;
    buffer_init(&task->json, TASK_JSON_BYTES);
    if (task->kind == TASK_END || prng_below(prng, 64) == 0) {
        // What is deleted may be made anew: the streams are open for most of the time.
        task->life = prng_below(prng, 16) == 0 ? STREAM_CLOSED : STREAM_DELETED;
    }
    task->event_count = 1 + (uint32_t)prng_below(prng, EVENTS_MAX);
    task->events = asked->events;
    for (uint32_t i = 0; i < task->event_count; i++) {
        asked->events[i] = (struct event){.stream = task->stream,
                                          .data = slice_of("data"),
                                          .priority = PRIORITY_NORMAL,
                                          .ephemeral = prng_below(prng, 16) == 0};
    }
    return task;
}

static void ask(struct asker *asker)
{
    uint32_t more = (uint32_t)prng_below(&asker->prng, CHAIN_MAX);
    for (; more > 0 && asker->under_way < UNDER_WAY_MAX; more--) {
        struct task *task = make(asker);
        task->next = asker->chain;
        asker->chain = task;
        asker->under_way++;
    }
    struct log_message message = {
        .kind = MESSAGE_TASKS, .reader = asker->number, .pointer = asker->chain};
    if (asker->chain != NULL && loop_post(log_thread_loop(log_thread), &asker->loop, &message, 0)) {
        asker->chain = NULL;
    }
}

// --- what comes back ---

static void check(const struct task *task)
{
    if (task->error == ERR_NONE && task->kind == TASK_PUBLISH) {
        ASSERT(task->accepted == task->event_count && task->duplicates == 0);
    }
    if (task->error == ERR_NONE && (task->kind == TASK_INFO || task->kind == TASK_LIST)) {
        ASSERT(json_validate(buffer_slice(&task->json), NULL) == JSON_OK);
    }
    ASSERT(task->accepted <= task->taken && task->taken <= task->event_count);
}

static void take_back(struct asker *asker, struct task *first)
{
    struct task *next;
    for (struct task *task = first; task != NULL; task = next) {
        next = task->next;
        ASSERT(task->worker == asker->number && asker->under_way > 0);
        check(task);
        asker->accepted += task->accepted;
        asker->turned_away += task->error == ERR_SHUTTING_DOWN;
        buffer_free(&task->json);
        free(task);
        asker->under_way--;
        asker->answered++;
    }
}

static void on_message(void *context, const void *bytes)
{
    struct asker *asker = context;
    const struct log_message *message = bytes;
    if (message->kind == MESSAGE_TASKS_DONE) {
        take_back(asker, message->pointer);
    } else if (message->kind == MESSAGE_ADMIN) {
        ASSERT(asker->unanswered_count < UNANSWERED_MAX);
        asker->unanswered[asker->unanswered_count++] = *message;
    }
}

static void answer_admin(struct asker *asker)
{
    uint32_t count = asker->unanswered_count;
    asker->unanswered_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct log_message message = asker->unanswered[i];
        struct admin_request *admin = message.pointer;
        admin->parts[asker->number].reached = 1;
        message.kind = MESSAGE_ADMIN_DONE;
        message.reader = asker->number;
        if (!loop_post(log_thread_loop(log_thread), &asker->loop, &message, 0)) {
            asker->unanswered[asker->unanswered_count++] = asker->unanswered[i];
        }
    }
}

static void *run(void *argument)
{
    struct asker *asker = argument;
    char message[LOOP_ERROR_SIZE];
    bool has_told = false;
    log_tail_leave(log_thread_tail(log_thread), asker->number); // nothing is read here
    ASSERT(loop_start(&asker->loop, message, sizeof(message)) == 0);
    while (!atomic_load(&over) || asker->under_way > 0) {
        if (!atomic_load(&over)) {
            ask(asker);
        }
        answer_admin(asker);
        loop_round(&asker->loop, ROUND_NS);
        if (!has_told && asker->answered >= TASKS) {
            has_told = true;
            atomic_fetch_add(&done_count, 1);
        }
    }
    loop_stop(&asker->loop);
    return NULL;
}

// --- life ---

static struct asker *begin(unsigned number)
{
    struct asker *asker = aligned_alloc(_Alignof(struct asker), sizeof(*asker));
    ASSERT(asker != NULL);
    memset(asker, 0, sizeof(*asker));
    asker->number = number;
    prng_seed(&asker->prng, 1 + number);
    char message[LOOP_ERROR_SIZE];
    const struct loop_config config = {.inbox_capacity = 2 * SHARD_REQUESTS_MAX,
                                       .callbacks = {.context = asker, .on_message = on_message}};
    ASSERT(loop_init(&asker->loop, &config, message, sizeof(message)) == 0);
    return asker;
}

int main(int argc, char **argv)
{
    (void)argc;
    struct options options;
    char *arguments[] = {argv[0], (char *)"--log-inbox", (char *)"16", NULL};
    int status = 0;
    ASSERT(settings_read(&options_table, &options, 3, arguments, &status) == 0);
    const char *directory = getenv("RC_TMP") != NULL ? getenv("RC_TMP") : "/tmp";
    char socket_path[128];
    char message[LISTEN_ERROR_SIZE];
    (void)snprintf(socket_path, sizeof(socket_path), "%.100s/socket", directory);
    const struct log_thread_options log_options = {.options = &options,
                                                   .socket_path = socket_path,
                                                   .data_dir = directory,
                                                   .readers = ASKERS,
                                                   .notice_fd = eventfd(0, EFD_CLOEXEC)};
    log_thread = log_thread_create(&log_options, message, sizeof(message));
    ASSERT(log_thread != NULL);
    struct loop *loops[ASKERS];
    for (unsigned i = 0; i < ASKERS; i++) {
        askers[i] = begin(i);
        loops[i] = &askers[i]->loop;
    }
    log_thread_set_readers(log_thread, loops);
    ASSERT(log_thread_start(log_thread, message, sizeof(message)) == 0);
    pthread_t threads[ASKERS];
    for (unsigned i = 0; i < ASKERS; i++) {
        ASSERT(pthread_create(&threads[i], NULL, run, askers[i]) == 0);
    }
    while (atomic_load(&done_count) < ASKERS) {
        (void)usleep(1000);
    }
    log_thread_stop(log_thread);
    while (!log_thread_is_drained(log_thread)) {
        (void)usleep(1000);
    }
    (void)usleep(50 * 1000); // still they ask
    atomic_store(&over, true);
    uint32_t turned_away = 0;
    uint32_t accepted = 0;
    for (unsigned i = 0; i < ASKERS; i++) {
        ASSERT(pthread_join(threads[i], NULL) == 0);
        turned_away += askers[i]->turned_away;
        accepted += askers[i]->accepted;
    }
    ASSERT(turned_away > 0 && accepted > TASKS);
    log_thread_finish(log_thread);
    log_thread_destroy(log_thread);
    for (unsigned i = 0; i < ASKERS; i++) {
        loop_free(&askers[i]->loop);
        free(askers[i]);
    }
    (void)close(log_options.notice_fd);
    return 0;
}
