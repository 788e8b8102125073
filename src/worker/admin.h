// Questions and orders from operators and producers to all workers: status, listing, closing,
// direct sends.
//
// The asker (the ingest module on the log thread) owns a request, posts its pointer to every worker
// as a log_message of kind MESSAGE_ADMIN, and gets the same pointer back once from each worker as
// MESSAGE_ADMIN_DONE in the log thread's inbox (message.reader says which worker). A worker writes
// only its own part; nothing is shared while it works.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "auth/grant.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/limits.h"
#include "conn/connection_id.h"
#include "log/message.h"

enum {
    MESSAGE_ADMIN = LOG_MESSAGE_OTHER,          // log thread -> worker
    MESSAGE_ADMIN_DONE = LOG_MESSAGE_OTHER + 1, // worker -> log thread
    MESSAGE_STOP =
        LOG_MESSAGE_OTHER + 2, // main -> worker, main -> log thread: begin the graceful end
    // What HTTP clients ask for (conn/task.h). pointer: the first task of a chain, whose last one's
    // `next` is NULL. Answers come in chains of their own, in any order, each task once.
    MESSAGE_TASKS = LOG_MESSAGE_OTHER + 3, // worker -> log thread; reader: whose tasks they are
    MESSAGE_TASKS_DONE = LOG_MESSAGE_OTHER + 4, // log thread -> worker
};

enum admin_operation {
    ADMIN_FIGURES,     // figures[worker]: its counters
    ADMIN_CONNECTIONS, // part.json: up to `limit` connection objects, comma separated
    ADMIN_CONNECTION, // part.json: all of connection_id, as one object; part.reached 1 where it was
                      // found
    ADMIN_CLOSE,      // close connection_id; part.reached 1 where it was found
    ADMIN_SEND, // send `frame` to connection_id; part.reached 1 where it was found and could take
                // it
    ADMIN_BROADCAST, // send `frame` to every connection; part.reached counts those that took it
    ADMIN_REACH,     // part.reached: connections that are subscribed to `stream`
    ADMIN_RENEW,     // connection_id goes on with `grant`; part.reached 1 where it was found, and
                     // part.error as conn_renew's (conn/grant.h)
};

// Requests under way at once, of all askers.
enum { ADMIN_REQUESTS_MAX = 128 };

struct worker_figures;

struct admin_part {
    struct buffer json; // allocated by the worker, freed by the asker
    uint64_t reached;
    enum rc_error error; // ERR_NONE but where the operation says
};

struct admin_request {
    enum admin_operation operation;
    uint32_t limit;
    uint64_t connection_id;
    struct slice stream;            // asker's memory, valid until the last answer
    struct slice frame;             // a whole SSE frame without id
    struct grant *grant;            // the asker's reference, until the last answer
    void *owner;                    // asker's own
    uint32_t pending;               // asker's own: answers still to come
    struct worker_figures *figures; // ADMIN_FIGURES: the asker's, one a worker (worker/figures.h)
    struct admin_part parts[WORKERS_MAX];
};
