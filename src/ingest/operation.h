// What is asked of the workers: one request to each of them, one answer when the last has answered.
// For the files of src/ingest alone. There are two askers, with a share each: producers
// (ingest/question.h), and the gateway for its tasks.
#ifndef RINGCAST_INGEST_OPERATION_H
#define RINGCAST_INGEST_OPERATION_H

#include "ingest/line.h"
#include "ingest/module.h"
#include "worker/admin.h"

struct task;

struct operation {
    struct list_node node; // in the module's list, while workers owe answers; else among the spare
    struct ingest *ingest;
    struct asker *asker;
    bool asks_workers;
    bool is_started;
    bool is_abandoned; // nobody wants the answer; freed with the last one
    unsigned posted;   // workers asked so far
    enum rc_error error;
    uint64_t reached;
    struct buffer bytes;        // a stream's name or prefix, or the frame
    struct admin_request admin; // its figures are the operation's

    // The gateway's: whose it is.
    struct task *task;

    // A producer's: the request that it belongs to, and what it asks.
    uint32_t producer_slot;
    uint32_t producer_generation;
    uint64_t request;
    enum line_operation asked; // LINE_PUBLISH: how many a publish reaches
    uint32_t limit;
    uint64_t after;
    struct buffer answer; // lines: the answer's members, without braces and ref
};

// True when ASKER_OPERATIONS_MAX of this one's are there: it has to wait, and is woken.
bool operation_is_full(struct asker *asker);

// NULL: no memory.
struct operation *operation_create(struct ingest *ingest, struct asker *asker);
// Of one that was not started, or that is over.
void operation_free(struct operation *operation);

// To ask how many subscribe to the stream, whose name is kept until the end.
void operation_set_stream(struct operation *operation, struct slice stream);
// To ask for the workers' figures. False: no memory.
bool operation_set_figures(struct operation *operation);
// To send an event, which goes to connections as it is, without id and stream. ERR_NONE, or what
// is wrong with it, with more in message (perhaps empty).
enum rc_error operation_set_frame(struct operation *operation, const struct event *given,
                                  char *message, size_t message_size);

// Asks the workers. The end is told by the asker's `done`, perhaps from inside this call.
void operation_start(struct operation *operation);

// Nobody waits for the end any more: frees the operation now or with the last answer.
void operation_abandon(struct operation *operation);

// MESSAGE_ADMIN_DONE.
void operation_handle_done(struct ingest *ingest, struct admin_request *admin);

// Asks those workers whose inboxes were full.
void operation_post_all(struct ingest *ingest);

// When no worker runs any more: frees all, answered or not.
void operation_end_all(struct ingest *ingest);

#endif
