#include "ingest/operation.h"

#include "base/assert.h"
#include "event/frame.h"
#include "worker/figures.h"

#include <stdlib.h>

enum {
    OPERATION_BYTES_MAX = FRAME_BYTES_MAX + NAME_BYTES_MAX,
};

bool operation_is_full(struct asker *asker)
{
    bool is_full = asker->operations >= ASKER_OPERATIONS_MAX;
    asker->is_waiting = asker->is_waiting || is_full;
    return is_full;
}

struct operation *operation_create(struct ingest *ingest, struct asker *asker)
{
    struct list_node *spare = list_pop_front(&ingest->spare_operations);
    struct operation *operation =
        spare == NULL ? malloc(sizeof *operation) : LIST_ENTRY(spare, struct operation, node);
    if (operation == NULL) {
        return NULL;
    }
    memset(operation, 0, sizeof *operation);
    operation->ingest = ingest;
    operation->asker = asker;
    operation->admin.owner = operation;
    buffer_init(&operation->bytes, OPERATION_BYTES_MAX);
    asker->operations++;
    return operation;
}

void operation_free(struct operation *operation)
{
    struct ingest *ingest = operation->ingest;
    struct asker *asker = operation->asker;
    ASSERT(operation->admin.pending == 0);
    for (unsigned worker = 0; worker < ingest->options.workers; worker++) {
        buffer_free(&operation->admin.parts[worker].json);
    }
    free(operation->admin.figures);
    buffer_free(&operation->bytes);
    buffer_free(&operation->answer);
    list_push_front(&ingest->spare_operations, &operation->node);
    ASSERT(asker->operations > 0);
    asker->operations--;
    if (asker->is_waiting) {
        asker->is_waiting = false;
        asker->wake(ingest);
    }
}

// ---- what is asked -----------------------------------------------------------------------------

void operation_set_stream(struct operation *operation, struct slice stream)
{
    operation->asks_workers = true;
    operation->admin.operation = ADMIN_REACH;
    operation->admin.stream = stream;
}

bool operation_set_figures(struct operation *operation)
{
    operation->asks_workers = true;
    operation->admin.operation = ADMIN_FIGURES;
    operation->admin.figures =
        calloc(operation->ingest->options.workers, sizeof(*operation->admin.figures));
    return operation->admin.figures != NULL;
}

enum rc_error operation_set_frame(struct operation *operation, const struct event *given,
                                  char *message, size_t message_size)
{
    struct event event = *given;
    event.stream = (struct slice)SLICE_LITERAL("direct");
    event.ephemeral = true;
    enum rc_error error = event_validate(&event, message, message_size);
    if (error != ERR_NONE) {
        return error;
    }
    enum frame_form form = frame_form_of(&event);
    uint8_t *frame = buffer_reserve(&operation->bytes, frame_size_max(&event, form));
    if (frame == NULL) {
        return ERR_INTERNAL;
    }
    buffer_commit(&operation->bytes, frame_write(frame, &event, form, 0));
    operation->admin.frame = buffer_slice(&operation->bytes);
    return ERR_NONE;
}

// ---- asking ------------------------------------------------------------------------------------

static bool is_to_one(const struct operation *operation)
{
    switch (operation->admin.operation) {
    case ADMIN_CONNECTION:
    case ADMIN_CLOSE:
    case ADMIN_SEND:
    case ADMIN_RENEW: return true;
    default: return false;
    }
}

static void operation_finish(struct operation *operation)
{
    for (unsigned worker = 0; worker < operation->ingest->options.workers; worker++) {
        const struct admin_part *part = &operation->admin.parts[worker];
        operation->reached += part->reached;
        operation->error = part->error != ERR_NONE ? part->error : operation->error;
    }
    if (operation->asks_workers && is_to_one(operation) && operation->reached == 0) {
        operation->error = ERR_CONNECTION_NOT_FOUND;
    }
    operation->asker->done(operation);
}

// Asks workers until all are asked or an inbox is full.
static void operation_post(struct operation *operation)
{
    struct ingest *ingest = operation->ingest;
    while (operation->posted < ingest->options.workers) {
        struct log_message message = {
            .kind = MESSAGE_ADMIN, .reader = operation->posted, .pointer = &operation->admin};
        if (!ingest->post(ingest->post_context, operation->posted, &message)) {
            ingest->is_unposted = true;
            ingest_watch(ingest);
            return;
        }
        operation->posted++;
    }
}

void operation_start(struct operation *operation)
{
    struct ingest *ingest = operation->ingest;
    ASSERT(!operation->is_started);
    operation->is_started = true;
    operation->admin.pending = operation->asks_workers ? ingest->options.workers : 0;
    if (operation->admin.pending == 0) {
        operation_finish(operation);
        return;
    }
    list_push_back(&ingest->operations, &operation->node);
    operation_post(operation);
}

void operation_abandon(struct operation *operation)
{
    if (operation->admin.pending > 0) {
        operation->is_abandoned = true;
    } else {
        operation_free(operation);
    }
}

void operation_handle_done(struct ingest *ingest, struct admin_request *admin)
{
    struct operation *operation = admin->owner;
    ASSERT(operation->ingest == ingest && admin->pending > 0);
    admin->pending--;
    if (admin->pending > 0) {
        return;
    }
    list_remove(&operation->node);
    if (operation->is_abandoned) {
        operation_free(operation);
    } else {
        operation_finish(operation);
    }
}

void operation_post_all(struct ingest *ingest)
{
    LIST_EACH (node, &ingest->operations) {
        operation_post(LIST_ENTRY(node, struct operation, node));
    }
}

void operation_end_all(struct ingest *ingest)
{
    LIST_EACH_SAFE (node, &ingest->operations) {
        struct operation *operation = LIST_ENTRY(node, struct operation, node);
        list_remove(node);
        operation->admin.pending = 0;
        operation_free(operation);
    }
    LIST_EACH_SAFE (node, &ingest->spare_operations) {
        free(LIST_ENTRY(node, struct operation, node));
    }
    list_init(&ingest->spare_operations);
}
