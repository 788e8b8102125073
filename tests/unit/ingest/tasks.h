// What the tests of tasks share: a task's memory is freed as soon as it is back, as a worker may.
// On the clock of unit/ingest/holding.h.
#ifndef TESTS_UNIT_INGEST_TASKS_H
#define TESTS_UNIT_INGEST_TASKS_H

#include "conn/task.h"
#include "ingest/gateway.h"
#include "unit/ingest/holding.h"

enum { TASKS_EVENTS_MAX = 20000, TASKS_ANSWERS_MAX = 20000 };

extern struct event tasks_events[TASKS_EVENTS_MAX];
// Copies, in the order in which they came.
extern struct task tasks_answers[TASKS_ANSWERS_MAX];
extern int tasks_answer_count;
extern int tasks_looked_count; // of rig.chains

// The event at this place.
struct event *tasks_event(int index, const char *stream, const char *data);
// What the log thread sets itself is garbage in it.
struct task *tasks_make(enum task_kind kind, unsigned worker, const char *stream);
// Of the events from `first` on, which it writes.
struct task *tasks_make_publish(unsigned worker, const char *stream, int first, int count);

void tasks_give(struct task *chain);
// Takes the chains that are back.
void tasks_collect(void);
void tasks_settle(void);
void tasks_pass(uint64_t for_ms);
// The only answer that came.
const struct task *tasks_expect_one(void);
// Gives it and returns its answer.
const struct task *tasks_run(struct task *task);
void tasks_expect_nothing(void);
struct gateway_status tasks_status(void);

#endif
