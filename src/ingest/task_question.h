// What a task asks of the workers, and what is made of their answers. For the files of src/ingest
// alone.
#ifndef RINGCAST_INGEST_TASK_QUESTION_H
#define RINGCAST_INGEST_TASK_QUESTION_H

#include "base/error.h"

#include <stdbool.h>

struct operation;
struct task;

// Whether it asks them at all.
bool task_question_is_needed(const struct task *task);
// The operation asks what the task wants. ERR_NONE, or what is wrong, with more in task->detail.
enum rc_error task_question_prepare(struct operation *operation, struct task *task);
// Of one that wants figures: they are there, and are written.
void task_question_take_figures(struct operation *operation, struct task *task);

#endif
