#include "unit/ingest/tasks.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct event tasks_events[TASKS_EVENTS_MAX];
struct task tasks_answers[TASKS_ANSWERS_MAX]; // copies, in the order in which they came
int tasks_answer_count;
int tasks_looked_count;

struct event *tasks_event(int index, const char *stream, const char *data)
{
    tasks_events[index] = (struct event){
        .stream = slice_of(stream), .data = slice_of(data), .priority = PRIORITY_NORMAL};
    return &tasks_events[index];
}

struct task *tasks_make(enum task_kind kind, unsigned worker, const char *stream)
{
    struct task *task = malloc(sizeof *task);
    memset(task, 0xa5, sizeof *task); // the log thread's members are its own to set
    task->next = NULL;
    task->kind = kind;
    task->worker = worker;
    task->events = NULL;
    task->event_count = 0;
    task->level = ACK_WRITTEN;
    task->life = STREAM_OPEN;
    task->wants_reach = false;
    task->stream = slice_of(stream);
    task->grant = NULL;
    return task;
}

struct task *tasks_make_publish(unsigned worker, const char *stream, int first, int count)
{
    struct task *task = tasks_make(TASK_PUBLISH, worker, stream);
    for (int i = 0; i < count; i++) {
        tasks_event(first + i, stream, "data");
    }
    task->events = &tasks_events[first];
    task->event_count = (uint32_t)count;
    return task;
}

void tasks_give(struct task *chain)
{
    struct log_message message = {.kind = MESSAGE_TASKS, .reader = chain->worker, .pointer = chain};
    ingest_handle_message(rig.ingest, &message);
}

void tasks_collect(void)
{
    for (; tasks_looked_count < rig.chain_count; tasks_looked_count++) {
        struct task *next;
        for (struct task *task = rig.chains[tasks_looked_count]; task != NULL; task = next) {
            next = task->next;
            cr_assert_eq(task->worker, rig.chain_workers[tasks_looked_count]);
            cr_assert_eq(task->pending, 0);
            cr_assert_lt(tasks_answer_count, TASKS_ANSWERS_MAX);
            tasks_answers[tasks_answer_count++] = *task;
            free(task);
        }
    }
}

void tasks_settle(void)
{
    for (int i = 0; i < 10; i++) {
        rig_settle();
        tasks_collect();
    }
}

void tasks_pass(uint64_t for_ms)
{
    holding_pass(for_ms);
    tasks_settle();
}

// The only answer that came.
const struct task *tasks_run(struct task *task)
{
    int before = tasks_answer_count;
    tasks_give(task);
    tasks_settle();
    cr_assert_eq(tasks_answer_count, before + 1);
    return &tasks_answers[before];
}

void tasks_expect_nothing(void)
{
    int before = tasks_answer_count;
    tasks_settle();
    cr_assert_eq(tasks_answer_count, before);
}

const struct task *tasks_expect_one(void)
{
    int before = tasks_answer_count;
    tasks_settle();
    cr_assert_eq(tasks_answer_count, before + 1);
    return &tasks_answers[before];
}

struct gateway_status tasks_status(void)
{
    return holding_status().gateway;
}
