// The log thread's side of tasks (conn/task.h): what workers ask for HTTP clients. For the files of
// src/ingest alone.
//
// A task is the worker's memory. It is lent from gateway_take until the chain in which it goes back
// is posted; before that all of its acknowledgements have come, since these carry its address.
//
//     giving     in the queue: has its turn, a bounded part of it in each round; in the list of the
//                waiting: events of it are taken, and there is no room for the next
//     settling   all is given, or an error stopped it: acknowledgements are to come
//     asking     the workers are asked, or there is no place for one more question
//     answered   in the chain of its worker
//
// A client is not kept waiting where nothing of its task is taken yet: at INGEST_FULL_HIGH, or
// where its stream blocks and is under pressure, it is told to come again. A task that has begun
// waits, as long as a held event would, and so does one for which the log has no room for but a
// moment.
#ifndef RINGCAST_INGEST_GATEWAY_H
#define RINGCAST_INGEST_GATEWAY_H

#include "base/limits.h"
#include "base/list.h"
#include "ingest/ingest.h"
#include "log/log.h"

#include <stdbool.h>
#include <stdint.h>

struct operation;
struct task;

// The producer in acknowledgements of what was given for tasks; the reference is the task's
// address.
#define GATEWAY_PRODUCER UINT64_MAX

enum {
    // What one round takes of all tasks, and of one in a turn; half as much as of the producers on
    // the socket. Each step counts, whatever it comes to.
    GATEWAY_ROUND_BYTES = 512 << 10,
    GATEWAY_TURN_BYTES = 64 << 10,
    GATEWAY_STEP_BYTES = 128,
    // Of one worker: each keeps one of its places for requests, which others need.
    GATEWAY_WAITING_MAX = 1024,
    // When a client is told to come again.
    GATEWAY_RETRY_S = 1,
    GATEWAY_RETRY_LATER_S = 5, // the log is broken or full of streams, or the broker ends
};

// Tasks by their `next`.
struct task_chain {
    struct task *first;
    struct task *last;
};

struct gateway {
    struct list queue;
    struct list waiting;
    struct list asking; // for a place
    uint32_t waiting_of[WORKERS_MAX];
    bool is_woken;   // those that wait are to have a turn
    bool goes_first; // before the producers on the socket, in the next round
    struct task_chain answered[WORKERS_MAX];
    uint64_t to_post; // bit per worker whose chain is not empty
    struct gateway_status status;
};

void gateway_init(struct gateway *gateway);

// MESSAGE_TASKS: a chain.
void gateway_take(struct ingest *ingest, struct task *first);
// Does a bounded part of what is to be done. True: there is more, and it may go on.
bool gateway_round(struct ingest *ingest);
// Gives back what is answered. What does not fit into an inbox is kept, and ingest->is_unposted
// set.
void gateway_post(struct ingest *ingest);

void gateway_acknowledge(struct ingest *ingest, const struct log_acknowledgement *acknowledgement);
// The asker's `done` and `wake` (module.h).
void gateway_operation_done(struct operation *operation);
void gateway_ask_waiting(struct ingest *ingest);
// There may be room, or the end has begun: those that wait have their turn.
void gateway_wake(struct ingest *ingest);
// Lets those that wait look at the clock. True: there are any.
bool gateway_sweep(struct ingest *ingest);

// Whether it has something to do at once.
bool gateway_has_more(const struct gateway *gateway);
// Whether it has no task, and all answers are posted.
bool gateway_is_idle(const struct gateway *gateway);
void gateway_get_status(const struct gateway *gateway, struct gateway_status *status);

#endif
