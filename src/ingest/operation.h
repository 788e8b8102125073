// What producers and operators ask of the workers: one request to each of them, one answer when the
// last has answered. For the files of src/ingest alone.
#ifndef RINGCAST_INGEST_OPERATION_H
#define RINGCAST_INGEST_OPERATION_H

#include "ingest/producer.h"
#include "worker/admin.h"

struct operation {
    struct list_node node; // in the module's list, while workers owe answers
    struct ingest *ingest;
    // Whose request it belongs to.
    uint32_t producer_slot;
    uint32_t producer_generation;
    uint64_t request;
    enum line_operation asked; // LINE_PUBLISH: how many a publish reaches
    bool asks_workers;
    bool is_started;
    bool is_abandoned; // the request is gone; freed with the last answer
    unsigned posted;   // workers asked so far
    enum rc_error error;
    uint32_t limit;
    uint64_t reached;
    struct buffer bytes;  // a stream's name or prefix, or the frame
    struct buffer answer; // lines: the answer's members, without braces and ref
    struct admin_request admin;
};

// True when INGEST_OPERATIONS_MAX are there: the request has to wait, and is woken.
bool operation_is_full(struct ingest *ingest);

// For the request `counter` of this producer: it becomes the request's, and is freed with it. NULL:
// no memory.
struct operation *operation_create(struct producer *producer, uint64_t counter,
                                   enum line_operation asked);
// Of one that was not started, or that is over.
void operation_free(struct operation *operation);

// Takes what the line says (copied). ERR_NONE, or what is wrong with it, with more in message
// (perhaps empty).
enum rc_error operation_prepare(struct operation *operation, const struct line_request *line,
                                char *message, size_t message_size);
// To ask how many subscribe to a stream. False: no memory.
bool operation_set_stream(struct operation *operation, struct slice stream);

// Asks the workers. The end is told by producer_operation_done, perhaps from inside this call.
void operation_start(struct operation *operation);

// The request is gone before the end: frees the operation now or with the last answer.
void operation_abandon(struct operation *operation);

// MESSAGE_ADMIN_DONE.
void operation_handle_done(struct ingest *ingest, struct admin_request *admin);

// Asks those workers whose inboxes were full.
void operation_post_all(struct ingest *ingest);

// The answer's members when all parts are there (report.c).
void operation_write_answer(struct operation *operation);

#endif
