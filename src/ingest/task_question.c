#include "ingest/task_question.h"

#include "conn/task.h"
#include "ingest/metrics.h"
#include "ingest/operation.h"
#include "ingest/question.h"

bool task_question_is_needed(const struct task *task)
{
    switch (task->kind) {
    case TASK_SEND:
    case TASK_BROADCAST:
    case TASK_RENEW:
    case TASK_METRICS:
    case TASK_STATS: return true;
    case TASK_PUBLISH:
    case TASK_INFO: return task->wants_reach;
    default: return false;
    }
}

enum rc_error task_question_prepare(struct operation *operation, struct task *task)
{
    operation->task = task;
    operation->asks_workers = true;
    operation->admin.connection_id = task->connection_id;
    switch (task->kind) {
    case TASK_SEND:
        operation->admin.operation = ADMIN_SEND;
        return operation_set_frame(operation, task->events, task->detail, sizeof(task->detail));
    case TASK_BROADCAST:
        operation->admin.operation = ADMIN_BROADCAST;
        return operation_set_frame(operation, task->events, task->detail, sizeof(task->detail));
    case TASK_RENEW:
        operation->admin.operation = ADMIN_RENEW;
        operation->admin.grant = task->grant;
        return ERR_NONE;
    case TASK_METRICS:
    case TASK_STATS: return operation_set_figures(operation) ? ERR_NONE : ERR_OVERLOADED;
    default: operation_set_stream(operation, task->stream); return ERR_NONE;
    }
}

static void write_metrics(const struct operation *operation, struct buffer *out)
{
    const struct ingest *ingest = operation->ingest;
    struct broker_figures figures;
    broker_figures_take(&figures, ingest);
    metrics_write(out, &figures, operation->admin.figures, ingest->options.workers);
}

static void write_stats(const struct operation *operation, struct buffer *out)
{
    struct json_writer writer = json_writer_on(out);
    json_write_object_open(&writer);
    report_status(&writer, operation);
    json_write_object_close(&writer);
}

void task_question_take_figures(struct operation *operation, struct task *task)
{
    switch (task->kind) {
    case TASK_METRICS: write_metrics(operation, &task->json); break;
    case TASK_STATS: write_stats(operation, &task->json); break;
    default: return;
    }
    if (buffer_failure(&task->json) != 0 && task->error == ERR_NONE) {
        task->error = ERR_OVERLOADED; // no memory
    }
}
