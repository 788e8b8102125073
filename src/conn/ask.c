// Tasks for the log thread: what a round asked goes out as one chain, which the worker posts, and
// comes back in chains.
#include "base/assert.h"
#include "conn/shard.h"

static struct context *context_of(struct task *task)
{
    return (struct context *)(void *)((char *)task - offsetof(struct context, task));
}

void ask_begin(struct shard *shard, struct conn *conn, struct context *context)
{
    ASSERT(conn->state == CONN_REQUEST && !context->is_asking);
    conn_set_state(shard, conn,
                   CONN_ASKING); // without a time limit: the log thread bounds what it waits for
    context->is_asking = true;
    shard->asking_count++;
    shard_note_less(shard);
    context->task.worker = shard->options.worker;
    context->task.next = NULL;
    *shard->tasks_end = &context->task;
    shard->tasks_end = &context->task.next;
}

void ask_answered(struct shard *shard, struct task *chain)
{
    list_push_back(&shard->answered, &chain->node);
}

static void answer(struct shard *shard, struct context *context)
{
    ASSERT(context->is_asking);
    context->is_asking = false;
    shard->asking_count--;
    if (context->conn == CONN_NONE) {
        request_free(shard, context);
        return;
    }
    struct conn *conn = conn_at(shard, context->conn);
    ASSERT(conn->state == CONN_ASKING && conn_context(shard, conn) == context);
    conn_set_state(shard, conn, CONN_REQUEST);
    task_answered(shard, conn, context);
}

void ask_go_on(struct shard *shard)
{
    struct list_node *node;
    while (shard->request_share_left > 0 && (node = list_pop_front(&shard->answered)) != NULL) {
        struct task *task = LIST_ENTRY(node, struct task, node);
        if (task->next != NULL) {
            list_push_front(&shard->answered, &task->next->node);
        }
        shard->request_share_left--;
        answer(shard, context_of(task));
    }
}
